"""Every engine against the float64 reference: 100 single-row updates of the rebuttal's network per optimizer.

    python benchmarks/lockstep/run.py [--engine ID]... [--steps N]

Prints, as a Markdown table, how much of its tolerance the worst tensor of the worst step used up, the largest gap of a
weight, and the seconds of trace and comparison. Networks have no dropout, pixels lie between 0 and 1.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from parity.compare.lockstep import compare
from parity.data import load
from parity.engines.sheet import engine, engines
from parity.network_fits import settled, traced
from parity.run import able
from parity.spec.protocol import make_draws
from parity.spec.study import PRESETS

OPTIMIZERS = ("sgd", "adam", "rmsprop", "adadelta")


def row(name: str, optimizer: Any, precision: Any, steps: int) -> str | None:
    """One line of the table; None where the engine does not have the optimizer."""
    study, side = PRESETS["beam2017-r"], engine(name)
    data = load(study.data)
    draw = make_draws(study.protocol, data).train[0]
    ground = settled(
        study, "mlp-beam", data, draw, [side], steps=steps, fit=False, optimizer=optimizer,
        output=side.output, precision=precision,
    )  # type: ignore[arg-type]  # fmt: skip
    started = time.perf_counter()
    (answer,) = traced(ground, [side])
    trained = time.perf_counter()
    if isinstance(answer, str):
        return f"| {name} | {optimizer} | {precision} | {answer} | | | |"
    if answer.get("trace") is None:
        return None
    kind = np.float64 if precision == "float64" else np.float32
    found = compare(answer["trace"], None, ground.start, ground.rule, ground.batches, precision=kind)
    compared = time.perf_counter()
    weights = max(each.gap for each in found.compared if each.tensor.startswith(("weights", "biases")))
    worst = max(each.excess for each in found.compared)
    where = f"parts at update {found.first.step}, {found.first.tensor}" if found.first else f"{worst:.2f}"
    times = f"{trained - started:.1f} | {compared - trained:.1f}"
    return f"| {name} | {optimizer} | {precision} | {where} | {weights:.1e} | {found.steps} | {times} |"


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append")
    parser.add_argument("--steps", type=int, default=100)
    asked = parser.parse_args()
    names = asked.engine or [each.id for each in engines().values() if "mlp" in each.fits]
    running, _ = able([engine(name) for name in names])
    print("| engine | optimizer | precision | share of tolerance | weights' gap | updates | trace, s | compare, s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in running:
        steps = min(asked.steps, 30) if engine(name).order else asked.steps
        for precision in ("float32", "float64") if engine(name).capabilities["float64"] is True else ("float32",):
            for optimizer in OPTIMIZERS:
                line = row(name, optimizer, precision, steps)
                if line is not None:
                    print(line, flush=True)


if __name__ == "__main__":
    main()
