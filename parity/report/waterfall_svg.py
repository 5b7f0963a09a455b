"""A waterfall as an SVG element of a page: bars with arrow heads, intervals, names and numbers; a style draws it.

Colours come from the page's classes, so that one drawing serves light, dark and paper. Names are escaped.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from parity.report.compared import one_line
from parity.report.explain_words import accuracy, signed
from parity.report.waterfall import Span, Step, Waterfall, ticks

BAR, TIP, LINE = 16, 7, 16
"Units of a bar's height, of its arrow head, and from one line of text to the next."

MOST_LINES = 3
"Of a name; the table beside the drawing has all of it."


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a drawing has what, in units that are pixels at full width."""

    width: int
    names: int
    "Characters of a line of a name."
    plot: tuple[int, int]
    stacked: bool
    "Whether names stand above their bars, as a narrow screen wants them."


WIDE = Layout(width=880, names=32, plot=(240, 730), stacked=False)
NARROW = Layout(width=360, names=38, plot=(6, 354), stacked=True)


def waterfall_svg(drawn: Waterfall, span: Span, layout: Layout = WIDE) -> str:
    """The drawing. span: the accuracies at both ends of its axis."""
    parts, lines = [], []
    y = 4
    tops = []
    for row in _rows(drawn, layout):
        tops.append(y + (LINE * len(row.name) + 4 if layout.stacked else max(0, LINE * len(row.name) - BAR) // 2))
        parts.append(row.text(y, layout))
        y += row.height(layout)
    floor = y + 2
    low, high = (_x(at, span, layout) for at in (drawn.after - drawn.margin, drawn.after + drawn.margin))
    left, right = layout.plot
    low, high = max(low, left), min(high, right)
    if high > low:
        lines.append(f'<rect class="margin" x="{low:.1f}" y="0" width="{high - low:.1f}" height="{floor}"/>')
    for at in ticks(span, 5 if not layout.stacked else 4):
        x = _x(at, span, layout)
        lines.append(f'<line class="grid" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{floor}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{floor + 14}">{at:g}</text>')
    bars = list(_bars(drawn, span, layout, tops))
    title = escape(_sentence(drawn))
    head = f'<svg class="waterfall" viewBox="0 0 {layout.width} {floor + 20}" role="img" aria-label="{title}">'
    return "\n".join([head, *lines, *bars, *parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Row:
    """The text of one row."""

    name: list[str]
    "Its lines."
    number: str
    below: str
    "An interval."
    strong: bool = False
    noted: bool = False
    "Whether a word stands where a number would."

    def height(self, layout: Layout) -> int:
        if layout.stacked:
            return LINE * len(self.name) + 4 + BAR + 10
        return LINE * max(len(self.name), 2) + 6

    def text(self, y: int, layout: Layout) -> str:
        kind = ' class="end"' if self.strong else ""
        spans = "".join(
            f'<tspan x="0" dy="{LINE if k else 0}">{escape(line)}</tspan>' for k, line in enumerate(self.name)
        )
        found = f'<text{kind} y="{y + 12}">{spans}</text>'
        side = layout.width if layout.stacked else layout.plot[1] + 12
        anchor = ' text-anchor="end"' if layout.stacked else ""
        look = "below" if self.noted else "number"
        found += f'<text class="{look}" x="{side}" y="{y + 12}"{anchor}>{escape(self.number)}</text>'
        if self.below and not layout.stacked:
            found += f'<text class="below" x="{side}" y="{y + 12 + LINE}">{escape(self.below)}</text>'
        return found


def _rows(drawn: Waterfall, layout: Layout) -> Iterator[_Row]:
    yield _Row(_lines(drawn.left, layout), accuracy(drawn.before), "", strong=True)
    for step in drawn.steps:
        known = step.low is not None and step.high is not None
        below = f"{signed(step.low)} to {signed(step.high)}" if known else ""
        number = step.note if step.kind == "none" else signed(step.mean)
        yield _Row(_lines(step.name, layout), number, below, noted=step.kind == "none")
    yield _Row(_lines(drawn.right, layout), accuracy(drawn.after), "", strong=True)


def _lines(name: str, layout: Layout) -> list[str]:
    """A name in lines that fit; wide characters, as Chinese has them, count twice."""
    line = one_line(name)
    wide = any(unicodedata.east_asian_width(c) in "WF" for c in line)
    width = layout.names // 2 if wide else layout.names
    found = textwrap.wrap(line, width, max_lines=MOST_LINES, placeholder="…") or [""]
    return found


def _x(at: float, span: Span, layout: Layout) -> float:
    left, right = layout.plot
    return left + (right - left) * (at - span[0]) / (span[1] - span[0])


def _bars(drawn: Waterfall, span: Span, layout: Layout, tops: list[int]) -> Iterator[str]:
    """The marks at both ends, the bars, and the lines that lead from each to the next."""
    first, last = (_x(at, span, layout) for at in (drawn.before, drawn.after))
    reached, foot = first, tops[0] + BAR
    for top, step in zip(tops[1:], drawn.steps, strict=False):
        # The line goes on through a row that has no bar.
        down = top + BAR if step.kind == "none" else top
        yield f'<path class="link" d="M{reached:.1f} {foot}V{down}"/>'
        if step.kind != "none":
            yield _bar(step, span, layout, top)
            reached = _x(step.end, span, layout)
        foot = top + BAR
    yield f'<path class="link" d="M{reached:.1f} {foot}L{last:.1f} {tops[-1]}"/>'
    yield f'<circle class="end" cx="{first:.1f}" cy="{tops[0] + BAR // 2}" r="5"/>'
    x, y = last, tops[-1] + BAR // 2
    yield f'<path class="end" d="M{x - 6:.1f} {y}L{x:.1f} {y - 6}L{x + 6:.1f} {y}L{x:.1f} {y + 6}Z"/>'


def _bar(step: Step, span: Span, layout: Layout, top: int) -> str:
    start, end = (_x(at, span, layout) for at in (step.start, step.end))
    look = step.kind if step.kind != "share" else "rise" if step.mean >= 0 else "fall"
    tip = min(TIP, abs(end - start)) * (1 if end >= start else -1)
    middle, foot = top + BAR / 2, top + BAR
    path = f"M{start:.1f} {top}H{end - tip:.1f}L{end:.1f} {middle:g}L{end - tip:.1f} {foot}H{start:.1f}Z"
    told = f"{one_line(step.name)}: {signed(step.mean)}"
    found = f'<path class="bar {look}" d="{path}"><title>{escape(told)}</title></path>'
    if step.low is not None and step.high is not None and step.high > step.low:
        low, high = (_x(step.start + at, span, layout) for at in (step.low, step.high))
        found += (
            f'<path class="interval" d="M{low:.1f} {middle:g}H{high:.1f}'
            f'M{low:.1f} {middle - 4:g}V{middle + 4:g}M{high:.1f} {middle - 4:g}V{middle + 4:g}"/>'
        )
    return found


def _sentence(drawn: Waterfall) -> str:
    """What the drawing shows, for who does not see it."""
    steps = ", ".join(f"{one_line(s.name)} {s.note if s.kind == 'none' else signed(s.mean)}" for s in drawn.steps)
    ends = [f"{one_line(name)} {accuracy(at)}" for name, at in ((drawn.left, drawn.before), (drawn.right, drawn.after))]
    return f"Mean test accuracy from {ends[0]} to {ends[1]}: {steps or 'no difference'}"
