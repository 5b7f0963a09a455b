"""The tolerance by perturbation passes training in float32 and catches faults far smaller than a fixed one would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from parity.compare.perturbation import spread, within
from parity.compare.reference_network import SGD, Adam, Network, RMSprop, Rule, State, glorot_uniform, gradients, train

RULES: dict[str, Rule] = {"sgd": SGD(0.05, 0.9), "adam": Adam(0.01), "rmsprop": RMSprop(0.01)}


def batches(count: int = 60) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(8)
    x, y = rng.uniform(size=(20, 9)), rng.integers(0, 2, 20)
    return [(x[[i % 20]], y[[i % 20]]) for i in range(count)]


def network() -> Network:
    return glorot_uniform([9, 8, 8, 1], "tanh", "sigmoid", seed=4)


def in_float32(start: Network, rule: Rule) -> list[tuple[np.ndarray, ...]]:
    """Training in which every array, gradient and running array is rounded to float32 wherever it is kept."""

    def rounded(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        return tuple(array.astype(np.float32).astype(np.float64) for array in arrays)

    current, state, found = replace(start, arrays=rounded(start.arrays)), State(), []
    for x, y in batches():
        x = x.astype(np.float32).astype(np.float64)
        updates, state = rule.update(rounded(gradients(current, x, y)), state)
        state = State(state.steps, {name: rounded(arrays) for name, arrays in state.arrays.items()})
        moved = tuple(a + u for a, u in zip(current.arrays, rounded(updates), strict=True))
        current = replace(current, arrays=rounded(moved))
        found.append(current.arrays)
    return found


@pytest.mark.parametrize("rule", RULES)
def test_training_in_float32_stays_within_what_rounding_explains(rule: str):
    allowed = spread(network(), RULES[rule], batches())
    reference = [step.network.arrays for step in train(network(), RULES[rule], batches())]
    for k, found in enumerate(in_float32(network(), RULES[rule])):
        assert all(within(found, reference[k], allowed[k])), k


@pytest.mark.parametrize("rule", RULES)
def test_a_rate_a_thousandth_too_large_is_caught_at_the_first_step(rule: str):
    faulty = replace(RULES[rule], learning_rate=RULES[rule].learning_rate * 1.001)  # type: ignore[attr-defined, type-var]
    allowed = spread(network(), RULES[rule], batches(1))
    (reference,) = train(network(), RULES[rule], batches(1))
    (found,) = train(network(), faulty, batches(1))
    assert not all(within(found.network.arrays, reference.network.arrays, allowed[0]))


def test_the_spread_grows_with_the_steps_and_shrinks_with_the_precision():
    single = spread(network(), RULES["adam"], batches(), np.float32)
    double = spread(network(), RULES["adam"], batches(), np.float64)
    assert single[-1][0].max() > 3 * single[0][0].max()
    assert double[-1][0].max() < 1e-6 * single[-1][0].max()
