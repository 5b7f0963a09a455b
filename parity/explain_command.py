"""What `parity explain` does between the request and the last line that it prints."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import COMPARISON_FAILED, DONE
from parity.errors import RequestError
from parity.report.status import StatusLine

if TYPE_CHECKING:
    from parity.spec.models import Mode
    from parity.study.cells import Cell

Plain = dict[str, Any]

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A time as a user writes it, in seconds; a RequestError says what would be right.

    >>> seconds("10m"), seconds("90s"), seconds("1.5h")
    (600.0, 90.0, 5400.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text)
    if found is None or found[2] not in UNITS or float(found[1]) <= 0:
        raise RequestError(f"budget '{text}' is no time; write 90s, 10m or 1h")
    return float(found[1]) * UNITS[found[2]]


def show_explain(
    pair: Sequence[str],
    *,
    method: str,
    study_name: str | None,
    sizes: Sequence[int],
    draws: int | None,
    fresh: int | None,
    data_path: str | None,
    label: str | None,
    classes: str | None,
    budget: str | None,
    margin: float | None,
    mode: Mode | None,
    device: str,
    store: Path | None,
    jobs: int | None,
    recipe_to: Path | None,
    html_to: Path | None,
    markdown_to: Path | None,
    picture_to: Path | None,
    json_to: str | None,
    quiet: bool,
) -> int:
    """`parity explain`. Exit code 1 where two sides differ, 3 where one of them does not run here."""
    from parity.api import explain
    from parity.commands import study_named, with_options
    from parity.defaults_command import without_outputs
    from parity.lockstep_command import study_of
    from parity.report.document import failed, write_text
    from parity.report.terminal import send

    if len(pair) != 2:
        raise RequestError("name two engines, as in parity explain r-h2o py-keras-jax --method mlp-leek")
    source = {"draws": None, "data_path": data_path, "label": label, "classes": classes}
    study = with_options(study_named(study_name or study_of(method)), source)
    with StatusLine(quiet, "reading rows") as line:

        def watch(doing: str, cell: Cell | None, count: int) -> None:
            line.say(doing if cell is None else f"{doing} ({count:,} fitted, now {cell.engine.id})")

        document = explain(
            study,
            pair,
            method=method,
            sizes=sizes,
            draws=draws,
            fresh=fresh,
            budget=None if budget is None else seconds(budget),
            margin=margin,
            mode=mode,
            device=device,
            store=store,
            jobs=jobs or 0,
            recipe_to=recipe_to,
            watch=watch,
            rerun=shlex.join(["parity", "explain", *without_outputs(sys.argv[2:])]),
        )
    if json_to:
        send(document, json_to)
    if html_to:
        from datetime import date

        from parity.report.explain_html import explanation_html

        today = date.today()
        write_text(explanation_html(document, f"{today.day} {today:%B %Y}"), html_to)
    if markdown_to:
        from parity.report.explain_markdown import explanation_markdown

        write_text(explanation_markdown(document), markdown_to)
    if picture_to:
        from parity.report.figure import CannotDraw
        from parity.report.waterfall import waterfall_picture

        try:
            waterfall_picture(document, picture_to)
        except CannotDraw as error:
            click.echo(f"no picture: {error}", err=True)
            picture_to = None
    if not quiet and json_to != "-":
        from parity.report.explain_terminal import print_explanation

        print_explanation(document)
        for path in (html_to, markdown_to, picture_to, recipe_to):
            if path is not None:
                click.echo(f"see {path}")
    return COMPARISON_FAILED if failed(document) else DONE
