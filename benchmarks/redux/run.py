"""Microseconds of one single-row update of mlp-beam by TensorFlow's fit, JAX' fit and the fast trainer, side by side.

    python benchmarks/redux/run.py [--repeat N] [--epochs N] [--no-curve]

Each trainer has a process of its own with the environment that its worker has. The three take turns on the same cells,
so that a busy machine slows all of them; the processor's own time is printed beside the clock's. The first turn, in
which the frameworks start and the fast trainer compiles and is checked, does not count; fit compiles for every cell
anew, and that does.

The last line is the whole deep curve of beam2017-r from an empty store: 15 sizes x 5 draws x 200 epochs are 675,000
updates, with accuracy after every epoch.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from parity.engines.worker import Setting, Task, fit, fit_batch, start
from parity.run import run_study
from parity.spec.protocol import make_draws
from parity.spec.study import preset
from parity.study.processes import ONE_THREAD, environ_of

STUDY = preset("beam2017-r")
SIZE = 40
"Rows of the draws that are compared; an update costs the same at every size."

DRAWS = 1
"TensorFlow's fit takes half a minute for it."

TRAINERS = {
    "TensorFlow fit": ("keras-tensorflow", "py-keras-tensorflow", fit),
    "JAX fit": ("keras-jax", "py-keras-jax", fit),
    "fast trainer": ("keras-jax", "py-keras-jax", fit_batch),
}


def fitted(work: Any, tasks: list[Task]) -> tuple[float, float]:
    """Microseconds of one update over these tasks, prediction included: by the clock, and of the process itself."""
    busy = time.process_time()
    answers = work(tasks) if work is fit_batch else [work(task) for task in tasks]
    for answer in answers:
        if answer["status"] != "done":
            raise SystemExit(f"it was not fitted: {answer['facts']['reason']}")
        if work is fit_batch and "trainer" not in answer["facts"]["effective"]:
            raise SystemExit(f"the fast trainer was not used: {answer['facts']['messages']}")
    busy = time.process_time() - busy
    seconds = sum(answer["facts"]["seconds"] for answer in answers)
    count = sum(answer["facts"]["updates"] for answer in answers)
    return 1e6 * seconds / count, 1e6 * busy / count


def updates(repeat: int, epochs: int) -> dict[str, list[tuple[float, float]]]:
    """What `fitted` says of each trainer, once a turn."""
    from parity.data import load

    data = load(STUDY.data)
    draws = make_draws(STUDY.protocol, data)
    rows = [draw for draw in draws.train if draw.n == SIZE][:DRAWS]
    spec = dataclasses.replace(STUDY.methods["mlp-beam"], epochs=epochs)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in TRAINERS}
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pools = {}
        for name, (runtime, _, _) in TRAINERS.items():
            setting = Setting({**environ_of(runtime), **ONE_THREAD}, STUDY.data, draws.test, Path(folder) / "log")
            pools[name] = ProcessPoolExecutor(1, spawn, initializer=start, initargs=(setting,))
        for turn in range(repeat + 1):
            for name, (_, engine, work) in TRAINERS.items():
                tasks = [Task(engine, spec, draw.rows, draw.seed) for draw in rows]
                taken = pools[name].submit(fitted, work, tasks).result()
                if turn:
                    found[name].append(taken)
        for pool in pools.values():
            pool.shutdown()
    return found


def curve() -> tuple[float, int]:
    """Seconds of the deep curve of beam2017-r from an empty store, and the updates that it took."""
    study = dataclasses.replace(STUDY, methods={"mlp-beam": STUDY.methods["mlp-beam"]}, engines=("py-keras-jax",))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        document = run_study(study, Path(folder) / "store.sqlite").document
        seconds = time.perf_counter() - started
    cells = document["cells"]
    assert all(cell["status"] == "done" and "accuracy_by_epoch" in cell for cell in cells)
    return seconds, sum(cell["updates"] for cell in cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=2, help="rounds that count")
    parser.add_argument("--epochs", type=int, default=200, help="epochs of a cell")
    parser.add_argument("--no-curve", action="store_true")
    asked = parser.parse_args()
    turns = updates(asked.repeat, asked.epochs)
    clock, busy = ({name: statistics.median(turn[k] for turn in each) for name, each in turns.items()} for k in (0, 1))
    for name in TRAINERS:
        ratios = [times[name] / times["fast trainer"] for times in (clock, busy)]
        print(f"{name:15} {clock[name]:7.1f} us an update ({busy[name]:7.1f} of the processor), ", end="")
        print(f"{ratios[0]:5.1f} ({ratios[1]:5.1f}) times the fast trainer")
    if not asked.no_curve:
        seconds, count = curve()
        print(f"deep curve of beam2017-r: {count:,} updates in {seconds:.1f} s on {os.cpu_count()} cores")
