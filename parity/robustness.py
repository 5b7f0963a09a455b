"""Is liblinear more robust? The gap between two linear fits split, draw by draw, along a chain of single changes.

In 2017 the rebuttal guessed that "the Python version uses liblinear, which I would guess is a little more robust than
the default solvers in R". The chain runs from R's answer to liblinear's on the same rows; between two links one thing
changes, so the changes of test accuracy add up to the gap.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from parity.compare.objective import NoFiniteOptimum, NotMinimised, Objective, optimum
from parity.errors import NothingCompared, RequestError
from parity.spec.models import Leekasso
from parity.spec.screen import neutral_screen

if TYPE_CHECKING:
    from parity.compare.diagnosis import Diagnosis
    from parity.data import Data
    from parity.spec.protocol import Draw, Draws
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.store import Result

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Pixels = Literal["own", "same"]
Watch = Callable[["Cell", "Result", int, int], object]

LIMIT = 1e-8
"Ridge that stands for none, as a share of the one that C means. Where classes are separated nothing is minimised "
"without a ridge; the labels of its minimum still have a limit as the ridge goes to 0 (Rosset, Zhu and Hastie 2004, "
"JMLR 5, 941: the plane of largest margin)."

BEYOND = 1e-2
"The limit's labels are compared with those of a ridge that is again this share of it."

SETTLED = 2e-4
"Mean share of test labels that the step beyond the limit may move: a tenth of the difference that counts."

NOT_ASKED = "it was not asked for"

PARTS = {
    "screen-a": "the shared pixels replace those of {a}",
    "solver-a": "the exact solution replaces the answer of {a}, on the columns that it kept",
    "rank": "the columns that {a} left out as aliased come back in",
    "loss": "the logistic loss replaces the squared one",
    "penalty": "the ridge that C means comes in",
    "intercept": "the intercept is penalised like a coefficient",
    "solver-b": "the answer of {b} replaces the exact solution",
    "screen-b": "the pixels of {b} replace the shared ones",
}
"What changes at each link of the chain from a to b, in its order."

GROUPS = {
    "solver": ("solver-a", "solver-b"),
    "problem": ("rank", "loss", "penalty", "intercept"),
    "screen": ("screen-a", "screen-b"),
}
"solver: how an answer is found. problem: which answer is asked for. screen: from which pixels."


@dataclass(frozen=True, slots=True)
class Contender:
    """One engine's fit of one method."""

    engine: str
    method: str
    label: str
    "As pictures and sentences call it."


R_LM = Contender("r-stats", "leekasso-lm", "R's lm")
R_GLM = Contender("r-stats", "leekasso-glm", "R's glm")
LIBLINEAR_R = Contender("r-liblinear", "leekasso-liblinear", "LiblineaR (C=1e6)")
LIBLINEAR_PYTHON = Contender("py-sklearn", "leekasso-liblinear", "scikit-learn's liblinear (C=1e6)")

CONTENDERS = (
    R_LM,
    Contender("py-sklearn", "leekasso-lm", "LinearRegression"),
    Contender("py-statsmodels", "leekasso-lm", "statsmodels OLS"),
    R_GLM,
    Contender("py-statsmodels", "leekasso-glm", "statsmodels GLM"),
    Contender("py-sklearn", "leekasso-glm", "LogisticRegression (C=1)"),
    LIBLINEAR_R,
    LIBLINEAR_PYTHON,
    Contender("py-h2o", "leekasso-lm", "H2O's GLM, gaussian"),
    Contender("py-h2o", "leekasso-glm", "H2O's GLM, binomial"),
)

ON_REQUEST = ("py-h2o",)
"Fitted only where they are asked for: a fit through H2O's server takes some hundred times as long as the others."

PAIRS = ((R_GLM, LIBLINEAR_PYTHON), (R_GLM, LIBLINEAR_R), (R_LM, LIBLINEAR_PYTHON))
"The first is the rebuttal's R, the second what it guessed to be more robust."


