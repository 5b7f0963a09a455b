"""The pictures, drawn by R from the numbers in a study's document: base graphics, and ggplot2 where 2017's was."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from parity.engines.environment import r_environ
from parity.engines.pictures import ggplot2_gap
from parity.engines.sheet import engine_folder
from parity.report.published import CURVES, FILE
from parity.report.rebuttal import EARLY, LABELS, LATE, engine_of, epoch_curves, label_of

DRAW_SECONDS = 120
"R draws a picture in 1 to 3 s."


class CannotDraw(Exception):
    """Why there is no picture, and what mends that."""


def original_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """The figure of 2017 with the published curve over it, as prefix.png and prefix.svg."""
    wanted = set(CURVES.values())
    curves = [c for c in document["curves"] if (c["engine"], c["method"]) in wanted]
    if not curves:
        raise CannotDraw("neither r-stats lm nor r-h2o ran, so there is no original figure to draw")
    return _draw(prefix, [], curves, str(FILE))


def multiples_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """Every engine and method as small multiples beside the baselines, as prefix.png and prefix.svg."""
    if not document["curves"]:
        raise CannotDraw("no engine ran, so there is nothing to draw")
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        baselines = Path(folder) / "baselines.csv"
        points = ((p["n"], b["baseline"], p["mean"]) for b in document["baselines"] for p in b["points"])
        _write(baselines, ("n", "baseline", "mean"), points)
        return _draw(prefix, ["--multiples"], document["curves"], str(baselines))


def redux_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """The rebuttal's figure in R: the Leekasso and the network, with 10-90 % bars."""
    rows = [
        (p["n"], "network" if curve["method"] in LABELS else "leekasso", curve["engine"], p["mean"], p["p10"], p["p90"])
        for curve in _standing(document)
        for p in curve["points"]
    ]
    return _of_table("redux_figure.R", ("n", "role", "engine", "mean", "p10", "p90"), rows, prefix)


def rebuttal_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """The rebuttal's figure of its numbers in Python: ggplot2, two panels, mean and standard deviation."""
    gap = ggplot2_gap()
    if gap is not None:
        raise CannotDraw(f"{gap.package} draws this picture and is not installed: {gap.mend}")
    rows = [
        (p["n"], label_of(document, curve["method"]), curve["engine"], p["mean"], "NA" if p["sd"] is None else p["sd"])
        for curve in _standing(document)
        for p in curve["points"]
    ]
    return _of_table("rebuttal_figure.R", ("n", "model", "engine", "mean", "sd"), rows, prefix)


def epochs_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """Test accuracy after every epoch: small multiples by size, one line a draw. Cells without it are left out."""
    rows = [
        (cell["n"], LABELS[method], cell["draw"], epoch, accuracy)
        for method in document["study"]["methods"]
        if method in LABELS
        for cell in epoch_curves(document, method)
        for epoch, accuracy in enumerate(cell["accuracy_by_epoch"], start=1)
    ]
    header = ("n", "model", "draw", "epoch", "accuracy")
    if not rows:
        raise CannotDraw("no cell has its accuracy after every epoch")
    return _of_table("epochs_figure.R", header, rows, prefix, [str(EARLY), str(LATE[0])])


def pixels_figure(document: dict[str, Any], prefix: Path) -> list[Path]:
    """How well one pixel tells every two digits apart, and where it is."""
    content = document["single_pixel"]
    if "not_run" in content:
        raise CannotDraw(content["not_run"])
    rows = [(*p["digits"], p["accuracy"]["value"], p["row"], p["column"], p["above"]) for p in content["pairs"]]
    return _of_table("pixels_figure.R", ("a", "b", "accuracy", "row", "column", "above"), rows, prefix)


def _standing(document: dict[str, Any]) -> list[dict[str, Any]]:
    """One curve a method: of the engine that stands for it."""
    curves = [c for c in document["curves"] if c["engine"] == engine_of(document, c["method"])]
    if not curves:
        raise CannotDraw("no engine ran, so there is nothing to draw")
    return curves


def _of_table(
    script: str, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]], prefix: Path, further: Iterable[str] = ()
) -> list[Path]:
    def arguments(folder: Path) -> list[str]:
        _write(folder / "table.csv", header, rows)
        return [str(folder / "table.csv"), *further]

    return drawn_by_r(script, arguments, prefix, (".png", ".svg"))


def _draw(prefix: Path, flags: list[str], curves: list[dict[str, Any]], second: str) -> list[Path]:
    def arguments(folder: Path) -> list[str]:
        first = folder / "curves.csv"
        rows = ((p["n"], c["engine"], c["method"], p["mean"], p["p10"], p["p90"]) for c in curves for p in c["points"])
        _write(first, ("n", "engine", "method", "mean", "p10", "p90"), rows)
        return [*flags, str(first), second]

    return drawn_by_r("figure.R", arguments, prefix, (".png", ".svg"))


def drawn_by_r(
    script: str, arguments: Callable[[Path], list[str]], prefix: Path, suffixes: tuple[str, ...]
) -> list[Path]:
    """The pictures `prefix` + suffix that an R script draws.

    arguments: given a temporary folder for its tables, what the script is called with before the prefix. Raises
    CannotDraw with the reason.
    """
    rscript = shutil.which("Rscript")
    if rscript is None:
        raise CannotDraw("R draws the pictures and is not installed: apt-get install r-base-core")
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        command = [rscript, str(engine_folder("R") / script), *arguments(Path(folder)), str(prefix.resolve())]
        environ = {**os.environ, **r_environ()}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=DRAW_SECONDS, env=environ, cwd=folder, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise CannotDraw(f"R took longer than {DRAW_SECONDS} s to draw") from error
    drawn = [prefix.with_suffix(suffix) for suffix in suffixes]
    if done.returncode != 0 or not all(path.exists() for path in drawn):
        raise CannotDraw(f"R could not draw: {' '.join(done.stderr.split())[-300:]}")
    return drawn


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
