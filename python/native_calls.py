"""What the Python engines share: how native arguments are merged, printed and listed, and how inputs are scaled.

It lies beside the engine files and is loaded by path as they are; `r_scripts/contract.R` has the same functions for R.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from parity.engines.contract import Plain, cannot_express, option, row
from parity.errors import unknown

SCALING = {
    "divide-by-255": ["x_train, x_test = x_train / 255, x_test / 255"],
    # A constant column has no spread and is divided by 1.
    "standardize": [
        "mean, sd = x_train.mean(axis=0), x_train.std(axis=0)",
        "x_train, x_test = [(x - mean) / (sd + (sd == 0)) for x in (x_train, x_test)]",
    ],
}
"Python code by the specification's input_scaling: it is what a translation prints and what `scaled` runs."


def pinned(**arguments: Any) -> Plain:
    """The arguments that are not None: what the specification leaves open is left to the framework."""
    return {name: value for name, value in arguments.items() if value is not None}


def overridden(arguments: Plain, options: Plain, known: Callable[[], Collection[str]], where: str) -> Plain:
    """Native arguments with options["overrides"] merged last.

    known: the names that the native function takes; called only where there are overrides, as it imports the framework.
    Raises ValueError with the nearest name for an unknown one.
    """
    overrides = option(options, "overrides", {})
    names = known() if overrides else ()
    for name in overrides:
        if name not in names:
            raise ValueError(str(unknown("argument", name, names, where)))
    return {**arguments, **overrides}


class Code(str):
    """Python code that stands for an argument which only the data tell, as 1 / (0.1 * n); printed without quotes."""

    __repr__ = str.__str__


def evaluated(arguments: Plain, names: Plain) -> Plain:
    """Native arguments with every `Code` replaced by its value; names: what the code may use."""
    return {name: eval(value, names) if isinstance(value, Code) else value for name, value in arguments.items()}


def printable(arguments: Plain) -> Plain:
    """Native arguments as plain data: a `Code` as an ordinary text."""
    return {name: str(value) if isinstance(value, Code) else value for name, value in arguments.items()}


def refuse(options: Plain, names: Iterable[str], engine: str) -> None:
    """Raise ValueError for an option that would otherwise be dropped without a word."""
    for name in names:
        if option(options, name, False) is not False:
            raise ValueError(f"the {engine} engine cannot take the option '{name}'")


def refuse_gaps(found: Iterable[Plain], engine: str) -> None:
    """Raise ValueError for the first part of a pinned specification that a translation lists as not expressible."""
    for gap in found:
        raise ValueError(f"{engine} cannot express {gap['parameter']}: {gap['reason']}")


@contextlib.contextmanager
def repeatable(options: Plain, seed: int | None = None) -> Iterator[None]:
    """With options["repeatable"], one thread for what is done inside, and a global generator seeded by `seed`.

    Another number of threads splits a product of matrices elsewhere and adds up its parts in another order. Only
    libraries that are already loaded can be limited. A seed is for what draws from NumPy's global generator unasked.
    """
    if not option(options, "repeatable"):
        yield
        return
    import numpy as np
    import threadpoolctl

    before = np.random.get_state()
    if seed is not None:
        np.random.seed(seed)
    try:
        with threadpoolctl.threadpool_limits(1):
            yield
    finally:
        if seed is not None:
            np.random.set_state(before)


def call_code(function: str, arguments: Plain, first: str = "") -> str:
    """A native call as Python code; `first` is printed before the arguments."""
    given = ", ".join(f"{name}={code_of(value)}" for name, value in arguments.items())
    return f"{function}({', '.join(part for part in (first, given) if part)})"


def code_of(value: Any) -> str:
    """A value as Python code. repr() writes what is not finite as a name that Python does not know."""
    return f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else repr(value)


def declared(
    label: str,
    function: Callable[..., Any],
    *,
    asked: Plain | None = None,
    effective: Plain | None = None,
    read: str = "",
    choices: Plain | None = None,
    override: Collection[str] = (),
) -> list[Plain]:
    """Rows of defaults(): every parameter of a function but the variadic ones and an object's own `self`.

    asked: what the translation sets, by name. effective: what is known to be in force, by name; read: where from.
    choices: the values that the framework allows, by name. override: names that options["overrides"] can set.
    """
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    asked, effective, choices = asked or {}, effective or {}, choices or {}
    return [
        row(
            label,
            name,
            declared=None if parameter.default is parameter.empty else by_name(parameter.default),
            required=parameter.default is parameter.empty,
            declared_from=f"inspect.signature({label})",
            given=name in asked,
            asked=by_name(asked.get(name)),
            effective=by_name(effective.get(name)),
            effective_from=read if name in effective else "",
            choices=choices.get(name),
            override=name in override,
        )
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self" and parameter.kind not in variadic
    ]


def by_name(value: Any) -> Any:
    """A value as plain data: arrays and tuples as lists, functions and classes by name."""
    if isinstance(value, dict):
        return value.get("class_name", {name: by_name(each) for name, each in value.items()})
    if isinstance(value, list | tuple):
        return [by_name(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else getattr(value, "__name__", value)


def gaps(found: Iterable[tuple[Any, str, str]]) -> list[Plain]:
    """What cannot be expressed, from rows (whether it is asked for, parameter, reason)."""
    return [cannot_express(parameter, reason) for holds, parameter, reason in found if holds]


def added(rows: Iterable[tuple[str, Any, str]]) -> list[Plain]:
    """What an engine needs and the specification leaves open, from rows (parameter, value, reason)."""
    return [{"parameter": parameter, "value": value, "reason": reason} for parameter, value, reason in rows]


def columns(train: Plain, options: Plain) -> list[str]:
    """The columns of a family "linear": those selected, or all. It has no screen of its own."""
    return list(option(options, "selected", train["features"]))


def values(data: Plain, names: list[str]) -> Any:
    """The named columns of data["x"]: (n, len(names))."""
    return data["x"][:, [data["features"].index(name) for name in names]]


def columns_comment(options: Plain) -> list[str]:
    chosen = option(options, "selected")
    return [] if chosen is None else [f"# x_train and x_test hold only the columns {', '.join(chosen) or '(none)'}"]


def scaled(spec: Plain, x_train: Any, x_test: Any) -> tuple[Any, Any]:
    """x_train (n, p) and x_test (n_test, p) as the specification's input_scaling leaves them."""
    names = {"x_train": x_train, "x_test": x_test}
    exec("\n".join(SCALING.get(spec["input_scaling"], [])), names)
    return names["x_train"], names["x_test"]
