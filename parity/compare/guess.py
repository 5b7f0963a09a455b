"""The verdict on a guess, from paired differences over draws: how much of a gap one change closes, at every size.

Numbers in, words out. The intervals and the tests are those of equivalence.py; sizes and trials of one guess are a
family, whose p-values are corrected by Holm's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from parity.compare.equivalence import ALPHA, INTERVAL, Paired, against, holm, paired

Floats = NDArray[np.float64]

HALF = 0.5
"Share of a gap from which on a change is its cause: what closes less leaves most of the gap to others."


class Says(StrEnum):
    """What one size says of a guess or of a claim."""

    CAUSES = "causes"
    PART = "part"
    SHORT = "not half"
    NONE = "none"
    NO_GAP = "no gap"
    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


MEANINGS = {
    Says.CAUSES: "the change closes at least half of the gap",
    Says.PART: "an effect beyond chance, of less than half the gap",
    Says.SHORT: "no effect beyond chance, and closing half of the gap is ruled out",
    Says.NONE: "no effect: nothing changes, less than the margin does, or the gap grows",
    Says.NO_GAP: "the gap is within the margin: there is nothing to be closed",
    Says.HOLDS: "the claim holds",
    Says.FAILS: "the claim does not hold",
    Says.OPEN: "these draws do not tell",
}
"Word -> what it stands for."

VERDICTS = ("supported", "partly", "refuted", "undecided", "not run")

CAUSE = (
    f"A guess names what causes a gap, and is tried by changing that alone. A size says '{Says.CAUSES}' where the "
    f"change closes at least half of the gap on average and is beyond chance (two-sided test over draws at {ALPHA:g}, "
    f"sizes and trials of the guess together by Holm's method), and '{Says.PART}' where it is beyond chance and closes "
    f"less. It says '{Says.NONE}' where every prediction stays the same bit for bit, where two one-sided tests at "
    f"{ALPHA:g} put the effect within the margin, or where the gap grows; '{Says.SHORT}' where no effect is beyond "
    f"chance and closing half of the gap is ruled out (one-sided test over draws at {ALPHA:g}); '{Says.NO_GAP}' where "
    f"the gap itself lies within the margin; and '{Says.OPEN}' otherwise. Of several trials the one that says most "
    f"counts. Supported: every size with a gap says '{Says.CAUSES}'. Refuted: all of them say '{Says.NONE}' or "
    f"'{Says.SHORT}'. Partly: one says '{Says.CAUSES}' or '{Says.PART}'. Undecided otherwise."
)

_STATEMENT = (
    "Supported: it holds at every size. Refuted: it fails at one and holds at none. Partly: it holds at some and fails "
    "at some. Undecided otherwise."
)

SAME = (
    f"A claim that two are the same. At a size it holds where two one-sided tests at {ALPHA:g} put the difference "
    f"within the margin, and fails where it is beyond the margin (two-sided at {ALPHA:g}, sizes together by Holm's "
    f"method). {_STATEMENT}"
)

AS_GOOD = (
    f"A claim that one is as good as the other. At a size it holds where a loss of the margin or more is ruled out "
    f"(one-sided at {ALPHA:g}: the {INTERVAL:.0%} interval lies above minus the margin), and fails where such a loss "
    f"is shown (two-sided at {ALPHA:g}, sizes together by Holm's method). {_STATEMENT}"
)

RULES = {"cause": CAUSE, "same": SAME, "as good": AS_GOOD}
"Kind of a guess or claim -> how its verdict follows from the numbers."


@dataclass(frozen=True, slots=True)
class PairedEffect:
    """A mean paired difference at one size, and what is shown of it."""

    paired: Paired
    is_real: bool
    "Beyond chance."
    is_within: bool
    "Within the margin."
    is_identical: bool = False
    "Both sides predict the same, bit for bit, on every draw."
    is_beyond: bool = False
    "Beyond the margin."
    is_not_worse: bool = False
    "A loss of the margin or more is ruled out."
    is_worse: bool = False
    "A loss of more than the margin is shown."
    p: float | None = None
    "Of no difference, two-sided, corrected for the family; None where it was not tested."
    p_equivalent: float | None = None
    "Of a difference of the margin or more."


def family(differences: Sequence[Floats], margin: float, identical: Sequence[bool] = ()) -> list[PairedEffect]:
    """Test the (draws,) paired differences of every size and trial of one guess. identical: of each, if it is known."""
    at_margin = [against(margin, values) for values in differences]
    nothing = holm([against(0.0, values).different for values in differences])
    more = holm([each.different for each in at_margin])
    loss = [against(0.0, values + margin).different for values in differences]
    lost = holm(loss)
    same = [*identical] or [False] * len(differences)
    found = []
    for k, values in enumerate(differences):
        mean = paired(values)
        ahead = mean.mean > -margin
        found.append(
            PairedEffect(
                mean,
                is_real=_below(nothing[k]),
                is_within=same[k] or _below(at_margin[k].equivalent),
                is_identical=same[k],
                is_beyond=_below(more[k]),
                # One-sided, as an interval at INTERVAL is.
                is_not_worse=same[k] or (ahead and _below(loss[k], 2 * ALPHA)),
                is_worse=not ahead and _below(lost[k]),
                p=nothing[k],
                p_equivalent=at_margin[k].equivalent,
            )
        )
    return found


def of_cause(effect: PairedEffect, gap: PairedEffect | None, short: bool = False) -> Says:
    """What a size says of a guess, from one trial of it.

    gap: what is to be closed; None where it is not known. short: whether closing half of it is ruled out.
    """
    if effect.is_identical:
        return Says.NONE
    closed = share(effect, gap)
    if closed is not None and closed >= HALF and effect.is_real:
        return Says.CAUSES
    if effect.is_within:
        return Says.NONE
    if gap is not None and gap.is_within:
        return Says.NO_GAP
    if closed is None:
        return Says.OPEN
    if effect.is_real:
        return Says.PART if closed > 0 else Says.NONE
    return Says.SHORT if short else Says.OPEN


def falls_short(effect: Floats, gap: Floats) -> bool:
    """Whether closing half of a gap is ruled out, from (draws,) paired values of an effect and of the gap."""
    missed = np.sign(gap.mean()) * (HALF * gap - effect)
    return bool(missed.mean() > 0 and _below(against(0.0, missed).different, 2 * ALPHA))


def share(effect: PairedEffect, gap: PairedEffect | None) -> float | None:
    """The share of a gap that an effect closes; None where there is no gap beyond chance."""
    if gap is None or not gap.is_real:
        return None
    return effect.paired.mean / gap.paired.mean


def of_same(effect: PairedEffect) -> Says:
    """What a size says of a claim that two are the same."""
    if effect.is_within:
        return Says.HOLDS
    return Says.FAILS if effect.is_beyond else Says.OPEN


def of_as_good(effect: PairedEffect) -> Says:
    """What a size says of a claim that one is as good as the other."""
    if effect.is_not_worse:
        return Says.HOLDS
    return Says.FAILS if effect.is_worse else Says.OPEN


def strongest(trials: Sequence[Says]) -> Says:
    """What a size says by all trials of a guess."""
    order = (Says.CAUSES, Says.PART, Says.OPEN, Says.NO_GAP, Says.SHORT, Says.NONE)
    return next((word for word in order if word in trials), Says.OPEN)


def verdict(sizes: Sequence[Says]) -> str:
    """supported, partly, refuted or undecided, from what every size says."""
    asked = [word for word in sizes if word is not Says.NO_GAP]
    if not asked:
        return "undecided"
    if all(word in (Says.CAUSES, Says.HOLDS) for word in asked):
        return "supported"
    if all(word in (Says.NONE, Says.SHORT) for word in asked):
        return "refuted"
    if any(word in (Says.CAUSES, Says.PART) for word in asked):
        return "partly"
    if Says.FAILS in asked:
        return "partly" if Says.HOLDS in asked else "refuted"
    return "undecided"


def _below(p: float | None, level: float = ALPHA) -> bool:
    return p is not None and p <= level
