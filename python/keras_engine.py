"""Keras on whichever backend KERAS_BACKEND named when it was first imported: TensorFlow, JAX or PyTorch."""

from __future__ import annotations

import math
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

native, replaced = beside(__file__, "native_calls"), beside(__file__, "keras_overrides")
OUTPUTS = {"sigmoid": (1, "binary_crossentropy"), "softmax": (2, "sparse_categorical_crossentropy")}
"Units and loss of the output layer by its activation."


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a compiled model that has seen no data."""
    import keras

    arguments = arguments_mlp(spec, options)
    try:
        model = network(arguments, train["x"].shape[1])
        room = replaced.room_for(type(model.optimizer))
        return beside(__file__, "keras_defaults").rows_of(model, arguments, room, spec["learning_rate_decay"])
    finally:
        # A model without graphs leaves little to collect, and collecting takes most of a second.
        keras.utils.clear_session(free_memory=False)


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test.

    Keras is imported only to check overrides and to look up compile's own optimizer where arguments are meant for it.
    """
    arguments = arguments_mlp(spec, options)
    layers = layers_of(arguments)
    optimizer, rates = arguments["optimizer"]
    named = f"optimizer={native.call_code(f'keras.optimizers.{optimizer}', rates)}" if optimizer else ""
    decay, seed = spec["learning_rate_decay"], seed_of(options)
    trains = not option(options, "untrained")
    scheduler = f"keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * {decay} if epoch else rate)"
    first = "x_train, y_train" + (f", callbacks=[{scheduler}]" if decay is not None else "")
    code = [
        "import keras\n",
        *([f"keras.utils.set_random_seed({seed})"] if seed is not None else []),
        *native.SCALING.get(spec["input_scaling"], []),
        "model = keras.Sequential([",
        "    keras.layers.Input((x_train.shape[1],)),",
        *(f"    {native.call_code(f'keras.layers.{name}', given)}," for name, given in layers),
        "])",
        native.call_code("model.compile", arguments["compile"], named),
        *([native.call_code("model.fit", arguments["fit"], first)] if trains else []),
        f"probability = model.predict(x_test, verbose=0)[:, {arguments['dense'][-1]['units'] - 1}]",
        f"label = (probability > {option(spec, 'threshold', 0.5)}).astype(int)",
    ]
    needed = [
        ("output", arguments["dense"][-1]["activation"], "Keras chooses no output layer"),
        ("loss", arguments["compile"]["loss"], "compile has none of its own, and nothing is learnt without one"),
        ("threshold", 0.5, "Keras gives no labels"),
    ]
    calls = layers + ([(optimizer, rates)] if optimizer else [])
    calls += [("compile", arguments["compile"]), *([("fit", arguments["fit"])] if trains else [])]
    if decay is not None and trains:
        calls += [("LearningRateScheduler", {"schedule": f"rate * {decay} after every epoch"})]
    return {
        "calls": [call(name, **given) for name, given in calls],
        "code": "\n".join(code),
        "not_expressible": native.gaps((True, name, "only Keras' SGD takes it") for name in unused(spec)),
        "added": native.added(row for row in needed if spec[row[0]] is None),
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit in Keras' float type. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays."""
    native.refuse(options, ("row_order", "trace"), "Keras")
    return fit_mlp(spec, train, test, options)


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    import keras

    arguments, decay = arguments_mlp(spec, options), spec["learning_rate_decay"]
    if (seed := seed_of(options)) is not None:
        keras.utils.set_random_seed(seed)
    x, x_test = native.scaled(spec, train["x"], test["x"])
    try:
        model = network(arguments, x.shape[1])
        if (start := option(options, "initial_weights")) is not None:
            pairs = zip(start["weights"], start["biases"], strict=True)
            model.set_weights([each for pair in pairs for each in pair])
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * decay if epoch else rate)
        callbacks = [scheduler] if decay is not None else None
        untrained = option(options, "untrained")
        history = None if untrained else model.fit(x, train["y"], callbacks=callbacks, **arguments["fit"])
        probability = model.predict(x_test, verbose=0)[:, -1].astype("float64")
        layers = [layer.get_weights() for layer in model.layers if layer.get_weights()]
        arrays = {"weights": [w for w, *_ in layers], "biases": [b for _, *rest in layers for b in rest]}
        return answer(
            probability=probability,
            label=(probability > option(spec, "threshold", 0.5)).astype(int),
            parameters=arrays if option(options, "weights") else None,
            effective=read_back(model, history, len(x), arguments),
            iterations=len(history.epoch) if history else 0,
            updates=int(model.optimizer.iterations),
        )
    finally:
        # Keras keeps the graphs of every model that a process has made.
        keras.utils.clear_session()


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    """What each function is given; an override goes to the first that takes its name."""
    overrides = dict(option(options, "overrides", {}))
    output, optimizer = option(spec, "output", "sigmoid"), overrides.pop("optimizer", spec["optimizer"])
    sgd = {} if unused(spec) else {"momentum": spec["momentum"], "nesterov": spec["nesterov"]}
    init = spec["init"] and spec["init"].replace("-", "_")
    parts = {
        "optimizer": native.pinned(learning_rate=spec["learning_rate"], **sgd),
        "compile": {"loss": OUTPUTS[output][1]},
        "fit": native.pinned(epochs=spec["epochs"], batch_size=spec["batch_size"], verbose=0),
        "dense": native.pinned(activation=spec["activation"], kernel_initializer=init),
    }
    if overrides or optimizer not in (None, "adam", "sgd") or (optimizer is None and parts["optimizer"]):
        optimizer = replaced.with_overrides(parts, overrides, optimizer)
    dense = [{"units": units, **parts["dense"]} for units in spec["hidden"]]
    last = {**parts["dense"], "units": OUTPUTS[output][0], "activation": output}
    name = {"adam": "Adam", "sgd": "SGD"}.get(optimizer, optimizer)
    dropout = native.pinned(rate=spec["dropout"] or None)
    return {**parts, "dense": [*dense, last], "dropout": dropout, "optimizer": (name, parts["optimizer"])}


