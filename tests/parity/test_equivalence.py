"""The tests of equivalence and difference are statsmodels', SciPy's and R's, and keep their level on real curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from parity.compare.curves import mcnemar
from parity.compare.equivalence import (
    ALPHA,
    DISTINCT,
    MOST_DRAWS,
    POWER,
    Paired,
    against,
    draws_needed,
    holm,
    lumpy,
    paired,
    sign_flip,
    sign_patterns,
)

MARGIN = 0.01


def differences(mean: float, sd: float, draws: int = 20, seed: int = 0) -> np.ndarray:
    """Differences with exactly this mean and standard deviation."""
    drawn = np.random.default_rng(seed).normal(size=draws)
    return mean + sd * (drawn - drawn.mean()) / drawn.std(ddof=1)


@pytest.mark.parametrize("mean", [-0.03, -0.01, -0.004, 0.0, 0.004, 0.01, 0.03])
@pytest.mark.parametrize("draws", [2, 5, 20])
def test_the_test_of_equivalence_is_statsmodels_ttost_paired(mean: float, draws: int):
    rng = np.random.default_rng(draws)
    left = rng.uniform(0.8, 1, draws)
    right = left + differences(mean, 0.008, draws)
    # With two draws the sign-flip test has a say, which ttost_paired knows nothing of.
    expected, _, _ = ttost_paired(left, right, -MARGIN, MARGIN)
    found = against(MARGIN, right - left)
    if found.check:
        assert found.equivalent is not None and found.equivalent >= expected
    else:
        assert found.equivalent == pytest.approx(expected, rel=1e-9)


def test_the_interval_shown_is_the_one_that_the_test_of_equivalence_stands_for():
    for mean in np.linspace(-0.02, 0.02, 41):
        values = differences(mean, 0.012)
        found, p = paired(values), against(MARGIN, values).equivalent
        assert found.low is not None and found.high is not None and p is not None
        assert (p <= ALPHA) == (found.low > -MARGIN and found.high < MARGIN)
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.9)
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_a_difference_that_is_real_and_within_the_margin_is_no_difference():
    values = differences(0.005, 0.001)
    assert stats.ttest_1samp(values, 0).pvalue < 1e-10
    found = against(MARGIN, values)
    assert found.different == 1.0 and found.equivalent is not None and found.equivalent < 1e-10


def test_the_test_of_difference_is_a_t_test_against_the_margin_doubled_for_its_two_sides():
    values = differences(0.02, 0.015)
    expected = 2 * stats.ttest_1samp(values, MARGIN, alternative="greater").pvalue
    assert against(MARGIN, values).different == pytest.approx(expected, rel=1e-9)
    assert against(MARGIN, -values).different == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("draws", [3, 8, 12])
def test_the_sign_flip_test_is_scipys_permutation_test(draws: int):
    values = np.round(differences(0.004, 0.01, draws), 3)
    theirs = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert sign_flip(values) == pytest.approx(theirs.pvalue, rel=1e-12)


def test_random_sign_patterns_come_near_the_exact_p_value():
    values = np.round(differences(0.003, 0.01, 16), 3)
    theirs = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    error = math.sqrt(theirs.pvalue * (1 - theirs.pvalue) / len(sign_patterns(16)))
    assert sign_flip(values) == pytest.approx(theirs.pvalue, abs=4 * error)


def test_equal_accuracies_in_four_draws_settle_nothing_and_in_five_they_do():
    four, five = against(MARGIN, np.zeros(4)), against(MARGIN, np.zeros(5))
    assert (four.equivalent, five.equivalent) == (1 / 16, 1 / 32)
    assert four.check == five.check == "sign flips"
    assert draws_needed(paired(np.zeros(4)), MARGIN) == 5


def test_one_draw_has_no_interval_and_no_p_value():
    found = paired(np.array([0.02]))
    assert (found.mean, found.sd, found.low, found.high) == (0.02, None, None, None)
    assert against(MARGIN, np.array([0.02])).equivalent is None
    assert draws_needed(found, MARGIN) is None


def test_one_draw_in_twenty_that_fails_altogether_makes_the_differences_lumpy():
    values = np.zeros(20)
    values[3] = -0.5
    assert lumpy(values) and not lumpy(differences(0, 0.01))
    found = against(MARGIN, values)
    assert found.equivalent is not None and found.equivalent > ALPHA


def test_the_larger_p_value_counts_where_differences_are_lumpy():
    rng = np.random.default_rng(5)
    for _ in range(50):
        values = rng.choice([0.0, 0.002, 0.004], size=20)
        assert len(np.unique(values)) < DISTINCT
        found = against(MARGIN, values)
        by_t, _, _ = ttost_paired(values, np.zeros(20), -MARGIN, MARGIN)
        assert found.equivalent is not None
        assert found.equivalent == pytest.approx(max(by_t, sign_flip(values + MARGIN), sign_flip(MARGIN - values)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(deadline=None)
def test_holms_correction_is_statsmodels(p_values: list[float]):
    expected = multipletests(p_values, method="holm")[1]
    assert holm([*p_values, None]) == [*(pytest.approx(p, rel=1e-12) for p in expected), None]


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_mcnemars_exact_test_is_statsmodels(left_only: int, right_only: int):
    if left_only + right_only:
        theirs = mcnemar_of_statsmodels([[5, left_only], [right_only, 7]], exact=True).pvalue
        assert mcnemar(left_only, right_only) == pytest.approx(theirs, rel=1e-9)
    else:
        assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(("mean", "sd"), [(0.002, 0.02), (0.0, 0.03), (0.008, 0.005), (-0.004, 0.04)])
def test_the_draws_that_are_named_are_those_of_statsmodels_power_analysis(mean: float, sd: float):
    power = TTestPower()
    far, near = (MARGIN + abs(mean)) / sd, (MARGIN - abs(mean)) / sd
    named = draws_needed(Paired(20, mean, sd, None, None), MARGIN)
    both = [sum(power.power(e, n, ALPHA, alternative="larger") for e in (near, far)) - 1 for n in range(5, 1000)]
    fewest = next(n for n, reached in enumerate(both, start=5) if reached >= POWER)
    assert named is not None and fewest <= named <= math.ceil(fewest * 1.05) + 1


def test_so_many_draws_as_are_named_settle_it_about_as_often_as_promised():
    rng = np.random.default_rng(11)
    for mean in (0.0, 0.03):
        sd = 0.02
        count = draws_needed(Paired(20, mean, sd, None, None), MARGIN)
        assert count is not None and 5 <= count < 60
        found = [against(MARGIN, rng.normal(mean, sd, count)) for _ in range(400)]
        settled = np.mean([(f.equivalent if mean == 0 else f.different) <= ALPHA for f in found])
        assert settled >= POWER - 3 * math.sqrt(POWER * (1 - POWER) / 400)


def test_a_gap_as_large_as_the_margin_is_never_settled():
    assert draws_needed(Paired(20, MARGIN, 0.01, None, None), MARGIN) == MOST_DRAWS
    assert draws_needed(Paired(20, MARGIN * 1.0001, 0.5, None, None), MARGIN) == MOST_DRAWS


@pytest.mark.parametrize("scatter", [0.002, 0.01, 0.03])
def test_a_gap_of_the_margin_itself_is_called_equivalent_or_different_in_one_of_twenty(scatter: float):
    rng = np.random.default_rng(int(scatter * 1e4))
    found = [against(MARGIN, rng.normal(MARGIN, scatter, 20)) for _ in range(1000)]
    bound = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 1000)
    assert np.mean([f.equivalent <= ALPHA for f in found]) <= bound
    assert np.mean([f.different <= ALPHA for f in found]) <= bound
