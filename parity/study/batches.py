"""Which cells go to a worker together: draws of one size where an engine's `fit_many` takes them, else one by one."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parity.engines.worker import Task

if TYPE_CHECKING:
    from parity.study.cells import Cell


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one worker is given at a time."""

    cells: tuple[Cell, ...]
    many: bool = False
    "Whether the engine's fit_many gets them; a batch of which a worker dies is tried again one by one, then by fit."


@dataclass(slots=True)
class Phase:
    """One runtime's pending cells."""

    runtime: str
    queue: deque[Cell]
    fresh: deque[Cell] = field(default_factory=deque)  # what results have called for; it joins the running pool
    strikes: Counter[str] = field(default_factory=Counter)
    alone: set[str] = field(default_factory=set)  # keys of cells whose batch has failed
    by_fit: dict[str, str] = field(default_factory=dict)  # of those on which fit_many failed alone: key -> why
    crashes: int = 0
    trouble: str = ""

    def one_by_one(self, cells: Sequence[Cell], reason: str) -> None:
        """Put the cells of a failed batch back, each to be tried by itself; one that was alone, by fit."""
        for cell in cells:
            if len(cells) == 1:
                self.by_fit[cell.key] = reason
            self.alone.add(cell.key)
            self.queue.append(cell)


def batches(cells: Sequence[Cell], alone: set[str], by_fit: Container[str], jobs: int) -> list[Batch]:
    """Every cell once. Those for `fit_many` come first, large sizes before small, each size in as many parts as jobs.

    alone, by_fit: keys of cells that are to go one by one, and not to fit_many at all. The last part to end is then a
    short one, and no core waits long.
    """
    groups: dict[str, list[Cell]] = {}
    single = []
    for cell in cells:
        if cell.spec.family not in cell.engine.many or "observe" in cell.identity or cell.key in by_fit:
            single.append(Batch((cell,)))
        elif cell.key in alone or "intervention" in cell.identity:
            # What is done from outside is done to each draw by itself.
            single.append(Batch((cell,), many=True))
        else:
            groups.setdefault(group_of(cell), []).append(cell)
    many = []
    for group in sorted(groups.values(), key=lambda group: -group[0].draw.n):
        parts = min(jobs, len(group))
        many += [Batch(tuple(group[first::parts]), many=True) for first in range(parts)]
    return [*many, *single]


def group_of(cell: Cell) -> str:
    """What cells must share to be fitted at once, as text: all of their identity but the draw, and its size."""
    own = ("train_rows", "seed")
    return json.dumps([cell.draw.n, {k: v for k, v in cell.identity.items() if k not in own}], sort_keys=True)


def task(cell: Cell, server: dict[str, Any] | None, first: int | None) -> Task:
    """A cell as it crosses the process boundary. first: where its rows start in the stack that the server holds."""
    frames: dict[str, Any] | None = None
    # The server holds the rows as they were drawn.
    if server is not None and first is not None and cell.intervention.keeps_test:
        frames = {"test": "parity_test"}
        if cell.intervention.keeps_inputs:
            frames |= {"stack": "parity_stack", "first": first, "last": first + cell.draw.n}
    return Task(
        engine=cell.engine.id,
        spec=cell.spec,
        rows=cell.draw.rows,
        seed=cell.draw.seed,
        overrides=cell.identity["overrides"],
        observe=cell.identity.get("observe"),
        history=cell.identity.get("history", 0),
        device=cell.identity["device"],
        server=server,
        frames=frames,
        intervention=cell.intervention,
    )
