"""A study, and what other rungs say of its pairs, as one self-contained HTML page, from their documents alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from parity.compare.equivalence import MOST_DRAWS
from parity.compare.verdict import MEANINGS
from parity.report.defaults_html import UNPRINTABLE
from parity.report.explain_words import versions
from parity.report.lockstep import named, sentence
from parity.report.lockstep_html import HEIGHT, LABEL, SHADES, WIDTH, strip
from parity.report.markdown import trainers, troubles
from parity.report.page import page_environment
from parity.report.rungs import MARKS, RUNGS, Evidence, evidence_of, matrices, verdict_shown

Plain = dict[str, Any]

HERE = Path(__file__).parent

STUDIES = ("study", "curves")
"Kinds of documents that a page is about."

BESIDE = ("defaults", "solvers", "lockstep")
"Kinds that bring what other rungs say of the same pairs."

COLOURS = 10
"Engines that have a colour of their own; the next ones begin again, with longer dashes."

SMALLEST_P = 0.001
"A smaller p-value is written as being smaller: its digits say nothing more."

RETINA = "const devicePixelRatio = Math.max(2, window.devicePixelRatio);"
"uPlot draws as many pixels as the screen has; a printer has more. It asks for this name, which the block shadows."


def study_html(documents: Sequence[Plain], made: str = "") -> str:
    """The page of one document of kind "study" or "curves" and any of kinds "defaults", "solvers" and "lockstep".

    made: the day on which the page is made, in words. The page loads nothing, and holds every fact without its script.
    """
    import jinja2

    documents = [printable(document) for document in documents]
    document = next(each for each in documents if each["kind"] in STUDIES)
    evidence = evidence_of(documents)
    environment = page_environment()
    environment.loader = jinja2.FileSystemLoader(HERE)
    environment.filters |= {"interval": _interval, "p": _p, "accuracy": _accuracy, "gap": _gap, "needed": _needed}
    environment.filters |= {
        "step": lambda parting, every: named(parting, every),
        "parting": sentence,
        "sentence": _capital,
    }
    made_of = matrices(evidence)
    asked, engines = _asked(document), _engines(document, evidence)
    methods = _distinct([*document["study"]["methods"], *(each.method for each in evidence)])
    shown = [each.first for each in evidence]
    return environment.get_template("study.html.j2").render(
        document=document,
        study=document["study"],
        classes=_classes(document["study"]),
        made=made,
        style=_read("uplot/uPlot.min.css") + _read("study.css"),
        script=f"{{ {RETINA}\n{_read('uplot/uPlot.iife.min.js')}}}\n{_read('study.js')}",
        title=_title(document, asked),
        asked=asked,
        outcome=_outcome(document),
        numbers=_numbers(document, evidence),
        engines=engines,
        methods=methods,
        colours=COLOURS,
        versions=versions(document["environment"]),
        curve_rows=_curve_rows(document),
        curved={part: _distinct(c[part] for c in document["curves"]) for part in ("engine", "method")},
        rungs=[
            (rung, RUNGS[rung], [m for m in made_of if m.rung == rung]) for rung in _distinct(m.rung for m in made_of)
        ],
        legend=[(verdict_shown(str(kind)), MEANINGS[kind]) for kind in MARKS],
        evidence=[(method, [each for each in evidence if each.method == method]) for method in methods],
        words=_distinct(each.word for each in shown),
        marks=MARKS,
        alone=[
            m for m in document["study"]["methods"] if document.get("pairs") and all(e.method != m for e in evidence)
        ],
        listed=_listed,
        told=_told,
        strip=lambda each: strip(each, "both sides", "excess", "pair"),
        shades=[text for _, text in SHADES],
        strip_label=LABEL,
        strip_height=HEIGHT,
        strip_width=WIDTH,
        published=document["comparisons"] if document["kind"] == "study" else [],
        claims=document.get("claims", []),
        one_class=_one_class(document),
        not_run=_not_run(documents),
        troubles=troubles(document["cells"]),
        trainers=trainers(document["cells"]),
        changes=[each for each in documents if each["kind"] == "defaults" and each["changes"] is not None],
        reruns=_reruns(documents),
    )


def printable(value: Any) -> Any:
    """The same value with a mark in place of every character that no page can hold."""
    match value:
        case dict():
            return {printable(name): printable(each) for name, each in value.items()}
        case list():
            return [printable(each) for each in value]
        case str():
            return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case other:
            return other


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _asked(document: Plain) -> list[str]:
    """The engines that the study itself asks, whether they ran or not."""
    ran = (each["engine"] for what in ("curves", "cells") for each in document[what])
    paired = (pair[side] for pair in document.get("pairs", ()) for side in ("left", "right"))
    return _distinct([*ran, *paired, *(each["engine"] for each in document["not_run"])])


def _engines(document: Plain, evidence: Sequence[Evidence]) -> list[str]:
    """All sides of all pairs; `reference` and ENGINE:ALGORITHM are some of other rungs."""
    return _distinct([*_asked(document), *(name for each in evidence for name in (each.left, each.right))])


def _title(document: Plain, engines: Sequence[str]) -> str:
    study = document["study"]
    if document["kind"] == "curves" and len(document["pairs"]) == 1:
        (pair,) = document["pairs"]
        return f"{pair['left']} ~ {pair['right']}: {pair['method']}, {study['name']}"
    return f"{study['name']}: {_count(len(engines), 'engine')}, {_count(len(study['methods']), 'method')}"


def _outcome(document: Plain) -> str:
    """One sentence: how many pairs were compared, and how many ended in which verdict."""
    pairs = document.get("pairs", [])
    counts = Counter(pair["verdict"] for pair in pairs)
    if not pairs:
        return "No two engines were compared: fewer than two were asked for the same method."
    ordered = [f"{counts[kind]} {kind}" for kind in MARKS if counts[kind]]
    methods = _count(len({pair["method"] for pair in pairs}), "method")
    return f"Of {_count(len(pairs), 'pair')} of engines under {methods}: {', '.join(ordered)}."


def _told(pair: Plain) -> Iterable[str]:
    """The sentences that follow a pair's verdict."""
    if not pair["reason"]:
        yield f"{_capital(MEANINGS[pair['verdict']])}."
    else:
        yield f"{_capital(pair['reason'].rstrip('.'))}."
    if pair["smallest_margin"] is not None:
        margin = f"{pair['smallest_margin']:.4f}"
        stated = f"{pair['margin']:g}"
        yield f"These draws show equivalence at every size at a margin of {margin} or more; {stated} was stated."
    if pair["cells"]:
        fits = _count(pair["cells"], "pair")
        same = f"{pair['identical_cells']:,}"
        yield f"In {same} of {fits} of fits all probabilities and labels are the same, bit for bit."


