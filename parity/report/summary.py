"""One line that says how a document ended, for terminals and CI logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from parity.compare.verdict import Kind
from parity.report.compared import Held, excess, held, one_line, widest

Plain = dict[str, Any]

LONGEST_NAME = 60
"Characters of a name that the line shows, so that it stays one line whatever the data are called."

DIFFERENT = (Kind.DIFFERENT_EXPLAINED, Kind.DIFFERENT_UNEXPLAINED)


def summary(document: Plain) -> str:
    """How many comparisons ended in which verdict, the worst of them, and how many engines did not run.

    An example: `leek2017: 45 pairs — 43 identical, 2 different (worst: r-h2o ~ py-keras-jax mlp-leek, n = 10, -0.182)`.
    """
    every = held(document)
    pairs = [each for each in every if each.pair]
    rest = [each for each in every if not each.pair]
    told = [_counted(rest, "comparison"), _counted(pairs, "pair")]
    absent = len({entry["engine"] for entry in document.get("not_run") or ()})
    told.append(f"{absent} engine{'s' * (absent != 1)} not run" if absent else "")
    if not every:
        told.insert(0, "nothing compared")
    return f"{_name(document)}: {'; '.join(filter(None, told))}"


def counts(comparisons: Sequence[Held]) -> dict[str, int]:
    """Comparisons by verdict, in the order of the verdicts; both kinds of `different` together."""
    found = Counter("different" if each.verdict in DIFFERENT else str(each.verdict) for each in comparisons)
    names = dict.fromkeys("different" if kind in DIFFERENT else str(kind) for kind in Kind)
    return {name: found[name] for name in names if found[name]}


def _counted(comparisons: Sequence[Held], noun: str) -> str:
    if not comparisons:
        return ""
    parts = [f"{count} {name}" for name, count in counts(comparisons).items()]
    different = [each for each in comparisons if each.verdict in DIFFERENT]
    if different:
        explained = sum(each.verdict is Kind.DIFFERENT_EXPLAINED for each in different)
        why = [f"{explained} explained"] if explained else []
        aside = "; ".join([*why, f"worst: {_where(max(different, key=excess))}"])
        parts = [f"{part} ({aside})" if part.endswith(" different") else part for part in parts]
    return f"{len(comparisons)} {noun}{'s' * (len(comparisons) != 1)} — {', '.join(parts)}"


def _where(each: Held) -> str:
    """A comparison in as few words as name it, with its gap."""
    if each.pair and (size := widest(each.pair)):
        names = f"{_short(each.pair['left'])} ~ {_short(each.pair['right'])} {_short(each.pair['method'])}"
        return f"{names}, n = {size['n']}, {size['gap']:+.3f}"
    left, right, what = map(_short, each.key)
    gap = each.comparison["gap"]
    return f"{left} ~ {right}, {what}" + ("" if gap is None else f", {gap:.3g}")


def _name(document: Plain) -> str:
    study = (document.get("study") or {}).get("name")
    if document["kind"] in ("study", "curves") and study:
        return _short(study)
    return f"{document['kind']} of {_short(study)}" if study else str(document["kind"])


def _short(name: Any) -> str:
    line = one_line(name)
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
