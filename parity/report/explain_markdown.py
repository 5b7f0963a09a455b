"""An explanation as Markdown, for documentation and for `--markdown`, from its document alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from parity.report import explain_words as words
from parity.report.compared import flat, one_line
from parity.report.markdown import code, escaped, table_cell
from parity.report.waterfall import several

Plain = dict[str, Any]


def explanation_markdown(document: Plain, pictures: Sequence[dict[str, str]] = ()) -> str:
    """The document as Markdown. pictures: {"title", "file"} with file relative to the text."""
    document = words.legible(document)
    lines: list[str] = []
    for place, group in enumerate(words.groups(document)):
        first = group[0]
        lines += [f"# {_text(first['left'])} and {_text(first['right'])}: {_text(first['method'])}", ""]
        for picture in pictures if place == 0 else ():
            lines += [f"![{_text(picture['title'])}]({picture['file']})", ""]
        if len(group) > 1:
            lines += _by_size(group)
        for explanation in group:
            lines += _one(explanation)
    lines += ["## Environment", "", *(f"- {_text(name)}: {_text(value)}" for name, value in _environment(document))]
    return "\n".join(lines) + "\n"


def _environment(document: Plain) -> list[tuple[str, str]]:
    return sorted(flat(document["environment"]))


def _text(text: Any) -> str:
    return escaped(one_line(text))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose cells are Markdown already."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]


def _by_size(group: Sequence[Plain]) -> list[str]:
    drawn = several(group)
    if not drawn:
        return []
    names = drawn[0].differences
    sizes = [f"n = {each['n']}" for each in group if each.get("base")]
    rows = [[table_cell(cell) for cell in row] for row in words.share_rows(group, names)]
    note = (
        "Shares of the gap of accuracy, right minus left. ● is one of the fewest switches that close it at that size."
    )
    return [*_table(["difference", *sizes], rows), note, ""]


def _one(e: Plain) -> Iterator[str]:
    yield from (f"## n = {e['n']}", "")
    if e.get("not_run"):
        yield from (f"Not run: {_text(e['not_run'])}", "")
        if e.get("rerun"):
            yield from (f"Rerun: {code(e['rerun'])}", "")
        return
    if e["sentence"]:
        yield from (f"**{_text(e['sentence'])}**", "")
    if more := words.unfinished(e):
        yield from (f"This is the best answer so far. {_text(more)}", "")
    base, draws = e["base"], words.draws_of(e)
    yield from _steps(e, draws)
    yield from _closure(e)
    if e["interactions"]:
        yield from ("Differences that act together, beyond what each does by itself:", "")
        yield from (f"- {_text(words.interaction_words(each, draws))}" for each in e["interactions"])
        yield ""
    for status, some in words.unmoved(e):
        names = ", ".join(each["name"] for each in some)
        yield from (f"{status.capitalize()} ({words.UNMOVED[status]}): {_text(names)}", "")
    for each in e["failed"]:
        yield from (f"Failed: {_text(each)}", "")
    for recipe in e["recipe"]:
        yield from _recipe(recipe, e)
    cost = f"{words.cost_words(e)}, {words.counted(base['draws'], 'draw')}."
    yield from (f"Rerun: {code(e['rerun'])}", "", cost, "")


def _steps(e: Plain, draws: int) -> Iterator[str]:
    """The way from the left side's accuracy to the right's, a row a difference."""
    live = words.live(e)
    left, right = _text(e["left"]), _text(e["right"])
    head = ["", left, right, "share of the gap", f"alone on {left}", f"alone on {right}", "switched", "evidence"]
    rows = [[f"**{left}**", *["–"] * 2, f"**{words.accuracy(e['base']['left'])}**", *["–"] * 4]]
    for each in live:
        alone = [_effect(each["alone"][end], draws) for end in ("left", "right")]
        mark = " ●" if each["in_smallest"] else ""
        values = [table_cell(each[end]) for end in ("left", "right")]
        how = table_cell(words.switched_words(each, e)) or "–"
        rows.append(
            [table_cell(each["name"]) + mark, *values, _effect(each["share"], draws), *alone, how, _evidence(each)]
        )
    if e["remainder"]:
        look = code(e["remainder"]["look"]) if e["remainder"]["look"] else "–"
        rows.append(["unexplained", *["–"] * 2, _effect(e["remainder"], draws), *["–"] * 3, look])
    rest = words.not_shared(e) if e["remainder"] else 0.0
    if rest:
        rows.append(["not shared out", *["–"] * 2, words.signed(rest), *["–"] * 4])
    rows.append([f"**{right}**", *["–"] * 2, f"**{words.accuracy(e['base']['right'])}**", *["–"] * 4])
    yield from _table(head, rows)
    marked = " ● is one of the fewest switches that close the gap." if any(d["in_smallest"] for d in live) else ""
    yield from (f"In brackets {words.PERCENT} intervals over draws.{marked}", "")
    if beside := words.beside_words(e):
        yield from (escaped(beside), "")


def _effect(measure: Plain | None, draws: int) -> str:
    if measure is None:
        return "–"
    loss = f", log loss {words.signed(measure['log_loss']['mean'])}" if measure["log_loss"] else ""
    return escaped(words.effect_words(measure["accuracy"], draws) + loss)


def _evidence(difference: Plain) -> str:
    """A command as it is typed; what was measured in words."""
    evidence = difference["evidence"]
    return code(evidence) if evidence.startswith("parity ") else table_cell(evidence)


def _closure(e: Plain) -> Iterator[str]:
    yield from (f"Does it close? {_text(words.closing(e))}", "")
    for what, close in words.closure(e):
        yield f"- {_text(what.whole)}: {_text(words.closeness_words(close, e['margin']))}"
    yield ""


def _recipe(recipe: Plain, e: Plain) -> Iterator[str]:
    note = f" {words.sentence(recipe['note'])}" if recipe["note"] else ""
    yield from (f"### {_text(recipe['title'])}, in {recipe['language']}", "")
    yield from (_text(words.recipe_words(recipe, e) + note), "")
    # A fence ends at a line of as many backticks: it is longer than any run of them in the code.
    longest = max((len(run) for run in re.findall("`+", recipe["code"])), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{recipe['language'].lower()}", recipe["code"].rstrip("\n"), fence, "")
