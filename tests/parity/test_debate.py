"""The debate of 2017: verdicts follow from numbers by one rule; what nobody guessed is computed, and stands first."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from parity.compare.baselines import baseline_accuracies
from parity.compare.guess import (
    PairedEffect,
    Says,
    falls_short,
    family,
    of_as_good,
    of_cause,
    of_same,
    strongest,
    verdict,
)
from parity.data import load
from parity.debate import ARMS, CLAIMS, GAP, SIZES, STUDY, guessed
from parity.debate_command import draw
from parity.debate_fits import Debated, Fit
from parity.report.debate import debate_document
from parity.report.debate_html import debate_html
from parity.report.debate_markdown import debate_markdown
from parity.report.debate_terminal import print_debate
from parity.report.document import SCHEMA_FILE
from parity.spec.protocol import Draws, make_draws
from parity.spec.study import METHODS, preset
from tests.parity.chromium import CHROMIUM, Chromium
from tests.parity.conftest import DIGITS, Parity
from tests.parity.defaults_page import HOSTILE, Page
from tests.parity.explanation_page import closeness, difference, explanation, first_look, without_effect

Plain = dict[str, Any]

SCHEMA = json.loads(SCHEMA_FILE.read_text())
DRAWS = 20

# The rule.


def noise(draws: int = DRAWS, sd: float = 0.02, seed: int = 1) -> Any:
    """Differences whose mean is 0 and whose spread is sd."""
    values = np.random.default_rng(seed).normal(size=draws)
    return (values - values.mean()) / values.std(ddof=1) * sd


def an_effect(mean: float, sd: float = 0.02, margin: float = 0.01) -> PairedEffect:
    return family([noise(sd=sd) + mean], margin)[0]


@pytest.mark.parametrize(
    ("effect", "gap", "says"),
    [
        (an_effect(0.12), an_effect(0.2), Says.CAUSES),
        (an_effect(-0.12), an_effect(-0.2), Says.CAUSES),
        (an_effect(0.06), an_effect(0.2), Says.PART),
        (an_effect(-0.06), an_effect(0.2), Says.NONE),
        (an_effect(0.001, sd=0.005), an_effect(0.2), Says.NONE),
        (an_effect(0.06, sd=0.3), an_effect(0.2), Says.OPEN),
        (an_effect(0.12, sd=0.5), an_effect(0.2), Says.OPEN),
        (an_effect(0.12), an_effect(0.001, sd=0.005), Says.NO_GAP),
        (an_effect(0.12), an_effect(0.02, sd=0.3), Says.OPEN),
    ],
)
def test_a_size_says_causes_from_half_of_a_gap_beyond_chance(
    effect: PairedEffect, gap: PairedEffect, says: Says
) -> None:
    assert of_cause(effect, gap) is says


def test_half_of_a_gap_can_be_ruled_out_where_the_effect_itself_stays_open() -> None:
    gap = noise(sd=0.05, seed=3) + 0.25
    effect = noise(sd=0.06, seed=4) - 0.01
    (wide,) = family([effect], 0.01)
    assert falls_short(effect, gap) and falls_short(-effect, -gap) and not falls_short(effect + 0.125, gap)
    assert of_cause(wide, an_effect(0.25), short=True) is Says.SHORT and of_cause(wide, an_effect(0.25)) is Says.OPEN


def test_the_same_predictions_are_no_effect_and_the_same_thing() -> None:
    (same,) = family([np.zeros(5)], 0.01, [True])
    assert of_cause(same, an_effect(0.2)) is Says.NONE and of_same(same) is of_as_good(same) is Says.HOLDS


def test_same_and_as_good_are_judged_against_the_margin() -> None:
    assert [of_same(an_effect(mean)) for mean in (0.0, 0.1, 0.012)] == [Says.HOLDS, Says.FAILS, Says.OPEN]
    assert [of_as_good(an_effect(mean)) for mean in (0.1, 0.0, -0.1, -0.012)] == [
        *(Says.HOLDS, Says.HOLDS, Says.FAILS, Says.OPEN)
    ]


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        ("causes causes causes", "supported"),
        ("causes no_gap causes", "supported"),
        ("causes open none", "partly"),
        ("part part part", "partly"),
        ("none none none", "refuted"),
        ("none no_gap short", "refuted"),
        ("none open none", "undecided"),
        ("no_gap no_gap no_gap", "undecided"),
        ("holds holds holds", "supported"),
        ("holds open holds", "undecided"),
        ("fails open open", "refuted"),
        ("fails holds open", "partly"),
    ],
)
def test_a_verdict_is_about_every_size(sizes: str, word: str) -> None:
    assert verdict([Says[each.upper()] for each in sizes.split()]) == word


def test_of_several_trials_the_strongest_counts_and_none_only_if_all_do() -> None:
    assert strongest([Says.NONE, Says.PART]) is Says.PART
    assert strongest([Says.NONE, Says.OPEN]) is Says.OPEN and strongest([Says.NONE, Says.NONE]) is Says.NONE


def test_a_guess_without_any_effect_is_rarely_partly_true() -> None:
    """Three sizes, two trials each: by chance one run in twenty may call an effect, and half of these one way."""
    gap, called = an_effect(0.2), 0
    generator = np.random.default_rng(2017)
    for _ in range(400):
        trials = family([generator.normal(0, 0.05, DRAWS) for _ in range(6)], 0.01)
        said = [strongest([of_cause(effect, gap) for effect in trials[k : k + 2]]) for k in (0, 2, 4)]
        called += verdict(said) in ("partly", "supported")
    assert called <= 400 * 0.05


# Network claims, on values that are made up.


@pytest.fixture(scope="module")
def rows() -> tuple[Any, Draws, Any]:
    study = preset(STUDY)
    study = dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, sizes=SIZES, draws=DRAWS))
    data = load(study.data)
    return study, make_draws(study.protocol, data), data


LEVELS = {"h2o": 0.76, "keras": 0.98, "h2o-relu": 0.7605, "h2o-whole": 0.80, "h2o-long": 0.90, "copy": 0.85}
MAKERS = {arm: ARMS[arm].engines[0] for arm in ARMS if ARMS[arm].engines}


def fits(rows: tuple[Any, Draws, Any], level: Callable[[str, int], float], spread: float = 0.01) -> Plain:
    """Fits of every arm: a level of each, with the same spread over draws, so that differences are nearly constant."""
    _, draws, _ = rows
    found: Plain = {}
    for k, arm in enumerate(ARMS):
        wobble = noise(sd=spread) + noise(sd=0.004, seed=k + 2)
        found[arm] = {
            (d.n, d.index): Fit(level(arm, d.n) + wobble[d.index], 0.3, 2.0, f"{arm} {d.n} {d.index}")
            for d in draws.train
            if ARMS[arm].draws is None or d.index < ARMS[arm].draws
        }
    return found


def made_up(
    rows: tuple[Any, Draws, Any],
    levels: Mapping[str, float] = LEVELS,
    explained: list[Plain] | None = None,
    same: tuple[str, ...] = ("h2o-again", "h2o-elastic", "h2o-rate-0.0005", "h2o-rate-0.05"),
    **known: Any,
) -> Plain:
    """The document of a debate whose fits have these levels; `same`: arms that equal the reproducible fit."""
    study, draws, data = rows
    every = fits(rows, lambda arm, n: levels.get(arm, 0.8))
    for arm in same:
        every[arm] = every["h2o-same"]
    parts = {"gap": 0.1, "solver": 0.08, "problem": 0.02, "screen": 0.0}
    steps = {name: {(d.n, d.index): mean + noise()[d.index] / 9 for d in draws.train} for name, mean in parts.items()}
    found = Debated(
        **{"study": study, "data": data, "draws": draws, "claims": CLAIMS, "fits": every, "parts": steps},
        **{"explanations": explained or [explanation(n) for n in SIZES], "engines": MAKERS, **known},
    )
    environment = {"parity": "0.1.0", "packages": {"keras": "3.15.0"}, "r": {"version": "4.2.2"}}
    document = debate_document(found, environment, ["parity", "reproduce", "debate"])
    jsonschema.validate(document, SCHEMA)
    return document


def verdicts(document: Plain) -> dict[str, str]:
    return {guess["name"]: guess["verdict"] for guess in document["guesses"]}


def guess_of(document: Plain, name: str) -> Plain:
    return next(guess for guess in document["guesses"] if guess["name"] == name)


def test_network_guesses_are_judged_by_what_closes_the_gap(rows: tuple[Any, Draws, Any]) -> None:
    found = made_up(rows)
    assert {name: verdicts(found)[name] for name in ("tanh", "updates", "rate", "elastic", "copy", "liblinear")} == {
        **{"tanh": "refuted", "updates": "supported", "rate": "refuted", "elastic": "refuted", "copy": "refuted"},
        "liblinear": "supported",
    }
    updates = guess_of(found, "updates")
    # 200 epochs close 0.14 of 0.22, all 20 epochs 0.04: the stronger of the two is told.
    assert [each["trial"] for each in updates["by_size"]] == ["long"] * 3
    assert updates["by_size"][0]["closed"] == pytest.approx(0.14 / 0.22, abs=0.01)
    assert any("H2O: of 20 epochs asked for it did 2.0 at n = 10" in fact for fact in updates["facts"])
    less = made_up(rows, {**LEVELS, "h2o-long": 0.82})
    assert verdicts(less)["updates"] == "partly"


def test_a_rate_that_is_not_inert_is_not_refuted_by_bits(rows: tuple[Any, Draws, Any]) -> None:
    live = {**LEVELS, "h2o-rate-0.0005": 0.9}
    found = made_up(rows, live, same=("h2o-again", "h2o-elastic"))
    assert verdicts(found)["rate"] == "partly" and verdicts(found)["elastic"] == "refuted"
    facts = guess_of(found, "rate")["facts"]
    assert any("the same fit once more" in f and "bit for bit, on all 15 draws" in f for f in facts)
    assert any("adaptive_rate = FALSE on both sides" in f and "differ on all 15 draws" in f for f in facts)


def test_what_nobody_guessed_is_looked_up_and_not_named(rows: tuple[Any, Draws, Any]) -> None:
    covered = next(iter(guessed()))
    listed = [
        difference("a thing of its own", 0.12, left="one", right="two", found="measured"),
        difference(covered, 0.09),
        difference("too small to count", 0.004, spread=0.001),
        difference("chance", 0.02, spread=0.03),
        without_effect("a thing that does nothing", "inert"),
    ]
    found = made_up(rows, explained=[explanation(n, differences=listed) for n in SIZES])
    assert found["nobody_guessed"].startswith(
        "Nobody guessed: a thing of its own (+0.1200 [+0.1160, +0.1240] of the gap"
    )
    assert covered not in found["nobody_guessed"] and "chance" not in found["nobody_guessed"]
    by_name = {each["name"]: each for each in found["findings"]}
    assert by_name[covered]["guess"] == guessed()[covered].name and by_name["a thing of its own"]["guess"] is None
    assert by_name["a thing of its own"]["by_size"][0]["of_gap"] == pytest.approx(0.12 / 0.21)
    assert "a thing that does nothing" not in by_name and not by_name["chance"]["counts"]
    # The same difference, once somebody has guessed it, is none of these any more.
    assert guess_of(found, guessed()[covered].name)["facts"][-1].startswith(
        f"In the explanation of the gap '{covered}'"
    )


def test_defaults_are_judged_by_what_is_left_when_all_are_switched(rows: tuple[Any, Draws, Any]) -> None:
    assert verdicts(made_up(rows))["defaults"] == "supported"
    left = closeness("different", 0.7612, 0.9712)
    assert (
        verdicts(made_up(rows, explained=[explanation(n, all_switched=left) for n in SIZES]))["defaults"] == "refuted"
    )
    unfinished = made_up(rows, explained=[{**first_look(), "n": n} for n in SIZES])
    assert verdicts(unfinished)["defaults"] == "not run" and unfinished["nobody_guessed"] == ""
    assert "the same command goes on" in guess_of(unfinished, "defaults")["not_run"]


def test_a_claim_whose_engine_does_not_run_says_so(rows: tuple[Any, Draws, Any]) -> None:
    arms = {arm: "r-h2o: needs Java 8; py-h2o: needs Java 8" for arm in MAKERS if arm.startswith("h2o")}
    engines = {arm: engine for arm, engine in MAKERS.items() if arm not in arms}
    found = made_up(rows, lacking=arms, engines=engines)
    assert {name for name, word in verdicts(found).items() if word == "not run"} == {
        *("tanh", "updates", "rate", "defaults", "elastic", "copy")
    }
    assert "needs Java 8" in guess_of(found, "tanh")["sentence"]


def test_every_guess_has_its_arms_and_every_difference_one_guess() -> None:
    for claim in CLAIMS:
        arms = [arm for trial in claim.trials for arm in (trial.before, trial.after)] + list(claim.gap or ())
        assert claim.trials or claim.source != "fits"
        assert [arm for arm in arms if arm not in ARMS] == [], claim.name
    covers = [name for claim in CLAIMS for name in claim.covers]
    assert len(covers) == len(set(covers))
    assert {ARMS[arm].method for arm in ARMS if ARMS[arm].engines} <= set(METHODS)
    assert [ARMS[arm].engines[0] for arm in GAP] == ["r-h2o", "py-keras-jax"]


# The linear claims, for real.


@pytest.fixture(scope="module")
def linear(parity: Parity, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("debate")
    asked = ["--claim", "lm-glm", "--claim", "liblinear", "--claim", "pixel", "--data", "digits", "--classes", "0,1"]
    done = parity("reproduce", "debate", *asked, "--draws", 6, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_linear_claims_are_measured_on_shared_rows(linear: tuple[Path, str]) -> None:
    document = json.loads((linear[0] / "parity.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert list(verdicts(document)) == ["lm-glm", "liblinear", "pixel"]
    accuracy = {(arm["name"], p["n"]): p["mean"] for arm in document["arms"] for p in arm["points"]}
    for n in SIZES:
        at = {g["name"]: next(s for s in g["by_size"] if s["n"] == n) for g in document["guesses"]}
        assert at["lm-glm"]["effect"]["mean"] == pytest.approx(accuracy["glm", n] - accuracy["lm", n])
        assert at["lm-glm"]["gap"]["mean"] == pytest.approx(accuracy["liblinear", n] - accuracy["lm", n])
        assert at["liblinear"]["gap"]["mean"] == pytest.approx(accuracy["liblinear", n] - accuracy["glm", n])
        steps = [t["by_size"][SIZES.index(n)]["accuracy"]["mean"] for t in guess_of(document, "liblinear")["trials"]]
        assert sum(steps) == pytest.approx(at["liblinear"]["gap"]["mean"]), "the steps add up to the gap"
    data = load(DIGITS)
    protocol = dataclasses.replace(preset(STUDY).protocol, sizes=SIZES, draws=6)
    draws = make_draws(protocol, data)
    best = [baseline_accuracies(data, d, draws.test)["best-single-pixel"] for d in draws.train if d.n == 10]
    assert accuracy["best-single-pixel", 10] == pytest.approx(np.mean(best))


def test_the_command_writes_its_pages_and_names_the_line_that_reruns_each_claim(linear: tuple[Path, str]) -> None:
    folder, told = linear
    names = [
        "parity.json",
        "report.html",
        "report.md",
        *(["figure.png", "figure.svg"] if shutil.which("Rscript") else []),
    ]
    assert [name for name in names if not (folder / name).stat().st_size] == []
    assert told.startswith("What nobody guessed") and "Of 3 guesses and claims:" in told
    rerun = f"parity reproduce debate --out {folder} --draws 6 --data digits --classes 0,1 --claim pixel"
    assert rerun in " ".join(told.split()) and rerun in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["debate", "--claim", "tahn"], "unknown claim 'tahn' in the debate; did you mean 'tanh'?"),
        (["leek2017", "--claim", "tanh"], "--claim names a guess of the debate, and leek2017 has none; leave it out"),
        (["debate", "--device", "gpu"], "the debate is measured on the CPU"),
        (["debat"], "unknown preset 'debat'; did you mean 'debate'?"),
        (["debate", "--claim", "pixel", "--engine", "r-h2o"], "engine r-h2o has no part in what is asked"),
    ],
)
def test_a_wrong_request_is_one_line(parity: Parity, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = parity("reproduce", *arguments, "--out", tmp_path / "out")
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


# The page.


@pytest.fixture(scope="module")
def made(rows: tuple[Any, Draws, Any]) -> Plain:
    return made_up(rows)


def test_what_nobody_guessed_stands_first_on_every_page(made: Plain, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(Page(debate_html(made)).text.split())
    places = ["Nobody guessed: initial weights (+0.0902", "What nobody guessed", "Guesses and claims"]
    assert [text.index(each) for each in places] == sorted(text.index(each) for each in places)
    assert made["guesses"][0]["rerun"] in text and "How a verdict follows" in text
    print_debate(made)
    printed = capsys.readouterr().out
    assert printed.startswith("What nobody guessed") and "refuted: H2O's network is poor because its units" in printed
    page = debate_markdown(made, "figure.png")
    assert page.index("What nobody guessed") < page.index("## Guesses and claims")
    assert "| refuted |" in page and "same bits (none)" in page


def test_hostile_names_add_no_element_to_the_page(made: Plain) -> None:
    hostile: Plain = json.loads(json.dumps(made))
    for guess in hostile["guesses"]:
        for name in ("claim", "whose", "because", "rerun"):
            guess[name] += HOSTILE
        guess["facts"].append(HOSTILE)
        for trial in guess["trials"]:
            trial["what"] += HOSTILE
    for finding in hostile["findings"]:
        finding["name"] += HOSTILE
    plain, page = Page(debate_html(made)), Page(debate_html(hostile))
    assert page.text.count(HOSTILE) > 10 and set(page.tags) <= set(plain.tags) and page.code == plain.code


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R here")
def test_r_draws_every_guess_that_was_measured(made: Plain, tmp_path: Path) -> None:
    assert draw(made, tmp_path / "figure").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.svg").read_text().count("<svg") == 1


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_phone_shows_the_page_without_scrolling_sideways(chromium: Chromium, made: Plain, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(debate_html(made))
    for width, drawing in ((390, "narrow-only"), (1300, "wide-only")):
        for scheme in ("light", "dark"):
            chromium.screen(width, 900)
            chromium.prefer(scheme)
            chromium.open(page)
            assert chromium.run("document.documentElement.scrollWidth") <= width and chromium.said == []
            shown = "[...document.querySelectorAll('.guess figure > div')].filter((e) => e.checkVisibility())"
            assert chromium.run(f"{shown}.length > 5 && {shown}.every((e) => e.className === '{drawing}')")
