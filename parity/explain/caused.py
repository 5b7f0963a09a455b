"""Differences that others cause: gone by themselves once those are switched, so that there is nothing to switch."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from parity.explain.bench import Bench, done
from parity.explain.found import Verdict
from parity.explain.switching import UNTRAINED, trials_of
from parity.explain.treatment import ENDS, Difference, Seen, Switch
from parity.spec.models import MLP

LOOKED_AT = ("live", "not taken", "not reached")
"What became of differences that may be consequences: what is inert causes nothing and need not be caused."


def without_consequences(bench: Bench, verdicts: Sequence[Verdict], seen: Sequence[Seen]) -> list[Verdict]:
    """The verdicts; what is measured to be gone where all other live differences are switched is a consequence.

    A side that keeps one column less has one dependent column less: given the other's columns, it has the other's
    dependent ones too. Switched as well, it would be given those of a fit that is not made any more. What comes later
    in a fit is looked at first, since it is the earlier that causes the later.
    """
    found = list(verdicts)
    for place in reversed(range(len(found))):
        verdict = found[place]
        if verdict.status not in LOOKED_AT or verdict.judged.difference.value is None:
            continue
        others = [v.switch for v in found if v.status == "live" and v is not verdict]
        if others and _gone(bench, verdict.judged.difference, others, seen):
            found[place] = dataclasses.replace(verdict, status="consequence", end=None)
    return found


def _gone(bench: Bench, difference: Difference, switches: Collection[Switch], seen: Sequence[Seen]) -> bool:
    """Whether both sides have one value of a difference on every draw that has a fit under switches of others."""
    first = trials_of(difference, seen)
    rest = [each for each in seen if all(each is not one for one in first)]
    there = _refitted(bench, switches, first)
    if not there or not _one_value(difference, there):
        return False
    return _one_value(difference, _refitted(bench, switches, rest))


def _one_value(difference: Difference, seen: Sequence[Seen]) -> bool:
    assert difference.value is not None
    values = [(difference.value("left", each), difference.value("right", each)) for each in seen]
    return all(left is not None and right is not None and left == right for left, right in values)


def _refitted(bench: Bench, switches: Collection[Switch], seen: Sequence[Seen]) -> list[Seen]:
    """The draws under switches; those on which either side has no fit are left out."""
    fits = bench.both([(switches, each) for each in seen])
    network = isinstance(bench.case.spec, MLP)
    starts = {end: bench.cells(end, switches, seen, UNTRAINED) for end in ENDS if network}
    begun = bench.fits([cell for cells in starts.values() for cell in cells]) if starts else {}
    found = []
    for place, each in enumerate(seen):
        fitted = done(fits[place])
        if len(fitted) == len(ENDS):
            found.append(
                each.refitted(fitted, done({end: begun.get(cells[place].key) for end, cells in starts.items()}))
            )
    return found
