"""statsmodels' engine against NumPy, the score equations, and its own printed code."""

from __future__ import annotations

import numpy as np
import pytest

from parity.spec.models import Leekasso, plain
from tests.python.conftest import digits, load_engine, logistic_score, overlapping, run_printed

engine = load_engine("statsmodels")
DATA = overlapping()
ALL = ["a", "b", "c", "d"]


def fit(model, data=DATA, selected=tuple(ALL), **options):
    return engine.fit(
        plain(Leekasso(model=model)), data["train"], data["test"], {"selected": list(selected), **options}
    )


def values(answer, names=("(intercept)", *ALL)):
    return np.array([answer["parameters"]["coefficients"][name] for name in names])


@pytest.mark.parametrize("method", ["pinv", "qr"])
def test_least_squares_are_those_of_lstsq_on_full_rank(method):
    answer = fit("lm", overrides={"method": method})
    design = np.column_stack([np.ones(80), DATA["train"]["x"][:, :4]])
    expected = np.linalg.lstsq(design, DATA["train"]["y"], rcond=None)[0]
    np.testing.assert_allclose(values(answer), expected, rtol=0, atol=1e-10)
    assert (answer["effective"]["method"], answer["effective"]["rank"]) == (method, 5)


def test_the_intercept_stays_beside_a_constant_column_and_the_solution_is_of_minimum_norm():
    answer = fit("lm", selected=["a", "flat"])
    coefficients = answer["parameters"]["coefficients"]
    assert answer["effective"]["rank"] == 2
    # Of all pairs with intercept + 3 * flat fixed, the shortest is proportional to (1, 3).
    assert coefficients["flat"] == pytest.approx(3 * coefficients["(intercept)"], rel=1e-9)


@pytest.mark.parametrize("estimator", ["GLM", "Logit"])
def test_logistic_regression_solves_the_score_equations(estimator):
    answer = fit("glm", overrides={"estimator": estimator})
    score = logistic_score(DATA["train"]["x"][:, :4], DATA["train"]["y"], values(answer))
    np.testing.assert_allclose(score, 0, atol=1e-6)
    assert answer["converged"]
    assert answer["messages"] == []


def test_no_selected_column_leaves_the_share_of_ones():
    answer = fit("glm", selected=[])
    np.testing.assert_allclose(answer["probability"], DATA["train"]["y"].mean(), rtol=1e-12)
    assert list(answer["parameters"]["coefficients"]) == ["(intercept)"]


def test_separation_is_told_by_both_and_only_logit_admits_that_it_has_not_converged():
    data = digits(30)
    separated = {"data": data, "selected": ["pixel20", "pixel28", "pixel36"]}
    glm, logit = fit("glm", **separated), fit("glm", **separated, overrides={"estimator": "Logit"})
    assert all(any("Perfect separation" in message for message in each["messages"]) for each in (glm, logit))
    assert glm["converged"]
    assert not logit["converged"]
    assert logit["iterations"] == logit["effective"]["maxiter"] == 35


def test_a_singular_design_is_left_to_statsmodels():
    twins = {**DATA["train"], "x": DATA["train"]["x"][:, [0, 1, 2, 3, 0]]}
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        fit("glm", {**DATA, "train": twins}, selected=["a", "flat"], overrides={"estimator": "Logit"})
    answer = fit("glm", {**DATA, "train": twins}, selected=["a", "flat"])
    assert answer["parameters"]["coefficients"]["a"] == pytest.approx(answer["parameters"]["coefficients"]["flat"])
    assert any("rank-deficient" in message for message in answer["messages"])


@pytest.mark.parametrize(("model", "overrides"), [("lm", {}), ("glm", {}), ("glm", {"estimator": "Logit"})])
def test_the_printed_code_is_what_was_run(model, overrides):
    options = {"selected": ALL, "overrides": overrides}
    printed = run_printed(engine.translate(plain(Leekasso(model=model)), options)["code"], DATA, ALL)
    answer = fit(model, overrides=overrides)
    np.testing.assert_array_equal(printed["probability"], answer["probability"])
    np.testing.assert_array_equal(printed["label"], answer["label"])


def test_translated_arguments_are_in_force_after_the_fit():
    overrides = {"maxiter": 3, "tol": 1e-3}
    translation = engine.translate(plain(Leekasso(model="glm")), {"selected": ALL, "overrides": overrides})
    assert translation["calls"][-1] == {"function": "GLM.fit", "arguments": overrides}
    effective = fit("glm", overrides=overrides)["effective"]
    assert {name: effective[name] for name in overrides} == overrides


def test_a_leekasso_without_selected_columns_is_refused_and_its_screen_listed():
    with pytest.raises(ValueError, match="no screen of its own"):
        engine.fit(plain(Leekasso()), DATA["train"], DATA["test"], {})
    assert [g["parameter"] for g in engine.translate(plain(Leekasso()), {})["not_expressible"]] == ["screen"]


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'maxitre'.*did you mean 'maxiter'"):
        fit("glm", overrides={"maxitre": 3})
    with pytest.raises(ValueError, match="estimator 'Logti'.*did you mean 'Logit'"):
        fit("glm", overrides={"estimator": "Logti"})


def test_defaults_are_read_from_the_installed_package():
    declared = {(row["function"], row["name"]): row["declared"] for row in engine.defaults("glm")}
    assert declared["GLM.fit", "method"] == "IRLS"
    assert declared["Logit.fit", "maxiter"] == 35
    assert declared["add_constant", "has_constant"] == "skip"
