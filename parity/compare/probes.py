"""Live or inert: what becomes of a fit when one native parameter is changed and nothing else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.probe_data import tested

if TYPE_CHECKING:
    from parity.study.cells import Cell
    from parity.study.explore import Search
    from parity.study.store import Result

Plain = dict[str, Any]

ALTERNATIVES = 4
"Values that are tried one after the other until one has an effect: smaller, larger, much larger, none."

LADDER = (0.01, 1, 0.0001, 0.1, 0.001, 1e-6, True, "auto")
"What a parameter is given whose value in force nothing tells: the framework's own value is often among them."

GATES_AT_ONCE = 12
"Second changes tried side by side: enough to keep the workers busy, few enough to leave out what is found meanwhile."

CHOICES = 8
"Values of one enumeration that are tried as a second change; longer ones list names of functions."

GATE_SECONDS = 1200.0
"Seconds of fitting spent on second changes for one engine and method: ten minutes of two workers."

UNSEARCHED = "the search for what wakes it ended with its time"


@dataclass(frozen=True, slots=True)
class Effect:
    """How far two fits lie apart on the test rows."""

    probability: float
    "Largest absolute change of a predicted value."
    accuracy: float
    "Change of the accuracy of the framework's own labels."
    iterations: tuple[float | None, float | None]
    "Iterations or epochs done before and after."


@dataclass(frozen=True, slots=True)
class Trial:
    """One parameter set to one value."""

    value: Any
    outcome: str
    "differs, same, raises, or lost (a crash or the time limit)."
    message: str = ""
    "What the framework raised or, where it ran, what it warned of that the unchanged fit did not."
    read_back: Any = None
    "The parameter's value as the fitted object tells it; None where it tells nothing."
    told: bool = False
    "Whether the fitted object tells the parameter's value."
    effect: Effect | None = None

    @property
    def reset(self) -> bool:
        """Whether the framework says that another value was in force than the one asked for."""
        return self.told and not alike(self.value, self.read_back)


@dataclass(frozen=True, slots=True)
class Gate:
    """What else has to be changed for an inert parameter to have an effect."""

    settings: Plain
    "Native name -> value."
    effect: Effect


@dataclass(frozen=True, slots=True)
class Probe:
    """What changing one parameter alone did. kind: live, inert, raises, or not probed."""

    function: str
    name: str
    in_force: Any
    kind: str
    reason: str = ""
    trials: tuple[Trial, ...] = ()
    gate: Gate | None = None
    matches: Any = None
    "The value under which the fit is, bit for bit, what it is when the framework chooses, where others change it."

    @property
    def telling(self) -> Trial | None:
        """The trial that the kind rests on: the one of largest effect, else the first that was not refused."""
        ran = [t for t in self.trials if t.outcome in ("differs", "same")]
        live = [t for t in ran if t.effect is not None]
        return max(live, key=lambda t: t.effect.probability if t.effect else 0.0) if live else next(iter(ran), None)


Fit = Callable[..., "Cell"]
"fit(overrides, repeat=0): the cell of this engine, method and data under these overrides, in repeatable mode."


def probe(rows: Sequence[Plain], fit: Fit, truth: np.ndarray[Any, Any]) -> Search[list[Probe]]:
    """The probes of one engine and method: one for each row that an override can set.

    Where two identical fits differ, nothing can be told from a difference. truth: (n_test,) labels of the test rows.
    """
    base_cell, again = fit({}), fit({}, repeat=1)
    results = yield [base_cell, again]
    base, repeat = results[base_cell.key], results[again.key]
    told = base.facts.get("effective") or {}
    # What makes fits repeatable is in force in every probe.
    settable = [
        {**row, "effective": told[row["name"]]} if row["effective_from"] and row["name"] in told else row
        for row in rows
        if row["override"]
    ]
    trouble = ""
    if base.status != "done":
        trouble = f"the unchanged fit failed: {base.reason}"
    elif repeat.status != "done" or not same(base, repeat):
        trouble = "two identical fits differ, so a difference tells nothing"
    if trouble:
        return [Probe(r["function"], r["name"], in_force(r), "not probed", trouble) for r in settable]
    trials = yield from _try_each(settable, base, fit, truth)
    probes = [_judged(row, trials[row["function"], row["name"]]) for row in settable]
    gates, finished = yield from _gates(probes, settable, fit, truth)
    return [_with_gate(p, gates.get(p.name), finished) for p in probes]


def _try_each(
    rows: Sequence[Plain], base: Result, fit: Fit, truth: np.ndarray[Any, Any]
) -> Search[dict[tuple[str, str], list[Trial]]]:
    """Each parameter alone, one alternative after the other until one has an effect."""
    trials: dict[tuple[str, str], list[Trial]] = {(row["function"], row["name"]): [] for row in rows}
    open_ended = {(row["function"], row["name"]) for row in rows if is_open(row)}
    left = {(row["function"], row["name"]): alternatives(row) for row in rows}
    while any(left.values()):
        batch = {key: (values[0], fit({key[1]: values[0]})) for key, values in left.items() if values}
        results = yield [cell for _, cell in batch.values()]
        for key, (value, cell) in batch.items():
            trial = compared(key[1], value, base, results[cell.key], truth)
            trials[key].append(trial)
            outcomes = {t.outcome for t in trials[key]}
            # What the framework itself chooses is known when one value changes nothing and another does.
            settled = {"differs", "same"} <= outcomes if key in open_ended else "differs" in outcomes
            left[key] = [] if settled else left[key][1:]
    return trials


def _judged(row: Plain, trials: list[Trial]) -> Probe:
    ran = [t for t in trials if t.outcome in ("differs", "same")]
    matches = None
    if any(t.outcome == "differs" for t in ran):
        kind, reason = "live", ""
        if is_open(row):
            matches = next((t.value for t in ran if t.outcome == "same"), None)
    elif ran:
        kind, reason = "inert", ""
    elif trials:
        kind, reason = "raises", trials[0].message
    else:
        kind, reason = "not probed", "nothing tells which other values it takes"
    return Probe(row["function"], row["name"], in_force(row), kind, reason, tuple(trials), matches=matches)


def _gates(
    probes: Sequence[Probe], rows: Sequence[Plain], fit: Fit, truth: np.ndarray[Any, Any]
) -> Search[tuple[dict[str, Gate], bool]]:
    """For inert parameters, another parameter's change under which they have an effect, or two such changes.

    A value that a framework refuses under the other change says nothing, so what stays inert is tried once more with
    its next value. Two changes are tried where the first has woken the parameter of the second. Also returned: whether
    everything was tried.
    """
    tried = {p.name: [t.value for t in p.trials if t.outcome == "same"] for p in probes if p.kind == "inert"}
    found: dict[str, Gate] = {}
    spent = 0.0
    for attempt in range(max(map(len, tried.values()), default=0)):
        values = {name: v[attempt] for name, v in tried.items() if attempt < len(v) and name not in found}
        groups, seconds = yield from _jointly_inert(list(values), values, fit)
        spent += seconds
        alone = [{name: value} for name, value in _second_changes(probes, rows)]
        both = [{**gate.settings, name: value} for name, gate in found.items() for value in tried[name]]
        for changes in (alone, both):
            for start in range(0, len(changes), GATES_AT_ONCE):
                spent += yield from _woken(changes[start : start + GATES_AT_ONCE], groups, values, found, fit, truth)
                if spent > GATE_SECONDS:
                    return found, False
    return found, True


def _woken(
    changes: list[Plain],
    groups: list[list[str]],
    values: Plain,
    found: dict[str, Gate],
    fit: Fit,
    truth: np.ndarray[Any, Any],
) -> Search[float]:
    """Add to `found` what each change wakes; returns the seconds of fitting that it took.

    All inert parameters of a group are changed at once beside the change, and halved where that makes a difference, as
    in group testing: one fit where nothing wakes, some log2(parameters) where something does.
    """
    spent = 0.0
    tests = [
        (change, [m for m in group if m not in change and m not in found]) for change in changes for group in groups
    ]
    while tests := [(change, members) for change, members in tests if members]:
        cells = [(fit(change), fit({**change, **{m: values[m] for m in members}})) for change, members in tests]
        results = yield [cell for pair in cells for cell in pair]
        spent += _seconds(results[together.key] for _, together in cells)
        halves, woken = [], []
        for (change, members), (alone, together) in zip(tests, cells, strict=True):
            before, after = results[alone.key], results[together.key]
            if before.status != "done" or (after.status == "done" and same(before, after)):
                continue
            if len(members) > 1:
                middle = len(members) // 2
                halves += [(change, members[:middle]), (change, members[middle:])]
            elif after.status == "done":
                woken.append((change, members[0], before, after))
        # The change itself may have made the fit a matter of chance.
        repeats = [fit(change, repeat=1) for change, *_ in woken]
        again = yield repeats
        for (change, member, before, after), repeat in zip(woken, repeats, strict=True):
            if member not in found and again[repeat.key].status == "done" and same(before, again[repeat.key]):
                found[member] = Gate(change, effect(before, after, truth))
        tests = [(change, [m for m in members if m not in found]) for change, members in halves]
    return spent


def _second_changes(probes: Sequence[Probe], rows: Sequence[Plain]) -> Iterator[tuple[str, Any]]:
    """What inert parameters are tried beside: switches and enumerations in full first, then the other changes."""
    listed = {(row["function"], row["name"]): row["choices"] or [] for row in rows}
    switches, others = [], []
    for each in probes:
        ran = [t.value for t in each.trials if t.outcome in ("differs", "same")]
        words = [c for c in listed[each.function, each.name] if isinstance(c, str) and not alike(c, each.in_force)]
        if each.trials and (words or any(isinstance(v, bool) for v in ran)):
            switches += [(each.name, value) for value in _distinct([*ran, *words])][:CHOICES]
        elif ran and each.telling is not None:
            others.append((each.name, each.telling.value))
    yield from switches
    yield from others


def _jointly_inert(names: list[str], values: Plain, fit: Fit) -> Search[tuple[list[list[str]], float]]:
    """Groups of parameters that change nothing even when all of a group are changed at once; and the seconds spent."""
    base = fit({})
    pending, groups, spent = [names], [], 0.0
    while pending := [group for group in pending if group]:
        cells = [fit({name: values[name] for name in group}) for group in pending]
        results = yield [base, *cells]
        spent += _seconds(results[cell.key] for cell in cells)
        split: list[list[str]] = []
        for group, cell in zip(pending, cells, strict=True):
            result = results[cell.key]
            if len(group) == 1 or (result.status == "done" and same(results[base.key], result)):
                groups.append(group)
            else:
                split += [group[: len(group) // 2], group[len(group) // 2 :]]
        pending = split
    return groups, spent


def _seconds(results: Iterable[Result]) -> float:
    return sum(result.facts.get("seconds") or 0.0 for result in results)


def _with_gate(probe: Probe, gate: Gate | None, finished: bool) -> Probe:
    if probe.kind != "inert" or (gate is None and finished):
        return probe
    return dataclasses.replace(probe, gate=gate, reason="" if gate else UNSEARCHED)


def compared(name: str, value: Any, base: Result, changed: Result, truth: np.ndarray[Any, Any]) -> Trial:
    """What one change did."""
    if changed.status != "done":
        return Trial(value, "raises" if changed.status == "raised" else "lost", message=changed.reason)
    told = changed.facts.get("effective") or {}
    news = [m for m in changed.facts.get("messages") or [] if m not in (base.facts.get("messages") or [])]
    is_same = same(base, changed)
    return Trial(
        value,
        "same" if is_same else "differs",
        message=news[0] if news else "",
        read_back=told.get(name),
        told=name in told,
        effect=None if is_same else effect(base, changed, truth),
    )


def same(left: Result, right: Result) -> bool:
    """Whether two fits agree bit for bit in predictions, labels and parameters."""
    digests = [(r.facts.get("parameters") or {}).get("digest") for r in (left, right)]
    arrays = ("probability", "label")
    equal = all(np.array_equal(left.arrays[a], right.arrays[a], equal_nan=a == "probability") for a in arrays)
    return equal and digests[0] == digests[1]


def effect(left: Result, right: Result, truth: np.ndarray[Any, Any]) -> Effect:
    """How far two fits on the rows as they are lie apart."""
    part = tested("as-is")
    before, after = (r.arrays["probability"][part] for r in (left, right))
    accuracies = [float((r.arrays["label"][part] == truth[part]).mean()) for r in (left, right)]
    gaps = np.abs(after - before)
    largest = float(np.nanmax(gaps)) if np.isfinite(gaps).any() else float("inf")
    done = [r.facts.get("iterations") for r in (left, right)]
    return Effect(largest, accuracies[1] - accuracies[0], (done[0], done[1]))


def in_force(row: Plain) -> Any:
    """A parameter's value in this fit, as far as it is known: read back, else asked for, else declared."""
    if row["effective_from"]:
        return row["effective"]
    return row["asked"] if row["given"] else row["declared"]


