"""The published curve of 2017, read off its figure."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "reference" / "leek2017_curve.csv"

CURVES = {"leekasso": ("r-stats", "leekasso-lm"), "h2o_deeplearning": ("r-h2o", "mlp-leek")}
"The published curves and the engine and method that drew them in 2017."


@dataclass(frozen=True, slots=True)
class PublishedPoint:
    """Mean accuracy over 5 replicates at one size."""

    n: int
    mean: float


def published_curve(name: str) -> list[PublishedPoint]:
    """The points of `leekasso` or `h2o_deeplearning`, by size."""
    with FILE.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["method"] == name]
    return [PublishedPoint(int(row["n_train"]), float(row["mean_accuracy"])) for row in rows]
