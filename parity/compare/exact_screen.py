"""The neutral screen in exact arithmetic: the score of every column, its ranks, and p-values below float64's range."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from parity.errors import RequestError
from parity.spec.screen import WELCH_GUARD

Floats = NDArray[np.float64]
State = Literal["scored", "constant", "constant within classes"]

SQUARE_ROOT_DIGITS = 50
"Decimal digits of a Welch-like score, which holds a square root: 34 more than float64, so equal digits are a tie."


@dataclass(frozen=True, slots=True)
class Exact:
    """The neutral screen in exact arithmetic.

    scores: one per column. A Fraction; math.inf for F of a column that is constant within both classes but not between;
    None for F of a constant column. The Welch-like score has a guard and is always a Fraction, to SQUARE_ROOT_DIGITS.
    rows: n. screen: as the specification calls it.
    """

    scores: tuple[Fraction | float | None, ...]
    rows: int
    screen: str

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(
            "constant" if s is None else "constant within classes" if s == math.inf else "scored" for s in self.scores
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """Ranks 1 to p, best first. first, last: (p,) the ranks that a column's tie group takes up; scoreless ones last."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def mean(self) -> Floats:
        return (self.first + self.last) / 2


def exact_scores(x: NDArray[Any], y: NDArray[np.int8], screen: str) -> Exact:
    """The statistic of every column, exactly. x: (n, p) of finite float64, which are rationals; y: (n,) of 0 and 1.

    With sums S0, S1 over the n0 and n1 rows of the classes and the sum Q of all squares,
    F = (n - 2) (n0 S1 - n1 S0)^2 / (n (n0 n1 Q - n1 S0^2 - n0 S1^2)): integers where x is scaled to integers.
    """
    n0, n1 = (int((y == label).sum()) for label in (0, 1))
    if min(n0, n1) == 0:
        raise RequestError("a screen needs rows of both classes")
    x = np.asarray(x, dtype=np.float64)
    if not np.isfinite(x).all():
        raise RequestError("a screen needs finite values; x has NaN or infinite ones")
    whole, exponents = _integers(x)
    zeros, ones = whole[y == 0], whole[y == 1]
    s0, s1 = zeros.sum(axis=0), ones.sum(axis=0)
    between = (n0 * s1 - n1 * s0).tolist()
    spread0, spread1 = n0 * (zeros * zeros).sum(axis=0) - s0 * s0, n1 * (ones * ones).sum(axis=0) - s1 * s1
    scores: list[Fraction | float | None]
    if screen == "welch-like":
        scores = [
            _welch_like(Fraction(d, n0 * n1), Fraction(v0, n0**3) + Fraction(v1, n1**3), Fraction(2) ** e)
            for d, v0, v1, e in zip(between, spread0.tolist(), spread1.tolist(), exponents, strict=True)
        ]
    else:
        n, within = n0 + n1, (n1 * spread0 + n0 * spread1).tolist()
        scores = [
            Fraction((n - 2) * d * d, n * w) if w else math.inf if d else None
            for d, w in zip(between, within, strict=True)
        ]
    return Exact(tuple(scores), n0 + n1, screen)


def _integers(x: Floats) -> tuple[NDArray[Any], list[int]]:
    """Integers (n, p) and one exponent per column with x = integers * 2^exponent."""
    largest = float(np.abs(x).max(initial=0))
    # The largest product above is (n0 S1 - n1 S0)^2, and n^2 max|x| bounds what is squared.
    if len(x) ** 2 * largest < 2**31 and (x == np.rint(x)).all():
        return x.astype(np.int64), [0] * x.shape[1]
    fraction, exponent = np.frexp(x)
    mantissa = np.ldexp(fraction, 53).astype(np.int64)
    lowest = np.where(mantissa == 0, 2000, exponent - 53).min(axis=0)  # above every exponent of a float64
    shift = np.where(mantissa == 0, 0, exponent - 53 - lowest)
    return mantissa.astype(object) << shift.astype(object), [int(e) for e in lowest]


def _welch_like(difference: Fraction, variance: Fraction, unit: Fraction) -> Fraction:
    """|d| / (sqrt(v) + guard), in decimal arithmetic with ten digits more than are kept."""
    difference, variance = abs(difference) * unit, variance * unit**2
    with localcontext() as context:
        context.prec = SQUARE_ROOT_DIGITS + 10
        error = (Decimal(variance.numerator) / variance.denominator).sqrt() + Decimal(WELCH_GUARD)
        score = Decimal(difference.numerator) / difference.denominator / error
        context.prec = SQUARE_ROOT_DIGITS
        return Fraction(+score)


def exact_ranks(exact: Exact) -> Ranks:
    """Ranks by the exact scores, so that only what is really tied is tied."""
    return ranks_of(exact.scores)


def ranks_of(scores: Sequence[Any]) -> Ranks:
    """Ranks of scores of which larger is better and None is none."""
    counts = Counter(scores)
    missing, after, groups = counts.pop(None, 0), 0, {}
    for value in sorted(counts, reverse=True):
        groups[value] = (after + 1, after := after + counts[value])
    groups[None] = (after + 1, after + missing)
    first, last = zip(*(groups[value] for value in scores), strict=True)
    return Ranks(np.array(first), np.array(last))


def log10_p(f: Fraction, within: int) -> float:
    """log10 of the p-value of F on 1 and `within` degrees of freedom, also where the p-value underflows.

    p = I_x(a, 1/2) = x^a 2F1(a, 1/2; a + 1; x) / (a B(a, 1/2)) with a = within/2 and x = within / (within + F)
    (DLMF 8.17.7 and 15.2.1).
    """
    from scipy import special

    a, x = within / 2, within / (within + f)
    log_x = math.log(x.numerator) - math.log(x.denominator)
    log_p = a * log_x - math.log(a) - special.betaln(a, 0.5) + math.log(special.hyp2f1(a, 0.5, a + 1, float(x)))
    return float(log_p / math.log(10))
