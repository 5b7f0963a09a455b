"""Rung 3: do two accuracy curves agree? Paired differences on shared rows at every size, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.compare.equivalence import ALPHA, MOST_DRAWS, Paired, PValues, against, draws_needed, holm, paired
from parity.compare.referee import Score
from parity.compare.verdict import Kind

Place = tuple[int, int]
"A draw: its size and its number."


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What a comparison of curves needs of one cell."""

    score: Score
    right: NDArray[np.bool_]
    "(n_test,) whether the label of a test row is the true one."
    digest: str
    "Of labels and probabilities: equal where these are equal, bit for bit."


@dataclass(frozen=True, slots=True)
class Discordant:
    """Test rows that one side alone labels right, after one draw, with McNemar's exact p-value."""

    n: int
    draw: int
    left_only: int
    right_only: int
    p: float


Measure = tuple[float, float, Paired]
"A measure on both sides, and its paired difference."

OF_A_CLASS = ("precision", "recall", "f1")
"What is compared of each class."


@dataclass(frozen=True, slots=True)
class Size:
    """Both sides at one size. Differences are right - left, paired by draw."""

    n: int
    planned: int
    left: float
    right: float
    gap: Paired
    p_values: PValues
    equivalent_holm: float | None
    different_holm: float | None
    verdict: Kind
    draws_needed: int | None
    by_probability: Measure
    "The same from probabilities cut at 0.5."
    log_loss: Measure | None
    calibration_error: Measure | None
    classes: tuple[dict[str, Measure | None], ...]
    "Of class 0 and class 1: precision, recall and F1; None where a draw has none."
    left_only: int
    right_only: int

    @property
    def missing(self) -> int:
        """Planned draws without a fit on both sides."""
        return self.planned - self.gap.draws


@dataclass(frozen=True, slots=True)
class Agreement:
    """The curves of two sides over all sizes."""

    verdict: Kind
    reason: str
    margin: float
    smallest_margin: float | None
    "The smallest margin at which these draws would show equivalence at every size."
    draws_needed: int | None
    first: int | None
    "The smallest size at which the sides are different."
    identical_cells: int
    cells: int
    sizes: tuple[Size, ...]
    discordant: tuple[Discordant, ...]

    @property
    def widest(self) -> Size | None:
        """The size with the largest gap."""
        return max(self.sizes, key=lambda size: abs(size.gap.mean), default=None)


def agreement(
    left: Mapping[Place, Scored], right: Mapping[Place, Scored], planned: Sequence[Place], margin: float
) -> Agreement:
    """Compare two sides on the draws that both have. planned: every draw that both should have.

    The sizes are a family: each size's p-values are corrected by Holm's method before it has a verdict of its own.
    That all sizes are equivalent at once needs no correction: each of them has to pass (an intersection-union test,
    Berger 1982, Technometrics 24, 295), and where they all do, each is called so.
    """
    shared = [place for place in planned if place in left and place in right]
    alike = {place: left[place].digest == right[place].digest for place in shared}
    by_size: dict[int, list[Place]] = {n: [] for n, _ in planned}
    for place in shared:
        by_size[place[0]].append(place)
    had = {n: places for n, places in by_size.items() if places}
    tested = {n: against(margin, _differences(left, right, places)) for n, places in had.items()}
    equivalent = dict(zip(had, holm([tested[n].equivalent for n in had]), strict=True))
    different = dict(zip(had, holm([tested[n].different for n in had]), strict=True))
    same = {n: all(alike[place] for place in places) for n, places in had.items()}
    at_once = all(same[n] or _below(tested[n].equivalent) for n in had)
    discordant = tuple(_discordant(place, left[place], right[place]) for place in shared)
    sizes = tuple(
        _size(
            n,
            places=places,
            planned=sum(each == n for each, _ in planned),
            sides=(left, right),
            tested=tested[n],
            holms=(equivalent[n], different[n]),
            verdict=_verdict(same[n], at_once or _below(equivalent[n]), _below(different[n])),
            needed=(margin, len(had)),
            counts=[each for each in discordant if each.n == n],
        )
        for n, places in had.items()
    )
    verdict, reason = _overall(sizes, len(planned) - len(shared), len(planned), at_once)
    open_sizes = [size for size in sizes if size.verdict is Kind.INCONCLUSIVE]
    needs = [size.draws_needed for size in open_sizes]
    ends = [end for size in sizes for end in (size.gap.low, size.gap.high)]
    return Agreement(
        verdict=verdict,
        reason=reason,
        margin=margin,
        smallest_margin=max((abs(end) for end in ends if end is not None), default=None) if None not in ends else None,
        draws_needed=max((n for n in needs if n is not None), default=None) if None not in needs else None,
        first=next((size.n for size in sizes if size.verdict is Kind.DIFFERENT_UNEXPLAINED), None),
        identical_cells=sum(alike.values()),
        cells=len(shared),
        sizes=sizes,
        discordant=discordant,
    )


def _below(p: float | None) -> bool:
    return p is not None and p <= ALPHA


