"""How far an answer is from solving a penalised problem, whatever units its columns are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mean = Literal["logistic", "squares", "probit", "cloglog"]

ROUNDING = 30 * float(np.finfo(np.float64).eps)
"Relative error of one component of a gradient that is a sum over some dozens of rows."

SURE = 1e-10
"A probability nearer to 0 or 1 counts as this one under links whose curvature overflows there."

SMALLEST_LOSS = 1e-6
"An objective below this share of the null model's is not divided by: least squares may fit perfectly."


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A penalised loss over rows, and an answer to it.

    mean loss + sum(l1 * |b|) + sum(l2 * b^2) / 2, the squared loss halved; intercept's penalties apart.
    """

    x: Floats
    "(n, p)."
    y: Floats
    "(n,)."
    loss: Mean
    b: Floats
    "(p,) coefficients of the answer, 0 where it has none."
    c: float
    "Its intercept."
    l1: float = 0.0
    l2: Floats | float = 0.0
    "(p,) or one number."
    intercept: Literal["free", "penalised", "none"] = "free"
    weights: Floats | None = None
    "(n,) relative weights of the rows; None is all alike."


@dataclass(frozen=True, slots=True, eq=False)
class Shortfall:
    """How far an answer is from solving a problem."""

    value: float
    "The objective at the answer."
    excess: float
    "Half the squared Newton decrement: the objective's estimated excess over its minimum."
    relative: float
    "The same as a share of the objective."
    null: float
    "The loss of the intercept alone: no descent from there ends above it."
    floor: float
    "The part of `relative` that rounding of the gradient alone could make."
    gradient: Floats
    "(1 + p,) distance of the gradient from what the penalty allows, the intercept's first."
    step: Floats
    "(1 + p,) the Newton step: how far the solution is, near it."


def shortfall(problem: Problem) -> Shortfall:
    """How far the answer is from stationary, measured by the objective that a Newton step would gain.

    The Newton decrement does not depend on the units of the columns, and for a quadratic it is the excess itself
    (Boyd and Vandenberghe, Convex Optimization, 9.5.1). With l1 it is taken over the coefficients that are not 0; one
    that is 0 adds what its gradient exceeds the penalty by.
    """
    design, at = design_of(problem), np.concatenate([[problem.c], problem.b])
    weights = _row_weights(problem)
    eta = design @ at
    loss, slope, curvature = loss_of(problem.loss, problem.y, eta)
    ridge, lasso = _penalties(problem)
    gradient = design.T @ (weights * slope) + ridge * at
    hessian = (design * (weights * curvature)[:, None]).T @ design + np.diag(ridge)
    value = float(weights @ loss + (ridge * at**2).sum() / 2 + (lasso * np.abs(at)).sum())
    inside = (lasso > 0) & (at == 0)
    distance = np.where(
        inside, np.sign(gradient) * np.maximum(np.abs(gradient) - lasso, 0), gradient + lasso * np.sign(at)
    )
    free = ~inside
    if problem.intercept == "none":
        free[0], distance[0] = False, 0.0
    step = _newton(hessian, distance, free)
    excess = float(distance @ step) / 2 + _violation(hessian, distance, inside)
    rounding = ROUNDING * (np.abs(design).T @ (weights * np.abs(slope)) + np.abs(ridge * at) + lasso)
    null = float(weights @ loss_of(problem.loss, problem.y, np.full_like(eta, _null(problem, weights)))[0])
    scale = max(abs(value), SMALLEST_LOSS * null, float(np.finfo(np.float64).tiny))
    floor = float(rounding @ _newton(hessian, rounding, free)) / 2
    return Shortfall(value, excess, excess / scale, null, floor / scale, distance, step)


def design_of(problem: Problem) -> Floats:
    return np.column_stack([np.ones(len(problem.x)), problem.x])


def _row_weights(problem: Problem) -> Floats:
    weights = np.ones(len(problem.y)) if problem.weights is None else problem.weights
    return np.asarray(weights / weights.sum())


def _penalties(problem: Problem) -> tuple[Floats, Floats]:
    """(1 + p,) ridge and lasso of the intercept and the coefficients."""
    p = problem.x.shape[1]
    coefficients = np.broadcast_to(np.asarray(problem.l2, dtype=np.float64), (p,))
    penalised = problem.intercept == "penalised"
    own = float(np.mean(coefficients)) if penalised and p else 0.0
    lasso = np.full(1 + p, problem.l1)
    lasso[0] = problem.l1 if penalised else 0.0
    return np.concatenate([[own], coefficients]), lasso


def _null(problem: Problem, weights: Floats) -> float:
    mean = float(weights @ problem.y)
    if problem.loss == "squares":
        return mean
    share = min(max(mean, 1e-9), 1 - 1e-9)
    return float(np.log(share / (1 - share)))


def loss_of(loss: Mean, y: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    """Each row's loss and its first and second derivative by eta (Fisher's expectation for the other links)."""
    if loss == "squares":
        return (eta - y) ** 2 / 2, eta - y, np.ones_like(eta)
    from scipy import special

    if loss == "logistic":
        mean = special.expit(eta)
        # 1 - mean would lose what is left of a probability near 1.
        slope = np.where(y == 1, -special.expit(-eta), mean) if set(np.unique(y)) <= {0.0, 1.0} else mean - y
        return np.logaddexp(0, eta) - y * eta, slope, mean * special.expit(-eta)
    if loss == "probit":
        mean, density = special.ndtr(eta), np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi)
    else:
        eta = np.clip(eta, -500, 5)
        mean, density = -np.expm1(-np.exp(eta)), np.exp(eta - np.exp(eta))
    inside = np.clip(mean, SURE, 1 - SURE)
    variance = inside * (1 - inside)
    likelihood = -(y * np.log(inside) + (1 - y) * np.log1p(-inside))
    return likelihood, (inside - y) * density / variance, density**2 / variance


def _newton(hessian: Floats, gradient: Floats, free: NDArray[np.bool_]) -> Floats:
    """hessian^-1 gradient over the free coordinates, each in the unit in which its curvature is 1; 0 elsewhere."""
    step = np.zeros_like(gradient)
    if free.any():
        unit = 1 / np.sqrt(np.maximum(np.diag(hessian)[free], 1e-300))
        scaled = hessian[np.ix_(free, free)] * unit * unit[:, None]
        step[free] = unit * np.linalg.lstsq(scaled, gradient[free] * unit, rcond=1e-13)[0]
    return step


def _violation(hessian: Floats, distance: Floats, inside: NDArray[np.bool_]) -> float:
    curvature = np.maximum(np.diag(hessian)[inside], 1e-300)
    return float((distance[inside] ** 2 / curvature).sum() / 2)
