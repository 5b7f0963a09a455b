"""Columns that are zero in all training rows, and when an update may leave them out."""

from __future__ import annotations

from typing import Any

WIDTH = 112
"""Columns that stay are a multiple of it, zero ones among them: draws of several sizes then share a compiled loop. The
784 pixels of an image are seven of it."""

WIDE = 784
"The same for short trainings, in which narrower arithmetic does not make up for compiling and checking it: 3 s."

LONG = 2000
"Updates from which on a training is a long one: of 784 columns each takes some 30 microseconds more than of 400."

STILL = {"SGD", "Adam", "RMSprop", "Adadelta"}
"Optimizers of Keras under which a weight whose gradient has always been zero never moves."

MOVING = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "gradient_accumulation_steps")
"Arguments of a Keras optimizer with which that has not been shown."


def step_of(updates: int) -> int:
    """What columns are a multiple of in a training of so many updates."""
    return WIDTH if updates >= LONG else WIDE


def kept(model: Any, x: Any, step: int) -> Any:
    """Numbers of the columns of x (n, p) that an update of `model` has to see, in their order: at most p.

    step: what their number is a multiple of, where there are so many.

    A column of zeros gives its row of the first kernel a gradient of exactly zero in every update.
    """
    import numpy as np

    if not zeros_stay(model):
        return np.arange(x.shape[1])
    there = (x != 0).any(axis=0)
    wanted = min(x.shape[1], room(int(there.sum()), step))
    rest = np.flatnonzero(~there)[: wanted - int(there.sum())]
    return np.sort(np.concatenate([np.flatnonzero(there), rest]))


def room(count: int, step: int) -> int:
    """The multiple of `step` in which so many columns have room."""
    return max(1, -(-count // step)) * step


def filled(array: Any, length: int, axis: int) -> Any:
    """An array with zeros at the end of an axis, which is then `length` long."""
    import numpy as np

    missing = length - array.shape[axis]
    if not missing:
        return array
    return np.pad(array, [(0, missing if each == axis else 0) for each in range(array.ndim)])


def zeros_stay(model: Any) -> bool:
    """Whether a weight of the first layer whose gradient has been zero from the start keeps its first value exactly.

    From keras/src/optimizers, with g = 0 and all running arrays 0 at the start, in the order of their updates:
    SGD: m = momentum * 0 - rate * 0 = 0, and w moves by m, or by momentum * m - rate * 0, which is 0.
    Adam: m = 0, v = 0, and w moves by m * alpha / (sqrt(v) + epsilon) = 0 / epsilon.
    RMSprop: v = 0, and w moves by rate * 0 / sqrt(v + epsilon), through a momentum of 0.
    Adadelta: both averages are 0, and w moves by rate * sqrt(epsilon) * 0 / sqrt(epsilon).
    So it holds where epsilon > 0 (0 / 0 is no number) and nothing but the loss pulls at a weight: a penalty or a weight
    decay does, and a convolution has no such row.
    """
    import keras

    first, config = model.layers[0], model.optimizer.get_config()
    return (
        isinstance(first, keras.layers.Dense)
        and type(model.optimizer).__name__ in STILL
        and config.get("epsilon", 1.0) > 0
        and not any(config.get(name) for name in MOVING)
        and first.kernel_regularizer is None
        and first.kernel_constraint is None
    )
