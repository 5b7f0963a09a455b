"""What first updates still show with everything switched: where to look for what is left of a gap."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from parity.explain.aspects import ASPECTS, parts
from parity.explain.bench import Bench
from parity.explain.traced import DEEP, Asked, can_be_watched, shown
from parity.explain.treatment import ENDS, Seen, Switch


@dataclass(frozen=True, slots=True)
class Parting:
    """One thing in which first updates part, in words."""

    name: str
    left: str
    right: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Remaining:
    """First updates of both sides on one draw, under switches."""

    draw: int
    "Its number."
    compared: tuple[str, ...]
    "What both sides show."
    parts: tuple[Parting, ...]
    "What of it differs, in the order in which it acts: the first one first."


def remaining(bench: Bench, switches: Collection[Switch], seen: Seen, inert: Collection[str]) -> Remaining | None:
    """Both sides traced again under switches; None where either shows nothing, or where there are no updates to watch.

    inert: names of differences that are not switched, since they move no prediction.
    """
    if not can_be_watched(bench.case):
        return None
    left, right = shown([Asked(bench.case, end, seen, bench.treated(end, switches, seen), DEEP) for end in ENDS])
    compared = [
        aspect
        for aspect in ASPECTS
        if aspect.name not in inert and aspect.value(left) is not None and aspect.value(right) is not None
    ]
    parted = [
        Parting(aspect.name, aspect.words(aspect.value(left)), aspect.words(aspect.value(right)), aspect.evidence)
        for aspect in compared
        if parts(aspect, left, right)
    ]
    names = tuple(aspect.name for aspect in compared)
    return Remaining(seen.draw.index, names, tuple(parted)) if names else None
