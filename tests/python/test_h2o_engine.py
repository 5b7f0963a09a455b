"""H2O's engine on a JVM of our own: its labels, its frames, its seeds and what it leaves behind."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from parity.spec.models import MLP, Leekasso, plain
from tests.python.conftest import digits, load_engine, overlapping

engine = load_engine("h2o")
DATA = digits(40)
SMALL = MLP(hidden=(6,), activation="tanh", epochs=3)
REPEATABLE = {"overrides": {"reproducible": True}}


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
    assert [gap["parameter"] for gap in translation["not_expressible"]] == ["optimizer", "learning_rate"]


def test_an_unknown_override_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="'reproducable'.*did you mean 'reproducible'"):
        engine.translate(plain(SMALL), {"overrides": {"reproducable": True}})
    with pytest.raises(ValueError, match="no screen of its own"):
        engine.fit(plain(Leekasso()), DATA["train"], DATA["test"], {})
    rows = {row["name"]: row["effective"] for row in engine.defaults("mlp")}
    assert (rows["epochs"], rows["hidden"]) == (10.0, [200, 200])
