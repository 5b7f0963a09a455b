"""What runs inside a worker process: one runtime, its engines loaded once, one cell after another."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.data import Data, Source, load
from parity.engines import jax_on_cpu, own_engine
from parity.engines.afterwards import changed
from parity.engines.sheet import Engine, engine, engine_file
from parity.spec.intervention import LARGEST_F1, NOTHING, Intervention
from parity.spec.models import Leekasso, Linear, Specification, plain
from parity.spec.screen import neutral_screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One cell as it crosses the process boundary."""

    engine: str
    spec: Specification
    rows: NDArray[np.int64]
    seed: int
    overrides: Plain = field(default_factory=dict)
    observe: Plain | None = None
    "Options of a fit that is looked into; None where only its predictions are wanted."
    history: int = 0
    "Whether the labels after every epoch are wanted as well."
    device: str = "cpu"
    server: Plain | None = None
    frames: Plain | None = None
    intervention: Intervention = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What all tasks of a worker share. test: (n_test,) rows of the pool to predict."""

    environ: dict[str, str]
    source: Source
    test: NDArray[np.int64]
    log: Path
    nice: int = 0
    "How much it yields to other processes."


_setting: Setting | None = None


def start(setting: Setting) -> None:
    """Prepare a fresh process: its environment, its log, and its end when the parent is gone.

    The frameworks themselves are imported by the first task, so that one that cannot start costs a cell, not the pool.
    """
    global _setting
    _setting = setting
    os.environ.update(setting.environ)
    os.environ.update(jax_on_cpu.environ(os.environ))
    os.nice(setting.nice)
    # What frameworks print goes to a log; the terminal belongs to the parent.
    log = os.open(setting.log.with_suffix(f".{os.getpid()}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _leave_at_once() -> None:
    """Have this process end without finalizers: R's and TensorFlow's can hang, and there is nothing to finalize.

    Exit functions run last in, first out, and frameworks register theirs as they load: ours has to come after.
    """
    atexit.unregister(os._exit)
    atexit.register(os._exit, 0)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def fit(task: Task) -> Plain:
    """Fit one cell. Returns {"status", "facts", "arrays"}; a framework's own refusal is a result, not an error."""
    started = time.perf_counter()
    sheet = engine(task.engine)
    train, test, options = _asked(task)
    prepared = time.perf_counter()
    # Loading a framework is the framework's time: the first cell of a worker carries it.
    functions = engine_functions(sheet)
    _leave_at_once()
    loaded = time.perf_counter()
    try:
        with without(sheet.without):
            answer = functions["fit"](plain(task.spec), train, test, options)
    except Exception as error:  # whatever a framework raises is what it did with this cell
        seconds = time.perf_counter() - loaded
        reason = f"{type(error).__name__}: {error}".strip()
        status = "lost" if machine_at_fault(error) else "raised"
        return {"status": status, "facts": {"reason": reason, "seconds": seconds}, "arrays": {}}
    fitted = time.perf_counter()
    observed = condensed(answer, bool(task.observe.get("untrained"))) if task.observe is not None else {}
    result = _result(answer, task, train, test)
    result["arrays"] |= observed
    own = prepared - started + time.perf_counter() - fitted
    result["facts"] |= {"inside": fitted - prepared, "overhead": own}
    return result


def _result(answer: Plain, task: Task, train: Plain, test: Plain) -> Plain:
    """An engine's answer to these rows sorted out, with what is done to it from outside."""
    return sorted_out(changed(answer, task.intervention, task.spec, train, test), len(_test_rows()["rows"]))


