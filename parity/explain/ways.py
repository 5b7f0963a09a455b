"""How a side is given the other's value of what its updates showed, and how its own is made to cancel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.engines.names import Name, tables
from parity.explain.aspects import ALL, Aspect, columns_of, missing_of, rate_of, repeated_of, share_told
from parity.explain.changes import TRANSFORMED_WORDS
from parity.explain.inputs import BACKWARDS, DIVIDED, DIVISOR, STANDARDIZED, STANDING, UNSCALED, Places, Rows
from parity.explain.rules import constants_of, kind_of
from parity.explain.starting import own_start, with_outputs
from parity.explain.traced import Asked, Kind, Shown, shown
from parity.explain.treatment import ENDS, UNTREATED, Case, End, Seen, Switch, Treatment, always, other
from parity.explain.updates import Start, short
from parity.spec.intervention import TRANSFORMS, Intervention
from parity.spec.models import MLP

Plain = dict[str, Any]
Treated = Callable[[End, Seen], Treatment]
"What is done to a side besides, on a draw."

OFFERED = {each.name for each in dataclasses.fields(Intervention)}
"What can be done to a fit from outside."


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What both sides have shown so far, draw by draw: of every further draw it is looked up when it is asked for."""

    case: Case
    treated: Treated
    known: dict[tuple[End, int, int, Kind], Shown] = field(default_factory=dict)
    "Of each kind of trace what was shown where it was asked for."

    def look(self, seen: Sequence[Seen], kind: Kind = "rows") -> None:
        """Have these draws' rows traced on both sides, all at once."""
        asked = [
            Asked(self.case, end, each, self.treated(end, each), (kind,))
            for each in seen
            for end in ENDS
            if (end, each.draw.n, each.draw.index, kind) not in self.known
        ]
        for one, found in zip(asked, shown(asked), strict=True):
            self.keep(one, found)

    def keep(self, asked: Asked, found: Shown) -> None:
        """What a side was found to show."""
        for kind in asked.kinds:
            self.known[asked.end, asked.seen.draw.n, asked.seen.draw.index, kind] = found

    def of(self, end: End, seen: Seen, kind: Kind = "rows") -> Shown:
        """What a side shows on a draw."""
        key = end, seen.draw.n, seen.draw.index, kind
        if key not in self.known:
            self.look([seen], kind)
        return self.known[key]

    def rows(self, end: End, seen: Seen) -> Rows | None:
        """What it trains on there."""
        return self.of(end, seen).rows


@dataclass(frozen=True, slots=True, eq=False)
class OfDraw:
    """A treatment that takes its values from what both sides show on the draw itself."""

    watched: Watched
    made: Callable[[Seen], Treatment]
    kind: Kind = "rows"
    "The traces that tell them."

    def __call__(self, seen: Seen) -> Treatment:
        """See `Switch`."""
        return self.made(seen)


def look_ahead(switches: Iterable[Switch], seen: Sequence[Seen]) -> None:
    """Have all draws traced at once that these switches will be asked for; else each is traced as it is asked for."""
    treats = [switch.treat for switch in switches if isinstance(switch.treat, OfDraw)]
    for treat in {(id(each.watched), each.kind): each for each in treats}.values():
        treat.watched.look(seen, treat.kind)


def ways_of(watched: Watched, aspect: Aspect, seen: Sequence[Seen], further: bool = False) -> tuple[Switch, ...]:
    """The ways of both ends.

    seen: the draws on which both sides were watched, first one on which they part. further: whether those are left out
    that anybody would try who knows the other side's value.
    """
    found: list[Switch] = []
    for end in ENDS:
        own, wanted = watched.of(end, seen[0]), watched.of(other(end), seen[0])
        for how, treat, plain in _ways(watched, aspect, end, own, wanted, seen):
            if not (plain and further):
                found.append(Switch(end, how, treat))
    return tuple(found)


Way = tuple[str, Callable[[Seen], Treatment], bool]
"In words; what is done; whether it is the other side's value itself and does not make up for what this side does."


