"""How close two sides are over draws: from bit for bit to different beyond the margin, on the rows that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from parity.compare.equivalence import ALPHA, Paired, against, draws_needed, paired

Floats = NDArray[np.float64]


class Level(IntEnum):
    """How close; a smaller number is closer."""

    IDENTICAL = 0
    "Every label and every predicted value agree bit for bit."
    WITHIN_TOLERANCE = 1
    "Every label agrees, and predicted values differ by no more than rounding spreads in these fits."
    EQUIVALENT = 2
    "Accuracy is equivalent at the margin (TOST)."
    OPEN = 3
    "These draws tell neither."
    DIFFERENT = 4
    "Accuracy differs beyond the margin."

    @property
    def words(self) -> str:
        """As a sentence has it."""
        return self.name.lower().replace("_", " ")


CLOSED = Level.EQUIVALENT
"A gap is closed from here on down."

EXACT = Level.WITHIN_TOLERANCE
"From here on down no chance is left: one draw would show the difference."


NO_CHANCE = 0.01
"Level at which a gap counts as one: stricter than that of a single test, since a cause is looked for wherever it does."


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What is compared of one fit to one draw. label, probability: (n_test,)."""

    label: NDArray[np.int8]
    probability: Floats
    accuracy: float
    log_loss: float | None


@dataclass(frozen=True, slots=True)
class Closeness:
    """Two sides over the draws that both have."""

    level: Level
    left: float
    right: float
    "Mean accuracies."
    gap: Paired
    "Of accuracy, right - left."
    log_loss: Paired | None
    apart: float
    "Largest difference of two predicted values."
    labels: int
    "Test rows with another label, over all draws."
    chance: float
    "Two-sided p-value of no gap of accuracy at all."
    draws_needed: int | None
    "Where the level is OPEN."

    @property
    def closed(self) -> bool:
        """Whether the gap is closed."""
        return self.level <= CLOSED

    @property
    def apart_in_accuracy(self) -> bool:
        """Whether there is a gap to explain: beyond the margin, or below it or undecided and still no chance."""
        return self.level is Level.DIFFERENT or (self.level is Level.OPEN and self.chance <= NO_CHANCE)


def accuracy_gaps(left: Sequence[Fitted], right: Sequence[Fitted]) -> Floats:
    """(draws,) right - left."""
    return np.array([b.accuracy - a.accuracy for a, b in zip(left, right, strict=True)])


def log_loss_gaps(left: Sequence[Fitted], right: Sequence[Fitted]) -> Floats | None:
    """(draws,) right - left; None where a side's predicted values are no probabilities."""
    losses = [(a.log_loss, b.log_loss) for a, b in zip(left, right, strict=True)]
    known = [b - a for a, b in losses if a is not None and b is not None]
    return np.array(known) if len(known) == len(losses) else None


def closeness(left: Sequence[Fitted], right: Sequence[Fitted], margin: float, tolerances: Sequence[float]) -> Closeness:
    """Compare two sides draw by draw. tolerances: of each draw's predicted values. ValueError without any draw."""
    if not left or len(left) != len(right):
        raise ValueError(f"{len(left)} and {len(right)} fits cannot be paired")
    gaps, losses = accuracy_gaps(left, right), log_loss_gaps(left, right)
    far = [apart(a.probability, b.probability) for a, b in zip(left, right, strict=True)]
    labels = sum(int((a.label != b.label).sum()) for a, b in zip(left, right, strict=True))
    gap = paired(gaps)
    level = _level(gaps, far, labels, margin, tolerances)
    return Closeness(
        level=level,
        left=float(np.mean([each.accuracy for each in left])),
        right=float(np.mean([each.accuracy for each in right])),
        gap=gap,
        log_loss=None if losses is None else paired(losses),
        apart=max(far),
        labels=labels,
        chance=_chance(gaps),
        draws_needed=draws_needed(gap, margin) if level is Level.OPEN else None,
    )


def _chance(gaps: Floats) -> float:
    found = against(0.0, gaps).different
    return 1.0 if found is None else found


def apart(one: Floats, other: Floats) -> float:
    """Largest difference of (n,) values; what is not finite agrees with its like alone."""
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    with np.errstate(invalid="ignore"):
        gaps = np.where(one == other, 0.0, np.abs(one - other))
    return float(np.where(np.isnan(gaps), np.inf, gaps).max())


def _level(gaps: Floats, far: Sequence[float], labels: int, margin: float, tolerances: Sequence[float]) -> Level:
    if labels == 0 and not any(far):
        return Level.IDENTICAL
    if labels == 0 and all(one <= near for one, near in zip(far, tolerances, strict=True)):
        return Level.WITHIN_TOLERANCE
    tested = against(margin, gaps)
    if tested.different is not None and tested.different <= ALPHA:
        return Level.DIFFERENT
    if tested.equivalent is not None and tested.equivalent <= ALPHA:
        return Level.EQUIVALENT
    return Level.OPEN
