"""Differences that can be read: parameters in force on both sides, and how to give each side the other's value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parity.compare.defaults import OUTPUT, Entry, agree, by_key, diff, entries, settings_of, worded
from parity.compare.defaults import Side as Asked
from parity.compare.probes import alike, in_force
from parity.engines.names import canonical, name_of
from parity.explain.treatment import ENDS, Case, Difference, End, Switch, Treatment, always, other
from parity.spec.models import MLP, RATES
from parity.spec.vocabulary import GLOSSARY, Context

if TYPE_CHECKING:
    from parity.study.tables import Question, Table

Plain = dict[str, Any]

GROUPS: dict[str, tuple[str, ...]] = {
    "optimizer": (
        "optimizer", "learning_rate", "learning_rate.schedule", "learning_rate.decay", "learning_rate.annealing",
        "learning_rate.layer_decay", "momentum", "momentum.end", "momentum.ramp", "nesterov", "adaptive.decay",
        "adaptive.beta1", "adaptive.beta2", "adaptive.epsilon", "adaptive.adadelta_epsilon", "adaptive.form",
    ),
    "output layer": ("output.units", "activation.output"),
    "end of training": (
        "stopping.patience", "stopping.tolerance", "stopping.metric", "stopping.validation_fraction",
        "stopping.training_error", "stopping.best_model", "stopping.time", "scoring.every", "scoring.interval",
        "scoring.rows", "scoring.time_share",
    ),
    "screen": ("screen.score", "screen.variances", "screen.size", "screen.ties", "screen.missing"),
}  # fmt: skip
"""Parameters that are switched together: apart they mean nothing, or mean something else. The first of `optimizer` has
to differ for the group to count; where two sides have one optimizer, each of its constants is a difference of its own.
"""

APART = {"optimizer"}
"Groups whose members are differences of their own unless the first of them differs."

UNSWITCHED = {
    "missing": "no value is missing in these rows",
    "covariance": "standard errors are not compared",
    "seed": "one seed means other numbers in another library",
    "deterministic": "",
    "threads": "",
    "init.values": "",
    "init.weights": "measured as 'initial weights'",
    "init.biases": "measured as 'initial biases'",
    "init.scale": "measured as 'initial weights'",
    "columns.constant": "measured as 'constant columns'",
    "screen": "measured as 'screened columns'",
    "rank.deficiency": "measured as 'aliased columns'",
    "threshold": "measured as 'label cut'",
}
"What is not put on the list by what is declared: it cannot count here, or what it does is measured."

FIELDS = {
    "optimizer": "optimizer", "learning_rate": "learning_rate", "learning_rate.decay": "learning_rate_decay",
    "momentum": "momentum", "nesterov": "nesterov", "adaptive.decay": "rho", "adaptive.beta1": "beta1",
    "adaptive.beta2": "beta2", "adaptive.epsilon": "epsilon", "adaptive.adadelta_epsilon": "epsilon",
    "penalty.l2": "l2", "batch_size": "batch_size", "shuffle": "order", "input_scaling": "input_scaling",
    "activation.hidden": "activation", "hidden": "hidden", "epochs": "epochs", "dropout.hidden": "dropout",
    "activation.output": "output", "loss": "loss", "stopping.patience": "stopping",
    "stopping.training_error": "stopping",
}  # fmt: skip
"Canonical parameter -> the field of an MLP that pins it."


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """The parameters in force of one side, by canonical name."""

    question: Question
    rows: Sequence[Plain]
    entries: Mapping[str, Entry]
    batch: int | None = None
    "Rows of an update, as they were counted."


def question_of(case: Case, end: End, treatment: Treatment) -> Question:
    """What an engine is asked about its parameters under a treatment. ValueError where that is no specification."""
    from parity.study.tables import Question

    side, spec = case.side(end), case.treated(treatment)
    return Question(side.engine, case.method, spec, side.versions, {**side.overrides, **treatment.overrides})


def context_of(case: Case, batch: int | None = None) -> Context:
    """What conversions of units may need of the case's draws. batch: rows of an update, as they were counted."""
    draw = case.draws.train[0]
    share = float(case.data.y[draw.rows].mean())
    return Context(n=draw.n, smaller_class=min(share, 1 - share), batch_size=batch)


def read(case: Case, question: Question, table: Table, batch: int | None = None) -> Read:
    """The table of a question in canonical terms, for the case's number of rows; batch as of `context_of`."""
    found = entries(question.engine, table.rows, context_of(case, batch))
    return Read(question, table.rows, by_key(Asked(question.engine.id, found)), batch)


