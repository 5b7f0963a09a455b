"""One side's scores, how far they are from the exact ones, and by which formula they were computed."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from parity.compare.exact_screen import Exact, Floats, Ranks, exact_scores, ranks_of
from parity.errors import RequestError
from parity.spec.screen import WELCH_GUARD

Code = Literal[
    "tie", "missing score", "infinite score", "underflow", "rounding", "float32", "cancellation", "other statistic",
    "other rule", "unexplained",
]  # fmt: skip
Form = Literal["the two-pass formula", "the grand-mean formula", "the one-pass formula"]

ROW_ORDERS = 8
"Other orders of the rows in which a formula is tried: libraries add in different orders, so their errors differ."
SAME_SIZE = 3.0
"An error up to this many times the largest over those row orders is one that the formula makes."
SAME_ERROR = 0.01
"A formula whose value differs from a side's by at most this share of the side's error reproduces that error."
LAST_DIGITS = 1e-9
"Relative gap below which two float64 results of one quantity differ by rounding only; R's pf keeps 1e-13 or better."
ANOTHER_QUANTITY = 1e-3
"Median relative error over the columns above which no arithmetic, float32 included, computes the same statistic."
ARITHMETIC: tuple[tuple[Form, Any, Code], ...] = (
    ("the two-pass formula", np.float64, "rounding"),
    ("the grand-mean formula", np.float64, "rounding"),
    ("the one-pass formula", np.float64, "cancellation"),
    ("the two-pass formula", np.float32, "float32"),
    ("the grand-mean formula", np.float32, "float32"),
    ("the one-pass formula", np.float32, "float32"),
)
"What a side may have computed, the plainest first. Two-pass: squares of what is left after the class means. "
"Grand-mean: the same within classes, and between them squares of class mean less grand mean (genefilter's rowcolFt). "
"One-pass: sums of squares less squares of sums (scikit-learn's f_oneway)."


@dataclass(frozen=True, slots=True)
class Screened:
    """What one engine's screen selected, by feature name, and the scores as the engine contract has them, or None."""

    name: str
    selected: tuple[str, ...]
    scores: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What both sides were given, and the exact answer. x: (n, p); y: (n,)."""

    x: Floats
    y: NDArray[np.int8]
    features: tuple[str, ...]
    k: int
    exact: Exact
    ranks: Ranks

    def number(self, j: int) -> float:
        """The exact score of a column as a float64; NaN where there is none."""
        score = self.exact.scores[j]
        return math.nan if score is None else nearest_float(score)

    def text(self, j: int) -> str:
        """The exact score of a column in words, to six digits."""
        name, score = "F" if self.exact.screen == "f-test" else "Welch-like t", self.exact.scores[j]
        if not isinstance(score, Fraction):
            return f"no {name} (constant column)" if score is None else f"{name} infinite (constant in both classes)"
        near = nearest_float(score)
        in_range = sys.float_info.min <= near < math.inf or not score
        text = f"{near:.6g}" if in_range else f"{Decimal(score.numerator) / score.denominator:.6g}"
        return f"{name} = {text}{' exactly' if Fraction(text) == score else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One side by column. kept: (p,) bool. statistic, p_value: (p,), NaN for none; without scores, None.

    ranks: by the side's own scores; without any, by the exact ones.
    """

    name: str
    kept: NDArray[np.bool_]
    ranks: Ranks
    by_p: bool = False
    statistic: Floats | None = None
    p_value: Floats | None = None


def by_column(screened: Screened, case: Case) -> Scored:
    """A side's selection and scores in the order of the columns; a RequestError where they are not of these columns."""
    stray = set(screened.selected) - set(case.features)
    if stray:
        raise RequestError(f"{screened.name} selects '{min(stray)}', which is no feature of the data")
    kept = np.isin(np.array(case.features, dtype=str), np.array(screened.selected, dtype=str))
    if screened.scores is None:
        return Scored(screened.name, kept, case.ranks)
    statistic, p_value = (_numbers(screened.scores[what], screened.name, case) for what in ("statistic", "p_value"))
    by_p = screened.scores["ranked_by"] == "p_value"
    # SelectKBest puts NaN at the lowest finite number, above -inf, and R has no F of -inf: both are without a score.
    keys = [None if math.isnan(key) or key == -math.inf else key for key in (-p_value if by_p else statistic).tolist()]
    ranks = ranks_of(keys)
    return Scored(screened.name, kept, ranks, by_p, statistic, p_value)


def _numbers(values: Sequence[Any], name: str, case: Case) -> Floats:
    """(p,) floats of the contract's list, in which a missing number is None and an infinity a text."""
    if len(values) != len(case.features):
        raise RequestError(f"{name} reports {len(values)} scores for {len(case.features)} features")
    return np.array([math.nan if value is None else float(value) for value in values])