@dataclass(frozen=True, slots=True, eq=False)
class Ten:
    """One draw on the pixels of the neutral screen. x: (n, k), y: (n,), test: (n_test, k), truth: (n_test,)."""

    n: int
    index: int
    names: tuple[str, ...]
    x: Floats
    y: Floats
    test: Floats
    truth: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one contender made of one draw."""

    label: Labels
    "(n_test,)."
    left_out: frozenset[str]
    "Features that it screened and gave no coefficient (aliased)."
    converged: bool | None
    warned: bool


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """A chain over one draw: the labels before its first change, then those after each."""

    n: int
    index: int
    parts: tuple[str, ...]
    right: tuple[int, ...]
    "Test rows labelled rightly, one more than parts."
    moved: tuple[int, ...]
    "Test labels that each part changes."


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Everything that the study measured. not_run and refused: reasons in words."""

    study: Study
    contenders: tuple[Contender, ...]
    data: Data
    draws: Draws
    diagnoses: dict[tuple[int, int], Diagnosis]
    answers: dict[tuple[Contender, Pixels], dict[tuple[int, int], Answer]]
    chains: dict[tuple[Contender, Contender], list[Links]]
    unsettled: tuple[float, float]
    "Mean and largest share of test labels that a step beyond the limit of no ridge moves."
    not_run: tuple[dict[str, str], ...]
    refused: dict[str, int]
    "Why a fit or a chain is missing -> how often."


def measure(
    study: Study,
    engine_ids: Sequence[str] = (),
    *,
    store: Path,
    jobs: int = 0,
    watch: Watch = lambda cell, result, done, wanted: None,
) -> Measured:
    """Fit what the store lacks, and split every gap. Raises NothingCompared where no engine asked for runs here."""
    from parity.compare.diagnosis import diagnose
    from parity.data import load
    from parity.engines.sheet import engine
    from parity.run import able
    from parity.spec.protocol import make_draws

    fitting = list(dict.fromkeys(c.engine for c in CONTENDERS))
    for each in engine_ids:
        if engine(each).id not in fitting:
            raise RequestError(f"engine {each} is not part of this study; these are: {', '.join(fitting)}")
    ids = list(engine_ids) or [each for each in fitting if each not in ON_REQUEST]
    running, idle = able([engine(each) for each in dict.fromkeys(ids)])
    asked = [c for c in CONTENDERS if c.engine in running and c.method in study.methods]
    if not asked:
        reasons = "; ".join(f"{e['engine']}: {e['reason']}" for e in idle) or "they fit none of the linear methods"
        raise NothingCompared(f"none of these engines runs here ({reasons}); see `parity doctor`")
    data = load(study.data)
    draws = make_draws(study.protocol, data)
    tens = [ten(study.methods[R_GLM.method], data, draws, draw) for draw in draws.train]
    answers, refused = _answers(study, asked, tens, data, draws, running, store, jobs, watch)
    idle += [
        {"engine": each, "reason": NOT_ASKED, "mend": f"parity robustness --engine {each}"}
        for each in fitting
        if each not in ids
    ]
    chains = {}
    for pair in PAIRS:
        if all(contender in asked for contender in pair):
            chains[pair] = list(_chains(study, *pair, tens, answers, refused))
    return Measured(
        study,
        tuple(asked),
        data,
        draws,
        {(each.n, each.index): diagnose(Objective("logistic"), each.x, each.y, each.names) for each in tens},
        answers,
        chains,
        settled(tens, _cost(study)),
        tuple(idle),
        refused,
    )


def ten(spec: Any, data: Data, draws: Draws, draw: Draw) -> Ten:
    """A draw on the pixels that the specification's neutral screen keeps; ties may leave fewer or more than ten."""
    x, y = np.asarray(data.x[draw.rows], dtype=np.float64), data.y[draw.rows]
    kept = neutral_screen(spec, x, y)
    names = tuple(data.features[j] for j in kept)
    test = np.asarray(data.x[draws.test][:, kept], dtype=np.float64)
    return Ten(draw.n, draw.index, names, x[:, kept], y.astype(np.float64), test, data.y[draws.test] == 1)


