"""What `parity curves` does between the request and the last line that it prints."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.cli_options import COMPARISON_FAILED, DONE
from parity.errors import RequestError

if TYPE_CHECKING:
    from parity.spec.models import Mode

Plain = dict[str, Any]


def show_curves(
    pair: Sequence[str],
    *,
    method: str | None,
    everything: bool,
    study_name: str | None,
    sizes: Sequence[int],
    draws: int | None,
    data_path: str | None,
    label: str | None,
    classes: str | None,
    margin: float | None,
    mode: Mode | None,
    device: str,
    store: Path | None,
    jobs: int | None,
    html_to: Path | None,
    json_to: str | None,
    quiet: bool,
) -> int:
    """`parity curves`. Exit code 1 where two curves differ, 3 where nothing could be compared."""
    from parity.api import curves
    from parity.commands import study_named, with_options
    from parity.defaults_command import without_outputs
    from parity.lockstep_command import study_of
    from parity.report.document import failed, write_text
    from parity.report.terminal import Progress, send, shortfalls

    if everything and pair:
        raise RequestError("--all compares every pair; leave A and B out")
    if not everything and len(pair) != 2:
        raise RequestError("name two engines, as in parity curves r-stats py-sklearn --method leekasso-glm, or --all")
    if method is None and study_name is None:
        raise RequestError("name the --method, the --study or both: `parity run --help` lists presets and methods")
    source = {"draws": None, "data_path": data_path, "label": label, "classes": classes}
    study = with_options(study_named(study_name or study_of(str(method))), source)
    with Progress(quiet) as follow:
        document = curves(
            study,
            pair,
            method=method,
            draws=draws,
            sizes=sizes,
            margin=margin,
            mode=mode,
            device=device,
            store=store,
            jobs=jobs or 0,
            follow=follow,
            rerun=shlex.join(["parity", "curves", *without_outputs(sys.argv[2:])]),
        )
    if json_to:
        send(document, json_to)
    if html_to:
        from parity.report.study_html import study_html

        write_text(study_html([document]), html_to)
    if not quiet and json_to != "-":
        from parity.report.curves_terminal import print_curves

        print_curves(document)
        shortfalls(document)
        if html_to:
            click.echo(f"see {html_to}")
    return COMPARISON_FAILED if failed(document) else DONE