def formula_behind(case: Case, side: Scored, c: int) -> tuple[Code, str]:
    """The plainest arithmetic that makes the side's error: the very value, or errors as large in other row orders."""
    assert side.statistic is not None
    value, score = float(side.statistic[c]), case.exact.scores[c]
    truth = 0.0 if score is None else nearest_float(score)
    if _other_statistic(case, side, c):
        return "other statistic", "the statistic of the other screen"
    rng = np.random.default_rng(0)
    orders = [np.arange(len(case.y)), *(rng.permutation(len(case.y)) for _ in range(ROW_ORDERS))]
    tried = [
        (code, f"{form} in {np.dtype(dtype).name}", [_computed(case, c, order, dtype, form) for order in orders])
        for form, dtype, code in ARITHMETIC
    ]
    same = [any(_same(value, v, truth) for v in values) for _, _, values in tried]
    as_large = [abs(value - truth) <= SAME_SIZE * _largest(values, truth) for _, _, values in tried]
    # A formula that in some order errs by the whole value keeps no digit: its F can be anything, infinite or NaN too.
    lost = [any(math.isinf(v) or abs(v - truth) > truth for v in values) for _, _, values in tried]
    # That another formula has the same last digits says nothing where the plainest one errs as much.
    plain = [code == "rounding" and (same[i] or as_large[i]) for i, (code, _, _) in enumerate(tried)]
    for fits in (plain, same, as_large, lost):
        if any(fits):
            return tried[fits.index(True)][:2]
    return "unexplained", ""


def _same(value: float, other: float, truth: float) -> bool:
    """Whether a formula's value has the side's error: all but SAME_ERROR of it, or the same lack of a number."""
    if math.isfinite(value) and math.isfinite(other):
        return abs(value - other) <= SAME_ERROR * abs(value - truth)
    return value == other or (math.isnan(value) and math.isnan(other))


def _largest(values: Sequence[float], truth: float) -> float:
    return max((abs(value - truth) for value in values if math.isfinite(value)), default=-math.inf)


def _computed(case: Case, c: int, order: NDArray[np.int64], dtype: Any, form: Form) -> float:
    """The statistic of one column by one formula in one precision, with the rows in the given order."""
    one_pass = form == "the one-pass formula"
    with np.errstate(all="ignore"):
        column, y = case.x[order, c].astype(dtype), case.y[order]
        n = len(column)
        zeros, ones = column[y == 0], column[y == 1]
        n0, n1 = dtype(len(zeros)), dtype(len(ones))
        if case.exact.screen == "welch-like":
            v0, v1 = (((g * g).mean() - g.mean() ** 2) if one_pass else g.var() for g in (zeros, ones))
            return float(abs(ones.mean() - zeros.mean()) / (np.sqrt(v0 / n0 + v1 / n1) + dtype(WELCH_GUARD)))
        if one_pass:
            s0, s1 = zeros.sum(), ones.sum()
            correction = (s0 + s1) ** 2 / dtype(n)
            between = s0**2 / n0 + s1**2 / n1 - correction
            within = (zeros * zeros).sum() + (ones * ones).sum() - correction - between
        else:
            apart = ones.mean() - zeros.mean(), zeros.mean() - column.mean(), ones.mean() - column.mean()
            between = apart[0] ** 2 * n0 * n1 / dtype(n)
            if form == "the grand-mean formula":
                between = n0 * apart[1] ** 2 + n1 * apart[2] ** 2
            within = ((zeros - zeros.mean()) ** 2).sum() + ((ones - ones.mean()) ** 2).sum()
        return float(between / (within / dtype(n - 2)))


def _other_statistic(case: Case, side: Scored, c: int) -> bool:
    """Whether a side that is far from the specification's statistic has the other screen's, on c as elsewhere."""
    assert side.statistic is not None
    if _median_error(side, case.exact) <= ANOTHER_QUANTITY:
        return False
    other = exact_scores(case.x, case.y, "f-test" if case.exact.screen == "welch-like" else "welch-like")
    here = bool(other.scores[c]) and _relative(float(side.statistic[c]), other.scores[c]) <= LAST_DIGITS
    return here and _median_error(side, other) <= LAST_DIGITS


def _median_error(side: Scored, exact: Exact) -> float:
    assert side.statistic is not None
    errors = [
        _relative(float(u), s) for u, s in zip(side.statistic, exact.scores, strict=True) if isinstance(s, Fraction)
    ]
    return float(np.median(errors)) if errors else 0.0


def relative_error(case: Case, side: Scored, c: int) -> float:
    """Relative error of a side's statistic; 0 where it rightly has none, infinite where one of the two has none."""
    return 0.0 if side.statistic is None else _relative(float(side.statistic[c]), case.exact.scores[c])


def _relative(value: float, score: Fraction | float | None) -> float:
    if not isinstance(score, Fraction) or not math.isfinite(value):
        right = math.isnan(value) if score is None else value == score
        return 0.0 if right else math.inf
    return nearest_float(abs(Fraction(value) - score) / (score or 1))


def nearest_float(score: Fraction | float) -> float:
    """The nearest float64, infinite beyond its range."""
    try:
        return float(score)
    except OverflowError:
        return math.inf
