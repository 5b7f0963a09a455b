"""The page of a study: every fact without a script, nothing from data as markup, and what a browser does with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from parity.compare.verdict import MEANINGS
from parity.report.document import SCHEMA_FILE
from parity.report.study_html import study_html
from tests.parity.chromium import CHROMIUM, Chromium
from tests.parity.defaults_page import HOSTILE, Page, Plain, small_document
from tests.parity.study_page import big_study, hostile_study, lockstep_beside, small_study, solvers_beside

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"Sha256 of uPlot 1.6.32 as its authors published it."

FIRST = "#pair=r-stats~py-sklearn~leekasso-lm"
OPEN = "document.querySelector('dialog').open"
COUNT = "document.getElementById('count').textContent"


def with_all_rungs() -> list[Plain]:
    return [lockstep_beside(), small_study(), solvers_beside(), small_document()]


def read(page: str) -> str:
    """All text of a page, as a browser without JavaScript shows it."""
    return " ".join(Page(page).text.split())


def test_the_documents_of_these_tests_are_some_of_the_schema() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.validate(small_study(), schema)
    jsonschema.validate(hostile_study(small_study()), schema)
    jsonschema.validate(big_study(3, 2, 2, 2), schema)


def test_the_head_says_what_was_compared_on_which_data_and_how_it_ended() -> None:
    text = read(study_html([small_study()], "28 November 2026"))
    facts = [
        "leek2017: 4 engines, 3 methods",
        "Of 6 pairs of engines under 2 methods: 1 identical, 1 equivalent, 1 different: unexplained, 1 inconclusive, "
        "1 not run, 1 error.",
        "mnist01: 14,780 rows of 784 features; class 0 is zero, class 1 is one",
        "20 draws at each of n = 10, 20, 40",
        "scored on 2,956 rows",
        "parity 0.1.0, Python 3.11.7, R 4.2.2, scikit-learn 1.9.1",
        "page made 28 November 2026",
        "Nothing to compare under mlp-leek",
    ]
    assert [fact for fact in facts if fact not in text] == []


def test_every_fact_of_a_pair_stands_in_the_page_without_javascript() -> None:
    page = study_html([small_study()])
    text = read(page)
    facts = [
        "≠! different: unexplained Beyond the margin at 1 of 3 sizes, first at n = 10: 0.800 and 0.851",
        "at a margin of 0.0042 or more; 0.01 was stated",
        "In 60 of 60 pairs of fits all probabilities and labels are the same",
        "parity curves r-stats py-sklearn --method leekasso-lm --study leek2017",
        "10 20 0.8000 0.8512 +0.0512 +0.0492 to +0.0532 <0.001 (0.001) <0.001 (<0.001) ≠! different: unexplained",
        "20 20 3 missing 0.9000 0.9040 +0.0040 +0.0020 to +0.0060 *<0.001 (0.001) *0.900 (1.000) ? inconclusive "
        "1,450 draws settle it",
        "* sign flips: the differences take few values",
        "10 0.8000 0.8512 +0.0512 +0.0492 to +0.0532 0.8000 0.8512 +0.0512 +0.0492 to +0.0532 – – – 17 1,234",
        "10 0.8000 / 0.8512, +0.0512 0.8000 / 0.8512, +0.0512 –",
        "from n = 10",
        "r-h2o: needs Java 8, not installed",
        "leekasso-glm py-sklearn 0.8000 0.9200 0.9500",
        "always the class that is more frequent",
    ]
    assert [fact for fact in facts if fact not in text] == []
    assert [meaning for meaning in MEANINGS.values() if meaning not in text] == []
    # What only a script shows is hidden where none runs; no fact is.
    hidden = re.findall(r"<(\w+)[^>]* hidden[ >]", page)
    assert set(hidden) <= {"button", "form", "p", "div"}


def test_what_has_no_fit_is_told_with_its_reason_and_counted() -> None:
    text = read(study_html([small_study()]))
    facts = [
        "r-h2o r-h2o: needs Java 8, not installed apt-get install openjdk-17-jre",
        "py-statsmodels leekasso-glm 2 raised PerfectSeparationError: all fitted",
        "n = 10: draws 7, 9 held one only",
        "py-sklearn leekasso-lm 1 batch_loop",
    ]
    assert [fact for fact in facts if fact not in text] == []


def test_published_curves_and_claims_are_told_where_the_document_has_them() -> None:
    text = read(study_html([small_study()]))
    assert "published leekasso mean accuracy by size ≤ within tolerance 0.9100 0.9300 0.0162 0.025" in text
    assert "Networks are near perfect partly 0.9712 0.9612 to 0.9812 At n = 10 the network" in text
    without = read(study_html([{**small_study(), "claims": [], "comparisons": []}]))
    assert "Published claims" not in without and "published figure" not in without


def test_other_rungs_stand_beside_the_curves_of_the_same_pair() -> None:
    page = study_html(with_all_rungs())
    text = read(page)
    facts = [
        "curves: Do the accuracy curves agree?",
        "lockstep: From equal weights",
        "They first part at update 3, weights 1 : r-keras3 moves further",
        "r-keras3 0.5, py-sklearn 0.25, reference 0.25",
        "first parts at coefficients (rank-deficient-least-squares)",
        "3 of 11 are NA on the right",
        "newton-cg: it takes no such penalty",
        "3 differences",
        "MLPClassifier: rate",
        "py-sklearn cannot express dropout: it has none",
    ]
    assert [fact for fact in facts if fact not in text] == []
    # The card names the pair the other way round: one evidence has both.
    card = text.index("first parts at coefficients")
    assert text.rindex("r-stats ~ py-sklearn", 0, card) > text.rindex("leekasso-lm, leek2017", 0, card) - 200
    assert len(re.findall(r"<article ", page)) == 8


def test_a_pair_stands_on_both_sides_of_the_matrix_and_leads_to_its_evidence() -> None:
    page = study_html([small_study()])
    ids = set(re.findall(r'<article id="([^"]*)"', page))
    links = re.findall(r'<a class="verdict [^"]*" href="#([^"]*)"', page)
    assert Counter(links) == {each: 2 for each in ids}


def test_hostile_names_add_no_element_and_no_attribute_and_are_shown() -> None:
    documents = [small_study(), solvers_beside(), lockstep_beside()]
    plain, page = (Page(study_html(each)) for each in (documents, [hostile_study(d) for d in documents]))
    assert set(page.tags) <= set(plain.tags) and page.text.count(HOSTILE) > 100
    # The style and the script that run are the same; what the data bring is data, in a block that ends where it should.
    assert page.code["style"] == plain.code["style"]
    assert [tag for tag, _ in page.tags].count("script") == 2


def test_the_page_asks_for_nothing_and_runs_nothing_else() -> None:
    source = study_html(with_all_rungs())
    page = Page(source)
    addresses = [
        v for n, v in page.attributes if n in ("src", "href", "srcset", "action") and not v.startswith("#pair=")
    ]
    assert addresses == ["data:,"]
    policy = next(v for n, v in page.attributes if n == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for kind in ("script", "style"):
        (code,) = re.findall(f"<{kind}>(.*?)</{kind}>", source, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_drawing_library_is_the_one_that_its_authors_published() -> None:
    folder = SCHEMA_FILE.parent / "uplot"
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in UPLOT} == UPLOT


def test_text_that_no_file_can_hold_does_not_stop_the_page() -> None:
    document = small_study()
    document["pairs"][4]["reason"] = "half a \ud83d, a \x00 and a \x1b[31m"
    assert "half a \ufffd, a \ufffd and a \ufffd[31m" in study_html([document])


def test_a_study_of_one_engine_is_a_page_that_says_so() -> None:
    alone = {**small_study(), "pairs": [], "curves": [], "cells": [], "not_run": [], "claims": []}
    text = read(study_html([alone]))
    assert "No two engines were compared" in text and "There is nothing to compare." in text


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Chromium, tmp_path: Path) -> Iterator[Chromium]:
    """Chromium at the page of all rungs, under its policy. Whatever a test does, the console stays empty."""
    page = tmp_path / "report.html"
    page.write_text(study_html(with_all_rungs()))
    chromium.screen(1300, 1000)
    chromium.prefer("light")
    chromium.said.clear()
    chromium.asked.clear()
    chromium.open(page)
    yield chromium
    assert chromium.said == []
    assert {address.split("#")[0] for address in chromium.asked} <= {f"file://{page}", "about:blank", "data:,"}


def reload(browser: Chromium, tmp_path: Path, address: str) -> None:
    browser.open(tmp_path / "report.html", address)


@needs_chromium
def test_a_click_opens_the_evidence_with_its_curves_and_escape_closes_it(browser: Chromium) -> None:
    browser.click(".matrix a")
    assert browser.run(OPEN) and browser.run("location.hash") == FIRST
    assert browser.run("document.querySelector('dialog h3').textContent") == "r-stats ~ py-sklearn"
    assert browser.run("document.querySelectorAll('dialog .uplot canvas').length") == 2
    browser.key("Escape")
    assert not browser.run(OPEN) and browser.run("location.hash") == ""
    assert browser.run("document.activeElement.getAttribute('href')") == FIRST
    assert browser.run("document.querySelectorAll('#pairs article').length") == 8


@needs_chromium
def test_a_permalink_opens_its_pair_and_back_and_forward_restore_it(browser: Chromium, tmp_path: Path) -> None:
    reload(browser, tmp_path, "#pair=r-stats~py-statsmodels~leekasso-lm&method=leekasso-lm")
    heading = "document.querySelector('dialog h3')?.textContent"
    assert (
        browser.run(heading) == "r-stats ~ py-statsmodels"
        and browser.run("form = filters.method.value") == "leekasso-lm"
    )
    browser.key("Escape")
    browser.click("#pairs .pair:nth-of-type(3) summary")
    assert browser.run(heading) == "py-sklearn ~ py-statsmodels"
    browser.run("history.back()")
    browser.until(f"!{OPEN}")
    browser.run("history.back()")
    browser.until(OPEN)
    assert browser.run(heading) == "r-stats ~ py-statsmodels"
    browser.run("history.go(2)")
    browser.until(f"{heading} === 'py-sklearn ~ py-statsmodels'")


@needs_chromium
def test_an_address_of_no_pair_is_said_to_be_so(browser: Chromium, tmp_path: Path) -> None:
    reload(browser, tmp_path, "#pair=a~b~c")
    assert not browser.run(OPEN) and "not in this report" in browser.run(COUNT)


@needs_chromium
def test_filters_act_on_matrix_list_and_address(browser: Chromium) -> None:
    def choose(name: str, value: str) -> None:
        field = f"filters.elements.{name}"
        browser.run(
            f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )

    listed = "[...document.querySelectorAll('.pair')].filter((e) => e.checkVisibility()).length"
    choose("method", "leekasso-lm")
    assert browser.run(listed) == 3 and browser.run("location.hash") == "#method=leekasso-lm"
    choose("verdict", "identical")
    assert browser.run(listed) == 1 and browser.run("document.querySelectorAll('.matrix a:not(.dim)').length") == 2
    choose("engine", "py-sklearn")
    assert browser.run(listed) == 0 and browser.run(COUNT).startswith("0 of ")
    browser.run("history.back()")
    browser.until(f"{listed} === 1")
    browser.click("#filters button[type=reset]")
    browser.until("location.hash === ''")
    assert browser.run(listed) == browser.run("document.querySelectorAll('.pair').length")


@needs_chromium
def test_everything_is_reached_by_keyboard(browser: Chromium) -> None:
    reached = set()
    for _ in range(60):
        browser.key("Tab")
        reached.add(browser.run("document.activeElement.outerHTML.slice(0, 40)"))
        if browser.run("document.activeElement.matches('.matrix a')"):
            break
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for key, title in (("ArrowRight", "identical"), ("ArrowDown", "equivalent"), ("ArrowLeft", "different")):
        browser.key(key)
        assert title in browser.run("document.activeElement.title")
    browser.key("Enter")
    assert browser.run(OPEN)
    browser.run("document.querySelector('dialog [data-chart=curves]').focus()")
    browser.key("ArrowRight")
    browser.until("!document.querySelector('dialog .tip').hidden")
    tip = browser.run("document.querySelector('dialog .tip').textContent")
    assert "n = 10" in tip and "r-stats 0.8000" in tip and "20 draws" in tip


@needs_chromium
def test_the_rerun_line_is_copied_or_at_least_selected(browser: Chromium) -> None:
    browser.click(".matrix a")
    browser.click("dialog .copy")
    browser.until("['copied', 'selected'].includes(document.querySelector('dialog .copy').textContent)")
    if browser.run("document.querySelector('dialog .copy').textContent") == "selected":
        assert browser.run("String(getSelection())") == small_study()["pairs"][0]["rerun"]


@needs_chromium
def test_bands_zoom_and_steps_between_pairs(browser: Chromium) -> None:
    browser.click(".matrix a")
    before = browser.picture()
    browser.click("dialog [data-band=sd]")
    assert browser.run("document.querySelector('dialog [data-band=sd]').ariaPressed") == "true"
    assert browser.picture() != before
    browser.click("dialog [data-go='1']")
    assert browser.run("document.querySelector('dialog h3').textContent") == "r-stats ~ py-statsmodels"
    browser.click("dialog [data-go='0']")
    assert not browser.run(OPEN)


@needs_chromium
def test_dark_mode_follows_the_system_and_the_button(browser: Chromium, tmp_path: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.prefer("dark")
    browser.until(f"{ground} !== {json.dumps(light)}")
    dark = browser.run(ground)
    browser.click("#theme")
    assert browser.run(ground) == light and dark != light
    assert browser.run("document.getElementById('theme').textContent") == "dark"
    reload(browser, tmp_path, "")
    assert browser.run(ground) == light, "the choice outlasts the page"
    browser.run("localStorage.clear()")


@needs_chromium
def test_it_prints_and_a_phone_shows_it_without_scrolling_sideways(browser: Chromium, tmp_path: Path) -> None:
    assert browser.paper().startswith(b"%PDF") and browser.run("document.documentElement.dataset.theme ?? ''") == ""
    for address in ("", FIRST):
        browser.screen(390, 844)
        reload(browser, tmp_path, address)
        assert browser.run("document.documentElement.scrollWidth") <= 390
        assert len(browser.picture()) > 20_000, "a blank picture of this size has some 2,000 bytes"


@needs_chromium
def test_hostile_names_run_nowhere_even_without_the_policy(browser: Chromium, tmp_path: Path) -> None:
    page = study_html([hostile_study(small_study()), hostile_study(solvers_beside())])
    page = re.sub(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>',
        "<script>function hit() { window.hurt = 1; }</script>",
        page,
    )
    (tmp_path / "report.html").write_text(page)
    reload(browser, tmp_path, "")
    for _ in range(3):
        browser.click(".matrix a:not(:focus)")
        browser.key("Escape")
    browser.click(".matrix a")
    browser.run("document.querySelector('dialog [data-chart]').focus()")
    browser.key("ArrowRight")
    assert HOSTILE in browser.run("document.querySelector('dialog .tip').textContent")
    address = browser.run("location.hash")
    reload(browser, tmp_path, address)
    assert browser.run(OPEN) and HOSTILE in browser.run("document.querySelector('dialog h3').textContent")
    assert browser.run("window.hurt ?? 0") == 0
    # The trap itself works: in a page that does not escape, it is sprung.
    (tmp_path / "report.html").write_text(page.replace("<main>", f"<main>{HOSTILE}"))
    reload(browser, tmp_path, "")
    browser.until("window.hurt === 1")
    browser.said.clear()
    browser.asked.clear()


@needs_chromium
@pytest.mark.slow
def test_the_largest_report_opens_any_of_its_pairs(browser: Chromium, tmp_path: Path, record_property: Any) -> None:
    (tmp_path / "report.html").write_text(study_html([big_study()]))
    reload(browser, tmp_path, "#pair=engine-8~engine-9~method-5")
    assert browser.run("document.querySelector('dialog h3').textContent") == "engine-8 ~ engine-9"
    assert browser.run("document.querySelectorAll('dialog .uplot').length") == 2
    assert browser.run("document.querySelectorAll('article').length") == 270
    # Reported, not asserted: a machine may be busy.
    record_property("load_ms", browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
