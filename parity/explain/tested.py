"""Test rows that are not scaled as the training rows are: told by what a network predicts before it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from parity.explain.inputs import DIVIDED, DIVISOR, STANDARDIZED, STANDARDIZED_BY_N_1, UNSCALED
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
from parity.explain.untrained import BY_ITSELF, SCALINGS, readings

MEANING = "A network that is asked about inputs unlike those that it learnt from answers about something else."

AS_TRAINED = "as the training rows"

WORDS = {
    UNSCALED: "as they are",
    DIVIDED: "divided by 255",
    STANDARDIZED: "standardized by the training rows",
    STANDARDIZED_BY_N_1: "standardized by the training rows (divisor n - 1)",
    BY_ITSELF: "standardized by themselves",
}


def scaling_of_test_rows(case: Case, seen: Sequence[Seen], trained: Callable[[End], str | None]) -> Difference | None:
    """The test rows of one side are scaled otherwise than its training rows, and the other side's are not.

    trained: how a side's training rows are scaled, as its first updates show; None where they do not.
    """
    own = {end: trained(end) for end in ENDS}
    if None in own.values():
        return None

    def value(end: End, each: Seen) -> Any:
        found = {scaling for _, _, scaling in readings(case, each, end)}
        if len(found) != 1:
            return None
        return AS_TRAINED if found == {own[end]} else found.pop()

    tested = {end: value(end, seen[0]) for end in ENDS}
    apart = [(end, str(scaling)) for end, scaling in tested.items() if scaling != AS_TRAINED]
    if None in tested.values() or len(apart) != 1:
        return None
    ((odd, scaling),) = apart
    words = {other(odd): AS_TRAINED, odd: f"{WORDS[scaling]}; the training rows {WORDS.get(own[odd] or '', own[odd])}"}
    ways = list(_ways(odd, own, scaling))
    evidence = "predictions of the untrained networks, against those of their weights, and inputs of the first updates"
    return measured_difference(case, "test rows", words, MEANING, evidence, ways, value)


def _ways(odd: End, own: Mapping[End, Any], tested: str) -> Iterator[Switch]:
    even, made = other(odd), SCALINGS.get(tested)
    if own[even] == own[odd] == UNSCALED and made is not None:
        treatment = Treatment(outside={"apart": ("test", made)})
        yield Switch(even, f"the test rows alone scaled by us: {made}", always(treatment))
    wanted = SCALINGS.get(own[odd])
    if tested == UNSCALED and wanted is not None:
        treatment = Treatment(outside={"apart": ("test", wanted)})
        yield Switch(odd, f"the test rows alone scaled by us: {wanted}", always(treatment))
    if tested == DIVIDED and own[odd] == UNSCALED:
        treatment = Treatment(outside={"test_factor": float(DIVISOR)})
        yield Switch(odd, f"the test rows alone times {DIVISOR} by us", always(treatment))
