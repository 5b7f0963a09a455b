"""One linear fit, and everything that its answer alone tells: what it minimises, how near it came, what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parity.compare.coefficients import Relation, gap, relation
from parity.compare.minimised import Found, minimised
from parity.compare.stationary import Floats, Problem, Shortfall, loss_of
from parity.compare.tolerance import LOOSE_COEFFICIENTS, PREDICTED

if TYPE_CHECKING:
    from parity.compare.diagnosis import Diagnosis
    from parity.compare.objective import Objective
    from parity.compare.screen_scores import Screened


FAR = 1e-3
"Relative excess by the Newton step above which the objective is too far from quadratic for it."


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What both sides were given. x: (n, p); y: (n,); test: (n_test, p), features: p names."""

    x: Floats
    y: Floats
    test: Floats
    features: tuple[str, ...]

    def columns(self, names: Sequence[str]) -> list[int]:
        """Places of features by name."""
        place = {name: j for j, name in enumerate(self.features)}
        return [place[name] for name in names]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One engine's answer to the rows."""

    name: str
    selected: tuple[str, ...]
    "Features that it used."
    coefficients: Floats
    "(k,) in the order of `selected`; NaN where it gives none (an aliased column)."
    intercept: float
    probability: Floats
    "(n_test,)."
    label: NDArray[np.int8]
    "(n_test,)."
    objective: Objective
    "What it was asked to minimise, as its own settings say."
    standardize: bool = False
    "Whether its penalty is one on the coefficients of columns of unit variance (divisor n - 1)."
    threshold: float = 0.5
    rule: str = ""
    "Its stopping rules in force, in words."
    iterations: int | None = None
    cap: int | None = None
    converged: bool | None = None
    rank_tolerance: float | None = None
    "Share of its length that a column must have beside the others to count, where it has been measured."
    messages: tuple[str, ...] = ()
    screened: Screened | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """One side with what was computed about it."""

    side: Side
    x: Floats
    "(n, k) its features."
    diagnosis: Diagnosis
    found: Found
    minimum: float | None = None
    "The smallest value of what it was asked to minimise; None where there is none or several answers share it."
    resolved: str = ""
    "How it chose among many answers, where the coefficients are not determined."
    predicted: tuple[float, Relation | None] = (0.0, None)
    "Largest gap between its probabilities and those of its own coefficients, and what relates the two."

    @property
    def shortfall(self) -> Shortfall:
        """How far the answer is from the solution of what it minimises."""
        return self.found.shortfall if self.found.supposition and self.found.shortfall else self.found.asked

    @property
    def relative(self) -> float:
        """How far above its minimum the objective is, as a share of the minimum; never below 0.

        Far from the solution the Newton step says too little, and the referee's own minimum is there to compare with.
        """
        found = self.shortfall
        if self.found.supposition is not None or not self.minimum or found.relative <= FAR:
            return max(found.relative, 0.0)
        return max((found.value - self.minimum) / abs(self.minimum), found.relative)

    @property
    def penalised(self) -> bool:
        """Whether a penalty was asked for, or is found in the answer."""
        found = self.found.supposition
        asked = bool(self.side.objective.l1 or self.side.objective.l2)
        return asked or (found is not None and found.code.startswith("penalty"))

    @property
    def own_rank(self) -> int | None:
        """Rank of the design at the engine's own tolerance, columns taken in their order."""
        from parity.compare.diagnosis import aliased

        if self.side.rank_tolerance is None:
            return None
        intercept = self.side.objective.intercept != "none"
        return self.diagnosis.rank.columns - len(aliased(self.x, intercept, self.side.rank_tolerance))

    @property
    def to_go(self) -> float:
        """Largest coefficient of the Newton step that is left, times its column's sd."""
        # Of standardized columns the step is in that unit already.
        unit = 1.0 if self.side.standardize else self.x.std(axis=0)
        return float(np.abs(self.shortfall.step[1:] * unit).max(initial=0))

    @property
    def unsolved(self) -> bool:
        """Whether it solves neither what it was asked to minimise nor anything else that was tried."""
        return self.diagnosis.determined and self.found.supposition is None and not self.found.solved

    @property
    def early(self) -> bool:
        """Whether an early stop accounts for that: it says so itself, or it steps and is on its way down.

        A method that steps from the null model is below it, and predicts by the coefficients that it has reached.
        """
        side, asked = self.side, self.found.asked
        if not self.unsolved:
            return False
        at_cap = side.cap is not None and side.iterations is not None and side.iterations >= side.cap
        if at_cap or side.converged is False:
            return True
        steps = side.iterations is not None or bool(side.rule)
        return steps and asked.value <= asked.null and self.predicted[0] <= PREDICTED.value


