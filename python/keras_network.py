"""Keras' compiled networks: what each function is given for a specification, and the model that they make of it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from parity.engines.contract import Plain, beside, option

native, replaced = beside(__file__, "native_calls"), beside(__file__, "keras_overrides")
layers = beside(__file__, "keras_layers")
OUTPUTS = {"sigmoid": (1, "binary_crossentropy"), "softmax": (2, "sparse_categorical_crossentropy")}
"Units and loss of the output layer by its activation."

CLASSES = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adadelta": "Adadelta"}
OWN = {
    "momentum": "momentum",
    "nesterov": "nesterov",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "rho": "rho",
    "epsilon": "epsilon",
}
"Keras' names for what some optimizers take and others do not."
TAKEN = {
    "adam": ("beta1", "beta2", "epsilon"),
    "sgd": ("momentum", "nesterov"),
    "rmsprop": ("momentum", "rho", "epsilon"),
    "adadelta": ("rho", "epsilon"),
}
SCHEDULE = "keras.optimizers.schedules.InverseTimeDecay"
PRECISION = ['keras.config.set_floatx("{precision}")', 'keras.config.set_dtype_policy("{precision}")']
WIDE = [
    'if keras.config.backend() == "jax":',
    "    import jax",
    '    jax.config.update("jax_enable_x64", True)',
    'keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"',
]
"""What float64 needs beyond Keras' two settings. JAX makes float32 of float64 arrays until it is told otherwise, and so
does Keras' own promotion of types, except on TensorFlow: on PyTorch even in the matrix products of its layers."""


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    """What each function is given for an MLP or a CNN; an override goes to the first that takes its name.

    dense: of each Dense layer, the output last; blocks: of each Conv2D, block by block; optimizer: (class or None for
    compile's own, arguments); penalty, schedule: of the objects that stand as `Code` among the others' arguments, which
    is evaluated when the network is made. A trace of steps is eager, so that what an update computes are numbers.
    """
    overrides = dict(option(options, "overrides", {}))
    output, optimizer = option(spec, "output", "sigmoid"), overrides.pop("optimizer", spec["optimizer"])
    own = {OWN[name]: exact(spec, name) for name in TAKEN.get(optimizer, ())}
    init = spec["init"] and spec["init"].replace("-", "_")
    # Keras' penalty is c * sum(w^2), ours lambda / 2 * sum(w^2).
    penalty, schedule = {"l2": spec["l2"] / 2} if spec["l2"] else {}, schedule_of(spec)
    ridge = native.Code(native.call_code("keras.regularizers.L2", penalty)) if penalty else None
    rate = native.Code(native.call_code(SCHEDULE, schedule)) if schedule else spec["learning_rate"]
    eager = True if "steps" in option(options, "trace", {}) else None
    layer = native.pinned(activation=spec["activation"], kernel_initializer=init, kernel_regularizer=ridge)
    shuffle = False if spec["order"] == "given" else None
    parts = {
        "optimizer": native.pinned(learning_rate=rate, **own),
        "compile": native.pinned(loss=OUTPUTS[output][1], run_eagerly=eager),
        "fit": native.pinned(epochs=spec["epochs"], batch_size=spec["batch_size"], verbose=0, shuffle=shuffle),
        "dense": layer,
        **({"convolution": layer} if spec["family"] == "cnn" else {}),
    }
    if overrides or optimizer not in (None, *CLASSES) or (optimizer is None and parts["optimizer"]):
        optimizer = replaced.with_overrides(parts, overrides, optimizer)
    dense = [{"units": units, **parts["dense"]} for units in spec["hidden"]]
    last = {**parts["dense"], "units": OUTPUTS[output][0], "activation": output}
    return {
        **parts,
        **(image_arguments(spec, parts["convolution"]) if spec["family"] == "cnn" else {}),
        "dense": [*dense, last],
        "dropout": native.pinned(rate=spec["dropout"] or None),
        "rescaled": spec["dropout_scaling"] == "at-prediction",
        "optimizer": (CLASSES.get(optimizer, optimizer), parts["optimizer"]),
        "penalty": penalty,
        "schedule": schedule,
    }


