"""Where a change is made, as a rule that holds on every draw: the first row, every second one, the third column."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.explain.treatment import Seen

Rows = frozenset[int]

MOST = 60
"Rules that are tried for one set of rows: of rows that are alike in every column any may be the one."

SHARES = {0.05: "5 %", 0.1: "10 %", 0.2: "20 %", 0.25: "a quarter", 1 / 3: "a third", 0.5: "half"}
"Ends of the rows that are left out by a mistake."


@dataclass(frozen=True, slots=True, eq=False)
class RowRule:
    """Rows of a draw. places: from its number of rows and its labels."""

    words: str
    places: Callable[[int, NDArray[np.int8]], Rows]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnRule:
    """One column of those that a draw's screen kept; none where it does not keep it."""

    words: str
    name: Callable[[Sequence[str]], str | None]


def fixed(rows: Iterable[int]) -> RowRule:
    """The same places on every draw."""
    kept = tuple(sorted(rows))
    listed = ", ".join(str(i + 1) for i in kept)
    return RowRule(f"row{'s' * (len(kept) > 1)} {listed}", lambda n, y: frozenset(i for i in kept if i < n))


def row_rules(found: Rows, y: NDArray[np.int8], alike: Mapping[int, Rows]) -> list[RowRule]:
    """Rules that give the rows found on one draw, or rows that are like them; those in words first.

    alike: of each row those that no fit to these columns can tell from it, itself among them.
    """
    n = len(y)
    kinds = {row: min(rows) for row, rows in alike.items()}
    wanted = sorted(kinds[row] for row in found)

    def fits(rows: Rows) -> bool:
        return sorted(kinds[row] for row in rows) == wanted

    rules = [rule for rule in _named(n) if fits(rule.places(n, y))]
    rules.append(fixed(found))
    known = {rule.places(n, y) for rule in rules}
    if len(found) <= 3:
        for rows in itertools.islice(itertools.product(*(sorted(alike[row]) for row in sorted(found))), 10 * MOST):
            if len(set(rows)) == len(found) and frozenset(rows) not in known:
                known.add(frozenset(rows))
                rules.append(fixed(rows))
    return rules[:MOST]


def _named(n: int) -> Iterator[RowRule]:
    """Every rule that has words of its own."""
    yield RowRule("the first row", lambda n, y: frozenset({0}))
    yield RowRule("the last row", lambda n, y: frozenset({n - 1}))
    for label in (0, 1):
        for place, word in ((0, "first"), (-1, "last")):

            def of_class(n: int, y: NDArray[np.int8], label: int = label, place: int = place) -> Rows:
                rows = np.flatnonzero(y == label)
                return frozenset({int(rows[place])}) if len(rows) else frozenset()

            yield RowRule(f"the {word} row of class {label}", of_class)
    for k in range(2, n // 2 + 1):
        for first, word in ((True, "first"), (False, "last")):

            def end(n: int, y: NDArray[np.int8], k: int = k, first: bool = first) -> Rows:
                return frozenset(range(k) if first else range(n - k, n))

            def share(n: int, y: NDArray[np.int8], k: float = k / n, first: bool = first) -> Rows:
                count = round(n * k)
                return frozenset(range(count) if first else range(n - count, n))

            named = next((text for part, text in SHARES.items() if round(n * part) == k), None)
            yield RowRule(f"the {word} {named} of the rows", share) if named else RowRule(f"the {word} {k} rows", end)
    for step in (2, 3, 4, 5, 10):
        for at in range(min(step, n)):

            def every(n: int, y: NDArray[np.int8], step: int = step, at: int = at) -> Rows:
                return frozenset(range(at, n, step))

            def others(n: int, y: NDArray[np.int8], step: int = step, at: int = at) -> Rows:
                return frozenset(range(n)) - frozenset(range(at, n, step))

            start = f", from row {at + 1} on"
            yield RowRule(f"every {_nth(step)} row{start}", every)
            if step > 2:
                yield RowRule(f"all but every {_nth(step)} row{start}", others)


def _nth(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def column_rules(found: str, screened: Sequence[str]) -> list[ColumnRule]:
    """Rules that give the column found on one draw."""
    place, count = list(screened).index(found), len(screened)

    def at(names: Sequence[str]) -> str | None:
        return names[place] if place < len(names) else None

    def from_the_end(names: Sequence[str]) -> str | None:
        return names[place - count] if count - place <= len(names) else None

    rules = [
        ColumnRule(f"column {found}", lambda names: found if found in names else None),
        ColumnRule(f"the {_nth(place + 1)} of the screened columns", at),
    ]
    if place == count - 1:
        rules.append(ColumnRule("the last of the screened columns", from_the_end))
    return rules


def alike_rows(x: NDArray[np.float64], y: NDArray[np.int8]) -> dict[int, Rows]:
    """Of each row those with the same values in all columns and the same label."""
    groups: dict[bytes, set[int]] = {}
    for i, row in enumerate(x):
        groups.setdefault(row.tobytes() + bytes([int(y[i])]), set()).add(i)
    return {i: frozenset(rows) for rows in groups.values() for i in rows}


def by_draw(places: Mapping[tuple[int, int], Rows]) -> Callable[[Seen], Rows]:
    """What was found on each draw, where no rule holds on all; nothing on others."""
    return lambda seen: places.get((seen.draw.n, seen.draw.index), frozenset())
