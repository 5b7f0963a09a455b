"""Training of a compiled Keras model: one fit, a fit for each epoch's order of rows, or single traced updates."""

from __future__ import annotations

import contextlib
import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from parity.engines.contract import Plain, beside, option

native, watched = beside(__file__, "native_calls"), beside(__file__, "keras_first_batch")
weights = beside(__file__, "keras_weights")


def trained(
    model: Any, x: Any, y: Any, arguments: Plain, options: Plain, callbacks: list[Any]
) -> tuple[list[Any], list[Plain] | None]:
    """The histories of every fit, none where nothing is trained or updates are single, and the trace asked for.

    x: (n, p); y: (n,). arguments, callbacks: what fit is given.
    """
    asked = option(options, "trace", {})
    records = [arrays(model)] if asked else None
    if option(options, "untrained"):
        return [], records
    if records and "steps" in asked:
        batches = itertools.islice(batches_of(len(x), arguments, options), asked["steps"])
        seen = heard(model)
        return [], [*records, *(traced(model, seen, x[p], y[p], weights.of_update(arguments, p)) for p in batches)]
    if records:
        callbacks = [*callbacks, after_epochs(lambda: records.append(arrays(model)))]
    return fits(model, x, y, arguments, options, {"callbacks": callbacks} if callbacks else {}), records


def looking(model: Any, x: Any, looks: list[Any]) -> list[Any]:
    """What fit is given to add to `looks`, after each epoch, the (rows,) probabilities of class 1 of x (rows, p)."""
    import keras

    # Not by predict: on PyTorch its loader draws from the generator that the masks of the next epoch come from.
    inputs = x.astype(keras.config.floatx())
    return [after_epochs(lambda: looks.append(copied(model(inputs, training=False))[:, -1]))]


def code(arguments: Plain, options: Plain) -> list[str]:
    """The lines that `trained` stands for."""
    if option(options, "untrained"):
        return []
    if "steps" in option(options, "trace", {}):
        given = weights.of_update(arguments, native.Code("places"))
        each = native.call_code("model.train_on_batch", given, "x_train[places], y_train[places]")
        return ["for places in batches:", f"    {each}"]
    if option(options, "row_order") is None:
        return [native.call_code("model.fit", arguments, "x_train, y_train")]
    each = "x_train[places], y_train[places]"
    given = one_epoch(weights.of_rows(arguments, native.Code("places")), native.Code("epoch"))
    return ["for epoch, places in enumerate(row_order):", f"    {native.call_code('model.fit', given, each)}"]


def fits(model: Any, x: Any, y: Any, arguments: Plain, options: Plain, more: Plain) -> list[Any]:
    """One fit of all epochs, or one for each order of rows; the optimizer's state and the masks' seeds go on."""
    orders = option(options, "row_order")
    if orders is None:
        return [model.fit(x, y, **arguments, **more)]
    check_orders(orders, arguments["epochs"])
    return [
        model.fit(x[places], y[places], **one_epoch(weights.of_rows(arguments, places), epoch), **more)
        for epoch, places in enumerate(orders)
    ]


def one_epoch(arguments: Plain, epoch: Any) -> Plain:
    """What fit is given to run one epoch of several, counted from 0, on rows that stand as they are to be visited."""
    end = native.Code(f"{epoch} + 1") if isinstance(epoch, str) else epoch + 1
    return {**arguments, "shuffle": False, "initial_epoch": epoch, "epochs": end}


def batches_of(n: int, arguments: Plain, options: Plain) -> Iterator[Any]:
    """Places of the rows of each update, epoch by epoch."""
    import numpy as np

    orders = option(options, "row_order")
    if orders is None:
        if arguments.get("shuffle") is not False:
            raise ValueError("Keras shuffles the rows; a trace of steps needs a row_order, or the order 'given'")
        orders = [np.arange(n)] * arguments["epochs"]
    check_orders(orders, arguments["epochs"])
    size = arguments.get("batch_size") or watched.handed_over("fit", {"verbose": 0})[0]["batch_size"]
    for places in orders:
        yield from (np.asarray(places)[first : first + size] for first in range(0, n, size))


