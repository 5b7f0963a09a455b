"""Whether two accuracies are equivalent or different by a stated margin, from paired differences over draws.

Equivalent: two one-sided t-tests (TOST, Schuirmann 1987) reject a mean difference of the margin or more. Different: a
two-sided t-test rejects a mean difference of the margin or less; a difference that is real and smaller than the margin
is none. Where the differences are lumpy, a sign-flip test has to agree.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHA = 0.05
"Level of every test, and of every family of tests over sizes after Holm's correction."

INTERVAL = 1 - 2 * ALPHA
"Level of the intervals shown: the TOST rejects at ALPHA where this one lies within the margin."

POWER = 0.8
"Probability with which the number of draws that is named would settle a comparison."

MOST_DRAWS = 10_000
"No larger number of draws is named: nobody fits that many."

DISTINCT = 5
"Differences with fewer distinct values are lumpy: the t distribution is no model of their mean."

COMMONEST = 0.5
"So are those of which one value makes up more than this share."

EXACT_FLIPS = 12
"With so many draws or fewer all sign patterns are tried (4,096); beyond, random ones."

RANDOM_FLIPS = 20_000
"Random sign patterns: a p-value of 0.05 then has a standard error of 0.0015."

SEED = 2017
"Of the random sign patterns, so that the same differences give the same p-value."

ROUNDING = 1e-12
"Differences of accuracies are sums of shares; this much apart they are one number."


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean paired difference, right - left. low, high, sd: None with one draw."""

    draws: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class PValues:
    """p-values of a mean paired difference against a margin; None with one draw."""

    equivalent: float | None
    "Of the hypothesis that it is the margin or more, on either side."
    different: float | None
    "Of the hypothesis that it is the margin or less, on both sides."
    check: str
    "sign flips, where that test had a say; empty where the t-tests stand alone."


def paired(differences: Floats) -> Paired:
    """Mean of (draws,) paired differences with its t interval at the level INTERVAL."""
    count, mean = len(differences), float(differences.mean())
    if count < 2:
        return Paired(count, mean, None, None, None)
    from scipy.special import stdtrit

    sd = float(differences.std(ddof=1))
    reach = float(stdtrit(count - 1, 1 - ALPHA)) * sd / math.sqrt(count)
    return Paired(count, mean, sd, mean - reach, mean + reach)


def against(margin: float, differences: Floats) -> PValues:
    """Test (draws,) paired differences against the margin, in both directions."""
    if len(differences) < 2:
        return PValues(None, None, "")
    flips = lumpy(differences)
    within = max(_greater(differences + margin, flips), _greater(margin - differences, flips))
    beyond = min(_greater(differences - margin, flips), _greater(-margin - differences, flips))
    return PValues(within, min(1.0, 2 * beyond), "sign flips" if flips else "")


def lumpy(differences: Floats) -> bool:
    """Whether (draws,) differences take so few values that the t-tests need a second opinion."""
    _, counts = np.unique(np.round(differences / ROUNDING) * ROUNDING, return_counts=True)
    return bool(len(counts) < DISTINCT or counts.max() > COMMONEST * len(differences))


def _greater(values: Floats, flips: bool) -> float:
    """p-value of the hypothesis that the mean of (draws,) values is 0 or less; the larger one of two tests."""
    by_t = _greater_by_t(values)
    return max(by_t, sign_flip(values)) if flips else by_t


def _greater_by_t(values: Floats) -> float:
    if np.ptp(values) <= ROUNDING:  # no spread, no t: the sign says all that a t-test could
        return 0.0 if values.mean() > ROUNDING else 1.0
    from scipy.special import stdtr

    # statsmodels' ttost_paired is this at either end of the margin; a report asks it ten thousand times.
    t = values.mean() / values.std(ddof=1) * math.sqrt(len(values))
    return float(stdtr(len(values) - 1, -t))


def sign_flip(values: Floats) -> float:
    """p-value of a mean of 0 or less, for (draws,) values that are symmetric about it (Fisher 1935, section 21).

    The share of sign patterns whose mean is as large as the one observed, the observed one among them.
    """
    observed = values.sum()
    patterns = sign_patterns(len(values))
    as_large = int((patterns @ values >= observed - ROUNDING * len(values)).sum())
    if len(values) <= EXACT_FLIPS:
        return as_large / len(patterns)
    return (as_large + 1) / (len(patterns) + 1)


@functools.cache
def sign_patterns(count: int) -> NDArray[np.float64]:
    """All patterns of `count` signs, or random ones where they are too many: (patterns, count) of -1 and 1."""
    if count <= EXACT_FLIPS:
        return np.array(list(itertools.product((1.0, -1.0), repeat=count)))
    signs = np.random.default_rng(SEED).integers(0, 2, (RANDOM_FLIPS, count), dtype=np.int8)
    return signs.astype(np.float64) * 2 - 1


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number (Holm 1979); None stays None and counts for nothing.

    statsmodels' multipletests gives the same and collects garbage at every call, half the time of a report.
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    stepped = np.array([(len(known) - rank) * p for rank, (p, _) in enumerate(known)])
    corrected: list[float | None] = [None] * len(p_values)
    for (_, i), p in zip(known, np.minimum(np.maximum.accumulate(stepped), 1.0), strict=True):
        corrected[i] = float(p)
    return corrected


def draws_needed(found: Paired, margin: float, families: int = 1) -> int | None:
    """Draws with which a difference like this one would be settled with POWER; None where nothing tells.

    Inside the margin it would be shown to be equivalent, outside to be different, there corrected for `families` sizes.
    More than MOST_DRAWS are given as MOST_DRAWS.
    """
    if found.sd is None:
        return None
    away = abs(abs(found.mean) - margin)
    level = ALPHA if abs(found.mean) < margin else ALPHA / 2 / families
    # So many equal differences are needed before their signs alone can reach the level.
    fewest = max(2, math.ceil(-math.log2(level)))
    if found.sd <= ROUNDING:
        return fewest
    if away <= ROUNDING:
        return MOST_DRAWS
    from statsmodels.stats.power import TTestPower

    ladder, sd = _ladder(fewest), found.sd

    def power_of(distance: float) -> Floats:
        return np.asarray(TTestPower().power(distance / sd, np.array(ladder), level, alternative="larger"))

    power = power_of(away)
    if abs(found.mean) < margin:  # both one-sided tests have to reject (Bonferroni's bound, sharp near 1)
        power = power + power_of(margin + abs(found.mean)) - 1
    enough = np.flatnonzero(power >= POWER)
    return ladder[enough[0]] if len(enough) else MOST_DRAWS


def _ladder(fewest: int) -> list[int]:
    """Numbers of draws to try: each one up to 40, then in steps of a twentieth."""
    steps = list(range(fewest, 41))
    while steps[-1] < MOST_DRAWS:
        steps.append(min(MOST_DRAWS, math.ceil(steps[-1] * 1.05)))
    return steps
