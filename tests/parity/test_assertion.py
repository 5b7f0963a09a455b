"""assert_parity passes where two results agree within what was stated, and else says where, by how much and why not."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import assert_parity
from parity.errors import RequestError


def refused(*sides: Any, **options: Any) -> str:
    """The text of a failure."""
    with pytest.raises(AssertionError) as failure:
        assert_parity(*sides, **options)
    return str(failure.value)


def test_the_worst_place_is_shown_with_both_values_gap_tolerance_and_its_reason():
    left = np.arange(12.0).reshape(3, 4)
    right = left.copy()
    right[1, 2] += 0.25
    right[2, 0] += 0.01
    text = refused(left, right, atol=0.001, reason="the scale shows three digits")
    assert text.splitlines() == [
        "left  ~  right   values[1, 2]   different: unexplained",
        "  values          6   6.25   gap 0.25",
        "  tolerance       0.001, from atol 0.001 (the scale shows three digits)",
        "  in all          2 of 12 values are outside the tolerance; this is the worst",
    ]


def test_without_a_tolerance_every_digit_counts():
    text = refused(0.1 + 0.2, 0.3)
    assert "0.30000000000000004   0.3   gap 5.55e-17" in text
    assert "0 (none was given, so every digit counts)" in text
    assert_parity([0.5, 1], np.array([0.5, 1.0]))


@given(st.floats(-1e6, 1e6), st.floats(0, 1), st.floats(0, 1), st.floats(0, 4))
def test_the_tolerance_is_atol_and_rtol_of_the_right(right: float, rtol: float, atol: float, share: float):
    allowed = atol + rtol * abs(right)
    left = right + share * allowed
    gap = abs(np.float64(left) - np.float64(right))
    if gap <= allowed:
        assert_parity(left, right, rtol=rtol, atol=atol)
    else:
        refused(left, right, rtol=rtol, atol=atol)


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_missing_is_never_a_match(missing: Any):
    assert "missing on the left" in refused([1.0, missing], [1.0, 2.0], atol=9)
    assert "missing on the right" in refused([1.0, 2.0], [1.0, missing], atol=9)
    assert "missing on both sides; missing is never a match" in refused([1.0, missing], [1.0, missing], atol=9)
    assert "missing on both sides" in refused(np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, missing])


def test_infinite_matches_only_the_same_infinite():
    assert_parity([np.inf], [np.inf])
    assert "gap inf" in refused([1.0], [np.inf], rtol=0.1)
    assert "-inf   inf" in refused([-np.inf], [np.inf], rtol=1)


def test_large_whole_numbers_are_not_rounded_to_doubles():
    assert "9007199254740993   9007199254740992" in refused([2**53 + 1], [2**53])


@pytest.mark.parametrize(
    ("left", "right", "sentence"),
    [
        ([1, 2], [1, 2, 3], r"shapes \(2,\) and \(3,\)"),
        (np.ones((2, 1)), np.ones(2), r"shapes \(2, 1\) and \(2,\)"),
        ([], [], "nothing to compare"),
        (pd.DataFrame({"a": []}), pd.DataFrame({"a": []}), "nothing to compare"),
        ({}, {}, "nothing to compare"),
        ({"a": 1, "b": 2}, {"a": 1, "c": 2}, "only the left has the name 'b'; only the right has the name 'c'"),
        (pd.DataFrame({"a": [1]}), np.ones((1, 1)), "a DataFrame cannot be laid beside a ndarray"),
        (pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"a": [1]}), "only the left has the column 'b'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame({"a": [1]}), "two columns called 'a'"),
        (pd.Series([1, 2], index=["x", "y"]), pd.Series([1, 2], index=["x", "z"]), "only the left has the row 'y'"),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1]}), "2 and 1 rows"),
        ([np.ones(2), np.ones(3)], [np.ones(2)], "2 and 1 elements"),
    ],
)
def test_what_cannot_be_laid_side_by_side_fails_with_a_sentence(left: Any, right: Any, sentence: str):
    text = refused(left, right, atol=1e9)
    assert "not comparable" in text
    assert re.search(sentence, text)


def test_frames_are_aligned_by_name_and_report_the_row():
    left = pd.DataFrame({"dose": [1.0, 2.0], "group": ["a", "b"]}, index=["ann", "bob"])
    assert_parity(left, left.loc[["bob", "ann"], ["group", "dose"]])
    other = left.assign(dose=[1.0, 2.5])
    assert refused(left, other).startswith("left  ~  right   dose[bob]   different: unexplained\n")
    assert "a   c" in refused(left, left.assign(group=["c", "b"]), atol=1)
    nullable = left.assign(dose=pd.array([1, None], dtype="Int64"))
    assert "dose[bob]" in refused(left, nullable)


def test_dicts_of_arrays_say_in_which_one():
    left = {"w": [np.zeros((2, 2)), np.zeros(2)], "b": 1.0}
    assert_parity(left, {"b": 1.0, "w": [np.zeros((2, 2)), np.zeros(2)]})
    text = refused(left, {"b": 1.0, "w": [np.zeros((2, 2)), np.array([0, 1e-3])]})
    assert text.startswith("left  ~  right   w 1[1]   ")


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, np.ndarray]:
    drawn = np.random.default_rng(3)
    x = pd.DataFrame(drawn.normal(size=(80, 3)), columns=["age", "dose", "weight"])
    return x, (x["age"] + drawn.normal(size=80) > 0).to_numpy().astype(int)


def test_statsmodels_and_scikit_learn_have_the_same_least_squares_by_feature(rows: tuple[pd.DataFrame, np.ndarray]):
    import statsmodels.api as sm
    from sklearn.linear_model import LinearRegression

    x, y = rows
    reason = "two solvers of one least squares problem of condition 2"
    ols = sm.OLS(y, sm.add_constant(x)).fit()
    turned = LinearRegression().fit(x[["weight", "age", "dose"]], y)
    assert_parity(ols, turned, rtol=1e-9, reason=reason)
    by_place = LinearRegression().fit(x.to_numpy(), y)
    assert_parity(ols, by_place, rtol=1e-9, reason=reason)
    assert_parity(sm.OLS(y, sm.add_constant(x.to_numpy())).fit(), by_place, rtol=1e-9, reason=reason, X=x.to_numpy())
    as_r_prints = {"(Intercept)": ols.params["const"], **ols.params.drop("const")}
    assert_parity(ols, as_r_prints)
    assert "coefficients[age]" in refused(ols, as_r_prints | {"age": as_r_prints["age"] + 1})
    assert "only the right has the coefficient 'sex'" in refused(ols, as_r_prints | {"sex": 0.0})
    assert "coefficients[dose]" in refused(ols, as_r_prints | {"dose": None})


def test_a_penalty_that_nobody_asked_for_is_found(rows: tuple[pd.DataFrame, np.ndarray]):
    import statsmodels.api as sm
    from sklearn.linear_model import LogisticRegression

    x, y = rows
    logit = sm.Logit(y, sm.add_constant(x)).fit(disp=False)
    free = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, y)
    assert_parity(logit, free, rtol=1e-4, X=x, reason="LBFGS ends at a gradient of 1e-10 of a smooth likelihood")
    text = refused(logit, LogisticRegression(C=0.01).fit(x, y), rtol=1e-4)
    assert "coefficients[age]" in text


def test_a_model_without_coefficients_is_compared_by_its_predictions(rows: tuple[pd.DataFrame, np.ndarray]):
    from sklearn.ensemble import RandomForestClassifier

    x, y = rows
    one, two = (RandomForestClassifier(20, random_state=seed).fit(x, y) for seed in (0, 1))
    assert "RandomForestClassifier has no coefficients; X= gives the rows" in refused(one, two)
    assert_parity(one, one, X=x)
    assert "predictions[" in refused(one, two, X=x, atol=0.01)


def test_an_intercept_that_is_missing_is_not_an_intercept_of_zero(rows: tuple[pd.DataFrame, np.ndarray]):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = rows
    through_origin = LinearRegression(fit_intercept=False).fit(x, y)
    assert "only the right has the coefficient '(intercept)'" in refused(through_origin, LinearRegression().fit(x, y))
    piped = make_pipeline(StandardScaler(), LinearRegression()).set_output(transform="pandas").fit(x, y)
    assert "coefficients[" in refused(piped, LinearRegression().fit(x, y), rtol=1e-6)


def test_answers_of_engines_are_compared_by_prediction_label_and_coefficient():
    answer = {
        "probability": np.array([0.2, 0.7]),
        "label": np.array([0, 1]),
        "parameters": {"coefficients": {"(intercept)": 1.0, "pixel1": 2.0}},
        "seconds": 0.1,
    }
    assert_parity(answer, {**answer, "seconds": 7.0})
    aliased = {**answer, "parameters": {"coefficients": {"(intercept)": 1.0, "pixel1": None}}}
    assert "coefficients.pixel1" in refused(answer, aliased, atol=9)
    assert "label[1]" in refused(answer, {**answer, "label": np.array([0, 0])})


def test_a_margin_asks_for_equivalence_of_paired_scores():
    drawn = np.random.default_rng(5)
    left = drawn.uniform(0.8, 0.9, 20)
    near = left + drawn.normal(0, 0.002, 20)
    assert_parity(left, near, margin=0.01)
    assert "different: unexplained" in refused(left, near + 0.03, margin=0.01)
    text = refused(left[:3], left[:3] + [0.02, -0.02, 0.01], margin=0.01, reason="what the clinic can tell apart")
    assert "inconclusive" in text
    assert "0.01 (margin; what the clinic can tell apart)" in text
    assert re.search(r"draws needed    about \d+", text)
    assert "more than one" in refused([0.9], [0.8], margin=0.01)
    assert "no draw has a score" in refused([], [], margin=0.01)
    assert "missing is never a match" in refused([0.9, np.nan], [0.9, 0.8], margin=0.01)


@pytest.mark.parametrize("options", [{"rtol": -1}, {"atol": np.nan}, {"margin": np.inf}, {"margin": 0.1, "rtol": 0.1}])
def test_a_wrong_tolerance_is_a_wrong_request(options: dict[str, float]):
    with pytest.raises(RequestError):
        assert_parity([1.0], [1.0], **options)
