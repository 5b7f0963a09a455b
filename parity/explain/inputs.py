"""What the rows of traced updates tell: how inputs are scaled, which columns, rows and labels are not those given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.spec.intervention import TRANSFORMS

Floats = NDArray[np.float64]
Places = tuple[int, ...]
Record = Mapping[str, Any]

NEAR = 1e-3
"An input is the expected one within this share of itself: float16 keeps 11 bits, a two thousandth."

ALIKE = 0.4
"Share of the inputs that has to be as expected for rows and scaling to be told: half of them may have been dropped."

NEVER = 1e-4
"A column whose inputs are all zero is left out, where so many zeros by chance are less likely than this."

UNSCALED, DIVIDED, STANDARDIZED = "none", "divide-by-255", "standardize"
STANDARDIZED_BY_N_1 = "standardize by n - 1"
DIVISOR = 255
"The largest value of a pixel."

AS_GIVEN, REVERSED = "as given", "reversed"
STANDING, BACKWARDS, SHUFFLED = "as they stand", "backwards", "shuffled"


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What one side trains on, held against the draw's own rows."""

    places: Places
    "Of the rows in the order of the updates, as the draw has them, each once."
    pattern: str
    "How that order follows from the one that was asked for, if any."
    permutation: Places
    "At each place of the given rows the place of the one that stands there; as far as an order can tell."
    whole: bool
    "Whether all rows that are trained on have been shown."
    scaling: str
    "none, divide-by-255, standardize, or another map in words."
    factor: float
    "By which rows that are scaled so are multiplied besides."
    blanked: tuple[str, ...]
    "Columns that vary over these rows and are 0 in all of them."
    absent: tuple[str, ...]
    "Columns that vary over the draw's rows and are not there."
    flipped: Places | None
    "Of rows that have the other label; None where labels are not shown or are no classes."
    dropped: float
    "Share of the other inputs that is 0 and should not be."
    steady: bool
    "Whether a row that comes again has the same inputs dropped."
    mask: Floats
    "(n, p) of 1, and of 0 where an input that is shown is dropped."
    rounding: str | None
    "Shortest format that holds all inputs; None where it holds what was given as well."


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """One way to read the inputs, and how many of them are as it says."""

    places: Places
    pattern: str
    scaling: str
    factor: float
    kept: NDArray[np.intp]
    "Columns of the draw that the inputs' columns are."
    expected: Floats
    share: float


def rows_of(
    records: Sequence[Record],
    x: Floats,
    y: NDArray[np.int64],
    features: Sequence[str],
    orders: Sequence[Sequence[int]] | None,
) -> Rows | None:
    """What inputs and targets of a trace's updates tell; None where they are not shown or not recognised.

    x: (n, p) rows as the draw has them, y: (n,); orders: their places in the order in which each epoch was asked to
    visit them, None where that was left to the framework.
    """
    shown = [r for r in records[1:] if "input" in r]
    batches = [np.atleast_2d(np.asarray(r["input"], dtype=np.float64)) for r in shown]
    if not batches or len({batch.shape[1] for batch in batches}) > 1 or batches[0].shape[1] > x.shape[1]:
        return None
    first = _first_epoch(batches, len(x))
    inputs = np.concatenate(batches[:first])
    found = _read(inputs, x, orders[0] if orders else None)
    if found is None:
        return None
    there = found.expected != 0
    zero = there & (inputs == 0)
    blank = there.any(axis=0) & (zero.sum(axis=0) == there.sum(axis=0))
    share = _share(zero, there & ~blank)
    if share > 0:
        blank &= share ** there.sum(axis=0) < NEVER
        share = _share(zero, there & ~blank)
    mask = np.ones(x.shape)
    rows, columns = np.nonzero(zero & ~blank)
    mask[np.asarray(found.places)[rows], found.kept[columns]] = 0
    varying, names = np.ptp(x, axis=0) > 0, np.asarray(features, dtype=object)
    targets = [np.asarray(r["target"], dtype=np.float64).reshape(-1) for r in shown[:first] if "target" in r]
    return Rows(
        places=found.places,
        pattern=found.pattern,
        permutation=_permutation(found, batches[first:], inputs, orders, len(x)),
        whole=len(set(found.places)) == len(x) or first < len(batches),
        scaling=found.scaling,
        factor=found.factor,
        blanked=tuple(names[found.kept[blank & varying[found.kept]]]),
        absent=tuple(names[np.setdiff1d(np.flatnonzero(varying), found.kept)]),
        flipped=_flipped(np.concatenate(targets), y, found.places) if targets else None,
        dropped=share,
        steady=all(_again(batch, inputs) is not None for batch in batches[first : first + 1]),
        mask=mask,
        rounding=_rounding(inputs, found.expected),
    )


