"""The reference trainer is right: its gradients by differences, its updates by scikit-learn's and Keras' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from parity.compare.reference_network import (
    SGD,
    Adadelta,
    Adam,
    Network,
    RMSprop,
    Rule,
    forward,
    glorot_uniform,
    gradients,
    loss,
    train,
)
from parity.engines.environment import missing
from parity.engines.sheet import engine

UPDATES = 100


def rows(n: int = 60, p: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(n, p))
    x[:, 2] = 0  # as most pixels are
    return x, rng.integers(0, 2, n)


def single_rows(x: np.ndarray, y: np.ndarray, count: int = UPDATES) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(x[[i % len(x)]], y[[i % len(x)]]) for i in range(count)]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_the_gradient_is_the_slope_of_the_loss(activation: str, output: str):
    x, y = rows(9)
    network = glorot_uniform([7, 5, 4, 1 if output == "sigmoid" else 2], activation, output, seed=3)
    found = gradients(network, x, y)
    for k, array in enumerate(network.arrays):
        for place in np.ndindex(array.shape):

            def moved(by: float, k: int = k, place: tuple[int, ...] = place) -> float:
                changed = [a.copy() for a in network.arrays]
                changed[k][place] += by
                return loss(Network(tuple(changed), network.activation, network.output), x, y)

            slope = (moved(1e-6) - moved(-1e-6)) / 2e-6
            assert found[k][place] == pytest.approx(slope, abs=2e-9)


def test_the_loss_of_a_sure_and_wrong_network_is_finite_and_exact():
    arrays = (np.array([[1000.0]]), np.array([0.0]))
    wrong = Network(arrays, "tanh", "sigmoid")
    assert loss(wrong, np.array([[1.0]]), np.array([0])) == 1000.0
    assert forward(wrong, np.array([[1.0]]))[-1][0, 0] == 1.0


RULES_OF_SKLEARN = {
    "sgd": (SGD(0.05), {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.0, "nesterovs_momentum": False}),
    "heavy ball": (
        SGD(0.05, 0.9), {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.9, "nesterovs_momentum": False},
    ),
    "nesterov": (
        SGD(0.05, 0.9, "nesterov"),
        {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.9, "nesterovs_momentum": True},
    ),
    "adam": (Adam(0.01, epsilon=1e-8), {"solver": "adam", "learning_rate_init": 0.01}),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES_OF_SKLEARN)
def test_a_hundred_single_row_updates_are_those_of_mlp_classifier(rule: str):
    neural = pytest.importorskip("sklearn.neural_network")
    reference, arguments = RULES_OF_SKLEARN[rule]
    x, y = rows()
    network = glorot_uniform([7, 6, 5, 1], "relu", "sigmoid", seed=1)
    model = neural.MLPClassifier((6, 5), activation="relu", alpha=0.0, batch_size=1, shuffle=False, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.partial_fit(x[:1], y[:1], classes=[0, 1])
        model.coefs_ = [weights.copy() for weights, _ in network.layers]
        model.intercepts_ = [biases.copy() for _, biases in network.layers]
        del model._optimizer  # it holds the weights of that first row
        for row, label in single_rows(x, y):
            model.partial_fit(row, label)
    *_, last = train(network, reference, single_rows(x, y))
    for (weights, biases), found, intercept in zip(last.network.layers, model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_allclose(found, weights, rtol=0, atol=1e-12)
        np.testing.assert_allclose(intercept, biases, rtol=0, atol=1e-12)


RULES_OF_KERAS: dict[str, tuple[Rule, str, dict[str, object]]] = {
    "sgd": (SGD(0.05), "SGD", {"learning_rate": 0.05}),
    "heavy ball": (SGD(0.05, 0.9), "SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "nesterov": (SGD(0.05, 0.9, "nesterov"), "SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": (Adam(0.01), "Adam", {"learning_rate": 0.01}),
    "rmsprop": (RMSprop(0.01), "RMSprop", {"learning_rate": 0.01}),
    "rmsprop, centred, with momentum": (
        RMSprop(0.01, momentum=0.5, centered=True), "RMSprop",
        {"learning_rate": 0.01, "momentum": 0.5, "centered": True},
    ),
    "adadelta": (Adadelta(1.0, epsilon=1e-6), "Adadelta", {"learning_rate": 1.0, "epsilon": 1e-6}),
}  # fmt: skip

KERAS = """
import json, sys
import numpy as np
import keras
keras.config.set_floatx("float64")
given = json.load(sys.stdin)
found = {}
for name, (rule, arguments) in given["rules"].items():
    model = keras.Sequential([keras.layers.Input((len(given["x"][0]),))])
    for units in given["units"]:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer=getattr(keras.optimizers, rule)(**arguments), loss="binary_crossentropy")
    model.set_weights([np.array(array) for array in given["arrays"]])
    for i in range(given["updates"]):
        k = i % len(given["x"])
        model.train_on_batch(np.array(given["x"][k : k + 1]), np.array(given["y"][k : k + 1], dtype="float64")[:, None])
    found[name] = [array.tolist() for array in model.get_weights()]
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(any(gap.blocking for gap in missing(engine("py-keras-jax"))), reason="no Keras on JAX")
def test_a_hundred_single_row_updates_in_float64_are_those_of_keras_optimizers():
    x, y = rows()
    network = glorot_uniform([7, 6, 5, 1], "relu", "sigmoid", seed=1)
    given = {
        "x": x.tolist(), "y": y.tolist(), "units": [6, 5], "updates": UPDATES,
        "arrays": [array.tolist() for array in network.arrays],
        "rules": {name: [rule, arguments] for name, (_, rule, arguments) in RULES_OF_KERAS.items()},
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", KERAS], input=json.dumps(given), capture_output=True, text=True, check=True,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"},
    )  # fmt: skip
    found = json.loads(ran.stdout.splitlines()[-1])
    apart = {}
    for name, (rule, _, _) in RULES_OF_KERAS.items():
        *_, last = train(network, rule, single_rows(x, y))
        gaps = [np.abs(np.array(k) - r).max() for k, r in zip(found[name], last.network.arrays, strict=True)]
        apart[name] = float(max(gaps))
    # Keras clips probabilities at 1e-7 before the logarithm; no row here is that sure.
    assert all(gap < 1e-9 for gap in apart.values()), apart


