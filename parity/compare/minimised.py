"""What an answer really minimises: suppositions about the problem, each tried on the answer itself.

Nothing is taken from a manual. Coefficients that are stationary for the objective that was asked for solve it. Where
they are not, each supposition changes one thing (another penalty, an intercept penalised, the classes swapped, columns
in another order, a row left out, float32 features …), and one under which they are stationary says what was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parity.compare.stationary import Floats, Mean, Problem, Shortfall, design_of, loss_of, shortfall

SOLVED = 1e-8
"Relative excess of an objective that counts as none: the ladder's tolerance for a convex optimum in float64."

PLAUSIBLE = 1e-5
"A supposition may leave this relative excess: a solver that stops by its own loose rule still solves its own problem."

TELLING = 1e-3
"It must explain all but this share of the excess under the problem that was asked for."

ALIKE = 100.0
"Suppositions whose excesses lie within this factor explain an answer equally well; the simplest is taken."

FACTORS = (2.0, 3.0, 4.0, 10.0, 100.0, 255.0)
"By which coefficients are multiplied or divided by mistake: a loss halved or doubled, a unit, pixels scaled to 1."

SMALLEST_CHANGE = 1e-3
"A penalty or a weight that differs by less than this share from what was asked is not a finding."


@dataclass(frozen=True, slots=True, eq=False)
class Supposition:
    """One change of the problem under which an answer may turn out to be a solution."""

    code: str
    "Canonical parameter, or a word for what no parameter names."
    sentence: str
    "What was done, said of the side whose answer it is."
    problem: Problem
    ratio: float | None = None
    "Value found over value asked for, where the change has a size."


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What an answer minimises: None for `supposition` where it is what was asked for, or where nothing fits."""

    asked: Shortfall
    supposition: Supposition | None
    shortfall: Shortfall | None
    "That of the supposition."

    @property
    def solved(self) -> bool:
        """Whether the answer solves the problem that was asked for."""
        return self.supposition is None and self.asked.relative <= max(SOLVED, 10 * self.asked.floor)


def minimised(problem: Problem, reference: Floats | None = None) -> Found:
    """What the answer in `problem` minimises.

    reference: (p,) coefficients that solve the problem, by which columns in another order are recognised. Meant for
    problems with one solution (full rank, not separated); elsewhere nothing is there to recognise.
    """
    asked = shortfall(problem)
    if asked.relative <= max(SOLVED, 10 * asked.floor):
        # So good an answer can still tell in which precision its features were.
        single = _in_single_precision(problem, asked)
        return Found(asked, *single) if single else Found(asked, None, None)
    tried = [(each, shortfall(each.problem)) for each in suppositions(problem, reference)]
    fits = [
        (each, found)
        for each, found in tried
        if found.relative <= max(PLAUSIBLE, 10 * found.floor)
        and found.excess <= TELLING * asked.excess
        # Where a loss has saturated its gradient vanishes far from any solution.
        and found.value <= found.null * (1 + SOLVED)
    ]
    if not fits:
        return Found(asked, None, None)
    best = min(max(found.relative, found.floor) for _, found in fits)
    each, found = next((e, f) for e, f in fits if max(f.relative, f.floor) <= ALIKE * max(best, 1e-14))
    return Found(asked, each, found)


def suppositions(problem: Problem, reference: Floats | None = None) -> Iterator[Supposition]:
    """Every change that is tried, the simplest first."""
    yield from _classes(problem)
    yield from _intercepts(problem)
    yield from _penalty(problem)
    yield from _scaling(problem)
    yield from _intercept_alone(problem)
    yield from _missing_columns(problem)
    yield from _order(problem, reference)
    yield from _precision(problem)
    yield from _multiplied(problem)
    yield from _rows(problem)
    yield from _class_weights(problem)
    yield from _losses(problem)
    yield from _penalty_and_intercept(problem)


def times(ratio: float, n: int) -> str:
    """A ratio in words where it is one that mistakes make."""
    known = {2.0: "twice", 0.5: "half", float(n): f"n = {n} times", 1.0 / n: f"1/n (1/{n}) of"}
    for value, word in known.items():
        if abs(ratio / value - 1) < SMALLEST_CHANGE:
            return word
    return f"{ratio:.4g} times"


def _in_single_precision(problem: Problem, asked: Shortfall) -> tuple[Supposition, Shortfall] | None:
    for each in _precision(problem):
        found = shortfall(each.problem)
        if asked.relative > 100 * asked.floor and found.excess <= 0.01 * asked.excess:
            return each, found
    return None


