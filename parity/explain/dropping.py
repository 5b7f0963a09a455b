"""Where networks with dropout make their outputs alike on average: in training, or when they predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from parity.compare.reference_network import Network, scores
from parity.explain.starting import own_start
from parity.explain.treatment import (
    ENDS,
    Case,
    Difference,
    End,
    Seen,
    Switch,
    Treatment,
    always,
    measured_difference,
    other,
)
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

SCALINGS: tuple[Scaling | None, ...] = (None, "divide-by-255", "standardize", "standardize-n-1")
"Of the inputs: the one that gives what was predicted is the one in force."

PLACES = {
    "in-training": "kept units are scaled up in training",
    "at-prediction": "outputs are scaled down at prediction",
}

MEANING = "Units that are scaled up in training take larger steps than units that are scaled down at the end."


def dropout_scaling(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Two networks that drop units, one of which predicts with smaller outputs than its weights give."""
    spec = case.spec
    assert isinstance(spec, MLP)
    kept = 1 - (spec.dropout or 0.0)
    if kept == 1:
        return None

    def value(end: End, each: Seen) -> Any:
        return scaled_where(case, each, end, kept)

    found = {end: value(end, seen[0]) for end in ENDS}
    if None in found.values() or found["left"] == found["right"]:
        return None
    ways = []
    for end in ENDS:
        place = found[other(end)]
        ways.append(Switch(end, f"spec.dropout_scaling = {place}", always(Treatment(spec={"dropout_scaling": place}))))
    words = {end: PLACES[found[end]] for end in ENDS}
    evidence = "predictions of the untrained networks, against those of their weights"
    return measured_difference(case, "dropout scaling", words, MEANING, evidence, ways, value)


def scaled_where(case: Case, seen: Seen, end: End, kept: float) -> str | None:
    """Where a side scales what it keeps, by what its untrained network predicts; None where that tells nothing."""
    start = own_start(end, seen)
    if start is None:
        return None
    assert isinstance(case.spec, MLP)
    layers = tuple(array for layer in zip(*start, strict=True) for array in layer)
    network = Network(layers, case.spec.activation, "sigmoid" if layers[-1].shape[-1] == 1 else "softmax")
    train = np.asarray(case.data.x[seen.draw.rows], dtype=np.float64)
    rows = np.asarray(case.data.x[case.draws.test[:TEST_ROWS]], dtype=np.float64)
    target = seen.untrained[end].arrays["probability"][:TEST_ROWS]
    told = (target > TOLD[0]) & (target < TOLD[1])
    if told.sum() < FEWEST:
        return None
    wanted = np.log(target[told]) - np.log1p(-target[told])
    fits = {
        place
        for place, factor in (("in-training", 1.0), ("at-prediction", kept))
        for scaling in SCALINGS
        if np.allclose(_log_odds(network, scaled(rows[told], train, scaling), factor), wanted, rtol=CLOSE, atol=CLOSE)
    }
    return fits.pop() if len(fits) == 1 else None


def _log_odds(network: Network, x: Floats, factor: float) -> Floats:
    """(n,) log odds of class 1 of (n, p) rows, every hidden output multiplied by the factor."""
    score = scores(network, x, lambda outputs: factor * outputs)
    return np.asarray(score[:, -1] - (score[:, 0] if score.shape[1] > 1 else 0))
