"""The comparisons that a document holds, whatever its kind, each with the suite that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from parity.compare.verdict import FAILURES, MEANINGS, WORST_FIRST, Kind

Plain = dict[str, Any]

UNCOMPARED = frozenset({Kind.NOT_RUN, Kind.NOT_COMPARABLE})
"Verdicts under which nothing was compared: never a match, and alone never a success."

RUNGS = {"defaults": 0, "solvers": 1, "lockstep": 2, "study": 3, "curves": 3}
"The rung of the ladder that a kind of document stands on."

PARTS_AT = "first parts at "
"How the reason of a comparison begins that names the step where the two sides part."

JOINERS = "\u200c\u200d"
"Not printable by themselves, and parts of words in several scripts."


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One comparison of a document. pair: the pair of curves behind it, where it is of two curves."""

    comparison: Plain
    suite: str
    "Its method, or the document's kind where no method is named."
    pair: Plain | None = None

    @property
    def verdict(self) -> Kind:
        """The verdict as the constant."""
        return Kind(self.comparison["verdict"])

    @property
    def key(self) -> tuple[str, str, str]:
        """What a reader calls it: left, right and what is compared."""
        return _key(self.comparison)


def held(document: Plain) -> list[Held]:
    """Every comparison: those that the command judged, those of the pairs of curves, and changes of defaults."""
    pairs = {_key(pair["curves"]): pair for pair in document.get("pairs") or ()}
    found = {_key(c): c for c in document["comparisons"]}
    rest = [pair["curves"] for key, pair in pairs.items() if key not in found]
    methods = _methods(document)
    return [
        Held(c, _suite(c, pairs.get(_key(c)), methods, document["kind"]), pairs.get(_key(c)))
        for c in [*document["comparisons"], *rest, *_changed_defaults(document)]
    ]


def judged(document: Plain) -> list[Held]:
    """What the command that made the document judges; the pairs of curves where it compared nothing else."""
    every = held(document)
    own = every[: len(document["comparisons"])] or [each for each in every if each.pair is None]
    return own if any(each.verdict not in UNCOMPARED for each in own) else every


def worst_first(comparisons: Iterable[Held]) -> list[Held]:
    """By verdict, then by how many times its tolerance a gap is."""
    return sorted(comparisons, key=lambda each: (WORST_FIRST.index(each.verdict), -excess(each)))


def excess(each: Held) -> float:
    """The gap in units of its tolerance; infinite where no gap is allowed, 0 where there is none or it is not known."""
    size = widest(each.pair) if each.pair else None
    gap, tolerance = size["gap"] if size else each.comparison["gap"], each.comparison["tolerance"]["value"]
    if not gap:
        return 0.0
    return abs(gap) / tolerance if tolerance else math.inf


def widest(pair: Plain) -> Plain | None:
    """The size with the largest gap, of those that are different where any is; None where no size was compared."""
    sizes = [size for size in pair["sizes"] if size["gap"] is not None]
    different = [size for size in sizes if size["verdict"] in FAILURES]
    return max(different or sizes, key=lambda size: abs(size["gap"]), default=None)


def parting(each: Held, kind: str) -> tuple[str, str]:
    """Where the two first part, with its rung, and the rest of the reason; "" where that is not known.

    >>> reason = {"verdict": "different: unexplained", "reason": "first parts at features (screen): 2 of 10 differ"}
    >>> parting(Held(reason, "leekasso-glm"), "solvers")
    ('rung 1, features (screen): 2 of 10 differ', '')
    """
    reason = each.comparison["reason"]
    place = ""
    if each.pair and each.pair["first"] is not None:
        size = next((s for s in each.pair["sizes"] if s["n"] == each.pair["first"]), None)
        place = f"n = {each.pair['first']}" + (f", gap {size['gap']:+.3f}" if size and size["gap"] is not None else "")
    elif reason.startswith(PARTS_AT):
        place, reason = reason.removeprefix(PARTS_AT), ""
    rung = RUNGS.get(kind)
    return (f"rung {rung}, {place}" if place and rung is not None else place), reason


def verdict_and_reason(comparison: Plain) -> str:
    """A verdict with its reason in brackets; the verdict's meaning where there was nothing to compare and no reason."""
    verdict, reason = Kind(comparison["verdict"]), comparison["reason"]
    if not reason and verdict in UNCOMPARED:
        reason = MEANINGS[verdict]
    return f"{verdict} ({reason})" if reason else str(verdict)


def one_line(text: Any) -> str:
    """Text on one line, with U+FFFD in place of what a terminal obeys, what turns text round, and surrogates."""
    return "".join(c if c.isprintable() or c in JOINERS else "\ufffd" for c in " ".join(str(text).split()))


def flat(values: Plain, prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as names and texts, in their order; what is not known is `none`."""
    lines = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines.extend(flat(value, f"{prefix}{name} "))
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append((f"{prefix}{name}", "none" if shown in (None, "") else str(shown)))
    return lines


def _key(comparison: Plain) -> tuple[str, str, str]:
    return comparison["left"]["name"], comparison["right"]["name"], comparison["what"]


def _methods(document: Plain) -> Sequence[str]:
    """Names of methods that a document mentions, the longest first: one name may end another."""
    known = [*(document.get("methods") or {}), *((document.get("study") or {}).get("methods") or {})]
    known += [each["method"] for each in document.get("accuracies") or ()]
    known += [document["method"]] if isinstance(document.get("method"), str) else []
    return sorted(dict.fromkeys(known), key=len, reverse=True)


def _suite(comparison: Plain, pair: Plain | None, methods: Sequence[str], kind: str) -> str:
    if pair:
        return str(pair["method"])
    name = comparison["left"]["name"]
    return next((method for method in methods if name.endswith(f" {method}")), kind)


def _changed_defaults(document: Plain) -> list[Plain]:
    """`parity defaults --check` keeps what it found as changes: a comparison each, and one for all that stayed."""
    found = document.get("changes") if document["kind"] == "defaults" else None
    if not found:
        return []
    upgraded: dict[str, list[str]] = {}
    for each in found["versions"]:
        upgraded.setdefault(each["engine"], []).append(f"{each['package']} {each['before']} is now {each['after']}")
    rerun = document.get("rerun", "")
    changes = [
        _default(
            each["engine"],
            f"{each['what']} value of {each['native']} in {', '.join(each['methods'])}",
            Kind.DIFFERENT_EXPLAINED if each["engine"] in upgraded else Kind.DIFFERENT_UNEXPLAINED,
            "; ".join([f"{each['before']!r} is now {each['after']!r}", *upgraded.get(each["engine"], ())]),
            rerun,
        )
        for each in found["changes"]
    ]
    absent = [_default(e["what"], "defaults", Kind.NOT_RUN, e["reason"], rerun) for e in found["not_compared"]]
    if found["compared"]:
        stayed = f"{found['compared']} native parameters on both sides"
        changes.append(_default("every engine", "defaults that have not changed", Kind.IDENTICAL, stayed, rerun))
    return changes + absent


def _default(engine: str, what: str, verdict: Kind, reason: str, rerun: str) -> Plain:
    return {
        "left": {"name": f"{engine} before", "value": None},
        "right": {"name": f"{engine} now", "value": None},
        "what": what,
        "verdict": str(verdict),
        "reason": reason,
        "gap": None,
        "tolerance": {"value": None, "reason": "a default is what it was, or it is not"},
        "rerun": rerun,
    }
