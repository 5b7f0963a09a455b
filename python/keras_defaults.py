"""Keras' table of defaults: what signatures declare, what a compiled model tells, and what fit hands on by itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from parity.engines.contract import Plain, beside

native, watched = beside(__file__, "native_calls"), beside(__file__, "keras_first_batch")
layers = beside(__file__, "keras_layers")
FIRST_BATCH = "the first batch that {} hands to {}_step"
CALLBACKS = "what {} tells its callbacks"
ABSENT = object()
"Marks what neither a configuration nor an attribute tells; None is a value."


def rows_of(model: Any, arguments: Plain, room: Plain) -> list[Plain]:
    """Rows for every function that made `model`, compiled it and would fit it, in that order.

    room: names that an override can set, by the part of `arguments` that takes them.
    """
    import keras

    *hidden, output = of_class(model, "Dense")
    *dense, last = [native.printable(each) for each in arguments["dense"]]
    rows = rows_of_sequential(model, [native.by_name(each) for each in model.get_config()["layers"]])
    rows += rows_of_image(model, arguments, room)
    layer = keras.layers.Dense
    if hidden:
        rows += made("Dense", layer, hidden, asked=alike(dense), choices=choices(layer), override=room["dense"])
    for name in ("Dropout", "Rescaling"):
        rows += rows_of_layers(model, arguments, name) if of_class(model, name) else []
    free = room["dense"] - {"activation"}
    rows += made("Dense, output", layer, [output], asked=last, choices=choices(layer), override=free)
    rows += rows_of_objects([*of_class(model, "Conv2D"), *hidden, output], arguments["penalty"])
    name, rates = arguments["optimizer"]
    rows += native.declared(
        "compile",
        keras.Model.compile,
        asked={**({"optimizer": name} if name else {}), **arguments["compile"]},
        effective=model.get_compile_config(),
        read="get_compile_config() of the model",
        override=room["compile"],
    )
    rows += rows_of_optimizer(
        model.optimizer, native.printable(rates), native.printable(arguments["schedule"]), room["optimizer"]
    )
    return rows + rows_of_fit(arguments["fit"], room["fit"]) + rows_of_predict()


def of_class(model: Any, name: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == name]


def rows_of_image(model: Any, arguments: Plain, room: Plain) -> list[Plain]:
    """Reshape, Conv2D, MaxPooling2D and Flatten, where the features are an image; convolutions share one table."""
    import keras

    if "image" not in arguments:
        return []
    rows: list[Plain] = []
    for name in ("Reshape", "Conv2D", "MaxPooling2D", "Flatten"):
        known = {"choices": choices(keras.layers.Conv2D), "override": room["dense"] | room["convolution"]}
        more = known if name == "Conv2D" else {}
        rows += rows_of_layers(model, arguments, name, **more)
    return rows


def rows_of_layers(model: Any, arguments: Plain, name: str, **more: Any) -> list[Plain]:
    """The one table of all layers of a class. more: as of `made`."""
    import keras

    asked = [native.printable(given) for each, given in layers.layers_of(arguments) if each == name]
    return made(name, getattr(keras.layers, name), of_class(model, name), asked=alike(asked), **more)


def rows_of_optimizer(optimizer: Any, rates: Plain, schedule: Plain, room: set[str]) -> list[Plain]:
    """The optimizer, and the schedule that its rate follows."""
    import keras

    name, rate = type(optimizer).__name__, optimizer.get_config()["learning_rate"]
    rows = made(name, getattr(keras.optimizers, name), [optimizer], asked=rates, override=room)
    if isinstance(rate, dict):
        falls = keras.optimizers.schedules.deserialize(rate)
        rows += made(type(falls).__name__, type(falls), [falls], asked=schedule)
    return rows


def rows_of_sequential(model: Any, network: list[str]) -> list[Plain]:
    """Sequential and its Input. The class tells no signature, as it makes its objects itself."""
    import keras

    entry = model.get_config()["layers"][0]["config"]
    size, *shape = entry["batch_shape"]
    read = "get_config() of the model's input layer"
    return native.declared(
        "Sequential",
        keras.Sequential.__init__,
        asked={"layers": ["Input", *network[1:]]},
        effective={"layers": network, "trainable": model.trainable},
        read="get_config() and attributes of the model",
    ) + native.declared(
        "Input",
        keras.layers.Input,
        asked={"shape": shape},
        effective={**without_name(entry), "batch_shape": [size, *shape], "shape": shape, "batch_size": size},
        read=read,
    )


def rows_of_objects(layers: list[Any], penalty: Plain) -> list[Plain]:
    """Each initializer and regularizer in force once: it is an object of its own, which a layer makes from a word."""
    import keras

    kinds = ("_initializer", "_regularizer")
    names = [name for name in inspect.signature(keras.layers.Dense).parameters if name.endswith(kinds)]
    objects = [getattr(layer, name) for layer in layers for name in names]
    unlike = {(type(each).__name__, repr(each.get_config())): each for each in objects if each is not None}
    given = {"L2": penalty}
    found = [made(label, type(each), [each], asked=given.get(label)) for (label, _), each in unlike.items()]
    return [row for rows in found for row in rows]


def rows_of_fit(asked: Plain, room: set[str]) -> list[Plain]:
    of_its_rows = ("sample_weight", "validation_data")
    batch, told = watched.handed_over("fit", {k: v for k, v in asked.items() if k not in of_its_rows})
    return read_at("fit", "train", batch, told, {"x": "x_train", "y": "y_train", **asked}, room)


def rows_of_predict() -> list[Plain]:
    asked = {"verbose": 0}
    return read_at("predict", "predict", *watched.handed_over("predict", asked), {"x": "x_test", **asked}, set())


def read_at(function: str, step: str, batch: Plain, told: Plain, asked: Plain, room: set[str]) -> list[Plain]:
    """Rows of fit or predict from their two sources: the first batch and the word to the callbacks."""
    import keras

    read, word = FIRST_BATCH.format(function, step), CALLBACKS.format(function)
    method = getattr(keras.Model, function)
    rows = native.declared(function, method, asked=asked, effective={**told, **batch}, read=read, override=room)
    return [{**row, "effective_from": word} if row["name"] in told else row for row in rows]


def made(label: str, function: Callable[..., Any], objects: list[Any], **known: Any) -> list[Plain]:
    """Rows of a function from the objects that it made, of which each may be in force for a layer of its own."""
    effective = alike([in_force(function, each) for each in objects])
    return native.declared(
        label, function, effective=effective, read=f"get_config() and attributes of {label}", **known
    )


def in_force(function: Callable[..., Any], each: Any) -> Plain:
    names, config = inspect.signature(function).parameters, each.get_config()
    found = {name: config[name] if name in config else getattr(each, name, ABSENT) for name in names}
    return without_name({name: value for name, value in found.items() if value is not ABSENT})


def without_name(values: Plain) -> Plain:
    """A name that Keras makes counts the objects of the process before it, and would differ from call to call."""
    return {name: value for name, value in values.items() if name != "name"}


def alike(each: list[Plain]) -> Plain:
    """One value where all layers have the same, else a list by layer; always a list of their units or filters."""
    columns = {name: [native.by_name(values[name]) for values in each] for name in each[0]}
    listed = {"units", "filters"} if len(each) > 1 else set()
    one = {name: all(value == v[0] for value in v) and name not in listed for name, v in columns.items()}
    return {name: v[0] if one[name] else v for name, v in columns.items()}


def choices(function: Callable[..., Any]) -> Plain:
    """Words that Keras lists for a parameter and takes without arguments, one for each thing that they name."""
    import keras

    found = {}
    for name in inspect.signature(function).parameters:
        kind = name.rsplit("_", 1)[-1]
        if kind in ("initializer", "regularizer", "constraint", "activation"):
            module = getattr(keras, f"{kind}s")
            found[name] = words(module)
    return found


def words(module: Any) -> list[str]:
    found: dict[Any, str] = {}
    for word in dir(module):
        try:
            thing = module.get(word) if word == word.lower() else None
        except (ImportError, KeyError, TypeError, ValueError):
            continue
        if thing is not None:
            found.setdefault(thing if inspect.isfunction(thing) else type(thing), word)
    return list(found.values())
