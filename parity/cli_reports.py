"""The commands that make reports from documents, and compare documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from parity.cli_options import json_option


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--markdown", "markdown_to", type=click.Path(path_type=Path), help="Write what has changed as a page.")
@click.option("--quiet", is_flag=True, help="No text; the exit code says it.")
@json_option
def diff(old: Path, new: Path, **options: Any) -> int:
    """What has changed from OLD to NEW, two documents that --json wrote: what fails anew, what is fixed, what is gone.

    Exit code 1 where a comparison fails that did not before.
    """
    from parity.diff_command import show_diff

    return show_diff(old, new, **options)


@click.command()
@click.argument("source", metavar="STORE|parity.json", type=click.Path(path_type=Path))
@click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A document of `parity defaults`, `solvers` or `lockstep`, shown beside; may be repeated.",
)
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write the page (default: report.html).")
@click.option("--markdown", "markdown_to", type=click.Path(path_type=Path), help="Write the Markdown report.")
@click.option("--comment", "comment_to", type=click.Path(path_type=Path), help="Write a pull request's comment.")
@click.option("--junit", "junit_to", type=click.Path(path_type=Path), help="Write JUnit XML for CI.")
@click.option("--study", "study_name", help="Of a store: the preset or study.toml whose cells are reported.")
@click.option("--quiet", is_flag=True, help="No line of summary.")
def report(source: Path, **options: Any) -> int:
    """The page, the Markdown and the JUnit file of a document or a store; the page and the Markdown of an explanation.

    Nothing is fitted.
    """
    from parity.report_command import show_report

    return show_report(source, **options)


REPORTS = (diff, report)
