"""An explanation as one self-contained HTML page, from its document alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parity.compare.verdict import Kind
from parity.report import explain_words as words
from parity.report.compared import flat
from parity.report.page import page_environment
from parity.report.rungs import verdict_shown
from parity.report.study_html import printable
from parity.report.waterfall import Waterfall, scale, several, waterfall
from parity.report.waterfall_svg import NARROW, WIDE, waterfall_svg

Plain = dict[str, Any]

HERE = Path(__file__).parent


def explanation_html(document: Plain, made: str = "") -> str:
    """The page of a document of kind "explanation". It loads nothing, and holds every fact without its script.

    made: the day on which the page is made, in words.
    """
    import jinja2

    document = printable(document)
    environment = page_environment()
    environment.loader = jinja2.FileSystemLoader(HERE)
    environment.filters |= words.FILTERS
    groups = words.groups(document)
    return environment.get_template("explain.html.j2").render(
        document=document,
        study=document["study"],
        made=made,
        style=_read("study.css") + _read("explain.css"),
        script=_read("page.js"),
        title=_title(document, groups),
        groups=[_group(group, place, len(groups) > 1) for place, group in enumerate(groups)],
        versions=words.versions(document["environment"]),
        environment=flat(document["environment"]),
        words=words,
        shown=lambda level: verdict_shown(words.LEVELS[level]),
        verdict=lambda kind: verdict_shown(str(Kind(kind))),
    )


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _title(document: Plain, groups: Sequence[Sequence[Plain]]) -> str:
    if len(groups) == 1:
        first = groups[0][0]
        return f"{first['left']} ~ {first['right']}: {first['method']}, explained"
    return f"Gaps explained: {words.counted(len(groups), 'pair')}, {document['study']['name']}"


def _group(group: Sequence[Plain], place: int, among: bool) -> Plain:
    """What the page shows of one pair and method. place: which; among: whether it is one of several."""
    first = group[0]
    drawn = several(group)
    span = scale(drawn) if drawn else None
    fitted = [each for each in group if each.get("base")]
    pair = f"{first['left']} ~ {first['right']}, {first['method']}"
    return {
        "pair": pair if among else "",
        "sizes": [
            _one(each, f"{pair}, n = {each['n']}" if among else f"n = {each['n']}", f"e{place}-{each['n']}")
            for each in group
        ],
        "fitted": fitted,
        "small": [(each.n, waterfall_svg(each, span, NARROW)) for each in drawn] if span else [],
        "rows": words.share_rows(group, drawn[0].differences) if drawn else [],
    }


def _one(explanation: Plain, heading: str, anchor: str) -> Plain:
    drawn = waterfall(explanation)
    return {
        "e": {"not_run": "", **explanation},
        "heading": heading,
        "anchor": anchor,
        "wide": _drawing(drawn, wide=True),
        "narrow": _drawing(drawn, wide=False),
        "live": words.live(explanation),
        "unmoved": words.unmoved(explanation),
        "closure": words.closure(explanation) if explanation.get("base") else [],
        "draws": words.draws_of(explanation) if explanation.get("base") else 0,
    }


def _drawing(drawn: Waterfall | None, *, wide: bool) -> str:
    return waterfall_svg(drawn, scale([drawn]), WIDE if wide else NARROW) if drawn else ""
