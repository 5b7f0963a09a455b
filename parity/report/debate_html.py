"""The debate of 2017 as one self-contained HTML page, from its document alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parity.compare.guess import MEANINGS, VERDICTS, Says
from parity.report import debate_words as told
from parity.report import explain_words as words
from parity.report.compared import flat
from parity.report.debate_findings import unguessed
from parity.report.debate_svg import NARROW, WIDE, trials_svg
from parity.report.page import page_environment
from parity.report.study_html import printable
from parity.report.waterfall import scale, several
from parity.report.waterfall_svg import NARROW as NARROW_STEPS
from parity.report.waterfall_svg import waterfall_svg

Plain = dict[str, Any]

HERE = Path(__file__).parent

TITLE = "The debate of 2017, measured"


def debate_html(document: Plain, made: str = "") -> str:
    """The page of a document of kind "debate". It loads nothing, and holds every fact without its script.

    made: the day on which the page is made, in words.
    """
    import jinja2

    document = printable(document)
    environment = page_environment()
    environment.loader = jinja2.FileSystemLoader(HERE)
    environment.filters |= {**words.FILTERS, "closed": told.closed_words}
    study = document["study"]
    sizes, margin = study["protocol"]["sizes"], study["margin"]
    drawn = several(document["explanations"]) if document["explanations"] else []
    span = scale(drawn) if drawn else None
    new = unguessed(document["findings"])
    return environment.get_template("debate.html.j2").render(
        document=document,
        study=study,
        sizes=sizes,
        made=made,
        title=TITLE,
        style="".join(_read(name) for name in ("study.css", "explain.css", "debate.css")),
        script=_read("page.js"),
        outcome=told.outcome(document),
        protocol=told.draws_words(document),
        new=new,
        rest=[each for each in document["findings"] if each not in new],
        waterfalls=[(each.n, waterfall_svg(each, span, NARROW_STEPS)) for each in drawn] if span else [],
        guesses=[
            (guess, trials_svg(guess, sizes, margin, WIDE), trials_svg(guess, sizes, margin, NARROW))
            for guess in document["guesses"]
        ],
        names={guess["name"]: guess["claim"] for guess in document["guesses"]},
        arms=told.arm_rows(document),
        marks=told.MARKS,
        verdicts=VERDICTS,
        meanings={str(word): text for word, text in MEANINGS.items()},
        open_word=str(Says.OPEN),
        words=words,
        versions=words.versions(document["environment"]),
        environment=flat(document["environment"]),
    )


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