def _verdict(same: bool, equivalent: bool, different: bool) -> Kind:
    if same:
        return Kind.IDENTICAL
    if different:
        return Kind.DIFFERENT_UNEXPLAINED
    return Kind.EQUIVALENT if equivalent else Kind.INCONCLUSIVE


def _differences(
    left: Mapping[Place, Scored], right: Mapping[Place, Scored], places: Sequence[Place]
) -> NDArray[np.float64]:
    return np.array([right[place].score.accuracy - left[place].score.accuracy for place in places])


def _size(
    n: int,
    *,
    places: Sequence[Place],
    planned: int,
    sides: tuple[Mapping[Place, Scored], Mapping[Place, Scored]],
    tested: PValues,
    holms: tuple[float | None, float | None],
    verdict: Kind,
    needed: tuple[float, int],
    counts: Sequence[Discordant],
) -> Size:
    scores = [[side[place].score for place in places] for side in sides]
    accuracy = _measure(*[[score.accuracy for score in side] for side in scores])
    cut = _measure(*[[score.accuracy_by_probability for score in side] for side in scores])
    assert accuracy is not None and cut is not None
    left, right, gap = accuracy
    return Size(
        n=n,
        planned=planned,
        left=left,
        right=right,
        gap=gap,
        p_values=tested,
        equivalent_holm=holms[0],
        different_holm=holms[1],
        verdict=verdict,
        draws_needed=draws_needed(gap, *needed) if verdict is Kind.INCONCLUSIVE else None,
        by_probability=cut,
        log_loss=_measure(*[[score.log_loss for score in side] for side in scores]),
        calibration_error=_measure(*[[score.calibration_error for score in side] for side in scores]),
        classes=tuple(
            {
                name: _measure(*[[getattr(score.classes[k], name) for score in side] for side in scores])
                for name in OF_A_CLASS
            }
            for k in (0, 1)
        ),
        left_only=sum(each.left_only for each in counts),
        right_only=sum(each.right_only for each in counts),
    )


def _measure(left: Sequence[float | None], right: Sequence[float | None]) -> Measure | None:
    """Means of both sides and the paired difference; None where a draw of either has no value."""
    if None in left or None in right:
        return None
    one, two = np.array(left, dtype=np.float64), np.array(right, dtype=np.float64)
    return float(one.mean()), float(two.mean()), paired(two - one)


def _discordant(place: Place, left: Scored, right: Scored) -> Discordant:
    """McNemar's exact test: of the rows that one side alone gets right, half would be the left's by chance."""
    left_only = int((left.right & ~right.right).sum())
    right_only = int((right.right & ~left.right).sum())
    return Discordant(*place, left_only, right_only, mcnemar(left_only, right_only))


def mcnemar(left_only: int, right_only: int) -> float:
    """Two-sided exact p-value of McNemar's test from its two discordant counts (McNemar 1947); 1 where there are none.

    The binomial sum in scipy.special's incomplete beta function, as there is one for each of thousands of cells.
    """
    from scipy.special import bdtr

    count = left_only + right_only
    return min(1.0, 2 * float(bdtr(min(left_only, right_only), count, 0.5))) if count else 1.0


def _overall(sizes: Sequence[Size], missing: int, planned: int, at_once: bool) -> tuple[Kind, str]:
    """The verdict over all sizes, with its sentence. A draw that is missing on one side is never a match."""
    different = [size for size in sizes if size.verdict is Kind.DIFFERENT_UNEXPLAINED]
    lack = f"{missing} of {planned} draws have no fit on both sides" if missing else ""
    if not sizes:
        return Kind.ERROR, "no draw has a fit on both sides"
    if different:
        first = different[0]
        said = (
            f"beyond the margin at {len(different)} of {len(sizes)} sizes, first at n = {first.n}: "
            f"{first.left:.3f} and {first.right:.3f}, gap {shown(first.gap)}"
        )
        return Kind.DIFFERENT_UNEXPLAINED, "; ".join(filter(None, [said, lack]))
    if missing:
        return Kind.ERROR, lack
    if all(size.verdict is Kind.IDENTICAL for size in sizes):
        return Kind.IDENTICAL, ""
    if at_once:
        widest = max(sizes, key=lambda size: abs(size.gap.mean))
        return Kind.EQUIVALENT, f"widest at n = {widest.n}: gap {shown(widest.gap)}"
    undecided = [size for size in sizes if size.verdict is Kind.INCONCLUSIVE]
    widest = max(undecided, key=lambda size: abs(size.gap.mean))
    return Kind.INCONCLUSIVE, (
        f"open at {len(undecided)} of {len(sizes)} sizes, widest at n = {widest.n}: gap {shown(widest.gap)}; "
        f"{_settles(undecided)}"
    )


def _settles(undecided: Sequence[Size]) -> str:
    needs = [size.draws_needed for size in undecided]
    if None in needs:
        return "one draw gives no interval: ask for more draws"
    most = max(n for n in needs if n is not None)
    return f"more than {MOST_DRAWS:,} draws settle it" if most >= MOST_DRAWS else f"about {most} draws settle it"


def shown(gap: Paired) -> str:
    """A mean difference with its interval."""
    if gap.low is None or gap.high is None:
        return f"{gap.mean:+.4f}"
    return f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
