"""How much rows weigh in a fit: by class, or each by itself."""

from __future__ import annotations

from typing import Any

from parity.engines.contract import Plain, beside

native = beside(__file__, "native_calls")


def by_class(weights: Plain) -> dict[int, Any]:
    """Weights by the class as a number: a study's file has words for keys, and a class that Keras misses weighs 1.

    A key that is no whole number is a ValueError.
    """
    return {int(label): weight for label, weight in weights.items()}


def of_rows(arguments: Plain, places: Any) -> Plain:
    """What fit is given, for some of the rows: the weights of those rows where rows have weights."""
    import numpy as np

    weights = arguments.get("sample_weight")
    if weights is None:
        return arguments
    if isinstance(places, native.Code):
        return {**arguments, "sample_weight": native.Code(f"np.array({native.code_of(weights)})[{places}]")}
    return {**arguments, "sample_weight": np.asarray(weights)[places]}


def of_update(arguments: Plain, places: Any) -> Plain:
    """What of the arguments of fit says how some of the rows weigh: train_on_batch takes it as well."""
    given = of_rows(arguments, places)
    return {name: given[name] for name in ("sample_weight", "class_weight") if given.get(name) is not None}