def _ways(watched: Watched, aspect: Aspect, end: End, own: Shown, wanted: Shown, seen: Sequence[Seen]) -> Iterator[Way]:
    case = watched.case
    assert isinstance(case.spec, MLP)
    mine, theirs = aspect.value(own), aspect.value(wanted)
    match aspect.name:
        case "rows" if not mine:
            yield "without the rows that the other side leaves out", _kept_rows(watched, end), True
        case "repeated rows" if not mine:
            yield "the rows given as often as the other side repeats them", _repeated_rows(watched, end), True
        case "columns" if set(mine) <= set(theirs):
            yield from _columns(watched, end, wanted, seen)
        case "input_scaling":
            yield from _scaling(mine, theirs)
        case "dropout.input":
            yield from _dropped_inputs(watched, end, own, wanted)
        case "labels" if own.rows is not None and own.rows.whole and wanted.rows is not None and wanted.rows.whole:
            yield "labels turned where one side alone turns them", _labels(watched, end), True
        case "order of rows":
            yield "the rows given as they stand on the other side", _permuted(watched, end), True
        case "shuffle":
            yield from _visited(case, theirs)
        case "batch_size":
            yield from _batches(own, theirs, len(seen[0].draw.rows))
        case "initial weights" | "initial biases" if own.start is not None:
            kind = aspect.name.removeprefix("initial ")
            how = f"{kind} of the untrained {case.side(other(end)).name}, given to it"
            if own.start.as_given:
                yield f"{how} as its own", _start(end, own, kind), True
            elif all(factor != 0 for factor in _factors(own.start, kind)):
                yield f"{how} so that what it makes of them is undone", _start(end, own, kind), False
        case "dropout.hidden":
            yield from _pinned(dropout=theirs)
        case "penalty.l2":
            yield from _asked_for("l2", mine[0], theirs[0], case.spec.l2)
        case "loss":
            for name in _names(case, end, "loss"):
                for word, meant in name.values.items():
                    if meant == theirs.kind and not theirs.smoothing:
                        yield from _overridden(name, word)
        case "class.weights" if mine.weights == (1, 1):
            for name in _names(case, end, "class.weights"):
                yield from _overridden(name, {str(label): weight for label, weight in enumerate(theirs.weights)})
        case "penalty.decay" if theirs > 0:
            for name in _names(case, end, aspect.name):
                yield from _overridden(name, theirs)
        case "gradient.clip.norm" | "gradient.clip.global_norm" | "gradient.clip.value" if math.isfinite(theirs[1]):
            for name in _names(case, end, aspect.name):
                yield from _overridden(name, theirs[1])
        case "learning_rate":
            yield from _asked_for("learning_rate", rate_of(mine), rate_of(theirs), case.spec.learning_rate)
        case "precision":
            yield from _pinned(precision=theirs)
            if theirs in ("float16", "float32"):
                yield f"inputs rounded to {theirs} by us", always(Treatment(outside={"rounding": theirs})), True
        case "optimizer":
            rule = next(iter(theirs))
            yield from _pinned(optimizer=kind_of(rule), learning_rate=rate_of(theirs), **constants_of(rule))
        case "momentum" | "nesterov" | "adaptive.beta1" | "adaptive.beta2" | "adaptive.decay" | "adaptive.epsilon":
            field_name = {"adaptive.decay": "rho"}.get(aspect.name, aspect.name.removeprefix("adaptive."))
            yield from _pinned(**{field_name: constants_of(next(iter(theirs)))[field_name]})


def _pinned(plain: bool = True, /, **fields: Any) -> Iterator[Way]:
    yield ", ".join(f"spec.{name} = {value}" for name, value in fields.items()), always(Treatment(spec=fields)), plain


def _overridden(name: Name, value: Any) -> Iterator[Way]:
    argument = _argument(name)
    yield f"{argument} = {value}", always(Treatment(overrides={argument: value})), True


