"""The experiment that explains a gap, in its order: what differs, what can be switched, what each does, what closes it.

Every stage is worth something by itself: whoever stops after one has the best answer so far.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from parity.explain.bench import Bench, Pairing, draw_of
from parity.explain.caused import without_consequences
from parity.explain.closeness import CLOSED, EXACT, accuracy_gaps
from parity.explain.found import Findings, Verdict
from parity.explain.looking import HALF, consistent, measured
from parity.explain.reading import Read, differences, question_of, read
from parity.explain.remaining import remaining
from parity.explain.said import Tried, said_anew
from parity.explain.shares import alone, shares
from parity.explain.smallest import smallest, verified_on
from parity.explain.switching import TRIALS, UNTRAINED, Judged, changes, inert_at, trials_of, verified
from parity.explain.training import rows_of_an_update
from parity.explain.treatment import ENDS, UNTREATED, Difference, End, Seen, Switch, Treatment, other
from parity.explain.ways import look_ahead
from parity.spec.intervention import LARGEST_F1
from parity.spec.models import MLP
from parity.spec.protocol import Draw
from parity.study.store import Result

SEARCHES = 2
"Times that more is looked for by trying: what is small shows once what is large is switched."

REPEATED = 8
"Draws on which a side that does not repeat itself is fitted twice."

More = Callable[[Bench, Sequence[Seen], Sequence[Judged], Collection[Switch], Sequence[float]], list[Judged]]
"Looks for differences beyond those that are known, given these and the switches thrown; returns those that take."


def findings(bench: Bench, searched: Sequence[Draw], fresh: Sequence[Draw], more: More) -> Iterator[Findings]:
    """Explain the gap between the case's sides, one stage after another. NothingCompared where no draw fits on both."""
    from parity.errors import NothingCompared

    seen = observed(bench, searched)
    (base,) = bench.run([()], seen)
    if not base.places:
        reasons = "; ".join(dict.fromkeys(base.failed))
        raise NothingCompared(f"no draw could be fitted on both sides ({reasons})")
    seen = [seen[place] for place in base.places]
    tolerances = bench.tolerances(seen)
    now = Findings(len(seen), bench.closeness(_whole(base), tolerances), seen=tuple(seen), failed=base.failed)
    yield now
    if now.nothing_to_explain:
        yield dataclasses.replace(now, missing="")
        return
    reads = _reads(bench, seen)
    listed = _listed(bench, seen, reads)
    judged = verified(bench, listed, seen, reads)
    verdicts = _joined(bench, judged, seen, tolerances)
    for _ in range(1 if isinstance(bench.case.spec, MLP) else SEARCHES):
        if not _open(bench, verdicts, seen, tolerances):
            break
        extra = more(bench, seen, judged, _thrown(verdicts), tolerances)
        if not extra:
            break
        judged = list({each.name: each for each in [*judged, *extra]}.values())
        # What was found beside switches at one end need not hold beside those at the other.
        ends = {v.name: v.end for v in verdicts if v.status == "live" and v.end is not None}
        verdicts = _joined(bench, judged, seen, tolerances, ends)
    now = dataclasses.replace(now, verdicts=tuple(verdicts), missing="effects")
    look_ahead([way for v in now.live for way in v.judged.chosen.values()], seen)
    every = _thrown(verdicts)
    switched = bench.both([(every, each) for each in seen])
    thrown = bench.paired(switched)
    if thrown.places:
        together = bench.closeness(thrown, tolerances)
        scatter = scattered(bench, seen) if together.level > EXACT else {}
        said = said_anew(bench, seen, [Tried(now.live, place, pair) for place, pair in enumerate(switched)])
        failed = (*now.failed, *thrown.failed)
        now = dataclasses.replace(now, together=together, scatter=scatter, said=said, failed=failed)
        if not together.closed:
            gaps = np.abs(accuracy_gaps(thrown.left, thrown.right))
            furthest = seen[thrown.places[int(gaps.argmax())]]
            inert = {v.name for v in verdicts if v.status == "inert"}
            now = dataclasses.replace(now, furthest=furthest, remaining=remaining(bench, every, furthest, inert))
    yield now
    now = dataclasses.replace(alone(bench, now), missing="shares and the smallest set")
    yield now
    for shared in shares(bench, now):
        now = shared
        yield now
    now = dataclasses.replace(smallest(bench, now, tolerances), missing="verification on fresh draws")
    yield now
    if now.smallest is not None and fresh:
        unseen = observed(bench, fresh)
        look_ahead([v.switch for v in now.live], unseen)
        now = verified_on(bench, now, unseen)
    yield dataclasses.replace(now, missing="")


