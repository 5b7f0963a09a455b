"""The neutral screen: the features of smallest p-value, in float64, for engines that have no screen of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.errors import RequestError
from parity.spec.models import Leekasso, Linear

WELCH_GUARD = 1e-6
"Added to the denominator of the Welch-like t, as the 2017 rebuttal did: a column that is constant within both classes "
"then scores high instead of dividing by zero."


def neutral_screen(spec: Leekasso | Linear, x: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.int64]:
    """Column numbers that the specification selects, ascending.

    x: (n, p). y: (n,) of 0 and 1. With ties "average" a column is kept where the mean rank of its p-value is at most k,
    so that 0 to 2 k - 1 columns come back: R's `which(rank(p) <= k)`, except that a column without variance, which has
    no p-value, is never kept. With "first" exactly min(k, p) columns come back.
    """
    if spec.k is None:
        return np.arange(x.shape[1])
    badness = -_statistic(spec.screen, np.asarray(x, dtype=np.float64), y)
    # A column without variance has no p-value and comes last, as missing values do in R's rank().
    badness = np.where(np.isnan(badness), np.inf, badness)
    if spec.ties == "average":
        from scipy import stats  # half a second that a worker without a screen need not spend

        missing = np.isinf(badness) & (badness > 0)
        ranks = stats.rankdata(badness, method="average")
        return np.flatnonzero((ranks <= spec.k) & ~missing)
    return np.sort(np.argsort(badness, kind="stable")[: spec.k])


def _statistic(screen: str, x: NDArray[np.float64], y: NDArray[np.int8]) -> NDArray[np.float64]:
    """Statistic per column, (p,), monotone in the p-value: larger is more significant; NaN where undefined."""
    zeros, ones = x[y == 0], x[y == 1]
    if min(len(zeros), len(ones)) == 0:
        raise RequestError("a screen needs rows of both classes")
    between = ones.mean(axis=0) - zeros.mean(axis=0)
    if screen == "welch-like":
        standard_error = np.sqrt(zeros.var(axis=0) / len(zeros) + ones.var(axis=0) / len(ones))
        return np.asarray(np.abs(between) / (standard_error + WELCH_GUARD))
    # Equal-variance F = t^2 with the same degrees of freedom in every column, so its order is that of the p-values.
    within = zeros.var(axis=0) * len(zeros) + ones.var(axis=0) * len(ones)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(between**2 / within)
