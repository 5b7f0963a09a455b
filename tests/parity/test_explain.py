"""Explanations of real pairs: what is named, what is not, and what a request that cannot be met is told."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest

from parity.api import explain
from parity.compare.equivalence import Paired
from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.errors import RequestError
from parity.explain.bench import Bench
from parity.explain.caused import without_consequences
from parity.explain.closeness import Closeness, Level
from parity.explain.experiment import scattered
from parity.explain.found import Verdict
from parity.explain.switching import Judged
from parity.explain.treatment import Difference, Seen
from parity.explain_command import seconds
from parity.report.document import SCHEMA_FILE
from parity.report.explain import rerun_of, sentence
from parity.study.store import Result
from tests.parity.conftest import of_explain

Plain = dict[str, Any]

COPY = """\
# /// parity
# id = "{id}"
# runtime = "python"
# fits = ["lm", "glm", "liblinear"]
# screen = "own"
# names = ["sklearn"]
# ///
from pathlib import Path
from parity.engines.contract import beside
shipped = beside(str(Path(__file__)), "sklearn_engine")
defaults, translate = shipped.defaults, shipped.translate


def fit(spec, train, test, options):
    {change}
    return shipped.fit(spec, train, test, options)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, forgotten_engines: None) -> Path:
    return tmp_path_factory.mktemp("explain") / "store.sqlite"


@pytest.fixture(scope="module")
def r_against_python(store: Path) -> Plain:
    if gaps := missing(engine("r-stats")):
        pytest.skip(", ".join(gap.package for gap in gaps))
    return explain("leek2017", ["r-stats", "py-sklearn"], method="leekasso-glm", sizes=[10], draws=12, store=store)


def named(explanation: Plain) -> set[str]:
    return set(explanation["smallest"]["names"]) if explanation["smallest"] else set()


def test_r_s_glm_and_logistic_regression_part_by_penalty_solver_and_columns_and_the_gap_closes(r_against_python):
    (found,) = r_against_python["explanations"]

    assert found["base"]["level"] == "different" and found["base"]["gap"]["low"] > 0.03
    assert {"penalty.strength", "solver", "aliased columns"} <= named(found)
    assert found["smallest"]["fresh"]["level"] in ("equivalent", "identical", "within tolerance")
    assert found["smallest"]["fresh_base"]["gap"]["mean"] > 0.03
    assert r_against_python["comparisons"][0]["verdict"] == "different: explained"


def test_a_solver_that_falls_back_is_told_with_the_switches_under_which_it_does(r_against_python):
    (found,) = r_against_python["explanations"]

    told = [each for each in found["said"] if "lbfgs" in each]

    assert told and "all with 'penalty.strength' and 'solver' switched:" in told[0], found["said"]


def test_shares_and_remainder_add_up_to_the_gap_of_the_draws_that_they_are_of(r_against_python):
    (found,) = r_against_python["explanations"]

    shares = sum(d["share"]["accuracy"]["mean"] for d in found["differences"] if d["share"])
    total = shares + found["remainder"]["accuracy"]["mean"]

    # On a draw on which R keeps no column LogisticRegression refuses to be fitted to R's columns.
    assert 9 <= found["shared_draws"] <= found["draws"] == 12
    if found["shared_draws"] == found["draws"]:
        assert total == pytest.approx(found["base"]["gap"]["mean"], abs=1e-9)
    assert total == pytest.approx(found["base"]["gap"]["mean"], abs=0.05)


def test_the_document_keeps_its_schema(r_against_python):
    jsonschema.validate(json.loads(json.dumps(r_against_python)), json.loads(SCHEMA_FILE.read_text()))


def test_what_the_store_holds_is_not_fitted_again(r_against_python, store: Path):
    again = explain("leek2017", ["r-stats", "py-sklearn"], method="leekasso-glm", sizes=[10], draws=12, store=store)

    assert again["explanations"][0]["cells"] == 0
    assert named(again["explanations"][0]) == named(r_against_python["explanations"][0])


def a_copy(folder: Path, id: str, change: str = "pass") -> str:
    path = folder / f"{id}.py"
    path.write_text(COPY.format(id=id, change=change))
    return str(path)


def test_where_nothing_differs_nothing_is_explained(tmp_path: Path, store: Path):
    copy = a_copy(tmp_path, "unchanged")

    found = explain("leek2017", ["py-sklearn", copy], method="leekasso-glm", sizes=[10], draws=4, store=store)

    (one,) = found["explanations"]
    assert one["base"]["level"] == "identical" and one["smallest"] is None and one["differences"] == []
    assert "nothing to explain" in one["sentence"]


def test_a_penalty_that_an_engine_hides_is_found_by_its_effect(tmp_path: Path, store: Path):
    copy = a_copy(tmp_path, "hidden", 'options = {**options, "overrides": {**(options["overrides"] or {}), "C": 0.01}}')

    found = explain("leek2017", ["py-sklearn", copy], method="leekasso-glm", sizes=[40], draws=6, store=store)

    assert named(found["explanations"][0]) == {"penalty.strength"}


