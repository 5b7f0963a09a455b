"""A gap as a waterfall, from the left side's accuracy to the right's: its steps, its scale, and its picture."""

from __future__ import annotations

import dataclasses
import importlib
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parity.report.compared import one_line
from parity.report.explain_words import VISIBLE, accuracy, groups, interval, live, not_shared, signed, statuses

Plain = dict[str, Any]
Span = tuple[float, float]

UNEXPLAINED, NOT_SHARED, NOTHING = "unexplained", "not shared out", "–"
"Steps after the differences, and what stands where there is none of them."

NARROWEST = 0.002
"Accuracy that a scale spans at least: gaps of rounding are not blown up to fill it."

ROOM = 0.03
"Share of the scale that stays free at either end."

PANEL, ROW, AROUND = 4.6, 0.36, 1.1
"Inches of a panel's width, of one step's height, and of what stands above and below all steps."

DOTS = 150
"Pixels an inch of a PNG: sharp in a page at twice the usual density."

RISE, FALL, LEFT_OVER = "#86b0dc", "#f2b27a", "white"
"Blue and orange, which every kind of colour blindness tells apart; hatches and signs say the same without colour."

MARGIN = "#e9ecef"
"Behind everything: accuracies that are equivalent to the right side's."


@dataclass(frozen=True, slots=True)
class Step:
    """One bar: where it starts, and how far it goes."""

    name: str
    kind: Literal["share", "remainder", "rest", "none"]
    "rest: what was not shared out; none: a difference without a share here, as `note` says."
    start: float
    mean: float = 0.0
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def end(self) -> float:
        """Where the next one starts."""
        return self.start + self.mean


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps of one explanation, strongest first, and the two accuracies that they lead between."""

    left: str
    right: str
    n: int
    before: float
    after: float
    margin: float
    steps: tuple[Step, ...]

    @property
    def differences(self) -> list[str]:
        """The names of the steps that stand for a difference."""
        return [step.name for step in self.steps if step.name not in (UNEXPLAINED, NOT_SHARED)]


def waterfall(explanation: Plain, names: Sequence[str] | None = None) -> Waterfall | None:
    """The steps of an explanation; None where nothing was fitted, or where there is no gap and no difference.

    names: the differences that have a row, in this order, whether or not they have a share here; None: those that are
    live, strongest first.
    """
    base = explanation.get("base")
    if base is None:
        return None
    at, steps = base["left"], []
    told, known = statuses(explanation), {each["name"]: each for each in live(explanation)}
    for name in known if names is None else names:
        share = known.get(name, {}).get("share")
        if share is None:
            steps.append(Step(name, "none", at, note="no share yet" if name in known else told.get(name, "not found")))
        else:
            steps.append(_step(name, "share", at, share["accuracy"], base["draws"]))
            at = steps[-1].end
    remainder = explanation.get("remainder")
    if remainder is not None:
        steps.append(_step(UNEXPLAINED, "remainder", at, remainder["accuracy"], base["draws"]))
        at = steps[-1].end
    if rest := not_shared(explanation):
        steps.append(Step(NOT_SHARED, "rest", at, rest))
    if not known and not names and abs(base["right"] - base["left"]) <= VISIBLE:
        return None
    return Waterfall(
        explanation["left"],
        explanation["right"],
        explanation["n"],
        base["left"],
        base["right"],
        explanation["margin"],
        tuple(steps),
    )


def several(explanations: Sequence[Plain]) -> list[Waterfall]:
    """The waterfalls of several sizes with the same rows: every difference that is live at any of them."""
    weight: dict[str, float] = {}
    for explanation in explanations:
        for each in live(explanation):
            size = abs(each["share"]["accuracy"]["mean"]) if each["share"] else 0.0
            weight[each["name"]] = weight.get(each["name"], 0.0) + size
    names = sorted(weight, key=lambda name: -weight[name])
    found = [drawn for each in explanations if (drawn := waterfall(each, names)) is not None]
    ends = [name for name in (UNEXPLAINED, NOT_SHARED) if any(step.name == name for w in found for step in w.steps)]
    return [dataclasses.replace(w, steps=(*w.steps[: len(names)], *_ends(w, len(names), ends))) for w in found]


def _ends(drawn: Waterfall, shares: int, names: Sequence[str]) -> Iterator[Step]:
    """The steps after the shares, an empty one where this waterfall has none of a name."""
    known = {step.name: step for step in drawn.steps[shares:]}
    at = known[UNEXPLAINED].end if UNEXPLAINED in known else drawn.steps[shares - 1].end if shares else drawn.before
    for name in names:
        yield known.get(name, Step(name, "none", at, note=NOTHING))


def scale(waterfalls: Sequence[Waterfall]) -> Span:
    """Ends of an axis of accuracy that holds every bar and every interval."""
    ends = [at for each in waterfalls for at in (each.before, each.after)]
    for step in (step for each in waterfalls for step in each.steps):
        ends += [step.start, step.end]
        if step.low is not None and step.high is not None:
            ends += [step.start + step.low, step.start + step.high]
    low, high = min(ends), max(ends)
    short = max(NARROWEST - (high - low), 0.0) / 2
    room = ROOM * max(high - low, NARROWEST)
    return low - short - room, high + short + room


def ticks(span: Span, most: int = 5) -> list[float]:
    """Round accuracies within a scale, so many at most.

    >>> ticks((0.512, 0.98))
    [0.6, 0.7, 0.8, 0.9]
    """
    low, high = span
    rough = (high - low) / most
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    places = max(0, 1 - math.floor(math.log10(step)))
    found = [round(k * step, places) for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return [each for each in found if 0 <= each <= 1]


def waterfall_picture(document: Plain, path: Path) -> Path:
    """The waterfalls of a document as one picture, a panel for each size. path: ends in .png or .svg.

    matplotlib draws it. Raises CannotDraw with the reason.
    """
    from parity.report.figure import CannotDraw

    rows = [drawn for group in groups(document) if (drawn := several(group))]
    if not rows:
        raise CannotDraw("there is no gap to draw: nothing was fitted, or both sides agree")
    try:
        matplotlib = importlib.import_module("matplotlib")
        figures = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise CannotDraw("matplotlib draws this picture and is not installed: pip install matplotlib") from error
    across = max(map(len, rows))
    heights = [ROW * (len(row[0].steps) + 2) + AROUND for row in rows]
    # Names are drawn beside the first panel of a row only; the salt makes one document one file.
    longest = max(len(name) for row in rows for name in _rows(row[0]))
    wide = PANEL * across + min(0.075 * longest, 3.0)
    with matplotlib.rc_context({"svg.hashsalt": "parity", "font.size": 9}):
        figure = figures.Figure(figsize=(wide, sum(heights)), layout="constrained")
        axes = figure.subplots(len(rows), across, squeeze=False, gridspec_kw={"height_ratios": heights})
        for row, drawn in zip(axes, rows, strict=True):
            for place, panel in enumerate(row):
                if place < len(drawn):
                    _panel(panel, drawn[place], scale(drawn), named=place == 0)
                else:
                    panel.set_axis_off()
        with warnings.catch_warnings():
            # A name in letters that the font lacks is drawn as boxes; the page and the text have it right.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(path, dpi=DOTS, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path


def _step(name: str, kind: Literal["share", "remainder"], start: float, effect: Plain, draws: int) -> Step:
    ends = (effect["low"], effect["high"]) if interval(effect, draws) else (None, None)
    return Step(name, kind, start, effect["mean"], *ends)


def _rows(drawn: Waterfall) -> list[str]:
    """What stands beside the rows, from the top."""
    return [drawn.left, *(_short(step.name) for step in drawn.steps), drawn.right]


def _short(name: str, most: int = 40) -> str:
    line = one_line(name)
    return line if len(line) <= most else line[: most - 1] + "…"


def _panel(panel: Any, drawn: Waterfall, span: Span, *, named: bool) -> None:
    """Draw one waterfall on matplotlib axes."""
    last = len(drawn.steps) + 1
    panel.axvspan(max(span[0], drawn.after - drawn.margin), min(span[1], drawn.after + drawn.margin), color=MARGIN)
    for at, (there, mark) in {0: (drawn.before, "o"), last: (drawn.after, "D")}.items():
        panel.plot([there], [at], mark, color="black", markersize=5)
        _beside(panel, accuracy(there), (there, there), at, span, gap=7)
    for at, step in enumerate(drawn.steps, start=1):
        panel.plot([step.start, step.start], [at - 1, at], color="grey", linewidth=0.6, zorder=1)
        if step.kind == "none":
            _beside(panel, step.note, (step.start, step.start), at, span, color="grey")
            continue
        colour = LEFT_OVER if step.kind != "share" else RISE if step.mean >= 0 else FALL
        hatch = "////" if step.kind == "share" and step.mean < 0 else None
        dashes = "-" if step.kind == "share" else "--" if step.kind == "remainder" else ":"
        bar = {"color": colour, "edgecolor": "black", "linewidth": 0.7, "hatch": hatch, "linestyle": dashes}
        panel.barh(at, step.mean, left=step.start, height=0.6, zorder=2, **bar)
        ends = [step.start, step.end]
        if step.low is not None and step.high is not None:
            ends += [step.start + step.low, step.start + step.high]
            panel.errorbar(
                [step.end],
                [at],
                xerr=[[max(step.mean - step.low, 0.0)], [max(step.high - step.mean, 0.0)]],
                **{"color": "black", "linewidth": 1, "capsize": 2.5, "fmt": "none", "zorder": 3},
            )
        _beside(panel, signed(step.mean), (min(ends), max(ends)), at, span)
    panel.plot([drawn.after, drawn.after], [last - 1, last], color="grey", linewidth=0.6, zorder=1)
    panel.set_ylim(last + 0.9, -0.6)
    panel.set_xlim(*span)
    panel.set_xticks(ticks(span))
    # Without parse_math a name with dollars in it would be read as a formula.
    panel.set_yticks(range(last + 1), _rows(drawn) if named else [""] * (last + 1), parse_math=False)
    panel.set_xlabel("mean test accuracy")
    panel.set_title(f"{_short(drawn.left)} to {_short(drawn.right)}, n = {drawn.n}", fontsize=9, parse_math=False)
    panel.tick_params(left=False)
    for side in ("left", "right", "top"):
        panel.spines[side].set_visible(False)


def _beside(panel: Any, text: str, reach: Span, at: int, span: Span, gap: int = 4, color: str = "black") -> None:
    """A text beside what reaches so far, on the side with more room."""
    right = span[1] - reach[1] >= reach[0] - span[0]
    where, side = (reach[1], "left") if right else (reach[0], "right")
    offset = (gap if right else -gap, 0)
    panel.annotate(text, (where, at), offset, textcoords="offset points", va="center", ha=side, color=color)
