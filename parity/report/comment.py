"""A document as the comment of a pull request: the worst first, details folded, and never too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from parity.compare.verdict import FAILURES, Kind
from parity.report.compared import UNCOMPARED, Held, flat, held, parting, widest, worst_first
from parity.report.markdown import code, escaped, interval, needed, one_class, table_cell
from parity.report.summary import summary

Plain = dict[str, Any]

LONGEST = 65_000
"Characters of a comment: GitHub refuses more than 65,536, and whoever posts it may add a line of their own."

HEADER = ("left", "right", "what", "verdict", "gap", "tolerance", "why")


@dataclass(frozen=True, slots=True)
class Part:
    """One table. title: what its rows are; rows: whole lines of Markdown, the worst first."""

    title: str
    header: Sequence[str]
    rows: Sequence[str]
    folded: bool = True

    def lines(self, shown: int) -> list[str]:
        """The part with so many of its rows, and how many there are beside them."""
        left_out = len(self.rows) - shown
        table = [_row(self.header), "|" + "---|" * len(self.header), *self.rows[:shown]] if shown else []
        beyond = [
            "",
            f"{left_out:,} of {len(self.rows):,} rows left out: a comment holds {LONGEST:,} characters; "
            "parity.json has all of them.",
        ]
        title = f"{len(self.rows):,} {self.title}"
        head = ["<details>", f"<summary>{title}</summary>"] if self.folded else [f"**{title}**"]
        return [*head, "", *table, *(beyond if left_out else []), *(["", "</details>"] if self.folded else []), ""]


def comment(document: Plain) -> str:
    """The comment: one line, a table of what failed, and the rest folded, in at most LONGEST characters.

    Where it does not all fit, whole rows are left out from the end of each part and counted; a part is kept whole
    before the next one gets a row.
    """
    parts = [part for part in _parts(document) if part.rows]
    head = [f"### {escaped(summary(document))}", ""]
    shown = [0] * len(parts)
    room = LONGEST - _length([*head, *(line for part in parts for line in part.lines(0))])
    for i, part in enumerate(parts):
        # The first row brings the table's head with it; what `lines` says of rows left out never grows with `shown`.
        room -= _length([_row(part.header), "|" + "---|" * len(part.header)])
        for row in part.rows:
            if (room := room - _length([row])) < 0:
                break
            shown[i] += 1
    lines = [*head, *(line for part, count in zip(parts, shown, strict=True) for line in part.lines(count))]
    return "\n".join(lines).rstrip("\n") + "\n"


def _parts(document: Plain) -> Iterable[Part]:
    every = worst_first(held(document))
    kind = document["kind"]
    failed = [each for each in every if each.verdict in FAILURES]
    yield Part(f"{_noun(failed)} failed", HEADER, [_compared(each, kind) for each in failed], folded=False)
    reruns = [_row([table_cell(_named(each)), code(each.comparison["rerun"])]) for each in failed]
    yield Part("lines that run a failed comparison again", ("comparison", "command"), reruns)
    for title, verdicts in (
        ("inconclusive", {Kind.INCONCLUSIVE}),
        ("not compared", UNCOMPARED),
        ("in agreement", set(Kind) - FAILURES - UNCOMPARED - {Kind.INCONCLUSIVE}),
    ):
        found = [each for each in every if each.verdict in verdicts]
        yield Part(f"{_noun(found)} {title}", HEADER, [_compared(each, kind) for each in found])
    idle = document.get("not_run") or ()
    rows = [_row([table_cell(e["engine"]), table_cell(e["reason"]), _mend(e)]) for e in idle]
    yield Part(
        "engine that did not run" if len(rows) == 1 else "engines that did not run",
        ("engine", "why", "what mends it"),
        rows,
    )
    if document.get("one_class_draws"):
        lines = [_row([table_cell(line)]) for line in one_class(document)]
        yield Part("sizes with draws of one class, set aside", ("draws",), lines)
    facts = [_row(map(table_cell, fact)) for fact in flat(document["environment"])]
    yield Part("facts about the environment", ("what", "value"), facts)


def _compared(each: Held, kind: str) -> str:
    """One comparison as a row; of two curves the gap is the widest one, with its size and interval."""
    comparison, size = each.comparison, widest(each.pair) if each.pair else None
    gap = "–" if comparison["gap"] is None else f"{comparison['gap']:.3g}"
    if size:
        gap = f"{size['gap']:+.4f} at n = {size['n']} ({interval(size)})"
    tolerance = comparison["tolerance"]["value"]
    place, reason = parting(each, kind)
    why = "; ".join(filter(None, [f"first parts at {place}" if place else "", reason]))
    if each.pair and each.verdict is Kind.INCONCLUSIVE and each.pair["draws_needed"] is not None:
        why = f"{needed(each.pair)} draws at each size would settle it"
    sides = [comparison["left"]["name"], comparison["right"]["name"], comparison["what"], comparison["verdict"]]
    return _row(map(table_cell, [*sides, gap, "–" if tolerance is None else f"{tolerance:.3g}", why or "–"]))


def _named(each: Held) -> str:
    left, right, _ = each.key
    return f"{left} ~ {right}, {each.comparison['what']}"


def _mend(entry: Plain) -> str:
    return code(entry["mend"]) if entry.get("mend") else "–"


def _noun(comparisons: Sequence[Held]) -> str:
    return "comparison" if len(comparisons) == 1 else "comparisons"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _length(lines: Iterable[str]) -> int:
    """Characters of lines that are joined, each with its end."""
    return sum(len(line) + 1 for line in lines)
