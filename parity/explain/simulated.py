"""Linear fits in float64, many at a time: what a supposed change would make of them, before a framework is asked.

B fits at once; designs are (B, n, q) with a column of ones first, y and rows (B, n), penalties (B, q), tests (B, m, q).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 40
"Newton steps to a penalised optimum: a dozen are usual, more where classes are nearly separated."

HALVINGS = 8
"Of a Newton step that does not lower its objective."

SETTLED = 1e-9
"Newton decrement, relative to the objective, at which a fit counts as done: it only ranks what is tried."

LARGEST = 500.0
"A linear predictor beyond which a probability is 0 or 1 in float64."

RANK = 1e-12
"Singular values below this share of the largest count as zero."


@dataclass(frozen=True, slots=True)
class Model:
    """How a linear model is fitted, as far as that decides its predicted values."""

    loss: Literal["squares", "logistic"]
    ridge: float = 0.0
    "Penalty beside the summed loss: ridge / 2 * sum(b^2)."
    intercept_counts: bool = False
    "Whether the intercept is penalised as well; of least squares, whether it counts in the norm that is made smallest."
    stop: float | None = None
    "Change of the deviance at which iteratively reweighted least squares stops; None: the optimum is met."
    relative: bool = False
    "Whether that change is relative, as R has it."
    steps: int = 0
    "Reweighted steps at most."


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """What B fits are given, as the file says. Penalties are factors on the model's ridge."""

    x: Floats
    y: Floats
    rows: Floats
    "1 for a row that counts, 0 for one that is left out."
    penalty: Floats
    present: NDArray[np.bool_]
    "(B, q) columns that there are, the intercept first."
    test: Floats


def predicted(model: Model, designs: Designs) -> Floats:
    """(B, m) predicted values: probabilities of class 1, or fitted values of least squares."""
    x = np.where(designs.present[:, None, :], designs.x, 0.0)
    if model.loss == "squares":
        theta = _least_squares(model, x, designs.y, designs.rows)
    elif model.stop is None:
        theta = _penalised(x, designs.y, designs.rows, model.ridge * designs.penalty, designs.present)
    else:
        theta = _reweighted(model, x, designs.y, designs.rows)
    theta = np.where(designs.present, theta, 0.0)
    eta = np.matmul(designs.test, theta[:, :, None])[:, :, 0]
    return eta if model.loss == "squares" else _logistic(eta)


def _least_squares(model: Model, x: Floats, y: Floats, rows: Floats) -> Floats:
    """Of smallest norm. Where an intercept does not count in it, the columns are centred first."""
    free = np.asarray(x[:, :, 0].any(axis=1) & (not model.intercept_counts))
    total = rows.sum(axis=1)
    mean = np.where(free[:, None], np.matmul(rows[:, None, :], x)[:, 0] / total[:, None], 0.0)
    level = np.where(free, (rows * y).sum(axis=1) / total, 0.0)
    # Where it is free, its column of ones is centred to nothing.
    design = (x - mean[:, None, :]) * rows[:, :, None]
    theta = np.matmul(np.linalg.pinv(design, rcond=RANK), ((y - level[:, None]) * rows)[:, :, None])[:, :, 0]
    theta[free, 0] = (level - (mean[:, 1:] * theta[:, 1:]).sum(axis=1))[free]
    return np.asarray(theta)


def _penalised(x: Floats, y: Floats, rows: Floats, penalty: Floats, present: NDArray[np.bool_]) -> Floats:
    """The optimum of ridge logistic regression by damped Newton steps in columns of unit size."""
    size = np.sqrt((x**2).mean(axis=1))
    size[size == 0] = 1.0
    x, penalty = x / size[:, None, :], penalty / size**2
    theta = np.zeros_like(penalty)
    value = _objective(x, y, rows, penalty, theta)
    going = np.arange(len(y))
    for _ in range(STEPS):
        a, p, d = x[going], _logistic(np.matmul(x[going], theta[going, :, None])[:, :, 0]), penalty[going]
        gradient = np.matmul(a.transpose(0, 2, 1), (rows[going] * (p - y[going]))[:, :, None])[:, :, 0]
        gradient = gradient + d * theta[going]
        curved = a * (rows[going] * p * (1 - p))[:, :, None]
        step = _solved(np.matmul(a.transpose(0, 2, 1), curved), d + ~present[going], gradient)
        decrement = (gradient * step).sum(axis=1)
        moving = decrement > SETTLED * np.maximum(value[going], SETTLED)
        going, step = going[moving], step[moving]
        if not going.size:
            break
        factor = np.ones(len(going))
        before = value[going]
        for _ in range(HALVINGS):
            moved = theta[going] - factor[:, None] * step
            value[going] = _objective(x[going], y[going], rows[going], penalty[going], moved)
            worse = ~(value[going] < before)
            if not worse.any():
                break
            factor[worse] /= 2
        theta[going] = theta[going] - factor[:, None] * step
    return np.asarray(theta / size)