def _asked_for(name: str, mine: float, theirs: float, asked: float | None) -> Iterator[Way]:
    """What the other side has; and as much more as this side makes less of what it is asked for."""
    yield from _pinned(**{name: theirs})
    if mine > 0 and theirs > 0:
        # Where nothing is asked for, the other side's own is taken to be what this one changes.
        yield from _pinned(False, **{name: short((asked or theirs) * theirs / mine)})


def _batches(own: Shown, theirs: int | str, n: int) -> Iterator[Way]:
    if theirs == ALL:
        yield "spec.batch_size = the number of rows", (lambda each: Treatment(spec={"batch_size": each.draw.n})), True
        return
    assert isinstance(theirs, int)
    yield from _pinned(batch_size=theirs)
    made = (own.batch_of_all or n) / n
    if made != 1 and own.batch_of_all != own.batch:
        yield from _pinned(False, batch_size=max(1, round(theirs / made)))


# Inputs.


def _scaling(mine: tuple[str, float], theirs: tuple[str, float]) -> Iterator[Way]:
    name, factor = theirs
    if factor == 1 and name in (UNSCALED, DIVIDED, STANDARDIZED):
        yield from _pinned(input_scaling=name)
        if mine == (UNSCALED, 1.0) and name != UNSCALED:
            yield f"rows scaled by us: {name}", always(Treatment(outside={"scaling": name})), True
    if name in TRANSFORMS and factor == 1 and mine == (UNSCALED, 1.0):
        yield f"inputs made {TRANSFORMED_WORDS[name]} by us", always(Treatment(outside={"transform": name})), True
    sizes = {UNSCALED: 1.0, DIVIDED: 1 / DIVISOR}
    if "factor" in OFFERED and mine[0] in sizes and name in sizes:
        times = sizes[name] * factor / (sizes[mine[0]] * mine[1])
        yield f"inputs times {times:g} by us", always(Treatment(outside={"factor": times})), True


def _columns(watched: Watched, end: End, wanted: Shown, seen: Sequence[Seen]) -> Iterator[Way]:
    def on(each: Seen) -> set[str]:
        # A column that does not vary on one draw is seen to be left out on another.
        looked = [watched.of(other(end), draw) for draw in (*seen, each)]
        own = columns_of(watched.of(end, each)) or ()
        return {name for one in looked for name in columns_of(one) or ()} - set(own)

    def blanked(each: Seen) -> Treatment:
        return Treatment(outside={"blanked": tuple(name for name in each.features if name in on(each))})

    def left_out(each: Seen) -> Treatment:
        gone = on(each)
        return Treatment(outside={"columns": tuple(name for name in each.features if name not in gone)})

    ways: list[Way] = [("those columns 0 in all rows", OfDraw(watched, blanked), True)] if "blanked" in OFFERED else []
    ways.append(("without those columns", OfDraw(watched, left_out), True))
    yield from ways if wanted.rows is not None and wanted.rows.blanked else ways[::-1]


def _dropped_inputs(watched: Watched, end: End, own: Shown, wanted: Shown) -> Iterator[Way]:
    share = share_told(wanted.dropped or 0.0)
    native = _native(watched.case, end, "dropout.input")
    if native:
        yield f"{native} = {share:g}", always(Treatment(overrides={native: share})), True
    steady = wanted.rows is not None and wanted.rows.whole and wanted.rows.steady
    if "mask" in OFFERED and steady and not own.dropped:

        def masked(each: Seen) -> Treatment:
            rows = watched.rows(other(end), each)
            if rows is None:
                return UNTREATED
            kept = 1 - rows.dropped
            size = rows.factor if abs(rows.factor * kept - 1) < 0.1 else 1.0
            return Treatment(outside={"mask": (np.asarray(rows.mask * size),)})

        yield "the inputs that the other side drops are 0", OfDraw(watched, masked), True