def closeness(level: Level, mean: float, low: float, high: float) -> Closeness:
    gap = Paired(draws=20, mean=mean, sd=0.02, low=low, high=high)
    return Closeness(level, 0.9, 0.9 + mean, gap, None, 0.1, 5, 0.5 if level is Level.OPEN else 0.001, None)


@pytest.mark.parametrize(
    ("base", "left", "said"),
    [
        ((0.2, 0.15, 0.25), (-0.006, -0.04, 0.03), "(-0.0060 [-0.0400, 0.0300])"),
        ((-0.2, -0.25, -0.15), (-0.006, -0.04, 0.03), "(0.0060 [-0.0300, 0.0400])"),
    ],
)
def test_what_is_left_of_a_gap_keeps_its_direction(base, left, said):
    shown = SimpleNamespace(name="label cut", share=object())
    findings = SimpleNamespace(
        base=closeness(Level.DIFFERENT, *base), together=closeness(Level.OPEN, *left), smallest=None, live=[shown],
        draws=20,
    )  # fmt: skip
    sides = SimpleNamespace(left=SimpleNamespace(name="one"), right=SimpleNamespace(name="two"))

    told = sentence(SimpleNamespace(findings=findings, case=sides, n=10))

    ahead, behind = ("two", "one") if base[0] > 0 else ("one", "two")
    assert told.startswith(f"{ahead} is 0.2000 [0.1500, 0.2500] more accurate than {behind} at n = 10")
    assert f"these draws tell no gap any more {said}" in told


NETWORK = COPY.replace('["lm", "glm", "liblinear"]', '["mlp"]')


@of_explain
@pytest.mark.parametrize(
    ("change", "name", "value", "caused"),
    [
        ('spec = {**spec, "activation": "relu"}', "activation.hidden", "relu", "end of training"),
        ('spec = {**spec, "hidden": spec["hidden"][:2]}', "hidden", "160, 160", "initial weights"),
    ],
)
def test_what_a_network_is_made_of_is_measured_whatever_it_was_asked_for(
    change: str, name: str, value: str, caused: str, tmp_path: Path
):
    path = tmp_path / f"{name.replace('.', '_')}.py"
    path.write_text(NETWORK.format(id=f"hidden-{path.stem.replace('_', '-')}", change=change))

    found = explain("leek2017", ["py-sklearn", str(path)], method="mlp-leek", sizes=[10], draws=4, fresh=0,
                    store=tmp_path / "store.sqlite")  # fmt: skip

    (one,) = found["explanations"]
    by_name = {each["name"]: each for each in one["differences"]}
    assert (by_name[name]["status"], by_name[name]["right"]) == ("live", value)
    assert by_name.get(caused, {"status": "consequence"})["status"] == "consequence"
    assert one["all_switched"]["level"] in ("identical", "within tolerance") and named(one) == {name}


@pytest.mark.parametrize(("fresh", "words"), [(20, []), (3, ["--fresh", "3"])])
def test_the_command_that_makes_an_explanation_again_asks_for_the_same_draws(fresh, words):
    side = SimpleNamespace(engine=SimpleNamespace(reference="py-sklearn"))
    case = SimpleNamespace(left=side, right=side, method="leekasso-glm")
    study = SimpleNamespace(reference="leek2017", name="leek2017", changed=())

    command = rerun_of(SimpleNamespace(case=case, n=10, asked=20, fresh=fresh), study)

    assert shlex.split(command)[-(2 + len(words)) :] == ["--draws", "20", *words]


class OneColumnLess:
    """Rows of ten: the left keeps 10 columns and the right 9, of which all but 7 depend on others."""

    def __init__(self, right_keeps: int) -> None:
        self.case, self.right_keeps = SimpleNamespace(spec=None), right_keeps

    def both(self, asked: Any) -> Any:
        return [
            {end: self.fit(9 if end == "right" or "columns" in switches else 10, end) for end in ("left", "right")}
            for switches, _ in asked
        ]

    def fit(self, columns: int, end: str) -> Result:
        kept = 7 if end == "left" else self.right_keeps
        return Result("done", {"columns": columns, "aliased": columns - kept}, {})


@pytest.mark.parametrize(("right_keeps", "statuses"), [(7, ["live", "consequence"]), (6, ["live", "live"])])
def test_what_goes_with_another_difference_is_its_consequence_and_not_switched(right_keeps, statuses):
    bench: Any = OneColumnLess(right_keeps)
    shipped = {"left": bench.fit(10, "left"), "right": bench.fit(9, "right")}
    seen = [Seen(SimpleNamespace(index=k), (), (), shipped) for k in range(4)]
    verdicts = []
    for name in ("columns", "aliased"):
        value = lambda end, each, name=name: each.fitted[end].facts[name]  # noqa: E731
        difference = Difference(name, "", "", "", "measured", "", value=value)
        verdicts.append(Verdict(Judged(difference, {"left": name}), "live", "left"))

    assert [each.status for each in without_consequences(bench, verdicts, seen)] == statuses

    unswitched = [verdicts[0], dataclasses.replace(verdicts[1], status="not taken", end=None)]
    (_, aliased) = without_consequences(bench, unswitched, seen)
    assert aliased.status == ("consequence" if right_keeps == 7 else "not taken")


