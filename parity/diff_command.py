"""What `parity diff` does between the request and the last line that it prints."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import click

from parity.cli_options import COMPARISON_FAILED, DONE
from parity.errors import NothingCompared

Plain = dict[str, Any]

UNLISTED = ("unchanged", "absent")
"Groups that a terminal counts and does not list: nothing is to be done about them."

MOST_FACTS = 20
"Facts of what was asked and of the environment that a terminal lists: more say that something else was asked."


def show_diff(old: Path, new: Path, *, json_to: str | None, markdown_to: Path | None, quiet: bool) -> int:
    """`parity diff`. Exit code 1 where something fails that did not before, 3 where the two share no comparison."""
    from parity.report.changes import changes, changes_markdown, groups
    from parity.report.document import document, write_text
    from parity.report.reading import read_document
    from parity.report.terminal import send

    before, now = read_document(old), read_document(new)
    content = {
        "old": {"file": str(old), "kind": before["kind"]},
        "new": {"file": str(new), "kind": now["kind"]},
        **changes(before, now, (str(old), str(new))),
        "rerun": shlex.join(["parity", "diff", str(old), str(new)]),
    }
    found = {**document("diff", now["environment"], content), "counts": groups(content)}
    if json_to:
        send(found, json_to)
    if markdown_to:
        write_text(changes_markdown(found), markdown_to)
    in_common = any(change["old"] and change["new"] for change in found["changes"])
    if in_common and not quiet and json_to != "-":
        _print(found)
        if markdown_to:
            click.echo(f"see {markdown_to}")
    if not in_common:
        raise NothingCompared(f"nothing in common to compare: {_holds(old, found, 'old')}, {_holds(new, found, 'new')}")
    if found["counts"].get("new"):
        return COMPARISON_FAILED
    if not found["common"]:
        raise NothingCompared(f"no comparison that {old} and {new} share was run in both")
    return DONE


def _holds(path: Path, found: Plain, side: str) -> str:
    count = sum(change[side] is not None for change in found["changes"])
    return f"{path} ({found[side]['kind']}) holds {count} comparison{'s' * (count != 1)}"


def _print(found: Plain) -> None:
    from parity.report.changes import GROUPS, before_and_now, gaps, title, verdicts
    from parity.report.compared import one_line
    from parity.report.terminal import paragraph

    width = min(shutil.get_terminal_size((120, 40)).columns, 140)
    for change in found["changes"]:
        if change["group"] in UNLISTED:
            continue
        click.echo(f"{change['group']}: {title(change)}")
        paragraph("verdict", verdicts(change), width)
        if gaps(change) != "–":
            paragraph("gap", gaps(change), width)
        state = change["new"] or change["old"]
        if state["reason"]:
            paragraph("reason" if change["new"] else "it was", one_line(state["reason"]), width)
        if change["rerun"] and change["group"] in ("new", "still"):
            click.echo(f"  {'rerun':<16}{one_line(change['rerun'])}")
    counted = [f"{count} {group} ({GROUPS[group]})" for group, count in found["counts"].items()]
    click.echo("; ".join(counted) or "no comparison in either document")
    for heading, field in (("asked otherwise", "asked_changes"), ("environment", "environment_changes")):
        for each in found[field][:MOST_FACTS]:
            click.echo(f"{heading}: {one_line(each['name'])} {' → '.join(map(one_line, before_and_now(each)))}")
        if (more := len(found[field]) - MOST_FACTS) > 0:
            click.echo(f"{heading}: {more} more, which --json and --markdown write")
