"""How close two sides are over draws, from bit for bit to different."""

import numpy as np
import pytest

from parity.explain.closeness import Fitted, Level, closeness

TRUTH = np.arange(400) % 2
RNG = np.random.default_rng(8)


def fitted(wrong: int, shift: float = 0.0) -> Fitted:
    label = TRUTH.copy()
    label[:wrong] = 1 - label[:wrong]
    probability = np.where(label == 1, 0.9, 0.1) + shift
    return Fitted(label.astype(np.int8), probability, float((label == TRUTH).mean()), 0.1)


def level(left, right, margin=0.01, tolerance=1e-6):
    return closeness(left, right, margin, [tolerance] * len(left)).level


def test_equal_answers_are_identical_and_rounding_is_within_tolerance():
    assert level([fitted(3)] * 4, [fitted(3)] * 4) is Level.IDENTICAL
    assert level([fitted(3)] * 4, [fitted(3, 1e-9)] * 4) is Level.WITHIN_TOLERANCE


def test_another_label_is_never_within_tolerance():
    assert level([fitted(0)] * 20, [fitted(1)] * 20, tolerance=1.0) is Level.EQUIVALENT


def test_one_draw_off_by_more_than_rounding_is_enough():
    left, right = [fitted(0)] * 20, [*[fitted(0)] * 19, fitted(0, 0.05)]

    assert level(left, right) is Level.EQUIVALENT


def test_a_gap_beyond_the_margin_is_different_and_a_scattered_one_open():
    wrong = RNG.integers(20, 40, 20)

    assert level([fitted(0)] * 20, [fitted(int(w)) for w in wrong]) is Level.DIFFERENT
    assert level([fitted(0)] * 4, [fitted(w) for w in (0, 20, 0, 8)]) is Level.OPEN


def test_a_gap_below_the_margin_that_is_no_chance_is_still_there_to_be_explained():
    # Half the draws at 0.005, half at 0.020: the mean is 0.0125 and its interval holds the margin.
    found = closeness([fitted(0)] * 20, [fitted(w) for w in (2, 8) * 10], 0.01, [1e-6] * 20)

    assert found.level is Level.OPEN and found.apart_in_accuracy
    assert found.gap.mean == pytest.approx(-0.0125)


def test_values_that_are_not_finite_agree_with_their_like_alone():
    one, two = fitted(0), fitted(0)
    one.probability[0] = two.probability[0] = np.inf

    assert level([one] * 2, [two] * 2) is Level.IDENTICAL
    two.probability[0] = -np.inf
    assert closeness([one] * 2, [two] * 2, 0.01, [1e-6] * 2).apart == np.inf


def test_fits_that_cannot_be_paired_are_refused():
    with pytest.raises(ValueError, match="0 and 0 fits"):
        closeness([], [], 0.01, [])