def fit_batch(tasks: list[Task]) -> list[Plain]:
    """Fit cells of one specification and size by their engine's fit_many: what `fit` returns of each, in their order.

    Where it raises, they are fitted one by one, so that each has its own reason, and each is told of it.
    """
    started = time.perf_counter()
    sheet = engine(tasks[0].engine)
    asked = [_asked(task) for task in tasks]
    _, test, options = asked[0]
    options = {**options, "seeds": [task.seed for task in tasks]}
    del options["seed"]
    prepared = time.perf_counter()
    functions = engine_functions(sheet)
    _leave_at_once()
    try:
        with without(sheet.without):
            answers = functions["fit_many"](plain(tasks[0].spec), [train for train, _, _ in asked], test, options)
        fitted = time.perf_counter()
        if len(answers) != len(tasks):
            raise ValueError(f"fit_many returned {len(answers)} answers for {len(tasks)} draws")
        given = zip(answers, tasks, asked, strict=True)
        results = [_result(answer, task, *rows) for answer, task, (*rows, _) in given]
    except Exception as error:  # which of them it was, and why, each tells by itself
        return [
            told(fit(task), f"fitted by itself, since fit_many raised {type(error).__name__}: {error}")
            for task in tasks
        ]
    own = prepared - started + time.perf_counter() - fitted
    for result in results:
        result["facts"] |= {"inside": (fitted - prepared) / len(tasks), "overhead": own / len(tasks)}
    return results


def told(result: Plain, message: str) -> Plain:
    """A result with one message more."""
    facts = result["facts"]
    return {**result, "facts": {**facts, "messages": [*facts.get("messages", []), message]}}


def _asked(task: Task) -> tuple[Plain, Plain, Plain]:
    """The training rows, the test rows and the options of a task."""
    data, spec = _data(), task.spec
    x = np.asarray(data.x[task.rows], dtype=np.float64)
    y = data.y[task.rows].astype(np.int64)
    train: Plain = {"x": x, "y": y, "features": list(data.features), "rows": task.rows}
    options: Plain = {
        "seed": task.seed,
        "overrides": task.overrides,
        "device": task.device,
        "server": task.server,
        "frames": task.frames,
        **({"history": task.history} if task.history else {}),
    }
    if task.observe is not None:
        options |= {"weights": True, **task.observe}
    test, outside = _test_rows(), task.intervention
    if outside.cut == LARGEST_F1:
        # The cut depends on what is predicted for the training rows that are given.
        places = slice(None) if outside.rows is None else list(outside.rows)
        test = {**test, **{name: np.concatenate([test[name], train[name][places]]) for name in ("x", "rows")}}
        options["frames"] = None
    train, test = outside.given(train, test)
    if isinstance(spec, Linear) or (isinstance(spec, Leekasso) and engine(task.engine).screen == "neutral"):
        chosen = neutral_screen(spec, train["x"], train["y"].astype(np.int8))
        options["selected"] = [train["features"][i] for i in chosen]
    return train, test, {**options, **outside.options(data.features)}


def machine_at_fault(error: Exception) -> bool:
    """Whether a fit failed for want of a package, memory, disk or server: mended, the same fit would work.

    R's errors arrive with their message alone.
    """
    signs = ("there is no package called", "loadNamespace", "cannot allocate", "No space left", "Could not connect")
    return isinstance(error, ImportError | MemoryError | OSError) or any(sign in str(error) for sign in signs)


def sorted_out(answer: Plain, n_test: int) -> Plain:
    """Split an engine's answer into JSON-ready facts and arrays, refusing one that does not keep the contract."""
    arrays: dict[str, NDArray[Any]] = {
        "probability": np.asarray(answer.pop("probability"), dtype=np.float64).reshape(-1),
        "label": np.asarray(answer.pop("label")).astype(np.int8).reshape(-1),
    }
    for name, values in arrays.items():
        if len(values) != n_test:
            raise ValueError(f"the engine returned {len(values)} values of {name} for {n_test} test rows")
    if (history := answer.pop("history", None)) is not None:
        # One bit a row and epoch: all that the referee needs, a thirty-second of the probabilities.
        arrays["history"] = np.packbits(np.asarray(history["probability"]) > history["threshold"], axis=1)
    facts = {name: jsonable(value) for name, value in answer.items() if name != "trace"}
    facts["messages"] = listed(facts.get("messages"))
    if facts.get("selected") is not None:
        facts["selected"] = listed(facts["selected"])
    return {"status": "done", "facts": facts, "arrays": arrays}


