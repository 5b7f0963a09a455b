"""Does a switch take? Every way to give a side the other's value is tried, and what does not take is not used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parity.explain.bench import Bench
from parity.explain.closeness import apart
from parity.explain.reading import Read, question_of, read, taken
from parity.explain.treatment import ENDS, Difference, End, Seen, Switch, other
from parity.spec.models import MLP

if TYPE_CHECKING:
    from parity.study.store import Result

TRIALS = 2
"Draws on which a switch has to take; the effects are measured on all of them."

UNTRAINED = {"untrained": True, "repeat": 0}
"What asks for a network as it starts."


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A difference, the switches that took, by end, and why others did not."""

    difference: Difference
    chosen: Mapping[End, Switch] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The difference's."""
        return self.difference.name


def trials_of(difference: Difference, seen: Sequence[Seen]) -> list[Seen]:
    """The draws on which a switch is tried: the first on which the two sides differ, where that is known."""
    value = difference.value
    if value is None:
        return list(seen[:TRIALS])
    known = [(each, value("left", each), value("right", each)) for each in seen]
    apart = [each for each, left, right in known if left is not None and right is not None and left != right]
    return (apart or list(seen))[:TRIALS]


def verified(
    bench: Bench, differences: Sequence[Difference], seen: Sequence[Seen], reads: Mapping[End, Read]
) -> list[Judged]:
    """Each difference with the first way of each end that takes: read again and fitted, it is gone."""
    chosen: dict[tuple[int, End], Switch] = {}
    refused: dict[int, list[str]] = {i: [] for i in range(len(differences))}
    most = max((len(d.ways_of(end)) for d in differences for end in ENDS), default=0)
    for turn in range(most):
        asked = [
            (i, end, difference.ways_of(end)[turn])
            for i, difference in enumerate(differences)
            for end in ENDS
            if (i, end) not in chosen and turn < len(difference.ways_of(end))
        ]
        reasons = _refusals(bench, [(differences[i], end, way) for i, end, way in asked], seen, reads)
        for (i, end, way), reason in zip(asked, reasons, strict=True):
            if reason:
                refused[i].append(f"{bench.case.side(end).name}: {way.how}: {reason}")
            else:
                chosen[i, end] = way
    return [
        Judged(difference, {end: chosen[i, end] for end in ENDS if (i, end) in chosen}, tuple(refused[i]))
        for i, difference in enumerate(differences)
    ]


Asked = tuple[Difference, End, Switch]


def _refusals(bench: Bench, asked: Sequence[Asked], seen: Sequence[Seen], reads: Mapping[End, Read]) -> list[str]:
    """For each way why it does not take, in a sentence; empty where it does."""
    trials = [trials_of(difference, seen) for difference, _, _ in asked]
    read_again = _read_again(bench, asked, trials, reads)
    fitted = _fitted(bench, asked, trials)
    found = []
    for place, (difference, end, _) in enumerate(asked):
        reason = read_again[place]
        for each, (result, untrained) in zip(trials[place], fitted[place], strict=True):
            if reason:
                break
            if result is None or result.status != "done":
                reason = _first_line(result.reason) if result is not None else "it could not be fitted"
            elif difference.value is not None:
                there = each.refitted({end: result}, {end: untrained} if untrained is not None else {})
                got, wanted = difference.value(end, there), difference.value(other(end), each)
                if got is not None and wanted is not None and got != wanted:
                    reason = "the difference is still there"
        found.append(reason)
    return found


def _first_line(text: str) -> str:
    return text.splitlines()[0][:200] if text else "it could not be fitted"


def _read_again(
    bench: Bench, asked: Sequence[Asked], trials: Sequence[Sequence[Seen]], reads: Mapping[End, Read]
) -> list[str]:
    """Why a way does not take by what the engine says of itself; empty where it does, or where nothing was read."""
    from parity.study.tables import tables

    case, reasons, questions = bench.case, [""] * len(asked), {}
    for place, (_, end, way) in enumerate(asked):
        if way.said and end in reads and other(end) in reads:
            try:
                questions[place] = question_of(case, end, way.treat(trials[place][0]))
            except ValueError as error:
                reasons[place] = str(error)
    answers = tables(list(questions.values()))
    for (place, question), table in zip(questions.items(), answers, strict=True):
        difference, end, _ = asked[place]
        if table.reason:
            reasons[place] = _first_line(table.reason)
            continue
        again = read(case, question, table, reads[end].batch)
        if not taken(difference, again, reads[other(end)]):
            reasons[place] = f"{case.side(end).name} does not follow it: read again, the difference is still there"
    return reasons


def _fitted(
    bench: Bench, asked: Sequence[Asked], trials: Sequence[Sequence[Seen]]
) -> list[list[tuple[Result | None, Result | None]]]:
    """For each way and trial the fit and, of a network, its start."""
    network = isinstance(bench.case.spec, MLP)
    cells = []
    for (_, end, way), own in zip(asked, trials, strict=True):
        try:
            fits = bench.cells(end, [way], own)
            starts = bench.cells(end, [way], own, UNTRAINED) if network else []
        except ValueError:  # a value that no specification can have; reading it again has said so
            fits, starts = [], []
        cells.append((fits, starts))
    results = bench.fits([cell for fits, starts in cells for cell in (*fits, *starts)])
    found = []
    for (fits, starts), own in zip(cells, trials, strict=True):
        told = [results.get(cell.key) for cell in fits] or [None] * len(own)
        begun = [results.get(cell.key) for cell in starts] or [None] * len(own)
        found.append(
            [(a, b if b is not None and b.status == "done" else None) for a, b in zip(told, begun, strict=True)]
        )
    return found


def changes(before: Sequence[Result | None], after: Sequence[Result | None], tolerances: Sequence[float]) -> bool:
    """Whether a treatment changes a label, or a predicted value by more than rounding, on any draw."""
    for one, two, tolerance in zip(before, after, tolerances, strict=True):
        if one is None or two is None or one.status != "done" or two.status != "done":
            continue
        if (one.arrays["label"] != two.arrays["label"]).any():
            return True
        if apart(one.arrays["probability"], two.arrays["probability"]) > tolerance:
            return True
    return False


def inert_at(
    bench: Bench, judged: Sequence[Judged], seen: Sequence[Seen], tolerances: Sequence[float]
) -> set[tuple[int, End]]:
    """Places and ends at which a switch by itself changes nothing, on the trial draws."""
    asked = [(i, end, each.chosen[end]) for i, each in enumerate(judged) for end in ENDS if end in each.chosen]
    trials = [trials_of(judged[i].difference, seen) for i, _, _ in asked]
    cells = [bench.cells(end, [way], own) for (_, end, way), own in zip(asked, trials, strict=True)]
    results = bench.fits([cell for each in cells for cell in each])
    near = dict(zip((each.draw.index for each in seen), tolerances, strict=True))
    return {
        (i, end)
        for (i, end, _), treated, own in zip(asked, cells, trials, strict=True)
        if not changes(
            [each.fitted[end] for each in own],
            [results.get(cell.key) for cell in treated],
            [near[each.draw.index] for each in own],
        )
    }
