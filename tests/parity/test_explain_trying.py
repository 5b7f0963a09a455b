"""Changes that are hidden inside an engine's fit are found by trying, named, and shown to hold on other draws."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from parity.data import load
from parity.engines import own_engine
from parity.engines.sheet import SHEET, engine, engine_file
from parity.explain.bench import Bench
from parity.explain.experiment import observed
from parity.explain.places import alike_rows, row_rules
from parity.explain.screened import screened_columns
from parity.explain.simulated import Model
from parity.explain.supposed import Given, Supposition, simulated, sought
from parity.explain.treatment import Case, Difference, Side
from parity.explain.trying import tried
from parity.run import able
from parity.spec.protocol import make_draws
from parity.spec.study import METHODS, preset
from parity.study.executor import Executor
from parity.study.store import Store
from tests.parity.conftest import fitting, needs, of_explain

pytestmark = of_explain

N, DRAWS = 40, 4

needs_r = needs("r-stats")

PYTHON = {
    "nothing": "pass",
    "standardized": "m, s = train['x'].mean(0), train['x'].std(0)\n    s = np.where(s == 0, 1, s)\n"
    "    train['x'], test['x'] = (train['x'] - m) / s, (test['x'] - m) / s",
    "pixels to 1": "train['x'], test['x'] = train['x'] / 255, test['x'] / 255",
    "first label": "y = train['y'].copy(); y[0] = 1 - y[0]; train['y'] = y",
    "two labels": "y = train['y'].copy(); y[[2, -1]] = 1 - y[[2, -1]]; train['y'] = y",
    "a drawn label": "y = train['y'].copy(); i = np.random.default_rng(options['seed']).integers(len(y))\n"
    "    y[i] = 1 - y[i]; train['y'] = y",
    "every other row": "train['x'], train['y'], train['rows'] = train['x'][::2], train['y'][::2], train['rows'][::2]",
    "last tenth": "k = len(train['y']) // 10\n"
    "    train['x'], train['y'], train['rows'] = train['x'][:-k], train['y'][:-k], train['rows'][:-k]",
    "third column": "x = train['x'].copy()\n    x[:, train['features'].index(options['selected'][2])] = 0\n"
    "    train['x'] = x",
    "C times 10": "o = dict(options['overrides']); o['C'] = 10 * o.get('C', 1.0); options['overrides'] = o",
    "C over 3": "o = dict(options['overrides']); o['C'] = o.get('C', 1.0) / 3; options['overrides'] = o",
    "six steps": "options['overrides'] = {**options['overrides'], 'maxiter': 6}",
    "no intercept": "options['overrides'] = {**options['overrides'], 'fit_intercept': False}",
    "float32": "train['x'], test['x'] = train['x'].astype(np.float32), test['x'].astype(np.float32)",
    "square roots": "train['x'], test['x'] = np.sqrt(train['x']), np.sqrt(test['x'])",
    "ink or none": "train['x'], test['x'] = 255.0 * (train['x'] > 127), 255.0 * (test['x'] > 127)",
    "test pixels to 1": "test['x'] = test['x'] / 255",
    "each by itself": "train['x'], test['x'] = ((x - x.mean(0)) / np.where(x.std(0) == 0, 1, x.std(0))\n"
    "                              for x in (train['x'], test['x']))",
    "ones thrice": "options['overrides'] = {**options['overrides'], 'class_weight': {0: 1.0, 1: 3.0}}",
    "rows of ones again": "i = np.flatnonzero(train['y'] == 1); i = np.concatenate([np.arange(len(train['y'])), i])\n"
    "    train['x'], train['y'], train['rows'] = train['x'][i], train['y'][i], train['rows'][i]",
}
"Name of a change -> what it does to a fit, in Python."

IN_R = {
    "nothing": "",
    "first label": "train$y[1] <- 1L - train$y[1]",
    "every other row": "k <- seq(1, nrow(train$x), 2); train$x <- train$x[k, , drop = FALSE]\n"
    "  train$y <- train$y[k]; train$rows <- train$rows[k]",
    "five steps": "options$overrides$maxit <- 5L",
    "two labels": "train$y[c(3, 8)] <- 1L - train$y[c(3, 8)]",
}


def plant(folder: Path, base: str, changes: Sequence[str]) -> str:
    """A copy of a shipped engine with these changes inside its fit; its `defaults` and `translate` know nothing."""
    shipped, table = engine(base), tomllib.loads(SHEET.read_text())[base]
    name = "-".join([base, *changes]).replace(" ", "-")[-40:].strip("-")
    packages = ", ".join(f'"{package}" = "{wanted}"' for package, wanted in table["packages"].items())
    lines = [f'id = "{name}"', f"fits = {list(shipped.fits)}", f"names = {list(shipped.names)}"]
    lines += [f'screen = "{shipped.screen}"', f"packages = {{ {packages} }}"]
    head = "".join(f"# {line}\n" for line in ("/// parity", *lines, "///"))
    code = engine_file(shipped).read_text()
    if shipped.language == "R":
        body = "\n  ".join(IN_R[change] for change in changes)
        code = code.replace("\nfit <- function(", "\nshipped <- function(")
        code += (
            f"\nfit <- function(spec, train, test, options) {{\n  {body}\n  shipped(spec, train, test, options)\n}}\n"
        )
    else:
        body = "\n    ".join(PYTHON[change] for change in changes)
        code = code.replace("\ndef fit(spec", "\ndef shipped(spec")
        code += "\n\nimport numpy as np\n\n\ndef fit(spec, train, test, options):\n"
        code += f"    train, test, options = dict(train), dict(test), dict(options)\n    {body}\n"
        code += "    return shipped(spec, train, test, options)\n"
    path = folder / f"{name}.{'R' if shipped.language == 'R' else 'py'}"
    path.write_text(head + code, encoding="utf-8")
    return str(path)


class Find(Protocol):
    """What trying finds between an engine and its plant, in sets of up to `most` changes."""

    def __call__(self, base: str, method: str, changes: Sequence[str], most: int = 3) -> list[Difference]: ...


@contextmanager
def finding(folder: Path, plants: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Find]:
    """All plants share their workers, and have to be known before these start."""
    before = os.environ.get(own_engine.VARIABLE)
    os.environ[own_engine.VARIABLE] = "{}"
    paths = {(base, tuple(changes)): plant(folder, base, changes) for base, changes in plants}
    engines = {key: engine(path) for key, path in paths.items()}
    study = preset("leek2017")
    protocol = dataclasses.replace(study.protocol, sizes=(N,), draws=DRAWS)
    data = load(study.data)
    draws = make_draws(protocol, data)
    try:
        with (
            Store(folder / "store.sqlite", writing=True) as store,
            Executor(store, study.data, data, draws).held() as executor,
        ):
            fits = fitting(store, executor)

            def find(base: str, method: str, changes: Sequence[str], most: int = 3) -> list[Difference]:
                left, right = engine(base), engines[base, tuple(changes)]
                running, _ = able([left, right])
                sides = Side("left", left, running[left.id]), Side("right", right, running[right.id])
                case = Case(method, METHODS[method], "shipped", data, draws, 0.01, *sides)
                bench = Bench(case, fits)
                seen = observed(bench, draws.train)
                assert all(result.status == "done" for each in seen for result in each.fitted.values())
                screened = screened_columns(case, seen)
                known = [way for way in screened.ways if way.end == "left"] if screened is not None else []
                return tried(bench, seen, known, bench.tolerances(seen), most=most)

            yield find
    finally:
        if before is None:
            os.environ.pop(own_engine.VARIABLE)
        else:
            os.environ[own_engine.VARIABLE] = before


HIDDEN: list[tuple[str, str, tuple[str, ...], dict[str, str]]] = [
    ("py-sklearn", "leekasso-glm", ("nothing",), {}),
    ("py-sklearn", "leekasso-glm", ("standardized",), {"input_scaling": "standardized"}),
    ("py-sklearn", "leekasso-glm", ("C times 10",), {"penalty.strength": "0.1 times"}),
    ("py-sklearn", "leekasso-glm", ("float32",), {"precision": "float32"}),
    (
        "py-sklearn",
        "leekasso-glm",
        ("last tenth", "pixels to 1", "C over 3"),
        {"rows": "the last 10 % of the rows", "input_scaling": "divided by 255", "penalty.strength": "3 times"},
    ),
    (
        "py-sklearn",
        "leekasso-glm",
        ("standardized", "first label"),
        {"input_scaling": "standardized", "labels": "the first row"},
    ),
    ("py-sklearn", "leekasso-glm", ("square roots",), {"input_scaling": "square roots"}),
    ("py-sklearn", "leekasso-glm", ("ink or none",), {"input_scaling": "1 where they are above 127, times 255"}),
    ("py-sklearn", "leekasso-glm", ("test pixels to 1",), {"input_scaling": "the test rows alone divided by 255"}),
    (
        "py-sklearn",
        "leekasso-lm",
        ("each by itself",),
        {"input_scaling": "standardized by its own means"},
    ),
    ("py-sklearn", "leekasso-glm", ("ones thrice",), {"class.weights": "class_weight = {0: 1.0, 1: 3.0}"}),
    ("py-sklearn", "leekasso-lm", ("rows of ones again",), {"class.weights": "rows of class 1 count 2 times"}),
    ("py-sklearn", "leekasso-lm", ("two labels",), {"labels": "rows 3, 40"}),
    ("py-sklearn", "leekasso-lm", ("a drawn label",), {"labels": "1 of the rows, others on every draw"}),
    ("py-sklearn", "leekasso-liblinear", ("no intercept",), {"intercept": "fit_intercept = false"}),
    ("py-statsmodels", "leekasso-glm", ("nothing",), {}),
    ("py-statsmodels", "leekasso-glm", ("every other row",), {"rows": "every 2nd row, from row 2 on"}),
    ("py-statsmodels", "leekasso-glm", ("six steps",), {"iterations": "maxiter = 6"}),
    (
        "py-statsmodels",
        "leekasso-glm",
        ("first label", "third column"),
        {"labels": "the first row", "columns": "the 3rd of the screened columns"},
    ),
]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    with finding(tmp_path_factory.mktemp("plants"), [(base, changes) for base, _, changes, _ in HIDDEN]) as found:
        yield found


def name_of(value: object) -> str:
    """Of a parameter of a test."""
    return "+".join(value) if isinstance(value, tuple) else value if isinstance(value, str) else ""


def said(differences: Sequence[Difference]) -> dict[str, str]:
    """What the planted side, which is the right one, is told to do."""
    return {each.name: each.right for each in differences}


@pytest.mark.slow
@pytest.mark.parametrize(("base", "method", "changes", "expected"), HIDDEN, ids=name_of)
def test_what_is_hidden_in_a_fit_is_found_and_nothing_else(
    find: Find, base: str, method: str, changes: Sequence[str], expected: dict[str, str]
):
    found = find(base, method, changes)
    told = said(found)
    assert set(told) == set(expected), told
    for name, words in expected.items():
        assert words in told[name]
    for each in found:
        assert each.found == "tried"
        assert ("whose rows were sought on each" if "a drawn label" in changes else "the search saw 1") in each.evidence
        # The side that does not do it can be made to.
        assert any(way.end == "left" for way in each.ways) or each.name == "penalty.strength"


IN_R_HIDDEN: list[tuple[tuple[str, ...], int, dict[str, str]]] = [
    (("five steps",), 3, {"iterations": "maxit = 5"}),
    # glm then diverges, which no simulated fit repeats. Where no set explains it, every pair of rows is tried.
    (("two labels",), 0, {"labels": "rows 3, 8"}),
]


@needs_r
@pytest.mark.slow
def test_what_is_hidden_in_a_fit_of_r_is_found_as_well(tmp_path: Path):
    with finding(tmp_path, [("r-stats", changes) for changes, _, _ in IN_R_HIDDEN]) as find:
        for changes, most, expected in IN_R_HIDDEN:
            told = said(find("r-stats", "leekasso-glm", changes, most=most))
            assert set(told) == set(expected) and all(words in told[name] for name, words in expected.items()), told


def separated(n: int = 30) -> Given:
    """Two overlapping classes of four columns, fitted with a ridge."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(n, 4)) * [1, 3, 10, 30], (np.arange(n) // 2 % 2).astype(np.float64)
    return Given(Model("logistic", 1.0), x + y[:, None], y, rng.normal(size=(50, 4)) * [1, 3, 10, 30])


@pytest.mark.parametrize(
    "truth",
    [
        Supposition(flipped=frozenset({3, 11})),
        Supposition(scaling="standardize", penalty=3.0, flipped=frozenset({1})),
        Supposition(without=2, left_out=frozenset(range(0, 30, 2))),
    ],
    ids=["two labels", "three changes", "column and rows"],
)
def test_a_set_of_changes_is_recovered_from_predicted_values_alone(truth: Supposition):
    given = separated()
    best = sought(given, simulated(given, [truth])[0], 3, 1e-9)[0].supposition
    assert (best.scaling, best.without, best.flipped, best.left_out) == (
        truth.scaling,
        truth.without,
        truth.flipped,
        truth.left_out,
    )
    assert best.penalty == pytest.approx(truth.penalty, rel=0.02)


def test_rows_that_no_fit_can_tell_apart_are_all_considered():
    x, y = np.array([[1.0], [2.0], [2.0], [3.0]]), np.array([0, 1, 1, 0], dtype=np.int8)
    rules = row_rules(frozenset({2}), y, alike_rows(x, y))
    assert {rule.places(4, y) for rule in rules} == {frozenset({1}), frozenset({2})}
    assert "the first row of class 1" in {rule.words for rule in rules}