def listed(texts: Any) -> list[str]:
    """Messages or names as a list: a single one comes out of R as a bare string."""
    return [texts] if isinstance(texts, str) else list(texts or [])


def condensed(answer: Plain, whole: bool) -> dict[str, NDArray[Any]]:
    """Replace a network's weights by what comparisons need of them: a digest, their shapes, whether they are float32.

    Coefficients of a linear model stay beside it. Returns the weights themselves where they are wanted `whole`, as
    arrays weights_0, biases_0, weights_1, ...
    """
    found = answer["parameters"] or {}
    if "coefficients" in found:
        arrays = {"coefficients": np.array([np.nan if v is None else v for v in found["coefficients"].values()])}
    else:
        arrays = {
            f"{kind}_{layer}": np.asarray(values)
            for kind in ("weights", "biases")
            for layer, values in enumerate(found.get(kind, []))
        }
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    answer["parameters"] = {
        **({"coefficients": found["coefficients"]} if "coefficients" in found else {}),
        "digest": digest.hexdigest() if arrays else None,
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
        "float32": {name: bool(np.array_equal(a, a.astype(np.float32), equal_nan=True)) for name, a in arrays.items()},
    }
    return arrays if whole else {}


def jsonable(value: Any) -> Any:
    """Plain data without NumPy types; NaN and infinities become None or text, which JSON can carry."""
    match value:
        case np.ndarray():
            return [jsonable(v) for v in value.tolist()]
        case np.generic():
            return jsonable(value.item())
        case dict():
            return {str(k): jsonable(v) for k, v in value.items()}
        case list() | tuple():
            return [jsonable(v) for v in value]
        case float() if value != value:
            return None
        case float() if value in (float("inf"), float("-inf")):
            return repr(value)
        case str():
            return str(value)  # an engine's own kind of text is not known outside its worker
        case None | bool() | int() | float():
            return value
        case other:
            return str(other)


def engine_functions(sheet: Engine) -> Plain:
    """The functions of an engine's file, in whichever language it is written."""
    path = engine_file(sheet)
    if sheet.language == "R":
        from parity.engines.r_bridge import engine_functions as from_r

        functions = from_r(path)
    else:
        functions = _python_functions(path, sheet.own)
    return own_engine.completed(functions, sheet) if sheet.own else functions


@functools.cache
def _python_functions(path: Path, own: bool) -> Plain:
    module = own_engine.module(path) if own else _module(path)
    names = ("defaults", "translate", "fit", "fit_many")
    return {name: getattr(module, name) for name in names if hasattr(module, name)}


def _module(path: Path) -> ModuleType:
    name = f"parity_engine_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _data() -> Data:
    assert _setting is not None
    return load(_setting.source)


@functools.cache
def _test_rows() -> Plain:
    assert _setting is not None
    data = _data()
    x = np.asarray(data.x[_setting.test], dtype=np.float64)
    return {"x": x, "features": list(data.features), "rows": _setting.test}


def answer_question(engine_id: str, question: str, *arguments: Any) -> Any:
    """What an engine's `translate` or `defaults` returns, as JSON-ready data."""
    sheet = engine(engine_id)
    with without(sheet.without):
        return jsonable(engine_functions(sheet)[question](*arguments))


class _NotInstalled(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages and cannot load them: some code only asks whether there is one, and must get an answer."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in self._packages else None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"No module named {module.__name__!r}", name=module.__name__)


@contextlib.contextmanager
def without(packages: tuple[str, ...]) -> Iterator[None]:
    """Let packages that are not loaded yet look as if they were not installed.

    Keras loads whatever it finds of the other backends, plotting and tables, and half of its start goes there.
    """
    finder = _NotInstalled(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
