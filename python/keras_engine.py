"""Keras on whichever backend KERAS_BACKEND named when it was first imported: TensorFlow, JAX or PyTorch."""

from __future__ import annotations

import inspect
import math
from typing import Any

from parity.engines.contract import Plain, answer, call, cannot_express, option, recorded
from parity.errors import unknown

LOSSES = {"sigmoid": "binary_crossentropy", "softmax": "sparse_categorical_crossentropy"}
UNITS = {"sigmoid": 1, "softmax": 2}
GIVEN = ("self", "kwargs", "units", "x", "y", "name")
"Arguments that the engine gives itself and no override replaces."
SCALING = {
    "divide-by-255": ["x_train, x_test = x_train / 255, x_test / 255"],
    "standardize": [
        "mean, sd = x_train.mean(axis=0), x_train.std(axis=0)",
        "x_train, x_test = [(x - mean) / (sd + (sd == 0)) for x in (x_train, x_test)]",
    ],
}


def defaults(family: str) -> list[Plain]:
    """Rows for every function that the calls use; effective values from get_config() and a compiled, unfitted model."""
    import keras

    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile()
    used = [(keras.layers.Dense, model.layers[0].get_config()), (keras.layers.Dropout, {})]
    used += [(keras.Model.compile, {**vars(model), "optimizer": type(model.optimizer).__name__})]
    used += [(keras.Model.fit, {})]
    optimizers = [type(model.optimizer), keras.optimizers.Adam, keras.optimizers.SGD]
    used += [(each, each().get_config()) for each in optimizers]
    return [row for function, effective in used for row in declared(function, effective)]


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test.

    Keras is imported only to check overrides and to look up compile's own optimizer where arguments are meant for it.
    """
    arguments = arguments_mlp(spec, options)
    layers = [("Dense", dense) for dense in arguments["dense"]]
    if arguments["dropout"]:
        layers = [each for dense in layers[:-1] for each in (dense, ("Dropout", arguments["dropout"]))] + layers[-1:]
    optimizer, rates = arguments["optimizer"]
    named = f"optimizer={written(f'keras.optimizers.{optimizer}', rates)}, " if optimizer else ""
    decay, seed = spec["learning_rate_decay"], option(options, "seed")
    scheduler = f"keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * {decay} if epoch else rate)"
    first = "x_train, y_train, " + (f"callbacks=[{scheduler}], " if decay is not None else "")
    code = [
        "import keras\n",
        *([f"keras.utils.set_random_seed({seed})"] if seed is not None else []),
        *SCALING.get(spec["input_scaling"], []),
        "model = keras.Sequential([",
        "    keras.layers.Input((x_train.shape[1],)),",
        *(f"    {written(f'keras.layers.{name}', given)}," for name, given in layers),
        "])",
        written("model.compile", arguments["compile"], named),
        written("model.fit", arguments["fit"], first),
        f"probability = model.predict(x_test, verbose=0)[:, {arguments['dense'][-1]['units'] - 1}]",
        f"label = (probability > {option(spec, 'threshold', 0.5)}).astype(int)",
    ]
    chosen = [call(optimizer, **rates)] if optimizer else []
    steps = [call("compile", **arguments["compile"]), call("fit", **arguments["fit"])]
    schedule = [] if decay is None else [call("LearningRateScheduler", schedule=f"rate * {decay} after every epoch")]
    return {
        "calls": [*(call(name, **given) for name, given in layers), *chosen, *steps, *schedule],
        "code": "\n".join(code),
        "not_expressible": [cannot_express(name, "only Keras' SGD takes it") for name in unused(spec)],
        "added": additions(spec, arguments),
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit in Keras' float type. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays."""
    for name in ("row_order", "trace"):
        if option(options, name) is not None:
            raise ValueError(f"the Keras engine cannot take the option '{name}'")
    return fit_mlp(spec, train, test, options)


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    import keras

    arguments, decay = arguments_mlp(spec, options), spec["learning_rate_decay"]
    if option(options, "seed") is not None:
        keras.utils.set_random_seed(options["seed"])
    x, x_test = scaled(spec, train["x"], test["x"])
    try:
        model = network(arguments, x.shape[1])
        if (start := option(options, "initial_weights")) is not None:
            pairs = zip(start["weights"], start["biases"], strict=True)
            model.set_weights([each for pair in pairs for each in pair])
        name, rates = arguments["optimizer"]
        optimizer = {"optimizer": getattr(keras.optimizers, name)(**rates)} if name else {}
        model.compile(**optimizer, **arguments["compile"])
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * decay if epoch else rate)
        callbacks = {} if decay is None else {"callbacks": [scheduler]}
        history = model.fit(x, train["y"], **callbacks, **arguments["fit"])
        probability = model.predict(x_test, verbose=0)[:, -1].astype("float64")
        arrays = model.get_weights()
        return answer(
            probability=probability,
            label=(probability > option(spec, "threshold", 0.5)).astype(int),
            parameters={"weights": arrays[::2], "biases": arrays[1::2]} if option(options, "weights") else None,
            effective=read_back(model, history, len(x), arguments),
            iterations=len(history.epoch),
            updates=int(model.optimizer.iterations),
        )
    finally:
        # Keras keeps the graphs of every model that a process has made.
        keras.utils.clear_session()


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    """What each function is given. An override goes to the first that takes its name; `optimizer` names another."""
    overrides = dict(option(options, "overrides", {}))
    output, optimizer = option(spec, "output", "sigmoid"), overrides.pop("optimizer", spec["optimizer"])
    sgd = {} if unused(spec) else {"momentum": spec["momentum"], "nesterov": spec["nesterov"]}
    init = spec["init"] and spec["init"].replace("-", "_")
    parts = {
        "optimizer": pinned(learning_rate=spec["learning_rate"], **sgd),
        "compile": {"loss": LOSSES[output]},
        "fit": pinned(epochs=spec["epochs"], batch_size=spec["batch_size"], verbose=0),
        "dense": pinned(activation=spec["activation"], kernel_initializer=init),
    }
    if overrides or optimizer not in (None, "adam", "sgd") or (optimizer is None and parts["optimizer"]):
        optimizer = with_overrides(parts, overrides, optimizer)
    dense = [{"units": units, **parts["dense"]} for units in spec["hidden"]]
    last = {**parts["dense"], "units": UNITS[output], "activation": output}
    name = {"adam": "Adam", "sgd": "SGD"}.get(optimizer, optimizer)
    dropout = {"rate": spec["dropout"]} if spec["dropout"] else {}
    return {**parts, "dense": [*dense, last], "dropout": dropout, "optimizer": (name, parts["optimizer"])}


