"""Which changes are worth a fit: every single one that is cheap, and the sets that simulated fits propose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.explain import changes
from parity.explain.changes import Change, Natives
from parity.explain.places import RowRule, Rows, alike_rows, column_rules, fixed, row_rules
from parity.explain.pursuit import Attempt, Ground, Step
from parity.explain.simulated import Floats, Model
from parity.explain.sizes import snapped
from parity.explain.supposed import SCALINGS, Given, Scored, Supposition, calibrated, few_rows, moves, scored, sought
from parity.explain.treatment import ENDS, End, Seen, other
from parity.spec.intervention import TRANSFORMS, Intervention, Scaling
from parity.spec.models import Leekasso, Linear
from parity.spec.screen import neutral_screen

TEST_ROWS = 300
"By whose predicted values simulated fits are compared."

SHORTLIST = 36
"Simulated sets of changes that are fitted."

NEAR = 1e-6
"A simulated set that is no further away on average is as good as any, however well its kind of model is simulated."

MARGIN = 2.0
"A simulated set is as good as any where it is no further away than so many times what the simulation misses by."

SIZES = (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 20.0, 50.0, 100.0, 1e3, 1e4, 1e6, changes.PIXEL, changes.PIXEL**2)
"Factors on a penalty that mistakes have; the number of rows is another."

OF_PLACES = 60
"Changes of one row, one column or a pattern of rows that are fitted by themselves."


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A draw as simulated fits see it, from one side."""

    names: tuple[str, ...]
    given: Given
    target: Floats
    "What the side that is pictured predicts."
    models: tuple[Model, ...]
    "The one that is most like it first."
    distances: tuple[float, ...]
    "How far the simulated fit of each is from it."

    @property
    def alike(self) -> dict[int, Rows]:
        """Of each row those that no fit to these columns can tell from it."""
        return alike_rows(self.given.x, self.given.y.astype(np.int8))

    @property
    def distance(self) -> float:
        """How far the one that is most like it is from it."""
        return self.distances[0]


def models_of(spec: object, ridge: float | None) -> list[Model]:
    """How such a model may be fitted; none where no simulation is known. ridge: where the side tells one."""
    strength = 1.0 if ridge is None else ridge
    separable = [
        Model("logistic", strength),
        Model("logistic", strength, intercept_counts=True),
        Model("logistic", stop=1e-8, relative=True, steps=25),
        Model("logistic", stop=1e-8, steps=100),
    ]
    if isinstance(spec, Leekasso):
        squares = [Model("squares"), Model("squares", intercept_counts=True)]
        return squares if spec.model == "lm" else separable
    if isinstance(spec, Linear) and not spec.l1 and not (spec.loss == "squares" and spec.l2):
        return [Model("squares"), Model("squares", intercept_counts=True)] if spec.loss == "squares" else separable
    return []


def picture(ground: Ground, end: End, place: int) -> Picture | None:
    """One side's own fit to a draw, simulated in the way that is most like it."""
    case, seen, result = ground.bench.case, ground.seen[place], ground.base[place][end]
    strength = ground.natives[end].strength()
    models = models_of(case.spec, None if strength is None else strength[3])
    if not models:
        return None
    data, test = case.data, few_rows(case.draws.test, TEST_ROWS)
    switches = [switch for switch in ground.thrown if switch.end == end]
    outside = Intervention(**ground.bench.treated(end, switches, seen).outside)
    x, y = np.asarray(data.x[seen.draw.rows], dtype=np.float64), np.asarray(data.y[seen.draw.rows]).astype(np.int64)
    features = list(data.features)
    train, tested = outside.given(
        {"x": x, "y": y, "features": features, "rows": seen.draw.rows},
        {"x": np.asarray(data.x[test], dtype=np.float64), "features": features, "rows": test},
    )
    names = ground.columns(end, seen) or ground.columns(other(end), seen)
    if names is None and isinstance(case.spec, Leekasso | Linear):
        names = tuple(train["features"][i] for i in neutral_screen(case.spec, train["x"], train["y"].astype(np.int8)))
    told = result.coefficients
    names = tuple(each for each in names or () if told.get(each, 0.0) is not None and each in train["features"])
    if not names or len(train["y"]) != seen.draw.n:
        return None
    kept = [train["features"].index(each) for each in names]
    given = Given(models[0], train["x"][:, kept], train["y"].astype(np.float64), tested["x"][:, kept])
    target = few_rows(result.arrays["probability"], TEST_ROWS)
    found = [calibrated(given, model, target, sought=strength is None) for model in models]
    found.sort(key=lambda each: each[1])
    return Picture(names, given, target, tuple(model for model, _ in found), tuple(far for _, far in found))


