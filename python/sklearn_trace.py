"""A watch on scikit-learn's MLPClassifier: what its own code computes in each update, and its weights after it.

Nothing is computed here. Each method named in `records_of` is replaced on the one model by itself with a note taken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from parity.engines.contract import Plain


class Done(Exception):
    """The updates that were asked for are done; the model is as the last of them left it."""


@contextlib.contextmanager
def records_of(model: Any, trace: Plain | None) -> Iterator[list[Plain] | None]:
    """The records of a trace, filled as the model trains inside; None where none is asked for.

    With {"steps": k} training ends where update k + 1 would begin. Loss and gradients of a record are scikit-learn's,
    with the penalty in them; for the loss alone it clips probabilities to one epsilon from 0 and 1 (_base.py).
    """
    if trace is None:
        yield None
        return
    records: list[Plain] = []
    hooks: dict[str, Callable[..., Any]] = {"_initialize": starts(model, records)}
    if "steps" in trace:
        hooks["_backprop"] = updates(model, records, trace["steps"])
        hooks["_update_no_improvement_count"] = ends_epoch(model, records, finish)
    else:
        hooks["_update_no_improvement_count"] = ends_epoch(model, records, keep)
    vars(model).update(hooks)
    try:
        with contextlib.suppress(Done):
            yield records
    finally:
        for name in hooks:
            delattr(model, name)


def starts(model: Any, records: list[Plain]) -> Any:
    """_initialize, after which the network stands as it starts."""
    initialize = model._initialize

    def initialized(*given: Any) -> None:
        initialize(*given)
        keep(model, records)

    return initialized


def updates(model: Any, records: list[Plain], steps: int) -> Any:
    """_backprop, which every update begins with: loss and gradients of one batch, the update not yet done."""
    backprop = model._backprop

    def differentiated(*given: Any) -> Any:
        finish(model, records)
        if len(records) > steps:
            raise Done
        # scikit-learn 1.7 put weights of the rows third.
        x, y, *_, activations, _, _, _ = given
        loss, of_weights, of_biases = found = backprop(*given)
        records.append(
            {
                "input": x.copy(),
                "target": y[:, 0].astype(int),
                "activations": [array.copy() for array in activations[1:]],
                "loss": float(loss),
                "gradients": copied(of_weights, of_biases),
            }
        )
        return found

    return differentiated


def ends_epoch(model: Any, records: list[Plain], note: Callable[[Any, list[Plain]], None]) -> Any:
    """_update_no_improvement_count, which follows an epoch's last update; early stopping puts other weights back."""
    counted = model._update_no_improvement_count

    def ended(*given: Any) -> None:
        note(model, records)
        counted(*given)

    return ended


def keep(model: Any, records: list[Plain]) -> None:
    """A record of the weights alone."""
    records.append(weights_of(model))


def finish(model: Any, records: list[Plain]) -> None:
    """Complete the last record by the weights that its update has left."""
    if "weights" not in records[-1]:
        records[-1] |= weights_of(model)


def weights_of(model: Any) -> Plain:
    """Copies of the (in, out) weights and (out,) biases that the model holds now."""
    return copied(model.coefs_, model.intercepts_)


def copied(weights: Any, biases: Any) -> Plain:
    return {"weights": [array.copy() for array in weights], "biases": [array.copy() for array in biases]}
