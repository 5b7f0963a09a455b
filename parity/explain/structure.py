"""What two networks are made of, whatever they were asked for: hidden layers by their weights, and their activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from parity.compare.reference_network import Activation
from parity.explain.starting import arrays_of
from parity.explain.treatment import (
    ENDS,
    Case,
    Difference,
    End,
    Seen,
    Switch,
    Treatment,
    always,
    differ,
    measured_difference,
    other,
)
from parity.explain.untrained import readings
from parity.spec.vocabulary import GLOSSARY


def hidden_layers(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Two networks with other hidden layers."""

    def value(end: End, each: Seen) -> Any:
        result = each.untrained.get(end)
        weights = arrays_of(result, "weights") if result is not None else ()
        return tuple(array.shape[-1] for array in weights[:-1]) if weights else None

    if not differ(value, seen):
        return None
    layers = {end: value(end, seen[0]) for end in ENDS}
    ways = [
        Switch(end, f"spec.hidden = {list(units)}", always(Treatment(spec={"hidden": units})))
        for end in ENDS
        if (units := layers[other(end)])
    ]
    words = {end: ", ".join(map(str, layers[end] or ())) or "none" for end in ENDS}
    evidence = "arrays of the untrained networks"
    return measured_difference(case, "hidden", words, GLOSSARY["hidden"].consequence, evidence, ways, value)


def activation(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Two networks whose hidden units are activated in other ways."""

    def value(end: End, each: Seen) -> Any:
        found = {name for name, _, _ in readings(case, each, end)}
        return found.pop() if len(found) == 1 else None

    words = {end: value(end, seen[0]) for end in ENDS}
    if None in words.values() or words["left"] == words["right"]:
        return None
    ways = [
        Switch(end, f"spec.activation = {words[other(end)]}", always(Treatment(spec={"activation": words[other(end)]})))
        for end in ENDS
        if words[other(end)] in get_args(Activation)
    ]
    name, evidence = "activation.hidden", "predictions of the untrained networks, against those of their weights"
    return measured_difference(case, name, words, GLOSSARY[name].consequence, evidence, ways, value)
