"""Is the answer unique at all? Rank, aliased columns and separation of one training draw, before any fit is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parity.compare.objective import Objective

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)

ALIASED = {"squares": 1e-7, "logistic": 1e-11}
"Share of a column's length left beside the earlier ones, below which R's lm (1e-7) and glm (1e-11) call it aliased."

FEASIBLE = 1e-9
"How far HiGHS may break a constraint; columns have unit root mean square. Its default of 1e-7 serves larger programs."

SEPARATED = 1e-6
"Mean margin that separates. With orthogonal columns and |b| up to 1 it is 0, or above 1e-3 up to (n, p) = (5000, 60)."

POSITIVE = 1e-7
"Margin above which a row lies beside the separating plane and not in it: a hundred times what HiGHS may be wrong by."

SIGNS_UP_TO = 10_000
"Numbers in x up to which a diagnosis asks for signs, a linear program for each coefficient: below half a second."

FIRST_ROWS = 5
"Rows per column that the first linear program of a large problem holds; whatever rows its answer breaks are added."


@dataclass(frozen=True, slots=True)
class Rank:
    """Numerical rank of the design matrix [1 x], or x where there is no intercept."""

    rank: int
    "Of columns scaled to unit length: singular values above max(n, columns) * eps * the largest."
    unscaled: int
    "The same of the columns as they are: what a least squares solver without scaling sees."
    columns: int
    condition: float
    "Largest over smallest singular value of the columns scaled to unit length; infinite where it has fewer rows."
    condition_unscaled: float


@dataclass(frozen=True, slots=True)
class Infinite:
    """A coefficient without a finite maximum likelihood estimate."""

    column: int | None
    "Index into x; None is the intercept."
    sign: Literal[-1, 0, 1] | None
    "Where it goes as the likelihood rises to its supremum. 0: the data leave it open, solvers differ. None: not asked."


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """Whether a plane separates the classes, so that the likelihood has no maximum."""

    kind: Literal["none", "quasi-complete", "complete"]
    direction: Vector
    "(1 + p,), intercept first: adding it never lowers the likelihood. Its smallest positive margin is 1. Or zeros."
    infinite: tuple[Infinite, ...]
    "The intercept first."
    left_out: tuple[int, ...]
    "Columns of x that the earlier ones determine; their coefficients are held at 0."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the data of one training draw determine of an objective's coefficients."""

    n: int
    p: int
    rank: Rank
    aliased: tuple[str, ...]
    "Columns that the earlier ones determine, as R's lm or glm finds them."
    separation: Separation | None
    "None for squares."
    determined: bool
    "Whether exactly one set of coefficients minimises the objective."
    reason: str
    "Why, in one sentence."


def diagnose(objective: Objective, x: Matrix, y: Vector, names: Sequence[str] | None = None) -> Diagnosis:
    """Diagnose (n, p) columns and (n,) labels 0 and 1 under an objective; names are those of the columns."""
    x = np.asarray(x, dtype=np.float64)
    names = [f"x{j + 1}" for j in range(x.shape[1])] if names is None else list(names)
    intercept = objective.intercept != "none"
    found = rank(x, intercept)
    dependent = tuple(names[j] for j in aliased(x, intercept, ALIASED[objective.loss]))
    separated = separation(x, y, intercept, x.size <= SIGNS_UP_TO) if objective.loss == "logistic" else None
    determined, reason = _verdict(objective, found, dependent, separated, y, names)
    return Diagnosis(x.shape[0], x.shape[1], found, dependent, separated, determined, reason)


def rank(x: Matrix, intercept: bool = True) -> Rank:
    """Rank and condition of (n, p) columns, with a column of ones before them where there is an intercept."""
    a = _design(x, intercept)
    scaled, scaled_condition = _rank(a / _lengths(a))
    unscaled, condition = _rank(a)
    return Rank(scaled, unscaled, a.shape[1], scaled_condition, condition)


def aliased(x: Matrix, intercept: bool = True, tolerance: float = ALIASED["squares"]) -> tuple[int, ...]:
    """Indices of the columns of (n, p) x that the intercept and the columns before them determine.

    As R's dqrdc2 (LINPACK, limited pivoting) has it: a column is out where less than `tolerance` of its length is left
    once its projection on the columns kept so far is taken off.
    """
    a = _design(x, intercept)
    kept, out = np.empty((len(a), 0)), []
    for j, column in enumerate(a.T):
        rest = column
        # One projection leaves rounding of the size of the column; the second takes it off ("twice is enough").
        for _ in range(2):
            rest = rest - kept @ (kept.T @ rest)
        length = float(np.linalg.norm(rest))
        if kept.shape[1] == len(a) or length <= tolerance * float(np.linalg.norm(column)):
            out.append(j - int(intercept))
        else:
            kept = np.column_stack([kept, rest / length])
    return tuple(out)


