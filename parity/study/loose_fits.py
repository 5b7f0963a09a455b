"""Fits of rows that belong to no study: nothing is drawn, stored or scored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.engines.sheet import engine
from parity.engines.worker import answer_question, engine_functions, jsonable, listed, without
from parity.errors import NothingCompared
from parity.spec.models import Specification, plain
from parity.study.ask import lone_worker
from parity.study.processes import RUN_FOLDER, died_of, environ_of, new_server, one_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

    from parity.engines.h2o_server import H2OServer

Plain = dict[str, Any]

FIT_SECONDS = 120.0
"The slowest of these fits, coordinate descent over its whole budget of passes, takes half of it on a busy machine."


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One fit, as the engine contract writes it: train {"x": (n, p), "y": (n,) float, "features"}, test without y."""

    engine: str
    spec: Specification
    train: Plain
    test: Plain
    options: Plain = field(default_factory=dict)
    needs: tuple[str, ...] | None = None
    "Parameters that have to be expressible: the answer then keeps its arrays. None: all of them, and plain data."


Watch = Callable[[Request, int, int], object]


def fits(
    requests: Sequence[Request],
    *,
    jobs: int = 1,
    seconds: float = FIT_SECONDS,
    device: str = "cpu",
    watch: Watch = lambda request, done, wanted: None,
) -> list[Plain | str]:
    """The answers in the order of the requests: what `fit` returned as plain data, or a sentence on what went wrong.

    Where the engine cannot express the specification, nothing is fitted and the answer is {"not_expressible": [...]}.
    jobs: processes of each runtime; seconds: limit for one fit; device: "cpu" or "gpu"; watch: told of each answer, how
    many there are and how many are wanted. A worker that dies, or is ended at the limit, costs the fit that it was at
    and is replaced.
    """
    answers: list[Plain | str] = [""] * len(requests)
    by_runtime: dict[str, list[int]] = {}
    for place, request in enumerate(requests):
        by_runtime.setdefault(engine(request.engine).runtime, []).append(place)
    done = 0

    def answered(place: int, answer: Plain | str) -> None:
        nonlocal done
        answers[place], done = answer, done + 1
        watch(requests[place], done, len(requests))

    with _at_work() as shop:
        server = shop.server_started() if "h2o" in by_runtime else None  # it boots while the others fit
        asked: dict[Future[Any], int] = {}
        for runtime, places in by_runtime.items():
            if runtime != "h2o":
                pools = shop.pools_of(runtime, min(jobs, len(places)), device)
                asked |= _scheduled(pools, requests, places, seconds, None)
        if server is not None:
            places = by_runtime["h2o"]
            try:
                server.ready()
                pools = shop.pools_of("h2o", min(jobs, len(places)), device)
                asked |= _scheduled(pools, requests, places, seconds, server)
            except (NothingCompared, OSError) as error:
                for place in places:
                    answered(place, str(error))
        for future in as_completed(asked):
            answered(asked[future], _answer(future, seconds))
            if server is not None and not server.alive:
                _cancel(future for future, place in asked.items() if place in by_runtime["h2o"])
    return answers


@dataclass(slots=True, eq=False)
class _Workshop:
    """Worker processes and a server, started where they are first wanted."""

    stack: ExitStack
    folder: Path
    pools: dict[tuple[str, str], list[ProcessPool]] = field(default_factory=dict)
    "By runtime and device."
    server: H2OServer | None = None

    def server_started(self) -> H2OServer:
        """The server, which need not be ready yet; started again where it has died."""
        if self.server is None:
            self.server = self.stack.enter_context(new_server(self.folder))
        if not self.server.alive:
            self.server.start()
        return self.server

    def pools_of(self, runtime: str, jobs: int, device: str) -> list[ProcessPool]:
        """So many pools of one process each."""
        pools = [pool for pool in self.pools.get((runtime, device), []) if pool.active]
        environ = {**environ_of(runtime, device), "TMPDIR": str(self.folder)}
        while len(pools) < jobs:
            pool = lone_worker(environ, self.folder)
            # Left in the opposite order: stopped, then waited for.
            self.stack.callback(pool.join)
            self.stack.callback(pool.stop)
            pools.append(pool)
        self.pools[runtime, device] = pools
        return pools[:jobs]


