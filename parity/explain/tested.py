"""Test rows that are not scaled as the training rows are: told by what a network predicts before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parity.explain.inputs import DIVIDED, DIVISOR, UNSCALED
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
from parity.explain.untrained import SCALINGS, readings

MEANING = "A network that is asked about inputs unlike those that it learnt from answers about something else."


def scaling_of_test_rows(case: Case, seen: Sequence[Seen], trained: Callable[[End], str | None]) -> Difference | None:
    """The test rows of one side are scaled otherwise than its training rows, and the other side's are not.

    trained: how a side's training rows are scaled, as its first updates show; None where they do not.
    """

    def value(end: End, each: Seen) -> Any:
        found = {scaling for _, _, scaling in readings(case, each, end)}
        return found.pop() if len(found) == 1 else None

    own = {end: trained(end) for end in ENDS}
    tested = {end: value(end, seen[0]) for end in ENDS} if None not in own.values() else dict.fromkeys(ENDS)
    odd = [end for end in ENDS if tested[end] != own[end]]
    if None in tested.values() or len(odd) != 1:
        return None
    words = {end: "as the training rows" for end in ENDS}
    words[odd[0]] = f"{tested[odd[0]]}; the training rows: {own[odd[0]]}"
    ways = list(_ways(odd[0], own, tested))
    evidence = "predictions of the untrained networks, against those of their weights, and inputs of the first updates"
    return measured_difference(case, "test rows", words, MEANING, evidence, ways, value)


def _ways(odd: End, own: dict[End, Any], tested: dict[End, Any]) -> Iterator[Switch]:
    even, wanted = other(odd), SCALINGS.get(tested[odd])
    if own[even] == UNSCALED and wanted is not None:
        treatment = Treatment(outside={"scaling": wanted, "sets": "test"})
        yield Switch(even, f"the test rows alone scaled by us: {wanted}", always(treatment))
    if {own[odd], tested[odd]} == {UNSCALED, DIVIDED}:
        factor = float(DIVISOR) if tested[odd] == DIVIDED else 1 / DIVISOR
        treatment = Treatment(outside={"factor": factor, "sets": "test"})
        yield Switch(odd, f"the test rows alone times {factor:g} by us", always(treatment))
