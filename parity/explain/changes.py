"""The library of generic changes: what may be different inside an engine's fit, and how the other is made to do it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from parity.compare.behaviour import BEHAVIOURS
from parity.compare.defaults import Entry, worded
from parity.compare.probes import in_force
from parity.explain.reading import Read, native_value
from parity.explain.treatment import Case, Seen, Treatment, always
from parity.spec.intervention import Apart, Scaling, Transform
from parity.spec.vocabulary import GLOSSARY

Plain = dict[str, Any]
Treat = Callable[[Seen], Treatment]

WITHOUT_INTERCEPT = "y ~ 0 + ."
"R's formula of all columns and no intercept, where a formula is what says so."

PIXEL = 255.0
"The largest value of a pixel."

Format = Literal["float16", "float32"]
FORMATS: tuple[Format, ...] = typing.get_args(Format)

MEANINGS = {
    "labels": "A row with the other label pulls the fit the other way.",
    "columns": BEHAVIOURS["columns used"],
    "rows": BEHAVIOURS["rows used"],
    "order of rows": BEHAVIOURS["order of rows"],
    "precision": BEHAVIOURS["precision"],
    "units of columns": BEHAVIOURS["units of columns"],
}
"What a difference means that the glossary has no parameter for."

SCALED_WORDS: dict[Scaling, str] = {
    "divide-by-255": "divided by 255",
    "standardize": "standardized by means and standard deviations of the training rows",
    "standardize-n-1": "standardized by means and standard deviations (divisor n - 1) of the training rows",
    "centre": "less their means over the training rows",
    "unit-range": "moved and divided into 0 to 1 by the training rows' range",
}

BY_ITSELF_WORDS: dict[Scaling, str] = {
    "standardize": "standardized by its own means and standard deviations",
    "standardize-n-1": "standardized by its own means and standard deviations (divisor n - 1)",
    "centre": "less its own means",
    "unit-range": "moved and divided into 0 to 1 by its own range",
}

APART: tuple[Apart, ...] = (
    ("train", "divide-by-255"),
    ("train", "standardize"),
    ("train", "standardize-n-1"),
    ("train", "unit-range"),
    ("test", "divide-by-255"),
    ("test", "standardize"),
    ("test", "standardize-n-1"),
    ("test", "unit-range"),
    ("each", "standardize"),
    ("each", "standardize-n-1"),
    ("each", "unit-range"),
    ("each", "centre"),
)
"Mistakes that are made: one set of rows is not scaled, or the test rows are scaled by what they tell themselves."

TRANSFORMED_WORDS: dict[Transform, str] = {
    "square-root": "square roots of them",
    "logarithm": "logarithms of 1 + x",
    "square": "squares of them",
    "above-0": "1 where they are above 0",
    "above-127": "1 where they are above 127",
}

STEPPED: tuple[Transform, ...] = ("above-0", "above-127")
"What makes two values of an input, which may be 0 and 1, or 0 and 255."

COUNTED = (2, 3, 4, 5)
"Times that rows of one class may count."

UNTRIED = {"seed", "threads", "missing", "covariance", "row.weights", "offset", "init.values"}
"Native arguments that are none of how a model is fitted to these rows, or that take no value of a list."

TOLERANCES = tuple(10.0**-k for k in range(1, 13))
"At which a solver may have been told to stop."

STEPS = range(1, 16)
"Iterations after which a solver may have been stopped, where it does not tell how many it did."

MOST_CHOICES = 6
"Values of one native argument that are tried."


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One thing that one side may do and the other may not."""

    name: str
    "In the glossary's words."
    with_it: str
    "The value of the side that does it, in words."
    without_it: str
    how: str
    "How the other side is made to do it."
    treat: Treat
    undo: Treat | None = None
    "What makes the side that does it end where it would without; None where nothing does."

    @property
    def meaning(self) -> str:
        """One sentence on what follows from it."""
        return MEANINGS.get(self.name) or GLOSSARY[self.name].consequence


