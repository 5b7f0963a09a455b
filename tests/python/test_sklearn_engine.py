"""scikit-learn's engine against NumPy, against estimators built by hand, and against its own printed code."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

from parity.spec.models import MLP, Leekasso, plain
from tests.python.conftest import digits, load_engine, overlapping, run_printed

engine = load_engine("sklearn")
DIGITS = digits()
SMALL = MLP(hidden=(6,), activation="tanh", epochs=4)
STANDARDIZED = MLP(hidden=(6,), activation="tanh", epochs=4, input_scaling="standardize")
ALL = ["a", "b", "c", "d"]


def fit(spec, data=DIGITS, **options):
    return engine.fit(plain(spec), data["train"], data["test"], options)


def test_least_squares_are_those_of_lstsq_on_full_rank():
    data = overlapping()
    answer = fit(Leekasso(model="lm"), data, selected=ALL)
    design = np.column_stack([np.ones(80), data["train"]["x"][:, :4]])
    expected = np.linalg.lstsq(design, data["train"]["y"], rcond=None)[0]
    found = [answer["parameters"]["coefficients"][name] for name in ["(intercept)", *ALL]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert answer["effective"]["rank_"] == 4


def test_the_screen_keeps_exactly_k_and_of_tied_features_the_last():
    column = DIGITS["train"]["x"][:, 20]
    twins = {**DIGITS["train"], "x": np.column_stack([column] * 5), "features": list("abcde")}
    test = {**DIGITS["test"], "x": DIGITS["test"]["x"][:, :5], "features": list("abcde")}
    answer = engine.fit(plain(Leekasso(k=2)), twins, test, {})
    assert answer["selected"] == ["d", "e"]


def test_constant_columns_are_survived_and_warned_of():
    answer = fit(Leekasso())
    assert any("are constant" in message for message in answer["messages"])
    assert np.mean(answer["label"] == DIGITS["y_test"]) > 0.9


def test_logistic_regression_as_shipped_is_penalised_and_newton_cholesky_finds_the_same_optimum():
    from sklearn.linear_model import LogisticRegression

    data = overlapping()
    shipped = fit(Leekasso(model="glm"), data, selected=ALL)
    other = fit(Leekasso(model="glm"), data, selected=ALL, overrides={"solver": "newton-cholesky", "tol": 1e-10})
    unpenalised = LogisticRegression(C=np.inf).fit(data["train"]["x"][:, :4], data["train"]["y"])
    assert other["effective"]["solver"] == "newton-cholesky"
    np.testing.assert_allclose(shipped["probability"], other["probability"], atol=1e-3)
    assert np.abs(shipped["parameters"]["coefficients"]["a"]) < 0.9 * np.abs(unpenalised.coef_[0, 0])


def test_liblinear_at_c_1e6_is_the_estimator_built_by_hand():
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.linear_model import LogisticRegression

    answer = fit(Leekasso(model="liblinear", cost=1e6), seed=3)
    screen = SelectKBest(f_classif, k=10).fit(DIGITS["train"]["x"], DIGITS["train"]["y"])
    model = LogisticRegression(C=1e6, solver="liblinear", random_state=3)
    model.fit(screen.transform(DIGITS["train"]["x"]), DIGITS["train"]["y"])
    np.testing.assert_array_equal(
        answer["probability"], model.predict_proba(screen.transform(DIGITS["test"]["x"]))[:, 1]
    )
    assert answer["parameters"]["coefficients"]["(intercept)"] == model.intercept_[0]


@pytest.mark.parametrize(("optimizer", "batch", "updates"), [("adam", None, 4), ("adam", 7, 36), ("sgd", 7, 36)])
def test_network_updates_are_epochs_times_batches(optimizer, batch, updates):
    spec = MLP(hidden=(6,), activation="tanh", epochs=4, optimizer=optimizer, batch_size=batch)
    answer = fit(spec)
    assert answer["iterations"] == 4
    assert answer["updates"] == updates
    assert not answer["converged"]
    assert any("ConvergenceWarning" in message for message in answer["messages"])


def test_the_counted_updates_are_those_of_adam_itself():
    spec = plain(MLP(hidden=(6,), activation="tanh", epochs=4, batch_size=7))
    model = engine.estimator("mlp")(**engine.native_arguments(spec, {}))
    model.fit(DIGITS["train"]["x"], DIGITS["train"]["y"])
    assert model._optimizer.t == 4 * 9


def test_a_seed_repeats_a_network_bit_for_bit_and_another_does_not():
    first, again, other = (fit(SMALL, seed=seed, weights=True) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first["probability"], again["probability"])
    assert not np.array_equal(first["probability"], other["probability"])
    assert [w.shape for w in first["parameters"]["weights"]] == [(64, 6), (6, 1)]


def test_stopping_none_runs_every_epoch_where_the_default_stops_early():
    flat = {"hidden": (2,), "activation": "relu", "epochs": 40, "optimizer": "sgd", "learning_rate": 1e-9}
    assert fit(MLP(**flat), seed=0)["iterations"] < 40
    assert fit(MLP(**flat, stopping="none"), seed=0)["iterations"] == 40


@pytest.mark.parametrize(
    "spec", [Leekasso(), Leekasso(model="glm"), Leekasso(model="liblinear", cost=2.0), STANDARDIZED]
)
def test_the_printed_code_is_what_was_run(spec):
    answer = fit(spec, seed=1)
    printed = run_printed(engine.translate(plain(spec), {"seed": 1})["code"], DIGITS)
    np.testing.assert_array_equal(printed["probability"], answer["probability"])
    np.testing.assert_array_equal(printed["label"], answer["label"])


def test_translated_arguments_are_in_force_after_the_fit():
    spec = MLP(hidden=(6, 5), activation="relu", epochs=3, optimizer="sgd", learning_rate=0.01, momentum=0.5)
    options = {"seed": 2, "overrides": {"alpha": 0.5}}
    arguments = engine.translate(plain(spec), options)["calls"][-1]["arguments"]
    effective = fit(spec, **options)["effective"]
    assert arguments == {name: effective[name] for name in arguments}
    assert arguments["alpha"] == 0.5


def test_what_scikit_learn_cannot_express_is_listed():
    spec = MLP(hidden=(6,), activation="relu", epochs=2, dropout=0.5, output="softmax", learning_rate_decay=0.9)
    listed = {gap["parameter"] for gap in engine.translate(plain(spec), {})["not_expressible"]}
    assert listed == {"dropout", "output", "learning_rate_decay"}
    assert [g["parameter"] for g in engine.translate(plain(Leekasso()), {})["not_expressible"]] == ["ties"]


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'slover'.*did you mean 'solver'"):
        engine.translate(plain(Leekasso(model="glm")), {"overrides": {"slover": "lbfgs"}})
    with pytest.raises(ValueError, match="cannot take the option 'trace'"):
        fit(Leekasso(), trace={"steps": 1})


LEEKASSO, LOGISTIC, LIBLINEAR = Leekasso(), Leekasso(model="glm"), Leekasso(model="liblinear", cost=1e6)


def defaults(spec, **options):
    return engine.defaults(plain(spec), DIGITS["train"], options)


def by_parameter(rows):
    return {(row["function"], row["name"]): row for row in rows}


@pytest.mark.parametrize(("spec", "use"), [(LEEKASSO, "lm"), (LOGISTIC, "glm"), (LIBLINEAR, "glm"), (SMALL, "mlp")])
def test_defaults_list_every_parameter_of_every_call_in_its_order(spec, use):
    from sklearn.feature_selection import SelectKBest, f_classif

    made = engine.estimator(use)
    predicts = ["predict"] if use == "lm" else ["predict_proba", "predict"]
    functions = {} if use == "mlp" else {"SelectKBest": SelectKBest.__init__, "f_classif": f_classif}
    if use != "mlp":
        functions |= {"SelectKBest.fit": SelectKBest.fit, "SelectKBest.get_support": SelectKBest.get_support}
    functions[made.__name__] = made.__init__
    functions |= {f"{made.__name__}.{method}": getattr(made, method) for method in ["fit", *predicts]}
    rows = defaults(spec)
    assert list(dict.fromkeys(row["function"] for row in rows)) == list(functions)
    for label, function in functions.items():
        code = inspect.unwrap(function).__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        assert [row["name"] for row in rows if row["function"] == label] == [n for n in names if n != "self"]
    assert {row["name"] for row in rows if row["function"] == made.__name__} == set(made().get_params())


def test_defaults_tell_what_is_declared_asked_for_and_in_force():
    rows = by_parameter(defaults(LIBLINEAR, seed=3, overrides={"tol": 1e-3}))
    assert rows["LogisticRegression", "C"] == {
        "function": "LogisticRegression",
        "name": "C",
        "declared": 1.0,
        "required": False,
        "declared_from": "inspect.signature(LogisticRegression)",
        "given": True,
        "asked": 1e6,
        "effective": 1e6,
        "effective_from": "LogisticRegression.get_params()",
        "choices": [0.5, 2.0],
        "override": True,
    }
    told = {name: (row["asked"], row["effective"]) for (_, name), row in rows.items()}
    assert told["tol"] == (1e-3, 1e-3)
    assert told["random_state"] == (3, 3)
    assert told["max_iter"] == (None, 100)
    assert told["score_func"] == ("f_classif", "f_classif")
    assert rows["LogisticRegression.fit", "sample_weight"]["effective_from"] == ""


def test_no_object_tells_what_a_word_for_i_choose_came_to():
    from sklearn.linear_model import LogisticRegression

    assert by_parameter(defaults(SMALL))["MLPClassifier", "batch_size"]["effective"] == "auto"
    penalty = by_parameter(defaults(LOGISTIC))["LogisticRegression", "penalty"]
    assert penalty["effective"] == LogisticRegression().get_params()["penalty"]


def test_a_network_says_the_same_of_itself_before_and_after_training():
    told = {row["name"]: row["effective"] for row in defaults(SMALL, seed=1) if row["function"] == "MLPClassifier"}
    model = engine.estimator("mlp")(**engine.native_arguments(plain(SMALL), {"seed": 1}))
    after = model.fit(DIGITS["train"]["x"], DIGITS["train"]["y"]).get_params()
    assert told == {**after, "hidden_layer_sizes": list(after["hidden_layer_sizes"])}


@pytest.mark.parametrize("spec", [LEEKASSO, LIBLINEAR, SMALL])
def test_two_lists_of_defaults_are_the_same_plain_data(spec):
    first = defaults(spec)
    assert defaults(spec) == json.loads(json.dumps(first, allow_nan=False)) == first


def test_selected_columns_leave_the_screen_uncalled():
    assert "SelectKBest" not in {row["function"] for row in defaults(LEEKASSO, selected=["pixel20"])}


@pytest.mark.parametrize("use", ["lm", "glm", "mlp", "screen"])
def test_scikit_learn_accepts_every_listed_choice(use):
    made = engine.estimator(use)
    choices = engine.framework.choices(made)
    assert len(choices) >= 1
    for name, values in choices.items():
        assert len(values) == len({(type(value), value) for value in values})
        for value in values:
            made().set_params(**{name: value})._validate_params()


def test_choices_are_whole_enumerations_and_values_inside_a_range():
    choices = engine.framework.choices(engine.estimator("mlp"))
    assert choices["solver"] == ["adam", "lbfgs", "sgd"]
    assert choices["shuffle"] == [False, True]
    assert choices["max_iter"] == [1, 100, 400]
    assert choices["batch_size"] == ["auto", 1, 2]
    assert all(type(value) is float for value in choices["tol"])
    assert "n_jobs" not in engine.framework.choices(engine.estimator("lm"))


@pytest.mark.parametrize("spec", [LEEKASSO, LOGISTIC, SMALL])
def test_overrides_take_exactly_the_parameters_that_say_so(spec):
    for row in defaults(spec):
        options = {"overrides": {row["name"]: None}}
        if row["override"]:
            assert row["name"] in engine.translate(plain(spec), options)["calls"][-1]["arguments"]
        else:
            with pytest.raises(ValueError, match="unknown argument"):
                engine.translate(plain(spec), options)


@pytest.mark.parametrize("overrides", [{}, {"early_stopping": True}, {"activation": "logistic"}, {"warm_start": True}])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_an_untrained_network_has_the_weights_that_its_fit_starts_from(optimizer, overrides, monkeypatch):
    overrides = {"solver": optimizer, **overrides}
    untrained = fit(SMALL, seed=5, weights=True, untrained=True, overrides=overrides)
    started, network = [], engine.estimator("mlp")
    drawn = network._init_coef

    def drawn_and_kept(model, *shape):
        arrays = drawn(model, *shape)
        started.append([array.copy() for array in arrays])
        return arrays

    monkeypatch.setattr(network, "_init_coef", drawn_and_kept)
    trained = fit(SMALL, seed=5, weights=True, overrides=overrides)
    for i, (weights, biases) in enumerate(started):
        np.testing.assert_array_equal(untrained["parameters"]["weights"][i], weights)
        np.testing.assert_array_equal(untrained["parameters"]["biases"][i], biases)
        assert not np.array_equal(trained["parameters"]["weights"][i], weights)


def test_an_untrained_network_reports_no_update_and_no_trouble_of_its_own():
    untrained = fit(SMALL, seed=5, weights=True, untrained=True)
    assert (untrained["iterations"], untrained["updates"], untrained["converged"]) == (0, 0, None)
    assert untrained["messages"] == []
    assert {name: untrained["effective"][name] for name in ("solver", "tol", "max_iter")} == {
        "solver": "adam",
        "tol": 1e-4,
        "max_iter": 4,
    }
    (w, v), (b, c) = untrained["parameters"]["weights"], untrained["parameters"]["biases"]
    expected = 1 / (1 + np.exp(-(np.tanh(DIGITS["test"]["x"] @ w + b) @ v + c)))
    np.testing.assert_allclose(untrained["probability"], expected[:, 0], rtol=1e-12)


def test_a_linear_model_has_no_untrained_state():
    with pytest.raises(ValueError, match="cannot take the option 'untrained'"):
        fit(LOGISTIC, untrained=True)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_repeatable_networks_agree_bit_for_bit_without_a_seed_and_at_any_number_of_threads(optimizer):
    from threadpoolctl import threadpool_limits

    wide = MLP(hidden=(160, 160), activation="tanh", epochs=4)
    runs = []
    for threads in (1, 2, None):
        with threadpool_limits(threads):
            runs.append(fit(wide, weights=True, repeatable=True, overrides={"solver": optimizer}))
    for run in runs[1:]:
        np.testing.assert_array_equal(runs[0]["probability"], run["probability"])
        for i in range(3):
            np.testing.assert_array_equal(runs[0]["parameters"]["weights"][i], run["parameters"]["weights"][i])


def test_an_override_has_the_last_word_on_what_repeats():
    first, again = (fit(SMALL, repeatable=True, overrides={"random_state": None}) for _ in range(2))
    assert first["effective"]["random_state"] is None
    assert not np.array_equal(first["probability"], again["probability"])
    assert by_parameter(defaults(SMALL, repeatable=True))["MLPClassifier", "random_state"]["effective"] == 0


@pytest.mark.parametrize("solver", ["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"])
def test_repeatable_logistic_regressions_agree_bit_for_bit(solver):
    first, again = (fit(LOGISTIC, repeatable=True, overrides={"solver": solver}) for _ in range(2))
    assert first["parameters"] == again["parameters"]
