"""Where networks with dropout scale what they keep is told by their untrained predictions."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from parity.data import load
from parity.engines.sheet import engine
from parity.explain.bench import Bench
from parity.explain.dropping import dropout_scaling, scaled_where
from parity.explain.experiment import observed
from parity.explain.switching import verified
from parity.explain.tested import AS_TRAINED, scaling_of_test_rows
from parity.explain.treatment import Case, Side
from parity.run import able
from parity.spec.models import MLP
from parity.spec.protocol import make_draws
from parity.spec.study import preset
from parity.study.executor import Executor
from parity.study.store import Result, Store
from tests.parity.conftest import fitting, of_explain

SPEC = MLP(hidden=(6, 5), activation="tanh", epochs=1, dropout=0.4)
KEPT = 0.6


def untrained(factor: float, activation: str, outputs: int, size: float = 1.0, given=lambda x: x):
    """A network as it starts, what it predicts with its hidden outputs multiplied, and the rows.

    given: what becomes of all rows before they are predicted.
    """
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 8))
    layers = [rng.normal(0, 0.5, shape) for shape in ((8, 6), (6, 5), (5, outputs))]
    biases = [rng.normal(0, 0.1, array.shape[1]) for array in layers]
    found = given(x)
    for weights, bias in zip(layers[:-1], biases[:-1], strict=True):
        linear = found @ weights + bias
        found = factor * (np.tanh(linear) if activation == "tanh" else np.maximum(linear, 0))
    linear = size * (found @ layers[-1] + biases[-1])
    odds = linear[:, -1] - (linear[:, 0] if outputs > 1 else 0)
    arrays = {f"weights_{i}": array for i, array in enumerate([*layers[:-1], size * layers[-1]])}
    arrays |= {f"biases_{i}": array for i, array in enumerate([*biases[:-1], size * biases[-1]])}
    with np.errstate(over="ignore"):
        arrays["probability"] = (1 / (1 + np.exp(-odds[20:]))).astype(np.float32).astype(float)
    case = SimpleNamespace(
        spec=dataclasses.replace(SPEC, activation=activation),
        data=SimpleNamespace(x=x),
        draws=SimpleNamespace(test=np.arange(20, 60)),
    )
    seen = SimpleNamespace(
        draw=SimpleNamespace(rows=np.arange(20)),
        varying=(True,) * 8,
        untrained={"left": Result("done", {}, arrays)},
    )
    return case, seen


@pytest.mark.parametrize(("factor", "place"), [(1.0, "in-training"), (KEPT, "at-prediction")])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_place_is_the_one_that_gives_what_was_predicted(factor, place, activation, outputs):
    case, seen = untrained(factor, activation, outputs)

    assert scaled_where(case, seen, "left") == place


def test_nothing_is_told_where_neither_gives_it_or_predictions_say_no_odds():
    case, seen = untrained(0.8, "tanh", 1)
    assert scaled_where(case, seen, "left") is None

    case, seen = untrained(KEPT, "tanh", 1, size=1e5)
    assert scaled_where(case, seen, "left") is None

    assert scaled_where(case, seen, "right") is None


def by_themselves(x):
    return (x - x[20:].mean(axis=0)) / x[20:].std(axis=0)


@pytest.mark.parametrize(
    ("given", "words", "ends"),
    [
        (lambda x: x / 255, "divided by 255; the training rows as they are", ["left", "right"]),
        (by_themselves, "standardized by themselves; the training rows as they are", []),
    ],
    ids=["divided", "standardized"],
)
def test_a_side_that_is_asked_about_other_inputs_than_it_learns_from_is_told(given, words, ends):
    case, seen = untrained(1.0, "tanh", 1)
    seen.untrained["right"] = untrained(1.0, "tanh", 1, given=given)[1].untrained["left"]

    found = scaling_of_test_rows(case, [seen], lambda end: "none")

    assert found is not None and (found.left, found.right) == ("as the training rows", words)
    assert [way.end for way in found.ways] == ends
    assert found.value is not None and found.value("left", seen) == AS_TRAINED != found.value("right", seen)


def test_a_side_that_forgets_its_test_rows_can_be_given_them_scaled():
    case, seen = untrained(1.0, "tanh", 1)
    seen.untrained["right"] = seen.untrained["left"]

    found = scaling_of_test_rows(case, [seen], {"left": "none", "right": "divide-by-255"}.get)

    assert found is not None and found.right == "as they are; the training rows divided by 255"
    assert [(way.end, way.treat(seen).outside) for way in found.ways] == [
        ("right", {"apart": ("test", "divide-by-255")})
    ]
    scaled = untrained(1.0, "tanh", 1, given=lambda x: x / 255)[1].untrained["left"]
    treated = SimpleNamespace(**{**vars(seen), "untrained": {"right": scaled}})
    assert found.value is not None and found.value("right", treated) == AS_TRAINED == found.value("left", seen)


def test_rows_that_are_scaled_alike_in_training_and_after_it_are_no_difference_of_test_rows():
    case, seen = untrained(1.0, "tanh", 1)
    seen.untrained["right"] = untrained(1.0, "tanh", 1, given=lambda x: x / 255)[1].untrained["left"]

    assert scaling_of_test_rows(case, [seen], {"left": "none", "right": "divide-by-255"}.get) is None
    assert scaling_of_test_rows(case, [seen], {"left": "none"}.get) is None, "what training rows are is not shown"


@of_explain
def test_h2o_scales_at_prediction_and_keras_can_be_made_to(tmp_path: Path):
    sides = [engine("py-h2o"), engine("py-keras-jax")]
    running, idle = able(sides)
    if idle:
        pytest.skip("; ".join(each["reason"] for each in idle))
    study = preset("beam2017-r")
    data = load(study.data)
    draws = make_draws(dataclasses.replace(study.protocol, sizes=(10,), draws=2), data)
    left, right = (Side(end, each, running[each.id]) for end, each in zip(("left", "right"), sides, strict=True))
    spec = dataclasses.replace(study.methods["mlp-beam"], epochs=2)
    case = Case("mlp-beam", spec, "shipped", data, draws, 0.01, left, right)
    with (
        Store(tmp_path / "s.sqlite", writing=True) as store,
        Executor(store, study.data, data, draws).held() as executor,
    ):
        bench = Bench(case, fitting(store, executor))
        seen = observed(bench, draws.train)
        found = dropout_scaling(case, seen)
        assert found is not None
        assert (found.left, found.right) == (
            "outputs are scaled down at prediction", "kept units are scaled up in training"
        )  # fmt: skip
        (judged,) = verified(bench, [found], seen, {})

    assert list(judged.chosen) == ["right"]
    assert "py-h2o: spec.dropout_scaling = in-training: the difference is still there" in judged.refused
