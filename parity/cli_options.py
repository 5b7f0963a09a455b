"""What several commands' options share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

DONE, COMPARISON_FAILED, WRONG_REQUEST, NOTHING_COMPARED = 0, 1, 2, 3
"The exit codes."


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option --json of every command that makes a document."""
    return click.option("--json", "json_to", metavar="FILE", help="Write the document (schema parity/1); - prints it.")(
        command
    )


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that put another data set in place of the study's."""
    options = [
        click.option("--data", "data_path", metavar="NAME|FILE", help="Another data set: mnist01, mnist, a CSV, …"),
        click.option("--label", metavar="COLUMN", help="The label column of that data set."),
        click.option("--classes", metavar="A,B", help="The two labels to compare; B counts as 1."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def engines_option(
    command: Callable[..., Any] | None = None, *, help: str = "Only this engine; may be repeated."
) -> Callable[..., Any]:
    """The option --engine, by id or file, of every command that takes several."""
    option = click.option("--engine", "engine_ids", callback=engine_names, multiple=True, metavar="ID|FILE", help=help)
    return option if command is None else option(command)


def typed(text: str) -> Any:
    """A value from the command line: JSON where it is that (-1, true, [5, 5]), else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def engine_names(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    """Engines by id, whatever they were named by: the file of a user's own engine makes its id known."""
    from parity.engines.sheet import called

    if given is None or isinstance(given, str):
        return given and called(given)
    return tuple(called(each) for each in given)
