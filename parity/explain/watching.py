"""Differences that the first updates show, whatever either side says of itself: rung 2 of both sides as shipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.explain.aspects import ASPECTS, BY_NAME, Aspect, parts
from parity.explain.starting import own_start, with_outputs
from parity.explain.tested import scaling_of_test_rows
from parity.explain.traced import DEEP, Asked, Kind, Shown, can_be_watched, shown, takes_batches
from parity.explain.training import epochs_done
from parity.explain.treatment import (
    ENDS,
    UNTREATED,
    Case,
    Difference,
    End,
    Seen,
    Switch,
    Treatment,
    Value,
    other,
)
from parity.explain.ways import Treated, Watched, ways_of
from parity.spec.models import MLP
from parity.spec.vocabulary import GLOSSARY

DRAWS = 4
"Draws whose rows are watched: of a tenth of ten labels none is turned on one draw in three, on four draws one in 70."

GROUPED = {"momentum", "nesterov", "adaptive.beta1", "adaptive.beta2", "adaptive.decay", "adaptive.epsilon"}
"What belongs to a rule of updates."

PART_OF: dict[str, set[str]] = {
    "inputs": {"input_scaling", "columns", "screened columns", "dropout.input"},
    "updates": {"optimizer", "learning_rate", "learning_rate.decay", "penalty.decay", *GROUPED}
    | {name for name in GLOSSARY if name.startswith(("adaptive.", "gradient."))},
    **dict.fromkeys(GROUPED, {"optimizer"}),
}
"What shows in updates -> where one of these is known, it is no difference of its own."

STARTS = {"initial weights": "weights", "initial biases": "biases"}

CHANGED = (*STARTS, "batch_size")
"What a side may make something else of than it is asked for: known or not, that calls for ways of its own."


@dataclass(frozen=True, slots=True, eq=False)
class Watching:
    """Two sides to be watched on some draws, and the names of the differences that are known."""

    case: Case
    seen: Sequence[Seen]
    known: Collection[str] = ()
    treated: Treated = lambda end, seen: UNTREATED
    "What is done to each side already."


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A lockstep difference, a draw, and what is done to each side there in order to have it gone."""

    case: Case
    difference: Difference
    seen: Seen
    treatments: Mapping[End, Treatment]


def watched(
    case: Case, seen: Sequence[Seen], known: Collection[str] = (), treated: Treated = lambda end, seen: UNTREATED
) -> list[Difference]:
    """What the first updates of both sides show to differ and is not known by name; see `watched_each`."""
    return watched_each([Watching(case, seen, known, treated)])[0]


def watched_each(pairs: Sequence[Watching]) -> list[list[Difference]]:
    """Of each pair what its first updates show to differ and is not known by name; all are traced at once.

    Of a start, a number of epochs or a batch size that is known, further ways are returned under its name where a side
    makes something else of what it is asked for: they belong to the difference that is known. Nothing is found of an
    engine that gives no trace.
    """
    return [
        [
            *parted(watch, pair.seen[:DRAWS], pair.known),
            *epochs(pair.case, pair.seen, pair.known),
            *tested(watch, pair.seen),
        ]
        if can_be_watched(pair.case)
        else []
        for watch, pair in zip(looked_at(pairs), pairs, strict=True)
    ]


def looked_at(pairs: Sequence[Watching]) -> list[Watched]:
    """What both sides of each pair show on its first draws."""
    watches = [Watched(pair.case, pair.treated) for pair in pairs]
    asked = [
        (watch, Asked(pair.case, end, each, pair.treated(end, each), DEEP if place == 0 else ("rows",)))
        for watch, pair in zip(watches, pairs, strict=True)
        for place, each in enumerate(pair.seen[:DRAWS])
        for end in ENDS
        if can_be_watched(pair.case)
    ]
    for (watch, one), found in zip(asked, shown([one for _, one in asked]), strict=True):
        watch.keep(one, found)
    return watches


def parted(watch: Watched, looked: Sequence[Seen], known: Collection[str] = ()) -> list[Difference]:
    """What updates on these draws show to differ; see `watched_each`."""
    found: list[Difference] = []
    for aspect in ASPECTS:
        apart = [each for each in looked if parts(aspect, watch.of("left", each), watch.of("right", each))]
        names = {*known, *(each.name for each in found)}
        if not apart or names & PART_OF.get(aspect.name, set()):
            continue
        first = [apart[0], *(each for each in looked if each is not apart[0])]
        values = {end: aspect.value(watch.of(end, apart[0])) for end in ENDS}
        ways = ways_of(watch, aspect, first, further=aspect.name in names)
        if aspect.name in names and not (ways and aspect.name in CHANGED):
            continue
        found.append(
            Difference(
                name=aspect.name,
                left=aspect.words(values["left"]),
                right=aspect.words(values["right"]),
                meaning=aspect.meaning,
                found="lockstep",
                evidence=f"{aspect.evidence}, traced on {len(looked)} draws and apart on {len(apart)}",
                ways=ways,
                value=_start_value(aspect.name) if aspect.name in STARTS else None,
            )
        )
    return found


