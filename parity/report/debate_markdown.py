"""The debate of 2017 as Markdown, from its document alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from parity.report.compared import one_line
from parity.report.debate_findings import unguessed
from parity.report.debate_words import arm_rows, closed_words, draws_words, outcome
from parity.report.explain_words import PERCENT, accuracy, effect_words, p_words
from parity.report.markdown import escaped, table_cell

Plain = dict[str, Any]


def debate_markdown(document: Plain, picture: str | None = None) -> str:
    """The page of a document of kind "debate". picture: a file beside it."""
    lines = ["# The debate of 2017, measured", ""]
    lines += [f"**{_shown(document['nobody_guessed'])}**", ""] if document["nobody_guessed"] else []
    lines += [f"{outcome(document)} {draws_words(document)}; in brackets {PERCENT} intervals over draws.", ""]
    lines += [f"![Every guess and claim by size]({picture})", ""] if picture else []
    lines += [*_nobody(document), *_verdicts(document)]
    for guess in document["guesses"]:
        lines += _guess(guess)
    lines += ["## How a verdict follows", ""]
    lines += [f"- {rule}" for rule in document["rules"].values()]
    lines += ["", "## What was fitted", "", "Mean test accuracy; in parentheses the epochs that were really made.", ""]
    sizes = document["study"]["protocol"]["sizes"]
    lines += _table([["fit", "engine", "set besides", *(f"n = {n}" for n in sizes)], *arm_rows(document)])
    lines += [f"- {each['engine']}: not run ({_shown(each['reason'])})" for each in document["not_run"]]
    lines += [f"- {count} of {_shown(why)}" for why, count in document["failed"].items()]
    return "\n".join([*lines, "", f"Rerun: `{document['rerun']}`", ""])


def _nobody(document: Plain) -> Iterator[str]:
    yield from ("## What nobody guessed", "")
    new = unguessed(document["findings"])
    if not new:
        yield document["unexplained"] or "No share of the gap is known yet that is beyond chance and was not guessed."
        yield ""
        return
    sizes = document["study"]["protocol"]["sizes"]
    rows = [["difference", "values", *(f"share of the gap, n = {n}" for n in sizes)]]
    for each in new:
        at = {size["n"]: size for size in each["by_size"]}
        rows.append([each["name"], f"{each['left']}; {each['right']}", *(_share(at.get(n)) for n in sizes)])
    yield from _table(rows)


def _share(at: Plain | None) -> str:
    if at is None or not at["share"]:
        return "–"
    closed = f" ({closed_words(at['of_gap'])})" if at["of_gap"] is not None else ""
    return effect_words(at["share"], at["draws"]) + closed


def _verdicts(document: Plain) -> Iterator[str]:
    yield from ("## Guesses and claims", "")
    sizes = document["study"]["protocol"]["sizes"]
    rows = [["guess or claim", "verdict", *(f"n = {n}" for n in sizes)]]
    for guess in document["guesses"]:
        at = {size["n"]: size for size in guess["by_size"]}
        rows.append([guess["claim"], guess["verdict"], *(_size(at.get(n)) for n in sizes)])
    yield from _table(rows)


def _size(at: Plain | None) -> str:
    if at is None or at["effect"] is None:
        return "–"
    if at["identical"]:
        return f"same bits ({at['says']})"
    closed = f", {closed_words(at['closed'])}" if at["closed"] is not None else ""
    return f"{effect_words(at['effect'], at['draws'])}{closed} ({at['says']})"


def _guess(guess: Plain) -> Iterator[str]:
    yield from (f"### {_shown(guess['claim'])}: {guess['verdict']}", "")
    gap = f" The gap: {guess['gap']}." if guess["gap"] else ""
    yield from (f"{guess['whose'][:1].upper()}{guess['whose'][1:]}.{gap}", "")
    if guess["not_run"]:
        yield from (f"Not run: {_shown(guess['not_run'])}", "")
    rows = [["what is changed", "n", "draws", "before", "after", "change", "log loss", "p", "says"]]
    for trial in guess["trials"]:
        for at in trial["by_size"]:
            change = effect_words(at["accuracy"], at["draws"])
            if at["alike"] is not None:
                change = f"same bits on {at['alike']} of {at['draws']}"
            loss = effect_words(at["log_loss"], at["draws"]) if at["log_loss"] else "–"
            numbers = [str(at["n"]), str(at["draws"]), accuracy(at["before"]), accuracy(at["after"])]
            what = f"{trial['what']} ({trial['role']})"
            rows.append([what, *numbers, change, loss, p_words(at["p"]), at["says"] or "–"])
    if len(rows) > 1:
        yield from _table(rows)
    yield from (f"- {_shown(fact)}" for fact in guess["facts"])
    yield from ("", f"`{guess['rerun']}`", "")


def _shown(text: str) -> str:
    return escaped(one_line(text))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *rest = ["| " + " | ".join(map(table_cell, row)) + " |" for row in rows]
    return [head, "|---" * len(rows[0]) + "|", *rest, ""]
