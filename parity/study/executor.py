"""Fits the cells of a study that the store does not hold yet: one pool of processes a runtime, one JVM for H2O."""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from parity.engines.worker import Setting, Task, fit, fit_batch, start, told
from parity.errors import NothingCompared
from parity.study.batches import Batch, Phase, batches, task
from parity.study.cells import EXPECTED_SECONDS
from parity.study.processes import RUN_FOLDER, died_of, environ_of, new_server, one_thread, sweep
from parity.study.store import Result, Store

if TYPE_CHECKING:
    from pebble import ProcessPool

    from parity.data import Data, Source
    from parity.engines.h2o_server import H2OServer
    from parity.spec.protocol import Draws
    from parity.study.cells import Cell

CELL_SECONDS = 900.0
"The slowest cell of the presets (17,000 single-row updates through R's Keras) takes 90 s; ten times that is a hang."

WORKER_CELLS = 150
"A Keras worker keeps 15 to 25 MB of every fit, whatever is cleared; a fresh one costs it a few seconds."

JAX_CELLS = 1500
"""On JAX it keeps 0.3 MB of a fit and 1 MB of one by the compiled loop, whose code a fresh worker has to compile and
check again: 3 s for every set of arguments."""

LASTING = ("python", "r")
"Runtimes whose workers are never replaced."

STRIKES = 2
"A cell that was being fitted when its worker or its server died is tried once more; then it is the suspect."

CRASHES = 3
"After so many crashes without one finished cell in between, the runtime itself is broken and its rest is not tried."

WORKER_SECONDS = 10.0
"A worker takes 2 to 8 s to load its framework; one more must find at least this much work."

STALL_SECONDS = 30.0
"A worker killed with the queue's lock in its hand stops the others; they start, or take a task, within seconds."

WATCH_SECONDS = 0.2
"How often the parent looks whether the JVM still lives."

H2O_CLIENTS_PER_CORE = 2
"An H2O client mostly waits and polls: two a core keep the JVM busy (measured: 0.85 s a cell with one, 0.55 with four)."

Watcher = Callable[["Cell", Result], object]
Further = Callable[["Cell", Result], Iterable["Cell"]]


@dataclass(slots=True)
class Outcome:
    """What a run did. Counts of cells by status, and where the time went, in seconds."""

    fitted: Counter[str] = field(default_factory=Counter)
    known: int = 0
    wall: float = 0.0
    inside: float = 0.0
    "Sum over cells of the time inside engines."
    overhead: float = 0.0
    "Sum over cells of the worker's own time, and the parent's CPU time."


