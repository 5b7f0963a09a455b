"""What the tests of the family "linear" hold the engines against: problems, the objective and its optimum, in NumPy."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest

from parity.spec.models import Linear, plain

FEATURES = ["a", "b", "c", "d", "e"]
L1, L2 = (0.0, 0.1), (0.0, 0.05)
INTERCEPTS = ("free", "penalised", "none")
CASES = [
    Linear(loss=loss, l1=l1, l2=l2, intercept=intercept)
    for loss, l1, l2, intercept in itertools.product(("squares", "logistic"), L1, L2, INTERCEPTS)
]
SWEEPS = 3000
"Coordinate descent on five columns is at rounding long before."


def problem(loss: str, badly_scaled: bool, n: int = 80, seed: int = 29) -> dict[str, Any]:
    """n rows of five columns, two of them correlated and none centred, of full rank; classes that overlap.

    badly_scaled: the columns are multiplied by 1e-3 to 1e3.
    """
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(2 * n, 5)) + [0.3, 0, -0.2, 0.5, 0]
    x[:, 1] += 0.8 * x[:, 0]
    signal = x @ [1, -0.7, 0, 0.5, 0.02] + 0.4
    y = signal + generator.normal(size=2 * n) if loss == "squares" else signal + generator.logistic(size=2 * n) > 0
    x = x * np.logspace(-3, 3, 5) if badly_scaled else x
    y = y if loss == "squares" else y.astype(int)
    train = {"x": x[:n], "y": y[:n], "features": FEATURES, "rows": np.arange(n)}
    return {"train": train, "test": {"x": x[n:], "features": FEATURES, "rows": np.arange(n, 2 * n)}}


def design(spec: Linear, x: np.ndarray) -> np.ndarray:
    """(n, 1 + p): a column of ones before the others, of zeros where there is no intercept."""
    return np.column_stack([np.full(len(x), float(spec.intercept != "none")), x])


def penalised(spec: Linear, p: int) -> np.ndarray:
    return np.array([float(spec.intercept == "penalised"), *np.ones(p)])


def objective(spec: Linear, train: dict[str, Any], b: np.ndarray) -> float:
    eta, y, weight = design(spec, train["x"]) @ b, train["y"], penalised(spec, train["x"].shape[1])
    losses = (y - eta) ** 2 / 2 if spec.loss == "squares" else np.logaddexp(0, eta) - y * eta
    return float(np.mean(losses) + weight @ (spec.l1 * np.abs(b) + spec.l2 / 2 * b**2))


def gradient(spec: Linear, train: dict[str, Any], b: np.ndarray) -> np.ndarray:
    """Of the mean loss and the ridge penalty: (1 + p,)."""
    z = design(spec, train["x"])
    mean = z @ b if spec.loss == "squares" else 1 / (1 + np.exp(-(z @ b)))
    return z.T @ (mean - train["y"]) / len(z) + spec.l2 * penalised(spec, len(b) - 1) * b


def residual(spec: Linear, train: dict[str, Any], b: np.ndarray) -> float:
    """Largest distance of a component of the gradient from what the lasso penalty can balance: zero at the optimum."""
    g, lasso = gradient(spec, train, b), spec.l1 * penalised(spec, len(b) - 1)
    at_zero = np.maximum(np.abs(g) - lasso, 0)
    return float(np.max(np.where(b == 0, at_zero, np.abs(g + lasso * np.sign(b)))))


def optimum(spec: Linear, train: dict[str, Any]) -> np.ndarray:
    """(1 + p,): Newton steps on columns scaled to length one, each taken by coordinate descent on its quadratic."""
    z, weight = design(spec, train["x"]), penalised(spec, train["x"].shape[1])
    length = np.sqrt(np.mean(z**2, axis=0)) + (spec.intercept == "none") * np.eye(len(weight))[0]
    b = np.zeros(len(weight))
    for _ in range(30):
        mean = 1 / (1 + np.exp(-(z @ b)))
        curvature = np.ones(len(z)) if spec.loss == "squares" else mean * (1 - mean)
        h = (z / length).T @ (curvature[:, None] * z / length) / len(z) + np.diag(spec.l2 * weight / length**2)
        g, lasso, start = gradient(spec, train, b) / length, spec.l1 * weight / length, b * length
        step = start.copy()
        for _ in range(SWEEPS if spec.l1 else 0):
            before = step.copy()
            for j in np.flatnonzero(np.diag(h)):
                at = step[j] - (g[j] + h[j] @ (step - start)) / h[j, j]
                step[j] = np.sign(at) * max(abs(at) - lasso[j] / h[j, j], 0)
            if np.array_equal(before, step):
                break
        # What coordinate descent leaves is solved for on the columns that it kept.
        kept = np.flatnonzero((step != 0) | (lasso == 0)) if spec.l1 else np.arange(len(step))
        kept = kept[np.diag(h)[kept] > 0]
        slope = g[kept] + lasso[kept] * np.sign(step[kept]) - h[np.ix_(kept, kept)] @ start[kept]
        slope -= np.delete(h, kept, axis=1)[kept] @ np.delete(start, kept)
        slope += np.delete(h, kept, axis=1)[kept] @ np.delete(step, kept)
        before, b = b, np.zeros(len(weight))
        b[kept] = np.linalg.solve(h[np.ix_(kept, kept)], -slope) / length[kept]
        if np.allclose(before, b, rtol=1e-15, atol=0):
            break
    return b


@functools.cache
def least(spec: Linear, badly_scaled: bool) -> float:
    """The objective at the optimum of a problem."""
    train = problem(spec.loss, badly_scaled)["train"]
    return objective(spec, train, optimum(spec, train))


def answered(answer: dict[str, Any]) -> np.ndarray:
    """(1 + p,): the coefficients of an engine's answer, the intercept first."""
    return np.array([answer["parameters"]["coefficients"][name] for name in ["(intercept)", *FEATURES]], dtype=float)


@pytest.mark.parametrize("badly_scaled", [False, True])
@pytest.mark.parametrize("spec", CASES, ids=str)
def test_the_reference_meets_the_optimality_conditions_to_rounding(spec, badly_scaled):
    train = problem(spec.loss, badly_scaled)["train"]
    b = optimum(spec, train)
    assert residual(spec, train, b) < (1e-11 if badly_scaled else 1e-14)
    assert spec.l1 == 0 or spec.intercept == "none" or badly_scaled or np.any(b[1:] == 0), "the lasso drops a column"


@pytest.mark.parametrize("spec", CASES, ids=str)
def test_no_step_in_any_direction_lowers_the_reference(spec):
    train = problem(spec.loss, False)["train"]
    b = optimum(spec, train)
    steps = np.random.default_rng(1).normal(size=(200, 6)) * 1e-3
    steps[:, 0] *= spec.intercept != "none"
    assert min(objective(spec, train, b + step) for step in steps) > objective(spec, train, b)


def test_the_specification_names_what_an_engine_reads():
    assert {"family", "loss", "l1", "l2", "intercept", "tolerance", "threshold"} <= set(plain(CASES[0]))
