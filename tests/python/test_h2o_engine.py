"""H2O's engine on a JVM of our own: its labels, its frames, its seeds and what it leaves behind."""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace

import numpy as np
import pytest

from parity.spec.models import MLP, Leekasso, plain
from tests.python.conftest import digits, load_engine, overlapping

engine = load_engine("h2o")
DATA = digits(40)
SMALL = MLP(hidden=(6,), activation="tanh", epochs=3)
REPEATABLE = {"overrides": {"reproducible": True}}
GLM, SELECTED = Leekasso(model="glm"), ["pixel20", "pixel28", "pixel36"]


def everything(data):
    """The data as `H2OServer.load` takes it: test rows behind the training rows."""
    return SimpleNamespace(
        name="digits",
        x=np.vstack([data["train"]["x"], data["test"]["x"]]),
        y=np.concatenate([data["train"]["y"], data["y_test"]]),
        features=data["train"]["features"],
    )


@pytest.fixture(scope="module")
def options(h2o_server):
    """The training rows lie at 5:45 of the stack, behind five of the test rows."""
    h2o_server.load("test", everything(DATA), np.arange(40, 360))
    h2o_server.load("stack", everything(DATA), np.r_[100:105, 0:40, 200:220])
    return {"server": h2o_server.address, "frames": {"test": "test", "stack": "stack", "first": 5, "last": 45}}


def fit(spec, options, data=DATA, **more):
    return engine.fit(plain(spec), data["train"], data["test"], {**options, **more})


def test_a_network_on_the_servers_frames_is_the_one_on_uploaded_rows(options):
    there = fit(SMALL, options, seed=3, **REPEATABLE)
    uploaded = fit(SMALL, {"server": options["server"]}, seed=3, **REPEATABLE)
    np.testing.assert_allclose(there["probability"], uploaded["probability"], rtol=1e-12)
    np.testing.assert_array_equal(there["label"], uploaded["label"])


def test_labels_are_the_servers_own_and_not_a_cut_at_one_half(options):
    answers = [fit(SMALL, options, seed=seed, **REPEATABLE) for seed in range(3)]
    for answer in answers:
        probability, label = np.array(answer["probability"]), np.array(answer["label"])
        assert set(label) == {0, 1}
        # One threshold separates the labels, wherever the server put it.
        assert probability[label == 0].max() <= probability[label == 1].min()
    assert any(np.any((np.array(a["probability"]) > 0.5) != np.array(a["label"])) for a in answers)


def test_reproducible_repeats_a_seed_bit_for_bit(options):
    first, again, other = (fit(SMALL, options, seed=seed, **REPEATABLE) for seed in (3, 3, 4))
    assert first["probability"] == again["probability"]
    assert first["probability"] != other["probability"]
    assert first["effective"]["seed"] == 3


def test_epochs_and_updates_are_those_done_and_stopping_none_does_them_all(options):
    spec = MLP(hidden=(40, 40), activation="tanh", epochs=30)
    stopped = fit(spec, options, seed=3, **REPEATABLE)
    assert stopped["iterations"] < 30, "classification_stop = 0 ends training at the first error of 0"
    spec = MLP(hidden=(40, 40), activation="tanh", epochs=30, stopping="none")
    whole = fit(spec, options, seed=3, **REPEATABLE)
    assert (whole["iterations"], whole["updates"]) == (30, 30 * 40)


def test_weights_are_in_out_and_constant_columns_have_none(options):
    answer = fit(SMALL, options, seed=3, weights=True)
    constant = int(np.sum(np.ptp(DATA["train"]["x"], axis=0) == 0))
    assert [w.shape for w in answer["parameters"]["weights"]] == [(64 - constant, 6), (6, 2)]
    assert [b.shape for b in answer["parameters"]["biases"]] == [(6,), (2,)]
    assert any("Dropping bad and constant columns" in message for message in answer["messages"])


def test_unpenalised_least_squares_are_those_of_lstsq(options):
    data = overlapping()
    spec, selected = Leekasso(model="lm"), ["a", "b", "c", "d"]
    answer = fit(spec, {"server": options["server"]}, data, selected=selected, overrides={"lambda_": 0})
    design = np.column_stack([np.ones(80), data["train"]["x"][:, :4]])
    expected = np.linalg.lstsq(design, data["train"]["y"], rcond=None)[0]
    found = [answer["parameters"]["coefficients"][name] for name in ["(intercept)", *selected]]
    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_array_equal(answer["label"], np.array(answer["probability"]) > 0.5)


