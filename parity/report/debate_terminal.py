"""The debate of 2017 in a terminal: what nobody guessed, then a block for each guess and claim."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

import click

from parity.report.debate_findings import unguessed
from parity.report.debate_words import MARKS, closed_words, outcome, size_words
from parity.report.explain_words import effect_words, legible
from parity.report.terminal import paragraph

Plain = dict[str, Any]

WIDEST = 110
"Columns, on however wide a terminal: lines that are longer are hard to read."


def print_debate(document: Plain) -> None:
    """Print a document of kind "debate"."""
    document = legible(document)
    width = min(shutil.get_terminal_size().columns, WIDEST)
    _nobody(document, width)
    for guess in document["guesses"]:
        _guess(guess, width)
    _wrapped(outcome(document), width)


def _nobody(document: Plain, width: int) -> None:
    new = unguessed(document["findings"])
    click.echo("What nobody guessed")
    if not new:
        why = document["unexplained"] or "no share of the gap is known yet that is beyond chance and was not guessed"
        paragraph("", why, width)
    for each in new:
        click.echo(f"  {each['name']}: {each['meaning']}")
        for end in ("left", "right"):
            paragraph("", each[end], width)
        for at in each["by_size"]:
            measure, what = (at["share"], "share of the gap") if at["share"] else (at["alone"], "switched alone")
            if measure:
                closed = f", {closed_words(at['of_gap'])}" if at["of_gap"] is not None else ""
                paragraph(f"n = {at['n']}", f"{what} {effect_words(measure, at['draws'])}{closed}", width)
        paragraph("rerun", each["rerun"], width)
    click.echo()


def _guess(guess: Plain, width: int) -> None:
    _wrapped(f"{MARKS[guess['verdict']]} {guess['verdict']}: {guess['claim']}", width)
    if guess["not_run"]:
        paragraph("not run", guess["not_run"], width)
    what = {trial["name"]: trial["what"] for trial in guess["trials"]}
    for each in guess["by_size"]:
        lead, _, told = size_words(each, guess, what).partition(": ")
        paragraph(lead, told, width)
    for trial in guess["trials"]:
        if trial["role"] == "beside":
            shown = [f"{effect_words(at['accuracy'], at['draws'])} at n = {at['n']}" for at in trial["by_size"]]
            paragraph("beside", f"{trial['what']}: {'; '.join(shown)}", width)
    for fact in guess["facts"]:
        paragraph("", fact, width)
    paragraph("rerun", guess["rerun"], width)
    click.echo()


def _wrapped(text: str, width: int) -> None:
    for line in textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False):
        click.echo(line)