def proposed(ground: Ground, end: End, place: int, pictures: Mapping[End, Picture | None], most: int) -> list[Attempt]:
    """Sets of changes of one side that a simulated fit says would make it predict what the other side does."""
    mine, theirs = pictures[end], pictures[other(end)]
    if mine is None or theirs is None:
        return []
    found: list[Scored] = []
    near = max(NEAR, MARGIN * mine.distance)
    for model in mine.models:
        # A solver that stopped early may be like a model that it will not be like once its inputs are scaled.
        if found and not (model.ridge and mine.models[0].ridge):
            continue
        given = dataclasses.replace(theirs.given, model=model)
        found += sought(given, theirs.target, most, near)[:SHORTLIST]
        if found and found[0].distance <= near:
            break
    suppositions = dict.fromkeys(each.supposition for each in found)
    made = [steps_of(ground, end, place, theirs, each) for each in suppositions]
    attempts = [Attempt(end, steps) for steps in made if steps is not None]
    return [*attempts, *(each for attempt in attempts for each in snapped(ground, attempt, place))]


def steps_of(ground: Ground, end: End, place: int, seen_as: Picture, s: Supposition) -> tuple[Step, ...] | None:
    """A supposition as changes of this side; None where it has no way to make one of them."""
    natives = ground.natives[end]
    steps: list[Step | None] = []
    if s.flipped or s.left_out:
        alike = seen_as.alike
        for rows, make in ((s.flipped, changes.flipped), (s.left_out, changes.left_out)):
            if rows:
                steps.append(row_step(ground, place, alike, make, rows))
    if s.scaling is not None:
        steps.append(_scaling_step(s.scaling))
    if not s.intercept:
        made = changes.no_intercept(natives)
        steps.append(None if made is None else Step(made, supposed={"intercept": False}))
    if s.penalty != 1:
        steps.append(_penalty_step(natives, s.penalty))
    steps += _column_steps(ground, end, place, seen_as, s)
    return None if None in steps else tuple(step for step in steps if step is not None)


def _penalty_step(natives: Natives, factor: float) -> Step | None:
    strength = changes.penalty(factor, natives)
    if strength is None:
        return None
    return Step(strength, (), factor, lambda f: _penalty_step(natives, f), supposed={"penalty": factor})


def _scaling_step(kind: Scaling) -> Step:
    return Step(changes.scaling(kind), supposed={"scaling": kind})


Made = Callable[[Callable[[Seen], Iterable[int]], str], Change]


def row_step(ground: Ground, place: int, alike: Mapping[int, Rows], make: Made, rows: Rows) -> Step:
    """A change of rows: at these places, with the rules that give them or rows that are like them."""
    labels, seen = ground.bench.case.data.y, ground.seen[place]

    def by(rule: RowRule) -> Change:
        return make(lambda each: rule.places(each.draw.n, _labels(labels, each)), rule.words)

    rules = row_rules(rows, _labels(labels, seen), alike)
    return Step(
        by(fixed(rows)),
        tuple(map(by, rules)),
        rows=rows,
        moved=lambda elsewhere: row_step(ground, place, alike, make, elsewhere),
    )


def _labels(labels: NDArray[np.int8], seen: Seen) -> NDArray[np.int8]:
    return np.asarray(labels[seen.draw.rows]).astype(np.int8)


