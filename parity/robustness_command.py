"""What `parity robustness` does between the request and the last line that it prints."""

from __future__ import annotations

import csv
import dataclasses
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import DONE
from parity.errors import NothingCompared

if TYPE_CHECKING:
    from parity.spec.study import Study

Plain = dict[str, Any]

PRESET = "leek2017"
"The study whose data, rows and methods are measured."


def show_robustness(
    *,
    draws: int,
    sizes: Sequence[int],
    engine_ids: Sequence[str],
    store: Path | None,
    out: Path,
    jobs: int | None,
    json_to: str | None,
    quiet: bool,
) -> int:
    """`parity robustness`."""
    from parity.commands import make_folder
    from parity.defaults_command import without_outputs
    from parity.engines.environment import describe
    from parity.report.document import write_text
    from parity.report.figure import CannotDraw
    from parity.report.robustness import robustness_document, robustness_markdown
    from parity.report.status import StatusLine
    from parity.report.terminal import send
    from parity.robustness import measure
    from parity.spec.study import preset
    from parity.study.tables import cache_folder

    study = preset(PRESET)
    protocol = dataclasses.replace(study.protocol, draws=draws, sizes=tuple(sizes) or study.protocol.sizes)
    study = dataclasses.replace(study, protocol=protocol)
    make_folder(out)
    with StatusLine(quiet, "reading settings") as line:
        measured = measure(
            study, engine_ids, store=store or cache_folder() / "robustness.sqlite", jobs=jobs or 0, watch=line.fitted
        )
        found = robustness_document(
            measured, describe(), shlex.join(["parity", "robustness", *without_outputs(sys.argv[2:])])
        )
    picture, trouble = None, ""
    try:
        picture = draw(found, out / "robustness")
    except CannotDraw as error:
        trouble = f"picture: not drawn ({error})"
    page = out / "robustness.md"
    write_text(robustness_markdown(found, picture.name if picture else None), page)
    if json_to:
        send(found, json_to)
    if not quiet and json_to != "-":
        _print(found)
        if trouble:
            click.echo(trouble, err=True)
        made = [picture, page] if picture else [page]
        click.echo("see " + ", ".join(map(str, made)))
    return DONE


def section(
    study: Study, engine_ids: Sequence[str], store: Path, *, jobs: int | None, quiet: bool, rerun: str
) -> Plain | None:
    """The document about a reproduced study, from its own draws and store.

    Only the engines of the gaps are asked; their fits on their own pixels are those of the study. None where none of
    them was asked for or runs.
    """
    from parity.engines.environment import describe
    from parity.report.robustness import robustness_document
    from parity.report.status import StatusLine
    from parity.robustness import PAIRS, measure

    cheap = dict.fromkeys(contender.engine for pair in PAIRS for contender in pair)
    asked = [each for each in cheap if not engine_ids or each in engine_ids]
    if not asked:
        return None
    try:
        with StatusLine(quiet, "reading settings") as line:
            measured = measure(study, asked, store=store, jobs=jobs or 0, watch=line.fitted)
    except NothingCompared:  # the report says already who did not run
        return None
    return robustness_document(measured, describe(), rerun)


def draw(found: Plain, prefix: Path) -> Path:
    """The picture of a document as prefix.png, drawn by R; CannotDraw says why there is none."""
    from parity.report.figure import drawn_by_r

    (drawn,) = drawn_by_r("robustness_figure.R", lambda folder: _tables(found, folder), prefix, (".png",))
    return drawn


def _tables(found: Plain, folder: Path) -> list[str]:
    """The three CSV files that the R script reads."""
    kinds = ("separated", "rank-deficient", "both")
    shares = (
        (row["n"], kind, row[kind]["share"], row[kind]["low"], row[kind]["high"])
        for row in found["shares"]
        if row["n"] is not None
        for kind in kinds
    )
    accuracies = (
        (entry["label"], entry["method"], entry["engine"], p["n"], p["mean"])
        for entry in found["accuracies"]
        if entry["pixels"] == "own"
        for p in entry["points"]
    )
    parts = (
        (f"{gap['left']['label']} to {gap['right']['label']}", part["part"], *_ends(part["all"]))
        for gap in found["gaps"]
        for part in [*gap["parts"], {"part": "gap", **gap["gap"]}]
    )
    tables: list[tuple[str, tuple[str, ...], Iterable[tuple[Any, ...]]]] = [
        ("shares.csv", ("n", "kind", "share", "low", "high"), shares),
        ("accuracies.csv", ("label", "method", "engine", "n", "mean"), accuracies),
        ("parts.csv", ("pair", "part", "mean", "low", "high"), parts),
    ]
    for name, header, rows in tables:
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return [name for name, _, _ in tables]


def _ends(span: Plain) -> tuple[float, float | str, float | str]:
    return span["mean"], "NA" if span["low"] is None else span["low"], "NA" if span["high"] is None else span["high"]


def _print(found: Plain) -> None:
    """The parts of every gap over all sizes, the verdicts, and what did not run."""
    from parity.report.robustness import Span, spanned
    from parity.report.terminal import columns

    for gap in found["gaps"]:
        click.echo(f"{gap['left']['label']} to {gap['right']['label']}: {gap['draws']} draws, change of test accuracy")
        parts = [[f"  {p['meaning']}", spanned(Span(**p["all"])), f"{p['labels_moved']:.1f}"] for p in gap["parts"]]
        total = ["  sum: the gap", spanned(Span(**gap["gap"]["all"])), ""]
        columns([["  what changes", "all sizes", "labels moved a draw"], *parts, total])
        click.echo()
    for verdict in found["verdicts"]:
        click.echo(verdict["sentence"])
    for entry in found["not_run"]:
        mend = f"; mend: {entry['mend']}" if entry["mend"] else ""
        click.echo(f"{entry['engine']}: not run ({entry['reason']}){mend}", err=True)
    for why, count in found["refused"].items():
        click.echo(f"{count} without an answer: {why}", err=True)
