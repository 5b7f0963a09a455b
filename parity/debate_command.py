"""What `parity reproduce debate` does between the request and the last line that it prints."""

from __future__ import annotations

import csv
import dataclasses
import shlex
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import DONE, NOTHING_COMPARED
from parity.commands import again, make_folder, with_options
from parity.errors import RequestError
from parity.report.status import StatusLine

if TYPE_CHECKING:
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.store import Result

Plain = dict[str, Any]

FIRST_SECONDS = 5.0
"Before so much time has passed, how long the rest will take is not told: workers are still loading."


def reproduce_debate(
    claims: Sequence[str],
    quick: bool,
    out: Path,
    store: Path | None,
    *,
    engine_ids: Sequence[str],
    device: str,
    jobs: int | None,
    json_to: str | None,
    quiet: bool,
    **options: Any,
) -> int:
    """Measure the debate and write its page, its text and its picture. 3 where nothing could be measured."""
    from parity.debate import CLAIMS, EXPLAIN_SECONDS, QUICK_SECONDS, claim_named
    from parity.debate_fits import debated
    from parity.engines.environment import describe
    from parity.report.debate import debate_document
    from parity.report.debate_html import debate_html
    from parity.report.debate_markdown import debate_markdown
    from parity.report.debate_terminal import print_debate
    from parity.report.document import write, write_text
    from parity.report.terminal import send

    if device != "cpu":
        raise RequestError("the debate is measured on the CPU, where 2017's networks were; leave --device out")
    asked = tuple(claim_named(name) for name in dict.fromkeys(claims)) or CLAIMS
    study = _study(quick, options)
    words = _words(quick, out, store, {**options, "engine_ids": engine_ids, "device": device}, study)
    study = with_options(study, options)
    make_folder(out)
    seconds = (QUICK_SECONDS if quick else EXPLAIN_SECONDS) * len(study.protocol.sizes)
    with StatusLine(quiet, "reading settings") as line:
        found = debated(
            study,
            asked,
            engine_ids,
            store=store or out / "parity.sqlite",
            follow=lambda cells: _follow(line, cells),
            watch=lambda doing, cell, count: line.say(doing if cell is None else f"{doing} ({count:,} fitted)"),
            jobs=jobs or 0,
            seconds=seconds,
        )
        document = debate_document(found, describe(), words)
    picture, trouble = _drawn(document, out)
    today = date.today()
    write(document, out / "parity.json")
    write_text(debate_markdown(document, picture.name if picture else None), out / "report.md")
    write_text(debate_html(document, f"{today.day} {today:%B %Y}"), out / "report.html")
    if json_to:
        send(document, json_to)
    if not quiet and json_to != "-":
        print_debate(document)
        if trouble:
            click.echo(trouble, err=True)
        for each in document["not_run"]:
            mend = f"; mend: {each['mend']}" if each["mend"] else ""
            click.echo(f"{each['engine']}: not run ({each['reason']}){mend}", err=True)
        for why, count in document["failed"].items():
            click.echo(f"{count} without a fit: {why}", err=True)
        names = [*([picture.name] if picture else []), "report.html", "report.md", "parity.json"]
        click.echo("see " + ", ".join(str(out / name) for name in names))
    measured = any(guess["verdict"] != "not run" for guess in document["guesses"])
    return DONE if measured else NOTHING_COMPARED


def _study(quick: bool, options: Plain) -> Study:
    """The preset at the debate's sizes; options that name draws are left to with_options."""
    from parity.debate import QUICK_DRAWS, QUICK_SIZES, SIZES, STUDY
    from parity.spec.study import DRAWS, preset

    study = preset(STUDY)
    protocol = dataclasses.replace(
        study.protocol, sizes=QUICK_SIZES if quick else SIZES, draws=QUICK_DRAWS if quick else DRAWS
    )
    return dataclasses.replace(study, protocol=protocol)


def _words(quick: bool, out: Path, store: Path | None, options: Plain, study: Study) -> list[str]:
    """The command line that measures all of it again."""
    words = ["reproduce", "debate", *(["--quick"] if quick else []), "--out", str(out)]
    return shlex.split(again([*words, *(["--store", str(store)] if store else [])], options))


def _follow(line: StatusLine, cells: Sequence[Cell]) -> Callable[[Cell, Result], object]:
    """Says of each fit how many there are and how long the rest will take."""
    from parity.study.cells import EXPECTED_SECONDS

    total = sum(EXPECTED_SECONDS[cell.spec.family] for cell in cells)
    started, count, done = time.monotonic(), 0, 0.0

    def tell(cell: Cell, result: Result) -> None:
        nonlocal count, done
        count += 1
        done += EXPECTED_SECONDS[cell.spec.family]
        spent = time.monotonic() - started
        left = f", about {max(1, round(spent / done * (total - done) / 60))} min left" if spent > FIRST_SECONDS else ""
        line.say(f"{cell.engine.id} {cell.method}, n = {cell.draw.n} ({count:,} of {len(cells):,} fits{left})")

    return tell


def _drawn(document: Plain, out: Path) -> tuple[Path | None, str]:
    """The picture, or why there is none."""
    from parity.report.figure import CannotDraw

    try:
        return draw(document, out / "figure"), ""
    except CannotDraw as error:
        return None, f"figure: not drawn ({error})"


def draw(document: Plain, prefix: Path) -> Path:
    """The picture of a document as prefix.png and prefix.svg, drawn by R; CannotDraw says why there is none."""
    from parity.report.figure import CannotDraw, drawn_by_r

    rows = list(_rows(document))
    if not rows:
        raise CannotDraw("nothing was measured")

    def tables(folder: Path) -> list[str]:
        with (folder / "table.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("place", "claim", "verdict", "what", "role", "n", "mean", "low", "high", "same"))
            writer.writerows(rows)
        return [str(folder / "table.csv"), str(document["study"]["margin"])]

    drawn, _ = drawn_by_r("debate_figure.R", tables, prefix, (".png", ".svg"))
    return drawn


def _rows(document: Plain) -> list[tuple[Any, ...]]:
    """What is drawn: of every guess that was measured its gap and its trials, by size."""
    from parity.report.debate_svg import rows_of

    found, place = [], 0
    for guess in document["guesses"]:
        for row in rows_of(guess):
            place += 1
            what = guess["gap"] if row.kind == "gap" else row.name
            for n, each in row.at.items():
                ends = ["NA" if each[end] is None else each[end] for end in ("low", "high")]
                same = bool(each.get("alike"))
                found.append((place, guess["claim"], guess["verdict"], what, row.kind, n, each["mean"], *ends, same))
    return found
