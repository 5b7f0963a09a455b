"""The pursuit of changes that make one side answer as the other does: what is fitted, and how far it is away."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.explain.bench import Bench
from parity.explain.changes import Change, Natives
from parity.explain.closeness import apart
from parity.explain.treatment import End, Seen, Switch, Treatment, other
from parity.study.store import Result


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One change of a set, and what else it may be: a rule for its place, another size."""

    change: Change
    rules: tuple[Change, ...] = ()
    "The same on the draw that is searched, each by another rule."
    factor: float | None = None
    resized: Callable[[float], Step | None] | None = None
    "The same step with a factor of another size."
    rows: frozenset[int] = frozenset()
    "Of the draw that is searched, where it is a change of rows."
    moved: Callable[[frozenset[int]], Step] | None = None
    "The same step at other rows."
    supposed: Mapping[str, Any] = field(default_factory=dict)
    "Fields of a Supposition that are its likeness in simulated fits."


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A set of changes at one end."""

    end: End
    steps: tuple[Step, ...]
    pinned: bool = False
    "Whether with the other side's screened columns."
    by_draw: bool = False
    "Whether its rows were sought on every draw."
    far: float = math.inf
    "Largest distance of a predicted value."
    mean: float = math.inf

    @property
    def changes(self) -> tuple[Change, ...]:
        """Its changes."""
        return tuple(step.change for step in self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Both sides with all known switches thrown, on the draws that are known."""

    bench: Bench
    seen: Sequence[Seen]
    thrown: Sequence[Switch]
    natives: Mapping[End, Natives]
    base: Sequence[Mapping[End, Result]]

    def columns(self, end: End, seen: Seen) -> tuple[str, ...] | None:
        """The columns that a side screened with the known switches thrown, as far as it tells."""
        for each, results in zip(self.seen, self.base, strict=True):
            if each.draw is seen.draw:
                selected = results[end].facts.get("selected")
                return None if selected is None else tuple(selected)
        selected = seen.fitted[end].facts.get("selected")
        return None if selected is None else tuple(selected)

    def switches(self, end: End, made: Iterable[Change], pinned: bool) -> list[Switch]:
        """Changes as switches of an end."""
        found = [Switch(end, change.how, change.treat) for change in made]
        return [self.pin(end), *found] if pinned else found

    def pin(self, end: End) -> Switch:
        """The other side's screened columns."""

        def treat(seen: Seen) -> Treatment:
            names = self.columns(other(end), seen)
            return Treatment() if names is None else Treatment(outside={"selected": names})

        return Switch(end, "the columns as they were screened before it", treat)

    def distances(self, asked: Sequence[tuple[Sequence[Switch], int]]) -> list[tuple[float, float]]:
        """Largest and mean distance of both sides' predicted values under further switches, each on one draw."""
        pairs = self.bench.both([((*self.thrown, *more), self.seen[place]) for more, place in asked])
        return [_distance(pair) for pair in pairs]

    def measured(self, attempts: Sequence[Attempt], place: int) -> list[Attempt]:
        """Attempts with their distances on a draw."""
        asked = [(self.switches(each.end, each.changes, each.pinned), place) for each in attempts]
        return [
            dataclasses.replace(each, far=far, mean=mean)
            for each, (far, mean) in zip(attempts, self.distances(asked), strict=True)
        ]


def _distance(pair: Mapping[End, Result | None]) -> tuple[float, float]:
    left, right = pair["left"], pair["right"]
    if left is None or right is None or left.status != "done" or right.status != "done":
        return math.inf, math.inf
    one, two = left.arrays["probability"], right.arrays["probability"]
    with np.errstate(all="ignore"):
        mean = float(np.abs(one - two).mean())
    return apart(one, two), mean if math.isfinite(mean) else math.inf
