"""SIGKILL to a worker, to the JVM and to the parent, at random moments: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from parity.engines.environment import h2o_jar, java
from parity.study.store import Store

pytestmark = [pytest.mark.kill, pytest.mark.timeout(600)]

KILLS = 5
PATIENCE = 120.0
"Seconds in which a run on a busy machine must have finished one more cell."

StudyFile = Callable[..., Path]


def kept(store: Path) -> dict[str, str]:
    """Key of each finished cell -> when it was finished."""
    if not store.exists() or store.stat().st_size == 0:
        return {}
    try:
        with Store(store) as opened:
            return {row["key"]: row["finished"] for row in opened.rows() if row["status"] == "done"}
    except Exception:  # the file is being made at this moment
        return {}


def wait_for_more(store: Path, than: int, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(kept(store)) <= than and running.poll() is None:
        assert time.monotonic() < deadline, "the run stands still"
        time.sleep(0.05)


@contextmanager
def a_run(study: Path, store: Path) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-m", "parity.cli", "run", str(study), "--store", str(store)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def finish(study: Path, store: Path, cells: int) -> None:
    """The rerun completes, and every cell that was finished before is the one that is there afterwards."""
    before = kept(store)
    command = [sys.executable, "-m", "parity.cli", "run", str(study), "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = kept(store)
    assert done.returncode == 0, done.stderr
    assert len(after) == cells
    assert {key: after[key] for key in before} == before
    assert f"{len(before)} were in the store" in done.stdout.replace(",", "")


def workers(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children(recursive=True)
    return [c for c in children if "multiprocessing.spawn" in " ".join(c.cmdline())]


def servers(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children(recursive=True)
    return [c for c in children if "java" in c.name()]


def wait_until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < deadline, "nothing to kill"
        time.sleep(0.02)


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not alive, f"orphans: {[' '.join(p.cmdline())[:120] for p in alive]}"


def kill_five_times_and_finish(
    study: Path, store: Path, cells: int, victims: Callable[[int], list[psutil.Process]], dice: random.Random
) -> None:
    """Kill one of the run's victims five times, each after at least one more cell; the run itself ends well."""
    with a_run(study, store) as running:
        for _ in range(KILLS):
            wait_for_more(store, len(kept(store)), running)
            time.sleep(dice.uniform(0, 1.0))
            assert running.poll() is None, "the run ended before it could be killed from within five times"
            wait_until(lambda: victims(running.pid))
            dice.choice(victims(running.pid)).kill()
        assert running.wait(timeout=400) == 0
    finish(study, store, cells)


def test_killed_workers_cost_no_finished_cell(study_file: StudyFile, tmp_path: Path):
    study = study_file(methods='["mlp-leek"]', sizes="[100, 150]", draws="150")
    kill_five_times_and_finish(study, tmp_path / "s.sqlite", 300, workers, random.Random(1))


def test_a_killed_parent_leaves_no_worker_and_loses_no_finished_cell(study_file: StudyFile, tmp_path: Path):
    study = study_file(methods='["mlp-leek"]', sizes="[100, 150]", draws="60")
    store = tmp_path / "s.sqlite"
    dice = random.Random(2)
    for _ in range(KILLS):
        with a_run(study, store) as running:
            wait_for_more(store, len(kept(store)), running)
            time.sleep(dice.uniform(0, 1.0))
            children = psutil.Process(running.pid).children(recursive=True) if running.poll() is None else []
            before = kept(store)
            running.kill()
            running.wait()
        assert_gone(children)
        assert before.items() <= kept(store).items()
    finish(study, store, 120)


needs_h2o = pytest.mark.skipif(h2o_jar() is None or java() is None, reason="no H2O server or no Java here")


@needs_h2o
def test_a_killed_server_is_replaced_and_the_run_goes_on(study_file: StudyFile, tmp_path: Path):
    study = study_file(engines='["py-h2o"]', methods='["leekasso-glm"]', sizes="[40, 60]", draws="120")
    kill_five_times_and_finish(study, tmp_path / "s.sqlite", 240, servers, random.Random(3))


@needs_h2o
def test_a_killed_parent_leaves_no_server(study_file: StudyFile, tmp_path: Path):
    study = study_file(engines='["py-h2o"]', methods='["leekasso-glm"]', sizes="[40, 60]", draws="60")
    store = tmp_path / "s.sqlite"
    dice = random.Random(4)
    for round_ in range(KILLS):
        with a_run(study, store) as running:
            deadline = time.monotonic() + PATIENCE
            while not servers(running.pid):
                assert time.monotonic() < deadline and running.poll() is None
                time.sleep(0.05)
            # From the JVM's first moment to the middle of a fit.
            time.sleep(dice.uniform(0, 2.5 * round_ + 0.5))
            children = psutil.Process(running.pid).children(recursive=True) if running.poll() is None else []
            before = kept(store)
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
        assert_gone(children)
        assert before.items() <= kept(store).items()
    finish(study, store, 120)
