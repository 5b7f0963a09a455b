"""What a search on one draw has found, held against draws that it did not see, without what is not needed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from parity.explain.changes import Change
from parity.explain.pursuit import Attempt, Ground, Step
from parity.explain.sizes import IDENTICAL

DECISIVE = 10.0
"Where no set makes the sides agree, one is told of that brings them so many times nearer."

NEEDED = 5.0
"Each change of such a set has to bring them so many times nearer, beside the others."

TRUSTED = 5
"Sets that are tried on other draws before the search goes on."

RULES = 48
"Combinations of rules that are tried on another draw."


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """Both sides' distances before anything is tried, the draw that is searched, and those that it does not see."""

    ground: Ground
    limits: Sequence[float]
    "Of each draw, how far predicted values may be apart by rounding."
    base: Sequence[tuple[float, float]]
    "Of each draw, the largest and the mean distance."
    search: int
    checks: Sequence[int]

    @property
    def places(self) -> tuple[int, ...]:
        """The draws on which a set has to hold, the one that is searched first."""
        return (self.search, *self.checks)

    def agrees(self, attempt: Attempt, place: int) -> bool:
        """Whether the sides agree on that draw, as far as rounding lets them."""
        return attempt.far <= self.limits[place]

    def improves(self, attempt: Attempt, place: int) -> bool:
        """Whether the sides agree, or are decisively nearer."""
        return self.agrees(attempt, place) or attempt.mean <= self.base[place][1] / DECISIVE

    def found(self, attempt: Attempt | None) -> bool:
        """Whether nothing better is to be sought."""
        return attempt is not None and self.agrees(attempt, self.search)

    def rank(self, attempt: Attempt) -> tuple[int, float, float]:
        """One and the same computation before agreement within rounding, few changes before many; else the nearer."""
        if not self.agrees(attempt, self.search):
            return 2, attempt.mean, len(attempt.steps)
        return int(attempt.far > IDENTICAL), len(attempt.steps), attempt.mean

    def better(self, one: Attempt | None, two: Attempt | None) -> Attempt | None:
        """The one that explains more with less."""
        return min((each for each in (one, two) if each is not None), key=self.rank, default=None)

    def verified(self, attempts: Sequence[Attempt]) -> Attempt | None:
        """The first of the nearest attempts that holds on other draws by some rule, without what is not needed."""
        hopeful = sorted((each for each in attempts if each.steps and self.improves(each, self.search)), key=self.rank)
        for each in hopeful[:TRUSTED]:
            general = self._general(each)
            if general is not None:
                return self._spared(general)
        return None

    def _general(self, attempt: Attempt) -> Attempt | None:
        """The attempt with rules for its places that hold on every draw, and where it can be without pinned columns."""
        options = [step.rules or (step.change,) for step in attempt.steps]
        versions = [
            dataclasses.replace(attempt, pinned=pinned, steps=_ruled(attempt, combination))
            for combination in itertools.islice(itertools.product(*options), RULES)
            for pinned in dict.fromkeys([False, attempt.pinned])
        ]
        exact = False
        for place in self.places:
            fitted = self.ground.measured(versions, place)
            kept = [(version, now) for version, now in zip(versions, fitted, strict=True) if self.improves(now, place)]
            # Rows that are alike in the screened columns are not alike in the digits of a sum.
            exact = exact or (place == self.search and any(self.agrees(now, place) for _, now in kept))
            kept = [(version, now) for version, now in kept if not exact or self.agrees(now, place)]
            if not kept:
                return None
            versions = [now if place == self.search else version for version, now in kept]
        return versions[0]

    def _spared(self, attempt: Attempt) -> Attempt:
        """The attempt without steps that can be left out; each has to bring the sides decisively nearer."""
        for step in attempt.steps if len(attempt.steps) > 1 else ():
            fewer = dataclasses.replace(attempt, steps=tuple(each for each in attempt.steps if each is not step))
            fitted = {place: self.ground.measured([fewer], place)[0] for place in self.places}
            if self.agrees(attempt, self.search):
                spare = all(self.agrees(now, place) for place, now in fitted.items())
            else:
                spare = fitted[self.search].mean <= attempt.mean * NEEDED
            if spare:
                return self._spared(fitted[self.search])
        return attempt


def _ruled(attempt: Attempt, combination: Sequence[Change]) -> tuple[Step, ...]:
    return tuple(
        dataclasses.replace(step, change=change) for step, change in zip(attempt.steps, combination, strict=True)
    )
