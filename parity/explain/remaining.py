"""What both sides still show to differ with everything switched: where to look for what is left of a gap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.explain.aspects import ASPECTS, parts
from parity.explain.bench import Bench, done
from parity.explain.traced import DEEP, Asked, can_be_watched, shown
from parity.explain.treatment import ENDS, End, Seen, Switch
from parity.study.store import Result

UPDATES, FITS = "first updates", "fits"

SAME = 1e-6
"Coefficients, as a share of the largest, and predicted values that are no further apart are one."

UNITS = {"factor", "train_factor", "test_factor", "transform", "scaling", "apart", "rescaled"}
"Where one side's inputs are changed so, its coefficients are of other units."

INTERCEPT = "(intercept)"


@dataclass(frozen=True, slots=True)
class Parting:
    """One thing in which both sides part, in words."""

    name: str
    left: str
    right: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Remaining:
    """Both sides on one draw, under switches."""

    draw: int
    "Its number."
    compared: tuple[str, ...]
    "What both sides show."
    parts: tuple[Parting, ...]
    "What of it differs, in the order in which it acts: the first one first."
    what: str = UPDATES
    "What was looked at: first updates of networks, fits of linear models."


def remaining(bench: Bench, switches: Collection[Switch], seen: Seen, inert: Collection[str]) -> Remaining | None:
    """Both sides looked at again under switches; None where either shows nothing.

    inert: names of differences that are not switched, since they move no prediction.
    """
    if not can_be_watched(bench.case):
        return _of_fits(bench, switches, seen)
    left, right = shown([Asked(bench.case, end, seen, bench.treated(end, switches, seen), DEEP) for end in ENDS])
    compared = [
        aspect
        for aspect in ASPECTS
        if aspect.name not in inert and aspect.value(left) is not None and aspect.value(right) is not None
    ]
    parted = [
        Parting(aspect.name, aspect.words(aspect.value(left)), aspect.words(aspect.value(right)), aspect.evidence)
        for aspect in compared
        if parts(aspect, left, right)
    ]
    names = tuple(aspect.name for aspect in compared)
    return Remaining(seen.draw.index, names, tuple(parted)) if names else None


# Linear models: whether they part in fitting or in predicting.


def _of_fits(bench: Bench, switches: Collection[Switch], seen: Seen) -> Remaining | None:
    """What their coefficients tell; None where either side tells none."""
    fitted = done(bench.both([(switches, seen)])[0])
    if len(fitted) < len(ENDS) or not all(result.coefficients for result in fitted.values()):
        return None
    scaled = any(UNITS & bench.treated(end, switches, seen).outside.keys() for end in ENDS)
    looked = ("columns", *(() if scaled else ("coefficients",)), "predicted values")
    return Remaining(seen.draw.index, looked, tuple(_parted(fitted, looked)), FITS)


def _parted(fitted: Mapping[End, Result], looked: Collection[str]) -> Iterator[Parting]:
    left, right = ({name: v for name, v in fitted[end].coefficients.items() if v is not None} for end in ENDS)
    if left.keys() != right.keys():
        yield Parting("columns", _columns(left, right), _columns(right, left), "names of the coefficients")
        return
    names = list(left)
    one, two = (np.array([float(side[name]) for name in names]) for side in (left, right))
    sizes = np.abs([one, two])
    furthest = _furthest(one, two, SAME * float(sizes[np.isfinite(sizes)].max(initial=0.0)))
    if furthest is not None and "coefficients" in looked:
        a, b = _told(names[furthest], one[furthest], two[furthest])
        yield Parting("coefficients", a, b, "coefficients that both sides tell, the one that is furthest off")
        return
    one, two = (np.asarray(fitted[end].arrays["probability"]) for end in ENDS)
    furthest = _furthest(one, two, SAME)
    if furthest is not None:
        a, b = _told(f"test row {furthest + 1}", one[furthest], two[furthest])
        of = "predicted values, of the same coefficients" if "coefficients" in looked else "predicted values"
        yield Parting("predicted values", a, b, of)


def _told(name: str, one: float, two: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart."""
    digits = next((k for k in range(3, 17) if f"{one:.{k}g}" != f"{two:.{k}g}"), 17) + 2
    return f"{name}: {one:.{digits}g}", f"{name}: {two:.{digits}g}"


def _columns(own: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    alone, count = sorted(own.keys() - other.keys()), len(own.keys() - {INTERCEPT})
    return f"{count}, alone with {', '.join(alone)}" if alone else f"{count}"


def _furthest(one: Any, two: Any, near: float) -> int | None:
    """The place at which two vectors are furthest apart; None where that is near."""
    gaps = np.nan_to_num(np.abs(one - two), nan=np.inf)
    place = int(gaps.argmax())
    return place if gaps[place] > near else None
