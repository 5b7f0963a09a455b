"""An explanation in a terminal: the sentence, the waterfall, what each difference does, what closes it, the recipe."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import click

from parity.report import explain_words as words
from parity.report.terminal import comparison_line, paragraph
from parity.report.waterfall import Span, Step, Waterfall, scale, several, waterfall

Plain = dict[str, Any]

WIDEST = 110
"Columns, on however wide a terminal: lines that are longer are hard to read."

LONGEST_NAME = 28
"Columns of a difference's name before it is wrapped."

LONGEST_STAGE = 14
"Columns of what was compared, in the table of how the gap closes: the rest of it fits on a line of 80."

RISES, FALLS, LEFT_OVER = "█", "▒", "┄"
"What a bar is made of; a difference in shape, as colours may be off."

NUMBER = len("+0.1204 [+0.0901, +0.1507]")
"Columns of an effect with its interval."


def print_explanation(document: Plain) -> None:
    """Print a document of kind "explanation": a block for each size, before them the shares by size where several."""
    document = words.legible(document)
    width = min(shutil.get_terminal_size().columns, WIDEST)
    for group in words.groups(document):
        if len(group) > 1:
            _by_size(group, width)
        for explanation in group:
            _block(explanation, width)
    said = {each.get("sentence") for each in document["explanations"]}
    for comparison in document["comparisons"]:
        # Where nothing was explained, the reason is the sentence that stands above.
        reason = "" if comparison["reason"] in said else comparison["reason"]
        paragraph("verdict", comparison_line({**comparison, "reason": reason}), width)


def _by_size(group: Sequence[Plain], width: int) -> None:
    """Shares of the gap by size, in as many tables as the width asks for."""
    drawn = several(group)
    if not drawn:
        return
    first = group[0]
    _wrapped(f"{first['left']}  ~  {first['right']}   {first['method']}, shares of the gap by n", width)
    names = drawn[0].differences
    rows = words.share_rows(group, names)
    sizes = [f"n = {each['n']}" for each in group if each.get("base")]
    lead = min(LONGEST_NAME, max(len(row[0]) for row in rows))
    columns = [[head, *(row[k] for row in rows)] for k, head in enumerate(sizes, start=1)]
    while columns:
        taken: list[list[str]] = []
        room = width - 2 - lead
        while columns and (not taken or room >= max(map(len, columns[0])) + 2):
            room -= max(map(len, columns[0])) + 2
            taken.append(columns.pop(0))
        lines = [["", *(row[0] for row in rows)], *taken]
        _grid([list(row) for row in zip(*lines, strict=True)], lead)
        click.echo()
    if any(" ●" in cell for row in rows for cell in row):
        click.echo("  ● is one of the fewest switches that close the gap at that n\n")


def _block(e: Plain, width: int) -> None:
    over = f", {words.counted(words.draws_of(e), 'draw')}" if e.get("base") else ""
    _wrapped(f"{e['left']} (left)  ~  {e['right']} (right)   {e['method']}, n = {e['n']}{over}", width)
    if e.get("not_run"):
        paragraph("not run", e["not_run"], width)
        if e.get("rerun"):
            paragraph("rerun", e["rerun"], width)
        click.echo()
        return
    if e["sentence"]:
        _wrapped(e["sentence"], width, "  ")
    if more := words.unfinished(e):
        paragraph("so far", f"This is the best answer so far. {more}", width)
    click.echo()
    if drawn := waterfall(e):
        _waterfall(drawn, width, words.draws_of(e))
    _differences(e, width)
    if each := e.get("remainder"):
        told = words.effect_words(each["accuracy"], words.draws_of(e))
        paragraph("unexplained", told + (f"; look next at: {each['look']}" if each["look"] else ""), width)
    if beside := words.beside_words(e):
        paragraph("note", beside, width)
    for k, each in enumerate(e["interactions"]):
        paragraph("" if k else "together", words.interaction_words(each, words.draws_of(e)), width)
    if e["interactions"]:
        paragraph("", "(beyond what each of the two does by itself)", width)
    _closure(e, width)
    for status, some in words.unmoved(e):
        paragraph(status, f"{', '.join(each['name'] for each in some)} ({words.UNMOVED[status]})", width)
    for each in e["failed"]:
        paragraph("failed", each, width)
    _recipes(e, width)
    paragraph("rerun", e["rerun"], width)
    paragraph("took", words.cost_words(e), width)
    click.echo()


def _waterfall(drawn: Waterfall, width: int, draws: int) -> None:
    """One line a step; a bar of characters between the smallest and the largest accuracy."""
    span = scale([drawn])
    lead = min(LONGEST_NAME, max(len(name) for name in (drawn.left, drawn.right, *(s.name for s in drawn.steps))))
    room = max(width - 2 - lead - 2 - 2 - NUMBER, 12)
    _line(drawn.left, _at(drawn.before, span, room, "●"), words.accuracy(drawn.before), lead, room)
    for step in drawn.steps:
        known = {"mean": step.mean, "low": step.low, "high": step.high}
        told = step.note if step.kind == "none" else words.signed(step.mean)
        if step.kind in ("share", "remainder"):
            told = words.effect_words(known, draws)
        _line(step.name, _bar(step, span, room), told, lead, room)
    _line(drawn.right, _at(drawn.after, span, room, "◆"), words.accuracy(drawn.after), lead, room)
    _wrapped(
        f"{RISES} raises accuracy, {FALLS} lowers it, {LEFT_OVER} is unexplained; "
        f"in brackets {words.PERCENT} intervals over draws",
        width,
        "  ",
    )
    click.echo()


def _line(name: str, bar: str, number: str, lead: int, room: int) -> None:
    first, *rest = _lines(name, lead)
    click.echo(f"  {first}  {bar.ljust(room)}  {number}".rstrip())
    for line in rest:
        click.echo(f"  {line.rstrip()}")


def _lines(name: str, width: int) -> list[str]:
    """A name in lines of `width` columns; of characters that take two, as Chinese ones do, half as many fit."""
    from rich.cells import cell_len, set_cell_size

    lines = textwrap.wrap(name, width if cell_len(name) == len(name) else width // 2) or [""]
    return [set_cell_size(line, width) for line in lines]


def _place(at: float, span: Span, room: int) -> int:
    return min(room - 1, max(0, int(room * (at - span[0]) / (span[1] - span[0]))))


def _at(at: float, span: Span, room: int, mark: str) -> str:
    return " " * _place(at, span, room) + mark


def _bar(step: Step, span: Span, room: int) -> str:
    low, high = sorted((_place(step.start, span, room), _place(step.end, span, room)))
    if step.kind == "none":
        return " " * low + "│"
    if words.signed(step.mean) == words.signed(0.0):
        return " " * low + "│"
    mark = LEFT_OVER if step.kind != "share" else RISES if step.mean >= 0 else FALLS
    return " " * low + mark * max(high - low, 1)


def _differences(e: Plain, width: int) -> None:
    """A table of the live differences; below each row its values, how it was switched, and what shows it."""
    live, draws = words.live(e), words.draws_of(e)
    if not live:
        return
    whole = width >= 2 + LONGEST_NAME // 2 + 3 * (NUMBER + 2)
    rows = [["difference", "share of the gap", "alone on left", "alone on right"]]
    rows += [[_name(d), *(_cell(m, draws, whole or k == 0) for k, m in enumerate(_measures(d)))] for d in live]
    wide = sum(max(len(row[k]) for row in rows) + 2 for k in (1, 2, 3)) + 2
    lead = max(12, min(LONGEST_NAME, width - wide, max(len(row[0]) for row in rows)))
    _grid(rows, lead, below=[lambda: None, *(_details(d, e, width) for d in live)])
    if any(d["in_smallest"] for d in live):
        click.echo("  ● is one of the fewest switches that close the gap")
    click.echo()


def _measures(difference: Plain) -> list[Plain | None]:
    alone = difference["alone"]
    return [difference["share"], alone["left"], alone["right"]]


def _name(difference: Plain) -> str:
    return f"{difference['name']}{' ●' if difference['in_smallest'] else ''}"


def _cell(measure: Plain | None, draws: int, whole: bool) -> str:
    if measure is None:
        return "–"
    found: Plain = measure["accuracy"]
    return words.effect_words(found, draws) if whole else words.signed(found["mean"])


def _details(difference: Plain, e: Plain, width: int) -> Callable[[], None]:
    def tell() -> None:
        told = [f"{e['left']}: {difference['left']}", f"{e['right']}: {difference['right']}"]
        if switched := words.switched_words(difference, e):
            told.append(f"switched {switched}")
        share = difference["share"]
        if share and share["log_loss"]:
            told.append(f"share of the gap of log loss: {words.effect_words(share['log_loss'], words.draws_of(e))}")
        told += [difference["note"]] if difference["note"] else []
        told.append(f"{words.FOUND[difference['found']]}: {difference['evidence']}")
        for line in told:
            _wrapped(line, width, "      ", "        ")

    return tell


def _grid(rows: Sequence[Sequence[str]], lead: int, below: Sequence[Callable[[], None]] = ()) -> None:
    """Rows with aligned columns; the first one wraps at `lead`, and what is `below` a row follows it."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[1:]]
    for k, (name, *cells) in enumerate(rows):
        first, *rest = _lines(name, lead)
        told = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        click.echo(f"  {first}  {told}".rstrip())
        for line in rest:
            click.echo(f"  {line.rstrip()}")
        if below:
            below[k]()


