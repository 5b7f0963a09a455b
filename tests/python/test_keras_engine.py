"""Keras' engine on each backend, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BACKENDS = ["tensorflow", "jax", "torch"]
FLOAT32 = 1e-5
"Two layers of float32 arithmetic on inputs of up to 16."
PROCESS_SECONDS = 240
"Importing TensorFlow has taken 25 s on two busy cores, and twelve small fits as much again."


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All backends at once: most of their time is spent importing."""
    there = [backend for backend in BACKENDS if importlib.util.find_spec(backend) is not None]
    started = {backend: start(backend) for backend in there}
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


def start(backend: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tests.python.keras_facts"]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environ, cwd=root)


@pytest.fixture(scope="module", params=BACKENDS)
def facts(request: pytest.FixtureRequest, processes: dict[str, subprocess.Popen[str]]) -> Any:
    if request.param not in processes:
        pytest.skip(f"{request.param} is not installed")
    out, err = processes[request.param].communicate(timeout=PROCESS_SECONDS)
    assert processes[request.param].returncode == 0, err[-2000:]
    found = json.loads(out.splitlines()[-1])
    assert found["shipped"]["effective"]["backend"] == request.param
    return found


def test_as_shipped_compile_and_fit_choose_rmsprop_and_two_batches_for_60_rows(facts):
    shipped = facts["shipped"]
    assert shipped["effective"]["optimizer"] == "RMSprop"
    assert shipped["effective"]["batch_size"] is None
    assert shipped["effective"]["batch_size between"] == [30, 59]
    assert (shipped["iterations"], shipped["updates"]) == (3, 6)
    assert shipped["effective"]["dtype"] == "float32"


def test_pinned_updates_are_epochs_times_batches_and_the_rate_falls_with_each_of_them(facts):
    pinned = facts["pinned"]
    assert (pinned["iterations"], pinned["updates"]) == (3, 27)
    assert pinned["effective"]["optimizer"] == "Adam"
    assert pinned["effective"]["learning_rate"] == pytest.approx(0.01 / (1 + 0.5 * 27))
    assert pinned["shapes"] == [[64, 6], [6, 5], [5, 2]]


def test_a_seed_repeats_a_fit_bit_for_bit_and_another_does_not(facts):
    assert facts["shipped"]["probability"] == facts["again"]["probability"]
    assert facts["shipped"]["probability"] != facts["other"]["probability"]


def test_the_printed_code_is_what_was_run(facts):
    assert facts["printed"] == facts["pinned"]["probability"]


def test_labels_are_the_probabilities_cut_at_one_half(facts):
    probability, label = np.array(facts["shipped"]["probability"]), np.array(facts["shipped"]["label"])
    assert len(probability) == 300
    np.testing.assert_array_equal(label, probability > 0.5)


def test_a_network_that_does_not_learn_predicts_what_numpy_does_from_the_initial_weights(facts):
    assert facts["started"]["gap"] < FLOAT32
    assert facts["started"]["kept"] < FLOAT32


def test_outputs_of_layers_with_dropout_are_scaled_where_they_are_asked_to_be(facts):
    assert facts["started"]["scaled in training"] < FLOAT32
    assert facts["started"]["scaled at prediction"] < FLOAT32


def test_overrides_reach_the_function_that_takes_them(facts):
    assert facts["overridden"]["optimizer"] == "SGD"
    assert facts["overridden"]["learning_rate"] == 0.125
    assert facts["overridden"]["kernel_initializer"] == "Zeros"
    calls = {call["function"]: call["arguments"] for call in facts["translated"]}
    assert calls["SGD"] == {"learning_rate": 0.125}
    assert calls["fit"] == {"epochs": 3, "verbose": 0, "shuffle": False}


def test_an_unknown_override_is_refused_with_the_nearest_name(facts):
    assert "'lerning_rate'" in facts["refusal"]
    assert "did you mean 'learning_rate'" in facts["refusal"]


def test_translate_prints_without_importing_keras(facts):
    assert not facts["imported by translate"]
    assert facts["not_expressible"] == []


def table(rows, function):
    return {row["name"]: row for row in rows if row["function"] == function}


def test_defaults_have_a_row_for_every_parameter_of_every_function_in_the_order_of_the_calls(facts):
    listed = facts["defaults"]
    orders = {name: list(dict.fromkeys(row["function"] for row in rows)) for name, rows in listed["tables"].items()}
    ends = ["fit", "predict"]
    network = ["Sequential", "Input", "Dense", "Dense, output", "GlorotUniform", "compile"]
    assert orders["shipped"] == [*network, "RMSprop", *ends]
    network.insert(3, "Dropout")
    assert orders["pinned"] == [*network, "Adam", "InverseTimeDecay", *ends]
    image = ["Reshape", "Conv2D", "MaxPooling2D", "Flatten"]
    network.insert(4, "Rescaling")
    network[2:2], network[-1:] = image, ["Zeros", "L2", "compile"]
    assert [name for name in orders["image"] if name != "Zeros"] == [
        *[name for name in network if name != "Zeros"],
        "SGD",
        *ends,
    ]
    for rows in listed["tables"].values():
        for function in {row["function"] for row in rows}:
            names = [row["name"] for row in rows if row["function"] == function]
            assert names == listed["own"][function], function


def test_defaults_tell_what_compile_chose_where_it_was_asked_for_nothing(facts):
    rows = facts["defaults"]["tables"]["shipped"]
    optimizer, rate = table(rows, "compile")["optimizer"], table(rows, "RMSprop")["learning_rate"]
    assert (optimizer["declared"], optimizer["given"], optimizer["effective"]) == ("rmsprop", False, "RMSprop")
    assert (rate["declared"], rate["given"]) == (0.001, False)
    assert rate["effective"] == pytest.approx(0.001)
    kernel = table(rows, "Dense")["kernel_initializer"]
    assert (kernel["declared"], kernel["effective"]) == ("glorot_uniform", "GlorotUniform")
    assert {"glorot_uniform", "he_uniform", "zeros"} <= set(kernel["choices"])
    assert "constant" not in kernel["choices"], "it needs a value"
    assert table(rows, "compile")["jit_compile"]["declared"] == "auto"
    assert table(rows, "compile")["jit_compile"]["effective"] is (facts["shipped"]["effective"]["backend"] == "jax")
    assert table(rows, "compile")["auto_scale_loss"]["effective_from"] == "", "nothing tells"


def test_the_first_batch_tells_its_size_and_order_and_float_type(facts):
    fit = table(facts["defaults"]["tables"]["shipped"], "fit")
    assert fit["batch_size"]["declared"] is None
    # The steps of a real fit allow these sizes; the batch itself has one.
    low, high = facts["shipped"]["effective"]["batch_size between"]
    assert low <= fit["batch_size"]["effective"] <= high
    assert fit["batch_size"]["effective_from"] == "the first batch that fit hands to train_step"
    assert (fit["shuffle"]["effective"], fit["x"]["effective"]) == (True, "float32 array")
    assert (fit["epochs"]["asked"], fit["epochs"]["effective"]) == (3, 3)
    overridden = table(facts["defaults"]["overridden"], "fit")
    assert (overridden["batch_size"]["effective"], overridden["shuffle"]["effective"]) == (5, False)


def test_defaults_show_overrides_as_asked_and_in_force(facts):
    rows = facts["defaults"]["overridden"]
    for function, name, asked, effective in [
        ("Dense", "bias_initializer", "ones", "Ones"),
        ("Dense, output", "bias_initializer", "ones", "Ones"),
        ("RMSprop", "clipnorm", 2.0, 2.0),
        ("compile", "jit_compile", False, False),
    ]:
        row = table(rows, function)[name]
        assert (row["given"], row["asked"], row["effective"]) == (True, asked, effective)
    assert "Ones" not in {row["function"] for row in rows}, "it has no parameter"


def test_defaults_tell_a_schedule_a_penalty_and_an_image_from_the_objects_in_force(facts):
    tables = facts["defaults"]["tables"]
    rate, schedule = table(tables["pinned"], "Adam")["learning_rate"], table(tables["pinned"], "InverseTimeDecay")
    assert (rate["given"], rate["effective"]) == (True, "InverseTimeDecay")
    assert (schedule["decay_rate"]["asked"], schedule["decay_rate"]["effective"]) == (0.5, 0.5)
    assert (schedule["staircase"]["given"], schedule["staircase"]["effective"]) == (False, False)
    penalty = table(tables["image"], "L2")["l2"]
    assert (penalty["asked"], penalty["effective"]) == (0.05, 0.05), "half of ours, as Keras does not halve the squares"
    convolution, rows = table(tables["image"], "Conv2D"), table(tables["image"], "fit")
    assert (convolution["filters"]["asked"], convolution["filters"]["effective"]) == ([3, 4, 5], [3, 4, 5])
    assert (convolution["padding"]["given"], convolution["padding"]["effective"]) == (False, "valid")
    assert convolution["strides"]["override"] and not convolution["filters"]["override"]
    assert table(tables["image"], "Dropout")["rate"]["asked"] == [0.25, 0.5]
    assert table(tables["image"], "Rescaling")["scale"]["asked"] == [0.75, 0.5]
    assert rows["x"]["effective"] == "float64 array"


def test_override_is_true_exactly_where_a_translation_takes_it(facts):
    rows = facts["defaults"]["tables"]["shipped"]
    assert sorted([row["function"], row["name"]] for row in rows if row["override"]) == facts["defaults"]["overridable"]


def test_two_calls_of_defaults_agree(facts):
    assert facts["defaults"]["agree"]


def test_an_untrained_network_has_the_weights_that_keras_draws(facts):
    assert facts["untrained"]["weights"] == facts["drawn"]
    assert (facts["untrained"]["iterations"], facts["untrained"]["updates"]) == (0, 0)
    assert "model.fit" not in facts["untrained printed"]


def test_repeatable_fits_agree_bit_for_bit_without_a_seed_of_ours(facts):
    first, again = facts["repeats"]
    assert first == again
