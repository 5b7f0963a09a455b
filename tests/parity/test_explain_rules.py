"""By which rule gradients become updates, and what is done beside it, told from traces that are made here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from parity.compare.reference_network import SGD, Adam, Decaying, RMSprop, State
from parity.explain.aspects import BY_NAME
from parity.explain.rules import Clip, updates_of
from parity.explain.traced import Shown
from tests.parity.conftest import of_explain

pytestmark = of_explain

Bent = Callable[[tuple[Any, ...]], tuple[Any, ...]]


def records(
    rule: Any, steps: int = 3, digits: str = "float64", bent: Bent = lambda slopes: slopes, decay: float = 0.0
) -> list[dict[str, Any]]:
    """A trace of one layer whose gradients are drawn, with the updates that a rule makes of them.

    bent: what becomes of gradients before the rule takes them; decay: the share that an update takes off the weights.
    """
    rng = np.random.default_rng(4)
    weights, biases, state = rng.normal(size=(40, 3)), rng.normal(size=3), State()
    made: list[dict[str, Any]] = [{"weights": [weights.astype(digits)], "biases": [biases.astype(digits)]}]
    for count in range(1, steps + 1):
        slopes = (count * rng.normal(size=(40, 3)) / 10, count * rng.normal(size=3) / 10)
        (step, shift), state = rule.update(bent(slopes), state)
        weights, biases = (1 - decay) * weights + step, (1 - decay) * biases + shift
        gradients = {"weights": [slopes[0]], "biases": [slopes[1]]}
        made.append({"weights": [weights.astype(digits)], "biases": [biases.astype(digits)], "gradients": gradients})
    return made


@pytest.mark.parametrize(
    "rule", [SGD(0.005), SGD(0.01, 0.9, "nesterov"), Adam(0.0005), Adam(0.002, 0.8), RMSprop(0.0005)]
)
@pytest.mark.parametrize("digits", ["float64", "float32"])
def test_the_rule_and_its_rate_are_told_from_three_updates(rule, digits):
    told = updates_of(records(rule, digits=digits))
    likeliest = dataclasses.replace(rule, learning_rate=1.0)
    assert told is not None and likeliest in told.rules
    assert told.rules[likeliest] == pytest.approx(rule.learning_rate, rel=1e-3)
    assert {type(each) for each in told.rules} == {type(rule)}
    assert (told.decay, told.clip) == (0.0, None)


def of_norm(limit: float) -> Bent:
    return lambda slopes: tuple(array * min(1, limit / np.linalg.norm(array)) for array in slopes)


def of_global_norm(limit: float) -> Bent:
    def bent(slopes: tuple[Any, ...]) -> tuple[Any, ...]:
        norm = np.sqrt(sum((array**2).sum() for array in slopes))
        return tuple(array * min(1, limit / norm) for array in slopes)

    return bent


@pytest.mark.parametrize("rule", [SGD(0.01, 0.9), Adam(0.001), RMSprop(0.001)])
@pytest.mark.parametrize(
    ("bent", "kind", "limit"),
    [
        (of_norm(0.5), "norm", 0.5),
        (of_global_norm(1.5), "global_norm", 1.5),
        (lambda slopes: tuple(np.clip(array, -0.2, 0.2) for array in slopes), "value", 0.2),
    ],
    ids=["norm", "global norm", "value"],
)
def test_gradients_that_are_held_to_a_limit_are_told_with_it(rule, bent, kind, limit):
    told = updates_of(records(rule, digits="float32", bent=bent))
    assert told is not None and told.clip == Clip(kind, pytest.approx(limit, rel=0.03), exact=True)
    assert dataclasses.replace(rule, learning_rate=1.0) in told.rules


@pytest.mark.parametrize("rule", [SGD(0.01), Adam(0.005)])
def test_weights_that_decay_beside_the_rule_are_told_with_their_share_of_the_rate(rule):
    told = updates_of(records(rule, digits="float32", decay=0.1 * rule.learning_rate))
    assert told is not None and told.decay == pytest.approx(0.1, rel=0.03) and told.clip is None
    assert dataclasses.replace(rule, learning_rate=1.0) in told.rules


@pytest.mark.parametrize("epsilon", [1e-3, 3e-3, 0.05])
def test_an_epsilon_that_is_unusual_is_no_limit_on_gradients(epsilon):
    told = updates_of(records(Adam(0.001, epsilon=epsilon), digits="float32"))
    assert told is not None and (told.clip, told.decay) == (None, 0.0)
    assert all(epsilon / 4 < rule.epsilon < epsilon * 4 for rule in told.rules)


def test_a_decay_that_is_small_beside_the_rate_is_told_as_well():
    told = updates_of(records(Adam(0.001), digits="float64", decay=0.004 * 0.001))
    assert told is not None and told.decay == pytest.approx(0.004, rel=0.02)


def test_where_every_gradient_is_cut_the_limit_is_a_bound_and_no_rate_is_told():
    def bent(slopes: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(0.01 * array / np.linalg.norm(array) for array in slopes)

    told = updates_of(records(SGD(0.01, 0.9), bent=bent))
    assert told is not None and told.clip is not None and not told.clip.exact
    assert BY_NAME["gradient.clip.norm"].value(Shown(updates=told)) is not None
    assert BY_NAME["learning_rate"].value(Shown(updates=told)) is None


def test_updates_that_are_lost_in_rounding_tell_nothing():
    assert updates_of(records(SGD(1e-7), digits="float32")) is None


def test_updates_of_no_rule_that_is_known_are_told_to_be_that():
    told = updates_of(records(SGD(0.01), bent=lambda slopes: tuple(np.cbrt(array) for array in slopes)))
    assert told is not None and not told.rules and told.clip is None
    assert updates_of([{**record, "gradients": None} for record in records(SGD(0.01))]) is None
    idle = records(SGD(0.01), bent=lambda slopes: tuple(0 * array for array in slopes), decay=0.1)
    for record in idle[1:]:
        record["gradients"] = {name: [0 * each for each in arrays] for name, arrays in record["gradients"].items()}
    told = updates_of(idle)
    assert told is not None and not told.rules, "weights shrink, and no gradient says why"


def test_a_rate_that_was_asked_to_fall_is_told_as_it_starts():
    told = updates_of(records(Decaying(SGD(0.005, 0.9, "nesterov"), 0.99)), decay=0.99)
    assert told is not None and told.rules[SGD(1.0, 0.9, "nesterov")] == pytest.approx(0.005)
