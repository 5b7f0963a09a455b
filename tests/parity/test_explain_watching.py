"""What the first updates of two sides show to differ: copies of shipped engines with hidden changes, and none."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.data import Source, load
from parity.engines import own_engine
from parity.engines.sheet import engine
from parity.explain.bench import Bench, draw_of
from parity.explain.inputs import again_of, rows_of, told_by_weights
from parity.explain.remaining import Remaining, remaining
from parity.explain.treatment import UNTREATED, Case, Difference, Side, Switch, Treatment
from parity.explain.updates import short, start_of
from parity.explain.watching import Trial, Watching, epochs, looked_at, parted, still_differ, watched, watched_each
from parity.explain.ways import OFFERED, Watched
from parity.spec.intervention import Intervention
from parity.spec.models import MLP
from parity.spec.protocol import Protocol, make_draws
from parity.study.loose_fits import Request, fits
from parity.study.store import Result
from tests.parity.conftest import of_explain
from tests.parity.watching_plants import PLANTS, planted

pytestmark = of_explain

N, EPOCHS = 10, 6
SPEC = MLP(hidden=(12, 6), activation="tanh", epochs=EPOCHS)
DRAWS = 2

SHOWN: dict[str, tuple[str, str, str]] = {
    "standardized": ("input_scaling", "none", "standardize"),
    "divided": ("input_scaling", "none", "divide-by-255"),
    "square roots": ("input_scaling", "none", "square-root"),
    "column": ("columns", "every column as it is", "without pixel350"),
    "column gone": ("columns", "every column as it is", "without pixel350"),
    "labels": ("labels", "as they are given", "rows 6, 9 with the other label"),
    "reversed": ("order of rows", "the rows as they are given", "the rows reversed"),
    "rows missing": ("rows", "all rows", "all but rows 9, 10"),
    "rows again": ("repeated rows", "each row once", "rows 1, 2 again"),
    "shifted": (
        "inputs",
        "those given, by a map that is known",
        "others than those given, by no map that is known",
    ),
    "order": ("shuffle", "shuffled", "as they stand"),
    "halved rate": ("learning_rate", "0.001", "0.0005"),
    "penalty": ("penalty.l2", "1e-05 on the mean loss", "0.01 on the mean loss"),
    "batch": ("batch_size", "all rows", "4 rows an update"),
    "input dropout": ("dropout.input", "0 of the inputs dropped", "0.2 of the inputs dropped"),
    "start": ("initial weights", "1 × those given", "3 × those given"),
    "biases": ("initial biases", "1 × those given", "0.1 whatever is given"),
    "momentum": ("adaptive.beta1", "0.9", "0.5"),
}
"Plant in scikit-learn's MLPClassifier -> the difference that its updates show: name, shipped side, copy."

PAIRS = (("labels", "halved rate"), ("standardized", "reversed"), ("column", "penalty"), ("epochs", "labels"))

WITHOUT_SWITCH = {
    *((plant, "right") for plant in ("standardized", "square roots", "column", "column gone", "rows missing")),
    *(("shifted", end) for end in ("left", "right")),
    ("rows again", "right"),
    *((plant, "right") for plant in ("penalty", "batch", "input dropout", "momentum")),
}
"What the copy makes of whatever it is given, and nothing from outside can undo."

OFFERED_BY = {"factor": {("divided", "right")}, "mask": {("input dropout", "left")}}
"What of an intervention it takes to switch them."

EXACT = {
    *("labels", "reversed", "halved rate", "rows missing", "rows again", "penalty", "order", "divided", "batch"),
    "momentum",
    *({"blanked": "column", "mask": "input dropout"}[name] for name in {"blanked", "mask"} & OFFERED),
}
"""Plants of which the whole is told from a draw. scikit-learn starts from other weights where a column is gone."""


def case_of(left: str, right: str, spec: MLP = SPEC) -> Case:
    data = load(Source("mnist01", classes=(0, 1)))
    draws = make_draws(Protocol(sizes=(N,), draws=DRAWS), data)
    one, two = engine(left), engine(right)
    return Case("net", spec, "shipped", data, draws, 0.01, Side("left", one, {}), Side("right", two, {}))


def watching(left: str, right: str, spec: MLP = SPEC) -> Watching:
    """Both on the first draw; the second one is for switches to be asked for it."""
    case = case_of(left, right, spec)
    return Watching(case, [draw_of(case, case.draws.train[0], {}, {})])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(own_engine.VARIABLE, "{}")
        yield tmp_path_factory.mktemp("plants")


@dataclasses.dataclass(frozen=True)
class Copy:
    """What a copy and scikit-learn itself show, and the differences that this makes."""

    pair: Watching
    shown: Watched
    differences: list[Difference]


@pytest.fixture(scope="module")
def copies(own: Path) -> dict[tuple[str, ...], Copy]:
    """Every plant, some pairs of them and a copy without any."""
    plants = [(), *((name,) for name in PLANTS), *PAIRS]
    pairs = []
    for place, names in enumerate(plants):
        path = planted(own, "py-sklearn", f"copy-{place}", [PLANTS[name] for name in names])
        pairs.append(watching("py-sklearn", own_engine.named(str(path)).id))
    looked = looked_at(pairs)
    return {
        names: Copy(pair, shown, parted(shown, pair.seen))
        for names, pair, shown in zip(plants, pairs, looked, strict=True)
    }


def parting(pair: Watching, switches: Sequence[Switch] = (), inert: Sequence[str] = ()) -> Remaining:
    found = remaining(Bench(pair.case, lambda cells: {}), switches, pair.seen[0], inert)
    assert found is not None
    return found


def test_what_no_switch_takes_away_is_told_as_what_updates_still_show(copies):
    copy = copies["labels", "halved rate"]

    shown = parting(copy.pair)

    assert [each.name for each in shown.parts] == ["labels", "learning_rate"], "what acts first comes first"
    assert {"rows", "optimizer", "batch_size"} <= {*shown.compared}
    assert [each.name for each in parting(copy.pair, inert=["labels"]).parts] == ["learning_rate"]


def test_what_is_switched_is_shown_no_longer(copies):
    copy = copies["labels", "halved rate"]
    switches = [each.ways_of("left")[0] for each in copy.differences]

    shown = parting(copy.pair, switches)

    assert shown.parts == () and {"labels", "learning_rate"} <= {*shown.compared}


def test_an_unchanged_copy_differs_in_nothing(copies):
    assert copies[()].differences == []


@pytest.mark.parametrize("plant", SHOWN)
def test_a_hidden_change_is_named_with_both_values_and_nothing_else_is(copies, plant):
    found = [(each.name, each.left, each.right) for each in copies[(plant,)].differences]
    assert found == [SHOWN[plant]]


@pytest.mark.parametrize("plants", PAIRS)
def test_two_hidden_changes_are_both_named(copies, plants):
    found = {(each.name, each.left, each.right) for each in copies[plants].differences}
    assert found == {SHOWN[plant] for plant in plants if plant in SHOWN}


def test_pixels_that_are_whole_numbers_lose_nothing_in_float16_and_no_difference_is_made_of_it(copies):
    assert copies[("float16",)].differences == []


def test_a_difference_that_is_known_is_not_found_again(copies):
    copy = copies[("labels", "halved rate")]
    assert [each.name for each in parted(copy.shown, copy.pair.seen, ("labels",))] == ["learning_rate"]


def test_of_a_start_that_is_known_to_differ_the_way_is_found_that_undoes_what_a_copy_makes_of_it(copies):
    copy = copies[("start",)]
    (further,) = parted(copy.shown, copy.pair.seen, ("initial weights",))
    assert [way.end for way in further.ways] == ["right"]
    weights = [np.full((784, 12), 0.3), np.full((12, 6), 0.6), np.full((6, 1), 0.9)]
    arrays = {f"weights_{i}": array for i, array in enumerate(weights)}
    arrays |= {f"biases_{i}": np.zeros(array.shape[1]) for i, array in enumerate(weights)}
    start = {end: Result("done", {}, arrays) for end in ("left", "right")}
    given = further.ways[0].treat(dataclasses.replace(copy.pair.seen[0], untrained=start)).outside["weights"]
    assert [float(array[0, 0]) for array in given] == pytest.approx([0.1, 0.2, 0.3])


def test_every_difference_is_switched_at_both_ends_but_for_what_a_copy_makes_of_anything(copies):
    asked: list[tuple[str, Switch]] = []
    trials = []
    for plant in SHOWN:
        copy = copies[(plant,)]
        (difference,), (seen,) = copy.differences, copy.pair.seen
        for way in difference.ways:
            trials.append(Trial(copy.pair.case, difference, seen, {way.end: way.treat(seen)}))
            asked.append((plant, way))
    gone = {(plant, way.end) for (plant, way), still in zip(asked, still_differ(trials), strict=True) if still is False}
    # Starts are told by the untrained networks.
    judged = [plant for plant in SHOWN if plant not in ("start", "biases")]
    lacking = set().union(*(ends for name, ends in OFFERED_BY.items() if name not in OFFERED))
    assert gone == {(plant, end) for plant in judged for end in ("left", "right")} - WITHOUT_SWITCH - lacking


def test_scikit_learn_given_a_copy_s_value_predicts_bit_for_bit_what_the_copy_does(copies):
    requests = []
    for plant in EXACT:
        copy = copies[(plant,)]
        case, seen = copy.pair.case, draw_of(copy.pair.case, copy.pair.case.draws.train[1], {}, {})
        treated = next(way for way in copy.differences[0].ways if way.end == "left").treat(seen)
        requests += [request(case, "left", treated), request(case, "right", UNTREATED)]
    shipped, *found = [
        answer["probability"].tobytes() if isinstance(answer, dict) else answer
        for answer in fits([request(copies[()].pair.case, "left", UNTREATED), *requests], jobs=2)
    ]
    assert {plant: one == other for plant, one, other in zip(EXACT, found[::2], found[1::2], strict=True)} == (
        dict.fromkeys(EXACT, True)
    )
    assert shipped not in found


def request(case: Case, end: Any, treatment: Treatment) -> Request:
    """A whole fit to the draw on which the sides were not watched."""
    draw = case.draws.train[1]
    x, y = np.asarray(case.data.x, dtype=np.float64), np.asarray(case.data.y).astype(np.int64)
    features = list(case.data.features)
    train = {"x": x[draw.rows], "y": y[draw.rows], "features": features, "rows": draw.rows}
    test = {"x": x[case.draws.test[:50]], "features": features, "rows": case.draws.test[:50]}
    outside = Intervention(**treatment.outside)
    train, test = outside.given(train, test)
    spec = dataclasses.replace(case.spec, **treatment.spec)
    options = {"seed": draw.seed, "overrides": treatment.overrides, **outside.options(features)}
    return Request(case.side(end).name, spec, train, test, options, needs=())


def test_a_side_that_does_half_the_epochs_is_asked_for_twice_as_many(copies):
    pair = copies[("epochs",)].pair
    (seen,) = pair.seen
    done = {
        end: Result("done", {"iterations": epochs, "updates": epochs}, {})
        for end, epochs in (("left", EPOCHS), ("right", EPOCHS // 2))
    }
    told = [dataclasses.replace(seen, fitted=done)]
    (difference,) = epochs(pair.case, told, ("end of training",))
    assert (difference.name, difference.left, difference.right) == (
        "end of training", "6 of 6 epochs", "3 of 6 epochs",
    )  # fmt: skip
    assert [(way.end, way.treat(told[0]).spec) for way in difference.ways] == [("right", {"epochs": 2 * EPOCHS})]


def test_an_engine_that_gives_no_trace_differs_in_nothing_that_could_be_told(own):
    path = own / "silent.py"
    path.write_text(
        '# /// parity\n# id = "silent"\n# fits = ["mlp"]\n# ///\n'
        "def fit(spec, train, test, options):\n    return {'probability': test['x'][:, 0] * 0 + 0.5}\n"
    )
    pair = watching("py-sklearn", own_engine.named(str(path)).id)
    assert watched(pair.case, pair.seen) == []


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_hidden_changes_of_keras_are_named_and_an_unchanged_copy_has_none(own):
    plants: dict[tuple[str, ...], set[tuple[str, str, str]]] = {
        (): set(),
        ("labels", "halved rate", "dropout"): {
            SHOWN["labels"],
            ("learning_rate", "0.001", "0.0005"),
            ("dropout.hidden", "0 of the hidden units dropped", "0.3 of the hidden units dropped"),
        },
    }
    pairs = []
    for place, names in enumerate(plants):
        path = planted(own, "py-keras-jax", f"keras-{place}", [PLANTS[name] for name in names])
        pairs.append(watching("py-keras-jax", own_engine.named(str(path)).id))
    for names, found in zip(plants, watched_each(pairs), strict=True):
        assert {(each.name, each.left, each.right) for each in found} == plants[names]


# What is measured, on traces that are made here.


def test_one_pixel_that_is_not_as_it_was_leaves_all_others_recognised():
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 256, (12, 60)).astype(float), np.arange(12) % 2
    x[:, 30:] = 0
    given = x.copy()
    given[3, 40] = 1
    features, order = [f"c{i}" for i in range(60)], [list(range(12))]
    found = rows_of([{}, {"input": given, "target": y}], x, y, features, order)
    assert found is not None and found.scaling == "none" and found.places == tuple(range(12))
    assert rows_of([{}, {"input": given + 10, "target": y}], x, y, features, order) is None


def test_rows_that_are_alike_come_once_each_and_a_row_that_comes_again_twice():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (6, 40)).astype(float)
    x[4] = x[1]
    shuffled = [4, 2, 5, 1, 0, 3]
    assert sorted(again_of({"input": x[shuffled]}, x) or ()) == list(range(6))
    assert sorted(again_of({"input": x[[*shuffled, 2]]}, x) or ()) == [0, 1, 2, 2, 3, 4, 5]


def test_inputs_of_which_a_fifth_is_dropped_are_told_apart_from_a_column_that_is_gone():
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 256, (12, 60)).astype(float), np.arange(12) % 2
    order = [int(i) for i in rng.permutation(12)]
    kept = rng.random(x.shape) > 0.2
    kept[:, 7] = False
    given = (x * kept / 255)[order]
    found = rows_of([{}, {"input": given, "target": y[order]}], x, y, [f"c{i}" for i in range(60)], [order])
    assert found is not None
    assert (found.scaling, found.blanked, found.flipped) == ("divide-by-255", ("c7",), ())
    assert found.dropped == pytest.approx(0.2, abs=0.04)
    assert np.array_equal(np.delete(found.mask, 7, axis=1) == 1, np.delete(kept, 7, axis=1))


def test_rows_in_an_order_that_is_no_pattern_have_to_keep_it_for_a_second_epoch():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (9, 40)).astype(float), np.arange(9) % 2
    moved = [int(i) for i in rng.permutation(9)]
    orders = [[int(i) for i in rng.permutation(9)] for _ in range(2)]
    features = [f"c{i}" for i in range(40)]
    steady = [{}, *({"input": x[moved][order]} for order in orders)]
    found = rows_of(steady, x, y, features, orders)
    assert found is not None and list(found.permutation) == moved
    shuffled = [{}, {"input": x[moved][orders[0]]}, {"input": x[rng.permutation(9)]}]
    found = rows_of(shuffled, x, y, features, orders)
    assert found is not None and found.permutation == tuple(range(9))


def test_weights_alone_tell_that_dark_inputs_were_centred():
    rng = np.random.default_rng(2)
    x = np.where(rng.random((8, 50)) > 0.5, rng.integers(1, 256, (8, 50)), 0).astype(float)
    weights = rng.normal(size=(50, 4))

    def trace(rows: Any) -> list[dict[str, Any]]:
        made = [{"weights": [weights]}]
        for row in rows:
            made.append({"weights": [made[-1]["weights"][0] + np.outer(row, np.ones(4))]})
        return made

    assert told_by_weights(trace(x[:3]), x, [0, 1, 2]) == ("none", 0.0)
    assert told_by_weights(trace((x - x.mean(axis=0))[:3]), x, [0, 1, 2]) == ("standardize", 0.0)


def test_a_start_that_is_changed_is_told_as_factor_and_shift():
    rng = np.random.default_rng(3)
    given = tuple(rng.normal(size=shape) for shape in ((5, 4), (4,), (4, 1), (1,)))
    shown = {"weights": [2 * given[0], given[2]], "biases": [given[1] + 0.5, given[3] + 0.5]}
    found = start_of(shown, given)
    assert found is not None
    assert (found.weights, found.biases) == ((2.0, 1.0), ((1.0, 0.5), (1.0, 0.5)))


def test_measured_numbers_are_told_in_as_few_digits_as_their_error_allows():
    assert [short(v) for v in (0.49996, 0.000999993, 1.25004, 0.0039215)] == [0.5, 0.001, 1.25, 0.00392]
