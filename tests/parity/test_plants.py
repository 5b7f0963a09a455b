"""Plants are what they say: a copy without changes is its original, and each change moves what it is said to move."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.data import Source, load
from parity.engines import own_engine
from parity.engines.environment import missing
from parity.engines.sheet import engine, shipped
from parity.spec.protocol import Protocol, make_draws
from parity.spec.screen import neutral_screen
from parity.spec.study import METHODS
from parity.study.loose_fits import Request, fits
from tests.parity.conftest import of_explain
from tests.parity.plant_kinds import KINDS, NAMED, SIZES, Setting, Slot, slots
from tests.parity.plants import MOST, Change, Plant, plants, write

pytestmark = of_explain

Plain = dict[str, Any]

ROUNDING = 1e-6
"Where a change is inert, LIBLINEAR's stopping tolerance leaves 1e-7 of another order of the same sums; the rest 1e-11."

TESTED = 1000
"Test rows: enough that some lie between two cuts."

SEEDS = range(8)


def idle(*names: str) -> bool:
    return any(gap.blocking for name in names for gap in missing(engine(name)))


needs_r = pytest.mark.skipif(idle("r-stats", "r-liblinear"), reason="r-stats or r-liblinear does not run here")
needs_keras = pytest.mark.skipif(idle("py-keras-jax"), reason="py-keras-jax does not run here")


def request(name: str, slot: Slot, n: int) -> Request:
    """A fit of the first draw of zeros and ones at that size, by the engine of that id."""
    data = load(Source("mnist01"))
    draws = make_draws(Protocol(sizes=(n,), draws=1), data)
    (draw,), spec = draws.train, METHODS[slot.method]
    x, y, features = np.asarray(data.x[draw.rows], dtype=np.float64), data.y[draw.rows], list(data.features)
    options: Plain = {"seed": draw.seed, "overrides": {}, "weights": True}
    if shipped()[slot.engine].screen == "neutral":
        options["selected"] = [features[column] for column in neutral_screen(spec, x, y)]  # type: ignore[arg-type]
    train = {"x": x, "y": y.astype(np.int64), "features": features, "rows": draw.rows}
    tested = draws.test[:TESTED]
    test = {"x": np.asarray(data.x[tested], dtype=np.float64), "features": features, "rows": tested}
    return Request(name, spec, train, test, options, needs=())


Asked = list[tuple[Slot, int, list[Change] | None]]


def answers_of(asked: Asked, folder: Path) -> list[Plain]:
    """What the plants of these slots, sizes and changes answer; for None the shipped engine. One process a runtime."""
    requests = []
    with pytest.MonkeyPatch.context() as patch:
        # What follows knows nothing of these plants.
        patch.setenv(own_engine.VARIABLE, "{}")
        for number, (slot, n, changes) in enumerate(asked):
            plant = Plant(f"plant-{number}", slot.engine, slot.method, n, tuple(changes or ()))
            name = slot.engine if changes is None else engine(str(write(plant, folder))).id
            requests.append(request(name, slot, n))
        found = fits(requests)
    wrong = [each for each in found if isinstance(each, str)]
    assert not wrong, wrong
    return found  # type: ignore[return-value]


def moved(one: Plain, other: Plain) -> float:
    """Largest difference of two predicted values; 1 where a label differs."""
    if not np.array_equal(one["label"], other["label"]):
        return 1.0
    return float(np.abs(np.asarray(one["probability"]) - np.asarray(other["probability"])).max())


def settings_of(slot: Slot, n: int) -> list[tuple[str, Setting]]:
    return [(kind.name, each) for kind in KINDS for each in kind.settings if each.can_be_planted(slot, n)]


def alike(one: Plain, other: Plain) -> bool:
    """Whether two answers agree bit for bit."""
    return all(np.array_equal(one[name], other[name]) for name in ("probability", "label"))


@dataclass(frozen=True)
class Tried:
    """One slot and size: the shipped engine, its copy, and a plant of every setting by (kind, value)."""

    original: Plain
    copy: Plain
    plants: dict[tuple[str, str], Plain]
    said: dict[tuple[str, str], bool]
    "Whether it is said that it can be live there."


def tried(places: list[tuple[Slot, int]], folder: Path) -> dict[tuple[Slot, int], Tried]:
    known = {(slot, n): settings_of(slot, n) for slot, n in places}
    asked: Asked = [
        (slot, n, changes)
        for (slot, n), settings in known.items()
        for changes in (None, [], *([Change(name, each.value)] for name, each in settings))
    ]
    answers = iter(answers_of(asked, folder))
    return {
        (slot, n): Tried(
            next(answers),
            next(answers),
            {(name, str(each.value)): next(answers) for name, each in settings},
            {(name, str(each.value)): each.can_be_live(slot, n) for name, each in settings},
        )
        for (slot, n), settings in known.items()
    }


IN_PYTHON = [(slot, 10) for slot in slots("py-sklearn")] + [
    (Slot("py-sklearn", "leekasso-glm"), 40),
    (Slot("py-statsmodels", "leekasso-lm"), 40),
]
IN_R = [(Slot("r-stats", "leekasso-lm"), 40), (Slot("r-liblinear", "leekasso-liblinear"), 10)]


@pytest.fixture(scope="module")
def in_python(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Slot, int], Tried]:
    return tried(IN_PYTHON, tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def in_r(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Slot, int], Tried]:
    return tried(IN_R, tmp_path_factory.mktemp("r"))


def check(found: Tried) -> None:
    """A copy agrees bit for bit, and a change moves predictions where it is said to and nowhere else."""
    assert alike(found.original, found.copy)
    gaps = {key: moved(found.original, each) for key, each in found.plants.items()}
    assert {key: gap > ROUNDING for key, gap in gaps.items()} == found.said, gaps


@pytest.mark.slow
@pytest.mark.parametrize("place", IN_PYTHON, ids=str)
def test_a_copy_is_its_original_and_a_change_is_live_where_it_is_said_to_be(
    place: tuple[Slot, int], in_python: dict[tuple[Slot, int], Tried]
):
    check(in_python[place])


@needs_r
@pytest.mark.slow
@pytest.mark.parametrize("place", IN_R, ids=str)
def test_r_plants_do_the_same_in_r(place: tuple[Slot, int], in_r: dict[tuple[Slot, int], Tried]):
    found = in_r[place]
    check(found)
    rounded = np.array(list(found.plants["precision", "float16 weights"]["parameters"]["coefficients"].values()))
    assert np.array_equal(rounded, rounded.astype(np.float16))
    cut = found.plants["label cut", "0.3"]
    assert np.array_equal(cut["probability"], found.original["probability"])
    assert np.array_equal(cut["label"], (np.asarray(cut["probability"]) > 0.3).astype(int))
    screened = found.original["selected"]
    assert set(screened) - set(found.plants["columns", "0.5"]["selected"]) == {screened[len(screened) // 2]}


@needs_keras
@pytest.mark.slow
def test_a_keras_plant_starts_and_ends_as_it_is_told(tmp_path: Path):
    (slot,) = slots("py-keras-jax")
    changes = [Change("initial biases", 0.5), Change("end of training", 3), Change("order of rows", "reversed")]
    asked: Asked = [(slot, 40, None), (slot, 40, []), *((slot, 40, [change]) for change in changes)]
    original, copy, biased, stopped, turned = answers_of(asked, tmp_path)
    assert alike(original, copy) and copy["iterations"] == 20
    assert stopped["iterations"] == 3 and stopped["updates"] == 6
    assert all(moved(original, each) > ROUNDING for each in (biased, stopped, turned))


@pytest.mark.slow
def test_a_plant_of_three_changes_makes_each_of_them(tmp_path: Path):
    slot = Slot("py-sklearn", "leekasso-glm")
    plant = Plant(
        "plant", slot.engine, slot.method, 10, (Change("rows", 1), Change("columns", 0.0), Change("label cut", 0.7))
    )
    asked: Asked = [(slot, 10, list(each.changes)) for each in (plant, *map(plant.without, range(3)), plant.unchanged)]
    whole, *twins, copy = answers_of(asked, tmp_path)
    assert len(whole["selected"]) == len(copy["selected"]) - 1
    assert all(moved(whole, each) > ROUNDING for each in twins)


def test_the_seed_alone_chooses_the_plants():
    assert plants(7, 30) == plants(7, 30) and plants(7, 30)[:12] == plants(7, 12)
    assert plants(7, 30) != plants(8, 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_thirty_plants_have_every_kind_and_no_two_changes_of_one_aspect(seed: int):
    found = plants(seed, 30)
    assert {change.kind for plant in found for change in plant.changes} == set(NAMED)
    for plant in found:
        slot = Slot(plant.engine, plant.method)
        aspects = [NAMED[change.kind].aspect for change in plant.changes]
        assert 1 <= len(aspects) == len(set(aspects)) <= MOST
        chosen = [next(s for s in NAMED[c.kind].settings if s.value == c.value) for c in plant.changes]
        assert all(each.can_be_planted(slot, plant.n) for each in chosen)
        assert any(each.can_be_live(slot, plant.n) for each in chosen)


@pytest.mark.parametrize("seed", SEEDS)
def test_plants_are_spread_evenly(seed: int):
    found = plants(seed, 30)
    for counts in (
        Counter(plant.engine for plant in found),
        Counter(plant.n for plant in found),
        Counter(len(plant.changes) for plant in found),
    ):
        assert max(counts.values()) - min(counts.values()) <= 1
    assert set(Counter(plant.n for plant in found)) == set(SIZES)


def test_a_file_tells_nothing_but_what_the_sheet_tells_of_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(own_engine.VARIABLE, "{}")
    for plant in plants(1, 6):
        found, original = engine(str(write(plant, tmp_path))), shipped()[plant.engine]
        assert found.id == plant.id and found.own and not found.many
        for name in ("language", "runtime", "fits", "screen", "names", "capabilities", "output", "without"):
            assert getattr(found, name) == getattr(original, name)