def test_h2os_biases_follow_the_gradients_of_their_weights():
    x, y = rows()
    network = glorot_uniform([7, 6, 1], "tanh", "sigmoid", seed=2)
    batch = [(x[:1], y[:1])]
    (own,) = train(network, Adadelta(biases="own"), batch)
    (averaged,) = train(network, Adadelta(biases="average of weights"), batch)
    for k, (one, two) in enumerate(zip(own.updates, averaged.updates, strict=True)):
        if k % 2 == 0:
            np.testing.assert_array_equal(one, two)
    square = (averaged.gradients[0] ** 2).mean(axis=0) * 0.05
    expected = -np.sqrt(1e-7 / (square + 1e-7)) * averaged.gradients[1]
    np.testing.assert_allclose(averaged.updates[1], expected, rtol=1e-12)


def test_a_previous_step_is_remembered_once():
    """H2O without nesterov_accelerated_gradient: u_t = -r g_t, and w moves by u_t + m u_(t-1)."""
    rule = SGD(0.1, 0.5, "previous-step")
    from parity.compare.reference_network import State

    first, state = rule.update((np.array([1.0]),), State())
    second, state = rule.update((np.array([2.0]),), state)
    third, _ = rule.update((np.array([0.0]),), state)
    assert [float(u[0][0]) for u in (first, second, third)] == pytest.approx([-0.1, -0.25, -0.1])