def _classes(problem: Problem) -> Iterator[Supposition]:
    if problem.loss == "squares":
        swapped = replace(problem, b=-problem.b, c=1 - problem.c)
    else:
        swapped = replace(problem, b=-problem.b, c=-problem.c)
    yield Supposition("class order", "models the probability of class 0 in place of class 1", swapped)


def _intercepts(problem: Problem) -> Iterator[Supposition]:
    if problem.intercept != "none":
        said = "has no intercept" if problem.c == 0 else "fits its slopes as if without an intercept, and reports one"
        yield Supposition("intercept", said, replace(problem, intercept="none", c=0.0))
    else:
        yield Supposition("intercept", "has an intercept", replace(problem, intercept="free"))
    if np.any(problem.l2) or problem.l1:
        other: Literal["free", "penalised"] = "free" if problem.intercept == "penalised" else "penalised"
        said = "penalises the intercept" if other == "penalised" else "leaves the intercept out of the penalty"
        yield Supposition("penalty.intercept", said, replace(problem, intercept=other))


def _intercept_alone(problem: Problem) -> Iterator[Supposition]:
    best = _best_intercept(problem) if problem.intercept == "free" else None
    if best is not None:
        said = f"reports an intercept that alone is {problem.c - best:+.6g} away from a solution"
        yield Supposition("intercept", said, replace(problem, c=best))


def _best_intercept(problem: Problem) -> float | None:
    """The intercept that solves the problem beside these coefficients; None where Newton's steps do not settle."""
    c = problem.c
    for _ in range(100):
        eta = problem.x @ problem.b + c
        _, slope, curvature = loss_of(problem.loss, problem.y, eta)
        if not curvature.sum() > 0:
            return None
        step = float(np.clip(slope.sum() / curvature.sum(), -5, 5))
        c -= step
        if abs(step) <= 1e-14 * max(abs(c), 1.0):
            return c
    return None


def _penalty(problem: Problem, lead: str = "") -> Iterator[Supposition]:
    """The penalty under which the gradient of the loss is balanced, by least squares over the coefficients."""
    found = [_balancing(problem, kinds) for kinds in ((True, False), (False, True), (True, True))]
    code, n, asked = "penalty.strength", len(problem.y), float(np.mean(problem.l2))
    if asked or problem.l1:
        yield Supposition(code, f"{lead}has no penalty", replace(problem, l2=0.0, l1=0.0), 0.0)
    for l2, l1 in found:
        if min(abs(l2), abs(l1)) > 0 and min(abs(l2), abs(l1)) < SMALLEST_CHANGE * max(abs(l2), abs(l1)):
            continue  # one of the two alone says it
        if l2 < 0 or l1 < 0 or (l2, l1) == (asked, problem.l1):
            continue
        if l1 == 0 and problem.l1 == 0:
            ratio = l2 / asked if asked else None
            size = f"{times(ratio, n)} what was asked for" if ratio else "where none was asked for"
            said = f"has a ridge penalty of {l2:.4g} on the mean loss, {size}"
        elif l2 == 0 and asked == 0:
            ratio = l1 / problem.l1 if problem.l1 else None
            size = f"{times(ratio, n)} what was asked for" if ratio else "where none was asked for"
            said = f"has a lasso penalty of {l1:.4g} on the mean loss, {size}"
        else:
            ratio = None
            said = f"has ridge {l2:.4g} and lasso {l1:.4g}, where {asked:.4g} and {problem.l1:.4g} were asked for"
        if ratio is not None and abs(ratio - 1) < SMALLEST_CHANGE:
            continue
        yield Supposition(code, lead + said, replace(problem, l2=l2, l1=l1), ratio)


def _penalty_and_intercept(problem: Problem) -> Iterator[Supposition]:
    for each in _intercepts(problem):
        yield from _penalty(each.problem, lead=f"{each.sentence}, and ")
    if not np.any(problem.l2) and not problem.l1:
        penalised = replace(problem, intercept="penalised")
        yield from _penalty(penalised, lead="penalises the intercept too, and ")


