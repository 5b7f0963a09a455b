"""The neutral screen selects what the specification says, ties and missing values included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from parity.data import Source, load
from parity.spec.models import Leekasso
from parity.spec.protocol import make_draws
from parity.spec.screen import neutral_screen
from parity.spec.study import preset

Y = np.array([0, 0, 0, 1, 1, 1], np.int8)


def test_it_selects_the_smallest_p_values_of_scipys_t_test_on_real_draws():
    data = load(Source("mnist01"))
    for draw in make_draws(preset("leek2017").protocol, data).train[::8]:
        x, y = data.x[draw.rows].astype(float), data.y[draw.rows]
        with np.errstate(invalid="ignore", divide="ignore"):
            p_value = stats.ttest_ind(x[y == 0], x[y == 1]).pvalue
        selected = neutral_screen(Leekasso(), x, y)
        assert len(selected) <= 10
        worst = p_value[selected].max()
        assert (np.delete(p_value, selected)[~np.isnan(np.delete(p_value, selected))] >= worst * (1 - 1e-9)).all()


def test_tied_features_that_straddle_the_cut_are_all_left_out_with_average_ranks():
    best = np.array([0, 1, 2, 10, 11, 12.0])
    tied = np.array([0, 3, 1, 2, 5, 4.0])
    x = np.column_stack([tied, best, tied, tied])
    assert neutral_screen(Leekasso(k=2), x, Y).tolist() == [1]  # ranks 3, 1, 3, 3
    assert neutral_screen(Leekasso(k=3), x, Y).tolist() == [0, 1, 2, 3]
    assert neutral_screen(Leekasso(k=2, ties="first"), x, Y).tolist() == [0, 1]


def test_a_constant_column_is_never_selected_and_a_perfect_one_always_is():
    x = np.column_stack([np.full(6, 7.0), Y.astype(float), np.array([1, 2, 1, 2, 1, 3.0])])
    assert neutral_screen(Leekasso(k=2), x, Y).tolist() == [1, 2]
    assert neutral_screen(Leekasso(k=3), x, Y).tolist() == [1, 2]


def test_the_rebuttals_welch_like_statistic_is_its_published_formula():
    x = np.random.default_rng(0).normal(size=(6, 5))
    a, b = x[Y == 0], x[Y == 1]
    t = np.abs(a.mean(0) - b.mean(0)) / (np.sqrt(a.var(0) / 3 + b.var(0) / 3) + 1e-6)
    chosen = neutral_screen(Leekasso(k=2, screen="welch-like", ties="first"), x, Y)
    assert set(chosen) == set(np.argsort(-t)[:2])


@settings(deadline=None)
@given(arrays(np.float64, (6, 5), elements=st.integers(0, 3).map(float)), st.integers(1, 5))
def test_ties_first_always_keeps_k_and_average_at_most_2k_less_one(x: np.ndarray, k: int):
    assert len(neutral_screen(Leekasso(k=k, ties="first"), x, Y)) == k
    # Features tied at ranks a to b have the mean rank (a + b) / 2: all of them are kept where that is at most k.
    assert len(neutral_screen(Leekasso(k=k), x, Y)) <= max(2 * k - 1, k)


def test_ties_average_can_keep_more_than_k_as_rs_rank_does():
    # R: which(rank(c(.1, .2, .3, .3, .3)) <= 4) gives all five.
    best = np.array([0.0, 0, 0, 1, 1, 1])
    good = np.array([0.0, 0, 1, 1, 1, 1])
    tied = np.array([0.0, 1, 1, 1, 1, 1])
    x = np.column_stack([best + 0.1 * good, good, tied, tied, tied])
    assert neutral_screen(Leekasso(k=4), x, Y).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_the_order_does_not_depend_on_the_unit(scale: float):
    x = np.random.default_rng(1).normal(size=(6, 8))
    assert neutral_screen(Leekasso(k=3), x * scale, Y).tolist() == neutral_screen(Leekasso(k=3), x, Y).tolist()
