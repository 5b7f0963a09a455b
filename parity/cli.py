"""The command line. Nothing heavy is imported before a command needs it, so that --help answers at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from parity.errors import NothingCompared, RequestError

DONE, COMPARISON_FAILED, WRONG_REQUEST, NOTHING_COMPARED = 0, 1, 2, 3


class Parity(click.Group):
    """The command group, with one line and the right exit code for every error that is not a bug."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the nearest command where there is none of that name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from parity.errors import unknown

            raise unknown("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; the process ends with one of the four exit codes."""
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except RequestError as error:
            _stop(str(error), WRONG_REQUEST)
        except click.ClickException as error:
            _stop(error.format_message().rstrip("."), WRONG_REQUEST)
        except NothingCompared as error:
            _stop(str(error), NOTHING_COMPARED)
        except (KeyboardInterrupt, click.Abort):
            _stop(
                "interrupted; every finished cell is in the store: the same command goes on from there", WRONG_REQUEST
            )
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(DONE)
        except OSError as error:
            place = f" {error.filename}" if error.filename else ""
            _stop(f"{error.strerror or error}{place}; name another file or folder, or free some space", WRONG_REQUEST)
        sys.exit(code if isinstance(code, int) else DONE)


def _stop(line: str, code: int) -> None:
    click.echo(f"parity: {' '.join(line.split())}", err=True)
    sys.exit(code)


def _json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "json_to", metavar="FILE", help="Write the document (schema parity/1); - prints it.")(
        command
    )


@click.group(cls=Parity, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="parity-suite", prog_name="parity")
def main() -> None:
    """One model, two frameworks: do they differ, where do they part, and why?

    Exit codes: 0 done; 1 a comparison failed; 2 the request was wrong; 3 nothing could be compared.
    """


@main.command()
@_json_option
def doctor(json_to: str | None) -> int:
    """What runs here, what does not, and the one command that mends each."""
    from dataclasses import asdict

    from parity.engines.doctor import examine, render

    findings = examine()
    if json_to:
        from parity.engines.environment import describe
        from parity.report.document import document
        from parity.report.terminal import send

        send(document("doctor", describe(), {"findings": [asdict(f) for f in findings]}), json_to)
    if json_to != "-":
        render(findings)
    return DONE


@main.command()
@_json_option
def engines(json_to: str | None) -> int:
    """The capability sheet: every engine, what it fits and what it can be given."""
    from dataclasses import asdict

    from parity.engines.sheet import CAPABILITIES
    from parity.engines.sheet import engines as sheet

    if json_to:
        from parity.report.document import document
        from parity.report.terminal import send

        send(document("engines", {}, {"engines": [asdict(e) for e in sheet().values()]}), json_to)
    if json_to != "-":
        from parity.report.terminal import columns

        names = list(CAPABILITIES)
        rows = [["engine", "fits", "runtime", *(name.replace("_", " ") for name in names)]]
        for engine in sheet().values():
            marks = [_mark(engine.capabilities[name]) for name in names]
            rows.append([engine.id, " ".join(engine.fits), engine.runtime, *marks])
        columns(rows)
        click.echo(
            "\nfits: lm, glm and liblinear on ten screened features (Leekasso), linear (aligned), dense (mlp) and "
            "convolutional (cnn) networks; `parity doctor` says who runs here"
        )
    return DONE


def _mark(capability: bool | str) -> str:
    return capability if isinstance(capability, str) else "yes" if capability else "–"


@main.command()
@click.argument("method")
@click.option("--engine", "engine_id", required=True, help="Engine id, as `parity engines` lists it.")
@click.option(
    "--override", multiple=True, metavar="NAME=VALUE", help="A native argument that replaces the translated one."
)
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), default="shipped", show_default=True)
@click.option(
    "--n", type=click.IntRange(2), default=80, show_default=True, help="Training rows, for aligned penalties."
)
@_json_option
def translate(method: str, engine_id: str, override: tuple[str, ...], mode: Any, n: int, json_to: str | None) -> int:
    """The native call that METHOD becomes on one engine, without fitting."""
    from parity.run import translation

    answer = translation(method, engine_id, _overrides(override), mode, n)
    if json_to:
        from parity.report.document import document
        from parity.report.terminal import send

        content = {"method": method, "engine": engine_id, **answer}
        send(document("translation", {}, content), json_to)
    if json_to != "-":
        click.echo(f"# {method} on {engine_id}")
        click.echo(answer["code"])
        for entry in answer.get("added") or []:
            click.echo(f"# added: {entry['parameter']} = {entry['value']} ({entry['reason']})")
        for entry in answer["not_expressible"] or []:
            click.echo(f"# not expressible: {entry['parameter']} ({entry['reason']})")
    return DONE


