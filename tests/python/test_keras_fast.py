"""The compiled loop of Keras on JAX is model.fit: the same weights, from the same seeds, on the same rows."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parity.engines import jax_on_cpu

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="there is no JAX here"),
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="there is no Keras here"),
]

FLOAT32 = 1e-5
"Most often they are equal bit for bit; another vector width or batch adds the same numbers up in another order."
PROCESS_SECONDS = 560
"Thirty small networks are compiled, which takes a minute of one core; other tests may hold it."


@pytest.fixture(scope="module")
def facts() -> Any:
    environ = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environ |= jax_on_cpu.environ(environ)
    command = [sys.executable, "-m", "tests.python.keras_fast_facts"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=root, timeout=PROCESS_SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


CASES = [
    "adam",
    "sgd",
    "remainder",
    "scaled at prediction",
    "below a batch",
    "as it stands",
    "float64",
    "given start",
    "filled up",
]


@pytest.mark.parametrize("case", CASES)
def test_the_loop_ends_where_fit_ends(facts, case):
    found = facts[case]
    assert found["moved"] > 10 * FLOAT32, "nothing was learnt, so that nothing was compared"
    assert found["gap"] <= FLOAT32
    assert found["probability"] <= FLOAT32
    assert found["effective alike"]
    assert found["counts"][0] == found["counts"][1]


def test_the_answer_names_the_trainer_and_how_it_was_checked(facts):
    (trainer,) = facts["adam"]["trainers"]
    assert trainer.startswith("compiled loop over train_step, checked against model.fit over 40 updates (largest gap ")
    assert not any("was not used" in message for message in facts["adam"]["messages"])


def test_draws_of_one_batch_start_from_their_own_seeds(facts):
    assert facts["adam"]["between seeds"] > 0.01


def test_a_start_that_is_given_takes_the_place_of_the_one_that_is_drawn(facts):
    (trainer,) = facts["given start"]["trainers"]
    assert trainer.startswith("compiled loop over train_step"), "fit did it, so that nothing was compared"


def test_short_trainings_share_one_width_and_long_ones_leave_out_what_they_can(facts):
    assert facts["columns"]["steps"] == [784, 112, 784]


def test_columns_of_zeros_fill_a_network_up_where_they_do_nothing(facts):
    assert facts["filled up"]["widths"] == [72, 64]
    (trainer,) = facts["filled up"]["trainers"]
    assert trainer.startswith("compiled loop over train_step"), "fit did it, so that nothing was compared"


def test_a_loop_that_parts_from_fit_is_not_used_and_a_message_says_by_how_much(facts):
    found = facts["broken"]
    assert found["gap"] == 0.0, "the answers must be fit's own"
    assert found["trainers"] == ["None"]
    assert "it ends elsewhere than model.fit over 40 updates (largest gap 0.0" in found["messages"][-1]


def test_what_the_loop_cannot_do_is_left_to_fit_with_the_reason(facts):
    reasons = facts["refusals"]
    assert reasons.pop("plain") is None
    words = {
        "cnn": "convolutions",
        "row order": "'row_order'",
        "trace": "'trace'",
        "eager": "'run_eagerly' of compile",
        "validation": "'validation_split' of fit",
        "shuffled batches": "shuffle='batch'",
    }
    assert reasons.keys() == words.keys()
    for name, word in words.items():
        assert word in reasons[name]


def test_the_history_has_a_row_an_epoch_and_ends_with_the_prediction(facts):
    history = facts["history"]
    assert history["shape"] == [30, 300] and history["dtype"] == "float32" and history["threshold"] == 0.5
    assert history["last"] <= FLOAT32
    assert history["epochs differ"] > 0.01


def test_the_history_after_five_epochs_is_what_a_fit_of_five_epochs_predicts(facts):
    assert facts["history"]["fifth"] <= FLOAT32


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adadelta"])
def test_leaving_out_columns_that_are_zero_in_training_changes_no_weight(facts, optimizer):
    found = facts["columns"][optimizer]
    assert facts["columns"]["used"] == [24, 64] * 4
    assert found["untouched"]
    assert found["weights"] <= FLOAT32
    assert found["history"] <= FLOAT32
    assert found["moved"] > 10 * FLOAT32


def test_a_weight_without_gradient_stays_under_the_optimizers_that_are_named_and_not_under_weight_decay(facts):
    moved = facts["zero gradients"]
    assert moved.pop("Adam, weight_decay") > 1e-4
    assert moved == dict.fromkeys(moved, 0.0) and len(moved) == 7


def test_columns_are_left_out_only_where_that_is_exact(facts):
    assert facts["columns seen"] == {
        "plain": 24,
        "penalty": 64,
        "epsilon 0": 64,
        "weight decay": 64,
        "another optimizer": 64,
    }


def test_xla_is_told_nothing_where_the_user_has_told_it_something():
    asked = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--mine", "NPROC": "4"}
    assert jax_on_cpu.environ(asked) == {}
    assert jax_on_cpu.environ({**asked, "JAX_PLATFORMS": "cuda"}) == {}
