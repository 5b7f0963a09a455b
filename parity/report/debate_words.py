"""The debate in words: what a terminal, a page and a text say alike of a verdict, a size and a trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from parity.compare.guess import VERDICTS
from parity.report.explain_words import counted, effect_words, listed, signed

Plain = dict[str, Any]

MARKS = {"supported": "✓", "partly": "◐", "refuted": "✗", "undecided": "?", "not run": "–"}
"A verdict's sign, so that its colour is not all that tells it."


def size_words(each: Plain, entry: Plain, what: Mapping[str, str]) -> str:
    """What one size shows."""
    lead = f"n = {each['n']}"
    if each["effect"] is None:
        return f"{lead}: not measured"
    trial = f"{what[each['trial']]}: " if _several(entry) else ""
    if each["identical"]:
        return f"{lead}: {trial}nothing changes, bit for bit, on {counted(each['draws'], 'draw')} ({each['says']})"
    told = f"{lead}: {trial}{effect_words(each['effect'], each['draws'])}"
    if each["gap"] is not None:
        told += f" of a gap of {signed(each['gap']['mean'])}"
    return f"{told} ({each['says']})"


def _several(entry: Plain) -> bool:
    return len([trial for trial in entry["trials"] if trial["role"] == "decides"]) > 1


def closed_words(share: float | None) -> str:
    """The share of a gap that a change closes.

    >>> closed_words(0.514), closed_words(-0.1), closed_words(None)
    ('51 % of the gap', '-10 % of the gap', '')
    """
    return "" if share is None else f"{100 * share:.0f} % of the gap"


def outcome(document: Plain) -> str:
    """One sentence: how many guesses and claims ended in which verdict."""
    counts = Counter(guess["verdict"] for guess in document["guesses"])
    told = [f"{counts[word]} {word}" for word in VERDICTS if counts[word]]
    asked = len(document["guesses"])
    return f"Of {'one guess' if asked == 1 else f'{asked} guesses and claims'}: {listed(told)}."


def draws_words(document: Plain) -> str:
    """Sizes and draws."""
    protocol = document["study"]["protocol"]
    sizes = listed([str(n) for n in protocol["sizes"]])
    return f"n = {sizes}, {counted(protocol['draws'], 'draw')} each, the same rows on every side"


def arm_rows(document: Plain) -> list[list[str]]:
    """Rows of a table: what was fitted, by whom, its mean accuracy and the epochs that were really done, by size."""
    sizes = document["study"]["protocol"]["sizes"]
    rows = []
    for arm in document["arms"]:
        points = {p["n"]: p for p in arm["points"]}
        cells = []
        for n in sizes:
            known = points.get(n)
            epochs = "" if known is None or known["epochs"] is None else f" ({known['epochs']:.1f})"
            cells.append("–" if known is None else f"{known['mean']:.4f}{epochs}")
        rows.append([arm["label"], arm["engine"] or "a rule", set_words(arm), *cells])
    return rows


def set_words(arm: Plain) -> str:
    """What is set of an arm besides what its author wrote."""
    given: Sequence[tuple[str, Any]] = [*arm["pinned"].items(), *arm["overrides"].items()]
    told = [f"{name} = {value}" for name, value in given]
    return ", ".join([*told, *(["reproducible"] if arm["reproducible"] else [])]) or "nothing"