def _balancing(problem: Problem, kinds: tuple[bool, bool]) -> tuple[float, float]:
    """The (ridge, lasso) under which the loss' gradient vanishes best over the penalised coefficients."""
    plain = replace(problem, l1=0.0, l2=0.0)
    gradient, at = shortfall(plain).gradient, np.concatenate([[problem.c], problem.b])
    counted = at != 0
    counted[0] &= problem.intercept == "penalised"
    columns = [column[counted] for column, kind in zip((at, np.sign(at)), kinds, strict=True) if kind]
    if not counted.any():
        return 0.0, 0.0
    # Each coefficient in its own unit: what balances it weighs as much as it does.
    unit = 1 / np.maximum(np.abs(gradient[counted]), 1e-300)
    solved = np.linalg.lstsq(np.column_stack(columns) * unit[:, None], -gradient[counted] * unit, rcond=None)[0]
    found = iter(solved)
    return (float(next(found)) if kinds[0] else 0.0), (float(next(found)) if kinds[1] else 0.0)


def _scaling(problem: Problem) -> Iterator[Supposition]:
    centre = problem.x.mean(axis=0)
    for ddof, name in ((0, "n"), (1, "n - 1")):
        sd = problem.x.std(axis=0, ddof=ddof)
        if not np.all(sd > 0):
            continue
        penalised = np.asarray(problem.l2) * sd**2
        said = f"scales the columns to unit variance (divisor {name}) before the fit"
        if np.any(problem.l2):
            yield Supposition("input_scaling", said, replace(problem, l2=penalised))
        b = problem.b / sd
        reported = replace(problem, b=b, c=problem.c - float(centre @ b))
        yield Supposition("input_scaling", f"reports coefficients of standardized columns (divisor {name})", reported)
        if np.any(problem.l2):
            both = f"{said} and reports coefficients of the scaled columns"
            yield Supposition("input_scaling", both, replace(reported, l2=penalised))
        unshifted = replace(problem, b=b)
        yield Supposition("input_scaling", f"reports coefficients of columns divided by their sd ({name})", unshifted)
    shifted = replace(problem, c=problem.c - float(centre @ problem.b))
    yield Supposition("input_scaling", "reports the intercept of centred columns", shifted)


def _missing_columns(problem: Problem) -> Iterator[Supposition]:
    none = problem.b == 0
    if problem.l1 == 0 and none.any() and not none.all():
        listed = ", ".join(str(j + 1) for j in np.flatnonzero(none))
        kept = replace(problem, x=problem.x[:, ~none], b=problem.b[~none], l2=_kept(problem.l2, ~none))
        yield Supposition("columns", f"leaves column {listed} of the features out", kept)


def _order(problem: Problem, reference: Floats | None) -> Iterator[Supposition]:
    if reference is None or len(problem.b) < 2:
        return
    from scipy.optimize import linear_sum_assignment

    cost = np.abs(problem.b[:, None] - reference[None, :])
    mine, place = linear_sum_assignment(cost)
    if np.array_equal(place, np.arange(len(place))):
        return
    ordered = np.empty_like(problem.b)
    ordered[place] = problem.b[mine]
    moved = ", ".join(f"{j + 1} as {k + 1}" for j, k in zip(mine, place, strict=True) if j != k)
    yield Supposition("column order", f"has its columns in another order ({moved})", replace(problem, b=ordered))


def _precision(problem: Problem) -> Iterator[Supposition]:
    for dtype in (np.float32, np.float16):
        with np.errstate(over="ignore"):
            rounded = problem.x.astype(dtype).astype(np.float64)
        if np.isfinite(rounded).all() and not np.array_equal(rounded, problem.x):
            name = np.dtype(dtype).name
            yield Supposition("precision", f"was fitted to features in {name}", replace(problem, x=rounded))


def _multiplied(problem: Problem) -> Iterator[Supposition]:
    """Coefficients, with or without the intercept, that are a solution times a round factor.

    Any other factor is no finding: a solver that stops early on nearly separated classes ends on the ray to its
    solution, short of it.
    """
    from scipy.optimize import minimize_scalar

    for whole, said in ((True, "coefficients and intercept"), (False, "coefficients")):

        def divided(factor: float, whole: bool = whole) -> Problem:
            return replace(problem, b=problem.b / factor, c=problem.c / factor if whole else problem.c)

        found = minimize_scalar(
            lambda log_factor: shortfall(divided(float(np.exp(log_factor)))).value,
            bounds=(-12, 12),
            options={"xatol": 1e-12},
        )
        for factor in (value for power in FACTORS for value in (power, 1 / power)):
            if abs(float(np.exp(found.x)) / factor - 1) < 1e-3:
                text = f"reports {said} that are {times(factor, len(problem.y))} a solution"
                yield Supposition("coefficients", text, divided(factor), factor)