def observed(bench: Bench, draws: Sequence[Draw]) -> list[Seen]:
    """Both sides as shipped on these draws, and how their networks start."""
    case = bench.case
    network = isinstance(case.spec, MLP)
    fits = {end: [case.cell(end, draw) for draw in draws] for end in ENDS}
    starts = {end: [case.cell(end, draw, observe=UNTRAINED) for draw in draws] if network else [] for end in ENDS}
    results = bench.fits([cell for end in ENDS for cell in (*fits[end], *starts[end])])
    missing = Result("lost", {"reason": "it was not fitted"}, {})
    return [
        draw_of(
            case,
            draw,
            {end: results.get(fits[end][place].key, missing) for end in ENDS},
            {end: results[starts[end][place].key] for end in ENDS if network and starts[end][place].key in results},
        )
        for place, draw in enumerate(draws)
    ]


def scattered(bench: Bench, seen: Sequence[Seen]) -> dict[End, float]:
    """Of each side that does not repeat itself how much its accuracy scatters: same rows, same seed, fitted twice."""

    def twice(end: End, draws: Sequence[Seen]) -> list[tuple[Result, Result]]:
        cells = [[bench.case.cell(end, each.draw, observe={"repeat": i}) for i in range(2)] for each in draws]
        results = bench.fits([cell for pair in cells for cell in pair])
        known = [[results[cell.key] for cell in pair if cell.key in results] for pair in cells]
        return [(one, two) for one, two in (p for p in known if len(p) == 2) if one.status == two.status == "done"]

    found: dict[End, float] = {}
    for end in ENDS:
        first = twice(end, seen[:TRIALS])
        if all(np.array_equal(a.arrays["probability"], b.arrays["probability"], equal_nan=True) for a, b in first):
            continue
        pairs = [*first, *twice(end, seen[TRIALS:REPEATED])]
        gaps = [bench.fitted(one).accuracy - bench.fitted(two).accuracy for one, two in pairs]
        # Each gap is of two fits, so that its variance is twice that of one.
        found[end] = float(np.sqrt(np.mean(np.square(gaps)) / 2))
    return found


def _whole(pairing: Pairing) -> Pairing:
    """A pairing whose draws are numbered anew, those that failed left out."""
    return dataclasses.replace(pairing, places=tuple(range(len(pairing.places))))


def _reads(bench: Bench, seen: Sequence[Seen]) -> dict[End, Read]:
    """What each side says of its parameters; nothing of an engine that says nothing."""
    from parity.study.tables import tables

    questions = {end: question_of(bench.case, end, UNTREATED) for end in ENDS}
    answers = dict(zip(questions, tables(list(questions.values())), strict=True))
    batches = {end: rows_of_an_update(seen[0].fitted[end], seen[0].draw.n) for end in ENDS}
    return {end: read(bench.case, questions[end], table, batches[end]) for end, table in answers.items() if table.rows}


def _listed(bench: Bench, seen: Sequence[Seen], reads: Mapping[End, Read]) -> list[Difference]:
    """Everything that differs by reading or by measurement, one entry a name."""
    said = differences(bench.case, reads["left"], reads["right"]) if len(reads) == len(ENDS) else []
    shown = measured(bench.case, seen, reads, _largest_f1(bench, seen))
    by_name = {each.name: each for each in said}
    for each in shown:
        known = by_name.get(each.name)
        # What is read has the words and the native ways; what is measured tells whether they take.
        by_name[each.name] = (
            each
            if known is None
            else dataclasses.replace(known, ways=(*known.ways, *each.ways), value=each.value, evidence=known.evidence)
        )
    return list(by_name.values())


