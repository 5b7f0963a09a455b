"""Where networks with dropout make their outputs alike on average: in training, or when they predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from parity.explain.untrained import AT_PREDICTION, IN_TRAINING, readings
from parity.spec.models import MLP

PLACES = {
    IN_TRAINING: "kept units are scaled up in training",
    AT_PREDICTION: "outputs are scaled down at prediction",
}

MEANING = "Units that are scaled up in training take larger steps than units that are scaled down at the end."


def dropout_scaling(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Two networks that drop units, one of which predicts with smaller outputs than its weights give."""
    spec = case.spec
    assert isinstance(spec, MLP)
    if not spec.dropout:
        return None

    def value(end: End, each: Seen) -> Any:
        return scaled_where(case, each, end)

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


def scaled_where(case: Case, seen: Seen, end: End) -> str | None:
    """Where a side scales what it keeps, by what its untrained network predicts; None where that tells nothing."""
    found = {place for _, place, _ in readings(case, seen, end)}
    return found.pop() if len(found) == 1 else None