def check_orders(orders: Any, epochs: int) -> None:
    if len(orders) != epochs:
        raise ValueError(f"row_order has the rows of {len(orders)} epochs, and {epochs} are asked for")


def after_epochs(call: Callable[[], None]) -> Any:
    """What fit is given to make a call after each epoch, when the model has its weights back from the compiled step."""
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: call())


def traced(model: Any, seen: Plain, x: Any, y: Any, given: Plain) -> Plain:
    """One update by train_on_batch of a model that runs eagerly, and what it was given and computed.

    x: (rows, p); y: (rows,); seen: what `heard` fills; given: how rows weigh, as `of_update` has it. Without
    activations where the model has layers that are neither dense, dropout nor its scaling.
    """
    import keras

    # The adapter of fit makes its float type of what it is given, train_on_batch takes arrays as they are.
    x = x.astype(keras.config.floatx())
    activations = activations_of(model, x)
    loss = model.train_on_batch(x, y, return_dict=True, **given)["loss"]
    return {**seen, **activations, "loss": loss, **arrays(model)}


def heard(model: Any) -> Plain:
    """A record in which each update writes what train_step and the optimizer are handed.

    Keras' own gradients pass through `apply` on every backend: JAX' stateless_apply calls it as well.
    """
    import keras

    seen: Plain = {}
    step, apply = model.train_step, model.optimizer.apply

    def train_step(*given: Any) -> Any:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(given[-1])
        seen.update(input=copied(x), target=copied(y))
        return step(*given)

    def apply_gradients(gradients: Any, *rest: Any) -> Any:
        found = [copied(each) for each in gradients]
        seen["gradients"] = {"weights": found[::2], "biases": found[1::2]}
        return apply(gradients, *rest)

    model.train_step, model.optimizer.apply = train_step, apply_gradients
    return seen


def activations_of(model: Any, x: Any) -> Plain:
    """What each dense layer hands on in training, dropout included, with the masks that the next update draws."""
    import keras

    dropping = (keras.layers.Dropout, keras.layers.Rescaling)
    kinds = (keras.layers.Dense, *dropping)
    if not all(isinstance(layer, kinds) for layer in model.layers):
        return {}
    found: list[Any] = []
    with masks_kept(model):
        for layer in model.layers:
            if isinstance(layer, dropping):
                x = layer(x, training=True)
                if found:  # dropout of the inputs is no layer's activation
                    found[-1] = copied(x)
            else:
                x = layer(x)
                found.append(copied(x))
    return {"activations": found}


@contextlib.contextmanager
def masks_kept(model: Any) -> Iterator[None]:
    """The masks that are drawn inside are drawn again afterwards.

    Keras keeps the state of a generator for each layer, but on PyTorch a layer without a seed draws from PyTorch's own.
    From that fit's loader of batches draws as well, so that single updates there drop other units than a fit does.
    """
    import keras

    states = [layer.seed_generator.state for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    before = [copied(state) for state in states]
    torch = importlib.import_module("torch") if keras.config.backend() == "torch" else None
    drawn = torch and torch.get_rng_state()
    yield
    for state, value in zip(states, before, strict=True):
        state.assign(value)
    if torch:
        torch.set_rng_state(drawn)


def arrays(model: Any) -> Plain:
    """Kernels (in, out) and biases (out,) of every layer that has some; a convolution's as Keras has them."""
    layers = [[copied(each) for each in layer.weights] for layer in model.layers if layer.weights]
    return {"weights": [kernel for kernel, *_ in layers], "biases": [bias for _, *rest in layers for bias in rest]}


def copied(value: Any) -> Any:
    """An array of its own: PyTorch's share memory with what the next update changes."""
    import keras
    import numpy as np

    tensor = value.value if isinstance(value, keras.Variable) else value
    return np.array(keras.ops.convert_to_numpy(tensor))