def _largest_f1(bench: Bench, seen: Sequence[Seen]) -> dict[End, list[Result]]:
    """Of sides that do not cut at one half: repeatable fits, as they are and cut where F1 is largest, in turn."""
    repeated = {"repeatable": True, "repeat": 0}
    cut = Treatment(outside={"cut": LARGEST_F1})
    ends = [end for end in ENDS if not all(consistent(each.fitted[end], HALF) for each in seen)]
    cells = {
        end: [bench.case.cell(end, s.draw, t, repeated) for s in seen[:TRIALS] for t in (UNTREATED, cut)]
        for end in ends
    }
    results = bench.fits([cell for each in cells.values() for cell in each])
    found = {end: [results[cell.key] for cell in each if cell.key in results] for end, each in cells.items()}
    return {end: each for end, each in found.items() if all(result.status == "done" for result in each)}


def _joined(
    bench: Bench,
    judged: Sequence[Judged],
    seen: Sequence[Seen],
    tolerances: Sequence[float],
    known: Mapping[str, End] | None = None,
) -> list[Verdict]:
    """Which differences are live, and at which end each is switched where several are. known: ends that are to stay."""
    known = known or {}
    inert = inert_at(bench, judged, seen, tolerances)
    ways = []
    for i, each in enumerate(judged):
        # A value that does nothing where it is at home is not in force there, and the other side is not given it.
        barred = {
            end
            for end in ENDS
            if each.difference.found == "read" and (i, other(end)) in inert and (i, end) not in inert
        }
        ways.append({end: way for end, way in each.chosen.items() if end not in barred})
    counts = {end: sum(end in each for each in ways) for end in ENDS}
    main: End = "left" if counts["left"] > counts["right"] else "right"
    ends = []
    for each, found in zip(judged, ways, strict=True):
        wanted = known.get(each.name, main)
        ends.append(wanted if wanted in found else next(iter(found), None))
    verdicts = []
    for i, (each, end) in enumerate(zip(judged, ends, strict=True)):
        if end is None and not each.chosen:
            verdicts.append(Verdict(each, "not taken" if each.difference.ways else "not reached"))
        elif end is None:
            verdicts.append(Verdict(each, "inert"))
        else:
            kept = dataclasses.replace(each, chosen=ways[i])
            status = "unknown" if (i, end) in inert else "live"
            verdicts.append(Verdict(kept, status, end))
    return without_consequences(bench, _counted(bench, verdicts, seen, tolerances), seen)


def _counted(
    bench: Bench, verdicts: Sequence[Verdict], seen: Sequence[Seen], tolerances: Sequence[float]
) -> list[Verdict]:
    """What changes nothing by itself is live where it changes something when all others are switched."""
    all_of_them = [v.switch for v in verdicts if v.end is not None]
    doubtful = [v for v in verdicts if v.status == "unknown"]
    near = dict(zip((each.draw.index for each in seen), tolerances, strict=True))
    trials = [trials_of(v.judged.difference, seen) for v in doubtful]
    asked = [
        (switches, each)
        for v, own in zip(doubtful, trials, strict=True)
        for switches in (all_of_them, [switch for switch in all_of_them if switch is not v.switch])
        for each in own
    ]
    results = iter(bench.both(asked))
    live = {}
    for v, own in zip(doubtful, trials, strict=True):
        assert v.end is not None
        with_it, without = [[next(results)[v.end] for _ in own] for _ in range(2)]
        live[v.name] = changes(with_it, without, [near[each.draw.index] for each in own])
    return [
        dataclasses.replace(v, status="live" if live[v.name] else "inert") if v.status == "unknown" else v
        for v in verdicts
    ]


def _thrown(verdicts: Sequence[Verdict]) -> list[Switch]:
    return [v.switch for v in verdicts if v.status == "live"]


def _open(bench: Bench, verdicts: Sequence[Verdict], seen: Sequence[Seen], tolerances: Sequence[float]) -> bool:
    """Whether the sides are still apart with all live differences switched, so that more has to be looked for.

    Two copies of one framework have to agree but for rounding; of two frameworks, which stop in different places, only
    accuracy can be asked for.
    """
    (pairing,) = bench.run([_thrown(verdicts)], seen)
    if not pairing.places:
        return True
    one_framework = bench.case.left.engine.names == bench.case.right.engine.names
    return bench.closeness(pairing, tolerances).level > (EXACT if one_framework else CLOSED)
