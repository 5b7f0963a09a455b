"""What Keras' fit and predict choose by themselves, read from the first batch that they hand over."""

from __future__ import annotations

import contextlib
from typing import Any

from parity.engines.contract import Plain

ROWS = 1000
"Only a batch smaller than the data shows that its size was chosen."
BATCHES = 8
"Where a batch size is asked for, the rows of this many batches, if those are more."
IN_ORDER = 8
"First rows that must come in order for the rows to be unshuffled: by chance they do so less than once in 1e23."


class Seen(Exception):
    """Ends a fit before its first update: what it was started for has been seen."""


def handed_over(function: str, arguments: Plain) -> tuple[Plain, Plain]:
    """What fit or predict hands to train_step or predict_step, and what to its callbacks; no update is done.

    A network of one unit and rows that are their own numbers stand for the fit's. It runs eagerly: no graph is traced.
    """
    import keras
    import numpy as np

    batches: list[Any] = []
    told: Plain = {}

    class Watched(keras.Sequential):
        def train_step(self, *given: Any) -> Any:
            batches.append(keras.utils.unpack_x_y_sample_weight(given[-1]))
            if sum(len(x) for x, *_ in batches) >= IN_ORDER:
                raise Seen
            logs = {"loss": keras.ops.zeros(())}
            # JAX hands over the variables as well, and wants them back.
            return logs if len(given) == 1 else (logs, given[0])

        def predict_step(self, *given: Any) -> Any:
            batches.append(keras.utils.unpack_x_y_sample_weight(given[-1]))
            raise Seen

    class Told(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            told.update(self.params, initial_epoch=epoch)

        def on_predict_begin(self, logs: Any = None) -> None:
            told.update(verbose=self.params["verbose"])

    n = max(ROWS, BATCHES * (arguments.get("batch_size") or 1))
    x, y = np.arange(n, dtype=np.float64).reshape(-1, 1), np.zeros(n, dtype=np.int64)
    model = Watched([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mean_squared_error", run_eagerly=True)
    with contextlib.suppress(Seen):
        getattr(model, function)(*((x, y) if function == "fit" else (x,)), callbacks=[Told()], **arguments)
    first, labels = batches[0][:2]
    rows = np.concatenate([keras.ops.convert_to_numpy(each)[:, 0] for each, *_ in batches])
    found = {"x": f"{keras.utils.standardize_dtype(first.dtype)} array"}
    if labels is not None:
        found["y"] = f"{keras.utils.standardize_dtype(labels.dtype)} array"
        found["shuffle"] = bool((rows != x[: len(rows), 0]).any())
    # A batch of all rows tells nothing, and where the steps are fixed its size follows from the number of rows.
    if len(first) < n and (arguments.get("steps_per_epoch") is None or arguments.get("batch_size") is not None):
        found["batch_size"] = len(first)
    # The steps follow from the number of rows, which is ours.
    return found, {name: value for name, value in told.items() if name != "steps"}