def image_arguments(spec: Plain, convolution: Plain) -> Plain:
    """What the layers before the dense ones are given, where the features are an image."""
    given = {"kernel_size": spec["kernel"], **convolution}
    return {
        "image": {"target_shape": (*spec["image"], 1)},
        "blocks": [[{"filters": filters, **given} for filters in block] for block in spec["filters"]],
        "pool": {"pool_size": spec["pool"]},
        "dropout_pooled": native.pinned(rate=spec["dropout_pooled"] or None),
    }


def schedule_of(spec: Plain) -> Plain:
    """What the schedule rate / (1 + d * updates done) is given; nothing where the rate does not fall."""
    rate, decay = spec["learning_rate"], spec["learning_rate_decay"]
    if rate is None or not decay:
        return {}
    return {
        "initial_learning_rate": exact(spec, "learning_rate"),
        "decay_steps": 1,
        "decay_rate": exact(spec, "learning_rate_decay"),
    }


def exact(spec: Plain, name: str) -> Any:
    """A parameter of Adam's or of the schedule's as it is given to Keras.

    On TensorFlow both make tensors of them, which makes float32 of a Python number before anything else: 1 - 0.999 ** t
    is then off by 1e-5 of itself, in float64 as well. A number of NumPy's keeps its type.
    """
    cast = spec["precision"] == "float64" and name in ("beta1", "beta2", "learning_rate", "learning_rate_decay")
    return native.Code(f"numpy.float64({spec[name]})") if cast and spec[name] is not None else spec[name]


def gaps(spec: Plain) -> list[Plain]:
    """Pinned parameters that Keras has no place for."""
    optimizer = spec["optimizer"]
    reason = f"Keras' {CLASSES[optimizer]} does not take it" if optimizer else "no optimizer is named to take it"
    unused = [name for name in OWN if spec[name] is not None and name not in TAKEN.get(optimizer, ())]
    return native.gaps(
        [
            *((True, name, reason) for name in unused),
            (
                spec["learning_rate_decay"] and spec["learning_rate"] is None,
                "learning_rate_decay",
                "Keras' schedule starts from a learning rate, and none is given",
            ),
        ]
    )


def network(arguments: Plain, inputs: int) -> Any:
    """The compiled network for (n, inputs) rows, as it starts. ValueError where they are no image of its shape."""
    import keras
    import numpy

    if "image" in arguments:
        rows, columns, _ = arguments["image"]["target_shape"]
        if rows * columns != inputs:
            raise ValueError(f"{inputs} features are no image of {rows} x {columns}; it has {rows * columns}")
    names = {"keras": keras, "numpy": numpy}
    made = [
        getattr(keras.layers, name)(**native.evaluated(given, names)) for name, given in layers.layers_of(arguments)
    ]
    model = keras.Sequential([keras.layers.Input((inputs,)), *made])
    name, rates = arguments["optimizer"]
    optimizer = {"optimizer": getattr(keras.optimizers, name)(**native.evaluated(rates, names))} if name else {}
    model.compile(**optimizer, **arguments["compile"])
    return model


def precision_code(spec: Plain) -> list[str]:
    """The lines that set the float type; none where the specification leaves it to Keras."""
    precision = spec["precision"]
    wide = ["import numpy", *WIDE] if precision == "float64" else []
    return [*(line.format(precision=precision) for line in PRECISION if precision), *wide]


@contextlib.contextmanager
def precision(spec: Plain) -> Iterator[None]:
    """The specification's float type for what is done inside, and what was in force before it again afterwards."""
    if spec["precision"] is None:
        yield
        return
    import keras

    config, promoted = keras.config, keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE
    before = config.floatx(), config.dtype_policy(), promoted["float64"]
    jax = importlib.import_module("jax").config if config.backend() == "jax" else None
    wide = jax and jax.jax_enable_x64
    try:
        exec("\n".join(precision_code(spec)), {"keras": keras})
        yield
    finally:
        config.set_floatx(before[0])
        config.set_dtype_policy(before[1])
        promoted["float64"] = before[2]
        if jax:
            jax.update("jax_enable_x64", wide)


def seed_of(options: Plain) -> int | None:
    """All draws start from it, and on a CPU a fit then repeats bit for bit on every backend."""
    return option(options, "seed", 0 if option(options, "repeatable") else None)
