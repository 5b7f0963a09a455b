"""What `parity pixels` does between the request and the last line that it prints."""

from __future__ import annotations

import shlex
from typing import Any

import click

from parity.cli_options import DONE

Plain = dict[str, Any]


def show_pixels(data: str, *, json_to: str | None, quiet: bool) -> int:
    """`parity pixels`."""
    from parity.engines.environment import describe
    from parity.report.document import document
    from parity.report.single_pixel import pixel_claims
    from parity.report.terminal import send

    content = measured(data)
    claims = pixel_claims(content)
    if json_to:
        rerun = shlex.join(["parity", "pixels", "--data", data])
        send(document("pixels", describe(), {"single_pixel": content, "claims": claims, "rerun": rerun}), json_to)
    if not quiet and json_to != "-":
        _print(content, claims)
    return DONE


def measured(data: str, *, download: bool = True) -> Plain:
    """The pairs of a data set as they stand in parity.json; a data set that is not here may be downloaded."""
    from parity.report.single_pixel import pixels_content
    from parity.single_pixel import pairs, parts

    train, test = parts(data, download=download)
    return pixels_content(pairs(train, test), data, len(train.y), len(test.y))


def section() -> tuple[Plain, list[Plain]]:
    """The pairs and their claims for a study's report; where MNIST is not here, why, and claims that were not run."""
    from parity.errors import RequestError
    from parity.report.single_pixel import claims_not_run, pixel_claims

    try:
        content = measured("mnist", download=False)
    except RequestError as error:
        return {"not_run": str(error)}, claims_not_run(str(error))
    return content, pixel_claims(content)


def _print(content: Plain, claims: list[Plain]) -> None:
    from parity.report.single_pixel import extremes, matrix
    from parity.report.terminal import columns

    if len(content["pairs"]) > 1:
        click.echo("two digits told apart by one pixel: above the diagonal % of test rows labelled right, below it")
        click.echo("area under the ROC curve in %")
        columns(matrix(content))
        click.echo()
    click.echo(extremes(content))
    for claim in claims:
        click.echo(claim["sentence"])
