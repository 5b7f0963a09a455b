"""What `parity defaults` does between the request and the last line that it prints."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import COMPARISON_FAILED, DONE, typed
from parity.errors import NothingCompared, RequestError, unknown
from parity.report.status import StatusLine
from parity.survey import Progress, diff_of, entries_of, left_open

if TYPE_CHECKING:
    from parity.compare.lock import Comparison
    from parity.study.tables import Question
    from parity.survey import Survey

Plain = dict[str, Any]


def show_defaults(
    method: str | None,
    *,
    engine_ids: Sequence[str],
    pair: tuple[str, str] | None,
    parameters: Sequence[str],
    override: Sequence[str],
    measure: bool,
    probe: bool,
    against: str | None,
    lock: bool,
    check: bool,
    lock_file: Path,
    store: Path | None,
    fresh: bool,
    jobs: int | None,
    html_to: Path | None,
    json_to: str | None,
    quiet: bool,
) -> int:
    """`parity defaults`. Exit code 1 where --check finds a change."""
    from parity.compare.lock import dumped, frozen, read_lock
    from parity.engines.environment import describe
    from parity.report.defaults import defaults_document
    from parity.report.document import write_text
    from parity.report.terminal import send
    from parity.spec.study import METHODS
    from parity.survey import Survey, questions_of, survey

    _refuse_together({"--diff": pair, "--against": against, "--lock": lock, "--check": check})
    if pair and engine_ids:
        raise RequestError("--diff names its two engines itself; leave --engine out")
    methods = [method] if method else list(METHODS)
    if (pair or probe) and method is None:
        raise RequestError(f"name the METHOD whose parameters are wanted, one of: {', '.join(METHODS)}")
    before = read_lock(lock_file) if check else None
    with _Line(quiet) as progress:
        questions, idle = questions_of(methods, pair or engine_ids, _overrides_by_engine(override))
        common: Plain = {
            "store": store,
            "jobs": jobs or 0,
            "progress": progress,
            "measure": measure or pair is not None,
        }
        found = Survey(
            survey(questions, probe=probe, parameters=parameters, fresh=fresh, **common),
            tuple(idle),
        )
        if pair and (names := left_open(found)):
            # What a framework chooses by itself is compared once a probe has found out what that is.
            found = Survey(survey(questions, probe=True, parameters=names, **common), tuple(idle))
        _require_parameters(parameters, found)
        named = {each: entries_of(each) for each in found.found}
        diffs = (diff_of(found, methods[0], *pair),) if pair else ()
        changes = None
        if before is not None:
            changes = _since(before, found, engine_ids, method)
        elif against is not None:
            changes = _elsewhere(against, found)
    rerun = shlex.join(["parity", "defaults", *without_outputs(sys.argv[2:])])
    document = defaults_document(found, named, describe(), diffs=diffs, changes=changes, rerun=rerun)
    if lock:
        write_text(dumped(frozen(each.table for each in found.found)), lock_file)
    if json_to:
        send(document, json_to)
    if html_to:
        from parity.report.defaults_html import defaults_html

        write_text(defaults_html(document), html_to)
    if not quiet and json_to != "-":
        _print(document, method, parameters, against or str(lock_file), lock, html_to)
    return COMPARISON_FAILED if check and document["changes"]["changes"] else DONE


OUTPUTS = ("--json", "--html", "--markdown", "--picture", "--recipe")
"Options that name what is written."


def without_outputs(words: Sequence[str]) -> list[str]:
    """The words of a command line that say what is asked, and not where it is written."""
    kept = []
    remaining = iter(words)
    for word in remaining:
        if word in OUTPUTS:
            next(remaining, None)
        elif word != "--quiet" and not word.startswith(tuple(f"{output}=" for output in OUTPUTS)):
            kept.append(word)
    return kept


def _refuse_together(given: dict[str, object]) -> None:
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise RequestError(f"{' and '.join(named)} exclude each other; ask for one of them")


def _overrides_by_engine(written: Sequence[str]) -> dict[str, Plain]:
    """ENGINE.NAME=VALUE, as written on the command line, by engine."""
    from parity.engines.sheet import engine

    found: dict[str, Plain] = {}
    for text in written:
        engine_id, dot, assignment = text.partition(".")
        name, equals, value = assignment.partition("=")
        if not dot or not equals:
            raise RequestError(f"override '{text}' must be written as ENGINE.NAME=VALUE, as in r-h2o.epochs=5")
        found.setdefault(engine(engine_id).id, {})[name] = typed(value)
    return found


def _require_parameters(names: Sequence[str], found: Survey) -> None:
    known = {row["name"] for each in found.found for row in each.table.rows}
    for name in names:
        if known and name not in known:
            raise unknown("parameter", name, known, where=", ".join(dict.fromkeys(each.engine for each in found.found)))


def _since(before: Plain, found: Survey, engine_ids: Sequence[str], method: str | None) -> Comparison:
    """What has changed since the lock, for the engines and the method that were asked for."""
    from parity.compare.lock import compared, frozen

    wanted = {
        engine: {**entry, "methods": {m: v for m, v in entry["methods"].items() if method in (None, m)}}
        for engine, entry in before["engines"].items()
        if not engine_ids or engine in engine_ids
    }
    result = compared({**before, "engines": wanted}, frozen(each.table for each in found.found), _reasons(found))
    if not result.compared:
        raise NothingCompared("nothing in the lock could be compared with what runs here; see `parity doctor`")
    return result


def _elsewhere(python: str, found: Survey) -> Comparison:
    """What is different in another interpreter's installation, for the engines that run here."""
    from parity.compare.lock import compared, frozen
    from parity.study.elsewhere import tables_elsewhere

    here = [each for each in found.found if not each.table.reason]
    there = tables_elsewhere(python, [each.question for each in here])
    reasons = [*_reasons(found), *((f"{t.engine} {t.method}", t.reason) for t in there if t.reason)]
    result = compared(frozen(there), frozen(each.table for each in here), reasons)
    if not result.compared:
        raise NothingCompared(f"{python} can run none of these engines ({reasons[0][0]}: {reasons[0][1]})")
    return result


