"""Hidden changes of an engine's `fit`: each alters what it is given or what it returns. R's are in plant_changes.R.

A plant has this file beside it. Every change takes a fit and returns another of the same four arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Plain = dict[str, Any]
Fit = Callable[[Plain, Plain, Plain, Plain], Plain]
Change = Callable[[Fit, Any], Fit]

RATE = 0.001
"Learning rate of Adam in scikit-learn, and of Adam and RMSprop in Keras, where nobody names one."

COST = 1.0
"C of scikit-learn's LogisticRegression where nobody names one."


def changed(fit: Fit, changes: Sequence[tuple[str, Any]]) -> Fit:
    """A fit with changes, (name of one of these functions, value): the first is the outermost."""
    for name, value in reversed(changes):
        change: Change = globals()[name]
        fit = change(fit, value)
    return fit


# What the fit is given: rows, labels, columns.


def labels(fit: Fit, places: Sequence[int]) -> Fit:
    """The labels of the training rows at these places are turned, unless that would leave one class."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        y = train["y"].copy()
        turned = [place for place in places if place < len(y)]
        y[turned] = 1 - y[turned]
        return fit(spec, {**train, "y": y} if len(set(y)) > 1 else train, test, options)

    return other


def rows(fit: Fit, left_out: int) -> Fit:
    """The last training rows are left out, unless that would leave one class."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        kept = len(train["y"]) - left_out
        if len(set(train["y"][:kept])) < 2:
            return fit(spec, train, test, options)
        if options.get("row_order") is not None:
            options = {**options, "row_order": [[p for p in epoch if p < kept] for epoch in options["row_order"]]}
        return fit(spec, _rows(train, slice(kept)), test, options)

    return other


def row_order(fit: Fit, order: str) -> Fit:
    """The training rows come in the opposite order."""
    assert order == "reversed"

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        return fit(spec, _rows(train, slice(None, None, -1)), test, options)

    return other


def _rows(train: Plain, kept: slice) -> Plain:
    return {**train, **{name: train[name][kept] for name in ("x", "y", "rows") if name in train}}


def columns(fit: Fit, left_out: float) -> Fit:
    """One of the screened columns is left out, the one at this share of them.

    A network gets zeros for a tenth of its columns, from that share of them on: it keeps its shape and its start.
    """

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        if spec["family"] == "mlp":
            first = int(left_out * len(train["features"]))
            block = slice(first, first + max(1, len(train["features"]) // 10))
            train, test = (_of_x(side, lambda x: _zeroed(x, block)) for side in (train, test))
            return fit(spec, train, test, options)
        selected = options.get("selected")
        if selected is None:
            selected = fit(spec, train, test, options)["selected"]
        if len(selected) > 1:
            place = int(left_out * len(selected))
            options = {**options, "selected": [*selected[:place], *selected[place + 1 :]]}
        return fit(spec, train, test, options)

    return other


def _of_x(side: Plain, change: Callable[[Any], Any]) -> Plain:
    return {**side, "x": change(np.asarray(side["x"], dtype=np.float64))}


def _zeroed(x: Any, block: slice) -> Any:
    x = x.copy()
    x[:, block] = 0
    return x


def input_scaling(fit: Fit, rule: str) -> Fit:
    """Columns are standardised by the training rows, or divided by 255, whatever the specification says."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        if rule == "divide-by-255":
            return fit(spec, _of_x(train, lambda x: x / 255), _of_x(test, lambda x: x / 255), options)
        mean, sd = train["x"].mean(axis=0), train["x"].std(axis=0)
        sd = np.where(sd == 0, 1, sd)
        train, test = (_of_x(side, lambda x: (x - mean) / sd) for side in (train, test))
        return fit(spec, train, test, options)

    return other


