"""What loss a network is trained on, and how its classes weigh, told by the first update's gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.compare.reference_network import Floats
from parity.explain.updates import arrays_of, short

Record = Mapping[str, Any]

CONDITION = 1e-4
"Rows whose activations are more alike than this share of the most telling direction have no errors of their own."

FITS = 5e-3
"A loss is the one in force where the errors that it makes are off by no more than this share of the largest."

ROUNDING, CLOSE = 1e-4, 3.0
"Losses that fit to float32's rounding, or up to so many times worse than the best, may be in force as well."

SMALL = 0.02
"Errors below it tell no ratio: that of a row which is predicted well is mostly rounding."

CROSS_ENTROPY, SQUARED, ANOTHER = "cross-entropy", "squared-error", "another loss"


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss, and by what the error of a row of class 0 and of class 1 is multiplied."""

    kind: str
    weights: tuple[float, float]
    smoothing: float = 0.0
    "Share of the labels that is spread over both classes, as Keras' label_smoothing."


def loss_of(records: Sequence[Record], l2: float) -> Loss | None:
    """The loss whose gradient the first update's is; None where it is not shown or cannot be told.

    The output layer's gradient is a sum over rows of activations times errors. Where rows are fewer than activations
    the errors follow from it: of the mean cross-entropy they are probability - label. l2: lambda of the penalty.
    """
    errors = _errors(records, l2)
    if errors is None:
        return None
    found, p, y = errors
    asked = p - y
    telling = np.abs(asked) > SMALL
    if any(not (telling & (y == label)).any() for label in (0, 1)):
        return None
    smoothing, off = _smoothed(found, p, y)
    candidates = [
        _by_class(CROSS_ENTROPY, found, asked, y, telling),
        _by_class(SQUARED, found, asked * p * (1 - p), y, telling),
        (Loss(CROSS_ENTROPY, (1.0, 1.0), smoothing), off),
    ]
    best = min(off for _, off in candidates)
    near = max(ROUNDING, CLOSE * best)
    # The plainest of those that fit as well as the best.
    return next(loss for loss, off in candidates if off <= near) if best <= FITS else Loss(ANOTHER, (1.0, 1.0))


def _errors(records: Sequence[Record], l2: float) -> tuple[Floats, Floats, Floats] | None:
    """(n,) errors of class 1 at the output, its probabilities, and the labels; None where they do not follow."""
    if len(records) < 2 or records[1].get("gradients") is None or "target" not in records[1]:
        return None
    first, before = records[1], arrays_of(records[0])
    shown, slopes = first.get("activations") or (), arrays_of(first["gradients"])
    if len(shown) < 2 or [a.shape for a in before] != [a.shape for a in slopes]:
        return None
    below, p = (np.asarray(each, dtype=np.float64) for each in shown[-2:])
    y: Floats = np.asarray(first["target"], dtype=np.float64).reshape(-1)
    if len(below) != len(y) or len(p) != len(y) or not np.isin(y, (0, 1)).all():
        return None
    design = np.vstack([below.T, np.ones(len(y))]) / len(y)
    wanted = np.vstack([slopes[-2] - l2 * before[-2], slopes[-1]])
    if design.shape[0] != wanted.shape[0]:
        return None
    found, _, rank, singular = np.linalg.lstsq(design, wanted, rcond=CONDITION)
    # What no errors make of the gradient is rounding, and that much of it in the least telling direction is this large.
    rounding = float(np.linalg.norm(design @ found - wanted)) / float(singular[-1])
    if rank < len(y) or rounding > FITS * np.abs(found).max():
        return None
    return np.asarray(found[:, -1]), p[:, -1], y


def _by_class(kind: str, found: Floats, shape: Floats, y: Floats, telling: Any) -> tuple[Loss, float]:
    """The loss whose errors have a shape, times a factor for each class, and how far off those are."""
    factors = []
    for label in (0, 1):
        rows = telling & (y == label)
        factors.append(float((found[rows] * shape[rows]).sum() / (shape[rows] ** 2).sum()))
    off = np.abs(found - np.where(y == 1, factors[1], factors[0]) * shape)
    return Loss(kind, (short(factors[0], 2), short(factors[1], 2))), float(off.max() / np.abs(found).max())


def _smoothed(found: Floats, p: Floats, y: Floats) -> tuple[float, float]:
    """The share by which labels are smoothed where the cross-entropy has these errors, and how far off it is."""
    labels = p - found
    share = 1 - float(labels[y == 1].mean() - labels[y == 0].mean())
    off = np.abs(labels - (y * (1 - share) + share / 2))
    return short(share, 2), float(off.max() / np.abs(found).max())
