"""What an untrained network does with its rows, told from what it predicts with the weights that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from parity.compare.reference_network import Network, scores
from parity.explain.inputs import DIVIDED, STANDARDIZED, STANDARDIZED_BY_N_1, UNSCALED
from parity.explain.starting import own_start
from parity.explain.treatment import Case, End, Seen
from parity.spec.intervention import Floats, Scaling, scaled
from parity.spec.models import MLP

TEST_ROWS = 200
"Whose predicted values are computed again."

CLOSE = 1e-3
"Log odds of float32 networks that are no further apart, of themselves or of 1, are the same."

TOLD = 1e-30, 0.99
"Predicted values that tell their log odds in float32."

FEWEST = 5
"Of fewer of them nothing is told."

SCALINGS: dict[str, Scaling | None] = {
    UNSCALED: None,
    DIVIDED: "divide-by-255",
    STANDARDIZED: "standardize",
    STANDARDIZED_BY_N_1: "standardize-n-1",
}
"Of the inputs: the one that gives what was predicted is the one in force."

BY_ITSELF = "standardize by the test rows themselves"

IN_TRAINING, AT_PREDICTION = "in-training", "at-prediction"


def _gelu(score: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(score * ndtr(score))


def _logistic(score: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(score))


def _below_zero(slope: float) -> Callable[[Floats], Floats]:
    return lambda score: np.where(score > 0, score, slope * score)


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "tanh": np.tanh,
    "relu": _below_zero(0.0),
    "sigmoid": _logistic,
    "elu": lambda score: np.where(score > 0, score, np.expm1(np.minimum(score, 0))),
    "selu": lambda score: (
        1.0507009873554805 * np.where(score > 0, score, 1.6732632423543772 * np.expm1(np.minimum(score, 0)))
    ),
    "softplus": lambda score: np.logaddexp(0, score),
    "softsign": lambda score: score / (1 + np.abs(score)),
    "silu": lambda score: score * _logistic(score),
    "gelu": _gelu,
    "leaky relu, slope 0.01": _below_zero(0.01),
    "leaky relu, slope 0.2": _below_zero(0.2),
    "leaky relu, slope 0.3": _below_zero(0.3),
    "linear": lambda score: score,
}
"Activations of hidden units that are told apart."


def readings(case: Case, seen: Seen, end: End) -> set[tuple[str, str, str]]:
    """Activations, places at which dropout is made up for, and scalings, that give what an untrained network predicts.

    Those with the activation that was asked for, where there are any. Empty where nothing gives it, or where predicted
    values tell too little.
    """
    assert isinstance(case.spec, MLP)
    start = own_start(end, seen)
    if start is None:
        return set()
    rows = np.asarray(case.data.x[case.draws.test[:TEST_ROWS]], dtype=np.float64)
    target = seen.untrained[end].arrays["probability"][:TEST_ROWS]
    told = (target > TOLD[0]) & (target < TOLD[1])
    if told.sum() < FEWEST:
        return set()
    train = np.asarray(case.data.x[seen.draw.rows], dtype=np.float64)
    inputs = {name: scaled(rows[told], train, scaling) for name, scaling in SCALINGS.items()}
    wanted = np.log(target[told]) - np.log1p(-target[told])
    asked = case.spec.activation
    arrays = tuple(array for layer in zip(*start, strict=True) for array in layer)
    network = Network(arrays, asked, "sigmoid" if arrays[-1].shape[-1] == 1 else "softmax")

    def giving_it(inputs: Mapping[str, Floats], activation: str, factor: float) -> Iterator[str]:
        hidden = ACTIVATIONS[activation]
        for name, x in inputs.items():
            odds = _log_odds(network, x, lambda score: factor * hidden(score))
            if np.allclose(odds, wanted, rtol=CLOSE, atol=CLOSE):
                yield name

    kept = 1 - (case.spec.dropout or 0.0)
    places = {IN_TRAINING: 1.0, AT_PREDICTION: kept} if kept < 1 else {IN_TRAINING: 1.0}
    for names in ([asked], [name for name in ACTIVATIONS if name != asked]):
        found = {
            (name, place, scaling)
            for name in names
            for place, factor in places.items()
            for scaling in giving_it(inputs, name, factor)
        }
        if found:
            return found
    every = np.asarray(case.data.x[case.draws.test], dtype=np.float64)
    by_itself = {BY_ITSELF: scaled(rows[told], every, "standardize")}
    return {(asked, place, name) for place, factor in places.items() for name in giving_it(by_itself, asked, factor)}


def _log_odds(network: Network, x: Floats, hidden: Callable[[Floats], Floats]) -> Floats:
    """(n,) log odds of class 1 of (n, p) rows."""
    score = scores(network, x, hidden)
    return np.asarray(score[:, -1] - (score[:, 0] if score.shape[1] > 1 else 0))