@main.command()
@click.argument("method", required=False)
@click.option("--engine", "engine_ids", multiple=True, metavar="ID", help="Only this engine; may be repeated.")
@click.option("--diff", "pair", nargs=2, metavar="A B", help="Only what differs between two engines.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME", help="Only this native parameter.")
@click.option("--override", multiple=True, metavar="ENGINE.NAME=VALUE", help="A native argument set otherwise.")
@click.option("--measure", is_flag=True, help="Measure behaviour without a parameter too (--diff always does).")
@click.option("--probe", is_flag=True, help="Change each parameter alone and refit: live, inert or refused.")
@click.option("--against", metavar="PYTHON", help="Compare with another interpreter's installation.")
@click.option("--lock", is_flag=True, help="Freeze the defaults in the lock file.")
@click.option("--check", is_flag=True, help="Compare with the lock file; exit 1 on a change.")
@click.option("--lock-file", type=click.Path(path_type=Path), default=Path("parity.lock"), show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where probes are kept (default: the user's cache).")
@click.option("--fresh", is_flag=True, help="Read the parameters anew, whatever the cache holds.")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write a page that sorts and filters.")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@_json_option
def defaults(method: str | None, pair: tuple[str, str] | None, **options: Any) -> int:
    """What METHOD is asked for, what is in force and what has an effect, for every native parameter of every engine.

    Without METHOD: a summary of all methods.
    """
    from parity.defaults_command import show_defaults

    return show_defaults(method, pair=pair, **options)


@main.command()
@click.argument("pair", metavar="[A B]", nargs=-1)
@click.option("--method", metavar="METHOD", help="A linear method of the study, as leekasso-glm.")
@click.option("--all", "everything", is_flag=True, help="Every pair of engines under every linear method.")
@click.option("--study", "study_name", default="leek2017", show_default=True, help="A preset or a study.toml.")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: the first size).")
@click.option("--draw", type=int, help="Number of the draw, from 0.")
@click.option("--draws", type=click.IntRange(1), help="So many draws, in place of one.")
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), default="shipped", show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--quiet", is_flag=True, help="No progress and no cards.")
@_json_option
def solvers(pair: tuple[str, ...], **options: Any) -> int:
    """Do A and B minimise the same objective on the same features, and do they get there?

    A and B are engines; ENGINE:ALGORITHM names one of an engine's algorithms, as py-sklearn:newton-cg.
    """
    from parity.solvers_command import show_solvers

    return show_solvers(pair, **options)


@main.command()
@click.argument("pair", metavar="A B", nargs=-1)
@click.option("--method", metavar="METHOD", required=True, help="A dense network of the study, as mlp-beam.")
@click.option("--study", "study_name", help="A preset or a study.toml (default: the first preset with METHOD).")
@click.option("--n", type=click.IntRange(2), help="Training rows (default: the study's first size).")
@click.option("--draw", type=int, default=0, show_default=True, help="Number of the draw, from 0.")
@click.option("--steps", type=click.IntRange(1), default=100, show_default=True, help="Updates to follow.")
@click.option("--fit", is_flag=True, help="Compare whole calls of fit, epoch by epoch.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of --fit (default: the method's).")
@click.option(
    "--optimizer", type=click.Choice(["sgd", "adam", "rmsprop", "adadelta"]), help="In place of the method's."
)
@click.option("--learning-rate", type=float, help="In place of the method's.")
@click.option("--output", type=click.Choice(["sigmoid", "softmax"]), help="One logistic or two softmax units.")
@click.option(
    "--input-scaling",
    type=click.Choice(["none", "divide-by-255", "standardize"]),
    help="Of the rows, before anyone is given them (default: the method's, else divide-by-255).",
)
@click.option("--precision", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option("--tf32/--no-tf32", default=False, help="On a GPU: products in ten bits.", show_default=True)
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write a page with a strip for every tensor.")
@click.option("--quiet", is_flag=True, help="No progress and no text.")
@_json_option
def lockstep(pair: tuple[str, ...], **options: Any) -> int:
    """From equal weights on equal rows: the first step and tensor at which the networks of A and B part.

    A and B are engines, or one of them is 'reference': networks trained in float64 by the plain formulas.
    """
    from parity.lockstep_command import show_lockstep

    return show_lockstep(pair, **options)


@main.command()
@click.argument("pair", metavar="[A B]", nargs=-1)
@click.option("--method", metavar="METHOD", help="A method of the study, as mlp-leek (default: every one).")
@click.option("--all", "everything", is_flag=True, help="Every pair of engines under every method.")
@click.option("--study", "study_name", help="A preset or a study.toml (default: the first preset with METHOD).")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: the study's sizes).")
@click.option("--draws", type=click.IntRange(1), help="Draws at each size (default: the file's; 20 for a preset).")
@click.option("--margin", type=float, help="Difference of accuracy that counts (default: the study's, 0.01).")
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), help="In place of the study's own.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write the page with curves and evidence.")
@click.option("--quiet", is_flag=True, help="No progress and no cards.")
@_json_option
def curves(pair: tuple[str, ...], **options: Any) -> int:
    """Do the accuracy curves of A and B agree? Equivalent or different by a margin, on the same rows at every size."""
    from parity.curves_command import show_curves

    return show_curves(pair, **options)