@dataclass(frozen=True, slots=True, eq=False)
class Natives:
    """The native arguments of one side that can be set from outside, with the values in force."""

    case: Case
    read: Read | None
    given: Plain
    "Overrides that are in force already."

    def entries(self) -> Iterator[Entry]:
        """Those that an override can set."""
        for entry in self.read.entries.values() if self.read is not None else ():
            if entry.row["override"]:
                yield entry

    def value(self, entry: Entry) -> Any:
        """The native value in force."""
        return self.given.get(entry.row["name"], in_force(entry.row))

    def of(self, parameter: str) -> Entry | None:
        """The argument of a canonical parameter."""
        found = self.read.entries.get(parameter) if self.read is not None else None
        return found if found is not None and found.row["override"] else None

    def meaning(self, parameter: str, value: Any) -> Plain | None:
        """The argument that means a canonical value, as an override."""
        entry = self.of(parameter)
        if entry is None or self.read is None:
            return None
        given = native_value(self.case, self.read, entry, value)
        return None if given is None else {entry.row["name"]: given[0]}

    def strength(self) -> tuple[str, float, bool, float] | None:
        """The argument of a penalty that is in force, its value, whether the penalty falls as it rises, and the ridge.

        The ridge is that beside the summed loss: ridge / 2 * sum(b^2).
        """
        entry = self.of("penalty.strength")
        if entry is None:
            return None
        now, known = self.value(entry), entry.value
        if not all(isinstance(each, int | float) and not isinstance(each, bool) and each for each in (now, known)):
            return None
        # C and cost fall as the penalty rises; which it is, the vocabulary tells.
        once, twice = (self.meaning("penalty.strength", float(known) * times) for times in (1.0, 2.0))
        if once is None or twice is None:
            return None
        name = entry.row["name"]
        inverse = float(twice[name]) < float(once[name])
        share = float(once[name]) / float(now) if inverse else float(now) / float(once[name])
        return name, float(now), inverse, float(known) * self.case.draws.train[0].n * share


def overridden(name: str, native: Plain, natives: Natives, without_it: str | None = None) -> Change:
    """Native arguments of another value; its undoing is the value that the other side has, told outright."""
    (argument, value), *_ = native.items()
    entry = next((each for each in natives.entries() if each.row["name"] == argument), None)
    own = natives.value(entry) if entry is not None else None
    said = f"{argument} = {worded(value)}"
    return Change(
        name,
        f"as with {said}",
        without_it or f"{argument} = {worded(own)}",
        said,
        always(Treatment(overrides=native)),
        None if own is None else always(Treatment(overrides={argument: own})),
    )


# What is done to the inputs.


def scaling(kind: Scaling) -> Change:
    """Inputs scaled. A division can be undone by a multiplication; means and deviations are taken anew."""
    undone = always(Treatment(outside={"factor": PIXEL})) if kind == "divide-by-255" else None
    words = SCALED_WORDS[kind]
    treat = always(Treatment(outside={"scaling": kind}))
    return Change("input_scaling", words, "as they are", f"inputs {words} by us", treat, undone)


def scaled_apart(apart: Apart) -> Change:
    """The two sets of rows scaled otherwise than alike."""
    sets, kind = apart
    words = {
        "train": f"the training rows alone {SCALED_WORDS[kind]}",
        "test": f"the test rows alone {SCALED_WORDS[kind]}",
        "each": f"each set of rows {BY_ITSELF_WORDS.get(kind)}",
    }[sets]
    undone = always(Treatment(outside={f"{sets}_factor": PIXEL})) if kind == "divide-by-255" else None
    treat = always(Treatment(outside={"apart": apart}))
    return Change("input_scaling", words, "both sets of rows alike", f"{words}, by us", treat, undone)


def transformed(kind: Transform, factor: float = 1.0) -> Change:
    """Something else of every input, times a factor."""
    words = TRANSFORMED_WORDS[kind] + (f", times {worded(factor)}" if factor != 1 else "")
    treat = always(Treatment(outside={"transform": kind, "factor": factor}))
    return Change("input_scaling", words, "as they are", f"inputs made {words} by us", treat)


def multiplied(factor: float) -> Change:
    """All inputs times a factor."""
    said = f"multiplied by {worded(factor)}"
    treat, undo = (always(Treatment(outside={"factor": f})) for f in (factor, 1 / factor))
    return Change("input_scaling", said, "as they are", f"inputs {said} by us", treat, undo)


def rescaled(columns: Callable[[Seen], Iterable[str]], which: str, factor: float) -> Change:
    """Some columns times a factor."""

    def by(times: float) -> Treat:
        return lambda seen: Treatment(outside={"rescaled": tuple((name, times) for name in columns(seen))})

    said = f"{which} multiplied by {worded(factor)}"
    return Change("units of columns", said, "as they are", f"{said} by us", by(factor), by(1 / factor))


def roundings() -> Iterator[Change]:
    """Inputs of fewer digits: rounded before they are scaled, after it, or given in that type."""
    for name in FORMATS:
        for outside, said in (
            ("dtype", f"{name} inputs"),
            ("scaled_rounding", f"inputs rounded to {name}"),
            ("rounding", f"inputs rounded to {name} before they are scaled"),
        ):
            yield Change("precision", said, "float64 inputs", said, always(Treatment(outside={outside: name})))


# What is done to rows, labels and columns.