def again_of(record: Record, x: Floats) -> Places | None:
    """Places of the rows of one update of all, as they stand there; None where they are not shown or not recognised.

    x: (n, p) the draw's rows. A row that comes twice is there twice.
    """
    if "input" not in record:
        return None
    inputs = np.atleast_2d(np.asarray(record["input"], dtype=np.float64))
    found = _read(inputs, x, None) if inputs.shape[1] <= x.shape[1] else None
    return found.places if found is not None else None


def _first_epoch(batches: Sequence[Floats], n: int) -> int:
    """Updates of the first epoch, or all that are shown: the next one sees rows that have been seen."""
    seen = batches[0]
    for count, batch in enumerate(batches[1:], start=1):
        if len(seen) >= n or _again(batch, seen) is not None:
            return count
        seen = np.concatenate([seen, batch])
    return len(batches)


def _again(batch: Floats, seen: Floats) -> list[int] | None:
    """For each row the place among those seen before of one that is the same; None where one is new."""
    known = {row.tobytes(): place for place, row in reversed(list(enumerate(seen)))}
    found = [known.get(row.tobytes()) for row in batch]
    places = [place for place in found if place is not None]
    return places if len(places) == len(batch) else None


def _share(zero: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    return float(zero[where].mean()) if where.any() else 0.0


# Which rows they are, and how they are scaled.


def _read(inputs: Floats, x: Floats, order: Sequence[int] | None) -> _Reading | None:
    """The reading that most inputs agree with; of several the plainest."""
    best: _Reading | None = None
    for scaling, base in _scaled(x):
        for pattern, places in _orders(len(x), len(inputs), order):
            best = _better(best, _held(inputs, base[list(places)], x, places, pattern, scaling))
    if (best is None or best.share < 1) and inputs.shape[1] == x.shape[1]:
        for scaling, base in _scaled(x):
            places = _nearest(inputs, base)
            best = _better(best, _held(inputs, base[list(places)], x, places, SHUFFLED, scaling))
    return best if best is not None and best.share >= ALIKE else None


def _better(best: _Reading | None, found: _Reading | None) -> _Reading | None:
    """The one that more inputs agree with; of two that as many do the one without a factor."""
    if best is None or found is None:
        return found if best is None else best
    return max(best, found, key=lambda each: (each.share, each.factor == 1))


def _scaled(x: Floats) -> Iterator[tuple[str, Floats]]:
    """The rows under every map that is known."""
    spread, n = x.std(axis=0), len(x)
    standard = (x - x.mean(axis=0)) / np.where(spread == 0, 1, spread)
    yield UNSCALED, x
    yield DIVIDED, x / DIVISOR
    yield STANDARDIZED, standard
    yield STANDARDIZED_BY_N_1, standard * np.sqrt((n - 1) / n)
    yield "less the column's mean", x - x.mean(axis=0)
    yield "standardize all columns alike", (x - x.mean()) / (x.std() or 1)
    if (x >= 0).all():
        yield from ((name, transformed(x)) for name, transformed in TRANSFORMS.items())


def _orders(n: int, count: int, order: Sequence[int] | None) -> Iterator[tuple[str, Places]]:
    """Orders that rows may stand in: the places of the first `count`."""
    if order is not None:
        yield AS_GIVEN, tuple(order[:count])
        yield REVERSED, tuple(n - 1 - i for i in order[:count])
        yield f"{AS_GIVEN}, {BACKWARDS}", tuple(reversed(order))[:count]
    yield STANDING, tuple(range(n))[:count]
    yield BACKWARDS, tuple(range(n - 1, -1, -1))[:count]


def _held(inputs: Floats, expected: Floats, x: Floats, places: Places, pattern: str, scaling: str) -> _Reading | None:
    """How well inputs are as expected, times a factor if need be: those that were 0, and the others.

    Most pixels are dark, and any map that moves them all by one number would do for these.
    """
    if len(expected) != len(inputs):
        return None
    kept = _columns(inputs, expected)
    if kept is None:
        return None
    expected = expected[:, kept]
    there = (expected != 0) | (inputs != 0)
    both = (expected != 0) & (inputs != 0)
    dark = x[list(places)][:, kept] == 0
    if not both.any():
        return None
    shares = []
    for factor in (1.0, float(np.median(inputs[both] / expected[both]))):
        near = np.abs(inputs - factor * expected) <= NEAR * np.abs(factor * expected)
        parts = (near[dark], near[there & ~dark])
        shares.append((min(float(part.mean()) for part in parts if part.size), factor))
    (plain, _), (scaled, ratio) = shares
    factor = ratio if scaled > plain and abs(ratio - 1) > NEAR else 1.0
    return _Reading(places, pattern, scaling, factor, kept, factor * expected, max(plain, scaled))


def _columns(inputs: Floats, expected: Floats) -> NDArray[np.intp] | None:
    """The columns that are there; None where some are left out and those that are there are not recognised."""
    wanted = inputs.shape[1]
    if wanted == expected.shape[1]:
        return np.arange(wanted)
    near = NEAR * np.abs(expected)
    kept: list[int] = []
    for column in range(expected.shape[1]):
        if len(kept) < wanted:
            gap = np.abs(inputs[:, len(kept)] - expected[:, column])
            if (gap <= near[:, column]).all():
                kept.append(column)
    return np.asarray(kept) if len(kept) == wanted else None


def _nearest(inputs: Floats, base: Floats) -> Places:
    """Of each row the place of the one in whose direction it lies; of rows that are alike each comes once."""

    def directions(rows: Floats) -> Floats:
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(length == 0, 1, length))

    twins: dict[bytes, list[int]] = {}
    for place, row in enumerate(base):
        twins.setdefault(row.tobytes(), []).append(place)
    found: list[int] = []
    for nearest in (directions(inputs) @ directions(base).T).argmax(axis=1):
        alike = twins[base[nearest].tobytes()]
        found.append(alike[sum(map(found.count, alike)) % len(alike)])
    return tuple(found)