def _names(case: Case, end: End, parameter: str) -> list[Name]:
    """What an engine calls a parameter."""
    known = [tables()[table] for table in case.side(end).engine.names]
    return [name for table in known for name in table.names.values() if name.parameter == parameter]


def _argument(name: Name) -> str:
    return name.key.rpartition(".")[2]


def _native(case: Case, end: End, parameter: str) -> str | None:
    """What an engine calls a parameter of the glossary's unit, if it has one name for it."""
    names = [
        name for name in _names(case, end, parameter) if name.unit == "share dropped" and "H2ODeepLearning" in name.key
    ]
    return _argument(names[0]) if len(names) == 1 else None


# Rows.


def _kept_rows(watched: Watched, end: End) -> Callable[[Seen], Treatment]:
    def treat(each: Seen) -> Treatment:
        missing = missing_of(watched.of(other(end), each)) or ()
        return Treatment(outside={"rows": tuple(i for i in range(each.draw.n) if i not in missing)})

    return OfDraw(watched, treat)


def _repeated_rows(watched: Watched, end: End) -> Callable[[Seen], Treatment]:
    def treat(each: Seen) -> Treatment:
        again = repeated_of(watched.of(other(end), each, "all"))
        return Treatment(outside={"rows": (*range(each.draw.n), *again)}) if again else UNTREATED

    return OfDraw(watched, treat, "all")


def _labels(watched: Watched, end: End) -> Callable[[Seen], Treatment]:
    def treat(each: Seen) -> Treatment:
        turned = [rows.flipped or () if (rows := watched.rows(e, each)) is not None else () for e in ENDS]
        return Treatment(outside={"flipped": tuple(sorted({*turned[0]} ^ {*turned[1]}))})

    return OfDraw(watched, treat)


def _permuted(watched: Watched, end: End) -> Callable[[Seen], Treatment]:
    def treat(each: Seen) -> Treatment:
        own, wanted = watched.rows(end, each), watched.rows(other(end), each)
        if own is None or wanted is None:
            return UNTREATED
        # Row i as given comes to stand where own.permutation has i.
        given = dict(zip(own.permutation, wanted.permutation, strict=True))
        return Treatment(outside={"rows": tuple(given[i] for i in range(len(given)))})

    return OfDraw(watched, treat)


def _visited(case: Case, wanted: str) -> Iterator[Way]:
    assert isinstance(case.spec, MLP)
    epochs = case.spec.epochs
    if wanted == STANDING:
        yield from _pinned(order="given")

    def order(each: Seen) -> Places:
        return tuple(range(each.draw.n))[:: -1 if wanted == BACKWARDS else 1]

    def treat(each: Seen) -> Treatment:
        if wanted in (STANDING, BACKWARDS):
            return Treatment(outside={"row_order": (order(each),) * epochs})
        rng = np.random.default_rng(each.draw.seed)
        shuffled = tuple(tuple(int(i) for i in rng.permutation(each.draw.n)) for _ in range(epochs))
        return Treatment(outside={"row_order": shuffled})

    yield f"row_order: {wanted}", treat, True


# Starts.


def _factors(start: Start, kind: str) -> list[float]:
    return list(start.weights) if kind == "weights" else [factor for factor, _ in start.biases]


def _start(end: End, own: Shown, kind: str) -> Callable[[Seen], Treatment]:
    """The other side's untrained network, each array such that this side makes of it what the other starts from."""
    assert own.start is not None
    start = own.start

    def treat(each: Seen) -> Treatment:
        found = own_start(other(end), each)
        if found is None:
            return UNTREATED
        arrays = found[0] if kind == "weights" else found[1]
        told = [(factor, 0.0) for factor in start.weights] if kind == "weights" else list(start.biases)
        if len(told) != len(arrays):
            return UNTREATED
        undone = tuple((array - shift) / factor for array, (factor, shift) in zip(arrays, told, strict=True))
        mine = own_start(end, each)
        return Treatment(outside={kind: with_outputs(undone, mine[0][-1].shape[-1]) if mine is not None else undone})

    return treat
