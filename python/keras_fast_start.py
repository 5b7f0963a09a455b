"""What Keras' fit on JAX starts from: weights, seeds of the dropout masks, and the order of rows in every epoch."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from parity.engines.contract import Plain, beside

nets, watched = beside(__file__, "keras_network"), beside(__file__, "keras_first_batch")


class Start(NamedTuple):
    """What a fit would start from. weights: kernels and biases in turn; masks: the states of seed generators."""

    weights: list[Any]
    masks: list[Any]
    orders: Any
    "(epochs, n) places of the rows."
    history: Any
    "What fit returns; it tells the steps of an epoch."


def started(arguments: Plain, x: Any, y: Any, seed: int | None, given: Plain | None = None) -> Start:
    """What `model.fit` of a new network would start from, drawn in the order in which Keras draws it.

    given: weights and biases that stand in place of those drawn, as in options["initial_weights"].
    """
    import keras
    import numpy as np

    if seed is not None:
        keras.utils.set_random_seed(seed)
    model = nets.network(arguments, x.shape[1])
    # All that fit does before its first update: it looks at a batch, and an order of rows goes into that.
    history = model.fit(x, y, **{**arguments["fit"], "epochs": 0})
    epochs, n = arguments["fit"]["epochs"], len(x)
    shuffled = arguments["fit"].get("shuffle", True)
    # keras/src/trainers/data_adapters/array_data_adapter.py, _get_iterator, which JAX' trainer reads.
    orders = [np.random.permutation(n) if shuffled else np.arange(n) for _ in range(epochs)]
    values = [[np.array(v.value) for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables)]
    if given is not None:
        pairs = zip(given["weights"], given["biases"], strict=True)
        own = [np.asarray(each, dtype=values[0][0].dtype) for pair in pairs for each in pair]
        if [each.shape for each in own] != [each.shape for each in values[0]]:
            raise ValueError(
                f"initial_weights have shapes {[each.shape for each in own]}, which are not this network's"
            )
        values[0] = own
    return Start(*values, np.stack(orders), history)


def batch_size(arguments: Plain) -> int:
    """The batch size asked for, or Keras' own."""
    return arguments["fit"].get("batch_size") or keras_batch_size()


@functools.cache
def keras_batch_size() -> int:
    """The batch size that Keras' fit chooses by itself, read from a batch."""
    return int(watched.handed_over("fit", {"verbose": 0})[0]["batch_size"])