def _reasons(found: Survey) -> list[tuple[str, str]]:
    return [
        *((entry["engine"], entry["reason"]) for entry in found.not_run),
        *((f"{each.engine} {each.method}", each.table.reason) for each in found.found if each.table.reason),
    ]


def _print(
    document: Plain, method: str | None, parameters: Sequence[str], other: str, lock: bool, html_to: Path | None
) -> None:
    import shutil

    from parity.report.defaults_terminal import change_list, difference_table, listing, summary

    if document["changes"] is not None:
        change_list(document["changes"], other, "this installation")
    elif document["diffs"]:
        for diff in document["diffs"]:
            difference_table(diff, str(method), min(shutil.get_terminal_size((120, 40)).columns, 160))
    elif method is None and not parameters:
        summary(document)
        if not lock and not html_to:
            click.echo("\nname a METHOD for its parameters, or --html FILE for all of them")
    else:
        listing(document, parameters)
    for entry in document["not_run"]:
        mend = f"; mend: {entry['mend']}" if entry["mend"] else ""
        click.echo(f"{entry['engine']}: not run ({entry['reason']}){mend}", err=True)
    if lock:
        click.echo(f"{other} holds the defaults of {len({t['engine'] for t in document['tables']})} engines")
    if html_to:
        click.echo(f"see {html_to}")


def show_divergences(ids: Sequence[str], check: bool, store: Path | None, jobs: int | None) -> int:
    """`parity divergences`. Exit code 1 where the evidence of an entry no longer holds, 3 where none could be run."""
    from parity.compare.divergences import registry

    known = registry()
    for name in ids:
        if name not in known:
            raise unknown("divergence", name, known)
    chosen = [known[name] for name in ids or known]
    if not check:
        for entry in chosen:
            remedy = entry.cannot or "; ".join(
                f"{engine}: " + ", ".join(f"{k} = {v}" for k, v in given.items())
                for engine, given in entry.neutralise.items()
            )
            click.echo(f"{entry.id}\n  {entry.summary}\n  shown by       {entry.command}\n  neutralised by {remedy}")
        return DONE
    from parity.evidence import examined

    with _Line(quiet=False) as progress:
        findings = examined(chosen, store=store, jobs=jobs or 0, progress=progress)
    for finding in findings:
        click.echo(f"{finding.divergence.id}: {finding.verdict} ({finding.detail})")
    if all(finding.verdict == "not run" for finding in findings):
        raise NothingCompared("none of the evidence could be run here; see `parity doctor`")
    return COMPARISON_FAILED if any(finding.verdict == "gone" for finding in findings) else DONE


class _Line(StatusLine, Progress):
    """What a survey does."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(quiet, "asking the engines")

    def table(self, question: Question, done: int, wanted: int) -> None:
        """Say which engine has answered."""
        self.say(f"read {question.engine.id} {question.method} ({done} of {wanted})")

    def fit(self, cell: Any, result: Any, done: int, wanted: int) -> None:
        """Say which change has been fitted."""
        changed = ", ".join(f"{k} = {v}" for k, v in list(cell.identity["overrides"].items())[:2]) or "unchanged"
        self.say(f"fitted {cell.engine.id} {cell.method} with {changed} ({done} of {wanted} so far)")