def _rows(problem: Problem) -> Iterator[Supposition]:
    """A row that was left out, counted again or given the other label leaves a gradient along that very row."""
    n, design = len(problem.y), design_of(problem)
    at = np.concatenate([[problem.c], problem.b])
    residual = n * shortfall(problem).gradient
    if problem.intercept == "none":
        design, residual = design[:, 1:], residual[1:]
        at = at[1:]
    unit = np.maximum(np.abs(design).max(axis=0), 1e-300)
    rows, residual = design / unit, residual / unit
    sizes = np.maximum((rows**2).sum(axis=1), 1e-300)
    factor = rows @ residual / sizes
    left = np.linalg.norm(residual - factor[:, None] * rows, axis=1)
    i = int(np.argmin(left))
    error = float(loss_of(problem.loss, problem.y, design @ at)[1][i])
    if not np.isfinite(factor[i]) or error == 0:
        return
    weight = 1 - factor[i] / error
    flipped = problem.y.copy()
    flipped[i] = 1 - flipped[i]
    others = np.ones(n)
    if abs(weight) < SMALLEST_CHANGE:
        others[i] = 0.0
        yield Supposition("rows", f"leaves row {i + 1} out", _averaged(problem, others))
    elif abs(weight - 2) < 2 * SMALLEST_CHANGE:
        others[i] = 2.0
        yield Supposition("rows", f"counts row {i + 1} twice", _averaged(problem, others))
    if set(np.unique(problem.y)) <= {0.0, 1.0}:
        yield Supposition("labels of the rows", f"has the other label in row {i + 1}", replace(problem, y=flipped))


def _averaged(problem: Problem, weights: Floats) -> Problem:
    """The penalty was set for n rows; with another number of them the summed loss changes its weight."""
    share = len(weights) / float(weights.sum())
    return replace(problem, weights=weights, l1=problem.l1 * share, l2=np.asarray(problem.l2) * share)


def _class_weights(problem: Problem) -> Iterator[Supposition]:
    """The weight of class 1 that balances the gradient best, beside a penalty on the sum of weights or of rows."""
    if not set(np.unique(problem.y)) <= {0.0, 1.0} or problem.loss not in ("logistic", "squares"):
        return
    slope = loss_of(problem.loss, problem.y, problem.x @ problem.b + problem.c)[1]
    rows, ones = design_of(problem), problem.y == 1
    of_ones, of_zeros = (rows[mask].T @ slope[mask] for mask in (ones, ~ones))
    n, asked = len(problem.y), shortfall(problem).gradient
    penalty = asked - (of_ones + of_zeros) / n
    free = slice(1, None) if problem.intercept == "none" else slice(None)
    unit = 1 / np.maximum(np.abs(of_ones) + np.abs(of_zeros), 1e-300)[free]
    balanced = float((~ones).sum() / ones.sum())
    for by_weight in (False, True):
        left = of_ones + ones.sum() * penalty if by_weight else of_ones
        right = of_zeros + (~ones).sum() * penalty if by_weight else of_zeros + n * penalty
        left, right = left[free] * unit, right[free] * unit
        weight = float(-(left @ right) / max(left @ left, 1e-300))
        if weight <= 0 or abs(weight - 1) < SMALLEST_CHANGE:
            continue
        weights = np.where(ones, weight, 1.0)
        said = f"weighs a row of class 1 {weight:.4g} times one of class 0"
        if abs(weight / balanced - 1) < SMALLEST_CHANGE:
            said += ", which balances the classes"
        changed = replace(problem, weights=weights) if by_weight else _averaged(problem, weights)
        yield Supposition("class.weights", said, changed, weight)


def _losses(problem: Problem) -> Iterator[Supposition]:
    names: dict[Mean, str] = {
        "logistic": "minimises the logistic loss",
        "squares": "minimises the squared loss",
        "probit": "has the probit link",
        "cloglog": "has the complementary log-log link",
    }
    for loss, said in names.items():
        if problem.loss == "squares" and loss != "logistic":
            continue
        if loss != problem.loss and set(np.unique(problem.y)) <= {0.0, 1.0}:
            code = "link" if loss in ("probit", "cloglog") else "loss"
            yield Supposition(code, said, replace(problem, loss=loss))


def _kept(l2: Floats | float, columns: NDArray[np.bool_]) -> Floats | float:
    return l2 if np.ndim(l2) == 0 else np.asarray(l2)[columns]
