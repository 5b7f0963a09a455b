"""How far rounding spreads in training: the tolerance of a step is what one unit in the last place of its inputs moves.

A fixed tolerance would be an excuse at the first step and a false alarm in a chaotic tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from parity.compare.reference_network import Arrays, Floats, Network, Rule, train

DIRECTIONS = 4
"Random choices of up or down for every number; the largest spread of them counts."

ROUNDINGS = 32.0
"A step rounds each number some dozens of times, a perturbation once; those of one sum partly cancel."


def spread(
    network: Network,
    rule: Rule,
    batches: Sequence[tuple[Floats, NDArray[np.int64]]],
    precision: type[np.floating] = np.float32,
) -> list[Arrays]:
    """After each step, how far each number of each array moves where inputs and weights change by one last place.

    Returns a list over the steps of arrays like the network's: the largest movement over DIRECTIONS perturbations, and
    never less than one unit in the last place of the number itself.
    """
    unit = float(np.finfo(precision).eps)
    plain = [step.network.arrays for step in train(network, rule, batches)]
    found = [tuple(unit * np.abs(array) for array in arrays) for arrays in plain]
    for seed in range(DIRECTIONS):
        rng = np.random.default_rng(seed)

        def moved(array: Floats, rng: np.random.Generator = rng) -> Floats:
            return array * (1 + unit * rng.choice([-1.0, 1.0], size=array.shape))

        start = replace(network, arrays=tuple(moved(array) for array in network.arrays))
        other = train(start, rule, [(moved(x), y) for x, y in batches])
        for k, step in enumerate(other):
            gaps = (np.abs(a - b) for a, b in zip(step.network.arrays, plain[k], strict=True))
            found[k] = tuple(np.maximum(f, g) for f, g in zip(found[k], gaps, strict=True))
    return found


def within(found: Arrays, reference: Arrays, allowed: Arrays) -> list[bool]:
    """Whether each array lies within ROUNDINGS times the spread, taken over the array: its largest gap and spread."""
    return [
        bool(np.abs(f - r).max(initial=0) <= ROUNDINGS * s.max(initial=0))
        for f, r, s in zip(found, reference, allowed, strict=True)
    ]
