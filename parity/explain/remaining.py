"""What first updates still show with everything switched: where to look for what is left of a gap."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from parity.explain.aspects import ASPECTS
from parity.explain.bench import Bench
from parity.explain.traced import DEEP, Asked, can_be_watched, shown
from parity.explain.treatment import Seen, Switch


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
    left, right = shown(
        [
            Asked(bench.case, "left", seen, bench.treated("left", switches, seen), DEEP),
            Asked(bench.case, "right", seen, bench.treated("right", switches, seen), DEEP),
        ]
    )
    compared, parts = [], []
    for aspect in ASPECTS:
        one, other = aspect.value(left), aspect.value(right)
        if one is None or other is None or aspect.name in inert:
            continue
        compared.append(aspect.name)
        if not aspect.alike(one, other):
            parts.append(Parting(aspect.name, aspect.words(one), aspect.words(other), aspect.evidence))
    return Remaining(seen.draw.index, tuple(compared), tuple(parts)) if compared else None