def test_least_squares_as_shipped_are_penalised_and_the_label_is_a_number_on_the_server_too(options):
    selected = ["pixel20", "pixel28", "pixel36"]
    there = fit(Leekasso(model="lm"), options, selected=selected)
    uploaded = fit(Leekasso(model="lm"), {"server": options["server"]}, selected=selected)
    np.testing.assert_allclose(there["probability"], uploaded["probability"], rtol=1e-10)
    assert there["effective"]["lambda"][0] > 0
    assert 0.3 < np.mean(there["probability"]) < 0.7


def test_a_constant_column_has_no_coefficient(options):
    answer = fit(Leekasso(model="glm"), options, selected=["pixel0", "pixel20", "pixel28"])
    coefficients = answer["parameters"]["coefficients"]
    assert coefficients["pixel0"] is None
    assert coefficients["pixel20"] is not None
    assert set(answer["label"]) == {0, 1}


def test_a_fit_leaves_nothing_on_the_server_but_the_shared_frames(options):
    import h2o

    fit(SMALL, options, seed=3, weights=True)
    fit(Leekasso(model="lm"), options, selected=["pixel20"])
    fit(Leekasso(model="glm"), {"server": options["server"]}, selected=["pixel20"])
    keys = {row["frame_id"]["name"] for row in h2o.api("GET /3/Frames")["frames"]}
    assert keys == {"test", "stack"}
    assert h2o.api("GET /3/Models")["models"] == []


def test_another_server_is_refused(options):
    stranger = {"url": options["server"]["url"], "name": "somebody-elses"}
    with pytest.raises(RuntimeError, match="'somebody-elses'"):
        fit(SMALL, {**options, "server": stranger})


def test_translated_arguments_are_in_force_after_the_fit_and_adam_is_listed(options):
    spec = MLP(
        hidden=(6, 5), activation="relu", epochs=2, dropout=0.25, batch_size=5, optimizer="adam", learning_rate=0.1
    )
    translation = engine.translate(plain(spec), {"seed": 3})
    arguments = translation["calls"][0]["arguments"]
    effective = fit(spec, options, seed=3)["effective"]
    assert arguments["activation"] == "RectifierWithDropout"
    assert arguments == {name: effective[name] for name in arguments}
    assert [gap["parameter"] for gap in translation["not_expressible"]] == ["optimizer", "learning_rate", "batch_size"]


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'reproducable'.*did you mean 'reproducible'"):
        engine.translate(plain(SMALL), {"overrides": {"reproducable": True}})
    with pytest.raises(ValueError, match="no screen of its own"):
        engine.fit(plain(Leekasso()), DATA["train"], DATA["test"], {})


def defaults(spec, options, **more):
    return engine.defaults(plain(spec), DATA["train"], {"server": options["server"], **more})


def table(rows, function):
    return {row["name"]: row for row in rows if row["function"] == function}


def arguments_of(function):
    code = inspect.unwrap(function).__code__
    return [name for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if name != "self"]


@pytest.mark.parametrize(
    ("spec", "name", "algorithm"),
    [(SMALL, "H2ODeepLearningEstimator", "deeplearning"), (GLM, "H2OGeneralizedLinearEstimator", "glm")],
)
def test_defaults_have_a_row_for_every_parameter_of_the_client_and_of_the_server(options, spec, name, algorithm):
    import h2o
    from h2o import estimators

    rows, each = defaults(spec, options, selected=SELECTED), getattr(estimators, name)
    assert list(table(rows, name)) == arguments_of(each.__init__)
    assert list(table(rows, "train")) == arguments_of(each.train)
    assert list(table(rows, "predict")) == arguments_of(each.predict)
    schema = h2o.api(f"GET /3/ModelBuilders/{algorithm}")["model_builders"][algorithm]["parameters"]
    # Python reserves the word lambda; the client writes an underscore behind it.
    listed = {row["name"].removesuffix("_") for row in rows if row["function"] not in ("train", "predict")}
    assert listed == {parameter["name"] for parameter in schema}
    written = {parameter["name"]: parameter for parameter in schema}
    assert table(rows, name)["stopping_metric"]["choices"] == written["stopping_metric"]["values"]
    assert table(rows, name)["standardize"]["choices"] == [False, True]
    assert table(rows, name)["seed"]["choices"] is None


def test_a_parameter_that_only_the_server_has_gets_a_row_of_its_own(options):
    import h2o

    schema = h2o.api("GET /3/ModelBuilders/glm")["model_builders"]["glm"]["parameters"]
    alpha, link = (next(each for each in schema if each["name"] == name) for name in ("alpha", "link"))
    each = type("Estimator", (), {"algo": "glm", "__init__": lambda self, alpha=None: None})
    (row,) = engine.table.rows_of_server(each, {"link": "logit"}, [alpha, link])
    assert (row["function"], row["name"], row["declared"]) == ("/3/ModelBuilders/glm", "link", "family_default")
    assert (row["effective"], row["choices"]) == ("logit", link["values"])