ROUNDED = """import numpy as np
    found = shipped.fit(spec, train, test, options)
    told = {name: float(np.float16(value)) for name, value in found["parameters"]["coefficients"].items()}
    x = test["x"][:, [test["features"].index(name) for name in found["selected"]]]
    linear = told["(intercept)"] + x @ np.array([told[name] for name in found["selected"]])
    probability = 1 / (1 + np.exp(-linear))
    label = (probability > 0.5).astype(int)
    return {**found, "parameters": {"coefficients": told}, "probability": probability, "label": label}"""


def test_coefficients_that_an_engine_shortens_after_its_fit_are_seen_and_shortened_on_the_other_side(
    tmp_path: Path, store: Path
):
    copy = a_copy(tmp_path, "shortened", ROUNDED)

    found = explain("leek2017", ["py-sklearn", copy], method="leekasso-glm", sizes=[40], draws=6, store=store)

    (one,) = found["explanations"]
    (digits,) = one["differences"]
    assert (digits["name"], digits["left"], digits["right"]) == (
        "digits of coefficients", "float64 holds them", "float16 holds them"
    )  # fmt: skip
    assert digits["status"] == "live" and one["all_switched"]["level"] == "identical"


def test_a_budget_too_small_for_one_round_says_what_it_would_need(tmp_path: Path):
    with pytest.raises(RequestError, match=r"too small for one round: \d+ fits of .* need (about \d+ s|longer)"):
        explain(
            "leek2017", ["py-sklearn", "py-statsmodels"], method="leekasso-glm", draws=200, budget=0.001,
            store=tmp_path / "s.sqlite",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "method", "sentence"),
    [
        (["r-stats"], "leekasso-lm", "name two engines"),
        (["py-sklearn", "py-sklearn"], "leekasso-lm", "named twice"),
        (
            ["r-stats", "py-keras-jax"],
            "leekasso-lm",
            "does not fit leekasso-lm; no method of leek2017 is fitted by both",
        ),
        (["py-sklearn", "py-keras-jax"], "leekasso-lm", "does not fit leekasso-lm; both fit mlp-leek"),
        (["py-sklearn", "py-statsmodels"], "leekasso-gml", "did you mean 'leekasso-glm'"),
        (["py-sklern", "py-statsmodels"], "leekasso-glm", "did you mean 'py-sklearn'"),
    ],
)
def test_a_wrong_request_is_one_sentence(pair: list[str], method: str, sentence: str, tmp_path: Path):
    with pytest.raises(RequestError, match=sentence):
        explain("leek2017", pair, method=method, store=tmp_path / "s.sqlite")
    assert not (tmp_path / "s.sqlite").exists()


@pytest.mark.parametrize("text", ["ten minutes", "-3s", "0s", "5 weeks", ""])
def test_a_budget_that_is_no_time_is_refused(text: str):
    with pytest.raises(RequestError, match="write 90s, 10m or 1h"):
        seconds(text)


def test_the_command_prints_the_sentence_first_and_leaves_a_page(
    parity: Callable[..., Any], tmp_path: Path, store: Path, r_against_python
):
    page = tmp_path / "page.html"

    done = parity(
        "explain", "r-stats", "py-sklearn", "--method", "leekasso-glm", "--draws", 12, "--store", store, "--html", page
    )

    assert done.returncode == 1, done.stderr
    assert "py-sklearn is 0." in done.stdout and "penalty.strength" in done.stdout
    assert "penalty.strength" in page.read_text()


def test_a_side_that_does_not_repeat_itself_scatters_and_one_that_does_is_left_out():
    truth = np.zeros(100, dtype=np.int8)
    wrong = iter([10, 20, 30, 20, 0, 0, 5, 5])

    class Made:
        """Draws with an accuracy of their own each time on the left, and always the same on the right."""

        data, draws = SimpleNamespace(y=truth), SimpleNamespace(test=np.arange(100))

        def cell(self, end: str, draw: int, observe: Plain) -> Any:
            return SimpleNamespace(key=f"{end} {draw} {observe['repeat']}", end=end)

    def fits(cells: Any) -> Any:
        found = {}
        for cell in cells:
            probability = np.full(100, 0.1)
            probability[: next(wrong) if cell.end == "left" else 7] = 0.9
            label = (probability > 0.5).astype(np.int8)
            found[cell.key] = Result("done", {}, {"probability": probability, "label": label})
        return found

    seen: Any = [SimpleNamespace(draw=k) for k in range(4)]
    # Gaps of 0.1, 0.1, 0 and 0 between two fits each: a variance of 0.02 / 4 / 2 for one of them.
    assert scattered(Bench(Made(), fits), seen) == {"left": pytest.approx(0.05)}
