"""What every trial of a guess gave: paired differences, tested; from fits, from steps, or from an explanation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.equivalence import Paired, paired
from parity.compare.guess import PairedEffect, falls_short, family
from parity.debate import Claim, Trial
from parity.report.explain_words import CLOSED

if TYPE_CHECKING:
    from parity.debate_fits import Debated, Place

Plain = dict[str, Any]
Floats = NDArray[np.float64]

STEPS = {
    "solver": "where the solvers end: the exact solution between R's glm and LIBLINEAR",
    "problem": "which answer is asked for: ridge, penalised intercept, aliased columns",
    "screen": "which ten pixels are kept",
}
"Groups of steps from R's glm to LIBLINEAR, as parity robustness has them, in words."

ALL = "every difference that changes anything, switched at once"


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one trial gave: the differences of each size that has any, tested."""

    trial: Trial
    sizes: tuple[int, ...]
    tested: tuple[PairedEffect, ...]
    means: tuple[tuple[float, float] | None, ...]
    "Mean accuracy before and after."
    log_loss: tuple[Paired | None, ...]
    alike: tuple[int | None, ...]
    "Draws on which both sides are the same, bit for bit; None where that is not asked."
    values: tuple[Mapping[Place, float], ...] = ()
    "The differences themselves, by draw; empty where only their means are known."

    def at(self, n: int) -> PairedEffect | None:
        """The effect at a size."""
        return dict(zip(self.sizes, self.tested, strict=True)).get(n)


def trials_of(claim: Claim, found: Debated) -> list[Told]:
    """The trials of a guess or claim, those that decide it as one family."""
    if claim.source == "explanation":
        return closing(found)
    if claim.source == "robustness":
        steps = [(_step(group), _of_parts(found, group)) for group in STEPS]
        return _tested(steps, found)
    return _tested([(trial, _between(found, trial.before, trial.after)) for trial in claim.trials], found)


def _step(group: str) -> Trial:
    return Trial(group, STEPS[group], "glm", "liblinear", "decides" if group == "solver" else "beside")


@dataclass(frozen=True, slots=True, eq=False)
class _Differences:
    """Paired differences by size, each (draws,)."""

    accuracy: Mapping[int, Floats]
    means: Mapping[int, tuple[float, float]]
    log_loss: Mapping[int, Floats]
    alike: Mapping[int, int]
    places: Mapping[int, Sequence[Place]]


def _between(found: Debated, before: str, after: str) -> _Differences:
    one, two = found.fits.get(before, {}), found.fits.get(after, {})
    by_size: dict[int, list[Place]] = {n: [] for n in found.study.protocol.sizes}
    for place in one:
        if place in two:
            by_size[place[0]].append(place)
    had = {n: places for n, places in by_size.items() if places}
    losses = {n: [(one[p].log_loss, two[p].log_loss) for p in places] for n, places in had.items()}
    return _Differences(
        {n: np.array([two[p].accuracy - one[p].accuracy for p in places]) for n, places in had.items()},
        {
            n: (float(np.mean([one[p].accuracy for p in places])), float(np.mean([two[p].accuracy for p in places])))
            for n, places in had.items()
        },
        {
            n: np.array([b - a for a, b in pairs if a is not None and b is not None])
            for n, pairs in losses.items()
            if all(a is not None and b is not None for a, b in pairs)
        },
        {n: sum(one[p].digest == two[p].digest for p in places) for n, places in had.items()},
        had,
    )


def _of_parts(found: Debated, group: str) -> _Differences:
    values = found.parts[group]
    by_size = {n: [place for place in values if place[0] == n] for n in found.study.protocol.sizes}
    had = {n: places for n, places in by_size.items() if places}
    changes = {n: np.array([values[place] for place in places]) for n, places in had.items()}
    return _Differences(changes, {}, {}, {}, had)


