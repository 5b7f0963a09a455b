"""A fit with some differences switched: what is changed of it, and the cell that comes of that."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from parity.errors import RequestError
from parity.spec.intervention import Intervention

if TYPE_CHECKING:
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.models import Mode, Specification
    from parity.spec.protocol import Draw, Draws
    from parity.study.cells import Cell
    from parity.study.store import Result

Plain = dict[str, Any]
End = Literal["left", "right"]
ENDS: tuple[End, End] = ("left", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """Changes of one fit, in the three ways in which there can be any."""

    spec: Plain = field(default_factory=dict)
    "Fields of the specification that are pinned."
    overrides: Plain = field(default_factory=dict)
    "Native arguments that replace the translated ones."
    outside: Plain = field(default_factory=dict)
    "Fields of an Intervention."

    def __or__(self, other: Treatment) -> Treatment:
        """Both at once. Of columns and rows those that both give, as often as either does; flipped labels add up."""
        mine, yours = self.outside, other.outside
        outside = {**mine, **yours}
        for name in ("columns", "rows"):
            if name in mine and name in yours:
                kept = set(mine[name])
                both = [each for each in yours[name] if each in kept]
                again = (each for each in dict.fromkeys(both) for _ in range(mine[name].count(each) - both.count(each)))
                outside[name] = (*both, *again)
        if "flipped" in mine and "flipped" in yours:
            outside["flipped"] = tuple(sorted({*mine["flipped"]} ^ {*yours["flipped"]}))
        return Treatment({**self.spec, **other.spec}, {**self.overrides, **other.overrides}, outside)

    def __bool__(self) -> bool:
        return bool(self.spec or self.overrides or self.outside)


UNTREATED = Treatment()


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two engines as the study asks for it."""

    end: End
    engine: Engine
    versions: dict[str, str]
    overrides: Plain = field(default_factory=dict)
    "The study's own."

    @property
    def name(self) -> str:
        """Engine id."""
        return self.engine.id


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What both sides are asked for."""

    method: str
    spec: Specification
    mode: Mode
    data: Data
    draws: Draws
    margin: float
    left: Side
    right: Side
    device: str = "cpu"

    def side(self, end: End) -> Side:
        """The side at that end."""
        return self.left if end == "left" else self.right

    def treated(self, treatment: Treatment) -> Specification:
        """The specification under a treatment. ValueError where that is none."""
        try:
            return dataclasses.replace(self.spec, **treatment.spec)
        except RequestError as error:
            raise ValueError(str(error)) from error

    def cell(self, end: End, draw: Draw, treatment: Treatment = UNTREATED, observe: Plain | None = None) -> Cell:
        """The cell of one side and draw under a treatment. ValueError where that is no specification."""
        from parity.study.cells import cell

        side = self.side(end)
        return cell(
            side.engine,
            self.method,
            self.treated(treatment),
            self.data,
            self.draws.test,
            draw,
            side.versions,
            self.mode,
            {**side.overrides, **treatment.overrides},
            self.device,
            observe,
            intervention=Intervention(**treatment.outside),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of both sides on one draw, from which switches take the values that they give."""

    draw: Draw
    features: tuple[str, ...]
    varying: tuple[bool, ...]
    "Of each column, whether it varies over the draw's rows."
    fitted: Mapping[End, Result]
    untrained: Mapping[End, Result] = field(default_factory=dict)
    "The networks as they start."

    def refitted(self, fitted: Mapping[End, Result], untrained: Mapping[End, Result]) -> Seen:
        """The same draw with these fits in place of those as shipped."""
        fits, starts = {**self.fitted, **fitted}, {**self.untrained, **untrained}
        return dataclasses.replace(self, fitted=fits, untrained=starts)


Value = Callable[[End, Seen], Any]
"A side's value of something on a draw; None where it cannot be told."


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """How one side is given the other's value of a difference."""

    end: End
    "The side that is changed."
    how: str
    "In words, with the value: 'spec.batch_size = 1', 'initial weights of r-h2o, given to it'."
    treat: Callable[[Seen], Treatment]
    said: bool = False
    "Whether the side's own parameters have to say that it took."
    follows: Literal[0, 1, 2] = 0
    """Whether it takes up what the other side did under the same switches, and not as shipped: 1 what its screen did, 2
    what its fit did."""


def always(treatment: Treatment) -> Callable[[Seen], Treatment]:
    """The same treatment on every draw."""
    return lambda seen: treatment


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """One thing in which the two sides differ, and the ways in which each can be given the other's."""

    name: str
    "In the glossary's words, as 'input_scaling' or 'initial weights'."
    left: str
    right: str
    "Both values, in words."
    meaning: str
    found: Literal["read", "measured", "lockstep", "tried"]
    evidence: str
    "What showed it: a command, or what was measured."
    ways: tuple[Switch, ...] = ()
    "Those of one end in the order in which they are to be tried."
    value: Value | None = None
    "For what is measured: a side's value on a draw, by which a switch is shown to have taken. None: it is read again."
    parameters: tuple[str, ...] = ()
    "For what is read: the canonical parameters that it covers."

    def ways_of(self, end: End) -> list[Switch]:
        """The ways in which that side can be changed."""
        return [way for way in self.ways if way.end == end]


def other(end: End) -> End:
    """The opposite side."""
    return "right" if end == "left" else "left"


def measured_difference(
    case: Case, name: str, words: Mapping[End, str], meaning: str, evidence: str, ways: Sequence[Switch], value: Value
) -> Difference:
    """A difference that was seen in what came out. words: both values; value: what a switch has to make equal."""
    return Difference(
        name=name,
        left=words["left"],
        right=words["right"],
        meaning=meaning,
        found="measured",
        evidence=evidence,
        ways=tuple(ways),
        value=value,
    )


def differ(value: Value, seen: Sequence[Seen]) -> bool:
    """Whether both sides have a value on some draw, and not the same one."""
    pairs = [(value("left", each), value("right", each)) for each in seen]
    return any(a is not None and b is not None and a != b for a, b in pairs)
