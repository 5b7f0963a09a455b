"""Keras' updates one by one on each backend: against the float64 reference, and against Keras' own compiled fit."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.engines.environment import missing, r_environ
from parity.engines.sheet import engine
from parity.spec.models import MLP, plain
from tests.python.conftest import load_engine
from tests.python.keras_trace_facts import RULES, STEPS_OF_SMALL

BACKENDS = ["tensorflow", "jax", "torch"]
FLOAT64 = 1e-9
"A hundred updates of float64 stay within 1e-13; one number that was float32 on its way would show at 1e-8."
FLOAT32 = 1e-4
"Rounding of 1e-7, of an order that a compiled program chooses, over 18 updates whose rate is 0.01."
MOSTLY = 0.8
"Six tenths of the digits are of one class at most; the network's share depends on the backend's draws."
PROCESS_SECONDS = 1800
"Eager TensorFlow has taken 25 s for a hundred updates on two busy cores; there are eight such fits and twenty others."

pytestmark = pytest.mark.timeout(PROCESS_SECONDS)


@pytest.fixture(scope="module", params=BACKENDS)
def facts(request: pytest.FixtureRequest) -> Any:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    found = process({"KERAS_BACKEND": request.param}, "python")
    assert found["backend"] == request.param
    return found


@pytest.fixture(scope="module")
def r_facts() -> Any:
    if gaps := missing(engine("r-keras3")):
        pytest.skip(", ".join(gap.package for gap in gaps))
    return process({**r_environ(), "KERAS_BACKEND": "tensorflow"}, "r")


def process(environ: dict[str, str], language: str) -> Any:
    everything = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environ}
    command = [sys.executable, "-m", "tests.python.keras_trace_facts", language]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, env=everything, cwd=root, timeout=PROCESS_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("optimizer", RULES)
def test_single_row_updates_of_float64_are_the_reference_s(facts, optimizer):
    found = facts["lockstep"][optimizer]["float64"]
    assert found["dtypes"] == ["float64"] * 3
    for part in ("weights", "gradients", "activations", "loss"):
        assert found[part] < FLOAT64, part


@pytest.mark.parametrize("optimizer", RULES)
def test_single_row_updates_of_float32_are_as_near_as_rounding_of_the_inputs_allows(facts, optimizer):
    found = facts["lockstep"][optimizer]["float32"]
    assert found["dtypes"] == ["float32"] * 3
    assert found["outside"] == []
    assert found["weights"] > FLOAT64, "float32 was asked for"


@pytest.mark.parametrize("optimizer", RULES)
def test_keras_from_r_makes_the_same_updates_in_both_precisions(r_facts, optimizer):
    found = r_facts["lockstep"][optimizer]
    for part in ("weights", "gradients", "activations", "loss"):
        assert found["float64"][part] < FLOAT64, part
    assert found["float32"]["outside"] == []
    assert found["float32"]["weights"] > FLOAT64, "float32 was asked for"


@pytest.mark.parametrize("part", ["without dropout", "with dropout"])
def test_rows_are_visited_in_the_order_that_is_given_and_the_optimizer_goes_on_between_epochs(facts, part):
    order = facts[part]["order"]
    assert order["rows"] and order["targets"]
    assert order["updates"] == STEPS_OF_SMALL
    assert order["epoch by epoch is one fit"]


def test_a_compiled_fit_and_a_chain_of_eager_updates_go_through_the_same_weights(facts):
    chain, epochs = facts["without dropout"]["chain"], facts["without dropout"]["epochs"]
    assert chain["gap"] < FLOAT32
    assert chain["moved"] > 100 * FLOAT32
    assert (epochs["records"], epochs["starts as read back"], epochs["last are the fit's"]) == (3, True, True)
    assert epochs["gap"] < FLOAT32


def test_a_compiled_fit_and_a_chain_of_eager_updates_drop_the_same_units_but_on_pytorch(facts):
    # There fit's loader of batches draws from the generator that dropout draws from.
    found = facts["with dropout"]
    assert (found["chain"]["gap"] < FLOAT32) == (facts["backend"] != "torch")
    assert (found["epochs"]["gap"] < FLOAT32) == (facts["backend"] != "torch")
    assert 0.3 < found["chain"]["dropped"] < 0.7


@pytest.mark.parametrize("part", ["without dropout", "with dropout"])
def test_activations_of_a_trace_are_those_that_the_loss_is_computed_from(facts, part):
    assert facts[part]["chain"]["loss gap"] < FLOAT32


def test_a_float32_fit_is_bit_for_bit_the_same_before_and_after_one_of_float64(facts):
    before, between, after = facts["precision"]["probabilities"]
    assert before == after
    assert before != between
    assert facts["precision"]["dtypes"] == ["float32", "float64", "float32"]


def test_the_rate_of_sgd_is_divided_by_one_plus_d_times_the_updates_done(facts):
    # Update divided by gradient, for each of six updates.
    np.testing.assert_allclose(facts["rates"], [0.1 / (1 + 0.25 * t) for t in range(6)], rtol=1e-9)
    assert facts["rate after"] == pytest.approx(0.1 / (1 + 0.25 * 6))


def test_the_ridge_adds_lambda_times_the_weights_to_the_gradient_and_spares_the_biases(facts):
    # 0.5 and every square pass float32 unharmed.
    assert facts["ridge"]["weights"] < FLOAT64
    assert facts["ridge"]["biases"] == 0


@pytest.mark.parametrize("name", ["class_weight", "sample_weight"])
def test_rows_weigh_in_single_updates_and_in_an_order_what_they_weigh_in_a_fit(facts, name):
    assert facts["weighted"][name]["gap"] < FLOAT32
    assert facts["weighted"][name]["moved"] > 100 * FLOAT32


@pytest.mark.parametrize("name", ["class_weight", "sample_weight"])
def test_rows_weigh_the_same_from_r(r_facts, name):
    assert r_facts["weighted"][name]["gap"] < FLOAT32
    assert r_facts["weighted"][name]["moved"] > 100 * FLOAT32


def test_the_printed_code_is_what_was_run_with_an_order_an_image_and_float64(facts):
    assert facts["printed"]["order"] and facts["printed"]["image"] and facts["printed"]["float64"]


def test_the_published_convolutional_network_has_its_196450_parameters(facts):
    # 3 * 3 * 1 * 32 + 32, 3 * 3 * 32 * 32 + 32, 3 * 3 * 32 * 64 + 64, 3 * 3 * 64 * 64 + 64; 28 pixels a side become
    # 26, 24, pooled 12, 10, 8, pooled 4; 4 * 4 * 64 * 128 + 128, 128 * 2 + 2.
    assert facts["published"]["sizes"] == [320, 9248, 18496, 36928, 131200, 258]
    assert facts["published"]["parameters"] == 196450


def test_a_small_convolutional_network_tells_zeros_from_ones_and_is_traced_without_activations(facts):
    assert facts["image"]["accuracy"] > MOSTLY
    assert facts["image"]["keys"] == ["biases", "gradients", "input", "loss", "target", "weights"]
    assert facts["image"]["gradient shapes"] == facts["image"]["weight shapes"]
    assert "64 features are no image of 7 x 7" in facts["image"]["refusal"]


def test_a_look_after_every_epoch_sees_the_fit_and_does_not_disturb_it(facts):
    found = facts["looks"]
    assert found["shape"] == [2, 100]
    assert found["last"] < 1e-6 < found["moved"]
    assert found["same"]
    assert not found["unasked"]


def test_a_trace_of_steps_without_an_order_is_refused_as_keras_shuffles_out_of_sight(facts):
    assert "Keras shuffles the rows" in facts["shuffled"]
    assert "1 epochs, and 2 are asked for" in facts["short"]


def test_what_an_optimizer_does_not_take_is_not_expressible():
    translate = load_engine("keras").translate
    adam = MLP(hidden=(3,), activation="tanh", epochs=1, optimizer="adam", rho=0.9, beta1=0.8, learning_rate_decay=0.5)
    translation = translate(plain(adam), {})
    listed = {gap["parameter"]: gap["reason"] for gap in translation["not_expressible"]}
    assert set(listed) == {"rho", "learning_rate_decay"}
    assert listed["rho"] == "Keras' Adam does not take it"
    assert "keras.optimizers.Adam(beta_1=0.8)" in translation["code"]
    none = translate(plain(MLP(hidden=(3,), activation="tanh", epochs=1, rho=0.9, learning_rate_decay=0.0)), {})
    assert [gap["parameter"] for gap in none["not_expressible"]] == ["rho"]
