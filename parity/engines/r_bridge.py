"""Calls into R engine files through rpy2: plain data in, plain data out. Only worker processes import this."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from parity.engines.sheet import engine_folder

Plain = dict[str, Any]

# An engine file looks for contract.R beside the files that are being read, from the innermost frame outwards: a copy in
# another folder that has none beside it comes to `file`, which is parity's own. contract.R looks in .engine_folder
# before it looks beside itself.
_SOURCE = """
function(path, file, environment) {
  environment$.engine_folder <- dirname(path)
  source(path, local = environment, chdir = TRUE)
}
"""

# A warning that no handler inside takes would go to a console that nobody sees.
_RECORDED = """
function(fit, ...) {
  messages <- character()
  answer <- withCallingHandlers(fit(...), warning = function(w) {
    messages <<- c(messages, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  list(answer = answer, messages = messages)
}
"""


@functools.cache
def engine_functions(path: Path) -> Plain:
    """The functions of an R engine file that it defines, each callable with plain data and returning plain data."""
    import rpy2.rinterface as ri

    ri.initr()
    base = ri.baseenv
    environment = base["new.env"](parent=ri.globalenv)
    _evaluated(_SOURCE)(str(path), str(engine_folder("R") / "contract.R"), environment)
    recorded = _evaluated(_RECORDED)

    def bound(name: str) -> Any:
        function = environment[name]
        return lambda *arguments: plain(function(*[native(a) for a in arguments]))

    def fit(*arguments: Any) -> Any:
        told = plain(recorded(environment["fit"], *[native(a) for a in arguments]))
        answer, messages = told["answer"], told["messages"]
        if messages and isinstance(answer, dict):
            answer["messages"] = [text for each in (answer.get("messages"), messages) for text in _texts(each)]
        return answer

    def defined(name: str) -> bool:
        return bool(base["exists"](name, envir=environment, mode="function", inherits=False)[0])

    found = {name: bound(name) for name in ("defaults", "translate") if defined(name)}
    return {**found, **({"fit": fit} if defined("fit") else {})}


def _evaluated(code: str) -> Any:
    """What R makes of a text."""
    import rpy2.rinterface as ri

    return ri.baseenv["eval"](ri.baseenv["parse"](text=code))


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def native(value: Any) -> Any:
    """A Python value as an R object.

    None -> NULL; dict -> named list without its None entries (R drops them by itself); list of one type of scalars ->
    vector; other lists -> list; (n,) array -> vector; (n, p) array -> matrix; {"x": (n, p), "features": p names, …} ->
    the same list with column names on x.
    """
    import rpy2.rinterface as ri

    match value:
        case None:
            return ri.NULL
        case bool() | np.bool_():
            return ri.BoolSexpVector([bool(value)])
        case int() | np.integer():
            # Above 31 bits R has doubles only.
            return ri.IntSexpVector([int(value)]) if abs(int(value)) < 2**31 else ri.FloatSexpVector([float(value)])
        case float() | np.floating():
            return ri.FloatSexpVector([float(value)])
        case str():
            return ri.StrSexpVector([value])
        case np.ndarray():
            return _array(value)
        case dict() if "x" in value and "features" in value:
            return _rows(value)
        case dict():
            present = {k: v for k, v in value.items() if v is not None}
            return _named([native(v) for v in present.values()], list(present))
        case list() | tuple():
            return _list(list(value))
    raise TypeError(f"no R form for {type(value).__name__}")


def _list(values: list[Any]) -> Any:
    import rpy2.rinterface as ri

    if values and all(isinstance(v, str) for v in values):
        return ri.StrSexpVector(values)
    if values and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return _array(np.asarray(values))
    return ri.ListSexpVector([native(v) for v in values])


def _named(values: list[Any], names: list[str]) -> Any:
    import rpy2.rinterface as ri

    vector = ri.ListSexpVector(values)
    vector.names = ri.StrSexpVector(names)
    return vector


def _array(value: np.ndarray[Any, Any]) -> Any:
    import rpy2.rinterface as ri

    if value.dtype.kind in "iub" and value.size and value.min() > -(2**31) and value.max() < 2**31:
        vector = ri.IntSexpVector.from_memoryview(np.ascontiguousarray(value.ravel(order="F"), dtype=np.int32).data)
    else:
        vector = ri.FloatSexpVector.from_memoryview(np.ascontiguousarray(value.ravel(order="F"), dtype=np.float64).data)
    if value.ndim > 1:
        vector.do_slot_assign("dim", ri.IntSexpVector(value.shape))
    return vector


# The test rows are the same array for every cell of a study; 18 MB need not be copied into R each time.
_last_rows: list[tuple[Any, Any]] = []


def _rows(value: Plain) -> Any:
    import rpy2.rinterface as ri

    if _last_rows and _last_rows[0][0] is value["x"]:
        x = _last_rows[0][1]
    else:
        x = _array(np.asarray(value["x"], dtype=np.float64))
        x.do_slot_assign("dimnames", ri.ListSexpVector([ri.NULL, ri.StrSexpVector(list(value["features"]))]))
        if "y" not in value:
            _last_rows[:] = [(value["x"], x)]
    rest = {k: native(v) for k, v in value.items() if k != "x" and v is not None}
    return _named([x, *rest.values()], ["x", *rest])


def plain(value: Any) -> Any:
    """An R object as plain Python data.

    Named list -> dict; unnamed list -> list; matrix -> (n, p) array; numeric vector longer than one -> (n,) array;
    vector of one -> scalar; NA -> None; NULL -> None; a factor -> its labels.
    """
    import rpy2.rinterface as ri

    if value is ri.NULL or isinstance(value, type(ri.NULL)):
        return None
    if isinstance(value, ri.ListSexpVector):
        items = [plain(v) for v in value]
        names = value.names
        if names is ri.NULL or not any(str(n) for n in names):
            return items
        return dict(zip([str(n) for n in names], items, strict=True))
    if isinstance(value, ri.StrSexpVector):
        return _scalar_or([None if v is ri.NA_Character else str(v) for v in value])
    if isinstance(value, ri.BoolSexpVector):
        return _scalar_or([None if v is ri.NA_Logical else bool(v) for v in value])
    if isinstance(value, ri.FloatSexpVector):
        return _numbers(value, np.array(value.memoryview(), dtype=np.float64))
    if isinstance(value, ri.IntSexpVector):
        return _integers(value)
    # Functions, calls and S4 objects have no plain form; what R prints of them is what a reader can use.
    return _scalar_or([str(v) for v in ri.baseenv["deparse"](value)])


def _integers(value: Any) -> Any:
    import rpy2.rinterface as ri

    if "factor" in [str(c) for c in ri.baseenv["class"](value)]:
        return _scalar_or([str(v) for v in ri.baseenv["as.character"](value)])
    numbers = np.array(value.memoryview(), dtype=np.int64)
    missing = numbers == -(2**31)  # how R stores NA_integer_
    if missing.any():
        return _scalar_or([None if m else int(v) for v, m in zip(numbers, missing, strict=True)])
    return _numbers(value, numbers)


def _numbers(value: Any, numbers: np.ndarray[Any, Any]) -> Any:
    import rpy2.rinterface as ri

    dim = ri.baseenv["dim"](value)
    if dim is not ri.NULL:
        return numbers.reshape([int(d) for d in dim], order="F")
    names = value.names
    if names is not ri.NULL and len(numbers) and any(str(n) for n in names):
        return {str(n): _number(v) for n, v in zip(names, numbers, strict=True)}
    return _number(numbers[0]) if len(numbers) == 1 else numbers


def _number(value: Any) -> Any:
    number = value.item()
    return None if isinstance(number, float) and number != number else number


def _scalar_or(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
