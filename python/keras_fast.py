"""Many fits of one specification by Keras on JAX at the price of a few: Keras' own train_step in one compiled loop.

`model.fit` spends most of a single-row update between two updates; here the updates of all epochs are one call. What is
compiled is what fit compiles, the model's `train_step`; initial weights, order of rows and dropout masks are drawn as
fit draws them. Before its answers count, the loop has to end where `model.fit` ends.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from parity.engines.contract import Plain, answer, beside, option, recorded

checks = beside(__file__, "keras_fast_check")
# One copy of each: what it has compiled is kept in it, and arguments are understood by the module that made them.
starts, loop, nets, native = checks.starts, checks.loop, checks.nets, checks.native

FIT_ARGUMENTS = {"epochs", "batch_size", "verbose", "shuffle"}
"Arguments of Keras' fit that the loop knows what to do with."

UNSERVED = ("row_order", "trace", "untrained")
"Options of a fit that the loop does not serve."


def fit_many(
    fit: Callable[[Plain, Plain, Plain, Plain], Plain],
    read_back: Callable[..., Plain],
    spec: Plain,
    trains: list[Plain],
    test: Plain,
    options: Plain,
) -> list[Plain]:
    """The fits of several draws, whose seeds are options["seeds"]: answers as `fit` gives them, in the same order.

    fit, read_back: the engine's own. Where the loop cannot serve or its check fails, `fit` does it and a message says
    so. `effective` tells the trainer; the "history" asked for is in the answers that the loop gave.
    """
    shared = {name: value for name, value in options.items() if name != "seeds"}
    each = [(train, {**shared, "seed": seed}) for train, seed in zip(trains, options["seeds"], strict=True)]
    reason = refusal(spec, options)
    if reason is None:
        with nets.precision(spec):
            check = checks.checked(fit, key_of(spec, options), spec, trains[0], test, each[0][1])
            if check.within:
                one = recorded(functools.partial(compiled_fit, read_back, check))
                return [one(spec, train, test, given) for train, given in each]
        reason = f"it ends elsewhere than {check.words}"
    message = f"the compiled loop was not used: {reason}"
    answers = [fit(spec, train, test, given) for train, given in each]
    return [{**found, "messages": [*found["messages"], message]} for found in answers]


def refusal(spec: Plain, options: Plain) -> str | None:
    """Why the loop cannot serve, or None."""
    import keras

    if keras.backend.backend() != "jax":
        return f"it is for Keras on JAX, and this is Keras on {keras.backend.backend()}"
    if spec["family"] != "mlp":
        # Measured with JAX 0.10 on a CPU: cnn-beam takes 0.8 s for 40 rows in the loop, 0.05 s by fit.
        return "in a loop XLA's convolutions take many times what they take by themselves"
    for name in UNSERVED:
        if option(options, name, False) is not False:
            return f"it does not take the option '{name}'"
    arguments = nets.arguments_mlp(spec, options)
    if arguments["fit"]["epochs"] != spec["epochs"]:
        return "its epochs are the specification's, and an override asks for another number"
    for function, known in (("fit", FIT_ARGUMENTS), ("compile", {"loss"})):
        for name in arguments[function]:
            if name not in known:
                return f"it does not take the argument '{name}' of {function}"
    if arguments["fit"].get("shuffle", True) not in (True, False):
        return f"it does not know the order of rows under shuffle={arguments['fit']['shuffle']!r}"
    return None


def compiled_fit(
    read_back: Callable[..., Plain], check: Any, spec: Plain, train: Plain, test: Plain, options: Plain
) -> Plain:
    """One fit by the compiled loop, predicted by the model's own predict."""
    key, arguments = key_of(spec, options), nets.arguments_mlp(spec, options)
    x, x_test = native.scaled(spec, train["x"], test["x"])
    start = starts.started(arguments, x, train["y"], nets.seed_of(options), option(options, "initial_weights"))
    every = option(options, "history")
    watched = x_test[::every] if every else None
    batch, epochs = starts.batch_size(arguments), spec["epochs"]
    weights, history = loop.trained(key, batch, start, x, train["y"], epochs, watched)
    model = loop.whole_of(key, x.shape[1], loop.step_of(len(x), batch, epochs))
    width = loop.width_of(model)
    filled = [loop.columns.filled(weights[0], width, 0), *weights[1:]]
    for variable, value in zip(model.trainable_variables, filled, strict=True):
        variable.assign(value)
    probability = model.predict(loop.columns.filled(x_test, width, 1), verbose=0)[:, -1].astype("float64")
    updates = epochs * start.history.params["steps"]
    model.optimizer.iterations.assign(updates)
    effective = read_back(model, [start.history], len(x), arguments)
    # The next draw's optimizer starts from this one's variables.
    model.optimizer.iterations.assign(0)
    found = answer(
        probability=probability,
        label=(probability > option(spec, "threshold", 0.5)).astype(int),
        parameters={"weights": weights[::2], "biases": weights[1::2]} if option(options, "weights") else None,
        effective={**effective, "trainer": f"compiled loop over train_step, checked against {check.words}"},
        iterations=epochs,
        updates=updates,
    )
    if history is None:
        return found
    seen = {"probability": history.astype("float32"), "threshold": option(spec, "threshold", 0.5)}
    return {**found, "history": seen}


def key_of(spec: Plain, options: Plain) -> str:
    """Specification and overrides as one text: what a loop is compiled and checked for."""
    return json.dumps([spec, option(options, "overrides", {})], sort_keys=True)
