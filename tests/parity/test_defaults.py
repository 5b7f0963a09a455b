"""`parity defaults`: every parameter of every engine, and diffs that hold against the frameworks themselves."""

from __future__ import annotations

import importlib
import inspect
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from parity.engines.sheet import PACKAGE, engines
from parity.spec.study import METHODS
from tests.parity.conftest import Parity, needs

PAIRS = [
    pytest.param(e.id, m, marks=needs(e.id), id=f"{e.id}-{m}")
    for e in engines().values()
    for m, spec in METHODS.items()
    if spec.family in e.fits
]


@pytest.fixture(scope="module")
def everything(parity: Parity, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """The whole table as a user gets it: engine and method -> its table."""
    path = tmp_path_factory.mktemp("defaults") / "all.json"
    run = parity("defaults", "--json", path)
    assert run.returncode == 0, run.stderr
    document = json.loads(path.read_text())
    schema = json.loads((PACKAGE / "report" / "parity.schema.json").read_text())
    jsonschema.validate(document, schema)
    return {(t["engine"], t["method"]): t for t in document["tables"]}


def diff(parity: Parity, path: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """The rows of a diff by what they are about."""
    run = parity("defaults", *arguments, "--json", path / "diff.json")
    assert run.returncode == 0, run.stderr
    document = json.loads((path / "diff.json").read_text())
    jsonschema.validate(document, json.loads((PACKAGE / "report" / "parity.schema.json").read_text()))
    (found,) = document["diffs"]
    return {**{row["what"]: row for row in found["differences"]}, "all": found}


@pytest.mark.parametrize(("engine", "method"), PAIRS)
def test_every_engine_and_method_is_read(everything: dict, engine: str, method: str) -> None:
    table = everything[engine, method]
    assert table["reason"] == ""
    names = [(p["function"], p["name"]) for p in table["parameters"]]
    assert len(set(names)) == len(names)
    assert any(p["given"] for p in table["parameters"])
    assert any(p["effective_from"] for p in table["parameters"])
    assert any(p["canonical"] for p in table["parameters"])
    # What is said to be in force was read, never copied: without a place it was read from there is no value.
    assert all(p["effective"] is None for p in table["parameters"] if not p["effective_from"])


@pytest.mark.parametrize(
    ("engine", "method", "label", "place"),
    [
        ("py-sklearn", "leekasso-lm", "LinearRegression", "sklearn.linear_model"),
        ("py-sklearn", "leekasso-glm", "LogisticRegression", "sklearn.linear_model"),
        ("py-sklearn", "leekasso-liblinear", "LogisticRegression", "sklearn.linear_model"),
        ("py-sklearn", "mlp-leek", "MLPClassifier", "sklearn.neural_network"),
        ("py-sklearn", "leekasso-lm", "SelectKBest", "sklearn.feature_selection"),
        ("py-statsmodels", "leekasso-lm", "add_constant", "statsmodels.api"),
        ("py-h2o", "mlp-leek", "H2ODeepLearningEstimator", "h2o.estimators"),
        ("py-h2o", "leekasso-glm", "H2OGeneralizedLinearEstimator", "h2o.estimators"),
    ],
)
def test_as_many_parameters_are_listed_as_the_framework_has(
    everything: dict, engine: str, method: str, label: str, place: str
) -> None:
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    real = inspect.signature(getattr(importlib.import_module(place), label)).parameters
    listed = [p["name"] for p in everything[engine, method]["parameters"] if p["function"] == label]
    assert listed == [name for name, p in real.items() if p.kind not in variadic]


def test_scikit_learns_own_count_is_get_params(everything: dict) -> None:
    from sklearn.neural_network import MLPClassifier

    listed = [p for p in everything["py-sklearn", "mlp-leek"]["parameters"] if p["function"] == "MLPClassifier"]
    assert {p["name"]: p["declared"] for p in listed}.keys() == MLPClassifier().get_params().keys()
    assert all(p["effective_from"] for p in listed)


@needs("r-keras3", "py-keras-tensorflow")
def test_both_keras_wrappers_list_the_same_optimizer(everything: dict) -> None:
    def of(engine: str, function: str) -> dict[str, Any]:
        rows = everything[engine, "mlp-leek"]["parameters"]
        return {p["name"]: p["effective"] for p in rows if p["function"] == function and p["effective_from"]}

    ours, theirs = of("r-keras3", "keras3::optimizer_rmsprop"), of("py-keras-tensorflow", "RMSprop")
    assert ours.keys() == theirs.keys()
    assert all(ours[name] == pytest.approx(theirs[name]) for name in ours)


@needs("r-liblinear", "py-sklearn")
def test_liblinear_in_r_and_python_share_the_penalty_and_part_in_the_tolerance(parity: Parity, tmp_path: Path) -> None:
    rows = diff(parity, tmp_path, "leekasso-liblinear", "--diff", "r-liblinear", "py-sklearn")
    assert "penalty.strength" in rows["all"]["agreeing"]
    # LiblineaR's help page: epsilon is 0.01 for type 0; scikit-learn's signature: tol is 1e-4. The rarer class has 18
    # of the 40 rows.
    row = rows["tolerance.gradient_fall"]
    assert (float(row["left"]), float(row["right"])) == (pytest.approx(0.01 * 0.45), pytest.approx(1e-4 * 0.45))


def test_glm_and_logistic_regression_part_in_the_penalty(parity: Parity, tmp_path: Path) -> None:
    rows = diff(parity, tmp_path, "leekasso-glm", "--diff", "r-stats", "py-sklearn")
    assert float(rows["penalty.strength"]["right"]) == pytest.approx(1 / 40)
    assert rows["penalty.strength"]["left"].startswith("no such parameter")
    assert (rows["iterations"]["left"], rows["iterations"]["right"]) == ("25", "100")
    assert (rows["solver"]["left"], rows["solver"]["right"]) == ("irls", "l-bfgs")


@needs("r-h2o", "py-keras-jax")
def test_h2o_and_keras_part_where_their_sources_say(parity: Parity, tmp_path: Path) -> None:
    rows = diff(parity, tmp_path, "mlp-leek", "--diff", "r-h2o", "py-keras-jax")
    assert rows["initial weights"]["left"].endswith("output uniform, 4.0 × Glorot's")  # DeepLearningModelInfo.java
    assert rows["initial weights"]["right"].endswith("output uniform, 1.0 × Glorot's")
    assert rows["end of training"]["left"].startswith("ended early")
    assert (rows["optimizer"]["left"], rows["optimizer"]["right"]) == ("adadelta", "rmsprop")
    assert (rows["batch_size"]["left"], rows["batch_size"]["right"]) == ("1", "32")
    assert (rows["adaptive.decay"]["left"], rows["adaptive.decay"]["right"]) == ("0.99", "0.9")
    # g / sqrt(v + e): RMSprop's 1e-7 under the root is a floor of its root. ADADELTA's constant is another thing.
    assert f"adaptive.epsilon = {math.sqrt(1e-7):.7g}" in rows["all"]["right_only"]
    assert "adaptive.adadelta_epsilon = 1e-08" in rows["all"]["left_only"]
    assert (rows["output layer"]["left"], rows["output layer"]["right"]) == ("2 units", "1 unit")
    # rate is not in force beside H2O's adaptive_rate.
    assert "learning_rate" not in rows and "learning_rate = 0.001" in rows["all"]["right_only"]
    assert rows["columns used"]["left"].startswith("105 of 196")
    assert {"hidden", "activation.hidden", "epochs"} <= set(rows["all"]["agreeing"])
    assert len(rows["all"]["left_unnamed"]) > 30  # shown as having no counterpart, not dropped
    assert all(row["sentence"].endswith(".") for row in rows["all"]["differences"])


@needs("r-keras3", "py-keras-tensorflow")
def test_r_and_pythons_keras_on_tensorflow_ask_for_the_same(parity: Parity, tmp_path: Path) -> None:
    rows = diff(parity, tmp_path, "mlp-leek", "--diff", "r-keras3", "py-keras-tensorflow")
    assert rows["all"]["differences"] == []
    assert len(rows["all"]["agreeing"]) > 30


def test_an_override_is_in_force_and_closes_its_row(parity: Parity, tmp_path: Path) -> None:
    rows = diff(
        parity, tmp_path, "leekasso-glm", "--diff", "r-stats", "py-sklearn", "--override", "py-sklearn.C=Infinity"
    )
    assert "penalty.strength" in rows["all"]["agreeing"]


def test_initial_scale_tells_distributions_and_bounds() -> None:
    from parity.compare.behaviour import initial_scale

    generator = np.random.default_rng(5)
    bound = math.sqrt(6 / (300 + 100))
    uniform = initial_scale(generator.uniform(-4 * bound, 4 * bound, (300, 100)))
    assert (uniform["distribution"], round(uniform["glorot"], 2)) == ("uniform", 4.0)
    assert uniform["he"] == pytest.approx(uniform["glorot"] * math.sqrt(300 / 400))
    normal = initial_scale(generator.normal(0, math.sqrt(2 / 300), (300, 100)))
    assert (normal["distribution"], round(normal["he"], 1)) == ("normal", 1.0)
    assert initial_scale(np.zeros((30, 30)))["distribution"] == "constant"
    assert initial_scale(generator.exponential(size=(100, 100)))["distribution"] == "another shape"


def test_the_lock_in_this_repository_holds_for_the_versions_that_it_names(everything: dict) -> None:
    from parity.compare.lock import compared, frozen, read_lock
    from parity.study.tables import Table

    lock = read_lock(PACKAGE.parent / "parity.lock")
    now = frozen(Table(t["engine"], t["method"], t["versions"], tuple(t["parameters"])) for t in everything.values())
    here = {e: entry for e, entry in lock["engines"].items() if e in now["engines"]}
    same = {e: entry for e, entry in here.items() if entry["versions"] == now["engines"][e]["versions"]}
    if not same:
        pytest.skip("every engine has another version than the lock: `parity defaults --check` says what changed")
    found = compared({**lock, "engines": same}, now)
    assert found.compared > 0
    assert found.changes == ()


def test_the_second_look_comes_from_the_cache(parity: Parity, everything: dict) -> None:
    again = parity(
        "defaults", "--json", "-", PARITY_SHEET=str(PACKAGE / "engines" / "engines.toml"), PATH="/usr/bin:/bin"
    )
    tables = json.loads(again.stdout)["tables"]
    assert {(t["engine"], t["method"]): t["parameters"] for t in tables} == {
        key: table["parameters"] for key, table in everything.items()
    }
