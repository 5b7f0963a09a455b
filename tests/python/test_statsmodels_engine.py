"""statsmodels' engine against NumPy, the score equations, and its own printed code."""

from __future__ import annotations

import json
import operator

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


def defaults(model, **options):
    return engine.defaults(plain(Leekasso(model=model)), DATA["train"], {"selected": ALL, **options})


def by_parameter(rows):
    return {(row["function"], row["name"]): row for row in rows}


LOGIT = {"overrides": {"estimator": "Logit"}}


@pytest.mark.parametrize(
    ("model", "options", "functions"),
    [
        ("lm", {}, ["add_constant", "OLS", "OLS.fit", "OLSResults.predict", "OLS.predict"]),
        (
            "glm",
            {},
            ["add_constant", "families.Binomial", "GLM", "GLM.fit", "GLMResults.predict", "GLM.predict"],
        ),
        ("glm", LOGIT, ["add_constant", "Logit", "Logit.fit", "LogitResults.predict", "Logit.predict"]),
    ],
)
def test_defaults_list_every_parameter_of_every_call_in_its_order(model, options, functions):
    import statsmodels.api as sm
    from statsmodels.base.model import Results

    rows = defaults(model, **options)
    assert list(dict.fromkeys(row["function"] for row in rows)) == functions
    for label in functions:
        function = Results.predict if "Results" in label else operator.attrgetter(label)(sm)
        code = (function.__init__ if isinstance(function, type) else function).__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        assert [row["name"] for row in rows if row["function"] == label] == [n for n in names if n != "self"]


def test_defaults_tell_what_is_declared_asked_for_and_in_force():
    rows = by_parameter(defaults("glm", overrides={"cov_type": "HC0"}))
    assert rows["GLM.fit", "cov_type"] == {
        "function": "GLM.fit",
        "name": "cov_type",
        "declared": "nonrobust",
        "required": False,
        "declared_from": "inspect.signature(GLM.fit)",
        "given": True,
        "asked": "HC0",
        "effective": "HC0",
        "effective_from": "attributes of the fitted GLM",
        "choices": None,
        "override": True,
    }
    effective = {key: row["effective"] for key, row in rows.items() if row["effective_from"]}
    assert effective["GLM.fit", "scale"] == 1.0
    assert effective["families.Binomial", "link"] == "Logit"
    assert effective["GLM", "family"] == rows["GLM", "family"]["asked"] == "Binomial"
    assert effective["GLM", "freq_weights"] == 1.0
    assert rows["add_constant", "has_constant"]["asked"] == "add"
    # Iteratively reweighted least squares keeps neither of these.
    assert not {("GLM.fit", "maxiter"), ("GLM.fit", "tol"), ("GLM", "missing")} & set(effective)


def test_none_for_a_constant_and_for_a_distribution_is_told_as_what_it_came_to():
    rows = by_parameter(defaults("lm"))
    assert (rows["OLS", "hasconst"]["declared"], rows["OLS", "hasconst"]["effective"]) == (None, True)
    assert (rows["OLS.fit", "use_t"]["declared"], rows["OLS.fit", "use_t"]["effective"]) == (None, True)
    assert by_parameter(defaults("lm", overrides={"hasconst": False}))["OLS", "hasconst"]["effective"] is False


def test_logit_tells_the_settings_of_its_optimizer():
    rows = by_parameter(defaults("glm", overrides={"estimator": "Logit", "method": "bfgs", "maxiter": 50}))
    told = {name: row["effective"] for (function, name), row in rows.items() if function == "Logit.fit"}
    assert (told["method"], told["maxiter"], told["disp"]) == ("bfgs", 50, 0)
    assert told["start_params"] == [0.0] * 5


@pytest.mark.parametrize(("model", "options"), [("lm", {}), ("glm", {}), ("glm", LOGIT)])
def test_two_lists_of_defaults_are_the_same_plain_data(model, options):
    first = defaults(model, **options)
    assert defaults(model, **options) == json.loads(json.dumps(first, allow_nan=False)) == first


