"""The page of an explanation: every fact without a script, nothing from data as markup, and what a browser does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parity.report.explain_html import explanation_html
from tests.parity.chromium import CHROMIUM, Chromium
from tests.parity.defaults_page import HOSTILE, Page
from tests.parity.explanation_page import (
    PYTHON_CODE,
    Plain,
    document,
    every_kind,
    first_look,
    hostile,
    interrupted,
    many,
    not_run,
    nothing,
    one_draw,
)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


def read(source: Plain) -> str:
    """All text of the page, as a browser without JavaScript shows it."""
    return " ".join(Page(explanation_html(source)).text.split())


def test_every_fact_stands_in_the_page_without_javascript() -> None:
    text = read(document())
    facts = [
        "r-h2o ~ py-keras-jax: mlp-leek, explained",
        "with both switched the two are equivalent on fresh draws",
        "parity 0.1.0, Python 3.11.7, R 4.2.2, keras 3.15.0",
        "+0.1502 +0.1462 to +0.1542",
        "updates ● The size of a step along the gradient. 0.005, as H2O anneals it 0.001 +0.1502 [+0.1462, +0.1542] "
        "log loss -0.4506 [-0.4546, -0.4466] p <0.001 – -0.0751",
        "on r-h2o: initial weights = 0.005 in the specification",
        "Unexplained: -0.0003 [-0.0007, +0.0001], in log loss +0.0009",
        "updates with training.rate: +0.0123",
        "With only updates and initial weights switched, on 20 fresh draws that the search did not see: equivalent at "
        "the margin of 0.01: 0.7701 and 0.7693, gap -0.0008",
        "predicted values are at most 3e-07 apart, no further than rounding spreads",
        "Make r-h2o agree with py-keras-jax (R) It was not verified.",
        "Inert: 1 (switched, and no prediction changed) momentum",
        "Not taken: 1",
        "Not reached: 1",
        "different: explained +0.2100 0.01",
        "1,812 fits in 123.4 s",
    ]
    assert [fact for fact in facts if fact not in text] == []
    page = explanation_html(document())
    assert set(re.findall(r"<(\w+)[^>]* hidden[ >]", page)) == {"button"}, "no fact is hidden until a script runs"


def test_the_page_of_several_sizes_has_them_side_by_side_and_each_by_itself() -> None:
    page = explanation_html(every_kind()["sizes"])
    text = read(every_kind()["sizes"])
    assert "updates +0.1502 ● not found not found" in text and "n = 20 : not run: r-h2o: needs Java 8" in text
    links, places = re.findall(r'href="#(e[^"]*)"', page), re.findall(r'<section id="([^"]*)"', page)
    assert links == places == ["e0-10", "e0-20", "e0-40", "e0-80"]
    assert len(re.findall('<svg class="waterfall" viewBox="0 0 360', page)) == 3 + 2, "three beside, two of their own"


def test_two_pairs_on_one_page_keep_their_places_apart() -> None:
    page = explanation_html(every_kind()["pairs"])
    assert re.findall(r'<section id="([^"]*)"', page) == ["e0-10", "e1-10"]
    assert "r-stats ~ py-sklearn, mlp-leek, n = 10" in read(every_kind()["pairs"])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nothing, "There is no gap to close. = identical As shipped: identical: every label"),
        (one_draw, "open at the margin of 0.01: 0.8650 and 0.8980, gap +0.0330, over 1 draw; over 10,000 draws would"),
        (interrupted, "The best answer so far. Interrupted before shares and the smallest set"),
        (first_look, "Whether the gap closes was not measured."),
        (many, "With all live differences switched the gap does not close (different)."),
        (not_run, "Not run: r-h2o: needs Java 8, not installed Rerun parity explain"),
    ],
)
def test_a_page_says_how_far_the_explanation_got(made: Callable[[], Plain], said: str) -> None:
    assert said in read(document(made()))


def test_hostile_names_add_no_element_and_no_attribute_and_are_shown() -> None:
    for source in every_kind().values():
        plain, page = (Page(explanation_html(each)) for each in (source, hostile(source)))
        assert set(page.tags) <= set(plain.tags) and page.text.count(HOSTILE) > 10
        assert page.code == plain.code, "the style and the script that run are the same"


def test_the_page_asks_for_nothing_and_runs_nothing_else() -> None:
    source = explanation_html(every_kind()["sizes"])
    page = Page(source)
    links = ("src", "href", "srcset", "action")
    assert [v for name, v in page.attributes if name in links and not v.startswith("#e")] == ["data:,"]
    assert not [name for name, _ in page.attributes if name == "style" or name.startswith("on")]
    policy = next(v for name, v in page.attributes if name == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    for kind in ("script", "style"):
        (code,) = re.findall(f"<{kind}>(.*?)</{kind}>", source, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def opened(browser: Chromium, folder: Path, source: Plain, width: int = 1300, scheme: str = "light") -> None:
    page = folder / "page.html"
    page.write_text(explanation_html(source))
    browser.screen(width, 900)
    browser.prefer(scheme)
    browser.said.clear()
    browser.open(page)


@needs_chromium
def test_a_phone_shows_every_page_without_scrolling_sideways(chromium: Chromium, tmp_path: Path) -> None:
    for source in every_kind().values():
        for width, drawing in ((390, "narrow"), (1300, "wide")):
            opened(chromium, tmp_path, source, width)
            assert chromium.run("document.documentElement.scrollWidth") <= width
            seen = chromium.run(
                "[...document.querySelectorAll('figure > div')].filter((e) => e.checkVisibility())"
                ".every((e) => e.className === " + json.dumps(f"{drawing}-only") + ")"
            )
            assert seen and chromium.said == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_bars_stand_out_from_the_page(chromium: Chromium, tmp_path: Path, scheme: str) -> None:
    opened(chromium, tmp_path, document(), scheme=scheme)
    contrast = """(() => {
      const parse = (c) => c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255);
      const light = (c) => parse(c).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const page = light(getComputedStyle(document.body).backgroundColor);
      const least = (selector, what) => Math.min(...[...document.querySelectorAll(selector)]
        .map((e) => ratio(light(getComputedStyle(e)[what]), page)));
      return [least(".waterfall text", "fill"), least(".waterfall .rise, .waterfall .fall", "stroke")];
    })()"""
    text, bars = chromium.run(contrast)
    # WCAG 2.2: 4.5 for text (1.4.3), 3 for what a picture is read by (1.4.11).
    assert text >= 4.5 and bars >= 3


@needs_chromium
def test_code_is_copied_by_keyboard_as_it_stands(chromium: Chromium, tmp_path: Path) -> None:
    opened(chromium, tmp_path, document())
    for _ in range(40):
        chromium.key("Tab")
        if chromium.run("document.activeElement.matches('.recipe .copy')"):
            break
    assert chromium.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    chromium.key("Enter")
    chromium.until("['copied', 'selected'].includes(document.activeElement.textContent)")
    if chromium.run("document.activeElement.textContent") == "selected":
        assert chromium.run("String(getSelection())").strip() == PYTHON_CODE.strip()
    assert chromium.run("document.querySelector('.recipe code').textContent") == PYTHON_CODE


@needs_chromium
def test_the_theme_button_turns_light_and_dark_and_it_prints(chromium: Chromium, tmp_path: Path) -> None:
    opened(chromium, tmp_path, every_kind()["sizes"])
    ground = "getComputedStyle(document.body).backgroundColor"
    light = chromium.run(ground)
    chromium.click("#theme")
    assert chromium.run(ground) != light
    chromium.click("#theme")
    assert chromium.run(ground) == light
    chromium.run("localStorage.clear()")
    assert chromium.paper().startswith(b"%PDF")


@needs_chromium
def test_hostile_names_run_nowhere_even_without_the_policy(chromium: Chromium, tmp_path: Path) -> None:
    policy = r'<meta http-equiv="Content-Security-Policy"[^>]*>'
    trap = "<script>function hit() { window.hurt = 1; }</script>"
    page = re.sub(policy, trap, explanation_html(hostile(every_kind()["sizes"])))
    (tmp_path / "page.html").write_text(page)
    chromium.open(tmp_path / "page.html")
    assert chromium.run("window.hurt ?? 0") == 0
    # The trap itself works: in a page that does not escape, it is sprung.
    (tmp_path / "page.html").write_text(page.replace("<main>", f"<main>{HOSTILE}"))
    chromium.open(tmp_path / "page.html")
    chromium.until("window.hurt === 1")
