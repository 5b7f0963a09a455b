"""What was claimed of Leek's experiment is judged on every network, by intervals of paired differences."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from parity.compare.baselines import BASELINES
from parity.report.document import SCHEMA_FILE
from parity.report.leek_claims import FEW, leek_claims
from parity.report.rebuttal import SMALL, Cells
from parity.report.standing import AS_GOOD, averaged, rebuttal_standing, standing_markdown
from parity.reproduce_command import LEEK, _told
from parity.spec.models import plain
from parity.spec.study import preset

Plain = dict[str, Any]
Accuracy = Callable[[str, int, int], float]

LINEAR, H2O, KERAS = ("r-stats", "leekasso-lm"), ("r-h2o", "mlp-leek"), ("py-keras-jax", "mlp-leek")
RULES = ("class-prior", "centre-pixel", "best-single-pixel")


def document(
    accuracy: Accuracy,
    sides: tuple[tuple[str, str], ...] = (LINEAR, KERAS, H2O),
    draws: int = 5,
    rules: tuple[str, ...] = RULES,
    name: str = "leek2017",
) -> Plain:
    """The document of a preset; accuracy: of an engine's or a rule's name, a size and a draw."""
    study = preset(name)
    places = [(n, draw) for n in study.protocol.sizes for draw in range(draws)]
    return {
        "study": {
            "methods": {method: plain(spec) for method, spec in study.methods.items()},
            "test_rows": 2_956,
            "protocol": {"sizes": list(study.protocol.sizes), "draws": draws},
        },
        "cells": [
            {"engine": engine, "method": method, "n": n, "draw": draw, "status": "done", "reason": ""}
            | {"accuracy": accuracy(engine, n, draw)}
            for engine, method in sides
            for n, draw in places
        ],
        "curves": [{"engine": engine, "method": method, "points": []} for engine, method in sides],
        "baselines": [
            {"baseline": rule, "cells": [{"n": n, "draw": d, "accuracy": accuracy(rule, n, d)} for n, d in places]}
            for rule in rules
        ],
        "not_run": [],
    }


def wobble(draw: int) -> float:
    """A spread over draws that is known: -2, -1, 0, 1, 2 thousandths."""
    return (draw % 5 - 2) / 1000


LEVELS = {"r-stats": 0.95, "r-h2o": 0.9, "py-keras-jax": 0.99, "centre-pixel": 0.985, "best-single-pixel": 0.93}


def as_measured(who: str, n: int, draw: int) -> float:
    """H2O's network behind the linear model, Keras' before it, the centre pixel between them."""
    return LEVELS.get(who, 0.53) + wobble(draw) * (1 + list(LEVELS).index(who) / 4 if who in LEVELS else 1)


def told(found: list[Plain], *words: str) -> Plain:
    """The one claim that holds all the words."""
    (claim,) = [c for c in found if all(word in c["claim"] for word in words)]
    return claim


def test_the_same_network_on_two_engines_tells_the_network_from_h2o():
    _, found = leek_claims(document(as_measured))
    assert told(found, "on average", "r-h2o")["verdict"] == "supported"
    assert told(found, "on average", "r-h2o")["measured"] == pytest.approx(0.05)
    assert told(found, "on average", "py-keras-jax")["verdict"] == "refuted"
    assert told(found, "on average", "py-keras-jax")["measured"] == pytest.approx(-0.04)
    assert told(found, f"up to {SMALL} rows", "r-h2o")["verdict"] == "supported"
    assert told(found, f"up to {SMALL} rows", "py-keras-jax")["verdict"] == "refuted"
    assert told(found, "near perfect", "r-h2o")["verdict"] == "refuted"
    assert told(found, "near perfect", "py-keras-jax")["verdict"] == "supported"
    # The original pair comes first, wherever it stands in the document.
    assert [c["claim"] for c in found if "on average" in c["claim"]][0].endswith(f"r-h2o, within {AS_GOOD}")


def test_small_sizes_alone_decide_what_is_said_of_small_sizes():
    def accuracy(who: str, n: int, draw: int) -> float:
        return as_measured("py-keras-jax" if who == "r-h2o" and n > SMALL else who, n, draw)

    _, found = leek_claims(document(accuracy))
    claim = told(found, f"up to {SMALL} rows", "r-h2o")
    assert claim["verdict"] == "supported" and [p["n"] for p in claim["by_size"]] == [10, 15, 20]
    assert told(found, "on average", "r-h2o")["verdict"] == "refuted"
    assert "larger one at 3 of 16" in told(found, "on average", "r-h2o")["sentence"]


def test_trivial_rules_are_held_against_ten_pixels_and_every_network():
    _, found = leek_claims(document(as_measured))
    assert told(found, "one pixel", "as good as ten")["verdict"] == "refuted"
    assert told(found, "one pixel", "as good as ten")["measured"] == pytest.approx(-0.02)
    assert told(found, "centre pixel alone", "near perfect")["verdict"] == "supported"
    for other in ("leekasso-lm of r-stats", "r-h2o", "py-keras-jax"):
        assert told(found, "centre pixel alone", other)["verdict"] == "supported"
    # Half the margin behind is as good, twice the margin is not.
    behind = leek_claims(document(lambda who, n, d: as_measured(who, n, d) - 0.025 * (who == "centre-pixel")))[1]
    assert told(behind, "centre pixel alone", "as good as", "py-keras-jax")["verdict"] == "refuted"
    assert told(behind, "centre pixel alone", "as good as", "leekasso-lm")["verdict"] == "supported"


def test_a_rule_that_no_draw_changes_is_as_sure_as_its_test_rows():
    def alike(who: str, n: int, draw: int) -> float:
        return 0.99 if who == "centre-pixel" else as_measured(who, n, draw)

    claim = told(leek_claims(document(alike))[1], "centre pixel alone", "near perfect")
    assert claim["verdict"] == "supported"
    assert claim["interval"] == pytest.approx(proportion_confint(round(0.99 * 2_956), 2_956, 0.1, "wilson"))
    few = document(alike)
    few["study"]["test_rows"] = 100
    assert told(leek_claims(few)[1], "centre pixel alone", "near perfect")["verdict"] == "undecided"


def test_a_side_that_did_not_run_leaves_the_original_pair_not_run_and_judges_the_others():
    without = document(as_measured, (LINEAR, KERAS))
    without["not_run"] = [{"engine": "r-h2o", "reason": "no Java", "mend": ""}]
    _, found = leek_claims(without)
    claim = told(found, "on average", "r-h2o")
    assert claim["verdict"] == "not run" and claim["measured"] is None and claim["interval"] is None
    assert "not run (mlp-leek of r-h2o: no Java)" in claim["sentence"]
    assert told(found, "near perfect", "r-h2o")["verdict"] == "not run"
    assert told(found, "on average", "py-keras-jax")["verdict"] == "refuted"
    assert (
        "it was not asked for"
        in told(leek_claims(document(as_measured, (KERAS,)))[1], "Leek", "on average")["sentence"]
    )


def test_an_engine_that_failed_everywhere_is_named_with_its_own_reason():
    broken = document(as_measured)
    for cell in broken["cells"]:
        if cell["engine"] == "r-h2o":
            cell |= {"status": "error", "reason": "the server died"}
    broken["curves"] = [c for c in broken["curves"] if c["engine"] != "r-h2o"]
    assert "the server died" in told(leek_claims(broken)[1], "on average", "r-h2o")["sentence"]


def test_nothing_is_supported_while_a_fit_is_missing_and_a_draw_of_one_class_is_none():
    lacking = document(as_measured)
    lost = next(c for c in lacking["cells"] if (c["engine"], c["n"], c["draw"]) == ("r-h2o", 10, 0))
    lacking["cells"].remove(lost)
    claim = told(leek_claims(lacking)[1], "on average", "r-h2o")
    assert claim["verdict"] == "undecided"
    assert "1 of 80 pairs of fits is missing; by the others alone the claim would be supported" in claim["sentence"]
    for others in [c for c in lacking["cells"] if (c["n"], c["draw"]) == (10, 0)]:
        lacking["cells"].remove(others)
    lacking["one_class_draws"] = [{"n": 10, "draw": 0, "label": 1}]
    assert told(leek_claims(lacking)[1], "on average", "r-h2o")["verdict"] == "supported"


def test_one_draw_at_a_size_decides_nothing():
    _, found = leek_claims(document(as_measured, draws=1))
    assert {c["verdict"] for c in found} == {"undecided"}
    assert all(c["interval"] is None for c in found)


def test_a_document_without_trivial_rules_by_draw_has_no_claim_about_them():
    before = document(as_measured)
    for rule in before["baselines"]:
        del rule["cells"]
    rows, found = leek_claims(before)
    assert not [c for c in found if c["claim"].startswith("Trivial")]
    assert {row["kind"] for row in rows} == {"linear", "network"}


def test_sizes_from_a_hundred_on_are_not_what_leek_spoke_of():
    large = document(as_measured)
    large["study"]["protocol"]["sizes"] = [FEW, 200]
    for cell in large["cells"]:
        cell["n"] += FEW
    _, found = leek_claims(large)
    assert not [c for c in found if c["claim"].startswith("Leek")]


def test_an_average_over_sizes_weighs_them_alike_and_has_students_interval_at_one_size():
    one = {(10, i): value for i, value in enumerate((0.1, 0.3, 0.2, 0.7))}
    span = averaged(one)
    expected = stats.ttest_1samp(list(one.values()), 0).confidence_interval(0.9)
    assert (span.low, span.high) == pytest.approx((expected.low, expected.high))
    uneven: Cells = {(10, i): value for i, value in enumerate((0.0, 0.2, 0.1))} | {(20, 0): 0.6, (20, 1): 0.4}
    span = averaged(uneven)
    assert span.mean == pytest.approx((0.1 + 0.5) / 2)
    error = np.sqrt(0.1**2 / 3 + np.var([0.6, 0.4], ddof=1) / 2) / 2
    assert span.high is not None and span.high - span.mean == pytest.approx(error * stats.t.ppf(0.95, 3))


def test_an_average_has_no_interval_where_a_size_has_one_draw_or_nothing_varies():
    assert averaged({(10, 0): 0.1, (10, 1): 0.2, (20, 0): 0.3}).low is None
    assert averaged({(10, 0): 0.1, (10, 1): 0.1, (20, 0): 0.3, (20, 1): 0.3}).low is None


def test_a_linear_model_that_is_the_margin_behind_is_seldom_called_as_good():
    rng, studies = np.random.default_rng(3), 200
    places = [(n, draw) for n in (10, 15, 20, 25) for draw in range(5)]
    wrong = 0
    for _ in range(studies):
        gains = dict(zip(places, rng.normal(-AS_GOOD, 0.02, len(places)), strict=True))
        low = averaged(gains).low
        wrong += low is not None and low > -AS_GOOD
    assert stats.binomtest(wrong, studies, 0.05, "greater").pvalue > 0.01


def test_the_standing_is_ordered_and_gains_are_paired_with_the_linear_model():
    rows, _ = leek_claims(document(as_measured))
    assert [row["name"] for row in rows][:2] == ["mlp-leek of py-keras-jax", "the centre pixel alone"]
    by_name = {row["name"]: row for row in rows}
    assert by_name["leekasso-lm of r-stats"]["gain"] is None
    assert by_name["mlp-leek of r-h2o"]["gain"]["mean"] == pytest.approx(-0.05)
    assert by_name["mlp-leek of r-h2o"]["kind"] == "network"
    page = standing_markdown(rows)
    assert "gain over leekasso-lm of r-stats" in page
    assert "| the centre pixel alone | trivial | 0.985 (0.9" in page


@pytest.mark.parametrize("name", ["beam2017-r", "beam2017-python"])
def test_the_rebuttals_presets_hold_trivial_rules_against_their_own_models(name: str):
    linear = ("r-stats", "leekasso-glm") if name == "beam2017-r" else ("py-sklearn", "leekasso-liblinear")
    networks = [m for m in preset(name).methods if not m.startswith("leekasso")]
    sides = (linear, *(("py-keras-jax", method) for method in networks))

    def accuracy(who: str, n: int, draw: int) -> float:
        return as_measured("r-stats" if who == "py-sklearn" else who, n, draw)

    rows, found = rebuttal_standing(document(accuracy, sides, name=name))
    assert told(found, "one pixel", " of ".join(reversed(linear)))["verdict"] == "refuted"
    assert told(found, "centre pixel alone", "near perfect")["verdict"] == "supported"
    for method in networks:
        assert told(found, "centre pixel alone", f"{method} of py-keras-jax")["verdict"] == "supported"
    assert len(found) == 3 + len(networks)
    assert len(rows) == len(sides) + len(BASELINES)


def test_every_claim_is_of_the_published_schema():
    schema = json.loads(SCHEMA_FILE.read_text())
    judge = jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/claim"})
    for made in (document(as_measured), document(as_measured, draws=1), document(as_measured, (KERAS,))):
        _, found = leek_claims(made)
        for claim in found:
            judge.validate(claim)


def test_a_terminal_spells_out_what_is_settled_and_counts_the_rest():
    _, found = leek_claims(document(as_measured, (LINEAR, KERAS)))
    lines = _told(LEEK, found)
    assert lines[-1] == f"of {len(found)} claims 3 not run: see report.md"
    assert len(lines) == len(found) - 3 + 1
    assert len(_told("beam2017-r", found)) == len(found)