_kept: ContextVar[_Workshop | None] = ContextVar("kept", default=None)


@contextmanager
def kept() -> Iterator[None]:
    """Keep workers and server from one `fits` to the next, until the block is left: they load but once."""
    with _new_workshop() as shop:
        token = _kept.set(shop)
        try:
            yield
        finally:
            _kept.reset(token)


@contextmanager
def _at_work() -> Iterator[_Workshop]:
    """The workshop that is kept, or one of this call's own. What an error leaves undone is undone."""
    shop = _kept.get()
    if shop is None:
        with _new_workshop() as own:
            yield own
        return
    try:
        yield shop
    except BaseException:
        shop.stack.close()
        shop.pools.clear()
        shop.server = None
        raise


@contextmanager
def _new_workshop() -> Iterator[_Workshop]:
    with one_thread(), ExitStack() as outer:
        temporary = tempfile.TemporaryDirectory(prefix=f"{RUN_FOLDER}{os.getpid()}-", ignore_cleanup_errors=True)
        folder = Path(outer.enter_context(temporary))
        yield _Workshop(outer.enter_context(ExitStack()), folder)


def fit_where_expressible(engine_id: str, spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Inside a worker: what an engine's `fit` returns, or what its `translate` says that it cannot express."""
    gaps = answer_question(engine_id, "translate", spec, options)["not_expressible"]
    if gaps:
        return {"not_expressible": gaps}
    return {**answer_question(engine_id, "fit", spec, train, test, options), "not_expressible": []}


class EngineRaised(Exception):
    """What an engine raised, in a sentence."""


def fit_whole(engine_id: str, spec: Plain, train: Plain, test: Plain, options: Plain, needs: tuple[str, ...]) -> Plain:
    """Inside a worker: what an engine's `fit` returns, arrays and all, and what it cannot express of the request.

    Nothing is fitted where that is one of `needs`.
    """
    sheet = engine(engine_id)
    gaps = answer_question(engine_id, "translate", spec, options)["not_expressible"] or []
    if any(gap["parameter"] in needs for gap in gaps):
        return {"not_expressible": gaps}
    try:
        with without(sheet.without):
            answer: Plain = engine_functions(sheet)["fit"](spec, train, test, options)
    except Exception as error:  # a framework's own exceptions need not survive the way to another process
        raise EngineRaised(_sentence(error)) from None
    kept = {name: answer[name] for name in ("probability", "label", "parameters", "trace")}
    told = {name: jsonable(value) for name, value in answer.items() if name not in kept}
    return {**told, **kept, "messages": listed(answer["messages"]), "not_expressible": gaps}


def _scheduled(
    pools: Sequence[ProcessPool],
    requests: Sequence[Request],
    places: Sequence[int],
    seconds: float,
    server: H2OServer | None,
) -> dict[Future[Any], int]:
    scheduled: dict[Future[Any], int] = {}
    for turn, place in enumerate(places):
        request = requests[place]
        options = {**request.options, "server": server.address if server else None}
        arguments = [request.engine, plain(request.spec), request.train, request.test, options]
        pool = pools[turn % len(pools)]
        function: Callable[..., Plain] = fit_where_expressible
        if request.needs is not None:
            function, arguments = fit_whole, [*arguments, request.needs]
        scheduled[pool.schedule(function, args=arguments, timeout=seconds)] = place
    return scheduled


def _answer(future: Future[Any], seconds: float) -> Plain | str:
    from pebble import ProcessExpired

    try:
        answer: Plain = future.result()
    except CancelledError:
        return "the H2O server died before this fit"
    except TimeoutError:
        return f"took longer than {seconds:g} s and was ended"
    except ProcessExpired as error:
        return f"its worker died ({died_of(error.exitcode)})"
    except EngineRaised as error:
        return str(error)
    except Exception as error:  # whatever its framework raises
        return _sentence(error)
    return answer


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _cancel(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        future.cancel()
