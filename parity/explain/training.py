"""What two networks are trained on, how far, and in which precision: as it was counted, not as it was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parity.compare.behaviour import BEHAVIOURS
from parity.explain.reading import Read, native_value
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
from parity.spec.models import MLP
from parity.study.store import Result


def constant_columns(case: Case, seen: Sequence[Seen], reads: Mapping[End, Read]) -> Difference | None:
    def value(end: End, each: Seen) -> Any:
        result = each.untrained.get(end)
        weights = arrays_of(result, "weights") if result is not None else ()
        if not weights or all(each.varying):
            return None
        rows = len(weights[0])
        return "kept" if rows == len(each.varying) else "left out" if rows == sum(each.varying) else f"{rows} columns"

    if not differ(value, seen):
        return None
    words = {end: str(next(v for each in seen if (v := value(end, each)) is not None)) for end in ENDS}
    ways = []
    for end in ENDS:
        if words[other(end)] == "kept":
            entry = reads[end].entries.get("columns.constant") if end in reads else None
            given = native_value(case, reads[end], entry, "kept") if entry is not None else None
            if entry is not None and given is not None:
                name = entry.row["name"]
                how = f"{name} = {str(given[0]).lower()}"
                ways.append(Switch(end, how, always(Treatment(overrides={name: given[0]}))))
        elif words[other(end)] == "left out":
            ways.append(Switch(end, "columns that vary over the training rows alone", _varying))
    meaning = (
        "Left out, a column that does not vary in training has no weight, and no say where new rows do vary in it."
    )
    return measured_difference(
        case, "constant columns", words, meaning, "inputs of the untrained networks", ways, value
    )


def _varying(each: Seen) -> Treatment:
    return Treatment(outside={"columns": tuple(n for n, v in zip(each.features, each.varying, strict=True) if v)})


def rows_of_an_update(result: Result, n: int) -> int | None:
    """Training rows in one update, from the updates and the epochs that the framework counts."""
    updates, epochs = result.facts.get("updates"), result.facts.get("iterations")
    if result.status != "done" or not updates or not epochs:
        return None
    per_epoch = updates / epochs
    return max(1, math.ceil(n / max(1, round(per_epoch)))) if per_epoch >= 1 else n


def batch_size(case: Case, seen: Sequence[Seen]) -> Difference | None:
    def value(end: End, each: Seen) -> Any:
        return rows_of_an_update(each.fitted[end], each.draw.n)

    if not differ(value, seen):
        return None
    rows = {end: value(end, seen[0]) for end in ENDS}
    ways = [
        Switch(end, f"spec.batch_size = {rows[other(end)]}", always(Treatment(spec={"batch_size": rows[other(end)]})))
        for end in ENDS
        if case.side(end).engine.capabilities.get("batch_size") is not False
    ]
    words = {end: f"{rows[end]} row{'s' * (rows[end] != 1)} an update" for end in ENDS}
    meaning = BEHAVIOURS["updates"]
    return measured_difference(case, "batch_size", words, meaning, "updates and epochs that were counted", ways, value)


def epochs_done(case: Case, seen: Sequence[Seen]) -> Difference | None:
    assert isinstance(case.spec, MLP)

    def value(end: End, each: Seen) -> Any:
        done = each.fitted[end].facts.get("iterations")
        return None if done is None else round(float(done))

    if not differ(value, seen):
        return None

    def as_long(end: End) -> Callable[[Seen], Treatment]:
        return lambda each: Treatment(spec={"epochs": max(1, value(other(end), each) or 1)})

    ways = [
        Switch(end, f"spec.epochs = as many as {case.side(other(end)).name} did", as_long(end), follows=2)
        for end in ENDS
    ]
    words = {}
    for end in ENDS:
        done = [v for each in seen if (v := value(end, each)) is not None]
        span = f"{min(done)}" if min(done) == max(done) else f"{min(done)} to {max(done)}"
        words[end] = f"{span} of {case.spec.epochs} epochs"
    return measured_difference(
        case, "end of training", words, BEHAVIOURS["end of training"], "epochs that were counted", ways, value
    )


def precision(case: Case, seen: Sequence[Seen]) -> Difference | None:
    def value(end: End, each: Seen) -> Any:
        result = each.untrained.get(end)
        single = ((result.facts.get("parameters") or {}).get("float32") or {}) if result is not None else {}
        weights = [told for name, told in single.items() if name.startswith("weights")]
        return None if not weights else "float32" if all(weights) else "float64"

    if not differ(value, seen):
        return None
    words = {end: str(value(end, seen[0])) for end in ENDS}
    ways = [
        Switch(end, f"spec.precision = {words[other(end)]}", always(Treatment(spec={"precision": words[other(end)]})))
        for end in ENDS
        if words[other(end)] == "float32" or case.side(end).engine.capabilities.get("float64") is not False
    ]
    return measured_difference(
        case, "precision", words, BEHAVIOURS["precision"], "weights of the networks", ways, value
    )