def _permutation(
    found: _Reading, later: Sequence[Floats], inputs: Floats, orders: Sequence[Sequence[int]] | None, n: int
) -> Places:
    """Where the given rows stand. An order that is not one of the patterns has to hold in the second epoch as well."""
    as_they_are = tuple(range(n))
    if orders is None or found.pattern in (AS_GIVEN, STANDING, BACKWARDS, f"{AS_GIVEN}, {BACKWARDS}"):
        return as_they_are
    if found.pattern == REVERSED:
        return as_they_are[::-1]
    again = _again(later[0], inputs) if later else None
    if again is None or len(orders) < 2 or not len(again) == len(found.places) == len(orders[0]):
        return as_they_are
    stands = dict(zip(orders[0], found.places, strict=True))
    holds = all(stands[i] == found.places[k] for i, k in zip(orders[1], again, strict=True))
    return tuple(stands[i] for i in range(len(stands))) if holds and len(stands) == n else as_they_are


def told_by_weights(records: Sequence[Record], x: Floats, places: Sequence[int]) -> tuple[str, float] | None:
    """Scaling, none or standardize, and the share of inputs dropped, of single rows that are not shown themselves.

    An input of 0 moves no weight of the first layer. x: (n, p) the draw's rows; places: of the row of each update.
    """
    layers = [np.asarray(record["weights"][0]) for record in records]
    if any(layer.shape != layers[0].shape or len(layer) != x.shape[1] for layer in layers):
        return None
    moved = np.array([(b != a).any(axis=1) for a, b in pairwise(layers)])
    row = x[list(places[: len(moved)])]
    varying = np.ptp(x, axis=0) > 0
    dark, bright = varying & (row == 0), varying & (row != 0)
    if len(row) != len(moved) or not dark.any() or not bright.any() or not moved.any():
        return None
    standardized = moved[dark].mean() > moved[bright].mean() / 2
    there = dark | bright if standardized else bright
    # Where large inputs have driven every unit to its end, a row moves next to nothing.
    shares = np.array([moved[k][there[k]].mean() for k in range(len(row)) if there[k].any()])
    return STANDARDIZED if standardized else UNSCALED, 1 - float(shares[shares > shares.max() / 2].mean())


# Labels and digits.


def _flipped(targets: Floats, y: NDArray[np.int64], places: Places) -> Places | None:
    if len(targets) != len(places) or not np.isin(targets, (0, 1)).all():
        return None
    asked = y[list(places)]
    return tuple(sorted({place for place, a, t in zip(places, asked, targets, strict=True) if a != t}))


def _rounding(inputs: Floats, expected: Floats) -> str | None:
    """float16, float32 or float64, of inputs that are as expected; None where what was expected is as short."""
    near = np.abs(inputs - expected) <= NEAR * np.abs(expected)
    found, asked = inputs[near], expected[near]
    with np.errstate(over="ignore"):
        for name in ("float16", "float32"):
            if np.array_equal(found, found.astype(name)):
                return None if np.array_equal(asked, asked.astype(name)) else name
    return "float64"
