"""scikit-learn's MLPClassifier: from weights that are given or drawn, over rows in a given order or its own."""

from __future__ import annotations

import math
import warnings
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option

said, framework, watched = (
    beside(__file__, "sklearn_arguments"),
    beside(__file__, "sklearn_defaults"),
    beside(__file__, "sklearn_trace"),
)
# A module loaded twice would have two classes named Code.
native = said.native
START = """\
import numpy as np

layers = zip(initial_weights["weights"], initial_weights["biases"], strict=True)
draw = model._init_coef


def given(inputs, units, dtype):
    draw(inputs, units, dtype)  # and leave it, so that a seed shuffles the rows as it does without initial weights
    return [np.array(array, dtype) for array in next(layers)]


model._init_coef = given
"""
"""Code that a translation prints and `fit` runs. Both fit and partial_fit call _init_coef for each layer, once, before
the first update; setting coefs_ beforehand would do for neither, as both replace them."""


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows of MLPClassifier and of what is called of it."""
    x, _ = prepared(spec, train["x"], train["x"])
    model, asked = made(spec, options, x)
    with warnings.catch_warnings(record=True):  # warnings belong to the fit that is asked for
        # The networks of 2017 take seconds to fit, and no fit changes what get_params() says.
        model = framework.untrained(model, x, train["y"])
    ordered = option(options, "row_order") is not None
    trains = ("partial_fit", {"classes": [0, 1]}) if ordered else ("fit", {})
    names = [trains, ("predict_proba", {}), ("predict", {})]
    calls = {f"MLPClassifier.{name}": (getattr(model, name), given) for name, given in names}
    return list(framework.rows_of(model, calls, native.declared, asked=asked, override=model.get_params()))


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test.

    It starts from initial_weights and row_order as well, in the form of the options, where these are given.
    """
    arguments, trace = said.native_arguments(spec, options), option(options, "trace", {})
    ordered = option(options, "row_order") is not None
    trains = ["model.fit(x_train, y_train)"]
    if ordered:
        trains = ["for rows in row_order:", "    model.partial_fit(x_train[rows], y_train[rows], classes=[0, 1])"]
    code = [
        "from sklearn.neural_network import MLPClassifier\n",
        *before(spec),
        f"model = {native.call_code('MLPClassifier', arguments)}",
        *([START] if option(options, "initial_weights") is not None else []),
        *([f"# a trace ends the training after {trace['steps']} updates"] if trace.get("steps") else []),
        *trains,
        "probability = model.predict_proba(x_test)[:, 1]",
        "label = model.predict(x_test)",
    ]
    return {
        "calls": [
            call("MLPClassifier", **native.printable(arguments)),
            *([call("MLPClassifier.partial_fit", classes=[0, 1])] if ordered else []),
        ],
        "code": "\n".join(code),
        "not_expressible": native.gaps(said.gaps_mlp(spec, options)),
        "added": [],
    }


def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,).

    With a row_order every epoch is one partial_fit over the rows in that order, which keeps the optimizer's state and
    never stops early. ValueError: an optimizer that scikit-learn lacks, or what L-BFGS cannot be asked for.
    """
    x, x_test = prepared(spec, train["x"], test["x"])
    model, _ = made(spec, options, x)
    order, trace = option(options, "row_order"), option(options, "trace")
    untrained = option(options, "untrained", False)
    refuse(model, order, trace)
    if (start := option(options, "initial_weights")) is not None:
        start_from(model, start, [x.shape[1], *model.hidden_layer_sizes, 1])
    if untrained:
        framework.untrained(model, x, train["y"])
        records = [watched.weights_of(model)] if trace else None
    else:
        with watched.records_of(model, trace) as records:
            run(model, x, train["y"], order)
    return found(model, x, x_test, options, records)


def run(model: Any, x: Any, y: Any, order: Any) -> None:
    """All epochs: x (n, p), y (n,); order: for each epoch the places of its rows, or None for the model's own."""
    if order is None:
        model.fit(x, y)
    else:
        for rows in order:
            model.partial_fit(x[rows], y[rows], classes=[0, 1])


