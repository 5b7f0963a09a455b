"""What `parity reproduce` does between the request and the last line that it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.commands import account, again, exit_code, make_folder, run_with_progress, with_options
from parity.errors import RequestError, unknown

if TYPE_CHECKING:
    from parity.spec.study import Study

Plain = dict[str, Any]

DEBATE = "debate"
"No study of its own: the guesses and claims about the others."

LEEK = "leek2017"
"The preset whose published curve is known as numbers."

UNSETTLED = ("undecided", "not run")
"Verdicts on Leek's claims that a terminal counts and does not spell out."


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture of a preset."""

    name: str
    "Of its files, without .png and .svg."
    title: str
    draw: Callable[[Plain, Path], list[Path]]


def drawings(preset: str) -> list[Drawing]:
    """The pictures of a preset: its own in the original style, what it shows besides, and every engine."""
    from parity.report import figure

    every = Drawing("engines", "Every engine beside the baselines", figure.multiples_figure)
    epochs = Drawing("epochs", "Accuracy after every epoch", figure.epochs_figure)
    original = {
        LEEK: [
            Drawing("figure", "The figure of 2017, drawn again", figure.original_figure),
            Drawing("pixels", "Two digits told apart by one pixel", figure.pixels_figure),
        ],
        "beam2017-r": [Drawing("figure", "The rebuttal's figure in R, drawn again", figure.redux_figure), epochs],
        "beam2017-python": [
            Drawing("figure", "The rebuttal's figure in Python, drawn again", figure.rebuttal_figure),
            epochs,
        ],
    }
    return [*original[preset], every]


def reproduce(preset: str, claims: Sequence[str], quick: bool, out: Path, store: Path | None, **options: Any) -> int:
    """`parity reproduce`."""
    from parity.spec.study import PRESETS

    if preset == DEBATE:
        from parity.debate_command import reproduce_debate

        return reproduce_debate(claims, quick, out, store, **options)
    if preset not in PRESETS:
        raise unknown("preset", preset, [*PRESETS, DEBATE])
    if claims:
        raise RequestError(f"--claim names a guess of the debate, and {preset} has none; leave it out")
    return reproduce_and_draw(preset, quick, out, store, **options)


def reproduce_and_draw(
    preset: str, quick: bool, out: Path, store: Path | None, *, json_to: str | None, quiet: bool, **options: Any
) -> int:
    """A preset with its figure, its report and its claims."""
    from parity.report.document import write, write_text
    from parity.report.markdown import markdown
    from parity.report.study_html import study_html
    from parity.report.summary import summary
    from parity.report.terminal import comparison_line, send, shortfalls
    from parity.spec.study import preset as preset_named
    from parity.spec.study import quick as quickened

    words = ["reproduce", preset, *(["--quick"] if quick else []), "--out", str(out)]
    rerun = again([*words, *(["--store", str(store)] if store else [])], options)
    study = preset_named(preset)
    study = with_options(quickened(study) if quick else study, options)
    make_folder(out)
    store = store or out / "parity.sqlite"
    done = run_with_progress(study, store, quiet=quiet, **options, published=preset == LEEK, rerun=rerun)
    _claims(preset, done.document)
    pictures, troubles = _drawn(preset, done.document, out)
    if preset == LEEK:
        _guess(done.document, study, store, options, quiet=quiet, rerun=rerun)
    write(done.document, out / "parity.json")
    write_text(markdown(done.document, pictures), out / "report.md")
    write_text(study_html([done.document]), out / "report.html")
    if json_to:
        send(done.document, json_to)
    if not quiet and json_to != "-":
        for comparison in done.document["comparisons"]:
            click.echo(comparison_line(comparison))
        for line in _told(preset, done.document["claims"]):
            click.echo(line)
        click.echo(summary(done.document))
        shortfalls(done.document)
        for trouble in troubles:
            click.echo(trouble, err=True)
        click.echo(account(done))
        names = [*(picture["file"] for picture in pictures), "report.html", "report.md", "parity.json"]
        click.echo("see " + ", ".join(str(out / name) for name in names))
    return exit_code(done)


def _drawn(preset: str, document: Plain, out: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The pictures that could be drawn, and one sentence for each that could not."""
    from parity.report.figure import CannotDraw

    pictures, troubles = [], []
    for each in drawings(preset):
        try:
            files = each.draw(document, out / each.name)
            pictures.append({"title": each.title, "file": files[0].name})
        except CannotDraw as error:
            troubles.append(f"{each.name}: not drawn ({error})")
    return pictures, troubles


def _claims(preset: str, document: Plain) -> None:
    """What was claimed about a preset and the standing of all that ran join the document."""
    from parity.pixels_command import section
    from parity.report.leek_claims import leek_claims
    from parity.report.rebuttal import claims
    from parity.report.standing import rebuttal_standing

    if preset != LEEK:
        document["standing"], trivial = rebuttal_standing(document)
        document["claims"] = claims(document) + trivial
        return
    document["standing"], made = leek_claims(document)
    document["single_pixel"], separable = section()
    document["claims"] = made + separable


def _told(preset: str, claims: Sequence[Plain]) -> list[str]:
    """A sentence for every claim; of Leek's, which are many, for every one that is settled, and how many are not."""
    if preset != LEEK:
        return [claim["sentence"] for claim in claims]
    settled = [claim["sentence"] for claim in claims if claim["verdict"] not in UNSETTLED]
    counted = Counter(claim["verdict"] for claim in claims if claim["verdict"] in UNSETTLED)
    told = ", ".join(f"{count} {word}" for word, count in counted.items())
    return [*settled, *([f"of {len(claims)} claims {told}: see report.md"] if told else [])]


def _guess(document: Plain, study: Study, store: Path, options: Plain, *, quiet: bool, rerun: str) -> None:
    """The numbers on liblinear's robustness join the document."""
    from parity.robustness_command import section

    document["robustness"] = section(
        study, options["engine_ids"], store, jobs=options["jobs"], quiet=quiet, rerun=rerun
    )
