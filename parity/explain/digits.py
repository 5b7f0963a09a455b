"""In how many digits a linear model keeps its coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parity.compare.behaviour import BEHAVIOURS
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

FORMATS = ("float16", "float32", "float64")
"From the shortest."

FEWEST = 2
"Fewer coefficients than this may be short by chance."


def digits(end: End, seen: Seen) -> str | None:
    """The shortest format that holds a side's coefficients on a draw; None where too few are other than 0."""
    told = seen.fitted[end].coefficients
    values = np.array([value for value in told.values() if value], dtype=np.float64)
    if len(values) < FEWEST:
        return None
    with np.errstate(over="ignore"):
        return next(name for name in FORMATS if np.array_equal(values.astype(name), values, equal_nan=True))


def digits_of_coefficients(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Coefficients that one side alone keeps in a shorter format, on every draw."""
    known = {end: [told for each in seen if (told := digits(end, each)) is not None] for end in ENDS}
    if not all(known.values()):
        return None
    longest = {end: max(known[end], key=FORMATS.index) for end in ENDS}
    if longest["left"] == longest["right"]:
        return None
    # Digits can be taken away; nobody can be given those that it has not.
    ways = [
        Switch(end, f"its coefficients rounded to {short} by us", always(Treatment(outside={"coefficients": short})))
        for end in ENDS
        if FORMATS.index(short := longest[other(end)]) < FORMATS.index(longest[end])
    ]
    words = {end: f"{name} holds them" for end, name in longest.items()}
    evidence = f"coefficients of {len(seen)} draws"
    meaning = BEHAVIOURS["precision"]
    return measured_difference(case, "digits of coefficients", words, meaning, evidence, ways, digits)
