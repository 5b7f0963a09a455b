"""The referee's own objective in float64: its value, gradient, optimum, and how far an engine's answer lies above it.

An objective is mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2), the squared loss halved; x is (n, p), y is (n,) with 0
and 1, coefficients are (p,). Vectors over all parameters are (1 + p,), the intercept first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parity.spec.models import Linear

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)

STEPS = 1000
"Newton steps: ten are usual, one more for each coefficient that a lasso takes in or drops."

SUFFICIENT = 1e-4
"Share of the decrease that the gradient promises which a damped step must bring (Nocedal and Wright 2006, 3.1)."

ROUNDING = 1e-12
"Relative decrease of the objective below which its rounding hides whether a step helps; the gradient decides there."

STILL_MOVING = 0.1
"A Newton step at a finite optimum moves no linear predictor by more; on separated data each moves one by about 1."

LONGEST = 8.0
"Change of a linear predictor in one step of a lasso: further out a right row has no curvature left that leads back."

UNMET = 1e-8
"Largest component of `Objective.kkt`, by columns of unit root mean square, that a stop for rounding can leave."

LOOK_EVERY = 5
"Steps between two looks whether predictors move at a standing value: symmetric data have no rounding that ends it."

LARGEST_EXPONENT = 350.0
"exp(350) squared is still a float64: working responses of rows that are wrong by more stay finite."


class NotMinimised(ArithmeticError):
    """The steps ended where the optimality conditions do not hold: the referee has no optimum to compare with."""


class NoFiniteOptimum(ArithmeticError):
    """The objective falls without end: no coefficients minimise it."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised, with the meaning of the fields of `parity.spec.models.Linear`."""

    loss: Literal["squares", "logistic"]
    l1: float = 0.0
    l2: float = 0.0
    intercept: Literal["free", "penalised", "none"] = "free"

    @classmethod
    def of(cls, spec: Linear) -> Objective:
        """The objective that a specification pins."""
        return cls(spec.loss, spec.l1, spec.l2, spec.intercept)

    def value(self, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> float:
        """The objective at one point."""
        theta, penalised = self._parameters(coefficients, intercept), self._penalised(len(coefficients))
        size = np.abs(theta[penalised])
        return self._mean_loss(y, _design(x) @ theta) + self.l1 * float(size.sum()) + self.l2 / 2 * float(size @ size)

    def gradient(self, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> Vector:
        """Gradient (1 + p,) of the smooth part, all but l1 * sum(|b|); 0 for an intercept that is not there."""
        theta = self._parameters(coefficients, intercept)
        a = _design(x)
        gradient = a.T @ _slope(self.loss, y, a @ theta) / len(y) + self.l2 * theta * self._penalised(x.shape[1])
        return np.asarray(gradient * self._present(x.shape[1]))

    def hessian(self, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> Matrix:
        """Hessian (1 + p, 1 + p) of the smooth part; zeros in the row and column of an intercept that is not there."""
        a = _design(x)
        weight = _curvature(self.loss, a @ self._parameters(coefficients, intercept))
        hessian = (a.T * weight) @ a / len(y) + self.l2 * np.diag(self._penalised(x.shape[1]).astype(float))
        present = self._present(x.shape[1])
        return np.asarray(hessian * np.outer(present, present))

    def kkt(self, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> Vector:
        """Distance (1 + p,), signed, of minus the gradient to the subdifferential of l1 * |b|; 0 at an optimum.

        It equals the gradient where l1 is 0 or the parameter bears no penalty (Karush-Kuhn-Tucker conditions).
        """
        gradient = self.gradient(x, y, coefficients, intercept)
        theta = self._parameters(coefficients, intercept)
        at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - self.l1, 0)
        residual = np.where(theta == 0, at_zero, gradient + self.l1 * np.sign(theta))
        return np.where(self._penalised(len(coefficients)), residual, gradient)

    def deviance(self, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> float:
        """Twice the summed negative log likelihood; for squares the residual sum of squares, as in R's deviance()."""
        return 2 * len(y) * self._mean_loss(y, _design(x) @ self._parameters(coefficients, intercept))

    def _mean_loss(self, y: Vector, eta: Vector) -> float:
        if self.loss == "squares":
            return float(((y - eta) ** 2).mean() / 2)
        # log(1 + exp(-margin)) without overflow for wrong rows and without loss of the small losses of right ones.
        return float(np.logaddexp(0, -_signs(y) * eta).mean())

    def _parameters(self, coefficients: Vector, intercept: float) -> Vector:
        if self.intercept == "none" and intercept != 0:
            raise ValueError(f"the objective has no intercept, and an intercept of {intercept} was given")
        return np.concatenate([[intercept], np.asarray(coefficients, dtype=np.float64)])

    def _penalised(self, p: int) -> NDArray[np.bool_]:
        return np.concatenate([[self.intercept == "penalised"], np.ones(p, dtype=bool)])

    def _present(self, p: int) -> NDArray[np.bool_]:
        return np.concatenate([[self.intercept != "none"], np.ones(p, dtype=bool)])


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the referee finds the smallest value of an objective."""

    coefficients: Vector
    "(p,); where columns are linearly dependent, one of many that give the same value."
    intercept: float
    value: float
    residual: float
    "Largest component of `Objective.kkt`, which rounding keeps from 0."
    steps: int
    "Newton steps done."


def optimum(objective: Objective, x: Matrix, y: Vector, start: tuple[Vector, float] | None = None) -> Optimum:
    """Minimise by damped Newton steps, each a least squares problem on columns of equal length, down to rounding.

    start: coefficients and intercept. With l1 the steps stay where signs do not change: a coefficient that reaches 0 is
    dropped, the one that breaks the KKT conditions most is taken in (Osborne, Presnell and Turlach 2000, IMA J. Numer.
    Anal. 20, 389). NoFiniteOptimum where the objective falls without end, NotMinimised where the steps fail.
    """
    y = np.asarray(y, dtype=np.float64)
    penalty = objective.l1 > 0 or objective.l2 > 0
    free = objective.intercept == "free" or (objective.intercept == "penalised" and not penalty)
    if objective.loss == "logistic" and free and len(np.unique(y)) == 1:
        raise NoFiniteOptimum(f"all {len(y)} rows are of one class: the intercept grows without end")
    a = _design(x)
    scale = np.sqrt((a**2).mean(axis=0))
    scale[scale == 0] = 1.0
    coefficients, intercept = start or (np.zeros(x.shape[1]), 0.0)
    theta = objective._parameters(coefficients, intercept)
    sign = np.sign(theta) * objective._penalised(x.shape[1]) if objective.l1 else np.zeros_like(theta)
    active = objective._present(x.shape[1])
    if objective.l1:
        active &= (theta != 0) | ~objective._penalised(x.shape[1])
    entered: dict[int, float] = {}
    steps = 0
    while steps < STEPS:
        steps += 1
        moved = _newton(objective, a, y, theta, scale, active, sign)
        if moved is not None:
            theta, active = moved
            _refuse_separated(objective, a, y, theta)
            if steps % LOOK_EVERY == 0:
                _refuse_moving(objective, a, y, theta, scale, active, ROUNDING**2)
            continue
        _refuse_moving(objective, a, y, theta, scale, active)
        newcomer = _newcomer(objective, a, y, theta, scale, active) if objective.l1 else None
        value = objective.value(x, y, theta[1:], theta[0])
        # Taken in twice and nothing gained in between: what is left of the violation is rounding.
        if newcomer is None or entered.get(newcomer[0], math.inf) <= value:
            break
        entered[newcomer[0]] = value
        active[newcomer[0]], sign[newcomer[0]] = True, newcomer[1]
    residual = np.abs(objective.kkt(x, y, theta[1:], float(theta[0])))
    if (worst := float((residual / scale).max())) > UNMET:
        raise NotMinimised(f"after {steps} steps the optimality conditions are missed by {worst:.1e}")
    value = objective.value(x, y, theta[1:], float(theta[0]))
    return Optimum(theta[1:], float(theta[0]), value, float(residual.max()), steps)


def gap(objective: Objective, x: Matrix, y: Vector, coefficients: Vector, intercept: float = 0.0) -> float:
    """Estimate by how much the objective lies above its optimum: half the squared Newton decrement, g' H^-1 g / 2.

    It is what the local quadratic model would still gain (Boyd and Vandenberghe 2004, 9.5.1): exact for squares, good
    near the optimum for logistic loss. It is in the unit of the objective whatever the units of the columns, as H^-1
    undoes what a rescaling does to g; a gradient's norm is not. With l1 it is taken over the coefficients that are not
    0 or should not be. A coefficient whose own step would cross 0 counts by what moving it to 0 gains to first order.
    """
    y, a = np.asarray(y, dtype=np.float64), _design(x)
    theta = objective._parameters(coefficients, intercept)
    residual = objective.kkt(x, y, coefficients, intercept)
    matrix, _ = _local(objective, a, y, theta, np.ones_like(theta))
    counted = objective._present(x.shape[1])
    crossing = np.zeros_like(counted)
    if objective.l1:
        penalised = objective._penalised(x.shape[1])
        counted &= ~penalised | (theta != 0) | (residual != 0)
        own_curvature = (matrix**2).sum(axis=0)
        crossing = (
            penalised & (theta != 0) & (theta * residual > 0) & (np.abs(theta) * own_curvature < np.abs(residual))
        )
    inner = counted & ~crossing
    scale = np.sqrt((matrix[:, inner] ** 2).sum(axis=0))
    scale[scale == 0] = 1.0
    _, s, vt = _thin_svd(matrix[:, inner] / scale)
    along = vt @ (residual[inner] / scale)
    # No curvature along these: the objective falls in a straight line until a coefficient is 0.
    flat = residual[inner] / scale - vt.T @ along
    flat_gain = float(np.abs(flat * scale) @ np.abs(theta[inner])) if objective.l1 else 0.0
    return float(((along / s) ** 2).sum() / 2) + float(np.abs(residual * theta)[crossing].sum()) + flat_gain


def _design(x: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(x)), np.asarray(x, dtype=np.float64)])


def _signs(y: Vector) -> Vector:
    return np.where(np.asarray(y) == 1, 1.0, -1.0)


def _slope(loss: str, y: Vector, eta: Vector) -> Vector:
    """Derivative (n,) of each row's loss by its linear predictor."""
    from scipy.special import expit

    # p - y loses all digits of a small residual; -sign * expit(-margin) is the same without a difference.
    return eta - y if loss == "squares" else np.asarray(-_signs(y) * expit(-_signs(y) * eta))


def _curvature(loss: str, eta: Vector) -> Vector:
    from scipy.special import expit

    return np.ones_like(eta) if loss == "squares" else np.asarray(expit(eta) * expit(-eta))


def _local(objective: Objective, a: Matrix, y: Vector, theta: Vector, scale: Vector) -> tuple[Matrix, Vector]:
    """The least squares problem whose normal equations are the Newton step: matrix' matrix = H, matrix' response = -g.

    Rows of the data come first, then one for each ridge term. Solved as it stands, its condition is not squared.
    """
    n, eta = len(y), a @ theta
    root = np.sqrt(_curvature(objective.loss, eta) / n)
    if objective.loss == "squares":
        response = (y - eta) / math.sqrt(n)
    else:
        # (y - p) / sqrt(p (1 - p)) is sign * exp(-margin / 2).
        half = np.clip(-_signs(y) * eta / 2, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        response = _signs(y) * np.exp(half) / math.sqrt(n)
    ridge = math.sqrt(objective.l2) * objective._penalised(a.shape[1] - 1)
    matrix = np.vstack([root[:, None] * a, np.diag(ridge)]) / scale
    return matrix, np.concatenate([response, -ridge * theta])


def _thin_svd(matrix: Matrix) -> tuple[Matrix, Vector, Matrix]:
    """Singular value decomposition without the directions that are zero to rounding; by way of QR, n may be large."""
    q, r = np.linalg.qr(matrix)
    u, s, vt = np.linalg.svd(r, full_matrices=False)
    kept = s > EPS * max(matrix.shape) * s.max(initial=0.0)
    return q @ u[:, kept], s[kept], vt[kept]


def _direction(matrix: Matrix, response: Vector, linear: Vector) -> tuple[Vector, float, bool]:
    """Newton direction, its squared decrement, and whether it is a straight descent without curvature.

    It minimises |matrix d - response|^2 / 2 + linear' d. Where columns depend on each other, `linear` may have a part
    that no curvature answers; then this part is the direction.
    """
    u, s, vt = _thin_svd(matrix)
    within = vt @ linear
    flat = linear - vt.T @ within
    if np.linalg.norm(flat) > math.sqrt(EPS) * np.linalg.norm(linear):
        return -flat, float(flat @ flat), True
    along = u.T @ response - within / s
    return vt.T @ (along / s), float(along @ along), False


def _newton(
    objective: Objective,
    a: Matrix,
    y: Vector,
    theta: Vector,
    scale: Vector,
    active: NDArray[np.bool_],
    sign: Vector,
) -> tuple[Vector, NDArray[np.bool_]] | None:
    """One damped step among the active parameters, no further than the first change of a sign; None where none helps.

    Returns the parameters and the active ones among them: a coefficient that reached 0 is dropped.
    """
    matrix, response = _local(objective, a, y, theta, scale)
    linear = objective.l1 * sign[active] / scale[active]
    delta = np.zeros_like(theta)
    part, decrement, is_flat = _direction(matrix[:, active], response, linear)
    delta[active] = part / scale[active]
    shrinking = active & (sign * delta < 0)
    limits = np.full_like(theta, math.inf)
    limits[shrinking] = -theta[shrinking] / delta[shrinking]
    limit = float(limits.min())
    before = _restricted(objective, a, y, theta, sign, active, scale)
    reach = float(np.abs(a @ delta).max()) if objective.l1 and objective.loss == "logistic" else 0.0
    limited = limit if is_flat or reach <= LONGEST else min(limit, LONGEST / reach)
    step = limited if is_flat else min(1.0, limited)
    while step >= 0 and math.isfinite(step):
        moved = theta + step * delta
        remaining = active.copy()
        if step == limit:
            crossed = limits == limit
            moved[crossed], remaining[crossed] = 0.0, False
            if step == 0:
                return moved, remaining
        after = _restricted(objective, a, y, moved, sign, active, scale)
        if not is_flat and decrement <= ROUNDING * abs(before[0]):
            return (moved, remaining) if after[1] < before[1] / 2 or step == limit else None
        if after[0] < before[0] and after[0] <= before[0] - SUFFICIENT * step * decrement:
            return moved, remaining
        step /= 2
        if step < EPS:
            break
    return None


def _restricted(
    objective: Objective, a: Matrix, y: Vector, theta: Vector, sign: Vector, active: NDArray[np.bool_], scale: Vector
) -> tuple[float, float]:
    """Value, and largest component of the gradient by scaled columns, of the objective while signs are held."""
    x, coefficients, intercept = a[:, 1:], theta[1:], float(theta[0])
    gradient = objective.gradient(x, y, coefficients, intercept) + objective.l1 * sign
    return objective.value(x, y, coefficients, intercept), float(np.abs(gradient / scale)[active].max(initial=0.0))


def _newcomer(
    objective: Objective, a: Matrix, y: Vector, theta: Vector, scale: Vector, active: NDArray[np.bool_]
) -> tuple[int, float] | None:
    """The coefficient at 0 that breaks the KKT conditions most, and the sign that it takes; None where none does."""
    residual = objective.kkt(a[:, 1:], y, theta[1:], float(theta[0])) / scale
    residual[active] = 0.0
    slope = _slope(objective.loss, y, a @ theta)
    rounding = len(y) ** 0.5 * EPS * float(np.sqrt((slope**2).mean()))
    worst = int(np.abs(residual).argmax())
    return (worst, -float(np.sign(residual[worst]))) if abs(residual[worst]) > rounding else None


def _refuse_separated(objective: Objective, a: Matrix, y: Vector, theta: Vector) -> None:
    """Where the mean loss is below log(2) / n, no row's margin is negative: the data are completely separated."""
    if objective.loss == "squares" or objective.l1 or objective.l2:
        return
    if objective._mean_loss(y, a @ theta) < math.log(2) / len(y):
        raise NoFiniteOptimum("the classes are completely separated: the coefficients grow without end")


def _refuse_moving(
    objective: Objective,
    a: Matrix,
    y: Vector,
    theta: Vector,
    scale: Vector,
    active: NDArray[np.bool_],
    decrease: float = math.inf,
) -> None:
    """Where the value stands still and the linear predictors do not, the classes are quasi-completely separated.

    decrease: squared decrement, relative to the value, from which on the value counts as standing still.
    """
    if objective.loss == "squares" or objective.l1 or objective.l2:
        return
    matrix, response = _local(objective, a, y, theta, scale)
    part, decrement, _ = _direction(matrix[:, active], response, np.zeros(int(active.sum())))
    still = decrement <= decrease * objective._mean_loss(y, a @ theta)
    if still and np.abs(a[:, active] @ (part / scale[active])).max() > STILL_MOVING:
        raise NoFiniteOptimum("the classes are quasi-completely separated: some coefficients grow without end")
