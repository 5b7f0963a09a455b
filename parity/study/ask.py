"""One question to one engine, in a process of its own: its translation or its defaults."""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.engines.worker import Setting, answer_question, start
from parity.errors import NothingCompared
from parity.probe_data import PROBE
from parity.study.processes import environ_of

if TYPE_CHECKING:
    from pebble import ProcessPool

    from parity.engines.sheet import Engine

ASK_SECONDS = 120.0
"R's Keras takes 14 s to load; nothing is fitted."


def ask(engine: Engine, question: str, *arguments: Any) -> Any:
    """What an engine's `translate` or `defaults` answers. Raises NothingCompared with the reason where it cannot."""
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        pool = lone_worker(environ_of(engine.runtime), Path(folder))
        try:
            return pool.schedule(answer_question, args=[engine.id, question, *arguments], timeout=ASK_SECONDS).result()
        except Exception as error:
            raise NothingCompared(f"{engine.id} could not answer {question}: {error}") from error
        finally:
            pool.stop()
            pool.join()


def lone_worker(environ: dict[str, str], folder: Path, nice: int = 0) -> ProcessPool:
    """A pool of one process that answers questions and fits nothing; folder: where its log goes."""
    from pebble import ProcessPool

    setting = Setting(environ, PROBE, np.empty(0, np.int64), folder / "worker", nice)
    return ProcessPool(
        max_workers=1, initializer=start, initargs=[setting], context=multiprocessing.get_context("spawn")
    )
