"""How far rounding spreads in training: the tolerance of a step is what rounding can have moved by then.

A fixed tolerance would be an excuse at the first step and a false alarm in a chaotic tail. The reference is therefore
trained several times over with every number that it computes pushed up or down at random by a few units in the last
place (Parker, "Monte Carlo arithmetic", UCLA CSD-970002, 1997), and the farthest that a tensor strays is its tolerance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.reference_network import Adam, Arrays, Batch, Decaying, Floats, Network, Plain, Rule, Step, train

DIRECTIONS = 6
"Random choices of up or down for every number; the largest spread of them counts."

ROUNDINGS = 32.0
"Units in the last place by which each number is pushed: a framework rounds in each of the sums that lead to it."

SHARE = 0.1
"A number that no direction happens to move is given this share of what the median of its tensor moves."

KEPT = 2.0
"Units in the last place of a weight by which the difference of two stored weights, an update, may be off."


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """One step of the reference, and how far each of its numbers may be off by rounding alone."""

    step: Step
    activations: Arrays
    loss: float
    gradients: Arrays
    updates: Arrays
    arrays: Arrays


def allowed(
    network: Network, rule: Rule, batches: Sequence[Batch], precision: type[np.floating[Any]], l2: float = 0.0
) -> Iterator[Allowed]:
    """The reference's steps, each with its tolerances for a framework that computes in `precision`."""
    unit, least = float(np.finfo(precision).eps), ROUNDINGS * float(np.finfo(precision).tiny)
    plain = train(network, rule, batches, l2=l2)
    others = [_pushed(network, rule, batches, unit, l2, seed) for seed in range(DIRECTIONS)]
    before = network.arrays
    for (_, y), step, *pushed in zip(batches, plain, *others, strict=True):
        kept = tuple(KEPT * unit * np.abs(array) for array in before)
        yield Allowed(
            step=step,
            activations=_spread(step.activations, [other.activations for other in pushed], unit, least),
            loss=max(abs(other.loss - step.loss) for other in pushed)
            + ROUNDINGS * unit * (1 + abs(step.loss))
            + _from_probabilities(step.activations[-1], y, unit),
            gradients=_spread(step.gradients, [other.gradients for other in pushed], unit, least),
            updates=_added(_spread(step.updates, [other.updates for other in pushed], unit, least), kept),
            arrays=_added(_spread(step.network.arrays, [other.network.arrays for other in pushed], unit, least), kept),
        )
        before = step.network.arrays


def spread(
    network: Network, rule: Rule, batches: Sequence[Batch], precision: type[np.floating[Any]] = np.float32
) -> list[Arrays]:
    """After each step, how far each number of the network's arrays may be off by rounding in that precision."""
    return [each.arrays for each in allowed(network, rule, batches, precision)]


def within(found: Arrays, reference: Arrays, allowed: Arrays) -> list[bool]:
    """Whether each array lies within its tolerance, number by number."""
    return [bool((np.abs(f - r) <= a).all()) for f, r, a in zip(found, reference, allowed, strict=True)]


def _from_probabilities(probabilities: Floats, y: NDArray[np.int64], unit: float) -> float:
    """What a loss may be off where it is the logarithm of a stored probability: near 1, 1 - p has few digits left.

    Where it has none, the formula decides and not rounding: from the scores such a loss has all its digits.
    """
    column = probabilities[np.arange(len(y)), y] if probabilities.shape[1] == 2 else probabilities[:, 0]
    right = column if probabilities.shape[1] == 2 else np.where(y == 1, column, 1 - column)
    told = right > 2 * KEPT * unit
    return float(np.log1p(KEPT * unit / np.where(told, right, np.inf)).mean())


def _pushed(
    network: Network, rule: Rule, batches: Sequence[Batch], unit: float, l2: float, seed: int
) -> Iterator[Step]:
    rng = np.random.default_rng(seed)

    def pushed(array: Floats) -> Floats:
        signs = rng.integers(0, 2, size=array.shape, dtype=np.int8)
        return array * (1 + ROUNDINGS * unit * (2.0 * signs - 1))

    start = replace(network, arrays=tuple(pushed(array) for array in network.arrays))
    moved = ((pushed(x), y) for x, y in batches)
    return train(start, _constants_pushed(rule, unit, rng), moved, l2=l2, rounded=pushed)


def _constants_pushed(rule: Rule, unit: float, rng: np.random.Generator) -> Rule:
    """A rule's constants are rounded once, as they are stored: Adam's 1 - 0.999^t has few digits left of that."""
    if isinstance(rule, Decaying):
        return replace(rule, rule=_pushed_rule(rule.rule, unit, rng))
    assert isinstance(rule, Plain)
    return _pushed_rule(rule, unit, rng)


def _pushed_rule(rule: Plain, unit: float, rng: np.random.Generator) -> Plain:
    if isinstance(rule, Adam):
        # Keras keeps 1 - beta2 as one rounded number and takes the powers of another.
        rule = replace(rule, power1=rule.beta1, power2=rule.beta2)
    values = {field.name: getattr(rule, field.name) for field in dataclasses.fields(rule)}
    pushed = {n: v * (1 + unit * rng.choice([-1.0, 1.0])) for n, v in values.items() if isinstance(v, float)}
    return replace(rule, **pushed)


def _spread(plain: Arrays, others: Sequence[Arrays], unit: float, least: float) -> Arrays:
    """least: what a number may be off wherever it moves at all, since below it a format loses its digits."""
    found: list[NDArray[np.float64]] = []
    for k, array in enumerate(plain):
        moved = np.max([np.abs(other[k] - array) for other in others], axis=0)
        median = float(np.median(moved[moved > 0])) if (moved > 0).any() else 0.0
        # What is exactly zero and stays so, such as the gradient of a black pixel, has no tolerance at all.
        found.append(np.where(moved > 0, np.maximum(moved, SHARE * median) + least, 0.0) + unit * np.abs(array))
    return tuple(found)


def _added(left: Arrays, right: Arrays) -> Arrays:
    return tuple(a + b for a, b in zip(left, right, strict=True))
