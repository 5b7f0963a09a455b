"""What is done to an engine's answer from outside: a linear model's coefficients rounded, its labels cut elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.spec.intervention import LARGEST_F1, Intervention, cut_between, largest_f1
from parity.spec.models import Leekasso, Linear, Specification

Plain = dict[str, Any]
Floats = NDArray[np.float64]

INTERCEPT = "(intercept)"

ITS_OWN = 1e-5
"What a model predicts is what its coefficients give where it is no further from that than this, of itself or of 1."


def changed(answer: Plain, outside: Intervention, spec: Specification, train: Plain, test: Plain) -> Plain:
    """An engine's answer to these rows as the intervention leaves it. ValueError where it cannot be made."""
    if outside.coefficients is not None:
        answer = {**answer, **_rounded(answer, outside.coefficients, spec, test)}
    if outside.cut is not None:
        answer = {**answer, **_cut(answer, outside.cut, train["y"])}
    return answer


def _cut(answer: Plain, cut: Any, y: NDArray[np.int64]) -> Plain:
    """The labels that a cut from outside gives, in place of the framework's own; training rows stand last."""
    probability = np.asarray(answer["probability"], dtype=np.float64).reshape(-1)
    if cut != LARGEST_F1:
        return {"label": (probability > cut).astype(np.int8)}
    at = largest_f1(probability[-len(y) :], y)
    kept = probability[: -len(y)]
    return {"probability": kept, "label": (kept >= at).astype(np.int8)}


def _rounded(answer: Plain, kind: str, spec: Specification, test: Plain) -> Plain:
    """What a linear model predicts once its coefficients are rounded; labels are cut where they were before."""
    told = (answer.get("parameters") or {}).get("coefficients")
    if not told or not isinstance(spec, Leekasso | Linear):
        raise ValueError("there are no coefficients that could be rounded")
    known = {name: float(value) for name, value in told.items() if value is not None and not math.isnan(value)}
    probability = np.asarray(answer["probability"], dtype=np.float64).reshape(-1)
    if not np.allclose(_predicted(known, spec, test), probability, rtol=ITS_OWN, atol=ITS_OWN):
        raise ValueError("what it predicts is not what its coefficients give")
    shorter = {name: float(np.asarray(value).astype(kind)) for name, value in known.items()}
    predicted = _predicted(shorter, spec, test)
    cut = _own_cut(probability, np.asarray(answer["label"]).reshape(-1), spec.threshold)
    return {
        "parameters": {**answer["parameters"], "coefficients": {**told, **shorter}},
        "probability": predicted,
        "label": (predicted > cut).astype(np.int8),
    }


def _predicted(coefficients: dict[str, float], spec: Leekasso | Linear, test: Plain) -> Floats:
    """(n,) predicted values of a linear model by its coefficients."""
    names = [name for name in coefficients if name != INTERCEPT]
    x = np.asarray(test["x"], dtype=np.float64)[:, [test["features"].index(name) for name in names]]
    linear = coefficients.get(INTERCEPT, 0.0) + x @ np.array([coefficients[name] for name in names])
    squares = spec.loss == "squares" if isinstance(spec, Linear) else spec.model == "lm"
    with np.errstate(over="ignore"):
        return np.asarray(linear if squares else 1 / (1 + np.exp(-linear)))


def _own_cut(probability: Floats, label: NDArray[Any], threshold: float) -> float:
    """Where labels are cut: at the threshold if they say so, else halfway between the two kinds."""
    low, high = cut_between(probability, label)
    if low <= threshold < high:
        return threshold
    if not low < high:
        raise ValueError("its labels are not cut at one predicted value")
    # Of one kind alone nothing but its last predicted value tells where the cut is.
    return (low + high) / 2 if math.isfinite(low + high) else max(low, min(high, threshold))
