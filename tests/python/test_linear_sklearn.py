"""scikit-learn on a pinned linear objective: every solver that can say it meets its optimum, or has a stated limit."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from parity.engines.sheet import engine as sheet_of
from parity.spec.models import Leekasso, Linear, plain
from tests.python.conftest import digits, load_engine, run_printed
from tests.python.test_linear_objective import CASES, answered, least, objective, optimum, problem, residual

engine = load_engine("sklearn")
SOLVERS = {"its own choice": {}, **sheet_of("py-sklearn").solvers}
STOCHASTIC = ("sag", "saga")

# Largest component of the gradient. On well-scaled columns the pinned tolerance, 1e-10, holds for all but two: L-BFGS
# stops where the objective falls by less than 64 units in the last place, LIBLINEAR's Newton steps where it falls by
# less than 1e-12 of itself, and no argument changes either.
WELL_SCALED = {"lbfgs": 1e-6, "liblinear": 1e-7}
# With columns of scale 1e-3 to 1e3 the gradient's own rounding is 1e-12, and what solves by singular values, or by a
# relative residual, leaves more than that in it.
BADLY_SCALED = {"lstsq": 1e-7, "svd": 1e-7, "its own choice": 1e-7, "lsqr": 1e-5, "lbfgs": 1e-3, "liblinear": 1e-4}
GAP = 1e-10
"Above the optimum's objective, for every solver: the square of those gradients."


def fit(spec, overrides, badly_scaled=False, **options):
    data = problem(spec.loss, badly_scaled)
    return engine.fit(plain(spec), data["train"], data["test"], {"overrides": overrides, **options})


def gaps(spec, overrides):
    return engine.translate(plain(spec), {"overrides": overrides})["not_expressible"]


def expressible(name, cases=CASES):
    return [spec for spec in cases if not gaps(spec, SOLVERS[name])]


@pytest.mark.parametrize("badly_scaled", [False, True])
@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_meets_the_objectives_that_it_says_it_can(name, badly_scaled):
    cases = expressible(name)
    assert cases
    limits = BADLY_SCALED if badly_scaled else WELL_SCALED
    for spec in cases:
        # The only solver for a lasso beside a free intercept, and for both penalties, is saga.
        saga = (
            name == "its own choice" and spec.loss == "logistic" and spec.l1 and (spec.l2 or spec.intercept == "free")
        )
        if badly_scaled and (name in STOCHASTIC or saga):
            continue
        train, answer = problem(spec.loss, badly_scaled)["train"], fit(spec, SOLVERS[name], badly_scaled)
        b = answered(answer)
        assert residual(spec, train, b) <= limits.get(name, spec.tolerance), spec
        assert abs(objective(spec, train, b) - least(spec, badly_scaled)) < GAP, spec
        assert answer["messages"] == [], "no deprecation, and no solver that gives up"
        assert answer["converged"] is not False


@pytest.mark.parametrize("name", STOCHASTIC)
def test_stochastic_solvers_stay_far_from_the_optimum_on_badly_scaled_columns_and_say_so(name):
    spec = Linear(loss="logistic", l2=0.05)
    answer, train = fit(spec, SOLVERS[name], badly_scaled=True), problem("logistic", True)["train"]
    assert answer["converged"] is False
    assert any("max_iter was reached" in message for message in answer["messages"])
    assert objective(spec, train, answered(answer)) - least(spec, True) > 1e-3


def test_saga_stops_without_its_intercept_where_the_lasso_leaves_no_coefficient():
    # _sag_fast.pyx looks at the coefficients' change alone, and coefficients that stay at zero do not change.
    spec, data = Linear(loss="logistic", l1=0.1), problem("logistic", False, seed=4)
    answer = engine.fit(plain(spec), data["train"], data["test"], {"overrides": SOLVERS["saga"]})
    b, best = answered(answer), optimum(spec, data["train"])
    assert not b[1:].any() and not best[1:].any()
    assert answer["converged"] is True
    assert 1e-3 < abs(b[0] - best[0]) < 0.1


@pytest.mark.parametrize("name", SOLVERS)
def test_what_cannot_be_expressed_is_refused_with_the_reason_that_the_translation_gives(name):
    for spec in CASES:
        for gap in gaps(spec, SOLVERS[name])[:1]:
            with pytest.raises(ValueError, match=re.escape(f"cannot express {gap['parameter']}: {gap['reason']}")):
                fit(spec, SOLVERS[name])


def test_each_solver_expresses_what_its_algorithm_allows_and_no_more():
    penalties = {name: {(s.loss, bool(s.l1), bool(s.l2), s.intercept) for s in expressible(name)} for name in SOLVERS}
    every = ("free", "penalised", "none")
    assert penalties["its own choice"] == {(s.loss, bool(s.l1), bool(s.l2), s.intercept) for s in CASES}
    assert penalties["lstsq"] == {("squares", False, False, i) for i in every}
    assert penalties["svd"] == {("squares", False, l2, i) for l2 in (False, True) for i in every}
    assert penalties["newton-cholesky"] == {("logistic", False, l2, i) for l2 in (False, True) for i in every}
    lone = {("logistic", True, False), ("logistic", False, True)}
    assert penalties["liblinear"] == {(*which, i) for which in lone for i in ("penalised", "none")}


@pytest.mark.parametrize("name", SOLVERS)
def test_the_printed_code_gives_the_same_coefficients_probabilities_and_labels(name):
    for spec in expressible(name)[:6]:
        data, options = problem(spec.loss, False), {"overrides": SOLVERS[name]}
        names = run_printed(engine.translate(plain(spec), options)["code"], data)
        answer = engine.fit(plain(spec), data["train"], data["test"], options)
        # Another layout of x in memory adds up in another order, and an iteration stops a little elsewhere.
        rtol = 1e-6 if name in WELL_SCALED else 1e-8
        np.testing.assert_allclose(names["probability"], answer["probability"], rtol=rtol)
        np.testing.assert_array_equal(names["label"], answer["label"])
        np.testing.assert_allclose(np.ravel(names["model"].coef_)[:5], answered(answer)[1:], rtol=rtol)


@pytest.mark.parametrize("name", ["lbfgs", "newton-cg", "liblinear", "coordinate-descent", "sag", "saga"])
def test_the_tolerance_is_where_the_solver_stops(name):
    loss = "squares" if name == "coordinate-descent" else "logistic"
    penalty = {"l1": 0.02} if name == "coordinate-descent" else {"l2": 0.05}
    reached = {}
    for tolerance in (1e-3, 1e-9):
        spec = Linear(loss=loss, intercept="none", tolerance=tolerance, **penalty)
        answer = fit(spec, SOLVERS[name])
        reached[tolerance] = residual(spec, problem(loss, False)["train"], answered(answer)), answer["iterations"]
    assert 1e-9 < reached[1e-3][0] <= 1e-3
    assert reached[1e-9][0] < reached[1e-3][0]
    assert reached[1e-9][1] > reached[1e-3][1]


def test_liblinear_with_a_penalty_that_leaves_no_coefficient_stops_where_it_starts():
    answer = fit(Linear(loss="logistic", l1=100.0, intercept="penalised"), SOLVERS["liblinear"])
    np.testing.assert_array_equal(answered(answer), np.zeros(6))


def test_an_unpenalised_fit_of_real_numbers_is_that_of_lstsq_on_the_selected_columns():
    data, spec = problem("squares", True), Linear(loss="squares")
    answer = engine.fit(plain(spec), data["train"], data["test"], {"selected": ["e", "a"]})
    design = np.column_stack([np.ones(80), data["train"]["x"][:, [4, 0]]])
    expected = np.linalg.lstsq(design, data["train"]["y"], rcond=None)[0]
    assert list(answer["parameters"]["coefficients"]) == ["(intercept)", "e", "a"]
    np.testing.assert_allclose(list(answer["parameters"]["coefficients"].values()), expected, rtol=1e-9)


def test_a_column_that_depends_on_another_leaves_least_squares_at_the_smallest_coefficients():
    data, spec = problem("squares", False), Linear(loss="squares")
    data["train"]["x"][:, 3] = 2 * data["train"]["x"][:, 0] + 1
    answer = engine.fit(plain(spec), data["train"], data["test"], {})
    centred = data["train"]["x"] - data["train"]["x"].mean(axis=0)
    expected = np.linalg.pinv(centred, rcond=1e-12) @ data["train"]["y"]
    np.testing.assert_allclose(answered(answer)[1:], expected, rtol=1e-9)


def test_labels_are_cut_at_the_specifications_threshold():
    answer = fit(Linear(loss="logistic", l2=0.05, threshold=0.8), {})
    np.testing.assert_array_equal(answer["label"], answer["probability"] > 0.8)
    assert any(answer["label"] != (answer["probability"] > 0.5))


def test_a_constant_column_takes_the_penalised_intercept_and_the_translation_says_so():
    spec = Linear(loss="logistic", l2=0.05, intercept="penalised")
    told = [row["parameter"] for row in engine.translate(plain(spec), {"overrides": {"solver": "lbfgs"}})["added"]]
    assert {"intercept", "tol", "max_iter", "label"} == set(told)
    told = [row["parameter"] for row in engine.translate(plain(spec), {"overrides": {"solver": "liblinear"}})["added"]]
    assert "intercept" not in told, "LIBLINEAR penalises its own"
    (call,) = engine.translate(plain(spec), {"overrides": {"solver": "liblinear"}})["calls"]
    assert call["arguments"]["fit_intercept"] is True
    assert call["arguments"]["C"] == "1 / (0.05 * n)"


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'max_itre'.*did you mean 'max_iter'"):
        engine.translate(plain(CASES[-1]), {"overrides": {"max_itre": 3}})
    with pytest.raises(ValueError, match="unknown estimator 'Lars'"):
        engine.translate(plain(CASES[0]), {"overrides": {"estimator": "Lars"}})


@pytest.mark.parametrize(
    ("l1", "l2", "expected"),
    [
        (0.0, 0.0, {"penalty": None}),
        (0.1, 0.0, {"penalty": "l1", "C": "1 / (0.1 * n)"}),
        (0.0, 0.5, {"penalty": "l2", "C": "1 / (0.5 * n)"}),
        (0.5, 0.5, {"penalty": "elasticnet", "C": "1 / (1.0 * n)", "l1_ratio": 0.5}),
    ],
)
def test_before_1_8_the_penalty_is_chosen_by_its_name(monkeypatch, l1, l2, expected):
    said = engine.linear.said

    class Before:
        def __init__(self, penalty="l2", C=1.0, l1_ratio=None, solver="lbfgs", tol=1e-4, max_iter=100):
            pass

    monkeypatch.setattr(said, "estimator", lambda name: Before)
    given = said.of_logistic(plain(Linear(loss="logistic", l1=l1, l2=l2)), "saga", 0)
    assert {k: v for k, v in given.items() if k in ("penalty", "C", "l1_ratio")} == expected


def test_defaults_list_the_estimators_parameters_with_what_is_asked_and_in_force():
    spec, train = Linear(loss="logistic", l2=0.05), problem("logistic", False)["train"]
    rows = engine.defaults(plain(spec), train, {"overrides": {"solver": "lbfgs"}})
    found = {row["name"]: row for row in rows if row["function"] == "LogisticRegression"}
    assert list(found) == list(inspect.signature(engine.linear.said.estimator("LogisticRegression")).parameters)
    assert (found["C"]["asked"], found["C"]["effective"], found["C"]["override"]) == (1 / (0.05 * 80), 0.25, True)
    with pytest.raises(ValueError, match="cannot express l1"):
        engine.defaults(plain(Linear(loss="logistic", l1=0.1)), train, {"overrides": {"solver": "lbfgs"}})


@pytest.mark.parametrize(
    "spec", [Leekasso(k=3), Leekasso(k=3, model="glm"), Leekasso(k=3, model="liblinear", cost=1e6)]
)
def test_scores_are_those_of_scikit_learns_screen(spec):
    from sklearn.feature_selection import f_classif

    data = digits()
    answer = engine.fit(plain(spec), data["train"], data["test"], {"scores": True})
    statistic, p_value = f_classif(data["train"]["x"], data["train"]["y"])
    assert answer["scores"]["ranked_by"] == "statistic"
    np.testing.assert_array_equal(answer["scores"]["statistic"], statistic)
    np.testing.assert_array_equal(answer["scores"]["p_value"], p_value)
    assert engine.fit(plain(spec), data["train"], data["test"], {})["scores"] is None
    chosen = {"scores": True, "selected": ["pixel20", "pixel28"]}
    assert engine.fit(plain(spec), data["train"], data["test"], chosen)["scores"] is None
