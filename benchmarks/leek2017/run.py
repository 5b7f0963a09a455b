"""Wall time of `parity reproduce leek2017 --engine r-stats --engine r-h2o` against a plain R script, side by side.

    python benchmarks/leek2017/run.py [--repeat N]

Both sides fit the same rows: 16 sizes × 5 draws, the Leekasso by lm and h2o.deeplearning. Both start R and a JVM of
their own, and those starts count. The sides take turns, so that a busy machine slows both. The last lines give the
ratio of the medians, the share of parity's run that is its own overhead, and the start of its command line.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from parity.data import Data, load
from parity.engines.environment import h2o_jar, r_environ
from parity.engines.h2o_server import free_ports
from parity.report.published import CURVES, published_curve
from parity.spec.protocol import Draws, make_draws
from parity.spec.study import preset

PLAIN = Path(__file__).with_name("plain.R")
STARTS = 5


def write_inputs(folder: Path, data: Data, draws: Draws) -> None:
    """rows.csv and pool.csv as plain.R reads them; R counts rows from 1."""
    header = ",".join(["label", *data.features])
    table = np.column_stack([data.y, data.x])
    np.savetxt(folder / "pool.csv", table, fmt="%d", delimiter=",", header=header, comments="")
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n", "draw", "set", "row"])
        writer.writerows([0, 0, "test", row + 1] for row in draws.test)
        writer.writerows([d.n, d.index, "train", row + 1] for d in draws.train for row in d.rows)


def plain_seconds(folder: Path) -> float:
    """One run of the plain script."""
    arguments = ["rows.csv", "pool.csv", "answers.csv", str(free_ports())]
    environ = {**os.environ, **r_environ(), "H2O_JAR_PATH": str(h2o_jar())}
    return timed([shutil.which("Rscript") or "Rscript", str(PLAIN), *arguments], folder, environ)


def parity_seconds(folder: Path) -> float:
    """One run of parity from an empty store."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    command = ["reproduce", "leek2017", "--engine", "r-stats", "--engine", "r-h2o", "--out", "out"]
    return timed([sys.executable, "-m", "parity.cli", *command], folder, dict(os.environ))


def timed(command: list[str], folder: Path, environ: dict[str, str]) -> float:
    """Wall seconds of a command; its output goes to a log in the folder."""
    with (folder / "log").open("a") as log:
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environ, check=True, stdout=log, stderr=log)
        return time.perf_counter() - started


def plain_distances(folder: Path) -> dict[str, float]:
    """Mean absolute distance of the plain script's curves from the published ones."""
    accuracy: dict[tuple[str, int], list[float]] = defaultdict(list)
    with (folder / "answers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            accuracy[row["method"], int(row["n"])].append(float(row["accuracy"]))
    return {
        method: float(np.mean([abs(np.mean(accuracy[method, p.n]) - p.mean) for p in published_curve(name)]))
        for name, (_, method) in CURVES.items()
    }


def start_seconds(*arguments: str) -> float:
    """Median time of five starts of the command line, after one that warms the disk."""
    times = []
    for _ in range(STARTS + 1):
        started = time.perf_counter()
        subprocess.run([str(Path(sys.executable).with_name("parity")), *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each side (default 1)")
    repeat = parser.parse_args().repeat
    study = preset("leek2017")
    data = load(study.data)
    draws = make_draws(study.protocol, data)
    sides: dict[str, list[float]] = {"plain R": [], "parity": []}
    with tempfile.TemporaryDirectory(prefix="parity-bench-") as name:
        folder = Path(name)
        write_inputs(folder, data, draws)
        for turn in range(repeat):
            for side, run in (("plain R", plain_seconds), ("parity", parity_seconds)):
                sides[side].append(run(folder))
                print(f"{side} {turn + 1}/{repeat}: {sides[side][-1]:.1f} s", flush=True)
        for method, distance in plain_distances(folder).items():
            print(f"plain R {method}: mean absolute distance from the published curve {distance:.3f}")
        print(
            "\n".join(line for line in (folder / "log").read_text().splitlines() if " ~ " in line or "overhead" in line)
        )
    ratio = statistics.median(sides["parity"]) / statistics.median(sides["plain R"])
    print(f"ratio parity / plain R: {ratio:.2f} (wanted: at most 0.60)")
    for arguments in (["--help"], ["engines"]):
        print(f"parity {' '.join(arguments)}: {start_seconds(*arguments):.2f} s (wanted: at most 0.30)")


if __name__ == "__main__":
    main()