class Executor:
    """Runs cells and stores what comes back. The caller's process is the only one that writes to the store."""

    def __init__(
        self,
        store: Store,
        source: Source,
        data: Data,
        draws: Draws,
        *,
        jobs: int = 0,
        cell_seconds: float = CELL_SECONDS,
    ) -> None:
        self._store, self._source, self._data, self._draws = store, source, data, draws
        self._jobs = jobs or os.cpu_count() or 1
        self._cell_seconds = cell_seconds
        self._server: H2OServer | None = None
        self._serving = ""
        self._first: dict[tuple[int, int], int] = {}
        self._outcome = Outcome()
        self._watch: Watcher = lambda cell, result: None
        self._further: Further | None = None
        self._held: dict[str, ProcessPool] | None = None

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Keep workers and server from one `run` to the next, until the block is left: they load but once."""
        with ExitStack() as stack:
            self._open(stack)
            self._held = {}
            try:
                yield self
            finally:
                for pool in self._held.values():
                    pool.stop()
                    pool.join()
                self._held = None
                self._end_server()

    def _open(self, stack: ExitStack) -> None:
        sweep()
        folder = tempfile.TemporaryDirectory(prefix=f"{RUN_FOLDER}{os.getpid()}-", ignore_cleanup_errors=True)
        self._log = Path(stack.enter_context(folder)) / "worker"
        stack.enter_context(one_thread())

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def run(
        self,
        cells: Iterable[Cell],
        watch: Watcher = lambda cell, result: None,
        further: Further | None = None,
    ) -> Outcome:
        """Fit every cell that is not in the store; `watch` is told of each as it is stored.

        further: the cells that a result calls for, of the runtime that gave it; the store is not asked for them.
        On KeyboardInterrupt all processes are ended first; what was finished is in the store.
        """
        cells = list(cells)
        self._outcome = outcome = Outcome()
        self._watch, self._further = watch, further
        started, busy = time.perf_counter(), time.process_time()
        done = self._store.finished(cell.key for cell in cells)
        pending = list({cell.key: cell for cell in cells if cell.key not in done}.values())
        outcome.known = len({cell.key for cell in cells}) - len(pending)
        phases = [
            Phase(runtime, deque(c for c in pending if c.engine.runtime == runtime))
            for runtime in dict.fromkeys(cell.engine.runtime for cell in pending)
        ]
        with ExitStack() as stack:
            if self._held is None:
                self._open(stack)
                stack.callback(self._end_server)
            if any(phase.runtime == "h2o" for phase in phases) and self._server is None:
                self._server = new_server(self._log.parent)
                self._server.start()  # it boots while other runtimes work
            for phase in phases:
                self._run_phase(phase)
                if phase.runtime == "h2o" and self._held is None:
                    self._end_server()  # two GB that the next frameworks can use
        outcome.wall = time.perf_counter() - started
        outcome.overhead += time.process_time() - busy
        return outcome

    def _run_phase(self, phase: Phase) -> None:
        while phase.queue and phase.crashes < CRASHES:
            server = self._server if phase.runtime == "h2o" else None
            before = self._outcome.fitted.total()
            pool = (self._held or {}).pop(phase.runtime, None) or self._pool(phase)
            sound = False
            try:
                if server is not None:
                    self._serve(server)
                self._drain(pool, phase, server)
                sound = pool.active and not phase.queue
            except (NothingCompared, OSError) as error:
                phase.trouble = str(error)  # the server could not be had, or died while it read the rows
            finally:
                if self._held is not None and sound:
                    self._held[phase.runtime] = pool
                else:
                    pool.stop()
                    pool.join()
            phase.queue.extend(phase.fresh)
            phase.fresh.clear()
            if self._outcome.fitted.total() == before:
                phase.crashes += 1
        while phase.queue:
            words = phase.trouble or self._last_words()
            reason = f"its runtime '{phase.runtime}' failed {CRASHES} times in a row: {words}"
            self._keep(phase.queue.popleft(), Result("lost", {"reason": reason}, {}), phase)
            phase.queue.extend(phase.fresh)
            phase.fresh.clear()

    def _pool(self, phase: Phase) -> ProcessPool:
        from pebble import ProcessPool

        waiting = batches(phase.queue, phase.alone, phase.by_fit, self._jobs)
        most = self._jobs * (H2O_CLIENTS_PER_CORE if phase.runtime == "h2o" else 1)
        work = sum(EXPECTED_SECONDS[cell.spec.family] for cell in phase.queue)
        # What a search, or a later run, will ask for is not known when it starts.
        more_to_come = self._further is not None or self._held is not None
        return ProcessPool(
            max_workers=most if more_to_come else min(most, math.ceil(work / WORKER_SECONDS)),
            initializer=start,
            initargs=[
                Setting(
                    # R leaves its folder of temporary files where its process is ended; ours takes it along.
                    {**environ_of(phase.runtime, phase.queue[0].identity["device"]), "TMPDIR": str(self._log.parent)},
                    self._source,
                    self._draws.test,
                    self._log,
                )
            ],
            context=multiprocessing.get_context("spawn"),
            max_tasks=self._most_tasks(phase.runtime, max(len(batch.cells) for batch in waiting)),
        )

    def _most_tasks(self, runtime: str, longest: int) -> int:
        """Tasks after which a worker is replaced, 0 for never. longest: cells of the largest batch."""
        if runtime in LASTING:  # linear models leave nothing behind, and R takes seconds to load
            return 0
        cells = JAX_CELLS if runtime == "keras-jax" else WORKER_CELLS
        # What a held pool is asked for later is mostly single cells.
        return cells if self._held is not None else max(1, cells // longest)

    def _serve(self, server: H2OServer) -> None:
        """Have a server that answers and holds the rows; a fresh one where the last has died."""
        if not server.alive:
            server.start()
        elif self._serving == server.name:
            if server.answers():
                return
            server.start()  # alive, but out of memory or stuck
        server.ready()
        stack = []
        position = 0
        for draw in self._draws.train:
            self._first[draw.n, draw.index] = position
            position += draw.n
            stack.append(draw.rows)
        server.load("parity_test", self._data, self._draws.test)
        server.load("parity_stack", self._data, np.concatenate(stack))
        self._serving = server.name

    def _drain(self, pool: ProcessPool, phase: Phase, server: H2OServer | None) -> None:
        """Run the queue through one pool until it is empty or the pool or the server has died."""
        given: dict[Future[Any], Batch] = {}
        self._schedule(pool, phase, phase.queue, given, server)
        if server is None and self._server is not None:
            # Rows go to the server while other runtimes load. A server in trouble is for its own phase to report.
            with suppress(NothingCompared, OSError):
                self._serve(self._server)
        busy = time.monotonic()
        while given:
            finished, _ = wait(given, timeout=WATCH_SECONDS, return_when=FIRST_COMPLETED)
            if any(future.running() or future.done() for future in given):
                busy = time.monotonic()
            elif time.monotonic() - busy > STALL_SECONDS:
                self._give_back(given, phase, "nothing was taken from the queue any more")
                return
            if server is not None and not server.alive:
                self._give_back(given, phase, "the H2O server died while fitting it")
                return
            for future in finished:
                self._receive(future, given.pop(future), phase)
            self._schedule(pool, phase, phase.fresh, given, server)
            if phase.crashes >= CRASHES or not pool.active and given:
                self._give_back(given, phase, "its worker died")
                return

    def _schedule(
        self,
        pool: ProcessPool,
        phase: Phase,
        queue: deque[Cell],
        given: dict[Future[Any], Batch],
        server: H2OServer | None,
    ) -> None:
        """Hand the cells of a queue to a pool; what a broken one does not take stays in the queue."""
        waiting = deque(batches(queue, phase.alone, phase.by_fit, self._jobs))
        queue.clear()
        while waiting:
            tasks = [self._task(cell, server) for cell in waiting[0].cells]
            work, argument = (fit_batch, tasks) if waiting[0].many else (fit, tasks[0])
            try:
                future = pool.schedule(work, args=[argument], timeout=self._cell_seconds * len(tasks))
            except RuntimeError:  # its processes cannot be started
                queue.extend(cell for batch in waiting for cell in batch.cells)
                return
            given[future] = waiting.popleft()

    def _receive(self, future: Future[Any], batch: Batch, phase: Phase) -> None:
        from pebble import ProcessExpired

        cell = batch.cells[0]
        try:
            answers = future.result() if batch.many else [future.result()]
        except BrokenProcessPool:
            phase.queue.extend(batch.cells)  # they had not begun
        except Exception as error:
            if batch.many:
                phase.one_by_one(batch.cells, f"{type(error).__name__}: {error}")
            elif isinstance(error, FutureTimeout):
                phase.crashes += 1
                reason = f"took longer than {self._cell_seconds:g} s and was ended"
                self._keep(cell, Result("lost", {"reason": reason}, {}), phase)
            elif isinstance(error, ProcessExpired):
                phase.crashes += 1
                self._strike(cell, phase, f"its worker died ({died_of(error.exitcode)})")
            else:  # an engine file that breaks the contract, or our own bug
                reason = f"{type(error).__name__}: {error}"
                self._keep(cell, Result("lost", {"reason": reason}, {}), phase)
        else:
            for cell, answer in zip(batch.cells, answers, strict=True):
                self._take(cell, answer, phase)

    def _take(self, cell: Cell, answer: dict[str, Any], phase: Phase) -> None:
        if answer["status"] != "done" and phase.runtime == "h2o" and self._server and not self._server.answers():
            # What the client raised is that nobody answered, which says nothing about the fit.
            phase.queue.append(cell)
            return
        phase.crashes = 0
        if cell.key in phase.by_fit:
            answer = told(answer, f"fitted by itself, since fit_many failed on it ({phase.by_fit[cell.key]})")
        self._keep(cell, Result(answer["status"], answer["facts"], answer["arrays"]), phase)

    def _give_back(self, given: dict[Future[Any], Batch], phase: Phase, reason: str) -> None:
        """Return unfinished cells to the queue; one that was being fitted by itself is struck."""
        for future, batch in given.items():
            if future.done():
                self._receive(future, batch, phase)
            elif future.running() and batch.many:
                phase.one_by_one(batch.cells, reason)
            elif future.running():
                self._strike(batch.cells[0], phase, reason)
            else:
                phase.queue.extend(batch.cells)

    def _strike(self, cell: Cell, phase: Phase, reason: str) -> None:
        phase.strikes[cell.key] += 1
        if phase.strikes[cell.key] < STRIKES:
            phase.queue.append(cell)
        else:
            self._keep(cell, Result("lost", {"reason": f"{reason}; {self._last_words()}"}, {}), phase)

    def _keep(self, cell: Cell, result: Result, phase: Phase) -> None:
        self._store.put(cell, result)
        self._outcome.fitted[result.status] += 1
        self._outcome.inside += result.facts.get("inside", 0.0)
        self._outcome.overhead += result.facts.get("overhead", 0.0)
        self._watch(cell, result)
        if self._further is not None:
            phase.fresh.extend(self._further(cell, result))

    def _task(self, cell: Cell, server: H2OServer | None) -> Task:
        return (
            task(cell, server.address, self._first[cell.draw.n, cell.draw.index]) if server else task(cell, None, None)
        )

    def _last_words(self) -> str:
        """The end of the newest log that says anything: what a crashed worker printed."""
        logs = sorted(self._log.parent.glob("worker.*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for log in logs:
            lines = log.read_text(errors="replace").strip().splitlines()
            if lines:
                return f"its last words: {lines[-1][:300]}"
        return "it said nothing"
