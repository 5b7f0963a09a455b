"""Cards of solvers as a person reads them in a terminal: the first difference on top, then every step."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from parity.report.terminal import paragraph

Plain = dict[str, Any]

FEW = 2
"Up to so many cards are printed step by step; of more a table says where each pair parts."

MARKS = {"identical": "=", "within tolerance": "≈", "not comparable": "·"}


def print_cards(document: Plain) -> None:
    """The cards of a document of kind `solvers`, whole where they are few, else a table of where each pair parts."""
    width = min(shutil.get_terminal_size((120, 40)).columns, 140)
    cards = document["cards"]
    if len(cards) <= FEW:
        for card in cards:
            _whole(card, width)
    else:
        _table(cards, width)
    # Where there is no card the command itself says why.
    for entry in document["not_run"] if cards else ():
        mend = f"; mend: {entry['mend']}" if entry.get("mend") else ""
        click.echo(f"{entry['engine']}: not run ({entry['reason']}){mend}", err=True)


def _whole(card: Plain, width: int) -> None:
    title = f"{card['left']}  ~  {card['right']}   {card['method']}, n = {card['n']}, draw {card['draw']}"
    verdict = card["verdict"] + (f" ({card['code']})" if card["code"] else "")
    click.echo(f"{title}   {verdict}" if len(title) + len(verdict) + 3 <= width else f"{title}\n  {verdict}")
    if card["first"]:
        step = next(step for step in card["steps"] if step["name"] == card["first"])
        paragraph("first parts at", f"{step['name']}: {step['sentence']}", width)
    for step in card["steps"]:
        mark = MARKS.get(step["verdict"], "≠")
        paragraph(f"{mark} {step['name']}", step["sentence"], width)
        if step["left"] != step["right"] or step["verdict"] not in MARKS:
            for side in ("left", "right"):
                if step[side]:
                    paragraph("", f"{card[side]}: {step[side]}", width)
        for note in step["notes"]:
            paragraph("", note, width)
    click.echo(f"  rerun           {card['rerun']}\n")


def _table(cards: Sequence[Plain], width: int) -> None:
    from parity.report.terminal import columns

    groups: dict[tuple[str, str, str, int], list[Plain]] = {}
    for card in cards:
        groups.setdefault((card["method"], card["left"], card["right"], card["n"]), []).append(card)
    rows = [["method", "left", "right", "n", "draws", "first parts at"]]
    for (method, left, right, n), drawn in groups.items():
        places = Counter(f"{c['first']} ({c['code']})" if c["first"] else c["verdict"] for c in drawn)
        told = ", ".join(f"{place}{f' in {count}' if len(places) > 1 else ''}" for place, count in places.most_common())
        rows.append([method, left, right, str(n), str(len(drawn)), told])
    columns(rows)
    click.echo("\none card in full: parity solvers A B --method METHOD --n N --draw I")
