"""Changes that are made at other rows on every draw: sought on each, where no rule holds on all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from parity.explain import changes
from parity.explain.holding import Proof
from parity.explain.places import Rows, by_draw
from parity.explain.proposing import Made, picture
from parity.explain.pursuit import Attempt, Step
from parity.explain.supposed import RowChange, Supposition, rows_sought
from parity.explain.treatment import other

FITTED = 8
"Sets of rows that are fitted on a draw, of those that simulated fits put first."

MARGIN = 2.0
"A simulated set is as good as any where it is no further away than so many times what the simulation misses by."

KINDS: Mapping[str, tuple[RowChange, Made]] = {
    "labels": ("flipped", changes.flipped),
    "rows": ("left_out", changes.left_out),
}
"Changes of rows by name."


def by_each_draw(proof: Proof, attempt: Attempt) -> Attempt | None:
    """The attempt with rows of their own on every draw on which the sides do not agree; None where one has none.

    It has to have one change of rows. Such rows are not known beforehand, and the switch does nothing on other draws.
    """
    numbers = [i for i, step in enumerate(attempt.steps) if step.moved is not None]
    if len(numbers) != 1:
        return None
    number = numbers[0]
    step = attempt.steps[number]
    _, make = KINDS[step.change.name]
    places: dict[tuple[int, int], Rows] = {}
    for place, seen in enumerate(proof.ground.seen):
        rows = step.rows if place == proof.search else _rows(proof, attempt, number, place)
        if rows is None:
            return None
        places[seen.draw.n, seen.draw.index] = rows
    counts = sorted({len(rows) for rows in places.values()})
    many = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    one = dataclasses.replace(step, change=make(by_draw(places), f"{many} of the rows, others on every draw"), rules=())
    steps = (*attempt.steps[:number], one, *attempt.steps[number + 1 :])
    made = dataclasses.replace(attempt, steps=steps, by_draw=True)
    return proof.ground.measured([made], proof.search)[0]


def _rows(proof: Proof, attempt: Attempt, number: int, place: int) -> Rows | None:
    """The rows of a draw, the other changes being made; none where these make the sides agree."""
    name, make = KINDS[attempt.steps[number].change.name]
    rest = (*attempt.steps[:number], *attempt.steps[number + 1 :])
    (bare,) = proof.ground.measured([dataclasses.replace(attempt, steps=rest)], place)
    if proof.agrees(bare, place):
        return frozenset()
    mine, theirs = (picture(proof.ground, end, place) for end in (attempt.end, other(attempt.end)))
    if mine is None or theirs is None:
        return None
    start = Supposition(**{key: value for step in rest for key, value in step.supposed.items()})
    given = dataclasses.replace(theirs.given, model=mine.models[0])
    found = rows_sought(given, theirs.target, start, name, MARGIN * mine.distance)[:FITTED]
    sets = [getattr(each.supposition, name) for each in found]
    tried = [dataclasses.replace(attempt, steps=(*rest, _at(make, rows))) for rows in sets]
    fitted = zip(sets, proof.ground.measured(tried, place), strict=True)
    return next((rows for rows, now in fitted if proof.agrees(now, place)), None)


def _at(make: Made, rows: Rows) -> Step:
    return Step(make(lambda seen: rows, "these rows"))
