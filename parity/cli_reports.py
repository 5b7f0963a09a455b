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


REPORTS = (diff,)