def _answers(
    study: Study,
    asked: Sequence[Contender],
    tens: Sequence[Ten],
    data: Data,
    draws: Draws,
    running: dict[str, dict[str, str]],
    path: Path,
    jobs: int,
    watch: Watch,
) -> tuple[dict[tuple[Contender, Pixels], dict[tuple[int, int], Answer]], dict[str, int]]:
    from parity.engines.sheet import engine
    from parity.study.cells import cell
    from parity.study.fill import filled

    cells: dict[tuple[Contender, Pixels, int, int], Cell] = {}
    for contender in asked:
        sheet, spec = engine(contender.engine), study.methods[contender.method]
        for draw, each in zip(draws.train, tens, strict=True):
            # As `parity run` makes it, so that a store which holds the study's fits is not asked for them twice.
            rest = (sheet, contender.method, spec, data, draws.test, draw, running[contender.engine], study.mode)
            own = cell(*rest, study.overrides.get(contender.engine, {}))
            cells[contender, "own", draw.n, draw.index] = own
            shared = own  # an engine without a screen of its own is on the neutral screen's pixels anyway
            if sheet.screen != "neutral":
                shared = cell(*rest, own.identity["overrides"], observe={"selected": list(each.names)})
            cells[contender, "same", draw.n, draw.index] = shared
    answers: dict[tuple[Contender, Pixels], dict[tuple[int, int], Answer]] = {}
    refused: dict[str, int] = {}
    reasons: dict[tuple[Contender, Pixels], str] = {}
    results = filled(cells.values(), study.data, data, draws, path, jobs, watch)
    for (contender, pixels, n, index), wanted in cells.items():
        result = results[wanted.key]
        if result is not None and result.status == "done":
            answers.setdefault((contender, pixels), {})[n, index] = answer(result)
        else:
            why = result.reason if result else "it was not fitted before the run ended"
            where = "its own" if pixels == "own" else "the shared"
            # The first reason stands for all: some bring a time of day along.
            first = reasons.setdefault((contender, pixels), why)
            _count(refused, f"{contender.engine} {contender.method} on {where} pixels: {first}")
    return answers, refused


def _count(reasons: dict[str, int], why: str) -> None:
    reasons[why] = reasons.get(why, 0) + 1


def answer(result: Result) -> Answer:
    """What the chain needs of a stored fit."""
    return Answer(
        result.arrays["label"] == 1,
        frozenset(name for name, value in result.coefficients.items() if value is None),
        result.facts.get("converged"),
        bool(result.facts.get("messages")),
    )


def _chains(
    study: Study,
    first: Contender,
    second: Contender,
    tens: Sequence[Ten],
    answers: Mapping[tuple[Contender, Pixels], Mapping[tuple[int, int], Answer]],
    refused: dict[str, int],
) -> Iterator[Links]:
    specs = study.methods[first.method], study.methods[second.method]
    assert isinstance(specs[0], Leekasso) and isinstance(specs[1], Leekasso)
    for each in tens:
        key = (each.n, each.index)
        own_a, same_a, own_b, same_b = (
            answers.get((who, pixels), {}).get(key) for who in (first, second) for pixels in ("own", "same")
        )
        try:
            if not each.names:
                same_a, same_b = same_a or intercept_only(each, specs[0]), same_b or intercept_only(each, specs[1])
            if own_a and same_a and own_b and same_b:  # a fit that is missing has been counted
                yield chain(each, specs[0], specs[1], (own_a, same_a), (own_b, same_b))
        except (NoFiniteOptimum, NotMinimised) as error:
            _count(refused, f"the referee, on {first.label} and {second.label}: {error}")


def intercept_only(each: Ten, spec: Leekasso) -> Answer:
    """The exact solution where ties leave the shared screen without a column: engines that need one refuse such rows.

    What another screen brings is then counted as that screen's part.
    """
    penalised = spec.model == "liblinear"
    objective = Objective("logistic", l2=ridge_of(spec, each.n), intercept="penalised" if penalised else "free")
    label = exact_labels(each, (), Objective("squares") if spec.model == "lm" else objective)
    return Answer(label, frozenset(), None, warned=False)