def dropout_input(fit: Fit, share: float) -> Fit:
    """A share of the training rows' values is 0, the same ones in every epoch; the fit's seed tells which."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        drawn = np.random.default_rng(options.get("seed") or 0).random(train["x"].shape)
        return fit(spec, _of_x(train, lambda x: np.where(drawn < share, 0, x)), test, options)

    return other


def precision(fit: Fit, what: str) -> Fit:
    """Inputs or fitted weights are rounded to float16, or the network computes in float32."""
    if what == "float16 inputs":
        return lambda spec, train, test, options: fit(spec, _of_x(train, _float16), _of_x(test, _float16), options)
    if what == "float32":
        return lambda spec, train, test, options: fit({**spec, "precision": "float32"}, train, test, options)
    return _float16_weights(fit)


def _float16(values: Any) -> Any:
    return np.asarray(values).astype(np.float16).astype(np.asarray(values).dtype)


def _float16_weights(fit: Fit) -> Fit:
    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        if options.get("untrained"):
            return fit(spec, train, test, options)
        found = fit(spec, train, test, {**options, "weights": True})
        if spec["family"] == "mlp":
            # A network that has not been trained predicts from the weights that it is given.
            start = {kind: [_float16(array) for array in found["parameters"][kind]] for kind in ("weights", "biases")}
            asked = {**options, "initial_weights": start, "untrained": True, "trace": None, "weights": True}
            again = fit(spec, train, test, asked)
            parameters = again["parameters"] if options.get("weights") else None
            return {**found, "parameters": parameters, **{name: again[name] for name in ("probability", "label")}}
        rounded = {name: float(_float16(value)) for name, value in found["parameters"]["coefficients"].items()}
        used = [name for name in rounded if name != "(intercept)"]
        x = test["x"][:, [test["features"].index(name) for name in used]]
        predicted = rounded["(intercept)"] + x @ np.array([rounded[name] for name in used])
        if spec["family"] != "lm":
            with np.errstate(over="ignore"):
                predicted = 1 / (1 + np.exp(-predicted))
        label = (predicted > spec["threshold"]).astype(int)
        return {**found, "parameters": {"coefficients": rounded}, "probability": predicted, "label": label}

    return other


# Where a network starts. A start that is given is taken as it is: it is the engine's own draw that has changed.


def initial_weights(fit: Fit, factor: float) -> Fit:
    """A network's own starting weights are so many times as large."""
    return _started(fit, lambda start: {**start, "weights": [factor * np.asarray(w) for w in start["weights"]]})


def initial_biases(fit: Fit, level: float) -> Fit:
    """All of a network's own starting biases have this value."""
    return _started(fit, lambda start: {**start, "biases": [np.full_like(b, level) for b in start["biases"]]})


def _started(fit: Fit, change: Callable[[Plain], Plain]) -> Fit:
    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        if options.get("initial_weights") is not None:
            return fit(spec, train, test, options)
        asked = {**options, "untrained": True, "weights": True, "trace": None}
        start = fit(spec, train, test, asked)["parameters"]
        return fit(spec, train, test, {**options, "initial_weights": change(start)})

    return other


# How far and by which steps.


def epochs(fit: Fit, share_or_number: float) -> Fit:
    """Training ends after this share of the epochs that are asked for, or, from 1 on, after so many of them."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        asked, told = spec["epochs"], share_or_number
        run = max(1, int(asked * told)) if told < 1 else min(asked, int(told))
        if options.get("row_order") is not None:
            options = {**options, "row_order": options["row_order"][:run]}
        return fit({**spec, "epochs": run}, train, test, options)

    return other


def learning_rate(fit: Fit, factor: float) -> Fit:
    """The learning rate is so many times the one that is asked for, or the framework's own."""
    names = ("learning_rate_init", "learning_rate")

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        overrides = options.get("overrides") or {}
        native = {name: factor * overrides[name] for name in names if isinstance(overrides.get(name), int | float)}
        if native:
            return fit(spec, train, test, {**options, "overrides": {**overrides, **native}})
        asked = RATE if spec["learning_rate"] is None else spec["learning_rate"]
        return fit({**spec, "learning_rate": factor * asked}, train, test, options)

    return other


def penalty_l2(fit: Fit, strength: float) -> Fit:
    """A network has a ridge penalty, or that much more of one than is asked for: lambda on the mean loss."""
    return lambda spec, train, test, options: fit({**spec, "l2": (spec["l2"] or 0) + strength}, train, test, options)


def penalty_strength(fit: Fit, factor: float) -> Fit:
    """The loss weighs so many times as much against the penalty as is asked for: C."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        overrides: Plain = options.get("overrides") or {}
        asked = overrides["C"] if "C" in overrides else spec["cost"] or COST
        return fit(spec, train, test, {**options, "overrides": {**overrides, "C": factor * asked}})

    return other


def iterations(fit: Fit, limit: Plain) -> Fit:
    """The solver of a linear model stops after so many iterations: {the engine's own argument for it: number}."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        return fit(spec, train, test, {**options, "overrides": {**(options.get("overrides") or {}), **limit}})

    return other


# What comes out.


def label_cut(fit: Fit, cut: float) -> Fit:
    """Rows are labelled 1 above this probability."""

    def other(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        found = fit(spec, train, test, options)
        return {**found, "label": (np.asarray(found["probability"]) > cut).astype(int)}

    return other
