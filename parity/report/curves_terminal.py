"""Compared curves in a terminal: one card for a pair, one line each where there are many."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import click

from parity.compare.curves import shown
from parity.compare.equivalence import Paired
from parity.report.markdown import needed
from parity.report.terminal import columns, paragraph

Plain = dict[str, Any]

WIDEST = 110
"Columns of a card, on however wide a terminal: lines that are longer are hard to read."

CARDS = 3
"So many pairs have a card each; more are a table."


def print_curves(document: Plain) -> None:
    """Print the pairs of a document of kind "curves"."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    pairs = document["pairs"]
    if len(pairs) <= CARDS:
        for pair in pairs:
            _card(pair, document, width)
    else:
        columns([["method", "left", "right", "verdict", "widest gap", "at n", "draws needed"], *map(_row, pairs)])
    counted = Counter(pair["verdict"] for pair in pairs)
    draws = document["study"]["protocol"]["draws"]
    told = ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common())
    margin = f"{document['study']['margin']:g}"
    click.echo(f"{len(pairs)} pair{'s' * (len(pairs) != 1)} over {draws} draws a size, margin {margin}: {told}")
    for each in document["one_class_draws"]:
        click.echo(
            f"draw {each['draw']} at n = {each['n']} holds class {each['label']} only and was not fitted", err=True
        )


def _card(pair: Plain, document: Plain, width: int) -> None:
    sizes, draws = len(pair["sizes"]), document["study"]["protocol"]["draws"]
    counted = f"{sizes} size{'s' * (sizes != 1)}, {draws} draw{'s' * (draws != 1)} each"
    click.echo(f"{pair['left']}  ~  {pair['right']}   {pair['method']}, {counted}   {pair['verdict']}")
    if pair["reason"]:
        paragraph("because", pair["reason"], width)
    if pair["sizes"]:
        header = ["  n", pair["left"], pair["right"], "gap", "90 % interval", "rows only one has right", "verdict"]
        columns([header, *[_size(size) for size in pair["sizes"]]])
        if pair["smallest_margin"] is not None:
            told = (
                f"these draws would show every size equivalent at a margin of {pair['smallest_margin']:.4f} and above"
            )
            paragraph("margin", told, width)
        for name, what in (("log_loss", "log loss"), ("calibration_error", "calibration")):
            if widest := _widest(pair, name):
                paragraph(what, widest, width)
    paragraph("rerun", pair["rerun"], width)
    click.echo()


def _size(size: Plain) -> list[str]:
    interval = "–" if size["low"] is None else f"[{size['low']:+.4f}, {size['high']:+.4f}]"
    discordant = f"{size['left_only']:,} / {size['right_only']:,}"
    accuracies = [f"  {size['n']}", f"{size['left']:.4f}", f"{size['right']:.4f}", f"{size['gap']:+.4f}"]
    return [*accuracies, interval, discordant, size["verdict"]]


def _widest(pair: Plain, name: str) -> str:
    """Where the two differ most by another measure than accuracy."""
    known = [size for size in pair["sizes"] if size[name] is not None]
    if not known:
        return "not compared: the predicted values of one side are no probabilities"
    size = max(known, key=lambda each: abs(each[name]["gap"]))
    found = size[name]
    gap = shown(Paired(size["draws"], found["gap"], None, found["low"], found["high"]))
    return f"furthest apart at n = {size['n']}: {found['left']:.4f} and {found['right']:.4f}, gap {gap}"


def _row(pair: Plain) -> list[str]:
    widest = max(pair["sizes"], key=lambda size: abs(size["gap"]), default=None)
    gap, at = ("–", "–") if widest is None else (f"{widest['gap']:+.4f}", str(widest["n"]))
    return [pair["method"], pair["left"], pair["right"], pair["verdict"], gap, at, needed(pair)]
