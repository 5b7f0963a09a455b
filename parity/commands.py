"""What `parity run` and `parity reproduce` do between the request and the last line that they print."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from parity.errors import RequestError, unknown

if TYPE_CHECKING:
    from parity.run import Run
    from parity.spec.models import Mode
    from parity.spec.study import Study


def run_and_print(
    study_name: str, store: Path, *, mode: Mode | None, json_to: str | None, quiet: bool, **options: Any
) -> int:
    """`parity run`."""
    from parity.report.terminal import accuracies, send, shortfalls

    chosen = ["--mode", mode] if mode else []
    rerun = _again(["run", study_name, *chosen, "--store", str(store)], options)
    study = _with_options(study_named(study_name), options)
    study = dataclasses.replace(study, mode=mode or study.mode)
    done = _run(study, store, quiet=quiet, **options, rerun=rerun)
    if json_to:
        send(done.document, json_to)
    if not quiet and json_to != "-":
        accuracies(done.document)
        shortfalls(done.document)
        click.echo(_account(done))
    return _exit_code(done)


def reproduce_and_draw(
    preset: str, quick: bool, out: Path, store: Path | None, *, json_to: str | None, quiet: bool, **options: Any
) -> int:
    """`parity reproduce`."""
    from parity.report.document import write
    from parity.report.figure import CannotDraw, multiples_figure, original_figure
    from parity.report.markdown import markdown
    from parity.report.terminal import comparison_line, send, shortfalls
    from parity.spec.study import preset as preset_named
    from parity.spec.study import quick as quickened

    words = ["reproduce", preset, *(["--quick"] if quick else []), "--out", str(out)]
    rerun = _again([*words, *(["--store", str(store)] if store else [])], options)
    study = preset_named(preset)
    study = _with_options(quickened(study) if quick else study, options)
    _make_folder(out)
    is_leek = preset == "leek2017"
    done = _run(study, store or out / "parity.sqlite", quiet=quiet, **options, published=is_leek, rerun=rerun)
    pictures, troubles = [], []
    drawings: list[tuple[str, str, Callable[[dict[str, Any], Path], list[Path]]]] = [
        ("engines", "Every engine beside the baselines", multiples_figure)
    ]
    if is_leek:
        drawings.insert(0, ("figure", "The figure of 2017, drawn again", original_figure))
    for name, title, draw in drawings:
        try:
            drawn = draw(done.document, out / name)
            pictures.append({"title": title, "file": drawn[0].name})
        except CannotDraw as error:
            troubles.append(f"{name}: not drawn ({error})")
    guess = ""
    if is_leek:
        from parity.robustness_command import section

        path, asked = store or out / "parity.sqlite", options["engine_ids"]
        found, guess = section(study, asked, path, jobs=options["jobs"], quiet=quiet, rerun=rerun)
        done.document["robustness"] = found
    write(done.document, out / "parity.json")
    (out / "report.md").write_text(markdown(done.document, pictures) + guess)
    if json_to:
        send(done.document, json_to)
    if not quiet and json_to != "-":
        for comparison in done.document["comparisons"]:
            click.echo(comparison_line(comparison))
        shortfalls(done.document)
        for trouble in troubles:
            click.echo(trouble, err=True)
        click.echo(_account(done))
        made = [out / p["file"] for p in pictures] + [out / "report.md", out / "parity.json"]
        click.echo("see " + ", ".join(map(str, made)))
    return _exit_code(done)


def _again(words: list[str], options: dict[str, Any]) -> str:
    """The command line that asks for the same again."""
    import shlex

    for engine in options["engine_ids"]:
        words += ["--engine", engine]
    flags = {"draws": "--draws", "data_path": "--data", "label": "--label", "classes": "--classes"}
    for name, flag in flags.items():
        if options[name] is not None:
            words += [flag, str(options[name])]
    if options["device"] != "cpu":
        words += ["--device", options["device"]]
    return shlex.join(["parity", *words])


def study_named(name: str) -> Study:
    """The preset of that name, or the study in a TOML file."""
    from parity.spec.study import PRESETS, preset, read_study

    if name in PRESETS:
        return preset(name)
    if name.endswith(".toml") or Path(name).exists():
        return read_study(Path(name))
    raise unknown("preset", name, PRESETS)


def _with_options(study: Study, options: dict[str, Any]) -> Study:
    draws = options.pop("draws")
    if draws is not None:
        study = dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, draws=draws))
    source = {"reference": options.pop("data_path"), "label": options.pop("label"), "classes": options.pop("classes")}
    if source["classes"] is not None:
        first, comma, second = source["classes"].partition(",")
        if not comma or not first or not second or "," in second:
            raise RequestError(f"classes '{source['classes']}' must be two labels with a comma between, as in 0,1")
        source["classes"] = (first.strip(), second.strip())
    changed = {name: value for name, value in source.items() if value is not None}
    study = dataclasses.replace(study, data=dataclasses.replace(study.data, **changed))
    return study


def _run(
    study: Study,
    store: Path,
    *,
    quiet: bool,
    engine_ids: Sequence[str],
    device: str,
    jobs: int | None,
    published: bool = False,
    rerun: str,
) -> Run:
    from parity.report.terminal import Progress
    from parity.run import run_study

    with Progress(quiet) as follow:
        return run_study(
            study,
            store,
            engines=engine_ids,
            device=device,
            jobs=jobs or 0,
            follow=follow,
            published=published,
            rerun=rerun,
        )


def _account(done: Run) -> str:
    fitted, outcome = sum(done.outcome.fitted.values()), done.outcome
    if not fitted:
        return f"nothing to fit, {outcome.known:,} were in the store"
    share = outcome.overhead / (outcome.inside + outcome.overhead)
    took = f"{fitted:,} cells fitted in {outcome.wall:.0f} s, parity's own overhead {share:.1%}"
    return f"{took}; {outcome.known:,} were in the store"


def _exit_code(done: Run) -> int:
    from parity.cli import COMPARISON_FAILED, DONE, NOTHING_COMPARED
    from parity.report.document import failed

    if not any(cell["status"] == "done" for cell in done.document["cells"]):
        return NOTHING_COMPARED
    return COMPARISON_FAILED if failed(done.document) else DONE


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"folder {out} cannot be made: {error.strerror}; name another --out") from error
