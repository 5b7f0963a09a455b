"""Which columns two linear models rest on: those that were screened, and those that were left out as dependent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from parity.explain.treatment import (
    ENDS,
    Case,
    Difference,
    End,
    Seen,
    Switch,
    Treatment,
    differ,
    measured_difference,
    other,
)


def screened_columns(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Columns that a side's screen kept."""

    def value(end: End, each: Seen) -> Any:
        names = each.fitted[end].facts.get("selected")
        return None if names is None else tuple(sorted(names))

    if not differ(value, seen):
        return None

    def as_there(end: End) -> Callable[[Seen], Treatment]:
        return lambda each: Treatment(outside={"selected": value(other(end), each)})

    ways = [
        # Under another change that one screens anew, and its columns are still the ones to be given.
        Switch(end, f"the columns that {case.side(other(end)).name} screened", as_there(end), follows=1)
        for end in ENDS
    ]
    counts = {end: [len(v) for each in seen if (v := value(end, each)) is not None] for end in ENDS}
    apart = sum(value("left", each) != value("right", each) for each in seen)
    words = {
        end: f"{min(c)} to {max(c)} columns" if min(c) < max(c) else f"{min(c)} columns" for end, c in counts.items()
    }
    meaning = (
        "Models on other columns are other models: ties and the number of columns are each framework's own affair."
    )
    evidence = f"the columns of {len(seen)} draws, {apart} of them with other columns"
    return measured_difference(case, "screened columns", words, meaning, evidence, ways, value)


def aliased_columns(case: Case, seen: Sequence[Seen]) -> Difference | None:
    """Columns that a side found dependent on others, and gave no coefficient."""

    def dropped(end: End, each: Seen) -> tuple[str, ...]:
        told = each.fitted[end].coefficients
        return tuple(sorted(name for name, b in told.items() if b is None and name != "(intercept)"))

    def value(end: End, each: Seen) -> Any:
        if not each.fitted[end].coefficients:
            return None
        doubtful = {*dropped("left", each), *dropped("right", each)}
        kept = {name for name, b in each.fitted[end].coefficients.items() if b is not None}
        return tuple(sorted(doubtful & kept))

    if not differ(value, seen):
        return None

    def without(end: End) -> Callable[[Seen], Treatment]:
        return lambda each: Treatment(outside={"dropped": dropped(other(end), each)})

    counts = {end: [len(dropped(end, each)) for each in seen] for end in ENDS}
    # Columns can be taken away from the side that keeps them; nobody can be made to keep what it finds dependent.
    ways = [
        Switch(end, f"without the columns that {case.side(other(end)).name} found dependent", without(end), follows=2)
        for end in ENDS
        if sum(counts[other(end)]) > sum(counts[end])
    ]
    words = {end: f"{_span(c)} left out" if any(c) else "none left out" for end, c in counts.items()}
    meaning = "Dropped columns and a minimum-norm solution agree on the training rows and part on new ones."
    return measured_difference(case, "aliased columns", words, meaning, "coefficients that are missing", ways, value)


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"{min(counts)}"
