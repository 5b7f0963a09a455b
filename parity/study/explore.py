"""Searches that decide from the fits that they have seen which fits they need next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from parity.study.cells import Cell
    from parity.study.executor import Executor
    from parity.study.store import Result, Store

T = TypeVar("T")

Search = Generator["list[Cell]", "dict[str, Result]", T]
"Yields the cells that it needs next, is sent their results by key, and returns what it has found."

Watch = Callable[["Cell", "Result", int], object]
"Told of each fit as it ends, with the number of cells that have been asked for so far."


def explore(
    executor: Executor,
    store: Store,
    searches: Sequence[Search[T]],
    watch: Watch = lambda cell, result, wanted: None,
) -> list[T]:
    """Run searches side by side and return what each has found, in their order.

    The cells of one search are all of one runtime. What the store holds is not fitted again; a cell that could not be
    fitted is answered with its `lost` result.
    """
    found: dict[int, T] = {}
    known: dict[str, Result] = {}
    wanted: set[str] = set()
    asked: dict[int, list[Cell]] = {}
    waiting: dict[str, set[int]] = defaultdict(set)

    def result_of(cell: Cell) -> Result | None:
        if cell.key not in known and (stored := store.get(cell.key)) is not None and stored.status != "lost":
            known[cell.key] = stored
        return known.get(cell.key)

    def advance(index: int, answer: dict[str, Result] | None) -> Iterable[Cell]:
        """Drive one search until it ends or needs fits; returns those that nobody has asked for yet."""
        while True:
            try:
                batch = next(searches[index]) if answer is None else searches[index].send(answer)
            except StopIteration as end:
                found[index] = end.value
                return []
            missing = [cell for cell in batch if result_of(cell) is None]
            if missing:
                asked[index] = batch
                for cell in missing:
                    waiting[cell.key].add(index)
                fresh = {cell.key: cell for cell in missing if cell.key not in wanted}
                wanted.update(fresh)
                return fresh.values()
            answer = {cell.key: known[cell.key] for cell in batch}

    def further(cell: Cell, result: Result) -> list[Cell]:
        known[cell.key] = result
        watch(cell, result, len(wanted))
        fresh: list[Cell] = []
        for index in sorted(waiting.pop(cell.key, ())):
            if not any(index in others for others in waiting.values()):
                fresh.extend(advance(index, {each.key: known[each.key] for each in asked[index]}))
        return fresh

    start = [cell for index in range(len(searches)) for cell in advance(index, None)]
    if start:
        executor.run(start, further=further)
    return [found[index] for index in range(len(searches))]


def recalled(search: Search[T], store: Store) -> T | None:
    """What a search finds in a store alone; None where it would need a fit."""
    answer: dict[str, Result] | None = None
    try:
        while True:
            batch = next(search) if answer is None else search.send(answer)
            results = {cell.key: store.get(cell.key) for cell in batch}
            answer = {key: result for key, result in results.items() if result and result.status != "lost"}
            if len(answer) < len(results):
                return None
    except StopIteration as end:
        found: T = end.value
        return found
