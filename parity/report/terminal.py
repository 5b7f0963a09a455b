"""What a document looks like in a terminal: columns, one line a comparison, and what did not run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from parity.study.cells import Cell
    from parity.study.store import Result


def columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def send(document: dict[str, Any], json_to: str) -> None:
    """Write a document to a file, or print it where the file is called -."""
    from parity.report.document import write

    if json_to == "-":
        click.echo(json.dumps(document, indent=1, allow_nan=False))
    else:
        write(document, Path(json_to))


def accuracies(document: dict[str, Any]) -> None:
    """Print the mean accuracy of every curve and baseline by size."""
    from parity.report.markdown import accuracy_rows

    sizes = sorted({p["n"] for curve in document["curves"] for p in curve["points"]})
    if sizes:
        draws = document["study"]["protocol"]["draws"]
        click.echo(f"mean test accuracy over {draws} draw{'s' * (draws != 1)}, labels as each framework gives them")
        columns([["method", "engine", *(f"n={n}" for n in sizes)], *accuracy_rows(document, sizes)])


def shortfalls(document: dict[str, Any]) -> None:
    """Say on stderr which engines did not run and which cells have no fit, and why."""
    from parity.report.markdown import troubles

    for entry in document["not_run"]:
        mend = f"; mend: {entry['mend']}" if entry["mend"] else ""
        click.echo(f"{entry['engine']}: not run ({entry['reason']}){mend}", err=True)
    for trouble in troubles(document["cells"]):
        which = f"{trouble['engine']} {trouble['method']}"
        click.echo(f"{which}: {trouble['count']} cells {trouble['status']} ({trouble['reason']})", err=True)


def comparison_line(comparison: dict[str, Any]) -> str:
    """One comparison with its verdict, reason, gap and tolerance."""
    gap = "" if comparison["gap"] is None else f"  distance {comparison['gap']:.3f}"
    tolerance = comparison["tolerance"]["value"]
    allowed = "" if tolerance is None else f" (tolerance {tolerance:g})"
    why = f" ({comparison['reason']})" if comparison["reason"] else ""
    return f"{comparison['left']['name']}  ~  {comparison['right']['name']}: {comparison['verdict']}{why}{gap}{allowed}"


class Progress:
    """A progress bar with an estimate of the time left; nothing where nobody watches."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._shown = not quiet and self._console.is_terminal
        self._bar: Any = None

    def __enter__(self) -> Callable[[Sequence[Cell]], Callable[[Cell, Result], object]]:
        return self._follow

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _follow(self, cells: Sequence[Cell]) -> Callable[[Cell, Result], object]:
        if not self._shown or not cells:
            return lambda cell, result: None
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        from parity.study.cells import EXPECTED_SECONDS

        self._bar = Bar(
            TextColumn("{task.fields[doing]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[done]}/{task.fields[cells]} cells", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        total = sum(EXPECTED_SECONDS[cell.spec.family] for cell in cells)
        task = self._bar.add_task("", total=total, doing="starting", done=0, cells=len(cells))
        self._bar.start()
        finished = 0

        def tell(cell: Cell, result: Result) -> None:
            nonlocal finished
            finished += 1
            doing = f"{cell.engine.id} {cell.method} n={cell.draw.n}"
            self._bar.update(task, advance=EXPECTED_SECONDS[cell.spec.family], doing=doing, done=finished)

        return tell


def paragraph(lead: str, text: str, width: int) -> None:
    """A fact with its name before it, wrapped to `width` characters."""
    import textwrap

    indent = " " * 18
    lines = textwrap.wrap(text, max(width - len(indent), 40), break_on_hyphens=False) or [""]
    click.echo(f"  {lead:<16}{lines[0]}")
    for line in lines[1:]:
        click.echo(f"{indent}{line}")
