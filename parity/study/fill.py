"""The results of cells, from the store where it has them, else fitted now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity.data import Data, Source
    from parity.spec.protocol import Draws
    from parity.study.cells import Cell
    from parity.study.store import Result

Watch = Callable[["Cell", "Result", int, int], object]
"Told of each cell as it is fitted, how many have been and how many are to be."


def filled(
    cells: Iterable[Cell], source: Source, data: Data, draws: Draws, path: Path, jobs: int, watch: Watch
) -> dict[str, Result | None]:
    """Results by key; None for a cell that was not fitted before the run ended. Cells of one key are fitted once."""
    from parity.study.executor import Executor
    from parity.study.store import Store

    wanted = {each.key: each for each in cells}
    done = 0
    with Store(path, writing=True) as store:
        known = store.finished(wanted)
        missing = [each for key, each in wanted.items() if key not in known]

        def told(cell: Cell, result: Result) -> None:
            nonlocal done
            done += 1
            watch(cell, result, done, len(missing))

        if missing:
            Executor(store, source, data, draws, jobs=jobs).run(missing, told)
        return {key: store.get(key) for key in wanted}
