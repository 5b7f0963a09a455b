"""Rung 0: were two engines asked for the same thing? Native parameters joined through the vocabulary."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parity.compare.behaviour import BEHAVIOURS
from parity.compare.probes import alike, in_force, is_open
from parity.engines.names import Canonical, canonical
from parity.spec.vocabulary import GLOSSARY, Context, Parameter

if TYPE_CHECKING:
    from parity.compare.behaviour import Behaviour
    from parity.compare.probes import Probe
    from parity.engines.sheet import Engine

Plain = dict[str, Any]


OUTPUT = ", output"
"Ends the name of the function that makes a network's output layer."


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One native parameter with its canonical name, where it has one, and its probe, where it has run."""

    row: Plain
    canonical: Canonical | None
    probe: Probe | None = None

    @property
    def key(self) -> str:
        """What an entry of another engine is matched by: the canonical name, else the native one."""
        return self.canonical.parameter if self.canonical else self.native

    @property
    def native(self) -> str:
        """Function and parameter as the framework names them."""
        return f"{self.row['function']}: {self.row['name']}"

    @property
    def value(self) -> Any:
        """The value in force, in canonical units where it has a canonical name."""
        return self.canonical.value if self.canonical else in_force(self.row)

    @property
    def is_left_open(self) -> bool:
        """Whether the framework chooses the value and neither it nor a probe has told which."""
        chosen = is_open(self.row) or self.value == "auto"
        return chosen and (self.probe is None or self.probe.matches is None)

    @property
    def is_inert(self) -> bool:
        """Whether a probe has shown that changing it alone changes nothing."""
        return self.probe is not None and self.probe.kind == "inert"

    @property
    def effect(self) -> float | None:
        """Largest change of a predicted value that a probe of it has shown; None where none has run."""
        trial = self.probe.telling if self.probe else None
        return None if trial is None else trial.effect.probability if trial.effect else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One engine's answer to everything that is compared: its entries and its measured behaviours."""

    name: str
    entries: tuple[Entry, ...]
    behaviours: tuple[Behaviour, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One row of a diff. left, right: values in canonical units, in words; native: how each side names it, or ""."""

    what: str
    left: str
    right: str
    left_native: str
    right_native: str
    sentence: str
    effect: float | None = None
    "Largest change of a predicted value that a probe has shown for this parameter on either side."
    inert: tuple[str, ...] = ()
    "Sides on which changing it alone changes nothing."
    measured: bool = False
    "Whether it is a behaviour, measured, and no parameter."


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two engines, most telling first, and what has no counterpart."""

    left: str
    right: str
    differences: tuple[Difference, ...]
    agreeing: tuple[str, ...]
    "Canonical parameters and behaviours that both have alike."
    left_only: tuple[str, ...]
    "Canonical parameters that the left side alone has, with their values, where nothing follows from their absence."
    right_only: tuple[str, ...]
    left_open: tuple[str, ...]
    "Canonical parameters that one side chooses by itself, so that they cannot be compared: engine, name and word."
    left_unnamed: tuple[str, ...]
    "Native parameters of the left side that the vocabulary has no word for."
    right_unnamed: tuple[str, ...]


def entries(engine: Engine, rows: Sequence[Plain], context: Context, probes: Sequence[Probe] = ()) -> tuple[Entry, ...]:
    """The rows of one engine under their canonical names.

    context: what is known of the data; the batch size and the momentum in force are taken from the rows themselves.
    """
    settings = {function: settings_of(function, rows) for function in dict.fromkeys(row["function"] for row in rows)}

    probed = {(p.function, p.name): p for p in probes}

    def named(row: Plain, known: Context) -> Canonical | None:
        found = probed.get((row["function"], row["name"]))
        value = found.matches if found and found.matches is not None else in_force(row)
        function = row["function"].removesuffix(OUTPUT)
        return canonical(engine, function, row["name"], value, known, settings[row["function"]])

    first = {c.parameter: c.value for row in rows if (c := named(row, context)) is not None and c.value is not None}
    batch, momentum = first.get("batch_size"), first.get("momentum")
    known = dataclasses.replace(
        context,
        batch_size=batch if isinstance(batch, int) else context.batch_size,
        momentum=momentum if isinstance(momentum, int | float) else 0.0,
    )
    return tuple(Entry(row, named(row, known), probed.get((row["function"], row["name"]))) for row in rows)


def settings_of(function: str, rows: Iterable[Plain]) -> Plain:
    """The other values of one call, by which the meaning of a parameter may depend."""
    layer = {"layer": "output"} if function.endswith(OUTPUT) else {}
    return {**{row["name"]: in_force(row) for row in rows if row["function"] == function}, **layer}


def diff(left: Side, right: Side) -> Diff:
    """What differs between two sides. Missing on one side counts as a difference unless it amounts to the same."""
    differences, agreeing = _behaviours(left, right)
    ours, theirs = by_key(left), by_key(right)
    order = {name: place for place, name in enumerate(GLOSSARY)}
    only: dict[str, list[str]] = {left.name: [], right.name: []}
    left_open: list[str] = []
    for key in sorted(ours.keys() | theirs.keys(), key=lambda k: (order.get(k, len(order)), k)):
        one, other, meant = ours.get(key), theirs.get(key), GLOSSARY.get(key)
        if one is None or other is None:
            side, entry = (left, one) if one else (right, other)
            if meant is None or entry is None:
                continue
            if meant.absent is None:
                only[side.name].append(f"{key} = {_shown(entry, meant)}")
                continue
        if agree(one, other, meant.absent if meant else None):
            agreeing.append(key)
            continue
        choosing = [
            (s.name, e) for s, e in ((left, one), (right, other)) if e and e.is_left_open and e.value is not None
        ]
        if choosing:
            left_open += [f"{key} on {name} = {worded(entry.value)}" for name, entry in choosing]
            continue
        differences.append(
            Difference(
                key,
                _shown(one, meant),
                _shown(other, meant),
                one.native if one else "",
                other.native if other else "",
                meant.consequence if meant else "Both frameworks have a parameter of this name.",
                effect=max((e.effect for e in (one, other) if e and e.effect is not None), default=None),
                inert=tuple(s.name for s, e in ((left, one), (right, other)) if e and e.is_inert),
            )
        )
    return Diff(
        left.name,
        right.name,
        tuple(sorted(differences, key=_telling)),
        tuple(agreeing),
        tuple(only[left.name]),
        tuple(only[right.name]),
        tuple(left_open),
        *(
            tuple(e.native for e in side.entries if e.canonical is None and e.key not in matched)
            for side, matched in ((left, theirs), (right, ours))
        ),
    )


def _telling(difference: Difference) -> tuple[bool, float]:
    """Measured effects first, the largest on top; what is inert on every side that has it last. Else as it stands."""
    effect = difference.effect if difference.effect is not None else -1.0
    natives = sum(bool(n) for n in (difference.left_native, difference.right_native))
    dead = bool(difference.inert) and len(difference.inert) == natives
    known = 2.0 if difference.measured else min(effect, 1.0) if math.isfinite(effect) else 1.0
    return dead, -known


def _behaviours(left: Side, right: Side) -> tuple[list[Difference], list[str]]:
    ours, theirs = ({b.name: b for b in side.behaviours} for side in (left, right))
    differences, agreeing = [], []
    for name, meaning in BEHAVIOURS.items():
        if name not in ours or name not in theirs:
            continue
        if ours[name].value == theirs[name].value:
            agreeing.append(name)
            continue
        values = ours[name].value, theirs[name].value
        natives = ours[name].evidence, theirs[name].evidence
        differences.append(Difference(name, *values, *natives, meaning, measured=True))
    return differences, agreeing


def by_key(side: Side) -> dict[str, Entry]:
    """One entry a key, the one that is known best: given or read back before declared alone."""
    best = sorted(side.entries, key=lambda e: (not e.row["given"], not e.row["effective_from"], e.row["required"]))
    return {entry.key: entry for entry in reversed(best)}


def agree(one: Entry | None, other: Entry | None, absent: Any) -> bool:
    """Whether two entries have one value in one unit; absent: what a missing one amounts to."""
    units = {entry.canonical.unit for entry in (one, other) if entry and entry.canonical}
    values = [absent if entry is None or entry.value is None else entry.value for entry in (one, other)]
    return len(units) < 2 and alike(*values)


def _shown(entry: Entry | None, meant: Parameter | None) -> str:
    if entry is None:
        amounts = "" if meant is None or meant.absent is None else f", as {worded(meant.absent)}"
        return f"no such parameter{amounts}"
    if entry.value is None and not entry.row["effective_from"]:
        return "left to the framework"
    # A unit that could not be converted stands beside its value.
    found = entry.canonical
    unit = f" ({found.unit})" if found and meant and found.unit != meant.unit else ""
    return worded(entry.value) + unit


def worded(value: Any) -> str:
    """A value as a reader wants it: seven significant digits, short lists.

    >>> worded(0.004999999888241291), worded([160, 160, 160]), worded(True)
    ('0.005', '3 × 160', 'true')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.7g}"
        case [first, _, *_] if all(each == first for each in value):
            return f"{len(value)} × {worded(first)}"
        case list():
            return ", ".join(map(worded, value))
        case None:
            return "none"
        case other:
            return str(other)
