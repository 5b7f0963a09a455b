"""What frameworks say of fits with differences switched and not as shipped: a solver that falls back says so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity.explain.bench import Bench
from parity.explain.found import Verdict
from parity.explain.treatment import ENDS, End, Seen
from parity.study.store import Result

LINE = 200
"Characters of a message that are told."


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """Both sides on a draw with some live differences switched."""

    switched: Sequence[Verdict]
    draw: int
    results: Mapping[End, Result | None]


def said_anew(bench: Bench, seen: Sequence[Seen], tried: Sequence[Tried]) -> tuple[str, ...]:
    """What a side says of switched fits alone, of how many of them, and what is switched in all of those.

    A solver that falls back on another one keeps the name that it was asked for, so that its switch seems to take.
    """
    before = {end: {line for each in seen for line in _messages(each.fitted.get(end))} for end in ENDS}
    # A side is the same under two sets that differ on the other side alone.
    fits = {
        (end, frozenset(v.name for v in each.switched if v.end == end), each.draw): each.results[end]
        for each in tried
        for end in ENDS
    }
    told: dict[tuple[End, str], list[frozenset[str]]] = {}
    for (end, names, _), result in fits.items():
        for line in dict.fromkeys(_messages(result)):
            if line not in before[end] and names:
                told.setdefault((end, line), []).append(names)
    return tuple(
        _words(bench.case.side(end).name, line, each, _switched(fits, end)) for (end, line), each in told.items()
    )


def _switched(fits: Mapping[tuple[End, frozenset[str], int], Result | None], end: End) -> int:
    """Switched fits of a side."""
    return sum(key_end == end and bool(names) for key_end, names, _ in fits)


def _words(name: str, line: str, sets: Sequence[frozenset[str]], fits: int) -> str:
    common = sorted(frozenset.intersection(*sets))
    always = f", all with {' and '.join(map(repr, common))} switched" if common else ""
    return f"{name} says of {len(sets):,} of its {fits:,} switched fits{always}: {line}"


def _messages(result: Result | None) -> list[str]:
    """The first line of each message of a fit, without the numbers by which it would be another on every draw."""
    told = (result.facts.get("messages") or []) if result is not None else []
    return [re.sub(r"\d[\d.e+-]*", "…", str(each).strip().splitlines()[0])[:LINE] for each in told if str(each).strip()]
