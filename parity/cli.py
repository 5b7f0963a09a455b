"""The command line. Nothing heavy is imported before a command needs it, so that --help answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from parity.cli_ladder import LADDER
from parity.cli_options import (
    DONE,
    NOTHING_COMPARED,
    WRONG_REQUEST,
    data_options,
    engine_names,
    engines_option,
    json_option,
    typed,
)
from parity.cli_reports import REPORTS
from parity.errors import NothingCompared, RequestError


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


@click.group(cls=Parity, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="parity-suite", prog_name="parity")
def main() -> None:
    """One model, two frameworks: do they differ, where do they part, and why?

    Exit codes: 0 done; 1 a comparison failed; 2 the request was wrong; 3 nothing could be compared.
    """


@main.command()
@click.option("--engine", "files", multiple=True, metavar="FILE", callback=engine_names, help="A file of your own.")
@json_option
def doctor(files: tuple[str, ...], json_to: str | None) -> int:
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
@click.option("--engine", "files", multiple=True, metavar="FILE", callback=engine_names, help="A file of your own.")
@json_option
def engines(files: tuple[str, ...], json_to: str | None) -> int:
    """The capability sheet: every engine, what it fits and what it can be given.

    An engine of your own stands at its end; docs/own_engine.md says how one is written.
    """
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
@click.option(
    "--engine",
    "engine_id",
    callback=engine_names,
    required=True,
    help="Its id, as `parity engines` lists it, or a file.",
)
@click.option(
    "--override", multiple=True, metavar="NAME=VALUE", help="A native argument that replaces the translated one."
)
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), default="shipped", show_default=True)
@click.option(
    "--n", type=click.IntRange(2), default=80, show_default=True, help="Training rows, for aligned penalties."
)
@json_option
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


def _overrides(written: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not equals:
            raise RequestError(f"override '{text}' has no value; write it as NAME=VALUE")
        values[name] = typed(value)
    return values


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        engines_option,
        click.option("--draws", type=int, help="Training draws at each size, in place of the study's."),
        click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True),
        click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core)."),
        data_options,
        click.option("--quiet", is_flag=True, help="No progress and no summary."),
        json_option,
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
@click.option("--claim", "claims", multiple=True, metavar="NAME", help="Of debate: only this guess; may be repeated.")
@click.option("--quick", is_flag=True, help="One draw at four sizes; of debate five draws at two.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures and reports (default: out/PRESET).")
@click.option("--store", type=click.Path(path_type=Path), help="The store (default: parity.sqlite in the folder).")
@_run_options
def reproduce(
    preset: str, claims: tuple[str, ...], quick: bool, out: Path | None, store: Path | None, **options: Any
) -> int:
    """Rerun a published experiment and draw its figure again, or put the debate about it to the test.

    PRESET is leek2017, beam2017-r, beam2017-python or debate: every guess and claim of 2017 as an experiment.
    """
    from parity.reproduce_command import reproduce as reproduced

    return reproduced(preset, claims, quick, out or Path("out") / preset, store, **options)


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


for command in (*LADDER, *REPORTS):
    main.add_command(command)


if __name__ == "__main__":
    main()
