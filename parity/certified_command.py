"""What `parity certified` does between the request and the last line that it prints."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import DONE
from parity.errors import NothingCompared, RequestError
from parity.report.markdown import table_cell
from parity.report.status import StatusLine

if TYPE_CHECKING:
    from parity.certified import Score, StRD
    from parity.engines.sheet import Engine
    from parity.study.loose_fits import Request

Plain = dict[str, Any]

FAMILY = "linear"

EXPLANATION = (
    "Correct significant digits of the worst coefficient, -log10(|b - c| / |c|), from 0 to 15; NIST certifies 15. "
    "! means that the solver itself warned. Exact arithmetic is what no rounding on the way would give: the solvers "
    "get the data and their powers rounded to float64, not the decimals that NIST's values belong to."
)

MARKS = {"left out": "left out", "not expressible": "cannot", "failed": "failed"}
"What a cell of the table says in place of a number; a sentence under it says the rest."


def show_certified(engine_ids: Sequence[str], json_to: str | None, markdown_to: Path | None, quiet: bool) -> int:
    """`parity certified`. Exit code 3 where no engine runs."""
    from parity.certified import scores, sets, solvers_of
    from parity.engines.environment import describe
    from parity.report.document import write_text
    from parity.report.terminal import send
    from parity.run import able

    chosen = _engines(engine_ids)
    running, idle = able(chosen)
    if not running:
        reasons = "; ".join(f"{e['engine']}: {e['reason']}" for e in idle)
        raise NothingCompared(f"no engine that fits least squares runs here ({reasons}); see `parity doctor`")
    data = sets()
    with _Line(quiet, "starting the engines") as line:
        found = scores(solvers_of(engine for engine in chosen if engine.id in running), data, watch=line.answered)
    if all(score.kind == "failed" for score in found):
        raise NothingCompared(f"no engine answered ({found[0].solver}: {found[0].verdict}); see `parity doctor`")
    from parity.engines.sheet import reference

    named = [word for name in engine_ids for word in ("--engine", reference(name))]
    rerun = shlex.join(["parity", "certified", *named])
    document = certified_document(data, found, running, idle, describe(), rerun)
    if json_to:
        send(document, json_to)
    if markdown_to:
        write_text(markdown(document), markdown_to)
    if not quiet and json_to != "-":
        _print(document)
        if markdown_to:
            click.echo(f"see {markdown_to}")
    return DONE


def certified_document(
    data: Sequence[StRD],
    found: Sequence[Score],
    running: dict[str, dict[str, str]],
    idle: Sequence[dict[str, str]],
    environment: Plain,
    rerun: str,
) -> Plain:
    """The document. running: versions by engine; idle: {"engine", "reason", "mend"} of the engines that do not run."""
    from parity.certified import best_possible
    from parity.report.document import document

    content = {
        "sets": [
            {
                "name": each.name,
                "difficulty": each.difficulty,
                "rows": len(each.y),
                "columns": len(each.features),
                "intercept": each.intercept,
                "certified": {name: str(value) for name, value in each.certified.items()},
                "sha256": each.sha256,
            }
            for each in data
        ],
        "best_possible": [_scored(best_possible(each)) for each in data],
        "scores": [_scored(score) for score in found],
        "versions": {name: {k: v for k, v in known.items() if k != "file"} for name, known in running.items()},
        "not_run": list(idle),
        "rerun": rerun,
    }
    return document("certified", environment, content)


def markdown(document: Plain) -> str:
    """The page of a document: the table of smallest digits, what is behind it, and every coefficient of every set."""
    names = [each["name"] for each in document["sets"]]
    lines = [
        "# NIST's certified least-squares sets through every solver",
        "",
        f"Made by `{document['rerun']} --markdown FILE`. The sets are NIST's own files, see "
        "[`parity/reference/nist_strd`](../parity/reference/nist_strd/README.md).",
        "",
        EXPLANATION,
        "",
        *_table([["solver", *names], *_smallest(document)]),
        "",
        *(f"- {_escaped(line)}" for line in [*_sentences(document), *_outside(document), *_idle(document)]),
        "",
        "The last digits move with the processor and its linear algebra library.",
        "",
        "## Versions",
        "",
        *_table(
            [
                ["engine", "packages"],
                *(
                    [engine, ", ".join(f"{name} {version}" for name, version in known.items())]
                    for engine, known in document["versions"].items()
                ),
            ]
        ),
        "",
    ]
    for each in document["sets"]:
        lines += [*_section(document, each), ""]
    return "\n".join(lines)


def _engines(engine_ids: Sequence[str]) -> list[Engine]:
    from parity.engines.sheet import engine, engines

    able_to = [one for one in engines().values() if FAMILY in one.fits]
    named = {name: engine(name) for name in engine_ids}
    for name, one in named.items():
        if FAMILY not in one.fits:
            others = ", ".join(each.id for each in able_to)
            raise RequestError(f"engine {name} fits no pinned linear model; these do: {others}")
    return [one for one in able_to if not named or one.id in named]


def _scored(score: Score) -> Plain:
    return {**asdict(score), "messages": list(score.messages)}


def _cell(score: Plain) -> str:
    if score["smallest"] is None:
        return MARKS[score["kind"]]
    return f"{score['smallest']:.1f}{'!' if score['warned'] else ''}"


def _rows(scores: Iterable[Plain]) -> dict[str, dict[str, Plain]]:
    """Scores by solver and set."""
    rows: dict[str, dict[str, Plain]] = {}
    for score in scores:
        rows.setdefault(score["solver"], {})[score["set"]] = score
    return rows


def _tried(document: Plain) -> dict[str, dict[str, Plain]]:
    """Rows of the solvers that can express at least one set."""
    rows = _rows(document["scores"])
    return {
        name: row for name, row in rows.items() if any(score["kind"] != "not expressible" for score in row.values())
    }


def _smallest(document: Plain) -> list[list[str]]:
    rows = {**_tried(document), **_rows(document["best_possible"])}
    return [[name, *(_cell(row[each["name"]]) for each in document["sets"])] for name, row in rows.items()]


def _sentences(document: Plain) -> list[str]:
    """What stands behind every cell without a number; solvers and sets of one sentence share a line."""
    by_solver: dict[tuple[str, str], list[str]] = {}
    for solver, row in _tried(document).items():
        for score in row.values():
            if score["verdict"]:
                by_solver.setdefault((solver, score["verdict"]), []).append(score["set"])
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (solver, verdict), names in by_solver.items():
        shared.setdefault((verdict, tuple(names)), []).append(solver)
    return [f"{', '.join(solvers)} on {', '.join(names)}: {verdict}" for (verdict, names), solvers in shared.items()]


def _outside(document: Plain) -> list[str]:
    """The solvers that can express none of the sets, by the reason."""
    tried, reasons = _tried(document), dict[str, list[str]]()
    for solver, row in _rows(document["scores"]).items():
        if solver not in tried:
            (reason, _), *_ = Counter(score["verdict"] for score in row.values()).most_common(1)
            reasons.setdefault(reason, []).append(solver)
    return [f"not in the table: {', '.join(solvers)} ({reason})" for reason, solvers in reasons.items()]


def _idle(document: Plain) -> list[str]:
    mends = {e["engine"]: f"; mend: {e['mend']}" if e["mend"] else "" for e in document["not_run"]}
    return [f"{e['engine']}: not run ({e['reason']}){mends[e['engine']]}" for e in document["not_run"]]


def _section(document: Plain, data: Plain) -> list[str]:
    """One set: every coefficient's digits by every solver that can express it."""
    scores = [score for score in document["scores"] if score["set"] == data["name"]]
    scores = [score for score in scores if score["kind"] != "not expressible"]
    best = next(score for score in document["best_possible"] if score["set"] == data["name"])
    names = list(data["certified"])
    intercept = "" if data["intercept"] else ", no intercept"
    head = f"{data['difficulty']} difficulty, {data['rows']} rows, {len(names)} coefficients{intercept}."
    digits = [
        [score["solver"], *(f"{score['digits'][name]:.1f}" if name in score["digits"] else "–" for name in names)]
        for score in [*scores, best]
    ]
    certified = ["certified value", *(data["certified"][name] for name in names)]
    return [f"## {data['name']}", "", head, "", *_table([["solver", *names], certified, *digits])]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = [f"| {' | '.join(map(table_cell, row))} |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *body]


def _escaped(line: str) -> str:
    """As a table's cell, but whole."""
    words = (table_cell(word) for word in line.split())
    return " ".join(words)


def _print(document: Plain) -> None:
    import shutil
    import textwrap

    from parity.report.terminal import columns

    columns([["solver", *(each["name"] for each in document["sets"])], *_smallest(document)])
    width = min(shutil.get_terminal_size((120, 40)).columns, 140)
    click.echo("\n" + textwrap.fill(EXPLANATION, width) + "\n")
    for line in [*_sentences(document), *_outside(document)]:
        click.echo(textwrap.fill(line, width, subsequent_indent="  "))
    for line in _idle(document):
        click.echo(line, err=True)


class _Line(StatusLine):
    """Which fit has ended."""

    def answered(self, request: Request, done: int, wanted: int) -> None:
        """Say which engine has answered."""
        chosen = ", ".join(f"{k} = {v}" for k, v in request.options["overrides"].items())
        self.say(f"fitted {request.engine} {chosen} ({done} of {wanted})")
