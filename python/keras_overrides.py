"""Which of Keras' functions a native argument goes to that replaces a translated one."""

from __future__ import annotations

import inspect

from parity.engines.contract import Plain, beside
from parity.errors import unknown

weights = beside(__file__, "keras_weights")

GIVEN = ("self", "kwargs", "units", "filters", "kernel_size", "x", "y", "name", "callbacks")
"Arguments that the engine gives itself and no override replaces."


def with_overrides(parts: Plain, overrides: Plain, optimizer: str | None) -> str | None:
    """Merge the overrides into `parts`; the class of the optimizer, compile's own where its arguments need a name.

    What dense layers and convolutions both take goes to both.
    """
    import keras

    default = inspect.signature(keras.Model.compile).parameters["optimizer"].default
    each = type(keras.optimizers.get(optimizer or default))
    images = "convolution" in parts
    room = room_for(each, images)
    shared = set(inspect.signature(keras.layers.Conv2D).parameters) if images else set()
    for name, given in overrides.items():
        value = weights.by_class(given) if name == "class_weight" and isinstance(given, dict) else given
        part = next((part for part in room if name in room[part]), None)
        if part is None:
            raise ValueError(str(unknown("argument", name, set().union(*room.values()), "Keras")))
        for each_part in (part, *(["convolution"] if part == "dense" and name in shared else [])):
            parts[each_part] = {**parts[each_part], name: value}
    return each.__name__ if optimizer or parts["optimizer"] else None


def room_for(optimizer: type, images: bool = False) -> dict[str, set[str]]:
    """Names that an override can set, by the part that it goes to: the first that takes the name."""
    import keras

    # On PyTorch an object is of a subclass whose signature tells nothing.
    public = getattr(keras.optimizers, optimizer.__name__, optimizer)
    functions = {"optimizer": public, "compile": keras.Model.compile, "fit": keras.Model.fit}
    functions |= {"dense": keras.layers.Dense, **({"convolution": keras.layers.Conv2D} if images else {})}
    room: dict[str, set[str]] = {}
    for part, function in functions.items():
        room[part] = set(inspect.signature(function).parameters).difference(GIVEN, *room.values())
    return room