def found(model: Any, x: Any, x_test: Any, options: Plain, records: list[Plain] | None) -> Plain:
    """The answer of a trained network, or of an untrained one."""
    facts = {name: native.by_name(getattr(model, name, None)) for name in ("n_iter_", "loss_", "out_activation_")}
    batch = rows_of_a_batch(model, len(x))
    # partial_fit counts n_iter_ from 0 each time; the curve has an entry for every epoch, and only of SGD and Adam.
    epochs = len(model.loss_curve_) if hasattr(model, "loss_curve_") else model.n_iter_
    untrained, ordered = option(options, "untrained", False), option(options, "row_order") is not None
    steps = option(options, "trace", {}).get("steps")
    updates = None if model.solver == "lbfgs" and not untrained else epochs * math.ceil(len(x) / batch)
    return answer(
        probability=model.predict_proba(x_test)[:, 1].astype("float64"),
        label=model.predict(x_test),
        parameters={"weights": model.coefs_, "biases": model.intercepts_} if option(options, "weights") else None,
        effective={**model.get_params(), **facts, "batch_size in force": batch},
        iterations=epochs,
        # Nothing judges convergence where training is not scikit-learn's own to end.
        converged=None if untrained or ordered or steps else model.n_iter_ < model.max_iter,
        updates=len(records) - 1 if records and steps else updates,
        trace=records,
    )


def rows_of_a_batch(model: Any, n: int) -> int:
    """Rows of a full batch: a size above n is cut to it, which the fitted object does not record."""
    if model.solver == "lbfgs":
        return n
    return min(said.AUTO_BATCH if model.batch_size == "auto" else model.batch_size, n)


def made(spec: Plain, options: Plain, x: Any) -> tuple[Any, Plain]:
    """The network before it has seen data, and the arguments that it was given. x: (n, p)."""
    gaps = native.gaps(said.gaps_mlp(spec, options))
    # Without this scikit-learn's default, Adam, would stand for the optimizer that was asked for.
    native.refuse_gaps([gap for gap in gaps if gap["parameter"] == "optimizer"], "scikit-learn")
    given = native.evaluated(said.native_arguments(spec, options), {"x_train": x})
    return said.estimator("mlp")(**given), given


def refuse(model: Any, order: Any, trace: Any) -> None:
    """Raise ValueError for options that this model would not follow."""
    for name, value in {"row_order": order, "trace": trace}.items():
        if value is not None and model.solver == "lbfgs":
            raise ValueError(f"the option '{name}' needs solver 'sgd' or 'adam': L-BFGS has no updates by batches")
    if order is not None and model.shuffle:
        raise ValueError("the option 'row_order' needs shuffle=False: scikit-learn would shuffle the rows again")
    if order is not None and len(order) != model.max_iter:
        raise ValueError(f"row_order is for {len(order)} epochs; it must be for all {model.max_iter}")


def start_from(model: Any, start: Plain, sizes: list[int]) -> None:
    """Make the model's first call start from these arrays. sizes: units of every layer, the input's first."""
    wanted = [(above, below) for above, below in zip(sizes[:-1], sizes[1:], strict=True)]
    shapes = [tuple(array.shape) for array in start["weights"]]
    if shapes != wanted or [len(array) for array in start["biases"]] != sizes[1:]:
        raise ValueError(f"initial_weights have the shapes {shapes}; this network's weights have {wanted}")
    exec(START, {"model": model, "initial_weights": start})


def before(spec: Plain) -> list[str]:
    """Code that scales x_train and x_test and gives them the precision in which scikit-learn then computes."""
    dtype = spec["precision"]
    cast = [f'x_train, x_test = x_train.astype("{dtype}"), x_test.astype("{dtype}")'] if dtype else []
    return [*native.SCALING.get(spec["input_scaling"], []), *cast]


def prepared(spec: Plain, x_train: Any, x_test: Any) -> tuple[Any, Any]:
    """x_train (n, p) and x_test (n_test, p) as `before` leaves them."""
    names = {"x_train": x_train, "x_test": x_test}
    exec("\n".join(before(spec)), names)
    return names["x_train"], names["x_test"]