def _objective(x: Floats, y: Floats, rows: Floats, penalty: Floats, theta: Floats) -> Floats:
    eta = np.matmul(x, theta[:, :, None])[:, :, 0]
    loss = (rows * (np.logaddexp(0, eta) - y * eta)).sum(axis=1)
    return np.asarray(loss + (penalty * theta**2).sum(axis=1) / 2)


def _reweighted(model: Model, x: Floats, y: Floats, rows: Floats) -> Floats:
    """Steps from fitted values of (y + 1/2) / 2 until the deviance hardly changes, as glm takes them."""
    size = np.sqrt((x**2).mean(axis=1))
    size[size == 0] = 1.0
    x = x / size[:, None, :]
    mean = (y + 0.5) / 2
    eta = np.log(mean / (1 - mean))
    deviance = _deviance(y, rows, eta)
    theta = np.zeros((len(y), x.shape[2]))
    going = np.arange(len(y))
    for _ in range(model.steps):
        p = np.clip(_logistic(eta[going]), np.finfo(float).eps, 1 - np.finfo(float).eps)
        root = np.sqrt(rows[going] * p * (1 - p))
        response = root * (eta[going] + (y[going] - p) / (p * (1 - p)))
        theta[going] = _least(x[going] * root[:, :, None], response)
        eta[going] = np.matmul(x[going], theta[going, :, None])[:, :, 0]
        now = _deviance(y[going], rows[going], eta[going])
        change = np.abs(now - deviance[going])
        deviance[going] = now
        going = going[change > (model.stop or 0.0) * (np.abs(now) + 0.1 if model.relative else 1.0)]
        if not going.size:
            break
    return np.asarray(theta / size)


def _least(x: Floats, y: Floats) -> Floats:
    """Least squares by orthogonal factors: of separated classes the normal equations would lose half of the digits."""
    count, n, q = x.shape
    if n < q:
        return np.asarray(np.matmul(np.linalg.pinv(x, rcond=RANK), y[:, :, None])[:, :, 0])
    # A column of zeros has a factor of its own, which would take from the others; a row of its own keeps it out.
    absent = np.asarray(~x.any(axis=1))
    own = absent[:, :, None] * np.eye(q)
    orthogonal, upper = np.linalg.qr(np.concatenate([x, own], axis=1))
    right = np.matmul(orthogonal.transpose(0, 2, 1), np.concatenate([y, np.zeros((count, q))], axis=1)[:, :, None])
    return _solved(upper, np.zeros((count, q)), right[:, :, 0])


def _deviance(y: Floats, rows: Floats, eta: Floats) -> Floats:
    return np.asarray(2 * (rows * (np.logaddexp(0, eta) - y * eta)).sum(axis=1))


def _solved(curvature: Floats, added: Floats, right: Floats) -> Floats:
    """(curvature + diag(added))^-1 right; a whiff of a ridge stands in where the curvature is singular."""
    matrix = curvature + added[:, :, None] * np.eye(added.shape[1])
    diagonal = np.abs(np.diagonal(matrix, axis1=1, axis2=2))
    whiff = RANK * diagonal.max(axis=1) + np.finfo(float).tiny
    matrix = matrix + whiff[:, None, None] * np.eye(added.shape[1])
    return np.asarray(np.linalg.solve(matrix, right[:, :, None])[:, :, 0])


def _logistic(eta: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(eta, -LARGEST, LARGEST))))
