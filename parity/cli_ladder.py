"""The commands of the ladder: defaults, solvers, lockstep, curves, explain, and what is known beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from parity.cli_options import data_options, engine_names, engines_option, json_option


@click.command()
@click.argument("method", required=False)
@engines_option
@click.option(
    "--diff", "pair", callback=engine_names, nargs=2, metavar="A B", help="Only what differs between two engines."
)
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
@json_option
def defaults(method: str | None, pair: tuple[str, str] | None, **options: Any) -> int:
    """What METHOD is asked for, what is in force and what has an effect, for every native parameter of every engine.

    Without METHOD: a summary of all methods.
    """
    from parity.defaults_command import show_defaults

    return show_defaults(method, pair=pair, **options)


@click.command()
@click.argument("pair", callback=engine_names, metavar="[A B]", nargs=-1)
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
@json_option
def solvers(pair: tuple[str, ...], **options: Any) -> int:
    """Do A and B minimise the same objective on the same features, and do they get there?

    A and B are engines; ENGINE:ALGORITHM names one of an engine's algorithms, as py-sklearn:newton-cg.
    """
    from parity.solvers_command import show_solvers

    return show_solvers(pair, **options)


@click.command()
@click.argument("pair", callback=engine_names, metavar="A B", nargs=-1)
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
@json_option
def lockstep(pair: tuple[str, ...], **options: Any) -> int:
    """From equal weights on equal rows: the first step and tensor at which the networks of A and B part.

    A and B are engines, or one of them is 'reference': networks trained in float64 by the plain formulas.
    """
    from parity.lockstep_command import show_lockstep

    return show_lockstep(pair, **options)


@click.command()
@click.argument("pair", callback=engine_names, metavar="[A B]", nargs=-1)
@click.option("--method", metavar="METHOD", help="A method of the study, as mlp-leek (default: every one).")
@click.option("--all", "everything", is_flag=True, help="Every pair of engines under every method.")
@click.option("--study", "study_name", help="A preset or a study.toml (default: the first preset with METHOD).")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: the study's sizes).")
@click.option("--draws", type=click.IntRange(1), help="Draws at each size (default: the file's; 20 for a preset).")
@data_options
@click.option("--margin", type=float, help="Difference of accuracy that counts (default: the study's, 0.01).")
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), help="In place of the study's own.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write the page with curves and evidence.")
@click.option("--quiet", is_flag=True, help="No progress and no cards.")
@json_option
def curves(pair: tuple[str, ...], **options: Any) -> int:
    """Do the accuracy curves of A and B agree? Equivalent or different by a margin, on the same rows at every size."""
    from parity.curves_command import show_curves

    return show_curves(pair, **options)


@click.command()
@click.argument("pair", callback=engine_names, metavar="A B", nargs=-1)
@click.option("--method", metavar="METHOD", required=True, help="A method of the study, as mlp-leek.")
@click.option("--study", "study_name", help="A preset or a study.toml (default: the first preset with METHOD).")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: the first size).")
@click.option("--draws", type=click.IntRange(2), help="Draws that effects are measured on.  [default: 20]")
@click.option("--fresh", type=click.IntRange(0), help="Further draws to verify the answer on (default: as many).")
@data_options
@click.option("--budget", metavar="TIME", help="Stop with the best answer so far, as 90s or 10m (default: never).")
@click.option("--margin", type=float, help="Difference of accuracy that counts (default: the study's, 0.01).")
@click.option("--mode", type=click.Choice(["shipped", "aligned"]), help="In place of the study's own.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--recipe", "recipe_to", type=click.Path(path_type=Path), help="Folder for the code with its rows.")
@click.option("--html", "html_to", type=click.Path(path_type=Path), help="Write the page with the waterfall.")
@click.option("--markdown", "markdown_to", type=click.Path(path_type=Path), help="Write the explanation as Markdown.")
@click.option("--picture", "picture_to", type=click.Path(path_type=Path), help="Draw the waterfall, as PNG or SVG.")
@click.option("--quiet", is_flag=True, help="No progress and no text.")
@json_option
def explain(pair: tuple[str, ...], **options: Any) -> int:
    """Which differences between A and B cause the gap, how sure is that, and what to type so that they agree.

    Every difference that can be read or measured is switched, by itself and with the others, on the same rows.
    """
    from parity.explain_command import show_explain

    return show_explain(pair, **options)


@click.command()
@engines_option
@click.option("--markdown", "markdown_to", type=click.Path(path_type=Path), help="Write the page of all tables.")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@json_option
def certified(engine_ids: tuple[str, ...], json_to: str | None, markdown_to: Path | None, quiet: bool) -> int:
    """How many digits does each solver get right on NIST's certified least-squares sets?"""
    from parity.certified_command import show_certified

    return show_certified(engine_ids, json_to, markdown_to, quiet)


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--check", is_flag=True, help="Run the evidence of each entry again; exit 1 where it no longer holds.")
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
def divergences(ids: tuple[str, ...], check: bool, store: Path | None, jobs: int | None) -> int:
    """The registry of known divergences: what differs, the command that shows it, and what makes it go away."""
    from parity.defaults_command import show_divergences

    return show_divergences(ids, check, store, jobs)


@click.command()
@click.option("--draws", type=click.IntRange(1), default=30, show_default=True, help="Training draws at each size.")
@click.option("--n", "sizes", type=click.IntRange(2), multiple=True, help="Training rows (default: 10, 15, … 85).")
@engines_option(help="Only this engine; may be repeated. py-h2o only so.")
@click.option("--store", type=click.Path(path_type=Path), help="Where fits are kept (default: the user's cache).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/robustness"), show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes for a runtime (default: one a core).")
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@json_option
def robustness(**options: Any) -> int:
    """Is liblinear more robust than R's lm and glm, as was guessed in 2017, and which cause carries the difference?"""
    from parity.robustness_command import show_robustness

    return show_robustness(**options)


@click.command()
@click.option("--data", default="mnist", show_default=True, metavar="NAME", help="mnist, or mnist01 for 0 and 1 alone.")
@click.option("--quiet", is_flag=True, help="No table.")
@json_option
def pixels(data: str, json_to: str | None, quiet: bool) -> int:
    """How well one pixel tells every two digits apart: chosen on MNIST's training rows, judged on its test rows."""
    from parity.pixels_command import show_pixels

    return show_pixels(data, json_to=json_to, quiet=quiet)


LADDER = (defaults, solvers, lockstep, curves, explain, certified, divergences, robustness, pixels)
"In the order in which a comparison climbs it."
