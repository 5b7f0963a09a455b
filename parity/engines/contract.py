"""What every engine file offers, in Python here and in R in `r_scripts/contract.R`.

An engine file defines three functions, by these names, in both languages. Plain data goes in and comes out.

    defaults(spec, train, options)    -> list of rows, one for every native parameter of every function that a fit calls
    translate(spec, options)          -> {"calls", "code", "not_expressible"}
    fit(spec, train, test, options)   -> what `answer` returns, completed by `recorded`

`spec`     the plain form of a specification (`parity.spec.models.plain`); spec["family"] is its kind
`train`    {"x": (n, p) float64, "y": (n,) int 0 or 1, "features": p names, "rows": (n,) row numbers in the pool}
`test`     the same without "y": an engine never scores itself
`options`  seed             int or None
           selected         names of the features to use in place of the engine's own screen, or None
           overrides        native arguments that replace the translated ones
           scores           True: return the statistic that the engine's own screen ranks the columns by as well
           weights          True: return a network's weight arrays as well
           untrained        True: return the network as it starts, with no update done
           repeatable       True: set whatever it takes for two identical fits to agree bit for bit
           initial_weights  {"weights": [(in, out) arrays], "biases": [(out,) arrays]} that a network starts from
           row_order        for each epoch the (n,) zero-based places in `train` in the order in which rows are visited;
                            None: spec["order"], else the framework's own
           trace            {"steps": k}: the network before training and after each of its first k updates, with which
                            training ends; {"epochs": True}: before training and after every epoch; or None
           history          k: return the probabilities of every k-th test row after every epoch as well
           device           "cpu" or "gpu"
           server           {"url", "name"} of the H2O server, for engines that need one
           frames           {"test": key, "stack": key, "first": i, "last": j}: the same rows already on that server;
                            (the training rows are the zero-based half-open range i:j of the stack); {"test": key}:
                            only the test rows are; or None

A `trace` is a list of records. The first is the network as it starts, as it was read back: {"weights", "biases"}. Each
further one is of one update or epoch:
    "weights", "biases"       after it, as in initial_weights
and of an update, each left out where the framework does not show it, as it was before the update:
    "input", "target"         (rows, p) and (rows,) as the framework was given them
    "activations"             of each layer in training, (rows, units); the last are the output's probabilities
    "loss"                    mean over the rows
    "gradients"               {"weights", "biases"} of the mean loss
Arrays have the framework's own precision. Dropout layers are part of the layer before them. An engine that visits rows
in an order of its own which can be told beforehand names in `engines.toml` the file that tells it (`order`).

An engine may offer `fit_many(spec, trains, test, options) -> list of answers`: the fits of several draws of one size
where its framework does them better at once than one by one; options["seeds"] then replaces options["seed"]. Its table
in `engines.toml` names the families that it is for (`many`). An answer has "history" where that was asked for and could
be had: {"probability": (epochs, n_test), "threshold": where it is cut}. Its "effective" names the "trainer" where that
is not the framework's own.

The family "linear" (parity.spec.models.Linear) has no screen of its own: its columns are options["selected"], or all of
them. What an engine cannot express of it, `translate` lists and `fit` refuses with a ValueError.

A row of `defaults` is what `row` returns. The functions stand in the order in which a fit calls them, under the name
that a user types, all their parameters in the order of the signature (variadic ones are no parameters). `train` is
small and of the family's kind, for whatever only a fitted object tells.
"""

from __future__ import annotations

import functools
import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from parity.engines.sheet import engine_folder

Plain = dict[str, Any]


def beside(file: str, name: str) -> ModuleType:
    """The module `name` in the folder of `file`: engine files are loaded by path and belong to no package.

    Beside a copy of an engine file in another folder, parity's own stands in for what is not there.
    """
    path = Path(file).with_name(f"{name}.py")
    own = engine_folder("Python") / path.name
    source = own if own.is_file() and not path.is_file() else path
    found = importlib.util.spec_from_file_location(f"parity_{name}", source)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    # What stands in looks beside the copy first as well.
    module.__file__ = str(path)
    found.loader.exec_module(module)
    return module


def option(options: Plain, name: str, otherwise: Any = None) -> Any:
    """An option's value, or `otherwise` where it is absent or None."""
    value = options.get(name)
    return otherwise if value is None else value


def row(
    function: str,
    name: str,
    *,
    declared: Any = None,
    required: bool = False,
    declared_from: str = "",
    given: bool = False,
    asked: Any = None,
    effective: Any = None,
    effective_from: str = "",
    choices: list[Any] | None = None,
    override: bool = False,
) -> Plain:
    """One native parameter of one function: what the signature says, what this fit asks for, what was in force.

    declared: the default; None also where there is none (`required`). declared_from: where it was read.
    given, asked: whether the translation of the specification sets the parameter, and to what.
    effective: the value in force, read back from an object that the framework made; effective_from: from which, or ""
    where nothing tells. A framework's own word for "I choose" stays as it is where no object tells what was chosen.
    choices: the values that the framework's own metadata allows, where it has such (an enumeration, a range's ends).
    override: whether options["overrides"] can set it under `name`; False for rows, labels and what the engine keeps.
    Values are plain data; a function, class or Keras object stands by its name.
    """
    return {
        "function": function,
        "name": name,
        "declared": declared,
        "required": required,
        "declared_from": declared_from,
        "given": given,
        "asked": asked,
        "effective": effective,
        "effective_from": effective_from,
        "choices": choices,
        "override": override,
    }


def answer(
    *,
    probability: Any,
    label: Any,
    parameters: Plain | None = None,
    effective: Plain | None = None,
    iterations: int | None = None,
    converged: bool | None = None,
    updates: int | None = None,
    selected: list[str] | None = None,
    scores: Plain | None = None,
    trace: list[Plain] | None = None,
) -> Plain:
    """What happened in one fit.

    probability: (n_test,) predicted value for class 1; for least squares the fitted value, which may leave [0, 1].
    label: (n_test,) 0 or 1, exactly as the framework's own predict labels the rows; cut at the specification's
    threshold where the framework gives no labels.
    parameters: {"coefficients": {feature: value, "(intercept)": value}}, None for an aliased coefficient; or
    {"weights": [(in, out) arrays], "biases": [(out,) arrays]}; or None.
    effective: native argument -> value read back from the fitted object.
    iterations: of the solver, or epochs; updates: parameter updates done; None where the framework does not tell.
    selected: names of the features used, where the model screens.
    scores: {"ranked_by": "statistic" or "p_value", "statistic": (p,), "p_value": (p,)} of the engine's own screen.
    """
    return {
        "probability": probability,
        "label": label,
        "parameters": parameters,
        "effective": effective or {},
        "iterations": iterations,
        "converged": converged,
        "updates": updates,
        "selected": selected,
        "scores": scores,
        "trace": trace,
    }


def recorded(fit: Callable[..., Plain]) -> Callable[..., Plain]:
    """Complete a `fit` with `messages` (every warning, verbatim, in order) and `seconds` (wall time)."""

    @functools.wraps(fit)
    def fit_and_record(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            started = time.perf_counter()
            result = fit(spec, train, test, options)
            seconds = time.perf_counter() - started
        messages = [f"{w.category.__name__}: {w.message}" for w in caught]
        return {**result, "messages": messages, "seconds": seconds}

    return fit_and_record


def call(function: str, **arguments: Any) -> Plain:
    """One native call of a translation."""
    return {"function": function, "arguments": arguments}


def cannot_express(parameter: str, reason: str) -> Plain:
    """A pinned parameter that the engine has no way to take."""
    return {"parameter": parameter, "reason": reason}
