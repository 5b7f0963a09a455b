"""The exact screen has the statistics of SciPy and of the rebuttal, in fractions that no unit or rounding changes."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from parity.compare.exact_screen import exact_ranks, exact_scores, log10_p
from parity.errors import RequestError

Y = np.array([0, 0, 0, 1, 1, 1], np.int8)
BEST = np.array([0, 1, 2, 10, 11, 12.0])
CONSTANT = np.full(6, 7.0)
SPLIT = Y * 3.0


def test_exact_f_is_scipys_on_ordinary_columns():
    x = np.random.default_rng(0).normal(size=(30, 50))
    y = np.random.default_rng(1).permutation(np.repeat([0, 1], [12, 18])).astype(np.int8)
    f = [float(score) for score in exact_scores(x, y, "f-test").scores]
    assert f == pytest.approx(stats.f_oneway(x[y == 0], x[y == 1]).statistic, rel=1e-9)
    assert f == pytest.approx(stats.ttest_ind(x[y == 0], x[y == 1]).statistic ** 2, rel=1e-9)


def test_exact_f_of_pixels_and_of_general_floats_agree():
    x = np.random.default_rng(0).integers(0, 256, (85, 784)).astype(float)
    y = np.random.default_rng(1).permutation(np.repeat([0, 1], [40, 45])).astype(np.int8)
    # Halves are no integers: the general path, the same F.
    assert exact_scores(x / 512, y, "f-test") == exact_scores(x, y, "f-test")


def test_a_known_f_is_an_exact_fraction_and_states_are_told_apart():
    exact = exact_scores(np.column_stack([BEST, CONSTANT, SPLIT, np.full(6, 0.1)]), Y, "f-test")
    # Means 1 and 11: between 6/4 * 100 = 150 on 1 df, within 2 + 2 = 4 on 4 df.
    assert exact.scores == (Fraction(150), None, math.inf, None)
    assert exact.states == ("scored", "constant", "constant within classes", "constant")
    ranks = exact_ranks(exact)
    assert ranks.first.tolist() == [2, 3, 1, 3]
    assert ranks.last.tolist() == [2, 4, 1, 4]


def test_exact_welch_like_is_the_rebuttals_formula_and_ties_are_exact():
    x = np.random.default_rng(0).normal(size=(9, 20))
    y = np.array([0] * 4 + [1] * 5, np.int8)
    a, b = x[y == 0], x[y == 1]
    t = np.abs(a.mean(0) - b.mean(0)) / (np.sqrt(a.var(0) / 4 + b.var(0) / 5) + 1e-6)
    exact = exact_scores(np.column_stack([x, x[:, 0], x[:, 0] * -1, np.full(9, 2.5)]), y, "welch-like")
    assert [float(score) for score in exact.scores[:20]] == pytest.approx(t, rel=1e-12)
    assert exact.scores[0] == exact.scores[20] == exact.scores[21]
    assert exact.scores[22] == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(-200, 200))
def test_exact_f_does_not_depend_on_the_unit(seed: int, power: int):
    x = np.random.default_rng(seed).normal(size=(6, 5))
    assert exact_scores(x * 2.0**power, Y, "f-test") == exact_scores(x, Y, "f-test")


def test_the_p_value_is_scipys_where_float64_holds_it_and_goes_on_below():
    for f, within in ((0.3, 4), (12.5, 8), (900.0, 83)):
        assert log10_p(Fraction(f), within) == pytest.approx(math.log10(stats.f.sf(f, 1, within)), rel=1e-12)
    assert stats.f.sf(1e6, 1, 198) == 0
    # The leading term is x^99 with x = 198 / (198 + F): each factor 10 of F takes 99 digits.
    assert log10_p(Fraction(10**9), 198) - log10_p(Fraction(10**8), 198) == pytest.approx(-99, abs=1e-3)


def test_one_class_alone_or_values_that_are_not_finite_are_refused_in_one_line():
    with pytest.raises(RequestError, match="rows of both classes"):
        exact_scores(BEST[:, None], np.zeros(6, np.int8), "f-test")
    with pytest.raises(RequestError, match="finite values"):
        exact_scores(np.column_stack([BEST, np.full(6, np.inf)]), Y, "f-test")
