"""What loss the first update's gradients are those of: of updates made by the float64 reference, rounded to float32."""

from __future__ import annotations

import numpy as np
import pytest

from parity.compare.reference_network import forward, glorot_uniform
from parity.explain.losses import ANOTHER, CROSS_ENTROPY, SQUARED, loss_of

N, P, UNITS = 40, 30, 60
L2 = 0.01


def errors(p, y, kind):
    """(n,) derivative of each row's loss by the output's score, written down by hand."""
    match kind:
        case "cross-entropy":
            return p - y
        case "squared":
            return 2 * (p - y) * p * (1 - p)
        case "classes":
            return np.where(y == 1, 3.0, 1.0) * (p - y)
        case "smoothed":
            return p - (0.8 * y + 0.1)
        case "hinge-like":
            return np.sign(p - y)


def records(kind, output="sigmoid", n=N, units=UNITS):
    """A network as it starts and the record of its first update, in float32."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, P))
    y = (rng.random(n) > 0.4).astype(float)
    network = glorot_uniform((P, units, 1 if output == "sigmoid" else 2), "tanh", output, 5)
    hidden, p = forward(network, x)
    found = errors(p[:, -1], y, kind)
    delta = found[:, None] if output == "sigmoid" else np.stack([-found, found], axis=1)
    (w0, w1), (b0, b1) = network.arrays[::2], network.arrays[1::2]
    slopes = {
        "weights": [np.zeros_like(w0), hidden.T @ delta / n + L2 * w1],
        "biases": [np.zeros_like(b0), delta.mean(axis=0)],
    }

    def short(value):
        return (
            {k: short(v) for k, v in value.items()}
            if isinstance(value, dict)
            else [np.asarray(each, dtype=np.float32) for each in value]
        )

    first = {"weights": [w0, w1], "biases": [b0, b1]}
    step = {"gradients": short(slopes), "activations": short([hidden, p]), "target": y, "input": x, **first}
    return [short(first), step]


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize(
    ("kind", "told", "weights", "smoothing"),
    [
        ("cross-entropy", CROSS_ENTROPY, (1, 1), 0),
        ("squared", SQUARED, (2, 2), 0),
        ("classes", CROSS_ENTROPY, (1, 3), 0),
        ("smoothed", CROSS_ENTROPY, (1, 1), 0.2),
    ],
)
def test_a_loss_is_told_by_the_errors_that_its_gradient_is_made_of(output, kind, told, weights, smoothing):
    found = loss_of(records(kind, output), L2)

    assert found is not None
    assert (found.kind, found.weights, found.smoothing) == (told, weights, smoothing)


def test_what_is_none_of_them_is_another_loss():
    found = loss_of(records("hinge-like"), L2)

    assert found is not None and found.kind == ANOTHER


def test_nothing_is_told_of_gradients_of_few_digits():
    start, step = records("cross-entropy")
    slopes = {kind: [each.astype(np.float16) for each in arrays] for kind, arrays in step["gradients"].items()}

    found = loss_of([start, {**step, "gradients": slopes}], L2)

    assert found is None or found.kind == CROSS_ENTROPY


def test_nothing_is_told_of_more_rows_than_activations_nor_without_gradients():
    assert loss_of(records("cross-entropy", n=70, units=20), L2) is None

    start, step = records("cross-entropy")
    for name in ("gradients", "activations", "target"):
        assert loss_of([start, {key: value for key, value in step.items() if key != name}], L2) is None
    assert loss_of([start], L2) is None
