"""What `parity run` does between the request and the last line that it prints, and what `parity reproduce` shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
    from parity.report.summary import summary
    from parity.report.terminal import accuracies, send, shortfalls

    chosen = ["--mode", mode] if mode else []
    rerun = again(["run", study_name, *chosen, "--store", str(store)], options)
    study = with_options(study_named(study_name), options)
    study = dataclasses.replace(study, mode=mode or study.mode, changed=(*study.changed, *chosen))
    done = run_with_progress(study, store, quiet=quiet, **options, rerun=rerun)
    if json_to:
        send(done.document, json_to)
    if not quiet and json_to != "-":
        accuracies(done.document)
        if done.document["pairs"]:
            click.echo(summary(done.document))
        shortfalls(done.document)
        click.echo(account(done))
    return exit_code(done)


def again(words: list[str], options: dict[str, Any]) -> str:
    """The command line that asks for the same again."""
    import shlex

    from parity.engines.sheet import reference

    for engine in options["engine_ids"]:
        words += ["--engine", reference(engine)]
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
        from parity.engines.sheet import engine

        study = read_study(Path(name))
        for each in study.engines or ():
            engine(each)  # the file of an own engine makes its id known to whoever asks for it by that
        return study
    raise unknown("preset", name, PRESETS)


def with_options(study: Study, options: dict[str, Any]) -> Study:
    """The study with what --draws, --data, --label and --classes replace; they are taken out of the options."""
    draws = options.pop("draws")
    if draws is not None:
        study = dataclasses.replace(study, protocol=dataclasses.replace(study.protocol, draws=draws))
    source = {"reference": options.pop("data_path"), "label": options.pop("label"), "classes": options.pop("classes")}
    given = {
        "--draws": draws,
        "--data": source["reference"],
        "--label": source["label"],
        "--classes": source["classes"],
    }
    words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    if source["classes"] is not None:
        first, comma, second = source["classes"].partition(",")
        if not comma or not first or not second or "," in second:
            raise RequestError(f"classes '{source['classes']}' must be two labels with a comma between, as in 0,1")
        source["classes"] = (first.strip(), second.strip())
    changed = {name: value for name, value in source.items() if value is not None}
    return dataclasses.replace(study, data=dataclasses.replace(study.data, **changed), changed=(*study.changed, *words))


def run_with_progress(
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
    """Run a study with a progress bar where somebody watches."""
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


def account(done: Run) -> str:
    """What was fitted, how long it took and what the store had already."""
    fitted, outcome = sum(done.outcome.fitted.values()), done.outcome
    if not fitted:
        return f"nothing to fit, {outcome.known:,} were in the store"
    share = outcome.overhead / (outcome.inside + outcome.overhead)
    took = f"{fitted:,} cells fitted in {outcome.wall:.0f} s, parity's own overhead {share:.1%}"
    return f"{took}; {outcome.known:,} were in the store"


def exit_code(done: Run) -> int:
    """0: done. 1: a comparison failed. 3: nothing was fitted."""
    from parity.cli_options import COMPARISON_FAILED, DONE, NOTHING_COMPARED
    from parity.report.document import failed

    if not any(cell["status"] == "done" for cell in done.document["cells"]):
        return NOTHING_COMPARED
    return COMPARISON_FAILED if failed(done.document) else DONE


def make_folder(out: Path) -> None:
    """Make a folder for pictures and reports; a RequestError where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"folder {out} cannot be made: {error.strerror}; name another --out") from error