def separation(x: Matrix, y: Vector, intercept: bool = True, signs: bool = True) -> Separation:
    """Find whether the classes of (n,) labels 0 and 1 are separated by a plane in (n, p) x, by linear programs.

    With s = +-1 the labels, the data are separated where some b has all margins s_i x_i'b >= 0 and one of them above 0,
    completely where all can be above 0 (Albert and Anderson 1984, Biometrika 71, 1). The program that maximises the sum
    of margins with |b_j| <= 1 tells the first (Konis 2007, DPhil thesis, Oxford, chapter 4), the one that maximises
    the smallest margin the second. A coefficient is finite where it is 0 in every such b, and its limit has a sign
    where no such b gives it the other one; unlike the coefficients of the one b that a program returns, this does not
    depend on the units of the columns. The programs see an orthogonal basis of the columns for the same reason.
    signs=False leaves the signs open: they take a program for each coefficient, the kind two or three in all.
    """
    x = np.asarray(x, dtype=np.float64)
    columns = x.shape[1] + int(intercept)
    left_out = aliased(x, intercept, ALIASED["logistic"])
    kept = np.setdiff1d(np.arange(columns), np.asarray(left_out, dtype=int) + int(intercept))
    if len(kept) == 0:
        return Separation("none", np.zeros(1 + x.shape[1]), (), left_out)
    basis, back = _orthogonal(_design(x, intercept)[:, kept])
    margins = np.where(np.asarray(y) == 1, 1.0, -1.0)[:, None] * basis
    generic, kind = _separating(margins)
    direction = np.zeros(columns)
    infinite: tuple[Infinite, ...] = ()
    if generic is not None:
        direction[kept] = back @ generic
        limits = _limits(margins, back, generic, signs)
        places = [None if j < int(intercept) else int(j) - int(intercept) for j in kept]
        infinite = tuple(Infinite(j, limit[0]) for j, limit in zip(places, limits, strict=True) if limit)
        reached = margins @ generic
        direction /= reached[reached > POSITIVE].min()
    whole = direction if intercept else np.concatenate([[0.0], direction])
    return Separation(kind, whole, infinite, left_out)


def _design(x: Matrix, intercept: bool) -> Matrix:
    x = np.asarray(x, dtype=np.float64)
    return np.column_stack([np.ones(len(x)), x]) if intercept else x


def _lengths(a: Matrix) -> Vector:
    lengths = np.linalg.norm(a, axis=0)
    return np.where(lengths == 0, 1.0, lengths)


def _rank(a: Matrix) -> tuple[int, float]:
    singular = np.linalg.svd(a, compute_uv=False)
    if a.shape[1] == 0:
        return 0, 1.0
    largest = singular.max(initial=0.0)
    smallest = singular[-1] if len(singular) == a.shape[1] else 0.0
    return int((singular > max(a.shape) * EPS * largest).sum()), float(largest / smallest) if smallest else float("inf")


def _orthogonal(a: Matrix) -> tuple[Matrix, Matrix]:
    """(n, k) orthogonal columns of unit root mean square that span those of a, and the (k, k) way back to its b."""
    lengths = _lengths(a)
    q, r = np.linalg.qr(a / lengths)
    root = np.sqrt(len(a))
    return q * root, np.linalg.solve(r, np.eye(len(r))) * root / lengths[:, None]


def _separating(margins: Matrix) -> tuple[Vector | None, Literal["none", "quasi-complete", "complete"]]:
    """A b with every margin above 0 that any separating b has above 0 (None where none separates), and the kind.

    margins: (n, k), the rows s_i x_i of orthogonal columns.
    """
    first = _maximise(margins.mean(axis=0), margins)[0]
    if (margins @ first).mean() <= SEPARATED:
        return None, "none"
    widest = _widest(margins)
    if (margins @ widest).min() > POSITIVE:
        return widest, "complete"
    # The sum's largest value may leave a row at 0 that another b moves: the rows at 0 are asked again until none moves.
    total = first
    while True:
        still = margins[margins @ total <= POSITIVE]
        more = _maximise(still.mean(axis=0), margins)[0]
        if (still @ more).max() <= SEPARATED:
            return total, "quasi-complete"
        total = total + more


Sign = Literal[-1, 0, 1] | None


