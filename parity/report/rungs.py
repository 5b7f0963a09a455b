"""What the documents of a study say of each pair of engines under a method, rung by rung: evidence for one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from parity.compare.verdict import WORST_FIRST, Kind
from parity.report.lockstep import named

Plain = dict[str, Any]

RUNGS = {
    "curves": "Do the accuracy curves agree?",
    "lockstep": "From equal weights on equal rows, which step parts first?",
    "solvers": "Do they minimise the same objective, and get there?",
    "defaults": "Were they asked for the same thing?",
}
"The rungs of the ladder and the question that each answers, in the order in which a reader of accuracies asks."

MARKS = {
    Kind.IDENTICAL: "=",
    Kind.WITHIN_TOLERANCE: "≤",
    Kind.EQUIVALENT: "≈",
    Kind.DIFFERENT_EXPLAINED: "≠",
    Kind.DIFFERENT_UNEXPLAINED: "≠!",
    Kind.INCONCLUSIVE: "?",
    Kind.NOT_COMPARABLE: "∥",
    Kind.NOT_RUN: "–",
    Kind.ERROR: "✕",
}
"A sign beside each verdict's words, so that a matrix is read at a glance and without its colours."

DIFFERS, ALIKE = "asked otherwise", "asked alike"
"What a pair's defaults end in; a difference of defaults is a fact, and no verdict on the fits."


@dataclass(frozen=True, slots=True)
class Shown:
    """A rung's word on one pair. look: the style it is shown in; note: a few words more; title: the whole of it."""

    word: str
    mark: str
    look: str
    note: str = ""
    title: str = ""


@dataclass(slots=True)
class Evidence:
    """All that is known of one pair under one method. pair: its curves; the lists are of the other rungs."""

    left: str
    right: str
    method: str
    place: int
    pair: Plain | None = None
    locksteps: list[Plain] = field(default_factory=list)
    cards: list[Plain] = field(default_factory=list)
    absent: list[Plain] = field(default_factory=list)
    "Comparisons of solvers without a card: one side was refused, or failed."
    diffs: list[Plain] = field(default_factory=list)
    shown: dict[str, Shown] = field(default_factory=dict)
    "By rung."

    @property
    def anchor(self) -> str:
        """The id of its place in the page: what a browser makes of the address."""
        return f"pair={'~'.join(_escaped_tilde(part) for part in (self.left, self.right, self.method))}"

    @property
    def link(self) -> str:
        """The address of its evidence: #pair=LEFT~RIGHT~METHOD, each part percent-encoded."""
        return f"#pair={'~'.join(quote(_escaped_tilde(p), safe='') for p in (self.left, self.right, self.method))}"

    @property
    def first(self) -> Shown:
        """What stands in the list: the verdict on the curves, else that of the first rung that has one."""
        return self.shown[next(rung for rung in RUNGS if rung in self.shown)]


def _escaped_tilde(name: str) -> str:
    """The tilde stands between names; one inside a name is written so that no browser takes it for that."""
    return name.replace("%", "%25").replace("~", "%7E")


def verdict_shown(verdict: str, note: str = "", title: str = "") -> Shown:
    """A verdict with its mark and the style named after it."""
    return Shown(verdict, MARKS[Kind(verdict)], Kind(verdict).name.lower().replace("_", "-"), note, title)


def evidence_of(documents: Sequence[Plain]) -> list[Evidence]:
    """The evidence of every pair that any of the documents speaks of, in the order of the first that does."""
    found: dict[tuple[frozenset[str], str], Evidence] = {}

    def of(left: str, right: str, method: str) -> Evidence:
        key = (frozenset((left, right)), method)
        return found.setdefault(key, Evidence(left, right, method, len(found)))

    for document in documents:
        for pair in document.get("pairs", ()):
            of(pair["left"], pair["right"], pair["method"]).pair = pair
    for document in documents:
        match document["kind"]:
            case "lockstep":
                left, right = (side["name"] for side in document["sides"])
                of(left, right, document["method"]).locksteps.append(document)
            case "solvers":
                carded = {card["rerun"] for card in document["cards"]}
                for card in document["cards"]:
                    of(card["left"], card["right"], card["method"]).cards.append(card)
                for comparison in document["comparisons"]:
                    if comparison["rerun"] not in carded:
                        left, method = _parted(comparison["left"]["name"], document["methods"])
                        right, _ = _parted(comparison["right"]["name"], document["methods"])
                        of(left, right, method).absent.append(comparison)
            case "defaults":
                for diff in document["diffs"]:
                    of(diff["left"], diff["right"], _method(document, diff)).diffs.append(diff)
    for each in found.values():
        each.shown.update(_shown(each))
    return list(found.values())


