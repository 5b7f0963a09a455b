"""What a command is doing, on one line of the terminal; nothing where nobody watches."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from parity.study.cells import Cell
    from parity.study.store import Result


class StatusLine:
    """Use as a context manager; `say` changes the line, on standard error of a terminal and nowhere else."""

    def __init__(self, quiet: bool, first: str) -> None:
        from rich.console import Console

        console = Console(stderr=True)
        self._status: Any = console.status(first) if console.is_terminal and not quiet else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show another text; names in it may come from data."""
        if self._status is not None:
            from rich.markup import escape

            self._status.update(escape(text))

    def fitted(self, cell: Cell, result: Result, done: int, wanted: int) -> None:
        """Say which cell has been fitted, and how many of how many."""
        text = f"fitted {cell.engine.id} {cell.method}, n = {cell.draw.n}, draw {cell.draw.index}"
        self.say(f"{text} ({done} of {wanted})")
