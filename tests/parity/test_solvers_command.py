"""`parity solvers`, as a user runs it: real engines on real draws, readable cards, a valid document, clear refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from parity.engines.environment import missing
from parity.engines.sheet import SHEET, engine
from parity.report.document import SCHEMA_FILE

STUDY = """
data = "digits"
classes = [0, 1]
sizes = [20, 40]
methods = ["leekasso-lm", "leekasso-glm", "leekasso-liblinear"]
"""

needs_sklearn = pytest.mark.skipif(any(g.blocking for g in missing(engine("py-sklearn"))), reason="no scikit-learn")
needs_statsmodels = pytest.mark.skipif(
    any(g.blocking for g in missing(engine("py-statsmodels"))), reason="no statsmodels"
)
needs_r = pytest.mark.skipif(any(g.blocking for g in missing(engine("r-stats"))), reason="no R")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("solvers") / "digits.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def store(study: Path) -> Path:
    return study.with_name("solvers.sqlite")


def steps(document: dict, card: int = 0) -> dict[str, dict]:
    return {step["name"]: step for step in document["cards"][card]["steps"]}


@needs_sklearn
@needs_statsmodels
def test_a_default_penalty_is_named_as_the_first_difference(parity: Callable, study: Path, store: Path):
    ran = parity(
        "solvers", "py-statsmodels", "py-sklearn", "--method", "leekasso-glm", "--study", study, "--n", 40,
        "--store", store, "--json", "-",
    )  # fmt: skip
    document = json.loads(ran.stdout)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    card = document["cards"][0]
    # C = 1 is lambda = 1 / n on the mean loss.
    assert ran.returncode == 1
    assert steps(document)["objective"]["right"].startswith("logistic loss, ridge 0.025")
    if card["first"] == "objective":
        assert card["code"] == "penalty.strength"
    else:  # the screens may part before
        assert card["first"] == "features" and card["code"].startswith("screen: ")


@needs_sklearn
def test_aligned_algorithms_of_one_engine_agree(parity: Callable, study: Path, store: Path):
    ran = parity(
        "solvers", "py-sklearn:lbfgs", "py-sklearn:newton-cholesky", "--method", "leekasso-liblinear",
        "--mode", "aligned", "--study", study, "--n", 40, "--draws", 2, "--store", store, "--json", "-",
    )  # fmt: skip
    document = json.loads(ran.stdout)
    assert len(document["cards"]) == 2
    for i in range(2):
        told = steps(document, i)
        assert told["features"]["verdict"] == "identical"
        assert told["objective"]["verdict"] == "identical"


@needs_sklearn
@needs_r
def test_least_squares_of_r_and_python_on_real_draws(parity: Callable, study: Path, store: Path):
    ran = parity(
        "solvers", "r-stats", "py-sklearn", "--method", "leekasso-lm", "--study", study, "--n", 40, "--store", store
    )
    assert "leekasso-lm, n = 40, draw 0" in ran.stdout
    for name in ("features", "objective", "uniqueness", "optimum", "coefficients", "probabilities", "labels"):
        assert name in ran.stdout
    assert (
        f"rerun           parity solvers r-stats py-sklearn --method leekasso-lm --study {study} --store {store}"
        in ran.stdout
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r-stat", "py-sklearn", "--method", "leekasso-lm"], "did you mean 'r-stats'"),
        (["py-sklearn:newton", "r-stats", "--method", "leekasso-glm"], "'newton"),
        (["py-keras-jax", "py-sklearn", "--method", "leekasso-glm"], "fits no linear model"),
        (["r-stats", "py-sklearn"], "name the --method"),
        (["r-stats", "--method", "leekasso-lm"], "name two engines"),
        (["r-stats", "r-stats", "--method", "leekasso-lm"], "named twice"),
        (["r-stats", "py-sklearn", "--method", "leekaso-lm"], "leekasso-lm"),
        (["r-stats", "py-sklearn", "--method", "mlp-leek"], "no linear model"),
        (["r-stats", "py-sklearn", "--all"], "leave A and B out"),
        (["r-stats", "py-sklearn", "--method", "leekasso-lm", "--draw", "1", "--draws", "2"], "--draw"),
        (["r-stats", "py-sklearn", "--method", "leekasso-lm", "--draw", "-1"], "below 0"),
        (["r-stats", "py-sklearn", "--method", "leekasso-lm", "--n", "1"], "1"),
        (["r-stats", "py-sklearn", "--method", "leekasso-lm", "--study", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_request_is_one_line_that_says_what_would_be_right(parity: Callable, words: list[str], said: str):
    ran = parity("solvers", *words)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


FAULTY_ENGINE = """
from pathlib import Path
from parity.engines.contract import beside
from parity.engines.sheet import engine, engine_file

real = beside(str(engine_file(engine("py-sklearn"))), "sklearn_engine")
defaults, translate = real.defaults, real.translate


def fit(spec, train, test, options):
    {fault}
    return real.fit(spec, train, test, options)
"""

FAULTS = {
    "penalty.strength": ('spec = {**spec, "l2": 2 * spec["l2"]}', "twice what was asked for"),
    "labels of the rows": (
        'y = train["y"].copy(); y[3] = 1 - y[3]; train = {**train, "y": y}',
        "has the other label in row 4",
    ),
    "penalty.intercept": (
        'spec = {**spec, "intercept": "free"}; options = {**options, "overrides": {"solver": "lbfgs"}}',
        "leaves the intercept out of the penalty",
    ),
}


@needs_sklearn
@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_in_somebodys_engine_is_named(parity: Callable, tmp_path: Path, code: str):
    """An engine of one's own, beside the shipped ones, that does not do what it was asked to."""
    fault, said = FAULTS[code]
    (tmp_path / "faulty.py").write_text(FAULTY_ENGINE.replace("{fault}", fault))
    shipped = SHEET.read_text()
    own = shipped[shipped.index("[py-sklearn]") : shipped.index("[py-statsmodels]")]
    own = own.replace("[py-sklearn", "[py-faulty").replace('"sklearn_engine.py"', f'"{tmp_path / "faulty.py"}"')
    (tmp_path / "sheet.toml").write_text(shipped + "\n" + own)
    (tmp_path / "study.toml").write_text(
        'data = "digits"\nclasses = [0, 1]\nsizes = [60]\n'
        '[methods.ridge]\nkind = "leekasso"\nmodel = "liblinear"\ncost = 0.001\n'
    )
    ran = parity(
        "solvers", "py-sklearn:newton-cholesky", "py-faulty:newton-cholesky", "--method", "ridge", "--mode", "aligned",
        "--study", tmp_path / "study.toml", "--n", 60, "--store", tmp_path / "store.sqlite", "--json", "-",
        PARITY_SHEET=str(tmp_path / "sheet.toml"),
    )  # fmt: skip
    card = json.loads(ran.stdout)["cards"][0]
    assert (card["first"], card["code"]) == ("objective", code)
    assert said in next(step["sentence"] for step in card["steps"] if step["name"] == "objective")