def with_overrides(parts: Plain, overrides: Plain, optimizer: str | None) -> str | None:
    """Merge the overrides into `parts`; the class of the optimizer, compile's own where its arguments need a name."""
    import keras

    default = inspect.signature(keras.Model.compile).parameters["optimizer"].default
    each = type(keras.optimizers.get(optimizer or default))
    functions = {"optimizer": each, "compile": keras.Model.compile, "fit": keras.Model.fit, "dense": keras.layers.Dense}
    known = {part: set(inspect.signature(function).parameters) - {*GIVEN} for part, function in functions.items()}
    for name, value in overrides.items():
        part = next((part for part in known if name in known[part]), None)
        if part is None:
            raise ValueError(str(unknown("argument", name, {"optimizer"}.union(*known.values()), "Keras")))
        parts[part] = {**parts[part], name: value}
    return each.__name__ if optimizer or parts["optimizer"] else None


def unused(spec: Plain) -> list[str]:
    """Pinned parameters that belong to SGD where another optimizer is asked for."""
    return [n for n in ("momentum", "nesterov") if spec[n] is not None and spec["optimizer"] != "sgd"]


def additions(spec: Plain, arguments: Plain) -> list[Plain]:
    needed = [
        ("output", arguments["dense"][-1]["activation"], "Keras chooses no output layer"),
        ("loss", arguments["compile"]["loss"], "compile has none of its own, and nothing is learnt without one"),
        ("threshold", 0.5, "Keras gives no labels"),
    ]
    return [{"parameter": n, "value": value, "reason": reason} for n, value, reason in needed if spec[n] is None]


def network(arguments: Plain, inputs: int) -> Any:
    import keras

    *hidden, output = [keras.layers.Dense(**dense) for dense in arguments["dense"]]
    model = keras.Sequential([keras.layers.Input((inputs,))])
    for layer in hidden:
        model.add(layer)
        if arguments["dropout"]:
            model.add(keras.layers.Dropout(**arguments["dropout"]))
    model.add(output)
    return model


def scaled(spec: Plain, x: Any, x_test: Any) -> tuple[Any, Any]:
    """What SCALING prints. A constant column has no spread and is divided by 1."""
    if spec["input_scaling"] == "divide-by-255":
        return x / 255, x_test / 255
    if spec["input_scaling"] == "standardize":
        mean, sd = x.mean(axis=0), x.std(axis=0)
        return (x - mean) / (sd + (sd == 0)), (x_test - mean) / (sd + (sd == 0))
    return x, x_test


def read_back(model: Any, history: Any, n: int, arguments: Plain) -> Plain:
    """What was in force. Keras records no batch size, but the steps of an epoch leave only some sizes."""
    import keras

    steps = history.params["steps"]
    sizes = [math.ceil(n / steps), None if steps == 1 else math.ceil(n / (steps - 1)) - 1]
    optimizer = {k: v for k, v in model.optimizer.get_config().items() if k != "name"}
    first = model.layers[0].get_config()
    return {
        **optimizer,
        "optimizer": type(model.optimizer).__name__,
        "loss": model.loss,
        "epochs": history.params["epochs"],
        "steps_per_epoch": steps,
        "batch_size": arguments["fit"].get("batch_size"),
        "batch_size between": sizes,
        "activation": first["activation"],
        "kernel_initializer": first["kernel_initializer"]["class_name"],
        "bias_initializer": first["bias_initializer"]["class_name"],
        "dtype": model.compute_dtype,
        "jit_compile": model.jit_compile,
        "backend": keras.backend.backend(),
    }


def declared(function: Any, effective: Plain) -> list[Plain]:
    label = function.__qualname__
    value = {k: v["class_name"] if isinstance(v, dict) and "class_name" in v else v for k, v in effective.items()}
    return [
        {
            "function": label,
            "name": n,
            "declared": p.default,
            "effective": value.get(n),
            "source": f"signature({label})",
        }
        for n, p in inspect.signature(function).parameters.items()
        if p.default is not p.empty
    ]


def pinned(**arguments: Any) -> Plain:
    return {name: value for name, value in arguments.items() if value is not None}


def written(function: str, arguments: Plain, first: str = "") -> str:
    return f"{function}({first}{', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
