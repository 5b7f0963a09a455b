"""What weights and gradients of a trace tell: a penalty, dropped units, digits, a changed start."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parity.compare.reference_network import Floats

Record = Mapping[str, Any]
Arrays = tuple[Floats, ...]

CONSTANT = 1e-3
"A ratio is one number where it varies by no more than this share of itself."

STANDS_OUT = 1e-3
"A penalty is one where the weights explain this share of what the loss leaves of a gradient, at least."

FEW_DROPPED = 0.02
"A smaller share of zeros among a layer's values is none that was drawn."

DIGITS = 3
"Digits to which a measured ratio is told, where that is within its error."


def arrays_of(record: Mapping[str, Any]) -> Arrays:
    """Weights and biases of all layers in turn, the input side first; nothing where there are none."""
    pairs = zip(record.get("weights") or (), record.get("biases") or (), strict=False)
    return tuple(np.asarray(each, dtype=np.float64) for pair in pairs for each in pair)


def penalty_of(records: Sequence[Record]) -> float | None:
    """Lambda of a ridge penalty in the first update's gradients; None where they do not tell.

    Inputs that are 0 in all rows have no gradient but the penalty's; where there are none, it is what the last layer's
    gradient has beyond activations times errors.
    """
    if len(records) < 2 or records[1].get("gradients") is None:
        return None
    first, before = records[1], arrays_of(records[0])
    slopes = arrays_of(first["gradients"])
    if not before or [a.shape for a in before] != [a.shape for a in slopes]:
        return None
    if "input" in first:
        idle = ~np.asarray(first["input"]).any(axis=0)
        if idle.any() and before[0][idle].any():
            return _multiple(slopes[0][idle], before[0][idle])
    left = _beyond_loss(first, slopes[-2])
    return None if left is None else _multiple(left, before[-2])


def _multiple(gap: Floats, weights: Floats) -> float | None:
    """How many times the weights a gap is; 0 where it is next to none of them, None where it is something else."""
    share = float((gap * weights).sum() / (weights**2).sum())
    off = float(np.linalg.norm(gap - share * weights))
    if off > (1 - STANDS_OUT) * float(np.linalg.norm(gap)):
        return 0.0
    return share if off <= 0.1 * float(np.linalg.norm(gap)) else None


def _beyond_loss(record: Record, slope: Floats) -> Floats | None:
    """What the last layer's gradient is beyond that of the mean cross-entropy."""
    shown = record.get("activations")
    if not shown or len(shown) < 2 or "target" not in record:
        return None
    below, p = (np.asarray(each, dtype=np.float64) for each in shown[-2:])
    y = np.asarray(record["target"], dtype=np.float64).reshape(-1)
    target = y[:, None] if p.shape[1] == 1 else np.eye(p.shape[1])[y.astype(int)]
    made = below.T @ (p - target) / len(y)
    return slope - made if made.shape == slope.shape else None


def dropout_of(records: Sequence[Record], activation: str) -> float | None:
    """Share of the hidden units that the first update drops; None where activations are not shown or not explained.

    Of inverted dropout the values that are kept tell it exactly: they are 1 / (1 - share) times as large.
    """
    if len(records) < 2 or not records[1].get("activations") or "input" not in records[1]:
        return None
    below = np.asarray(records[1]["input"], dtype=np.float64)
    arrays, shares = arrays_of(records[0]), []
    for layer, shown in enumerate(records[1]["activations"][:-1]):
        weights, biases = arrays[2 * layer : 2 * layer + 2]
        if weights.shape[0] != below.shape[1]:
            return None
        score = below @ weights + biases
        whole = np.tanh(score) if activation == "tanh" else np.maximum(score, 0)
        found = np.asarray(shown, dtype=np.float64)
        clear = np.abs(whole) > CONSTANT * np.abs(whole).max(initial=0)
        kept = clear & (found != 0)
        if found.shape != whole.shape or not kept.any():
            return None
        ratios = found[kept] / whole[kept]
        ratio, zeros = float(np.median(ratios)), float((found[clear] == 0).mean())
        if np.abs(ratios - ratio).max() > 20 * CONSTANT * abs(ratio):
            return None
        shares.append(1 - 1 / ratio if abs(ratio - 1) > CONSTANT else zeros if zeros > FEW_DROPPED else 0.0)
        below = found
    return short(float(np.mean(shares))) if shares else None


def digits_of(records: Sequence[Record]) -> str | None:
    """float16, float32 or float64: the shortest format that holds every weight after the last update that is shown."""
    # Biases are no part of it: H2O keeps them in float64.
    arrays = arrays_of(records[-1])[::2]
    if len(records) < 2 or not arrays:
        return None
    with np.errstate(over="ignore"):
        for name in ("float16", "float32"):
            if all(np.array_equal(each, each.astype(name)) for each in arrays):
                return name
    return "float64"


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """What becomes of arrays that a network is given to start from, of each layer, the input side first."""

    weights: tuple[float, ...]
    "Factors."
    biases: tuple[tuple[float, float], ...]
    "Factor and shift; a factor of 0 where they start at the shift, whatever is given."

    @property
    def as_given(self) -> bool:
        """Whether nothing becomes of them."""
        return set(self.weights) == {1.0} and set(self.biases) == {(1.0, 0.0)}


def start_of(record: Record, given: Arrays) -> Start | None:
    """What a network starts from, as multiples of what it was given; None where it is something else."""
    found = arrays_of(record)
    if len(found) != len(given):
        return None
    weights, biases = list[float](), list[tuple[float, float]]()
    for place, (array, asked) in enumerate(zip(found, given, strict=True)):
        if array.shape != asked.shape:
            # Columns that are left out take their weights with them; the next layer tells the factor.
            if place > 0:
                return None
            continue
        if place % 2 == 0:
            factor = float((array * asked).sum() / (asked**2).sum())
            if np.abs(array - factor * asked).max() > CONSTANT * np.abs(asked).max():
                return None
            weights.append(short(factor))
            continue
        told = _line(array, asked, biases[-1] if biases else (1.0, 0.0))
        if told is None:
            return None
        biases.append(told)
    missing = len(biases) - len(weights)
    return Start((*weights[:missing], *weights), tuple(biases))


def _line(found: Floats, given: Floats, layer_before: tuple[float, float]) -> tuple[float, float] | None:
    """Factor and shift that make one vector of another. One number is on many lines, and on the layer's before if any.

    A factor of 0 where all of a vector are one number, whatever was given.
    """
    near = CONSTANT * max(np.abs(given).max(), np.abs(found).max())
    spread = float(np.ptp(given))
    constant = np.ptp(found) <= near < spread
    factor = 0.0 if constant else short(float(np.ptp(found)) / spread) if spread > 0 else 1.0
    shift = float(np.median(found - factor * given))
    lines = [layer_before, (factor, short(shift) if abs(shift) > near else 0.0)]
    return next(
        (line for line in lines[len(found) > 1 :] if np.abs(found - line[0] * given - line[1]).max() <= 2 * near), None
    )


def short(value: float, digits: int = DIGITS) -> float:
    """A measured number with as few digits as its error leaves it.

    >>> short(0.49996)
    0.5
    """
    for count in range(1, digits + 1):
        rounded = float(f"{value:.{count - 1}e}")
        if abs(rounded - value) <= CONSTANT * abs(value):
            return rounded
    return float(f"{value:.{digits - 1}e}")