def test_choices_are_those_that_statsmodels_documents():
    assert by_parameter(defaults("lm"))["OLS.fit", "method"]["choices"] == ["pinv", "qr"]
    rows = by_parameter(defaults("glm"))
    assert rows["add_constant", "has_constant"]["choices"] == ["add", "raise", "skip"]
    assert rows["GLM.fit", "scale"]["choices"] == ["X2", "dev"]
    assert rows["GLM", "offset"]["choices"] is None


@pytest.mark.parametrize(("model", "estimator"), [("lm", "OLS"), ("glm", "GLM"), ("glm", "Logit")])
def test_overrides_take_exactly_the_parameters_that_say_so(model, estimator):
    for row in defaults(model, overrides={"estimator": estimator}):
        options = {"selected": ALL, "overrides": {"estimator": estimator, row["name"]: 1}}
        # Prediction takes an offset as well, but overrides are for the model.
        if row["override"] or row["function"].endswith("predict"):
            continue
        with pytest.raises(ValueError, match="unknown argument"):
            engine.translate(plain(Leekasso(model=model)), options)
    for row in defaults(model, overrides={"estimator": estimator}):
        options = {"selected": ALL, "overrides": {"estimator": estimator, row["name"]: 1}}
        if row["override"]:
            calls = engine.translate(plain(Leekasso(model=model)), options)["calls"]
            assert {c["function"]: c["arguments"] for c in calls}[row["function"]][row["name"]] == 1


def test_weights_given_to_the_constructor_count_rows():
    weights = [1 + i % 2 for i in range(80)]
    twice = np.repeat(np.arange(80), weights)
    repeated = {**DATA["train"], "x": DATA["train"]["x"][twice], "y": DATA["train"]["y"][twice]}
    answer = fit("glm", overrides={"freq_weights": weights})
    np.testing.assert_allclose(values(answer), values(fit("glm", {**DATA, "train": repeated})), rtol=1e-8)
    assert answer["effective"]["freq_weights"] == weights
    row = by_parameter(defaults("glm", overrides={"freq_weights": weights}))["GLM", "freq_weights"]
    assert row["asked"] == row["effective"] == weights


def test_the_printed_code_holds_what_overrides_set_of_both_functions():
    options = {"selected": ALL, "overrides": {"hasconst": False, "method": "qr"}}
    translation = engine.translate(plain(Leekasso(model="lm")), options)
    assert "sm.OLS(y_train, design, hasconst=False)" in translation["code"]
    assert "model.fit(method='qr')" in translation["code"]
    printed = run_printed(translation["code"], DATA, ALL)
    np.testing.assert_array_equal(printed["probability"], fit("lm", overrides=options["overrides"])["probability"])


def test_nothing_here_has_an_untrained_state():
    with pytest.raises(ValueError, match="cannot take the option 'untrained'"):
        fit("lm", untrained=True)


def test_repeatable_fits_agree_bit_for_bit_even_where_the_optimizer_draws():
    drawing = {"estimator": "Logit", "method": "basinhopping"}
    before = np.random.get_state()[1].copy()
    first, again = (fit("glm", overrides=drawing, repeatable=True) for _ in range(2))
    assert first["parameters"] == again["parameters"]
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(("model", "options"), [("lm", {}), ("glm", {}), ("glm", LOGIT)])
def test_repeatable_fits_agree_at_any_number_of_threads(model, options):
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng(2)
    features = [f"x{i}" for i in range(60)]
    x = generator.normal(size=(5000, 60))
    y = (x[:, 0] + generator.normal(size=5000) > 0).astype(int)
    tall = {"train": {"x": x, "y": y, "features": features}, "test": {"x": x[:100], "features": features}}
    runs = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            runs.append(fit(model, tall, features, repeatable=True, **options))
    assert runs[0]["parameters"] == runs[1]["parameters"]
    np.testing.assert_array_equal(runs[0]["probability"], runs[1]["probability"])