def network(arguments: Plain, inputs: int) -> Any:
    """The compiled network for (n, inputs) rows, as it starts."""
    import keras

    made = [getattr(keras.layers, name)(**given) for name, given in layers_of(arguments)]
    model = keras.Sequential([keras.layers.Input((inputs,)), *made])
    name, rates = arguments["optimizer"]
    optimizer = {"optimizer": getattr(keras.optimizers, name)(**rates)} if name else {}
    model.compile(**optimizer, **arguments["compile"])
    return model


def seed_of(options: Plain) -> int | None:
    """All draws start from it, and on a CPU a fit then repeats bit for bit on every backend."""
    return option(options, "seed", 0 if option(options, "repeatable") else None)


def unused(spec: Plain) -> list[str]:
    """Pinned parameters that belong to SGD where another optimizer is asked for."""
    return [n for n in ("momentum", "nesterov") if spec[n] is not None and spec["optimizer"] != "sgd"]


def layers_of(arguments: Plain) -> list[tuple[str, Plain]]:
    """Layers in the order in which they are made: each draws its seeds when it is made, so that the order counts."""
    *hidden, output = [("Dense", dense) for dense in arguments["dense"]]
    drop = [("Dropout", arguments["dropout"])] if arguments["dropout"] else []
    return [layer for dense in hidden for layer in (dense, *drop)] + [output]


def read_back(model: Any, history: Any, n: int, arguments: Plain) -> Plain:
    """What was in force. Keras records no batch size, but the steps of an epoch leave only some sizes."""
    import keras

    trained: Plain = {}
    if history:
        steps = history.params["steps"]
        sizes = [math.ceil(n / steps), None if steps == 1 else math.ceil(n / (steps - 1)) - 1]
        trained = {"steps_per_epoch": steps, "batch_size between": sizes}
    first = model.layers[0].get_config()
    return {
        **{name: value for name, value in model.optimizer.get_config().items() if name != "name"},
        "optimizer": type(model.optimizer).__name__,
        "loss": model.loss,
        **trained,
        "batch_size": arguments["fit"].get("batch_size"),
        **{name: native.by_name(first[name]) for name in ("activation", "kernel_initializer", "bias_initializer")},
        "dtype": model.compute_dtype,
        "jit_compile": model.jit_compile,
        "backend": keras.backend.backend(),
    }
