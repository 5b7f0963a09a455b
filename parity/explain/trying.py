"""What else differs, found by trying: one side is changed, one thing at a time, until it answers as the other does.

Nothing that an engine says of itself is asked. A set of changes counts where the two sides then agree on draws that the
search did not see, and where none of it can be spared.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from parity.explain.bench import Bench, done
from parity.explain.changes import Change, Natives, Treat
from parity.explain.holding import Proof
from parity.explain.proposing import calibration, picture
from parity.explain.pursuit import Attempt, Ground
from parity.explain.reading import Read, question_of, read
from parity.explain.seeking import Search
from parity.explain.treatment import ENDS, UNTREATED, Difference, End, Seen, Switch, Treatment, other
from parity.spec.models import MLP

SEARCHED = 5
"Draws of which the first that both sides can be pictured on is searched."

CHECKS = 3
"Draws that the search does not see and on which what it found has to hold; the cheapest proof of a fit is another fit."


def tried(
    bench: Bench,
    seen: Sequence[Seen],
    thrown: Collection[Switch],
    tolerances: Sequence[float],
    *,
    most: int = 3,
    reads: Mapping[End, Read] | None = None,
) -> list[Difference]:
    """Up to `most` further differences between two sides that do not agree with all known switches thrown.

    tolerances: of each draw's predicted values. reads: what each side says of its parameters, by which its native
    arguments are known; asked here where it is not given. Empty where the sides agree or nothing is found.
    """
    if isinstance(bench.case.spec, MLP):
        return []
    ground = _ground(bench, seen, thrown, reads)
    if ground is None:
        return []
    near = dict(zip((id(each) for each in seen), tolerances, strict=True))
    limits = [near[id(each)] for each in ground.seen]
    base = ground.distances([((), place) for place in range(len(ground.seen))])
    apart = [place for place, (far, _) in enumerate(base) if far > limits[place]]
    if not apart:
        return []
    # Where a side predicts no numbers nothing comes nearer to it.
    apart.sort(key=lambda place: (math.isinf(base[place][0]), -base[place][0] / limits[place]))
    # A draw without columns, or on which a fit has no coefficients, tells a search nothing of rows.
    pictured = ((place, {end: picture(ground, end, place) for end in ENDS}) for place in apart[:SEARCHED])
    whole = next((each for each in pictured if all(each[1].values())), None)
    search, pictures = whole or (apart[0], dict.fromkeys(ENDS))
    others = [place for place in (*apart, *range(len(base))) if place != search]
    checks = list(dict.fromkeys(others))[:CHECKS]
    proof = Proof(ground, limits, base, search, checks)
    found = Search(proof, most, pictures).found(calibration(pictures))
    return [] if found is None else _differences(proof, found)


def _ground(
    bench: Bench, seen: Sequence[Seen], thrown: Collection[Switch], reads: Mapping[End, Read] | None
) -> Ground | None:
    pairs = bench.both([(list(thrown), each) for each in seen])
    fitted = [(each, done(pair)) for each, pair in zip(seen, pairs, strict=True)]
    whole = [(each, pair) for each, pair in fitted if len(pair) == len(ENDS)]
    if not whole:
        return None
    reads = _reads(bench) if reads is None else reads
    natives = {}
    for end in ENDS:
        given = bench.treated(end, thrown, whole[0][0]).overrides
        natives[end] = Natives(bench.case, reads.get(end), {**bench.case.side(end).overrides, **given})
    return Ground(bench, [each for each, _ in whole], list(thrown), natives, [pair for _, pair in whole])


def _reads(bench: Bench) -> dict[End, Read]:
    from parity.study.tables import tables

    questions = {end: question_of(bench.case, end, UNTREATED) for end in ENDS}
    answers = dict(zip(questions, tables(list(questions.values())), strict=True))
    return {end: read(bench.case, questions[end], table) for end, table in answers.items() if table.rows}


def _before_screen(change: Change) -> bool:
    """Whether a change is of rows, labels or inputs, by which columns are screened."""
    return change.name in ("labels", "rows", "input_scaling", "units of columns", "precision", "order of rows")


# What is told of it.


def _differences(proof: Proof, found: Attempt) -> list[Difference]:
    end, away = found.end, other(found.end)
    ground = proof.ground
    places = proof.places
    differences = []
    for number, step in enumerate(found.steps):
        change = step.change
        rest = [each for i, each in enumerate(found.changes) if i != number]
        switch = Switch(end, change.how, _with_columns(ground, found, change))
        undone = [(*ground.switches(end, rest, found.pinned), each) for each in _undoing(ground, away, change)]
        lone = _worst(ground, ground.switches(end, rest, found.pinned), places)
        held = [
            switches[-1]
            for switches in undone
            if _within(ground, switches, places, proof.limits) or _worst(ground, switches, places) <= found.far
        ]
        words = {end: change.without_it, away: change.with_it}
        differences.append(
            Difference(
                name=change.name,
                left=words["left"],
                right=words["right"],
                meaning=change.meaning,
                found="tried",
                evidence=_evidence(proof, found, lone),
                ways=(switch, *held[:1]),
            )
        )
    return differences


def _with_columns(ground: Ground, found: Attempt, change: Change) -> Treat:
    if not found.pinned or not _before_screen(change):
        return change.treat
    pin = ground.pin(found.end)

    def treat(seen: Seen) -> Treatment:
        return pin.treat(seen) | change.treat(seen)

    return treat


def _undoing(ground: Ground, end: End, change: Change) -> Iterator[Switch]:
    """The side that does it, made to end where it would without: as its screen then goes, or with its own columns."""
    if change.undo is None:
        return
    undo = change.undo
    how = f"{change.name} undone: {change.how}" if change.undo is change.treat else f"{change.name} undone"
    yield Switch(end, how, undo)

    def pinned(seen: Seen) -> Treatment:
        names = ground.columns(end, seen)
        own = Treatment() if names is None else Treatment(outside={"selected": names})
        return own | undo(seen)

    yield Switch(end, how, pinned)


def _within(ground: Ground, switches: Sequence[Switch], places: Sequence[int], limits: Sequence[float]) -> bool:
    found = ground.distances([(switches, place) for place in places])
    return all(far <= limits[place] for (far, _), place in zip(found, places, strict=True))


def _worst(ground: Ground, switches: Sequence[Switch], places: Sequence[int]) -> float:
    return max((far for far, _ in ground.distances([(switches, place) for place in places])), default=math.inf)


def _evidence(proof: Proof, found: Attempt, lone: float) -> str:
    ground, end = proof.ground, found.end
    places = proof.places
    before = max(proof.base[place][0] for place in places)
    after = _worst(ground, ground.switches(end, found.changes, found.pinned), places)
    changed = "; ".join(change.how for change in found.changes)
    saw = "whose rows were sought on each" if found.by_draw else "of which the search saw 1"
    return (
        f"{ground.bench.case.side(end).name} changed ({changed}): predicted values of {len(places)} draws, {saw}, are "
        f"at most {after:.2g} apart, {before:.2g} before it and {lone:.2g} without this"
    )
