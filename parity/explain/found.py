"""What an experiment has found so far: which differences are live, what each is worth, what closes the gap."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from parity.explain.attribution import Effect
from parity.explain.closeness import EXACT, Closeness
from parity.explain.remaining import Remaining
from parity.explain.switching import Judged
from parity.explain.treatment import End, Seen, Switch


@dataclass(frozen=True, slots=True)
class Measured:
    """An effect in accuracy and in log loss, the latter where both sides predict probabilities."""

    accuracy: Effect
    log_loss: Effect | None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of one difference."""

    judged: Judged
    status: str
    """live, inert, consequence (gone where the others are switched), not taken (no way to switch it took), or not
    reached (there is no way)."""
    end: End | None = None
    "The side that is switched where several are switched together."
    share: Measured | None = None
    "Of the gap right - left."
    alone: Mapping[End, Measured] = dataclasses.field(default_factory=dict)
    "Change of that side's own accuracy where it alone is switched."

    @property
    def name(self) -> str:
        """The difference's."""
        return self.judged.name

    @property
    def switch(self) -> Switch:
        """The one of the joint experiment. KeyError where there is none."""
        assert self.end is not None
        return self.judged.chosen[self.end]


@dataclass(frozen=True, slots=True)
class Interaction:
    """What two differences do together beyond what each does by itself."""

    first: str
    second: str
    accuracy: Effect


@dataclass(frozen=True, slots=True, eq=False)
class Smallest:
    """The fewest switches that close the gap, on the draws of the search and on draws that it did not see."""

    names: tuple[str, ...]
    searched: Closeness
    fresh: Closeness | None = None
    fresh_base: Closeness | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What is known so far. None: not yet, or not to be had."""

    draws: int
    base: Closeness
    verdicts: tuple[Verdict, ...] = ()
    together: Closeness | None = None
    furthest: Seen | None = None
    "Where that does not close the gap: the draw on which it leaves most."
    remaining: Remaining | None = None
    "What the first updates there still show to differ."
    remainder: Measured | None = None
    shared: int | None = None
    "Draws that the shares are of: those on which every set of switches could be fitted."
    interactions: tuple[Interaction, ...] = ()
    scatter: Mapping[End, float] = dataclasses.field(default_factory=dict)
    """Of sides that do not repeat themselves: standard deviation of the accuracy of one draw over fits with equal rows
    and seed. No switch can close what lies within it."""
    said: tuple[str, ...] = ()
    "What a framework says of fits with live differences switched, and not of any as shipped."
    smallest: Smallest | None = None
    failed: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()
    missing: str = "everything but the first look"
    "What a longer budget would add; empty where nothing is missing."

    @property
    def live(self) -> list[Verdict]:
        """Differences that change predictions, strongest first where that is known."""
        found = [v for v in self.verdicts if v.status == "live"]
        return sorted(found, key=lambda v: -abs(v.share.accuracy.mean) if v.share else 0.0)

    @property
    def nothing_to_explain(self) -> bool:
        """Whether the sides agree as they are shipped."""
        return self.base.level <= EXACT
