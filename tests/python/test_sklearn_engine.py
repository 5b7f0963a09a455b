"""scikit-learn's engine against NumPy, against estimators built by hand, and against its own printed code."""

from __future__ import annotations

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
        fit(SMALL, trace=True)


def test_defaults_are_read_from_the_installed_package():
    rows = {(row["function"], row["name"]): row for row in engine.defaults("liblinear")}
    assert rows["SelectKBest", "k"]["effective"] == 10
    assert rows["LogisticRegression", "C"] == {
        "function": "LogisticRegression",
        "name": "C",
        "declared": 1.0,
        "effective": 1.0,
        "source": "inspect.signature(LogisticRegression), LogisticRegression().get_params()",
    }