def _closure(e: Plain, width: int) -> None:
    """Whether it closes: both accuracies and their gap as shipped and with switches thrown, a line each."""
    paragraph("does it close?", words.closing(e), width)
    rows = [["", "left", "right", "gap", ""]]
    for what, close in words.closure(e):
        gap = words.effect_words(close["gap"], close["draws"])
        rows.append([what.short, words.accuracy(close["left"]), words.accuracy(close["right"]), gap, close["level"]])
    click.echo()
    _grid(rows, LONGEST_STAGE)
    click.echo()
    for what, close in words.closure(e):
        if needed := words.needed_words(close):
            paragraph("open", f"{what.short}: {needed}", width)


def _recipes(e: Plain, width: int) -> None:
    """Code at the left edge, so that it can be copied out of the terminal as it is."""
    for k, recipe in enumerate(e["recipe"]):
        if k == 0:
            click.echo()
        note = f" {words.sentence(recipe['note'])}" if recipe["note"] else ""
        paragraph("recipe", f"{recipe['title']}, in {recipe['language']}. {words.recipe_words(recipe, e)}{note}", width)
        click.echo(f"\n{recipe['code'].rstrip()}\n")


def _wrapped(text: str, width: int, first: str = "", then: str | None = None) -> None:
    """A text in lines; commands in it are not broken within a word."""
    then = first if then is None else then
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=False
    )
    for line in lines:
        click.echo(line)
