"""The native parameters of every engine and method: asked of all engines side by side, kept by package version."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.engines.worker import answer_question
from parity.errors import NothingCompared
from parity.probe_data import SEED, few_images, few_rows, probe_data, train_rows
from parity.spec.models import CNN, Leekasso, Specification, plain
from parity.spec.screen import neutral_screen
from parity.study.ask import lone_worker
from parity.study.processes import RUN_FOLDER, environ_of, new_server, one_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

    from parity.engines.sheet import Engine

Plain = dict[str, Any]

ASK_SECONDS = 180.0
"R's Keras takes 14 s to load on a busy machine and H2O's largest network a few to train; past this something hangs."

IMPORTED_AS = {"scikit-learn": "sklearn"}
"Distribution -> the package that it brings, where they have other names."

TOGETHER = {"h2o": {"R": "r", "Python": "python"}, "keras-tensorflow": {"Python": "r-keras"}}
"Runtime and language -> a runtime whose process answers as well: R and TensorFlow take long to load, once is enough."

FIRST = "r"
"R takes longest to load, and its H2O client waits for it; the others yield to it."

YIELDING = 5
"How nice the other processes are."


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One engine's native parameters under one method.

    rows: what its `defaults` answered; reason: why there are none.
    """

    engine: str
    method: str
    versions: dict[str, str]
    rows: tuple[Plain, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One engine's defaults under one method, still to be asked."""

    engine: Engine
    method: str
    spec: Specification
    versions: dict[str, str]
    overrides: Plain = field(default_factory=dict)
    "Native arguments that replace the translated ones."

    @property
    def key(self) -> str:
        """Sha256 of what the answer depends on."""
        identity = [self.engine.id, self.versions, places(self.engine), plain(self.spec), probe_data().sha256]
        identity += [self.overrides] if self.overrides else []
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def cache_folder() -> Path:
    """Where tables and probes are kept: $PARITY_CACHE, else the user's cache folder."""
    if given := os.environ.get("PARITY_CACHE"):
        return Path(given).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("parity")


def tables(
    questions: Sequence[Question], *, fresh: bool = False, watch: Callable[[Question], object] = lambda question: None
) -> list[Table]:
    """The tables that were asked for, in that order; from the cache unless `fresh`. `watch` is told of each answer.

    An engine that fails has a table without rows and with the reason, which is not kept.
    """
    folder = cache_folder() / "defaults"
    paths = {question: folder / f"{question.key}.json" for question in questions}
    known = {} if fresh else {q: rows for q, path in paths.items() if (rows := _kept(path)) is not None}
    missing = [question for question in questions if question not in known]
    answers = _ask_all(missing, watch) if missing else {}
    for question in missing:
        answer = answers[question]
        if not isinstance(answer, str):
            known[question] = answer
            _keep(paths[question], answer)
    return [
        Table(q.engine.id, q.method, q.versions, tuple(known[q]))
        if q in known
        else Table(q.engine.id, q.method, q.versions, (), reason=str(answers[q]))
        for q in questions
    ]


def fit_options(question: Question) -> Plain:
    """One seed for all engines, and the neutral screen's columns for those without a screen."""
    options: Plain = {"seed": SEED, "overrides": question.overrides}
    spec = question.spec
    if isinstance(spec, Leekasso) and question.engine.screen == "neutral":
        rows = train_rows()
        options["selected"] = [rows["features"][i] for i in neutral_screen(spec, rows["x"], rows["y"])]
    return options


def rows_for(question: Question) -> Plain:
    """The training rows that an engine is asked with."""
    if isinstance(question.spec, CNN):
        return few_images(*question.spec.image)
    return train_rows() if isinstance(question.spec, Leekasso) else few_rows()


def _ask_all(questions: Sequence[Question], watch: Callable[[Question], object]) -> dict[Question, list[Plain] | str]:
    """Rows by question, or the reason why there are none. One process for engines that load the same things."""
    answers: dict[Question, list[Plain] | str] = {}
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(_home(question.engine), []).append(question)
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        temporary = tempfile.TemporaryDirectory(prefix=f"{RUN_FOLDER}{os.getpid()}-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(temporary))
        on_server = [question for question in questions if question.engine.runtime == "h2o"]
        server = stack.enter_context(new_server(folder, short_lived=True)) if on_server else None
        if server is not None:
            server.start()  # it boots while the others answer
        asked: dict[Future[Any], Question] = {}
        # Where nothing is loaded in the first process, nobody has to yield.
        yielding = YIELDING if FIRST in groups else 0
        pools = {name: _pool(members, folder, 0 if name == FIRST else yielding) for name, members in groups.items()}
        try:
            for name, members in groups.items():
                asked |= {_schedule(pools[name], q, None): q for q in members if q not in on_server}
            if server is not None:
                try:
                    server.ready()
                    address = server.address
                    asked |= {_schedule(pools[_home(q.engine)], q, address): q for q in on_server}
                except (NothingCompared, OSError) as error:
                    answers |= {question: str(error) for question in on_server}
            for future in as_completed(asked):
                answers[asked[future]] = _answer(future)
                watch(asked[future])
        finally:
            for pool in pools.values():
                pool.stop()
                pool.join()
    return answers


def _home(engine: Engine) -> str:
    """The runtime whose process answers for an engine."""
    return TOGETHER.get(engine.runtime, {}).get(engine.language, engine.runtime)


def _pool(members: Iterable[Question], folder: Path, nice: int) -> ProcessPool:
    environ: dict[str, str] = {"TMPDIR": str(folder)}
    for runtime in dict.fromkeys(question.engine.runtime for question in members):
        environ |= environ_of(runtime)
    return lone_worker(environ, folder, nice)


def _schedule(pool: ProcessPool, question: Question, server: Plain | None) -> Future[Any]:
    options = {**fit_options(question), "server": server}
    arguments = [question.engine.id, "defaults", plain(question.spec), rows_for(question), options]
    future: Future[Any] = pool.schedule(answer_question, args=arguments, timeout=ASK_SECONDS)
    return future


def _answer(future: Future[Any]) -> list[Plain] | str:
    try:
        rows: list[Plain] = future.result()
    except Exception as error:  # whatever its framework raises, or the end of its process
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    return rows


def _kept(path: Path) -> list[Plain] | None:
    with suppress(OSError, ValueError):
        rows: list[Plain] = json.loads(path.read_text())
        return rows
    return None


def places(engine: Engine) -> dict[str, str]:
    """Where each Python package of an engine would be imported from: a copy of the same version may be another one."""
    found = {name: find_spec(IMPORTED_AS.get(name, name)) for name in engine.packages}
    return {name: str(spec.origin) for name, spec in found.items() if spec and spec.origin}


def _keep(path: Path, rows: list[Plain]) -> None:
    """Write so that a reader never sees half of it; a cache that cannot be written costs time, not the answer."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(rows))
        partial.replace(path)
