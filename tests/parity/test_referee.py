"""The referee's scores are the ones that scikit-learn and R give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.compare.baselines import baseline_accuracies, centre
from parity.compare.referee import ClassScore, class_scores, point, score
from parity.data import Data, Source, load
from parity.spec.protocol import Draw, make_draws
from parity.spec.study import preset


def test_log_loss_and_accuracy_equal_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200).astype(np.int8)
    probability = rng.uniform(size=200)
    probability[:2] = 0, 1
    label = (probability > 0.3).astype(np.int8)
    scored = score(label, probability, truth)
    assert scored.log_loss == pytest.approx(metrics.log_loss(truth, probability), rel=1e-12)
    assert scored.accuracy == metrics.accuracy_score(truth, label)
    assert scored.accuracy_by_probability == metrics.accuracy_score(truth, probability > 0.5)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=12))
def test_precision_recall_and_f1_equal_scikit_learns_and_are_none_where_it_has_no_denominator(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    label, truth = np.array(rows, np.int8).T
    theirs = metrics.precision_recall_fscore_support(truth, label, labels=[0, 1], zero_division=np.nan)[:3]
    for ours, *each in zip(class_scores(label, truth), *theirs, strict=True):
        expected = [None if np.isnan(value) else pytest.approx(value, rel=1e-15) for value in each]
        assert [ours.precision, ours.recall, ours.f1] == expected


def test_a_class_that_nobody_has_is_not_scored_as_zero():
    ones = np.ones(3, np.int8)
    assert class_scores(ones, ones) == (ClassScore(None, None, None), ClassScore(1.0, 1.0, 1.0))
    zeros = np.zeros(3, np.int8)
    assert class_scores(zeros, ones) == (ClassScore(0.0, None, 0.0), ClassScore(None, 0.0, 0.0))


def test_fitted_values_of_least_squares_have_no_log_loss():
    truth = np.array([0, 1], np.int8)
    assert score(truth, np.array([-0.1, 1.0]), truth).log_loss is None


def test_quantiles_are_rs_type_7():
    # R: quantile(c(0.1, 0.5, 0.6, 0.9, 0.95), c(0.1, 0.9)) gives 0.26 and 0.93
    made = point(10, [0.1, 0.5, 0.6, 0.9, 0.95])
    assert (made.p10, made.p90) == (pytest.approx(0.26), pytest.approx(0.93))
    assert made.sd == pytest.approx(np.std([0.1, 0.5, 0.6, 0.9, 0.95], ddof=1))
    assert point(10, [0.7]).sd is None


def test_one_pixel_in_the_middle_is_as_good_as_the_rebuttals_thread_said():
    data = load(Source("mnist01"))
    draws = make_draws(preset("leek2017").protocol, data)
    scores = [baseline_accuracies(data, draw, draws.test)["centre-pixel"] for draw in draws.train]
    assert np.mean(scores) > 0.98
    assert centre(784) == 14 * 28 + 14


def test_baselines_follow_the_direction_of_the_class_means():
    x = np.array([[9.0], [8], [1], [2], [7], [0]])
    data = Data("d", x, np.array([0, 0, 1, 1, 0, 1], np.int8), ("a",), "")
    scores = baseline_accuracies(data, Draw(4, 0, np.arange(4), 1), np.array([4, 5]))
    assert scores["best-single-pixel"] == 1.0
    assert scores["class-prior"] == 0.5
    assert not math.isnan(scores["centre-pixel"])