def differences(case: Case, left: Read, right: Read) -> list[Difference]:
    """What differs in what both sides say of themselves, with the ways in which it can be switched."""
    sides = {"left": left, "right": right}
    compared = diff(*(Asked(case.side(end).name, tuple(sides[end].entries.values())) for end in ENDS))
    differing = {each.what: each for each in compared.differences if each.what in GLOSSARY}
    found = []
    for name, members in _grouped(list(differing)).items():
        first = differing[next(member for member in members if member in differing)]
        if name in UNSWITCHED:
            continue
        whole = [m for m in members if m in left.entries or m in right.entries]
        if name in APART:
            whole = [m for m in whole if any(_of_its_rule(m, side) for side in (left, right))]
        ways = tuple(way for end in ENDS for way in _ways(case, end, whole, sides))
        found.append(
            Difference(
                name=name,
                left=_words(whole, left) if len(whole) > 1 else first.left,
                right=_words(whole, right) if len(whole) > 1 else first.right,
                meaning=first.sentence,
                found="read",
                evidence=f"parity defaults {case.method} --diff {case.left.engine.reference} "
                f"{case.right.engine.reference}",
                ways=ways,
                parameters=tuple(whole),
            )
        )
    return found


def _grouped(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Group or parameter -> its members, in the order in which they first occur."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        group = next((g for g, members in GROUPS.items() if name in members), name)
        if group in APART and GROUPS[group][0] not in names:
            group = name
        found.setdefault(group, GROUPS.get(group, (name,)))
    return found


def _of_its_rule(member: str, side: Read) -> bool:
    """Whether a parameter is one of the rule of updates that a side has, and not of another that it could have."""
    rule = side.entries["optimizer"].value if "optimizer" in side.entries else None
    constants = RATES.get(str(rule))
    return member in side.entries and (constants is None or member == "optimizer" or FIELDS.get(member) in constants)


def _words(members: Sequence[str], side: Read) -> str:
    """The values of a group, those that are in force on this side."""
    whole = members[0] not in APART
    told = [
        (m, side.entries[m])
        for m in members
        if m in side.entries and side.entries[m].value is not None and (whole or _of_its_rule(m, side))
    ]
    first, *rest = [f"{m.rpartition('.')[2].replace('_', ' ')} {worded(e.value)}" for m, e in told] or ["none"]
    return ", ".join([first.removeprefix("optimizer "), *rest])


def _ways(case: Case, end: End, members: Sequence[str], sides: Mapping[str, Read]) -> Iterator[Switch]:
    """Native arguments first, since they leave all else to the framework; then fields of the specification.

    A rule of updates is pinned whole: with a part of its constants it would be neither side's.
    """
    own, theirs = sides[end], sides[other(end)]
    wanted = {m: _wanted(m, theirs) for m in members}
    pinned = _pinned(wanted) if isinstance(case.spec, MLP) else {}
    native = {} if members[0] in APART and pinned else _native(case, own, wanted)
    if native:
        yield Switch(end, _listed(native), always(Treatment(overrides=native)), said=True)
    scaling = wanted.get("input_scaling")
    if "input_scaling" not in own.entries and scaling in ("standardize", "divide-by-255"):
        # No parameter of the framework: the rows are scaled before it is given them.
        yield Switch(end, f"both sets of rows scaled by us: {scaling}", always(Treatment(outside={"scaling": scaling})))
    elif pinned:
        # No patience is "longer than it trains" to some frameworks: what tells is how long they train.
        said = "stopping" not in pinned
        yield Switch(end, _listed(pinned, "spec."), always(Treatment(spec=pinned)), said=said)


def _wanted(member: str, other: Read) -> Any:
    """The other side's value; what its absence amounts to where it has none; None where that is nothing."""
    entry = other.entries.get(member)
    if entry is None:
        return GLOSSARY[member].absent
    known = entry.canonical is not None and entry.canonical.unit == GLOSSARY[member].unit and not entry.is_left_open
    return entry.value if known else None


def _native(case: Case, own: Read, wanted: Plain) -> Plain:
    """Native arguments that give this side those values, as far as it has arguments for them."""
    found = {}
    for member, value in wanted.items():
        entry = own.entries.get(member)
        if entry is None or value is None or not entry.row["override"]:
            continue
        if alike(entry.value, value):
            continue
        given = native_value(case, own, entry, value)
        if given is not None:
            found[entry.row["name"]] = given[0]
    return found


def native_value(case: Case, own: Read, entry: Entry, value: Any) -> tuple[Any] | None:
    """The native value that means a canonical one, in a tuple of one; None where none is found.

    Found by trying: a candidate counts where the vocabulary reads the wanted value from it.
    """
    row, engine = entry.row, own.question.engine
    function = row["function"].removesuffix(OUTPUT)
    settings = settings_of(row["function"], own.rows)
    name = name_of(engine, function, row["name"], settings)
    if name is None:
        return None
    context = dataclasses.replace(
        context_of(case), batch_size=_number(own, "batch_size") or own.batch, momentum=_momentum(own)
    )
    candidates: list[Any] = [*(row["choices"] or []), True, False, *map(_unworded, name.values)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        known = GLOSSARY[name.parameter]
        if known.convertible(name.unit, context):
            candidates.insert(0, known.from_canonical(value, name.unit, context))
    # A word that the framework does not list would be passed on as it is, and stand for nothing.
    if not isinstance(value, str) or value in map(str, row["choices"] or ()):
        candidates.append(value)
    for candidate in candidates:
        told = canonical(engine, function, row["name"], candidate, context, {**settings, row["name"]: candidate})
        meant = told is not None and told.parameter == name.parameter and told.unit == GLOSSARY[name.parameter].unit
        if meant and told is not None and told.value is not None and alike(told.value, value):
            return (_as_counted(candidate, entry),)
    return None


def _as_counted(candidate: Any, entry: Entry) -> Any:
    """A whole number as an integer where the framework counts: R writes all numbers as doubles."""
    counted = isinstance(entry.row["declared"], int) or isinstance(in_force(entry.row), int)
    whole = isinstance(candidate, float) and candidate.is_integer()
    return int(candidate) if counted and whole else candidate


def _unworded(word: str) -> Any:
    """A word of names.toml as the value that a framework takes."""
    if word in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[word]
    try:
        number = float(word)
    except ValueError:
        return word
    return int(number) if number.is_integer() else number


def _number(own: Read, name: str) -> int | None:
    entry = own.entries.get(name)
    return entry.value if entry is not None and isinstance(entry.value, int) else None


def _momentum(own: Read) -> float:
    entry = own.entries.get("momentum")
    return float(entry.value) if entry is not None and isinstance(entry.value, int | float) else 0.0


def _pinned(wanted: Plain) -> Plain:
    """Fields of an MLP that pin those values."""
    pinned: Plain = {}
    for member, value in wanted.items():
        name = FIELDS.get(member)
        if name is None or value is None:
            continue
        match member:
            case "shuffle":
                if value is False:
                    pinned["order"] = "given"
            case "nesterov":
                pinned["nesterov"] = value == "nesterov"
            case "hidden":
                pinned["hidden"] = tuple(value)
            case "optimizer":
                if value in RATES:
                    pinned["optimizer"] = value
            case "activation.output":
                if value in ("sigmoid", "softmax"):
                    pinned["output"] = value
            case "loss":
                if value == "cross-entropy":
                    pinned["loss"] = value
            case "stopping.patience" | "stopping.training_error":
                if value == "none":
                    pinned["stopping"] = "none"
            case _:
                pinned[name] = value
    rule = pinned.get("optimizer")
    if rule is not None:
        # A constant that the other side lacks is the one that its formula has without it.
        taken = RATES[rule]
        pinned = {k: v for k, v in pinned.items() if k in taken or k not in _CONSTANTS}
        pinned = {**{k: v for k, v in taken.items() if k not in pinned and k != "learning_rate_decay"}, **pinned}
        if rule == "rmsprop" and "adaptive.epsilon" in wanted and wanted["adaptive.epsilon"] is not None:
            pinned["epsilon"] = wanted["adaptive.epsilon"] ** 2  # it stands under the root
    return pinned


_CONSTANTS = {name for rates in RATES.values() for name in rates}


def _listed(values: Plain, before: str = "") -> str:
    return ", ".join(f"{before}{name} = {worded(value)}" for name, value in values.items())


def taken(difference: Difference, treated: Read, other: Read) -> bool:
    """Whether a side, read again under a switch, has the other's value of everything that the difference covers."""
    compared = [m for m in difference.parameters if m in treated.entries and m in other.entries]
    lacking = [
        m
        for m in difference.parameters
        if (m in treated.entries) != (m in other.entries) and GLOSSARY[m].absent is not None
    ]
    if difference.name in APART:
        if difference.name not in compared:
            return False
        # Constants of another rule than the one that both now have say nothing.
        compared = [m for m in compared if _of_its_rule(m, other)]
        lacking = []
    return all(agree(treated.entries.get(m), other.entries.get(m), GLOSSARY[m].absent) for m in (*compared, *lacking))
