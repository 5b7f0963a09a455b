"""What is done to an engine's answer from outside, against scikit-learn's own models with rounded coefficients."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from parity.engines.afterwards import changed
from parity.spec.intervention import NOTHING, Intervention
from parity.spec.models import MLP, Leekasso

NAMES = [f"pixel{i}" for i in range(4)]


def fitted(model, spec, cut=0.5):
    """A model of scikit-learn's, its answer in the engine contract's form, and the rows that it was asked about."""
    rng = np.random.default_rng(7)
    x, x_test = rng.normal(size=(30, 4)), rng.normal(size=(200, 4))
    y = (x @ [1, -1, 0.5, 0] + rng.normal(size=30) > 0).astype(int)
    model.fit(x, y)
    probability = model.predict(x_test) if spec.model == "lm" else model.predict_proba(x_test)[:, 1]
    told = dict(zip(["(intercept)", *NAMES], [*np.ravel(model.intercept_), *np.ravel(model.coef_)], strict=True))
    label = (probability > cut).astype(int)
    answer = {"probability": probability, "label": label, "parameters": {"coefficients": told}}
    return model, answer, {"x": x, "y": y, "features": NAMES}, {"x": x_test, "features": NAMES}


@pytest.mark.parametrize("kind", ["float16", "float32"])
@pytest.mark.parametrize(
    ("model", "spec"),
    [(LinearRegression(), Leekasso(model="lm")), (LogisticRegression(), Leekasso(model="glm"))],
    ids=["lm", "glm"],
)
def test_rounded_coefficients_predict_what_scikit_learn_predicts_with_them(model, spec, kind):
    model, answer, train, test = fitted(model, spec)
    found = changed(answer, Intervention(coefficients=kind), spec, train, test)
    for name in ("coef_", "intercept_"):
        setattr(model, name, np.asarray(getattr(model, name)).astype(kind).astype(float))
    wanted = model.predict(test["x"]) if spec.model == "lm" else model.predict_proba(test["x"])[:, 1]
    np.testing.assert_allclose(found["probability"], wanted, rtol=1e-12, atol=1e-12)
    assert (found["label"] == (wanted > 0.5)).all()
    assert np.abs(found["probability"] - answer["probability"]).max() > 1e-10, "rounding changes nothing here"
    told = np.array(list(found["parameters"]["coefficients"].values()))
    assert (told == told.astype(kind)).all()


def test_labels_are_cut_where_they_were_and_a_cut_from_outside_comes_last():
    spec = Leekasso(model="glm")
    _, answer, train, test = fitted(LogisticRegression(), spec, cut=0.3)
    asked = Intervention(coefficients="float16")
    found = changed(answer, asked, spec, train, test)
    far = np.abs(found["probability"] - 0.3) > 1e-2
    assert (found["label"] == (found["probability"] > 0.3))[far].all()
    cut = changed(answer, dataclasses.replace(asked, cut=0.8), spec, train, test)
    assert (cut["label"] == (found["probability"] > 0.8)).all()


def test_a_column_without_a_coefficient_counts_as_absent():
    spec = Leekasso(model="lm")
    model, answer, train, test = fitted(LinearRegression(), spec)
    test["x"] = np.column_stack([test["x"], np.full(200, 9.0)])
    test["features"] = [*NAMES, "aliased"]
    for missing in (None, float("nan")):
        answer["parameters"]["coefficients"]["aliased"] = missing
        found = changed(answer, Intervention(coefficients="float32"), spec, train, test)
        np.testing.assert_allclose(found["probability"], model.predict(test["x"][:, :4]), rtol=1e-5, atol=1e-5)


def test_an_answer_that_is_not_that_of_its_coefficients_is_refused():
    spec = Leekasso(model="lm")
    _, answer, train, test = fitted(LinearRegression(), spec)
    asked = Intervention(coefficients="float16")
    with pytest.raises(ValueError, match="is not what its coefficients give"):
        changed({**answer, "probability": answer["probability"] + 0.1}, asked, spec, train, test)
    with pytest.raises(ValueError, match="no coefficients"):
        changed({**answer, "parameters": None}, asked, spec, train, test)
    with pytest.raises(ValueError, match="no coefficients"):
        changed(answer, asked, MLP(hidden=(2,), activation="tanh", epochs=1), train, test)
    with pytest.raises(ValueError, match="not cut at one"):
        changed({**answer, "label": 1 - answer["label"]}, asked, spec, train, test)


def test_nothing_asked_for_is_nothing_done():
    spec = Leekasso(model="lm")
    _, answer, train, test = fitted(LinearRegression(), spec)
    assert changed(answer, NOTHING, spec, train, test) is answer