def examined(side: Side, rows: Rows) -> Examined:
    """Everything that one side's answer alone tells."""
    from parity.compare.diagnosis import diagnose
    from parity.compare.objective import NoFiniteOptimum, NotMinimised, optimum

    columns = rows.columns(side.selected)
    x, test = rows.x[:, columns], rows.test[:, columns]
    asked, b, c = side.objective, np.nan_to_num(side.coefficients), side.intercept
    penalised_x = x
    if side.standardize:
        centre, sd = x.mean(axis=0), np.maximum(x.std(axis=0, ddof=1), 1e-300)
        penalised_x, b, c = (x - centre) / sd, b * sd, c + float(centre @ b)
    problem = Problem(penalised_x, rows.y, asked.loss, b, c, asked.l1, asked.l2, asked.intercept)
    diagnosis = diagnose(asked, x, rows.y, side.selected)
    best = None
    if diagnosis.determined:
        # The linear program and the rank have the last word on whether there is an optimum; Newton's steps run out of
        # numbers on what is nearly separated.
        with suppress(NoFiniteOptimum, NotMinimised):
            best = optimum(asked, penalised_x, rows.y)
    found = minimised(problem, best.coefficients if best else None)
    resolved = "" if diagnosis.determined else resolution(side, x, rows.y)
    return Examined(side, x, diagnosis, found, best.value if best else None, resolved, predicted(side, x, test))


def resolution(side: Side, x: Floats, y: Floats) -> str:
    """How a side chose among the answers of a problem that has many, found by computing the known choices."""
    missing = int(np.isnan(side.coefficients).sum())
    if missing:
        return f"leaves {missing} of {len(side.coefficients)} coefficients out (aliased)"
    if side.objective.loss == "squares" and not side.objective.l2 and x.size:
        centred, whole = x - x.mean(axis=0), np.column_stack([np.ones(len(x)), x])
        unit = np.maximum(x.std(axis=0), 1e-300)
        if gap(np.linalg.pinv(centred) @ (y - y.mean()), side.coefficients, unit) <= LOOSE_COEFFICIENTS.value:
            return "takes the solution of smallest norm (intercept apart)"
        if gap((np.linalg.pinv(whole) @ y)[1:], side.coefficients, unit) <= LOOSE_COEFFICIENTS.value:
            return "takes the solution of smallest norm (intercept included)"
        return "takes another of the solutions"
    reached = side.converged if side.converged is not None else True
    ended = "stops" if reached else "ends at its cap"
    count = f" after {side.iterations} iterations" if side.iterations is not None else ""
    return f"{ended}{count} with the largest |coefficient| at {np.abs(side.coefficients).max(initial=0):.3g}"


def predicted(side: Side, x: Floats, test: Floats) -> tuple[float, Relation | None]:
    """Largest gap between a side's probabilities and those of its own coefficients, and what relates the two.

    x: (n, k) training and test: (n_test, k) test rows of its features. Where they are not the same, the coefficients
    that the probabilities were computed from are found by least squares from the probabilities themselves.
    """
    b, c = np.nan_to_num(side.coefficients), side.intercept
    eta = test @ b + c
    mean = eta if side.objective.loss == "squares" else loss_of("logistic", np.zeros_like(eta), eta)[1]
    apart = float(np.abs(mean - side.probability).max(initial=0))
    if apart <= PREDICTED.value:
        return apart, None
    if side.objective.loss == "squares":
        usable, used_eta = np.ones(len(eta), bool), side.probability
    else:
        usable = (side.probability > 1e-6) & (side.probability < 1 - 1e-6)
        inside = np.where(usable, side.probability, 0.5)
        used_eta = np.log(inside) - np.log1p(-inside)
    design = np.column_stack([np.ones(len(test)), test])[usable]
    length = np.sqrt((design**2).sum(axis=0))
    if usable.sum() <= design.shape[1] or np.linalg.matrix_rank(design / np.maximum(length, 1e-300)) < design.shape[1]:
        return apart, None
    used = np.linalg.lstsq(design / length, used_eta[usable], rcond=None)[0] / length
    left = np.abs(design @ used - used_eta[usable]).max()
    if left > LOOSE_COEFFICIENTS.value * max(float(np.abs(used_eta[usable]).max()), 1.0):
        return apart, None  # no coefficients of these features give these probabilities
    single = np.abs(np.float32(test).astype(np.float64) @ b + c - used_eta)[usable].max(initial=0)
    if single <= PREDICTED.value:
        return apart, Relation("precision", "are features in float32")
    known = relation(b, c, used[1:], float(used[0]), x.std(axis=0), LOOSE_COEFFICIENTS.value)
    return apart, Relation(known.code, known.sentence.replace("the other", "its coefficients")) if known else None


def cut_of(side: Side) -> str | None:
    """What a side's labels are where they are not its probabilities cut at the specification's threshold."""
    ours = side.probability > side.threshold
    theirs = side.label == 1
    near = np.abs(side.probability - side.threshold) <= PREDICTED.value
    if np.array_equal(ours[~near], theirs[~near]):
        return None
    if np.array_equal(ours[~near], ~theirs[~near]):
        return "labels with the other class"
    zeros, ones = side.probability[~theirs], side.probability[theirs]
    if len(zeros) == 0 or len(ones) == 0:
        return f"gives every test row the label {int(theirs[0])}"
    if zeros.max() <= ones.min():
        return f"cuts between {zeros.max():.4g} and {ones.min():.4g}, not at {side.threshold:g}"
    return "gives labels that no cut of its probabilities gives"
