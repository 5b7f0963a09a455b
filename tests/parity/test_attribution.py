"""Shapley shares, interactions and intervals: against published games, all orders, and SciPy's bootstrap."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.explain.attribution import effect, interactions, orders, prefixes, sets_of, shapley, shares_of


def game(values, players):
    return {s: np.array([float(values(s))]) for s in sets_of(players)}


def test_the_glove_game_is_shared_out_as_textbooks_have_it():
    # One left glove (0) and two right ones: a pair is worth 1. Shapley value (2/3, 1/6, 1/6).
    worth = game(lambda s: 0 in s and len(s) > 1, 3)

    assert shapley(worth, 3)[0] == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_the_airport_game_is_shared_out_as_littlechild_and_owen_have_it():
    # Littlechild and Owen 1973: a runway costs as much as its largest aeroplane needs; costs 12, 20, 33.
    costs = [12, 20, 33]
    worth = game(lambda s: max((costs[i] for i in s), default=0), 3)

    assert shapley(worth, 3)[0] == pytest.approx([4, 8, 21])


def test_two_that_only_work_together_interact_by_all_they_are_worth():
    worth = game(lambda s: {0, 1} <= s, 3)

    found = interactions(worth, 3)

    assert found[0, 1][0] == pytest.approx(1)
    assert found[0, 2][0] == found[1, 2][0] == pytest.approx(0)


worths = st.lists(st.floats(-1, 1), min_size=16, max_size=16)


@given(worths)
def test_shares_add_up_to_the_worth_of_all_and_are_the_mean_over_all_orders(values):
    worth = {s: np.array([value]) for s, value in zip(sets_of(4), values, strict=True)}

    shares = shapley(worth, 4)[0]

    assert shares.sum() == pytest.approx(worth[frozenset(range(4))][0] - worth[frozenset()][0])
    every = [shares_of(o, [worth[s][0] for s in prefixes(o)]) for o in itertools.permutations(range(4))]
    assert shares == pytest.approx(np.mean(every, axis=0))


@given(worths)
def test_what_never_adds_anything_has_no_share(values):
    without = dict(zip(sets_of(3), values, strict=False))
    worth = {s: np.array([without[s - {3}]]) for s in sets_of(4)}

    assert shapley(worth, 4)[0, 3] == pytest.approx(0)


def test_every_sampled_order_is_followed_by_its_reverse():
    sampled = orders(9, 4, seed=1)

    assert sampled[1] == sampled[0][::-1] and sampled[3] == sampled[2][::-1]
    assert sampled[0] != sampled[2]
    assert sampled == orders(9, 4, seed=1)


def test_the_interval_is_scipy_s_percentile_bootstrap_at_hesterberg_s_level():
    from scipy.stats import bootstrap, norm, t

    values = np.random.default_rng(3).normal(0.02, 0.05, 20)
    level = 1 - 2 * norm.cdf(np.sqrt(20 / 19) * t.ppf(0.05, 19))
    theirs = bootstrap((values,), np.mean, n_resamples=9999, confidence_level=level, method="percentile", rng=0)

    found = effect(values)

    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=2e-3)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=2e-3)
    assert found.mean == pytest.approx(values.mean())


@pytest.mark.parametrize("draws", [4, 8, 20])
def test_the_interval_of_few_draws_holds_the_mean_as_often_as_it_says(draws):
    samples = np.random.default_rng(draws).normal(0.02, 0.05, (1_000, draws))

    found = [effect(values) for values in samples]

    held = np.mean([each.low <= 0.02 <= each.high for each in found])
    assert 0.87 <= held <= 0.93, "plain percentiles hold it 76 % of the time with 4 draws, and 85 % with 8"


def test_an_effect_that_is_the_same_on_every_draw_has_no_width_and_a_sign_that_draws_make_sure_of():
    found = effect(np.full(20, 0.01))

    assert found.low == found.high == pytest.approx(0.01)
    assert found.p < 1e-3
    assert effect(np.zeros(20)).p == 1.0
