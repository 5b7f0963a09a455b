"""Differences that are measured: in what both sides made of the same draws, whatever they say of themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parity.compare.behaviour import BEHAVIOURS
from parity.explain.digits import digits_of_coefficients
from parity.explain.dropping import dropout_scaling
from parity.explain.reading import Read
from parity.explain.screened import aliased_columns, screened_columns
from parity.explain.starting import output_layer, start
from parity.explain.structure import activation, hidden_layers
from parity.explain.training import batch_size, constant_columns, epochs_done, precision
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
from parity.spec.intervention import LARGEST_F1, cut_between
from parity.spec.models import MLP, Leekasso
from parity.study.store import Result

HALF = 0.5


def measured(
    case: Case, seen: Sequence[Seen], reads: Mapping[End, Read], largest_f1: Mapping[End, Sequence[Result]]
) -> list[Difference]:
    """Everything that these fits show to differ.

    largest_f1: of a side whose labels are not cut at one half, its repeatable fits to the draws, as they are and cut
    where F1 over the training rows is largest, in turn.
    """
    found: list[Difference | None] = [_cut(case, seen, largest_f1)]
    if isinstance(case.spec, MLP):
        found += [hidden_layers(case, seen), activation(case, seen), dropout_scaling(case, seen)]
        found += [start(case, seen, "weights"), start(case, seen, "biases"), output_layer(case, seen)]
        found += [constant_columns(case, seen, reads), batch_size(case, seen)]
        found += [epochs_done(case, seen), precision(case, seen)]
    if isinstance(case.spec, Leekasso):
        found += [screened_columns(case, seen), aliased_columns(case, seen), digits_of_coefficients(case, seen)]
    return [each for each in found if each is not None]


# Where labels are cut.


def own_cut(fitted: Result) -> tuple[float, float] | None:
    """Largest predicted value labelled 0 and smallest labelled 1; None where the labels tell no cut."""
    low, high = cut_between(fitted.arrays["probability"], fitted.arrays["label"])
    return (low, high) if low <= high else None


def consistent(fitted: Result, cut: float) -> bool:
    """Whether the labels are those of a cut there."""
    label = (fitted.arrays["probability"] > cut).astype(np.int8)
    return bool((label == fitted.arrays["label"]).all())


def _cut(case: Case, seen: Sequence[Seen], largest: Mapping[End, Sequence[Result]]) -> Difference | None:
    rules = {end: cut_rule([each.fitted[end] for each in seen], largest.get(end, ())) for end in ENDS}
    ends = {end: [each.fitted[end] for each in seen] for end in ENDS}
    if rules["left"] == rules["right"] or not all(ends.values()):
        return None
    ways = []
    for end in ENDS:
        rule = rules[other(end)]
        if rule is not None:
            how = f"labels cut by us {_where(rule)}"
            ways.append(Switch(end, how, always(Treatment(outside={"cut": rule}))))
    return measured_difference(
        case,
        "label cut",
        {end: _cut_words(rules[end], ends[end]) for end in ENDS},
        BEHAVIOURS["label cut"],
        "labels against predicted values of the test rows",
        ways,
        lambda end, each: None,
    )


def cut_rule(fitted: Sequence[Result], largest: Sequence[Result] = ()) -> Any:
    """The rule that all these labels follow: one half, the largest F1, another constant; None where none is found."""
    if all(consistent(each, HALF) for each in fitted):
        return HALF
    pairs = list(zip(largest[::2], largest[1::2], strict=True))
    if pairs and all(np.array_equal(a.arrays["label"], b.arrays["label"]) for a, b in pairs):
        return LARGEST_F1
    between = [own_cut(each) for each in fitted]
    if any(each is None for each in between):
        return None
    low = max(each[0] for each in between if each is not None)
    high = min(each[1] for each in between if each is not None)
    return shortest(low, high) if low < high and math.isfinite(low) and math.isfinite(high) else None


def shortest(low: float, high: float) -> float:
    """The number of fewest digits that is at least `low` and below `high`.

    >>> shortest(0.5981, 0.6003)
    0.6
    """
    for digits in range(1, 17):
        scale = float(10**digits)
        candidate = math.ceil(low * scale) / scale
        if low <= candidate < high:
            return candidate
    return low


def _where(rule: Any) -> str:
    return "where F1 over the training rows is largest" if rule == LARGEST_F1 else f"at {rule:g}"


def _cut_words(rule: Any, fitted: Sequence[Result]) -> str:
    if rule is not None:
        return _where(rule)
    known = [each for each in map(own_cut, fitted) if each is not None]
    return f"between {min(a for a, _ in known):.3g} and {max(b for _, b in known):.3g}, by draw" if known else "no cut"
