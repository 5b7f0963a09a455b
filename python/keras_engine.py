"""Keras on whichever backend KERAS_BACKEND named when it was first imported: TensorFlow, JAX or PyTorch."""

from __future__ import annotations

import math
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

native, nets = beside(__file__, "native_calls"), beside(__file__, "keras_network")
training, fast = beside(__file__, "keras_training"), beside(__file__, "keras_fast")
START = [
    'layers = zip(initial_weights["weights"], initial_weights["biases"], strict=True)',
    "model.set_weights([array for layer in layers for array in layer])",
]
"Code that gives a network its start: a translation prints it and `fit` runs it."


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a compiled model that has seen no data."""
    import keras

    arguments = nets.arguments_mlp(spec, options)
    with nets.precision(spec):
        try:
            model = nets.network(arguments, train["x"].shape[1])
            room = nets.replaced.room_for(type(model.optimizer), spec["family"] == "cnn")
            return beside(__file__, "keras_defaults").rows_of(model, arguments, room)
        finally:
            # A model without graphs leaves little to collect, and collecting takes most of a second.
            keras.utils.clear_session(free_memory=False)


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test.

    Where options ask for them it starts as well from initial_weights and row_order, in the form of the options, or from
    batches, the places of the rows of each update.
    Keras is imported only to check overrides and to look up compile's own optimizer where arguments are meant for it.
    """
    arguments = nets.arguments_mlp(spec, options)
    layers = beside(__file__, "keras_layers").layers_of(arguments)
    optimizer, rates = arguments["optimizer"]
    named = f"optimizer={native.call_code(f'keras.optimizers.{optimizer}', rates)}" if optimizer else ""
    seed = nets.seed_of(options)
    code = [
        "import keras\n",
        *nets.precision_code(spec),
        *([f"keras.utils.set_random_seed({seed})"] if seed is not None else []),
        *native.SCALING.get(spec["input_scaling"], []),
        "model = keras.Sequential([",
        "    keras.layers.Input((x_train.shape[1],)),",
        *(f"    {native.call_code(f'keras.layers.{name}', given)}," for name, given in layers),
        "])",
        native.call_code("model.compile", arguments["compile"], named),
        *(START if option(options, "initial_weights") is not None else []),
        *training.code(arguments["fit"], options),
        f"probability = model.predict(x_test, verbose=0)[:, {arguments['dense'][-1]['units'] - 1}]",
        f"label = (probability > {option(spec, 'threshold', 0.5)}).astype(int)",
    ]
    needed = [
        ("output", arguments["dense"][-1]["activation"], "Keras chooses no output layer"),
        ("loss", arguments["compile"]["loss"], "compile has none of its own, and nothing is learnt without one"),
        ("threshold", 0.5, "Keras gives no labels"),
    ]
    calls = layers + ([(optimizer, rates)] if optimizer else []) + [("compile", arguments["compile"])]
    calls += [] if option(options, "untrained") else [("fit", arguments["fit"])]
    return {
        "calls": [call(name, **native.printable(given)) for name, given in calls],
        "code": "\n".join(code),
        "not_expressible": nets.gaps(spec),
        "added": native.added(row for row in needed if spec[row[0]] is None),
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit in Keras' float type. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays."""
    with nets.precision(spec):
        return fit_mlp(spec, train, test, options)


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    import keras

    arguments = nets.arguments_mlp(spec, options)
    if (seed := nets.seed_of(options)) is not None:
        keras.utils.set_random_seed(seed)
    x, x_test = native.scaled(spec, train["x"], test["x"])
    try:
        model = nets.network(arguments, x.shape[1])
        if (start := option(options, "initial_weights")) is not None:
            exec("\n".join(START), {"model": model, "initial_weights": start})
        every, looks = option(options, "history"), []
        watch = training.looking(model, x_test[::every], looks) if every else []
        histories, trace = training.trained(model, x, train["y"], arguments["fit"], options, watch)
        probability = model.predict(x_test, verbose=0)[:, -1].astype("float64")
        cut = option(spec, "threshold", 0.5)
        found = answer(
            probability=probability,
            label=(probability > cut).astype(int),
            parameters=training.arrays(model) if option(options, "weights") else None,
            effective=read_back(model, histories, len(x), arguments),
            # Single updates are of no epoch.
            iterations=None if trace and "loss" in trace[-1] else sum(len(each.epoch) for each in histories),
            updates=int(model.optimizer.iterations),
            trace=trace,
        )
        return {**found, "history": {"probability": looks, "threshold": cut}} if looks else found
    finally:
        # Keras keeps the graphs of every model that a process has made.
        keras.utils.clear_session()


def fit_many(spec: Plain, trains: list[Plain], test: Plain, options: Plain) -> list[Plain]:
    """The fits of several draws at once, on JAX in a compiled loop that was checked against `fit`."""
    answers: list[Plain] = fast.fit_many(fit, read_back, spec, trains, test, options)
    return answers


def read_back(model: Any, histories: list[Any], n: int, arguments: Plain) -> Plain:
    """What was in force. Keras records no batch size, but the steps of an epoch leave only some sizes.

    A rate that falls stands with its value after training, as the optimizer tells it.
    """
    import keras

    trained: Plain = {}
    if histories:
        steps = histories[-1].params["steps"]
        sizes = [math.ceil(n / steps), None if steps == 1 else math.ceil(n / (steps - 1)) - 1]
        trained = {"steps_per_epoch": steps, "batch_size between": sizes}
    first = next(layer for layer in model.layers if layer.weights).get_config()
    rates = {name: value for name, value in model.optimizer.get_config().items() if name != "name"}
    schedule = rates["learning_rate"]["config"] if isinstance(rates["learning_rate"], dict) else {}
    if schedule:
        rates["learning_rate"] = float(model.optimizer.learning_rate)
    return {
        **{name: value for name, value in schedule.items() if name != "name"},
        **rates,
        "optimizer": type(model.optimizer).__name__,
        "loss": model.loss,
        **trained,
        "batch_size": arguments["fit"].get("batch_size"),
        **{name: native.by_name(first[name]) for name in ("activation", "kernel_initializer", "bias_initializer")},
        "dtype": model.compute_dtype,
        "jit_compile": model.jit_compile,
        "backend": keras.backend.backend(),
    }