@main.command()
@click.option("--engine", "engine_ids", multiple=True, metavar="ID", help="Only this engine; may be repeated.")
@click.option("--markdown", "markdown_to", type=click.Path(path_type=Path), help="Write the page of all tables.")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@_json_option
def certified(engine_ids: tuple[str, ...], json_to: str | None, markdown_to: Path | None, quiet: bool) -> int:
    """How many digits does each solver get right on NIST's certified least-squares sets?"""
    from parity.certified_command import show_certified

    return show_certified(engine_ids, json_to, markdown_to, quiet)


@main.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--check", is_flag=True, help="Run the evidence of each entry again; exit 1 where it no longer holds.")
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
def divergences(ids: tuple[str, ...], check: bool, store: Path | None, jobs: int | None) -> int:
    """The registry of known divergences: what differs, the command that shows it, and what makes it go away."""
    from parity.defaults_command import show_divergences

    return show_divergences(ids, check, store, jobs)


def _overrides(written: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not equals:
            raise RequestError(f"override '{text}' has no value; write it as NAME=VALUE")
        values[name] = typed(value)
    return values


def typed(text: str) -> Any:
    """A value from the command line: JSON where it is that (-1, true, [5, 5]), else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        click.option("--engine", "engine_ids", multiple=True, metavar="ID", help="Only this engine; may be repeated."),
        click.option("--draws", type=int, help="Training draws at each size, in place of the study's."),
        click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True),
        click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core)."),
        click.option("--data", "data_path", metavar="NAME|FILE", help="Another data set: mnist01, mnist, a CSV, …"),
        click.option("--label", metavar="COLUMN", help="The label column of that data set."),
        click.option("--classes", metavar="A,B", help="The two labels to compare; B counts as 1."),
        click.option("--quiet", is_flag=True, help="No progress and no summary."),
        _json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("study")
@click.option("--store", type=click.Path(path_type=Path), help="The store to keep cells in (default: parity.sqlite).")
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), help="In place of the study's own.")
@_run_options
def run(study: str, store: Path | None, mode: Any, **options: Any) -> int:
    """Fit STUDY (a preset or a study.toml) on every engine that runs here and print the accuracies."""
    from parity.commands import run_and_print

    return run_and_print(study, store or Path("parity.sqlite"), mode=mode, **options)


@main.command()
@click.argument("preset")
@click.option("--quick", is_flag=True, help="One draw at four sizes.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures and reports (default: out/PRESET).")
@click.option("--store", type=click.Path(path_type=Path), help="The store (default: parity.sqlite in the folder).")
@_run_options
def reproduce(preset: str, quick: bool, out: Path | None, store: Path | None, **options: Any) -> int:
    """Rerun a published experiment and draw its figure again: PRESET is leek2017, beam2017-r or beam2017-python."""
    from parity.reproduce_command import reproduce_and_draw

    return reproduce_and_draw(preset, quick, out or Path("out") / preset, store, **options)


@main.command()
@click.option("--draws", type=click.IntRange(1), default=30, show_default=True, help="Training draws at each size.")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: 10, 15, … 85).")
@click.option(
    "--engine", "engine_ids", multiple=True, metavar="ID", help="Only this engine; may be repeated. py-h2o only so."
)
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/robustness"), show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@_json_option
def robustness(**options: Any) -> int:
    """Is liblinear more robust than R's lm and glm, as was guessed in 2017, and which cause carries the difference?"""
    from parity.robustness_command import show_robustness

    return show_robustness(**options)


@main.group("store")
def store_group() -> None:
    """Look after the file that keeps finished cells."""


@store_group.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("cells.parquet"), show_default=True)
def export(store: Path, out: Path) -> int:
    """Write every cell of STORE as a Parquet table."""
    from parity.study.export import export_parquet

    count = export_parquet(store, out)
    click.echo(f"{count:,} cells in {out}")
    return DONE


@store_group.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("sources", type=click.Path(path_type=Path), nargs=-1, required=True)
def merge(target: Path, sources: tuple[Path, ...]) -> int:
    """Take the cells of SOURCES into TARGET, which may be new."""
    from parity.study.store import Store

    with Store(target, writing=True) as store:
        for source in sources:
            new, known = store.merge(source)
            click.echo(f"{source}: {new:,} cells taken in, {known:,} were here already")
    return DONE


if __name__ == "__main__":
    main()