def _parted(name: str, methods: Iterable[str]) -> tuple[str, str]:
    """A side of a comparison is called ENGINE METHOD; either may have spaces in it."""
    method = max((m for m in methods if name.endswith(f" {m}")), key=len, default="")
    return (name.removesuffix(f" {method}"), method) if method else (name, method)


def _method(document: Plain, diff: Plain) -> str:
    """A diff is of one method: that of the tables of its engines."""
    sides = (diff["left"], diff["right"])
    return next((str(table["method"]) for table in document["tables"] if table["engine"] in sides), "")


def _shown(evidence: Evidence) -> Iterable[tuple[str, Shown]]:
    names = f"{evidence.left} ~ {evidence.right}"
    if (pair := evidence.pair) is not None:
        first = pair["first"]
        note = f"from n = {first}" if first is not None else ""
        yield "curves", verdict_shown(pair["verdict"], note, _title(names, pair["verdict"], pair["reason"]))
    if evidence.locksteps:
        worst = min(evidence.locksteps, key=lambda d: WORST_FIRST.index(Kind(d["comparisons"][0]["verdict"])))
        comparison, parting = worst["comparisons"][0], worst["partings"].get("pair")
        note = f"at {named(parting, worst['every'])}" if parting else ""
        title = _title(names, comparison["verdict"], comparison["reason"])
        yield "lockstep", verdict_shown(comparison["verdict"], note, title)
    if evidence.cards or evidence.absent:
        each = [*evidence.cards, *evidence.absent]
        worst = min(each, key=lambda c: WORST_FIRST.index(Kind(c["verdict"])))
        same = Counter(c["verdict"] for c in each)[worst["verdict"]]
        note = worst.get("first") or ""
        note += f" in {same} of {len(each)}" if len(each) > 1 else ""
        reason = worst.get("code") or worst.get("reason") or ""
        yield "solvers", verdict_shown(worst["verdict"], note.strip(), _title(names, worst["verdict"], reason))
    if evidence.diffs:
        count = sum(len(diff["differences"]) for diff in evidence.diffs)
        note = f"{count} difference{'s' * (count != 1)}" if count else ""
        word, mark = (DIFFERS, "≠") if count else (ALIKE, "=")
        yield "defaults", Shown(word, mark, "asked-otherwise" if count else "asked-alike", note, f"{names}: {word}")


def _title(names: str, verdict: str, reason: str) -> str:
    return f"{names}: {verdict}{f' ({reason})' if reason else ''}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Engines × engines under one method on one rung. rows: engine and its cells, None where there is no pair."""

    rung: str
    question: str
    method: str
    engines: list[str]
    rows: list[tuple[str, list[tuple[Evidence, Shown] | None]]]


def matrices(evidence: Sequence[Evidence]) -> list[Matrix]:
    """A matrix for every rung and method that has a pair; a pair stands in it twice, once on either side."""
    made = []
    for rung, question in RUNGS.items():
        for method in dict.fromkeys(each.method for each in evidence if rung in each.shown):
            pairs = [each for each in evidence if each.method == method and rung in each.shown]
            engines = list(dict.fromkeys(name for each in pairs for name in (each.left, each.right)))
            cells = {frozenset((each.left, each.right)): (each, each.shown[rung]) for each in pairs}
            rows = [
                (row, [None if row == column else cells.get(frozenset((row, column))) for column in engines])
                for row in engines
            ]
            made.append(Matrix(rung, question, method, engines, rows))
    return made
