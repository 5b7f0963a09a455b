"""Which changes of a linear fit would make it predict what the other side predicts: sought in simulated fits."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity.explain.simulated import Designs, Floats, Model, predicted
from parity.spec.intervention import Scaling, scaled

T = TypeVar("T", bound=np.generic)

RowChange = Literal["flipped", "left_out"]

SCALINGS: tuple[Scaling, ...] = typing.get_args(Scaling)

CHUNK = 256
"Simulated fits at a time: their designs then stay within some dozen MB."

OF_A_KIND = 2
"Sets of one kind of changes that are carried on from one round to the next: the nearest."

OF_COLUMNS = 12
"Where they leave out a column each, which by itself may tell little."

OF_ROWS = 16
"Where they change rows, of which there are many, and the right one of two by itself may not be the nearest."

BEAM = 64
"Sets of all kinds together."

AFFORDED = {"squares": 20_000, "logistic": 6_000}
"Simulated fits of a round: of least squares a second's worth, of reweighted or penalised ones two."

BEST_ALONE = 60
"Where not all sets can be tried with every further change, the later ones are with those that did best alone."

GAIN = 0.8
"A round that comes no nearer than this share of the last one's distance is the last."

TOLD = 16
"Sets of each round that are told of."

ROWS = 5
"Rows with another label, and rows that are left out, at most; patterns of rows count as one."

FACTORS = (1e-6, 1e-4, 1e-2, 0.1, 0.3, 3.0, 10.0, 100.0, 1e4, 1e6)
"By which a penalty is multiplied in a first look; the best is then narrowed down."

COLUMN_FACTORS = (0.004, 0.1, 0.5, 2.0, 10.0, 255.0)
"By which a single column is multiplied in a first look."

EXCHANGED = 8
"Sets of which each changed row is exchanged for every other: of two rows the first may have been the wrong one."

FIRST_STEP, NARROWING, NARROWED = 10.0, 9, 4
"A factor is sought this far up and down, so many at a time, each time four times as closely: in the end to 1 %."

SAME = 1e-12
"Predicted values no further apart come from changes that change nothing."


@dataclass(frozen=True, slots=True)
class Supposition:
    """A set of changes of one linear fit. Rows and columns by place: of the draw, of the screened columns."""

    scaling: Scaling | None = None
    penalty: float = 1.0
    "Factor on the penalty."
    intercept: bool = True
    without: int | None = None
    rescaled: tuple[int, float] | None = None
    "A column, and what it is multiplied by."
    flipped: frozenset[int] = frozenset()
    left_out: frozenset[int] = frozenset()

    @property
    def size(self) -> int:
        """How many differences it stands for."""
        told = [self.scaling, self.penalty != 1, not self.intercept, self.without is not None, self.rescaled]
        return sum(map(bool, [*told, self.flipped, self.left_out]))

    @property
    def skeleton(self) -> Supposition:
        """The same without the size of its factors."""
        column = None if self.rescaled is None else (self.rescaled[0], 0.0)
        return dataclasses.replace(self, penalty=1.0 if self.penalty == 1 else 0.0, rescaled=column)

    @property
    def kind(self) -> tuple[object, ...]:
        """What is changed, whatever the size, the rows and the columns."""
        rows = len(self.flipped), len(self.left_out)
        return (self.scaling, self.penalty != 1, self.intercept, self.without is None, self.rescaled is None, *rows)


NONE = Supposition()


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a fit is given on one draw, without the columns that it finds dependent.

    x: (n, p) screened columns, y: (n,) 0 and 1, test: (m, p) rows by whose predicted values fits are compared.
    """

    model: Model
    x: Floats
    y: Floats
    test: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A set of changes and how far its predicted values are from those wanted, on average."""

    supposition: Supposition
    distance: float


def simulated(given: Given, suppositions: Sequence[Supposition]) -> Floats:
    """(B, m) predicted values under each set of changes."""
    parts = [
        predicted(given.model, _designs(given, suppositions[first : first + CHUNK]))
        for first in range(0, len(suppositions), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(given.test)))


def scored(given: Given, target: Floats, suppositions: Sequence[Supposition]) -> list[Scored]:
    """Each with its distance from the (m,) target; what cannot be fitted is infinitely far."""
    with np.errstate(all="ignore"):
        far = np.abs(simulated(given, suppositions) - target).mean(axis=1)
    return [Scored(each, float(d) if np.isfinite(d) else np.inf) for each, d in zip(suppositions, far, strict=True)]


def calibrated(given: Given, model: Model, target: Floats, sought: bool) -> tuple[Model, float]:
    """A model and how far its fit to unchanged rows predicts from the target. sought: with its ridge at the nearest."""
    own = dataclasses.replace(given, model=model)
    tried = [NONE, *(Supposition(penalty=factor) for factor in (FACTORS if model.ridge and sought else ()))]
    (found,) = narrowed(own, target, [min(scored(own, target, tried), key=lambda each: each.distance)])
    return dataclasses.replace(model, ridge=model.ridge * found.supposition.penalty), found.distance


def sought(given: Given, target: Floats, most: int, near: float) -> list[Scored]:
    """Sets of up to `most` changes whose simulated fits predict nearest to the target, nearest first.

    near: the distance at which a set is as good as any. The best of every round are told of, since a simulated fit is
    only like a framework's.
    """
    every = list(moves(given))
    wide = AFFORDED[given.model.loss] // len(every)
    beam = scored(given, target, [NONE])
    found: list[Scored] = []
    useful: list[Supposition] = []
    for depth in range(most + ROWS - 1):
        tried: dict[Supposition, None] = {}
        for place, node in enumerate(beam):
            further = every if place < wide else useful
            tried |= dict.fromkeys(_extended(given, node.supposition, further, most))
        ranked = sorted(scored(given, target, list(tried)), key=lambda each: each.distance)
        if depth == 0:
            base = beam[0].distance
            live = [each for each in ranked if abs(each.distance - base) > SAME]
            useful = [each.supposition for each in live[:BEST_ALONE]]
        ranked = sorted([*ranked, *_exchanged(given, target, ranked)], key=lambda each: each.distance)
        beam = narrowed(given, target, _carried(ranked, depth == 0))
        nearest = sorted(beam, key=lambda each: each.distance)[:TOLD]
        before = min((each.distance for each in found), default=np.inf)
        found += nearest
        if not nearest or nearest[0].distance <= near or nearest[0].distance > before * GAIN:
            break
    return sorted([*found, *_in_other_units(given, target, found, most)], key=lambda each: each.distance)


def rows_sought(given: Given, target: Floats, start: Supposition, name: RowChange, near: float) -> list[Scored]:
    """Rows whose change, beside the others of a set, brings predicted values nearest to the target, nearest first."""
    beam, found = scored(given, target, [start]), list[Scored]()
    for _ in range(ROWS):
        tried: dict[Supposition, None] = {}
        for each in beam:
            for row in range(len(given.y)):
                changed: dict[str, Any] = {name: getattr(each.supposition, name) | {row}}
                tried[dataclasses.replace(each.supposition, **changed)] = None
        ranked = scored(given, target, list(tried))
        ranked = sorted([*ranked, *_exchanged(given, target, ranked)], key=lambda each: each.distance)
        beam = ranked[:OF_ROWS]
        found += beam
        if beam[0].distance <= near:
            break
    return sorted(found, key=lambda each: each.distance)


def _in_other_units(given: Given, target: Floats, found: Sequence[Scored], most: int) -> list[Scored]:
    """The nearest sets, with every other scaling in place of what they do to the columns' units.

    Another scaling and another penalty may amount to the same, or nearly so; a framework's own fits then have to tell.
    """
    if not given.model.ridge:
        return []
    sizes: dict[Scaling | None, float] = {
        kind: _size(given.x) / _size(scaled(given.x, given.x, kind)) for kind in SCALINGS
    }
    nearest = sorted(found, key=lambda each: each.distance)
    bases = dict.fromkeys(each.supposition for each in nearest if each.supposition.skeleton.penalty != 1)
    tried = [
        dataclasses.replace(s, scaling=kind, rescaled=None, penalty=s.penalty * sizes.get(s.scaling, 1.0) / size)
        for s in list(bases)[:EXCHANGED]
        for kind, size in sizes.items()
        if kind != s.scaling
    ]
    return narrowed(given, target, scored(given, target, [each for each in tried if each.size <= most]))


def _size(x: Floats) -> float:
    """Mean variance of a column: a column that is divided by s has a penalty s^2 times as large."""
    return float(np.mean(x.var(axis=0)))


def _exchanged(given: Given, target: Floats, ranked: Sequence[Scored]) -> list[Scored]:
    """The nearest set of each kind that has rows and something else, with one of its rows exchanged for another."""
    nearest: dict[tuple[object, ...], Supposition] = {}
    for each in ranked:
        s = each.supposition
        if (s.flipped or s.left_out) and s.size + len(s.flipped) + len(s.left_out) > 2 and len(nearest) < EXCHANGED:
            nearest.setdefault(s.kind, s)
    tried: dict[Supposition, None] = {}
    for s in nearest.values():
        for name in ("flipped", "left_out"):
            rows: frozenset[int] = getattr(s, name)
            for row in rows if len(rows) <= ROWS else ():
                for other in set(range(len(given.y))) - rows:
                    changed: dict[str, Any] = {name: (rows - {row}) | {other}}
                    tried[dataclasses.replace(s, **changed)] = None
    return scored(given, target, [each for each in tried if not each.flipped & each.left_out])


def _carried(ranked: Sequence[Scored], first: bool) -> list[Scored]:
    """The nearest of every kind, then the second nearest, and so on; one size of a factor stands for the others.

    In the first round every change that is not of rows goes before: so each pair with one of them is tried.
    """
    skeletons: set[Supposition] = set()
    kinds: dict[tuple[object, ...], list[Scored]] = {}
    for each in ranked:
        kind, skeleton = kinds.setdefault(each.supposition.kind, []), each.supposition.skeleton
        of_rows = bool(skeleton.flipped or skeleton.left_out)
        most = OF_ROWS if of_rows else OF_COLUMNS if first and skeleton.rescaled is None else OF_A_KIND
        if skeleton not in skeletons and len(kind) < most:
            skeletons.add(skeleton)
            kind.append(each)
    turns = itertools.zip_longest(*kinds.values())
    carried = [each for turn in turns for each in turn if each is not None][:BEAM]
    if not first:
        return carried
    return sorted(carried, key=lambda each: bool(each.supposition.flipped or each.supposition.left_out))


def narrowed(given: Given, target: Floats, found: Sequence[Scored]) -> list[Scored]:
    """The same sets with their factors at the nearest predicted values."""
    nearest, step = list(found), FIRST_STEP
    sized = [i for i, each in enumerate(found) if each.supposition.penalty != 1 or each.supposition.rescaled]
    for _ in range(NARROWED if sized else 0):
        factors = [float(f) for f in step ** np.linspace(-1, 1, NARROWING) if f != 1]
        tried = [(i, each) for i in sized for each in _other_sizes(nearest[i].supposition, factors)]
        for (i, _), each in zip(tried, scored(given, target, [each for _, each in tried]), strict=True):
            if each.distance < nearest[i].distance:
                nearest[i] = each
        step = step ** (2 / (NARROWING - 1))
    return nearest


def _other_sizes(s: Supposition, factors: Sequence[float]) -> Iterator[Supposition]:
    for factor in factors:
        if s.penalty != 1:
            yield dataclasses.replace(s, penalty=s.penalty * factor)
        if s.rescaled is not None:
            yield dataclasses.replace(s, rescaled=(s.rescaled[0], s.rescaled[1] * factor))


def patterns(n: int) -> Iterator[frozenset[int]]:
    """Sets of rows that are left out by mistakes: an end of them, every other one."""
    for share in (0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5):
        k = round(n * share)
        if k > 1:
            yield frozenset(range(k))
            yield frozenset(range(n - k, n))
    for step in (2, 3, 4, 5, 10):
        for first in range(min(step, n)):
            yield frozenset(range(first, n, step))
            yield frozenset(range(n)) - frozenset(range(first, n, step))


def moves(given: Given) -> Iterator[Supposition]:
    """Every single change."""
    (n, p), model = given.x.shape, given.model
    for scaling in SCALINGS:
        yield Supposition(scaling=scaling)
    yield Supposition(intercept=False)
    if model.ridge:
        for factor in FACTORS:
            yield Supposition(penalty=factor)
    for column in range(p if p > 1 else 0):
        yield Supposition(without=column)
        for factor in COLUMN_FACTORS:
            yield Supposition(rescaled=(column, factor))
    for row in range(n):
        yield Supposition(flipped=frozenset({row}))
        if n > 2:
            yield Supposition(left_out=frozenset({row}))
    for rows in dict.fromkeys(patterns(n)):
        if 1 < len(rows) < n - 1:
            yield Supposition(left_out=rows)
            if len(rows) <= n / 3:
                yield Supposition(flipped=rows)


def _extended(given: Given, base: Supposition, further: Sequence[Supposition], most: int) -> Iterator[Supposition]:
    """The set with each further change that fits in, and that is not sure to change nothing."""
    (n, p), model = given.x.shape, given.model
    in_any_unit = not model.ridge and n > p
    for move in further:
        if in_any_unit and base.intercept and (move.scaling or move.rescaled):
            continue
        changes: dict[str, Any] = {}
        for each in dataclasses.fields(Supposition):
            mine, yours = getattr(base, each.name), getattr(move, each.name)
            if yours == each.default:
                continue
            if each.name in ("flipped", "left_out") and mine:
                if len(mine) >= ROWS or len(yours) > 1 or yours <= mine:
                    break
                changes[each.name] = mine | yours
            elif mine != each.default:
                break
            else:
                changes[each.name] = yours
        else:
            found = dataclasses.replace(base, **changes)
            if found.size <= most and not found.flipped & found.left_out:
                yield found


def _designs(given: Given, suppositions: Sequence[Supposition]) -> Designs:
    n, p = given.x.shape
    count = len(suppositions)
    y, rows = np.tile(given.y, (count, 1)), np.ones((count, n))
    present = np.ones((count, 1 + p), dtype=np.bool_)
    penalty = np.ones((count, 1 + p))
    penalty[:, 0] = float(given.model.intercept_counts)
    x, test = np.ones((count, n, 1 + p)), np.ones((count, len(given.test), 1 + p))
    x[:, :, 1:], test[:, :, 1:] = given.x, given.test
    for i, each in enumerate(suppositions):
        y[i, list(each.flipped)] = 1 - y[i, list(each.flipped)]
        rows[i, list(each.left_out)] = 0
        present[i, 0] = each.intercept
        penalty[i] *= each.penalty
        if each.without is not None:
            present[i, 1 + each.without] = False
        if each.scaling is not None:
            kept = given.x[rows[i] > 0]
            x[i, :, 1:], test[i, :, 1:] = scaled(given.x, kept, each.scaling), scaled(given.test, kept, each.scaling)
        if each.rescaled is not None:
            column, factor = each.rescaled
            x[i, :, 1 + column] *= factor
            test[i, :, 1 + column] *= factor
    return Designs(x, y, rows, penalty, present, test)


def few_rows(rows: NDArray[T], count: int) -> NDArray[T]:
    """So many rows, evenly spaced."""
    return rows[:: max(1, len(rows) // count)][:count]