def reversed_rows() -> Change:
    """Rows from the last to the first; twice makes once."""

    def backwards(seen: Seen) -> Treatment:
        return Treatment(outside={"rows": tuple(range(seen.draw.n - 1, -1, -1))})

    return Change("order of rows", "the last row first", "as they stand", "rows reversed by us", backwards, backwards)


def counted(label: int, times: int, labels: Callable[[Seen], Iterable[int]]) -> Change:
    """Rows of one class that weigh as much as several. labels: of a draw's training rows."""

    def treat(seen: Seen) -> Treatment:
        again = tuple(i for i, each in enumerate(labels(seen)) if each == label)
        return Treatment(outside={"rows": (*range(seen.draw.n), *again * (times - 1))})

    said = f"rows of class {label}"
    return Change("class.weights", f"{said} count {times} times", "equal", f"{said} given {times} times by us", treat)


def weighted(natives: Natives) -> Iterator[Change]:
    """Rows of one class that weigh as much as several, where the framework has an argument for it."""
    entry = natives.of("class.weights")
    if entry is None or natives.value(entry) is not None:
        return
    for label in (0, 1):
        for times in COUNTED:
            weights = {each: float(times if each == label else 1) for each in (0, 1)}
            yield overridden("class.weights", {entry.row["name"]: weights}, natives)


def flipped(rows: Callable[[Seen], Iterable[int]], which: str) -> Change:
    """The other label in some rows; given to the side that does it, it has its own back."""

    def treat(seen: Seen) -> Treatment:
        return Treatment(outside={"flipped": tuple(sorted(rows(seen)))})

    said = f"the other label in {which}"
    return Change("labels", said, "as they are", f"{said}, by us", treat, treat)


def left_out(rows: Callable[[Seen], Iterable[int]], which: str) -> Change:
    """Some rows are not trained on."""

    def treat(seen: Seen) -> Treatment:
        gone = set(rows(seen))
        return Treatment(outside={"rows": tuple(i for i in range(seen.draw.n) if i not in gone)})

    said = f"without {which}"
    return Change("rows", said, "all rows", f"{said}, by us", treat)


def blanked(columns: Callable[[Seen], Iterable[str]], which: str) -> Change:
    """Some columns say nothing: they are 0 in training and test rows alike."""

    def treat(seen: Seen) -> Treatment:
        return Treatment(outside={"blanked": tuple(columns(seen))})

    said = f"without {which}"
    return Change("columns", said, "all that were screened", f"{said}, by us", treat)


# What a framework has an argument for.


def penalty(factor: float, natives: Natives) -> Change | None:
    """Another strength of the penalty, as a factor on the one in force."""
    known = natives.strength()
    if known is None:
        return None
    name, now, inverse, _ = known
    value, back = (now * (1 / times if inverse else times) for times in (factor, 1 / factor))
    return Change(
        "penalty.strength",
        f"{worded(factor)} times the other side's",
        f"{worded(1 / factor)} times the other side's",
        f"{name} = {worded(value)}",
        always(Treatment(overrides={name: value})),
        always(Treatment(overrides={name: back})),
    )


def no_intercept(natives: Natives) -> Change | None:
    """A linear predictor without a constant."""
    native = natives.meaning("intercept", False) or natives.meaning("penalty.intercept", "no-intercept")
    if native is None and any(each.row["name"] == "formula" for each in natives.entries()):
        native = {"formula": WITHOUT_INTERCEPT}
    return None if native is None else overridden("intercept", native, natives, "an intercept")


def stops(natives: Natives, done: Iterable[int | None], own: int | None) -> Iterator[Change]:
    """Fewer iterations. done: by the other side, on every draw; own: by this side, on the draw that is searched."""
    entry = natives.of("iterations")
    if entry is None:
        return
    counts = [each for each in done if each is not None]
    tried = dict.fromkeys([max(counts), *sorted(set(counts))] if counts else STEPS)
    for count in tried:
        if own is None or count < own:
            yield overridden("iterations", {entry.row["name"]: count}, natives)


def native_values(natives: Natives) -> Iterator[Change]:
    """Other values of every native argument that is listed as one of several, or that is a tolerance."""
    for entry in natives.entries():
        name, now = entry.row["name"], natives.value(entry)
        parameter = entry.canonical.parameter if entry.canonical is not None else None
        if parameter is None or parameter in UNTRIED or parameter in ("intercept", "penalty.strength", "iterations"):
            continue
        values: list[Any] = list(entry.row["choices"] or ())[:MOST_CHOICES]
        if parameter.startswith("tolerance."):
            values = list(TOLERANCES)
        for value in values:
            if value != now and value is not None:
                yield overridden(parameter, {name: value}, natives)
