"""What is done to a fit from outside: rows, labels, columns, scaling, cuts, and what of it a cell's key covers."""

import numpy as np
import pytest

from parity.spec.intervention import LARGEST_F1, NOTHING, Intervention, largest_f1

RNG = np.random.default_rng(5)
TRAIN = {
    "x": RNG.integers(0, 255, (6, 4)).astype(float),
    "y": np.array([0, 1, 0, 1, 0, 1]),
    "features": ["a", "b", "c", "d"],
    "rows": np.arange(6),
}
TEST = {"x": RNG.integers(0, 255, (3, 4)).astype(float), "features": ["a", "b", "c", "d"], "rows": np.arange(6, 9)}


def test_nothing_leaves_rows_as_they_are_and_no_trace_in_a_key():
    train, test = NOTHING.given(TRAIN, TEST)

    assert (train["x"] == TRAIN["x"]).all() and (test["x"] == TEST["x"]).all()
    assert NOTHING.identity == {} and NOTHING.keeps_inputs and NOTHING.options(TRAIN["features"]) == {}


def test_standardising_from_outside_is_scikit_learn_s_scaler_fitted_to_the_training_rows():
    from sklearn.preprocessing import StandardScaler

    train, test = Intervention(scaling="standardize").given(TRAIN, TEST)
    theirs = StandardScaler().fit(TRAIN["x"])

    assert train["x"] == pytest.approx(theirs.transform(TRAIN["x"]))
    assert test["x"] == pytest.approx(theirs.transform(TEST["x"]))


@pytest.mark.parametrize(
    ("sets", "train", "test"),
    [("train", "theirs", "as it is"), ("test", "as it is", "theirs"), ("each", "theirs", "its own")],
)
def test_one_set_of_rows_alone_is_scaled_or_each_by_itself(sets, train, test):
    from sklearn.preprocessing import StandardScaler

    found = Intervention(apart=(sets, "standardize")).given(TRAIN, TEST)
    theirs = StandardScaler().fit(TRAIN["x"])
    for now, before, expected in zip(found, (TRAIN, TEST), (train, test), strict=True):
        made = {
            "theirs": theirs.transform(before["x"]),
            "its own": StandardScaler().fit_transform(before["x"]),
            "as it is": before["x"],
        }
        assert now["x"] == pytest.approx(made[expected])


def test_factors_of_both_sets_and_of_one_do_not_stand_in_each_others_way():
    train, test = Intervention(factor=3.0, test_factor=0.5, scaling="divide-by-255").given(TRAIN, TEST)

    assert train["x"] == pytest.approx(TRAIN["x"] * 3 / 255) and test["x"] == pytest.approx(TEST["x"] * 1.5 / 255)
    assert not Intervention(train_factor=2.0).keeps_inputs and Intervention(train_factor=2.0).keeps_test


def test_labels_are_flipped_where_the_draw_has_them_before_rows_are_chosen():
    train, _ = Intervention(flipped=(0,), rows=(5, 0)).given(TRAIN, TEST)

    assert list(train["y"]) == [1, 1]
    assert list(train["rows"]) == [5, 0]
    assert list(TRAIN["y"]) == [0, 1, 0, 1, 0, 1]


def test_a_start_for_all_columns_loses_the_rows_of_those_that_are_left_out():
    weights = (np.arange(8.0).reshape(4, 2), np.ones((2, 1)))
    one = Intervention(columns=("b", "d"), weights=weights, biases=(np.zeros(2), np.zeros(1)))

    start = one.options(TRAIN["features"])["initial_weights"]

    assert start["weights"][0].tolist() == [[2, 3], [6, 7]]


def test_dropped_columns_are_taken_out_of_the_selected_ones():
    assert Intervention(selected=("a", "c", "d"), dropped=("c",)).options([])["selected"] == ["a", "d"]


@pytest.mark.parametrize(
    "change",
    [{"flipped": (1,)}, {"scaling": "divide-by-255"}, {"rounding": "float16"}, {"nudged": True}, {"rows": (0,)}],
)
def test_whatever_changes_the_rows_is_told_apart_from_what_does_not(change):
    assert not Intervention(**change).keeps_inputs
    assert Intervention(cut=0.3).keeps_inputs and Intervention(selected=()).keeps_inputs


def test_an_empty_selection_is_another_key_than_none():
    assert Intervention(selected=()).identity != NOTHING.identity


def test_equal_arrays_have_one_key_and_others_another():
    def start(value):
        return Intervention(weights=(np.full((2, 1), value),), biases=(np.zeros(1),))

    assert start(1.0).identity == start(1.0).identity != start(1.5).identity


def test_the_cut_of_largest_f1_is_the_best_of_all_that_scikit_learn_tries():
    from sklearn.metrics import f1_score, precision_recall_curve

    y = RNG.integers(0, 2, 60)
    probability = np.round(np.clip(0.3 * y + RNG.uniform(0, 0.7, 60), 0, 1), 2)

    at = largest_f1(probability, y)

    _, _, thresholds = precision_recall_curve(y, probability)
    scores = {float(t): f1_score(y, probability >= t) for t in thresholds}
    assert scores[at] == max(scores.values())
    assert at == max(t for t, s in scores.items() if s == max(scores.values()))
    assert Intervention(cut=LARGEST_F1).identity == {"cut": LARGEST_F1}
