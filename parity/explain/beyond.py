"""Where what is known does not close the gap: what updates show of networks, what trying finds of linear models."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from parity.explain.bench import Bench
from parity.explain.switching import Judged, verified
from parity.explain.treatment import ENDS, Difference, End, Seen, Switch
from parity.explain.trying import tried
from parity.explain.watching import Trial, still_differ, watched
from parity.spec.models import MLP


def beyond(
    bench: Bench,
    seen: Sequence[Seen],
    known: Sequence[Judged],
    thrown: Collection[Switch],
    tolerances: Sequence[float],
) -> list[Judged]:
    """Differences beyond those that are known, with the switches that take; a known one where there are more ways."""
    by_name = {each.name: each for each in known}
    if not isinstance(bench.case.spec, MLP):
        return verified(bench, tried(bench, seen, thrown, tolerances), seen, {})
    found = [_with_more_ways(by_name.get(each.name), each) for each in watched(bench.case, seen, by_name)]
    again = _gone(bench, verified(bench, found, seen, {}), seen)
    return [_joined(by_name.get(each.name), each) for each in again]


def _with_more_ways(known: Judged | None, found: Difference) -> Difference:
    return found if known is None else dataclasses.replace(known.difference, ways=found.ways)


def _joined(known: Judged | None, found: Judged) -> Judged:
    """What took before comes before what takes now."""
    if known is None:
        return found
    return dataclasses.replace(known, chosen={**found.chosen, **known.chosen}, refused=(*known.refused, *found.refused))


def _gone(bench: Bench, judged: Sequence[Judged], seen: Sequence[Seen]) -> list[Judged]:
    """Without the switches under which the updates still show the difference, or show nothing."""
    asked = [
        (i, end, way)
        for i, each in enumerate(judged)
        if each.difference.found == "lockstep" and each.difference.value is None
        for end, way in each.chosen.items()
    ]
    trials = [
        Trial(bench.case, judged[i].difference, seen[0], {end: bench.treated(end, [way], seen[0])})
        for i, end, way in asked
    ]
    told = {(i, end): shown for (i, end, _), shown in zip(asked, still_differ(trials), strict=True)}
    return [
        _without(each, {end: told[i, end] for end in ENDS if told.get((i, end), False) is not False})
        for i, each in enumerate(judged)
    ]


def _without(each: Judged, ends: dict[End, bool | None]) -> Judged:
    words = {True: "traced again, the difference is still there", None: "it could not be traced again"}
    refused = tuple(f"{each.chosen[end].how}: {words[shown]}" for end, shown in ends.items() if shown is not False)
    kept = {end: way for end, way in each.chosen.items() if end not in ends}
    return dataclasses.replace(each, chosen=kept, refused=(*each.refused, *refused))