def _column_steps(ground: Ground, end: End, place: int, seen_as: Picture, s: Supposition) -> Iterator[Step]:
    seen = ground.seen[place]

    def screened(each: Seen) -> tuple[str, ...]:
        return ground.columns(other(end), each) or ground.columns(end, each) or ()

    def named(rule: Callable[[Sequence[str]], str | None]) -> Callable[[Seen], Iterable[str]]:
        return lambda each: [name for name in (rule(screened(each)),) if name is not None]

    if s.without is not None:
        rules = column_rules(seen_as.names[s.without], screened(seen) or seen_as.names)
        made = [changes.blanked(named(rule.name), rule.words) for rule in rules]
        yield Step(made[0], tuple(made), supposed={"without": s.without})
    if s.rescaled is not None:
        column, factor = s.rescaled
        rules = column_rules(seen_as.names[column], screened(seen) or seen_as.names)

        def times(factor: float) -> Step:
            made = [changes.rescaled(named(rule.name), rule.words, factor) for rule in rules]
            return Step(made[0], tuple(made), factor, times)

        yield times(factor)


def equivalents(step: Step) -> list[tuple[Step, ...]]:
    """A factor on all inputs in place of one on the penalty: the same model, by another road."""
    if step.change.name != "penalty.strength" or step.factor is None:
        return []
    return [(_multiplied_step(1 / math.sqrt(step.factor)),)]


def _multiplied_step(factor: float) -> Step:
    return Step(changes.multiplied(factor), (), factor, _multiplied_step)


def single(ground: Ground, end: End, place: int, pictures: Mapping[End, Picture | None]) -> list[Attempt]:
    """Single changes, but for columns in another unit, whose size only a simulation can find.

    They are cheap, since the columns need not be screened again, and one of them may be all that there is. Of the many
    rows and columns those are fitted that do best in simulated fits.
    """
    natives, n = ground.natives[end], ground.seen[place].draw.n
    labels = ground.bench.case.data.y
    done = [results[other(end)].facts.get("iterations") for results in ground.base]
    own = ground.base[place][end].facts.get("iterations")
    without = changes.no_intercept(natives)
    sizes = dict.fromkeys([*SIZES, float(n), 2.0 * n])
    strengths = [_penalty_step(natives, factor) for size in sizes for factor in (size, 1 / size)]
    made = [
        *changes.stops(natives, done, own),
        *changes.roundings(),
        changes.reversed_rows(),
        *map(changes.scaled_apart, changes.APART),
        *map(changes.transformed, TRANSFORMS),
        *(changes.transformed(kind, changes.PIXEL) for kind in changes.STEPPED),
        *changes.weighted(natives),
        *(
            changes.counted(label, times, lambda each: _labels(labels, each))
            for label in (0, 1)
            for times in changes.COUNTED
        ),
        *changes.native_values(natives),
    ]
    first = [*map(_scaling_step, SCALINGS), None if without is None else Step(without, supposed={"intercept": False})]
    steps: list[tuple[Step, ...]] = [(each,) for each in (*first, *map(Step, made), *strengths) if each is not None]
    mine, theirs = pictures[end], pictures[other(end)]
    if mine is not None and theirs is not None:
        places = [s for s in moves(theirs.given) if s.flipped or s.left_out or s.without is not None]
        nearest: dict[Supposition, float] = {}
        for model in mine.models[:2]:
            given = dataclasses.replace(theirs.given, model=model)
            for each in scored(given, theirs.target, places):
                nearest[each.supposition] = min(each.distance, nearest.get(each.supposition, math.inf))
        for s in sorted(nearest, key=lambda each: nearest[each])[:OF_PLACES]:
            found = steps_of(ground, end, place, theirs, s)
            steps += [] if found is None else [found]
    return [Attempt(end, each) for each in steps]


def calibration(pictures: Mapping[End, Picture | None]) -> list[End]:
    """The ends in the order in which they are to be changed: first the one that does what its kind of model does."""

    def distance(end: End) -> float:
        found = pictures[end]
        return math.inf if found is None else found.distance

    return sorted(ENDS, key=distance)
