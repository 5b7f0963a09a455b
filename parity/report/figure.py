"""The pictures, drawn by R's base graphics from the numbers in a study's document."""

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
from parity.engines.sheet import engine_folder
from parity.report.published import CURVES, FILE

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