def _limits(margins: Matrix, back: Matrix, generic: Vector, signs: bool) -> list[tuple[Sign] | None]:
    """For each coefficient None where it is finite, else its sign as in `Infinite`.

    back: (k, k), from b of orthogonal columns to the coefficients. generic: a b inside the cone of separating ones.
    """
    beside = margins @ generic > POSITIVE
    # A separating b leaves the rows in the plane where they are: it lies in their null space, and only there.
    plane = _null_space(margins[~beside])
    functionals = back / np.linalg.norm(back, axis=1, keepdims=True) @ plane
    finite = np.linalg.norm(functionals, axis=1) <= SEPARATED
    if not signs:
        return [None if f else (None,) for f in finite]
    lows = highs = functionals @ (plane.T @ generic)
    asked: NDArray[np.int64] | None = None
    limits: list[tuple[Sign] | None] = []
    for j, functional in enumerate(functionals):
        # The cone's inside shows one sign: only the other is asked for, unless a b found before has shown it.
        for side in (-1.0, 1.0):
            shown = lows[j] < -SEPARATED if side < 0 else highs[j] > SEPARATED
            if not (shown or finite[j] or plane.shape[1] == 1):
                found, asked = _maximise(side * functional, margins[beside] @ plane, asked)
                lows, highs = np.minimum(lows, functionals @ found), np.maximum(highs, functionals @ found)
        rises, falls = highs[j] > SEPARATED, lows[j] < -SEPARATED
        limits.append(None if finite[j] else (0,) if rises and falls else (1,) if rises else (-1,))
    return limits


def _null_space(rows: Matrix) -> Matrix:
    """Orthonormal (k, m) basis of what rows (n, k) take to 0."""
    k = rows.shape[1]
    if len(rows) == 0:
        return np.eye(k)
    _, s, vt = np.linalg.svd(np.linalg.qr(rows)[1])
    return np.asarray(vt[int((s > SEPARATED).sum()) :].T)


def _widest(margins: Matrix) -> Vector:
    """The b with |b_j| <= 1 whose smallest margin is largest: (n, k) rows to (k,)."""
    k = margins.shape[1]
    # One more unknown t <= 1 with margins - t >= 0, to be made large; -1 is below any smallest margin that matters.
    return _maximise(np.eye(k + 1)[k], np.column_stack([margins, -np.ones(len(margins))]))[0][:k]


def _maximise(gain: Vector, rows: Matrix, asked: NDArray[np.int64] | None = None) -> tuple[Vector, NDArray[np.int64]]:
    """The b with rows @ b >= 0 and |b_j| <= 1 that maximises gain @ b, by HiGHS; rows are (n, k).

    Only rows that decide enter the program: where its answer breaks others, the worst are added and it is solved again.
    The rows that its answer touches are returned as well, to be `asked` first by a program that is alike.
    """
    from scipy.optimize import linprog

    n, k = rows.shape
    block = FIRST_ROWS * k
    options = {"primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE}
    used = np.unique(np.linspace(0, n - 1, min(n, block)).astype(int)) if asked is None else asked
    while True:
        bound = np.zeros(len(used))
        done = linprog(-gain, A_ub=-rows[used], b_ub=bound, bounds=(-1, 1), method="highs", options=options)
        if done.status != 0:
            raise ArithmeticError(f"HiGHS did not solve the linear program of separation: {done.message}")
        reached = rows @ done.x
        reached[used] = 0.0
        broken = np.flatnonzero(reached < -FEASIBLE)
        if len(broken) == 0:
            return np.asarray(done.x), used
        used = np.union1d(used, broken[np.argsort(reached[broken])[:block]])


def _verdict(
    objective: Objective,
    found: Rank,
    dependent: tuple[str, ...],
    separated: Separation | None,
    y: Vector,
    names: Sequence[str],
) -> tuple[bool, str]:
    """Whether the coefficients are determined, and the sentence that says why."""
    ridge, lasso = objective.l2 > 0, objective.l1 > 0
    if separated is not None and separated.kind != "none" and not (ridge or lasso):
        infinite = ["intercept" if i.column is None else names[i.column] for i in separated.infinite]
        kind = "completely" if separated.kind == "complete" else "quasi-completely"
        return (
            False,
            f"the classes are {kind} separated, so the likelihood has no maximum: no finite {_listed(infinite)}",
        )
    if separated is not None and objective.intercept == "free" and len(np.unique(y)) == 1:
        return (
            False,
            f"all {len(y)} labels are {int(y[0])}, so the intercept, which bears no penalty, has no finite value",
        )
    if ridge:
        return True, "the ridge penalty leaves one minimum, whatever the columns"
    if found.rank < found.columns:
        lacking = f"the columns have rank {found.rank} of {found.columns}"
        which = f" ({_listed(dependent)} determined by earlier ones)" if dependent else ""
        least = "the lasso's minimum need not be the only one" if lasso else "many coefficients give the same minimum"
        return False, f"{lacking}{which}, so {least}"
    near = f"; R drops {_listed(dependent)} all the same, as all but determined by earlier ones" if dependent else ""
    classes = " and the classes overlap" if separated is not None and separated.kind == "none" else ""
    return True, f"the columns have full rank {found.rank}{classes}{near}"


def _listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence, the first few of many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
