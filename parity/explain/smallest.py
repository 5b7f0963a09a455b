"""The fewest switches that close the gap, and whether they close it on draws that the search did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from parity.explain.attribution import EXACT as FEW
from parity.explain.attribution import Set, prefixes, sets_of
from parity.explain.bench import Bench
from parity.explain.closeness import CLOSED, EXACT, Closeness
from parity.explain.found import Findings, Smallest
from parity.explain.treatment import Seen


def smallest(bench: Bench, now: Findings, tolerances: Sequence[float]) -> Findings:
    """The fewest live differences whose switches close the gap as far as all of them do.

    Where all of them together leave nothing but rounding, so must the smallest set; where only accuracy can be compared
    there has to be a gap in it that closes.
    """
    together = now.together
    if together is None or together.level > CLOSED:
        return now
    goal = EXACT if together.level <= EXACT else CLOSED
    if goal is CLOSED and not now.base.apart_in_accuracy:
        return now

    known: dict[Set, Closeness | None] = {}
    live = now.live

    def reached(numbers: Set) -> bool:
        if numbers not in known:
            (pairing,) = bench.run([[live[i].switch for i in sorted(numbers)]], now.seen)
            known[numbers] = bench.closeness(pairing, tolerances) if pairing.places else None
        found = known[numbers]
        return found is not None and found.level <= goal

    chosen: Set
    if len(live) <= FEW:
        chosen = next(s for s in sets_of(len(live)) if reached(s) or len(s) == len(live))
    else:
        # The live differences stand in the order of their shares: strongest first in, then weakest first out.
        chosen = next(s for s in prefixes(range(len(live))) if reached(s) or len(s) == len(live))
        for i in sorted(chosen, reverse=True):
            if reached(chosen - {i}):
                chosen -= {i}
    closed = known.get(chosen)
    if closed is None or closed.level > goal:
        return now
    return dataclasses.replace(now, smallest=Smallest(tuple(live[i].name for i in sorted(chosen)), closed))


def verified_on(bench: Bench, now: Findings, seen: Sequence[Seen]) -> Findings:
    """The smallest set on draws that the search did not see."""
    assert now.smallest is not None
    switches = [v.switch for v in now.live if v.name in now.smallest.names]
    tolerances = bench.tolerances(seen)
    base, closed = bench.run([(), switches], seen)
    if not base.places or not closed.places:
        return now
    checked = dataclasses.replace(
        now.smallest,
        fresh=bench.closeness(closed, tolerances),
        fresh_base=bench.closeness(base, tolerances),
    )
    return dataclasses.replace(now, smallest=checked)