def _listed(evidence: Evidence) -> str:
    """What a line of the list says behind the verdict."""
    pair, shown = evidence.pair, evidence.first
    if pair is None:
        return shown.note
    if pair["reason"] or not pair["sizes"]:
        return str(pair["reason"])
    furthest = max(pair["sizes"], key=lambda size: abs(size["gap"]))
    return f"largest gap {furthest['gap']:+.4f} at n = {furthest['n']}"


def _numbers(document: Plain, evidence: Sequence[Evidence]) -> Plain:
    """What the page's script draws: names as places in lists, numbers as the document has them."""
    engines = _engines(document, evidence)
    return {
        "engines": engines,
        "curves": [
            {"engine": engines.index(c["engine"]), "method": c["method"], "points": _points(c)}
            for c in document["curves"]
        ],
        "baselines": [{"name": b["baseline"], "points": _points(b)} for b in document["baselines"]],
        "pairs": [
            {
                "left": engines.index(each.left),
                "right": engines.index(each.right),
                "method": each.method,
                "words": [shown.word for shown in each.shown.values()],
                "margin": each.pair["margin"] if each.pair else None,
                "sizes": [
                    [s["n"], s["gap"], s["low"], s["high"], s["draws"], s["verdict"]]
                    for s in (each.pair["sizes"] if each.pair else ())
                ],
            }
            for each in evidence
        ],
    }


def _points(curve: Plain) -> list[list[Any]]:
    return [[p[name] for name in ("n", "mean", "p10", "p90", "sd", "draws")] for p in curve["points"]]


def _classes(study: Plain) -> list[str] | None:
    """What the data call class 0 and class 1; None where they are called that."""
    names = study.get("classes")
    return [str(name) for name in names] if names and list(map(str, names)) != ["0", "1"] else None


def _curve_rows(document: Plain) -> list[tuple[str, str, dict[int, Plain]]]:
    """Method, engine and points by size of every curve; the baselines last."""
    named_points = [(c["method"], c["engine"], c["points"]) for c in document["curves"]]
    named_points += [("baseline", b["baseline"], b["points"]) for b in document["baselines"]]
    return [(group, name, {p["n"]: p for p in points}) for group, name, points in named_points]


def _one_class(document: Plain) -> list[tuple[str, int, list[int]]]:
    """The class that a draw was all of, its size, and the numbers of those draws."""
    names = _classes(document["study"]) or ("class 0", "class 1")
    found: dict[tuple[int, int], list[int]] = {}
    for each in document.get("one_class_draws", ()):
        found.setdefault((each["n"], each["label"]), []).append(each["draw"])
    return [(str(names[label]), n, draws) for (n, label), draws in sorted(found.items())]


def _not_run(documents: Sequence[Plain]) -> list[tuple[str, str, str]]:
    return _distinct(
        (each["engine"], each["reason"], each.get("mend", ""))
        for document in documents
        for each in document.get("not_run", ())
    )


def _reruns(documents: Sequence[Plain]) -> list[tuple[str, str]]:
    """The command of each document that has one, by what it made."""
    return [(each["kind"], each["rerun"]) for each in documents if each.get("rerun")]


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _accuracy(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _gap(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def _interval(size: Plain) -> str:
    """The ends of an interval; one draw has none."""
    return "–" if size["low"] is None or size["high"] is None else f"{size['low']:+.4f} to {size['high']:+.4f}"


def _p(value: float | None) -> str:
    """A p-value to three digits.

    >>> _p(0.04567), _p(1e-9), _p(None)
    ('0.046', '<0.001', '–')
    """
    return "–" if value is None else f"<{SMALLEST_P:g}" if value < SMALLEST_P else f"{value:.3f}"


def _needed(draws: int) -> str:
    """The draws that would settle a size; the document names no number above a limit."""
    return (
        f"{draws:,} draws or more settle it"
        if draws >= MOST_DRAWS
        else f"{_count(draws, 'draw')} settle{'s' * (draws == 1)} it"
    )