def test_a_default_that_the_server_declares_otherwise_is_marked():
    each = type("Estimator", (), {"algo": "glm", "__init__": lambda self, link="Family_Default", prior=-1: None})
    schema = [
        {"name": "link", "type": "enum", "values": ["family_default"], "default_value": "family_default"},
        {"name": "prior", "type": "double", "values": [], "default_value": 0.5},
    ]
    link, prior = engine.table.rows_of_estimator(each, {}, {}, schema, {"link"})
    assert link["declared_from"] == "inspect.signature(Estimator)", "the client takes a word in any case"
    assert prior["declared_from"] == "inspect.signature(Estimator); the server's schema says 0.5"


def test_defaults_tell_declared_asked_and_what_the_server_had_in_force(options):
    rows = table(defaults(SMALL, options, seed=3, overrides={"l1": 0.5}), "H2ODeepLearningEstimator")
    found = {name: [rows[name][k] for k in ("declared", "given", "asked", "effective")] for name in rows}
    assert found["epochs"] == [10.0, True, 3, 3.0]
    assert found["activation"] == ["rectifier", True, "Tanh", "Tanh"]
    assert found["distribution"] == ["auto", False, None, "bernoulli"]
    assert found["l1"] == [0.0, True, 0.5, 0.5]
    assert found["seed"] == [-1, True, 3, 3]
    trained = fit(SMALL, options, seed=3, overrides={"l1": 0.5})["effective"]
    assert {name: value for name, value in trained.items() if rows[name]["effective"] != value} == {}
    import h2o

    schema = h2o.api("GET /3/ModelBuilders/deeplearning")["model_builders"]["deeplearning"]["parameters"]
    objects = {parameter["name"] for parameter in schema if parameter["type"].startswith("Key<")}
    assert {"model_id", "checkpoint"} <= objects
    kept = {"training_frame", "response_column", "ignored_columns", *objects}
    assert {name for name in rows if not rows[name]["override"]} == kept
    rows = table(defaults(GLM, options, selected=SELECTED), "H2OGeneralizedLinearEstimator")
    trained = fit(GLM, {"server": options["server"]}, selected=SELECTED)["effective"]
    assert (rows["lambda_"]["declared"], rows["lambda_"]["effective"]) == (None, trained["lambda"])
    assert (rows["seed"]["effective"], rows["seed"]["effective_from"]) == (None, ""), "drawn anew in every fit"


def test_two_calls_of_defaults_agree_and_leave_nothing_behind(options):
    import h2o

    for spec in (SMALL, GLM, Leekasso(model="lm")):
        first, again = (json.dumps(defaults(spec, options, selected=SELECTED)) for _ in range(2))
        assert first == again
    assert {row["frame_id"]["name"] for row in h2o.api("GET /3/Frames")["frames"]} == {"test", "stack"}
    assert h2o.api("GET /3/Models")["models"] == []


def test_an_untrained_network_has_the_weights_of_its_seed_within_glorots_bound(options):
    first, again, other = (fit(SMALL, options, seed=s, weights=True, untrained=True) for s in (3, 3, 4))
    assert (first["iterations"], first["updates"], first["effective"]["epochs"]) == (0, 0, 0)
    hidden, output = first["parameters"]["weights"]
    for name in ("weights", "biases"):
        for mine, same in zip(first["parameters"][name], again["parameters"][name], strict=True):
            np.testing.assert_array_equal(mine, same)
    assert not np.array_equal(hidden, other["parameters"]["weights"][0])
    bound = np.sqrt(6 / sum(hidden.shape))
    assert 0.9 * bound < np.abs(hidden).max() <= bound
    assert np.sqrt(6 / sum(output.shape)) < np.abs(output).max() <= 4 * np.sqrt(6 / sum(output.shape))
    assert all(np.all(bias == 0) for bias in first["parameters"]["biases"])
    with pytest.raises(ValueError, match="'untrained'"):
        fit(GLM, options, selected=SELECTED, untrained=True)


def test_repeatable_fits_agree_bit_for_bit_unless_an_override_says_otherwise(options):
    first, again = (fit(SMALL, options, repeatable=True, weights=True) for _ in range(2))
    assert first["probability"] == again["probability"]
    for mine, same in zip(first["parameters"]["weights"], again["parameters"]["weights"], strict=True):
        np.testing.assert_array_equal(mine, same)
    first, again = (fit(GLM, options, selected=SELECTED, repeatable=True) for _ in range(2))
    assert first["parameters"] == again["parameters"]
    assert first["probability"] == again["probability"]
    raced = engine.translate(plain(SMALL), {"repeatable": True, "overrides": {"reproducible": False, "seed": 9}})
    arguments = raced["calls"][0]["arguments"]
    assert (arguments["reproducible"], arguments["seed"]) == (False, 9)