def _tested(trials: Sequence[tuple[Trial, _Differences]], found: Debated) -> list[Told]:
    """Every trial's differences tested; those that decide are one family, any other by itself."""
    margin = found.study.margin
    families: dict[str, list[int]] = {}
    for k, (trial, _) in enumerate(trials):
        families.setdefault("decides" if trial.role == "decides" else trial.name, []).append(k)
    tested: dict[tuple[int, int], PairedEffect] = {}
    for members in families.values():
        keys = [(k, n) for k in members for n in trials[k][1].accuracy]
        values = [trials[k][1].accuracy[n] for k, n in keys]
        same = [trials[k][0].is_bitwise and trials[k][1].alike[n] == len(trials[k][1].accuracy[n]) for k, n in keys]
        tested |= dict(zip(keys, family(values, margin, same), strict=True))
    return [
        Told(
            trial,
            tuple(each.accuracy),
            tuple(tested[k, n] for n in each.accuracy),
            tuple(each.means.get(n) for n in each.accuracy),
            tuple(_paired(each.log_loss.get(n)) for n in each.accuracy),
            tuple(each.alike[n] if trial.is_bitwise else None for n in each.accuracy),
            tuple(dict(zip(each.places[n], map(float, each.accuracy[n]), strict=True)) for n in each.accuracy),
        )
        for k, (trial, each) in enumerate(trials)
    ]


def _paired(values: Floats | None) -> Paired | None:
    return None if values is None else paired(values)


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """What is to be closed: tested on all draws, and of each draw."""

    told: Told
    values: Mapping[Place, float]

    def beside(self, told: Told, n: int) -> PairedEffect | None:
        """The gap at a size with its mean over a trial's own draws, as what the trial closes is paired with it."""
        whole, (_, gap) = self.told.at(n), self._both(told, n)
        return whole if whole is None or not len(gap) else dataclasses.replace(whole, paired=paired(gap))

    def is_missed(self, told: Told, n: int) -> bool:
        """Whether it is ruled out that a trial closes half of the gap at a size."""
        effect, gap = self._both(told, n)
        return len(gap) > 1 and falls_short(effect, gap)

    def _both(self, told: Told, n: int) -> tuple[Floats, Floats]:
        """A trial's differences and the gap, on the draws that both have."""
        known = dict(zip(told.sizes, told.values, strict=False)).get(n, {})
        places = [place for place in known if place in self.values]
        return np.array([known[p] for p in places]), np.array([self.values[p] for p in places])


def gap_of(claim: Claim, found: Debated) -> Gap:
    """The gap that a guess explains."""
    assert claim.gap is not None
    differences = _of_parts(found, "gap") if claim.source == "robustness" else _between(found, *claim.gap)
    (told,) = _tested([(Trial("gap", claim.gap_words, *claim.gap), differences)], found)
    return Gap(told, {place: value for values in told.values for place, value in values.items()})


def closing(found: Debated) -> list[Told]:
    """What switching every live difference closes, from the explanation's two gaps.

    The ends of both intervals are added up, so that the one of the change is wider than it need be.
    """
    margin, sizes, tested = found.study.margin, [], []
    for each in found.explanations:
        before, after = each.get("base"), each.get("all_switched")
        if not before or not after or before["gap"]["low"] is None or after["gap"]["low"] is None:
            continue
        one, two = before["gap"], after["gap"]
        low, high = one["low"] - two["high"], one["high"] - two["low"]
        mean = Paired(after["draws"], one["mean"] - two["mean"], None, low, high)
        closed = after["level"] in CLOSED and before["level"] not in CLOSED
        sizes.append(each["n"])
        tested.append(PairedEffect(mean, closed or low * high > 0, max(-low, high) < margin))
    if not sizes:
        return []
    nothing: tuple[None, ...] = (None,) * len(sizes)
    return [Told(Trial("all", ALL, "h2o", "keras"), tuple(sizes), tuple(tested), nothing, nothing, nothing)]
