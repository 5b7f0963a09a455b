"""statsmodels on a pinned linear objective: every method that can say it meets its optimum, or has a stated limit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from parity.engines.sheet import engine as sheet_of
from parity.spec.models import Linear, plain
from tests.python.conftest import load_engine, run_printed
from tests.python.test_linear_objective import CASES, answered, least, objective, problem, residual

engine = load_engine("statsmodels")
SOLVERS = {"its own choice": {}, **sheet_of("py-statsmodels").solvers}
LINE_SEARCHES = ("logit-bfgs", "logit-lbfgs")

# Largest component of the gradient. slsqp and BFGS stop where the objective no longer falls in floating point.
WELL_SCALED = {"logit-bfgs": 1e-8, "logit-l1": 1e-6}
# With columns of scale 1e-3 to 1e3 the pseudoinverse leaves 1e-8 in the gradient, the last step of GLM among them.
BADLY_SCALED = {"logit-l1": 1e-5} | dict.fromkeys(["its own choice", "ols-pinv", "ols-elastic-net", "glm-irls"], 1e-6)
GAP = 1e-11


def fit(spec, overrides, badly_scaled=False):
    data = problem(spec.loss, badly_scaled)
    return engine.fit(plain(spec), data["train"], data["test"], {"overrides": overrides})


def gaps(spec, overrides):
    return engine.translate(plain(spec), {"overrides": overrides})["not_expressible"]


def expressible(name):
    return [spec for spec in CASES if not gaps(spec, SOLVERS[name])]


@pytest.mark.parametrize("badly_scaled", [False, True])
@pytest.mark.parametrize("name", SOLVERS)
def test_every_method_meets_the_objectives_that_it_says_it_can(name, badly_scaled):
    if badly_scaled and name in LINE_SEARCHES:
        pytest.skip("the test below states what they do there")
    cases = expressible(name)
    assert cases
    limits = BADLY_SCALED if badly_scaled else WELL_SCALED
    for spec in cases:
        train, answer = problem(spec.loss, badly_scaled)["train"], fit(spec, SOLVERS[name], badly_scaled)
        b = answered(answer)
        assert residual(spec, train, b) <= limits.get(name, spec.tolerance), spec
        assert abs(objective(spec, train, b) - least(spec, badly_scaled)) < GAP, spec
        assert not any("FutureWarning" in message for message in answer["messages"])


@pytest.mark.parametrize("name", LINE_SEARCHES)
def test_line_searches_do_not_leave_their_start_on_badly_scaled_columns(name):
    spec, train = Linear(loss="logistic"), problem("logistic", True)["train"]
    b = answered(fit(spec, SOLVERS[name], badly_scaled=True))
    assert objective(spec, train, b) - least(spec, True) > 0.1


@pytest.mark.parametrize("name", SOLVERS)
def test_what_cannot_be_expressed_is_refused_with_the_reason_that_the_translation_gives(name):
    for spec in CASES:
        for gap in gaps(spec, SOLVERS[name])[:1]:
            with pytest.raises(ValueError, match=re.escape(f"cannot express {gap['parameter']}: {gap['reason']}")):
                fit(spec, SOLVERS[name])


def test_each_method_expresses_what_its_function_allows_and_no_more():
    penalties = {name: {(s.loss, bool(s.l1), bool(s.l2)) for s in expressible(name)} for name in SOLVERS}
    both = {(bool(s.l1), bool(s.l2)) for s in CASES}
    assert penalties["its own choice"] == {(s.loss, bool(s.l1), bool(s.l2)) for s in CASES}
    assert penalties["ols-qr"] == {("squares", False, False)}
    assert penalties["ols-elastic-net"] == {("squares", *each) for each in both}
    assert penalties["glm-elastic-net"] == {("logistic", *each) for each in both}
    assert penalties["glm-irls"] == penalties["logit-newton"] == {("logistic", False, False)}
    assert penalties["logit-l1"] == {("logistic", False, False), ("logistic", True, False)}


@pytest.mark.parametrize("name", SOLVERS)
def test_the_printed_code_gives_the_same_coefficients_probabilities_and_labels(name):
    for spec in expressible(name):
        data, options = problem(spec.loss, False), {"overrides": SOLVERS[name]}
        names = run_printed(engine.translate(plain(spec), options)["code"], data)
        answer = engine.fit(plain(spec), data["train"], data["test"], options)
        # Another layout of x in memory adds up in another order, and an iteration stops a little elsewhere.
        rtol = 1e-5 if name in WELL_SCALED else 1e-8
        np.testing.assert_allclose(names["probability"], answer["probability"], rtol=rtol)
        np.testing.assert_array_equal(names["label"], answer["label"])
        np.testing.assert_allclose(names["model"].params[-5:], answered(answer)[1:], rtol=rtol, atol=rtol)


def test_a_tolerance_is_where_coordinate_descent_and_bfgs_stop():
    for name, penalty in (("glm-elastic-net", 0.05), ("logit-bfgs", 0.0)):
        reached = []
        for tolerance in (1e-3, 1e-9):
            spec = Linear(loss="logistic", l2=penalty, tolerance=tolerance)
            reached.append(residual(spec, problem("logistic", False)["train"], answered(fit(spec, SOLVERS[name]))))
        assert reached[1] <= 1e-9 < reached[0] <= 1e-3


def test_a_lasso_coefficient_that_starts_small_is_not_frozen_at_zero():
    # With the default zero_tol a coefficient whose first steps stay below it would never be tried again.
    spec, data = Linear(loss="squares", l1=1e-4), problem("squares", False)
    data["train"]["x"] = data["train"]["x"] * np.array([1e9, 1, 1, 1, 1])
    answer = engine.fit(plain(spec), data["train"], data["test"], {})
    assert 0 < abs(answered(answer)[1]) < 1e-8
    assert engine.translate(plain(spec), {})["calls"][-1]["arguments"]["zero_tol"] == 0


def test_the_selected_columns_alone_are_fitted_and_a_missing_intercept_is_zero():
    data, spec = problem("squares", False), Linear(loss="squares", intercept="none")
    answer = engine.fit(plain(spec), data["train"], data["test"], {"selected": ["e", "a"]})
    expected = np.linalg.lstsq(data["train"]["x"][:, [4, 0]], data["train"]["y"], rcond=None)[0]
    assert list(answer["parameters"]["coefficients"]) == ["(intercept)", "e", "a"]
    np.testing.assert_allclose(list(answer["parameters"]["coefficients"].values()), [0, *expected], rtol=1e-12)


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'maxitre'.*did you mean 'maxiter'"):
        engine.translate(plain(CASES[-1]), {"overrides": {"maxitre": 3}})
    with pytest.raises(ValueError, match="estimator 'Probit'"):
        engine.translate(plain(CASES[0]), {"overrides": {"estimator": "Probit"}})
    with pytest.raises(ValueError, match="its translation tells"):
        engine.defaults(plain(CASES[0]), problem("squares", False)["train"], {})
