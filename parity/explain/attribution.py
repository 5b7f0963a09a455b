"""A gap shared out among the differences that may cause it: Shapley values, interactions, intervals over draws.

Numbers in, numbers out: a set of switched differences has a worth on every draw, and a difference's share is the mean
of what switching it adds to the worth of the others (Shapley 1953). The shares add up to the worth of all together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.compare.equivalence import INTERVAL, ROUNDING, SEED, sign_flip

Floats = NDArray[np.float64]
Set = frozenset[int]
"Numbers of the differences that are switched."

EXACT = 6
"Up to so many differences every one of their sets is tried: 64 sets at most; beyond, orders are sampled."

RESAMPLES = 9_999
"Bootstrap resamples: the ends of a 90 % interval are then off by less than a hundredth of its width."


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean over draws with its paired bootstrap interval (expanded percentile), and how sure its sign is."""

    mean: float
    low: float
    high: float
    p: float
    "Two-sided p-value of no effect, from flipping the signs of the draws."


def sets_of(players: int) -> list[Set]:
    """Every set of so many differences, small ones first."""
    numbers = range(players)
    return [frozenset(each) for size in range(players + 1) for each in itertools.combinations(numbers, size)]


def shapley(worth: Mapping[Set, Floats], players: int) -> Floats:
    """(draws, players) shares from the (draws,) worth of every set; of no players there are none."""
    shares = np.zeros((len(worth[frozenset()]), players))
    for player in range(players):
        for others in sets_of(players):
            if player not in others:
                size = len(others)
                weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
                shares[:, player] += weight * (worth[others | {player}] - worth[others])
    return shares


def interactions(worth: Mapping[Set, Floats], players: int) -> dict[tuple[int, int], Floats]:
    """(draws,) Shapley interaction index of every two differences (Grabisch and Roubens 1999, Int. J. Game Theory 28).

    How much more, or less, two differences do together than each by itself, averaged over what else is switched.
    """
    found = {}
    for i, j in itertools.combinations(range(players), 2):
        index = np.zeros(len(worth[frozenset()]))
        for others in sets_of(players):
            if i not in others and j not in others:
                size = len(others)
                weight = math.factorial(size) * math.factorial(players - size - 2) / math.factorial(players - 1)
                both, one, other = worth[others | {i, j}], worth[others | {i}], worth[others | {j}]
                index += weight * (both - one - other + worth[others])
        found[i, j] = index
    return found


def orders(players: int, count: int, seed: int) -> list[tuple[int, ...]]:
    """So many random orders of the differences, each followed by its reverse (antithetic sampling).

    Mitchell, Cooper, Frank and Holmes 2022, JMLR 23, section 4.1: the pair's errors cancel in part.
    """
    rng = np.random.default_rng(seed)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        order = tuple(int(each) for each in rng.permutation(players))
        found += [order, order[::-1]]
    return found[:count]


def prefixes(order: Sequence[int]) -> list[Set]:
    """The sets that an order passes through, from none to all."""
    return [frozenset(order[:length]) for length in range(len(order) + 1)]


def shares_of(order: Sequence[int], worth: Sequence[float]) -> Floats:
    """(players,) what each difference adds along an order, from the worth of its prefixes."""
    shares = np.zeros(len(order))
    shares[list(order)] = np.diff(np.asarray(worth))
    return shares


def effect(values: Floats, seed: int = SEED) -> Effect:
    """Mean of (draws,) values with its interval; the interval of a single draw is the draw.

    Percentiles of resampled means are too close to each other where draws are few, by the factor from n - 1 to n and
    from the normal distribution to Student's t: those further out are taken that make up for both (Hesterberg 2015,
    The American Statistician 69, section 5.3).
    """
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values) <= ROUNDING:
        return Effect(mean, mean, mean, _sign(values))
    resampled = values[np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    outside = _expanded(len(values))
    low, high = np.quantile(resampled, [outside, 1 - outside])
    return Effect(mean, float(low), float(high), _sign(values))


def _expanded(draws: int) -> float:
    """Share of the resampled means that is left out on either side."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(math.sqrt(draws / (draws - 1)) * stdtrit(draws - 1, (1 - INTERVAL) / 2)))


def _sign(values: Floats) -> float:
    if not np.abs(values).max(initial=0) > ROUNDING:
        return 1.0
    return min(1.0, 2 * min(sign_flip(values), sign_flip(-values)))