def chain(each: Ten, spec_a: Leekasso, spec_b: Leekasso, a: tuple[Answer, Answer], b: tuple[Answer, Answer]) -> Links:
    """The chain from a to b over one draw; a and b: answers on their own pixels and on the shared ones.

    spec_b is a penalised logistic regression, spec_a bears no penalty. NoFiniteOptimum or NotMinimised where the
    referee has no solution.
    """
    (own_a, same_a), (own_b, same_b) = a, b
    every = tuple(range(len(each.names)))
    kept = tuple(j for j in every if each.names[j] not in same_a.left_out)
    ridge = ridge_of(spec_b, each.n)
    loss: Literal["squares", "logistic"] = "squares" if spec_a.model == "lm" else "logistic"
    none, free = Objective("logistic", l2=LIMIT * ridge), Objective("logistic", l2=ridge)
    asked = none if loss == "logistic" else Objective("squares")
    steps: list[tuple[str, Labels]] = [
        ("screen-a", same_a.label),
        ("solver-a", exact_labels(each, kept, asked)),
        ("rank", exact_labels(each, every, asked)),
        *([("loss", exact_labels(each, every, none))] if loss == "squares" else []),
        ("penalty", exact_labels(each, every, free)),
        ("intercept", exact_labels(each, every, replace(free, intercept="penalised"))),
        ("solver-b", same_b.label),
        ("screen-b", own_b.label),
    ]
    labels = [own_a.label, *(label for _, label in steps)]
    return Links(
        each.n,
        each.index,
        tuple(name for name, _ in steps),
        tuple(int((label == each.truth).sum()) for label in labels),
        tuple(int((one != other).sum()) for one, other in zip(labels, labels[1:], strict=False)),
    )


def ridge_of(spec: Leekasso, n: int) -> float:
    """Lambda on the mean loss that a cost C means: LIBLINEAR minimises C * sum(loss) + |w|^2 / 2."""
    return 1 / ((1.0 if spec.cost is None else spec.cost) * n)


def _cost(study: Study) -> Leekasso:
    spec = study.methods[LIBLINEAR_PYTHON.method]
    assert isinstance(spec, Leekasso)
    return spec


@functools.lru_cache(maxsize=4096)
def exact_labels(each: Ten, columns: tuple[int, ...], objective: Objective) -> Labels:
    """Test labels (n_test,) of an objective's exact solution on some of a draw's columns; kept, as chains share them.

    Least squares without a ridge: the solution of smallest norm, which is the limit of a ridge that goes to 0 (Hastie,
    Tibshirani and Friedman 2009, exercise 3.12); labels are cut at one half.
    """
    x, test = each.x[:, list(columns)], each.test[:, list(columns)]
    if objective.loss == "squares":
        centre, mean = x.mean(axis=0), each.y.mean()
        coefficients = np.linalg.lstsq(x - centre, each.y - mean, rcond=None)[0]
        return np.asarray((test - centre) @ coefficients + mean > 1 / 2)
    found = optimum(objective, x, each.y)
    return np.asarray(test @ found.coefficients + found.intercept > 0)


def settled(tens: Iterable[Ten], spec: Leekasso) -> tuple[float, float]:
    """Mean and largest share of test labels that move where the ridge is taken beyond the limit."""
    shares = []
    for each in tens:
        ridge, every = LIMIT * ridge_of(spec, each.n), tuple(range(len(each.names)))
        try:
            labels = [exact_labels(each, every, Objective("logistic", l2=ridge * share)) for share in (1, BEYOND)]
        except (NoFiniteOptimum, NotMinimised):
            continue  # its chains have been counted
        shares.append(float((labels[0] != labels[1]).mean()))
    return (float(np.mean(shares)), max(shares)) if shares else (math.nan, math.nan)