def tested(watch: Watched, seen: Sequence[Seen]) -> list[Difference]:
    """A side that scales its test rows otherwise than those it trains on, where updates show how it scales these."""

    def trained(end: End) -> str | None:
        # Of single rows weights tell that they are standardized, and not by which divisor.
        scaling = watch.of(end, seen[0]).scaling if takes_batches(watch.case.side(end).engine) else None
        return None if scaling is None or scaling[1] != 1 else scaling[0]

    found = scaling_of_test_rows(watch.case, seen, trained)
    return [] if found is None else [found]


def _start_value(name: str) -> Value:
    """A side's start on a draw, by which a start that is given is shown to have been taken."""
    place = list(STARTS).index(name)

    def value(end: End, each: Seen) -> Any:
        found = own_start(end, each)
        if found is None:
            return None
        first, *later = with_outputs(found[place], 1)
        kept = (first[list(each.varying)], *later) if place == 0 else (first, *later)
        return tuple(hash(array.astype("float32").tobytes()) for array in kept)

    return value


def epochs(case: Case, seen: Sequence[Seen], known: Collection[str] = ()) -> list[Difference]:
    """A side that does fewer epochs than it is asked for is asked for more."""
    spec = case.spec
    assert isinstance(spec, MLP)
    whole = [each for each in seen if all(end in each.fitted for end in ENDS)]
    found = epochs_done(case, whole) if whole else None
    if found is None:
        return []

    def done(end: End, each: Seen) -> float | None:
        return each.fitted[end].facts.get("iterations")

    def asked_for(end: End) -> Switch:
        def treat(each: Seen) -> Treatment:
            mine, theirs = done(end, each), done(other(end), each)
            return Treatment(spec={"epochs": round(spec.epochs * theirs / mine)}) if mine and theirs else UNTREATED

        return Switch(end, "spec.epochs = as many as make it do what the other side does", treat)

    short = [end for end in ENDS if any((done(end, each) or spec.epochs) < spec.epochs for each in whole)]
    ways = tuple(map(asked_for, short))
    if not ways:
        return []
    own = () if found.name in known else found.ways
    return [dataclasses.replace(found, found="lockstep", ways=(*own, *ways))]


def still_differs(case: Case, difference: Difference, seen: Seen, treatments: Mapping[End, Treatment]) -> bool | None:
    """See `still_differ`."""
    return still_differ([Trial(case, difference, seen, treatments)])[0]


def still_differ(trials: Sequence[Trial]) -> list[bool | None]:
    """Whether both sides, traced again under these treatments, still show what a lockstep difference is; None: unknown.

    All are traced at once. A side without a treatment is traced as shipped. What has a value of its own, a start or a
    number of epochs, is told by that and not by a trace.
    """
    asked: dict[tuple[int, End], Asked] = {}
    shipped: dict[tuple[int, int, int, End, tuple[Kind, ...]], Asked] = {}
    for place, trial in enumerate(trials):
        aspect, draw = BY_NAME.get(trial.difference.name), trial.seen.draw
        if aspect is None or trial.difference.value is not None or not can_be_watched(trial.case):
            continue
        for end in ENDS:
            one = Asked(trial.case, end, trial.seen, trial.treatments.get(end, UNTREATED), aspect.kinds)
            if not one.treatment:
                one = shipped.setdefault((id(trial.case), draw.n, draw.index, end, aspect.kinds), one)
            asked[place, end] = one
    wanted = list(dict.fromkeys(asked.values()))
    told = dict(zip(wanted, shown(wanted), strict=True))
    return [
        _apart(BY_NAME[trial.difference.name], told[asked[place, "left"]], told[asked[place, "right"]])
        if (place, "left") in asked
        else None
        for place, trial in enumerate(trials)
    ]


def _apart(aspect: Aspect, left: Shown, right: Shown) -> bool | None:
    if aspect.value(left) is None or aspect.value(right) is None:
        return None
    return parts(aspect, left, right)
