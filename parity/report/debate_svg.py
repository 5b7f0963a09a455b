"""The trials of a guess as an SVG element of a page: a panel for each size, in it a dot and an interval for each trial.

Colours come from the page's classes, so that one drawing serves light, dark and paper. Names are escaped.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from parity.report.compared import one_line
from parity.report.explain_words import signed
from parity.report.waterfall import Span

Plain = dict[str, Any]

ROW, LINE, HEAD, FOOT = 30, 16, 26, 24
"Units of a row's height, of a line of text, of what stands above a panel's rows and of what stands below."

NARROWEST = 0.01
"Accuracy that a scale spans at least: differences of rounding are not blown up to fill it."

ROOM = 0.06
"Share of the scale that stays free at either end."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of every panel."""

    name: str
    kind: str
    "gap, decides or beside."
    at: dict[int, Plain]
    "By size: mean, low, high, and `alike` where nothing changes."


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a drawing has what, in units that are pixels at full width."""

    width: int
    names: int
    "Units of the column of names; 0 where each name stands above its dot."
    characters: int
    "Of a line of a name."
    gutter: int


WIDE = Layout(width=980, names=290, characters=42, gutter=22)
NARROW = Layout(width=360, names=0, characters=46, gutter=0)


def rows_of(guess: Plain) -> list[Row]:
    """The gap where there is one, then the trials; controls are told in words."""
    found = []
    gaps = {each["n"]: each["gap"] for each in guess["by_size"] if each["gap"]}
    if gaps:
        found.append(Row("the gap", "gap", gaps))
    for trial in guess["trials"]:
        if trial["role"] != "control":
            at = {
                each["n"]: {**each["accuracy"], "alike": each["alike"] is not None and each["alike"] == each["draws"]}
                for each in trial["by_size"]
            }
            found.append(Row(trial["what"], trial["role"], at))
    return found


def span_of(rows: Sequence[Row], margin: float) -> Span:
    """The differences at both ends of the axis, which 0 and the margin are on."""
    ends = [-margin, margin]
    for row in rows:
        for each in row.at.values():
            ends += [value for value in (each["mean"], each["low"], each["high"]) if value is not None]
    low, high = min(ends), max(ends)
    room = ROOM * max(high - low, NARROWEST)
    return low - room, high + room


def trials_svg(guess: Plain, sizes: Sequence[int], margin: float, layout: Layout = WIDE) -> str:
    """The drawing; empty where nothing was measured."""
    rows = rows_of(guess)
    if not rows:
        return ""
    span = span_of(rows, margin)
    label = f"Effects by size: {guess['claim']}"
    parts, height = (_beside if layout.names else _stacked)(rows, sizes, margin, span, layout)
    return (
        f'<svg class="dots" viewBox="0 0 {layout.width} {height}" role="img" aria-label="{escape(one_line(label))}">'
        f"{''.join(parts)}</svg>"
    )


def _beside(
    rows: Sequence[Row], sizes: Sequence[int], margin: float, span: Span, layout: Layout
) -> tuple[list[str], int]:
    """Names in a column, the panels beside each other."""
    lines = [textwrap.wrap(one_line(row.name), layout.characters) or [""] for row in rows]
    heights = [max(ROW, LINE * len(each) + 10) for each in lines]
    tops = [HEAD + sum(heights[:k]) for k in range(len(rows))]
    floor = HEAD + sum(heights)
    wide = (layout.width - layout.names - layout.gutter * len(sizes)) / len(sizes)
    parts = []
    for k, row in enumerate(rows):
        first = tops[k] + heights[k] / 2 - LINE * (len(lines[k]) - 1) / 2 + 4
        parts += [_text(0, first + LINE * i, text, row.kind) for i, text in enumerate(lines[k])]
    for j, n in enumerate(sizes):
        left = layout.names + layout.gutter + j * (wide + layout.gutter)
        parts += _ground(left, wide, HEAD - 6, floor, span, margin)
        parts.append(_text(left, HEAD - 12, f"n = {n}", "head"))
        for k, row in enumerate(rows):
            parts += _dot(row, n, left, wide, tops[k] + heights[k] / 2, span)
    return parts, floor + FOOT


def _stacked(
    rows: Sequence[Row], sizes: Sequence[int], margin: float, span: Span, layout: Layout
) -> tuple[list[str], int]:
    """A panel below the other, each name above its dot, as a narrow screen wants them."""
    lines = [textwrap.wrap(one_line(row.name), layout.characters) or [""] for row in rows]
    parts, y, wide = [], 0, float(layout.width)
    for n in sizes:
        parts.append(_text(0, y + 14, f"n = {n}", "head"))
        top = y + HEAD - 4
        places, at = [], top
        for each in lines:
            places.append(at)
            at += LINE * len(each) + ROW - 6
        parts += _ground(0, wide, top, at, span, margin)
        for row, place, each in zip(rows, places, lines, strict=True):
            parts += [_text(2, place + LINE * (i + 1) - 2, text, row.kind) for i, text in enumerate(each)]
            parts += _dot(row, n, 0, wide, place + LINE * len(each) + 11, span)
        y = at + FOOT + 8
    return parts, y


def _ground(left: float, wide: float, top: float, floor: float, span: Span, margin: float) -> Iterator[str]:
    low, high = _x(-margin, left, wide, span), _x(margin, left, wide, span)
    yield f'<rect class="margin" x="{low:.1f}" y="{top:.1f}" width="{high - low:.1f}" height="{floor - top:.1f}"/>'
    for tick in ticks(span):
        x = _x(tick, left, wide, span)
        kind = "zero" if tick == 0 else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{floor:.1f}"/>'
        text = "0" if tick == 0 else f"{tick:+g}"
        # A text that is centred on the end of a panel would stick out of it.
        anchor = "start" if x < left + 14 else "end" if x > left + wide - 14 else "middle"
        yield f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{floor + 15:.1f}">{text}</text>'


def _dot(row: Row, n: int, left: float, wide: float, y: float, span: Span) -> Iterator[str]:
    each = row.at.get(n)
    if each is None:
        yield f'<text class="note" x="{left + 4:.1f}" y="{y + 4:.1f}">not measured</text>'
        return
    x = _x(each["mean"], left, wide, span)
    if each.get("alike"):
        told = f"{one_line(row.name)}, n = {n}: nothing changes, bit for bit"
        equals = f"M{x - 6:.1f} {y - 3:.1f}h12M{x - 6:.1f} {y + 3:.1f}h12"
        yield f'<path class="same" d="{equals}"><title>{escape(told)}</title></path>'
        return
    told = signed(each["mean"])
    if each["low"] is not None:
        told += f" [{signed(each['low'])}, {signed(each['high'])}]"
        low, high = (_x(each[end], left, wide, span) for end in ("low", "high"))
        yield f'<path class="interval {row.kind}" d="M{low:.1f} {y:.1f}H{high:.1f}"/>'
    shape = f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" if row.kind == "gap" else _circle(x, y)
    title = escape(f"{one_line(row.name)}, n = {n}: {told}")
    yield f'<path class="dot {row.kind}" d="{shape}"><title>{title}</title></path>'


def _circle(x: float, y: float, radius: int = 5) -> str:
    return f"M{x - radius:.1f} {y:.1f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0z"


def _x(value: float, left: float, wide: float, span: Span) -> float:
    return left + wide * (value - span[0]) / (span[1] - span[0])


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def ticks(span: Span, most: int = 4) -> list[float]:
    """Round differences within a scale, so many at most, and 0 among them.

    >>> ticks((-0.02, 0.31))
    [0.0, 0.1, 0.2, 0.3]
    """
    rough = (span[1] - span[0]) / most
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    places = max(0, 1 - math.floor(math.log10(step)))
    return [round(k * step, places) + 0.0 for k in range(math.ceil(span[0] / step), math.floor(span[1] / step) + 1)]