def is_open(row: Plain) -> bool:
    """Whether the value in force is the framework's own word for "I choose", or is not told at all.

    A None that was read back, or that stands beside listed values, is one of them: no penalty, no weights.
    """
    value = in_force(row)
    if isinstance(value, str):
        return value.lower().startswith("auto") or value.lower().endswith("default")
    return value is None and not row["choices"] and not row["effective_from"]


def alternatives(row: Plain) -> list[Any]:
    """Other values for a parameter, the most telling first, from what is in force and what the framework allows."""
    value = in_force(row)
    listed = [c for c in row["choices"] or [] if not alike(c, value)]
    values = [v for v in _distinct([*listed, *_by_type(value, bool(row["choices"]))]) if not alike(v, value)]
    return values[: ALTERNATIVES if row["choices"] or value is not None else len(LADDER)]


def _by_type(value: Any, listed: bool) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (1, 5, -1) if value == 0 else (max(1, value // 2), 1, value * 2, 0)
        case float() if value.is_integer() and abs(value) > 1:
            yield from _by_type(int(value), listed)  # R writes whole numbers as doubles
        case float():
            yield from (0.5, 0.001, -1.0, 10.0) if value == 0 else (value / 10, value * 10, value * 1e6, 0.0)
        case [*numbers] if numbers and all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            yield [n // 2 if isinstance(n, int) else n / 2 for n in numbers]
        case None if not listed:
            yield from LADDER


def _distinct(values: Iterable[Any]) -> Iterator[Any]:
    seen = set()
    for value in values:
        text = json.dumps(value, default=str)
        if text not in seen:
            seen.add(text)
            yield value


def alike(asked: Any, told: Any) -> bool:
    """Whether two values of a parameter are one: numbers to float32's precision, words whatever their case.

    >>> alike(0.005, 0.004999999888241291), alike("Tanh", "tanh"), alike(True, False)
    (True, True, False)
    """
    if isinstance(asked, bool) or isinstance(told, bool):
        return str(asked).lower() == str(told).lower()
    if isinstance(asked, list | tuple) or isinstance(told, list | tuple):
        left, right = (list(v) if isinstance(v, list | tuple) else [v] for v in (asked, told))
        return len(left) == len(right) and all(alike(a, b) for a, b in zip(left, right, strict=True))
    try:
        return bool(np.isclose(float(asked), float(told), rtol=1e-6, atol=0.0, equal_nan=True))
    except (TypeError, ValueError):
        return str(asked).lower().replace("_", "") == str(told).lower().replace("_", "")
