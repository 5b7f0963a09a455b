"""The compiled loop: all epochs and updates of one fit in a single call of JAX, each update Keras' own train_step."""

from __future__ import annotations

import functools
import json
from typing import Any

from parity.engines.contract import beside

nets, columns = beside(__file__, "keras_network"), beside(__file__, "keras_fast_columns")

ROWS = 128
"Training rows are filled up to a multiple of it, which no update visits: one compiled loop serves many sizes."

MODELS = 48
"Networks kept with what was compiled for them; a study has a handful, an explanation one for each set of switches."


@functools.lru_cache(maxsize=MODELS)
def model_of(key: str, inputs: int) -> Any:
    """The network of a specification and overrides, as JSON in `key`, for (n, inputs) rows, ready to be trained."""
    import numpy as np

    spec, overrides = json.loads(key)
    model = nets.network(nets.arguments_mlp(spec, {"overrides": overrides}), inputs)
    # Metrics, loss and optimizer make their variables when fit has seen a batch.
    model.fit(np.zeros((1, inputs)), np.zeros(1, dtype=np.int64), epochs=0, verbose=0)
    return model


@functools.lru_cache(maxsize=MODELS)
def loop_of(key: str, inputs: int) -> Any:
    """The jitted loop of `model_of(key, inputs)`.

    run(weights, masks, optimizer, data, epochs, batches, batch, remainder) -> (weights, history): arrays as in Start,
    the optimizer's variables, `data` as `trained` lays it out; epochs and full batches of `batch` rows in each are
    numbers that may change from call to call, and `remainder` rows are a last, smaller batch. history: (epochs, n_test)
    probabilities after each epoch, or None.
    """
    import jax

    model = model_of(key, inputs)
    # The loss that Keras reports is not asked for: what train_step makes of its metrics is dropped and never computed.
    metrics = [variable.value for variable in model.metrics_variables]
    fori, part = jax.lax.fori_loop, jax.lax.dynamic_slice_in_dim

    def update(state: Any, x: Any, y: Any) -> Any:
        _, new = model.train_step((*state, metrics), (x, y))
        return tuple(new[:3])

    def run(
        weights: Any, masks: Any, optimizer: Any, data: Any, epochs: Any, batches: Any, batch: int, remainder: int
    ) -> Any:
        def rows(order: Any, first: Any, count: int) -> tuple[Any, Any]:
            if count == 1:  # a slice is cheaper than gathering rows
                return part(data["x"], order[first], 1), part(data["y"], order[first], 1)
            places = part(order, first, count)
            return data["x"][places], data["y"][places]

        def epoch(number: Any, carried: Any) -> Any:
            state, seen = carried
            order = data["orders"][number]
            state = fori(0, batches, lambda i, state: update(state, *rows(order, i * batch, batch)), state)
            if remainder:
                state = update(state, *rows(order, batches * batch, remainder))
            if seen is not None:
                seen = seen.at[number].set(probability(model, state, data["x_test"], data["left_out"]))
            return state, seen

        seen = None
        if data["x_test"] is not None:
            seen = jax.numpy.zeros((len(data["orders"]), len(data["x_test"])), data["x"].dtype)
        state, seen = fori(0, epochs, epoch, ((weights, masks, optimizer), seen))
        return state[0], seen

    return jax.jit(run, static_argnames=("batch", "remainder"))


def probability(model: Any, state: Any, x: Any, left_out: Any) -> Any:
    """(n_test,) probabilities of class 1 by the layers of Keras with the weights of `state`.

    x: (n_test, inputs); left_out: (n_test, units) what columns that are not in x add to the first layer's sums, or None
    where all are.
    """
    import keras

    variables = [*model.trainable_variables, *model.non_trainable_variables]
    with keras.StatelessScope(state_mapping=list(zip(variables, [*state[0], *state[1]], strict=True))):
        if left_out is None:
            return model(x, training=False)[:, -1]
        first, *others = model.layers
        x = first.activation(keras.ops.matmul(x, first.kernel) + left_out + first.bias)
        for layer in others:
            x = layer(x, training=False)
        return x[:, -1]


def whole_of(key: str, inputs: int, step: int) -> Any:
    """A network for (n, inputs) rows; where columns of zeros do nothing, one with room for some of them behind.

    What a study leaves out of its columns, draw by draw, is then no network of its own each time. step: see columns.
    """
    model = model_of(key, columns.room(inputs, step) if inputs > columns.WIDTH else inputs)
    return model if columns.zeros_stay(model) else model_of(key, inputs)


def width_of(model: Any) -> int:
    """Columns of a network's input."""
    return int(model.input_shape[-1])


def step_of(n: int, batch: int, epochs: int) -> int:
    """What the columns of a training on n rows are a multiple of."""
    return int(columns.step_of(epochs * -(-n // batch)))


def shape_of(key: str, batch: int, x: Any, epochs: int) -> tuple[int, ...]:
    """What a loop is compiled for besides its network: columns, rows of a batch and of the last one, any full batch."""
    n, step = len(x), step_of(len(x), batch, epochs)
    whole = whole_of(key, x.shape[1], step)
    return len(columns.kept(whole, columns.filled(x, width_of(whole), 1), step)), batch, n % batch, int(n >= batch)


def trained(key: str, batch: int, start: Any, x: Any, y: Any, epochs: int, x_test: Any = None) -> tuple[list[Any], Any]:
    """Train from a Start on x (n, p) and y (n,), all orders or the first `epochs` of them.

    Returns the weights, as in `start`, and the probabilities (epochs, n_test) after each epoch where x_test (n_test, p)
    is given.
    """
    import numpy as np

    inputs, step = x.shape[1], step_of(len(x), batch, len(start.orders))
    whole = whole_of(key, inputs, step)
    width = width_of(whole)
    x = columns.filled(x, width, 1)
    used = columns.kept(whole, x, step)
    model, run = model_of(key, len(used)), loop_of(key, len(used))
    kernel = columns.filled(start.weights[0], width, 0)
    dtype = kernel.dtype
    n, room = len(x), -(-len(x) // ROWS) * ROWS
    data = {
        "x": np.zeros((room, len(used)), dtype),
        "y": np.zeros(room, y.dtype),
        "orders": np.zeros((len(start.orders), room), np.int32),
        "x_test": None,
        "left_out": None,
    }
    data["x"][:n], data["y"][:n], data["orders"][:, :n] = x[:, used], y, start.orders
    weights = [kernel[used], *start.weights[1:]]
    if x_test is not None:
        x_test = columns.filled(x_test, width, 1)
        data["x_test"] = x_test[:, used].astype(dtype)
    if x_test is not None and len(used) < width:
        unused = np.setdiff1d(np.arange(width), used)
        data["left_out"] = x_test[:, unused].astype(dtype) @ kernel[unused]
    rates = [variable.value for variable in model.optimizer.variables]
    found, history = run(
        weights, start.masks, rates, data, np.int32(epochs), np.int32(n // batch), batch=batch, remainder=n % batch
    )
    arrays = [np.array(each) for each in found]
    first, arrays[0] = arrays[0], np.array(kernel)
    arrays[0][used] = first
    arrays[0] = arrays[0][:inputs]
    return arrays, None if history is None else np.asarray(history)
