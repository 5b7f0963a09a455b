"""What `parity report` does: the page, the Markdown and the JUnit file of a document that is there already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from parity.errors import RequestError

Plain = dict[str, Any]

PAGE = "report.html"
"The page that is written beside the source where no output is named."

OWN = ("explanation", "debate")
"Kinds of document with a page and a text of their own, about which there is no more to report."


def show_report(
    source: Path,
    *,
    also: Sequence[Path] = (),
    html_to: Path | None = None,
    markdown_to: Path | None = None,
    comment_to: Path | None = None,
    junit_to: Path | None = None,
    study_name: str | None = None,
    quiet: bool = False,
) -> int:
    """`parity report`. source: a document of kind "study", "curves" or one of OWN, or a store; nothing is fitted.

    also: documents of other rungs, whose evidence the page shows beside that of the curves.
    """
    from parity.cli_options import DONE
    from parity.report.document import write_text

    document = _document(source, study_name)
    others = {"markdown": markdown_to, "comment": comment_to, "junit": junit_to}
    if document["kind"] in OWN:
        _refuse(document["kind"], {"--also": also, "--comment": comment_to, "--junit": junit_to})
    beside = [_beside(path) for path in also]
    if html_to is None and not any(others.values()):
        html_to = source.with_name(PAGE)
    # All are made before any is written: a source that one of them cannot show leaves no half of a report.
    written = [(path, _text(kind, document)) for kind, path in others.items() if path]
    if html_to:
        written.insert(0, (html_to, _page(document, beside)))
    for path, text in written:
        try:
            write_text(text, path)
        except OSError as error:
            raise RequestError(f"{path} cannot be written: {error.strerror}; name another file") from error
    if not quiet:
        click.echo(_summary(document))
        for path, _ in written:
            click.echo(f"see {path}")
    return DONE


def _refuse(kind: str, options: dict[str, Any]) -> None:
    for name, given in options.items():
        if given:
            raise RequestError(f"{name} belongs to a study or its curves; kind '{kind}' has --html and --markdown")


def _summary(document: Plain) -> str:
    from parity.report.summary import summary

    match document["kind"]:
        case "explanation":
            return "\n".join(each["sentence"] for each in document["explanations"])
        case "debate":
            return str(document["nobody_guessed"] or "what nobody guessed in 2017: nothing that was found")
        case _:
            return summary(document)


def _page(document: Plain, beside: Sequence[Plain]) -> str:
    from datetime import date

    from parity.report.debate_html import debate_html
    from parity.report.explain_html import explanation_html
    from parity.report.study_html import study_html

    today = date.today()
    made = f"{today.day} {today:%B %Y}"
    own: dict[str, Callable[..., str]] = {"explanation": explanation_html, "debate": debate_html}
    if document["kind"] in own:
        return _whole(own[document["kind"]], document, made)
    return study_html([document, *beside], made)


def _text(kind: str, document: Plain) -> str:
    from parity.report.comment import comment
    from parity.report.debate_markdown import debate_markdown
    from parity.report.explain_markdown import explanation_markdown
    from parity.report.junit import junit
    from parity.report.markdown import markdown

    own: dict[str, Callable[..., str]] = {"explanation": explanation_markdown, "debate": debate_markdown}
    if document["kind"] in own:
        return _whole(own[document["kind"]], document)
    return {"markdown": markdown, "comment": comment, "junit": junit}[kind](document)


def _document(source: Path, study_name: str | None) -> Plain:
    from parity.report.reading import SQLITE, read_document
    from parity.report.study_fields import require_fields
    from parity.report.study_html import BESIDE, STUDIES

    if source.is_file() and _begins(source, SQLITE):
        if study_name is None:
            raise RequestError(
                f"{source} is a store and holds many studies' cells; name the --study, as --study leek2017"
            )
        from parity.commands import study_named
        from parity.run import document_of_store

        return document_of_store(study_named(study_name), source)
    if study_name is not None:
        raise RequestError(f"--study belongs to a store, and {source} is a document of its own; leave --study out")
    document = read_document(source)
    if document["kind"] in OWN:
        return document
    if document["kind"] not in STUDIES:
        also = "; add it to a study's page with --also" if document["kind"] in BESIDE else ""
        raise RequestError(
            f"{source} is a document of kind '{document['kind']}', and a report is about one of kind 'study', 'curves' "
            f"or 'explanation', which `parity run`, `parity curves` and `parity explain` write with --json{also}"
        )
    require_fields(document, str(source))
    return document


def _whole(shown: Callable[..., str], document: Plain, *more: str) -> str:
    """What a page makes of a document; one that lacks something is refused in a sentence."""
    try:
        return shown(document, *more)
    except (LookupError, TypeError, AttributeError) as error:
        raise RequestError(
            f"this document of kind '{document['kind']}' is not whole ({type(error).__name__}: {error}); write it again"
        ) from error


def _begins(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}; name another file") from None


def _beside(path: Path) -> Plain:
    from parity.report.reading import read_document
    from parity.report.study_fields import require_fields
    from parity.report.study_html import BESIDE

    document = read_document(path)
    if document["kind"] not in BESIDE:
        raise RequestError(
            f"--also {path} is a document of kind '{document['kind']}'; it takes those of kind {', '.join(BESIDE)}"
        )
    require_fields(document, str(path))
    return document
