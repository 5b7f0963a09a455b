"""How two vectors of coefficients are related where they are not the same: a sign, a factor, an order, a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SINGLE = 4 * float(np.finfo(np.float32).eps)
"Relative gap that storing a number in float32 can make, with a few roundings on the way."


MOST_DIGITS = 7
"With so few digits left in every coefficient, they were rounded; a float64 has 16."


@dataclass(frozen=True, slots=True)
class Relation:
    """What makes the second of two vectors the first."""

    code: str
    sentence: str
    "Said of the second vector."


def gap(b: Floats, other: Floats, unit: Floats) -> float:
    """Largest difference over the largest coefficient, each (p,) coefficient times its column's sd: free of units."""
    one, two = b * unit, other * unit
    largest = max(float(np.abs(one).max(initial=0)), float(np.abs(two).max(initial=0)))
    return float(np.abs(one - two).max(initial=0)) / largest if largest else 0.0


def relation(b: Floats, c: float, other: Floats, other_c: float, unit: Floats, tolerance: float) -> Relation | None:
    """The simplest change that turns coefficients (p,) and intercept into the others; None where none is known.

    unit: (p,) sd of the columns. Meant for vectors that differ by more than `tolerance`.
    """

    def same(one: Floats, two: Floats, one_c: float, two_c: float, within: float = tolerance) -> bool:
        scale = max(abs(one_c), abs(two_c), float(np.abs(one * unit).max(initial=0)))
        return gap(one, two, unit) <= within and abs(one_c - two_c) <= within * max(scale, 1e-300)

    if same(-b, other, -c, other_c):
        return Relation("class order", "has every sign turned: it models class 0")
    if same(b, other, c, other_c, SINGLE) and np.array_equal(other.astype(np.float32).astype(np.float64), other):
        return Relation("precision", "holds numbers of float32")
    factor = _factor(b, other)
    if factor is not None and gap(b * factor, other, unit) <= tolerance and abs(factor - 1) > tolerance:
        if same(b * factor, other, c * factor, other_c):
            return Relation("coefficients", f"is {factor:.6g} times the other, intercept included")
        if same(b * factor, other, c, other_c):
            return Relation("coefficients", f"is {factor:.6g} times the other, but for the intercept")
    if gap(b, other, unit) <= tolerance:
        said = "has no intercept" if other_c == 0 else f"has an intercept {other_c - c:+.6g} away"
        return Relation("intercept", said)
    largest = float(np.abs(b * unit).max(initial=0))
    without = (np.abs(other * unit) <= tolerance * largest) & (np.abs(b * unit) > tolerance * largest)
    if without.any() and same(np.where(without, 0, b), other, c, other_c):
        listed = ", ".join(str(j + 1) for j in np.flatnonzero(without))
        return Relation("columns", f"is without column {listed}")
    if (order := _order(b, other)) is not None and same(b[order], other, c, other_c):
        return Relation("column order", "has the same coefficients in another order")
    if np.all(unit > 0) and gap(b * unit, other, np.ones_like(unit)) <= tolerance:
        return Relation("input_scaling", "is in units of the columns' standard deviations")
    return None


def rounding(b: Floats) -> str | None:
    """To what two or more coefficients (p,) were rounded; None where they have all their digits."""
    values = b[b != 0]
    if len(values) < 2:
        return None
    for digits in range(1, MOST_DIGITS + 1):
        if all(value == float(f"{value:.{digits}g}") for value in values):
            return f"{digits} significant digits"
        if all(value == float(f"{value:.{digits}f}") for value in values):
            return f"{digits} decimals"
    return None


def _factor(b: Floats, other: Floats) -> float | None:
    largest = int(np.argmax(np.abs(b))) if len(b) else 0
    return float(other[largest] / b[largest]) if len(b) and b[largest] != 0 and other[largest] != 0 else None


def _order(b: Floats, other: Floats) -> NDArray[np.int64] | None:
    """The order in which b's values are nearest to the other's; None where that is the order they have."""
    from scipy.optimize import linear_sum_assignment

    if len(b) < 2 or not (np.isfinite(b).all() and np.isfinite(other).all()):
        return None
    _, place = linear_sum_assignment(np.abs(other[:, None] - b[None, :]))
    return None if np.array_equal(place, np.arange(len(b))) else np.asarray(place)
