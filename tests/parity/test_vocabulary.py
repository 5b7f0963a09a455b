"""Units convert both ways, and what a unit claims holds for the frameworks that use it."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from parity.engines.environment import h2o_jar, java
from parity.errors import RequestError
from parity.spec.vocabulary import GLOSSARY, Context, Parameter, parameter

UNITS = [(each, unit) for each in GLOSSARY.values() for unit in each.units]

NARROW = {
    # A share must stay one, and what is left of 1 - 1e-9 has lost nine digits.
    "share": st.floats(0.001, 0.999),
    # Powers of up to 1000 updates an epoch: smaller factors underflow to 0, from which nothing comes back.
    "factor": st.floats(0.9, 1.0),
}

ROUND_TRIP = 1e-9
"Two roundings in float64 cost 1e-16 each; the 1000th power of a factor and its root cost 1000 times as much."


def contexts() -> st.SearchStrategy[Context]:
    positive = st.floats(1e-3, 1e3)
    return st.builds(
        Context,
        n=st.integers(2, 1000),
        batch_size=st.integers(1, 300),
        epochs=positive,
        momentum=st.floats(0.0, 0.99),
        smaller_class=st.floats(0.01, 0.5),
        deviance=positive,
        loss=positive,
        largest_coefficient=positive,
    )


def values(known: Parameter) -> st.SearchStrategy[float]:
    return NARROW.get(known.unit.split()[0], st.floats(1e-6, 1e6))


def data(n: int = 60, p: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20)
    x = rng.normal(size=(n, p))
    return x, (x[:, 0] + rng.normal(size=n) > 0.4).astype(int)


def mean_loss_gradient(x: np.ndarray, y: np.ndarray, coefficients: np.ndarray, intercept: float) -> tuple:
    """Gradient of the mean cross-entropy: (p,) in the coefficients, and the number in the intercept."""
    residual = 1 / (1 + np.exp(-(x @ coefficients + intercept))) - y
    return x.T @ residual / len(y), residual.mean()


@pytest.mark.parametrize(("known", "unit"), UNITS, ids=lambda each: getattr(each, "name", each))
@given(draw=st.data())
def test_every_unit_comes_back_from_a_conversion_both_ways(known, unit, draw):
    value, context = draw.draw(values(known)), draw.draw(contexts())
    there = known.to_canonical(value, unit, context)
    assert known.from_canonical(there, unit, context) == pytest.approx(value, rel=ROUND_TRIP)
    back = known.from_canonical(value, unit, context)
    assert known.to_canonical(back, unit, context) == pytest.approx(value, rel=ROUND_TRIP)


@pytest.mark.parametrize("known", GLOSSARY.values(), ids=lambda each: each.name)
def test_every_parameter_says_what_it_means_and_what_follows_in_whole_sentences(known):
    assert known.unit
    assert known.consequence.endswith(".")
    assert known.consequence[:1] in "ABCDEFGHIJKLMNOPQRSTUVWXYZt"  # tanh is written small
    assert known.meaning.endswith(".")
    assert known.unit not in known.units


@pytest.mark.parametrize(("known", "unit"), UNITS, ids=lambda each: getattr(each, "name", each))
def test_a_unit_that_needs_an_unknown_fact_is_not_converted(known, unit):
    needs = known.units[unit].needs
    assert known.convertible(unit, Context()) is (not needs)
    assert set(needs) <= set(Context.__dataclass_fields__)
    for need in needs:
        with pytest.raises(ValueError, match=f"cannot be converted without the .*{need}"):
            known.to_canonical(1.0, unit, Context())


def test_no_penalty_is_an_infinite_cost():
    strength, context = parameter("penalty.strength"), Context(n=10)
    assert strength.to_canonical(math.inf, "C on the summed loss", context) == 0
    assert strength.from_canonical(0, "C on the summed loss", context) == math.inf


def test_epochs_updates_and_rows_of_one_training_are_one_quantity():
    # 21 rows in batches of 4: five whole ones and one row left over.
    epochs, context = parameter("epochs"), Context(n=21, batch_size=4)
    assert epochs.from_canonical(20, "updates", context) == 120
    assert epochs.from_canonical(20, "rows", context) == 420


def test_a_misspelt_parameter_or_unit_is_answered_with_the_nearest_one():
    with pytest.raises(RequestError, match=r"unknown canonical parameter 'penalty.strenth'; did you mean"):
        parameter("penalty.strenth")
    with pytest.raises(RequestError, match="did you mean 'C on the summed loss'"):
        parameter("penalty.strength").to_canonical(1, "C on the sumed loss", Context(n=3))


@pytest.mark.parametrize("cost", [0.05, 1.0, 30.0])
def test_scikit_learns_c_is_the_penalty_strength_that_the_glossary_says(cost):
    x, y = data()
    model = LogisticRegression(C=cost, tol=1e-10, max_iter=10_000).fit(x, y)
    strength = parameter("penalty.strength").to_canonical(cost, "C on the summed loss", Context(n=len(y)))
    slope, constant = mean_loss_gradient(x, y, model.coef_[0], model.intercept_[0])
    assert np.abs(slope + strength * model.coef_[0]).max() < 1e-8
    assert abs(constant) < 1e-8  # the intercept is free


@pytest.mark.parametrize("scaling", [0.5, 1.0, 8.0])
def test_liblinear_penalises_the_intercept_as_much_as_the_glossary_says(scaling):
    x, y = data()
    model = LogisticRegression(solver="liblinear", intercept_scaling=scaling, tol=1e-10, max_iter=10_000).fit(x, y)
    context = Context(n=len(y))
    strength = parameter("penalty.strength").to_canonical(model.C, "C on the summed loss", context)
    weight = parameter("penalty.intercept").to_canonical(scaling, "value of the constant column", context)
    slope, constant = mean_loss_gradient(x, y, model.coef_[0], model.intercept_[0])
    assert np.abs(slope + strength * model.coef_[0]).max() < 1e-7
    assert abs(constant + strength * weight * model.intercept_[0]) < 1e-7
    assert abs(constant) > 1e-4  # it is not free


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_mlp_classifiers_alpha_adds_to_the_loss_is_divided_by_the_rows_of_a_batch():
    x, y = data()
    alpha, rows = 3.0, 15
    # A learning rate of 0 is refused; one of 1e-300 moves no weight, so that the losses differ by the penalty alone.
    still = {"solver": "sgd", "batch_size": rows, "learning_rate_init": 1e-300, "max_iter": 1, "random_state": 1}
    free, held = (MLPClassifier((5,), alpha=each, **still).fit(x, y) for each in (0.0, alpha))
    strength = parameter("penalty.l2").to_canonical(alpha, "alpha over the batch's rows", Context(batch_size=rows))
    squares = sum((w**2).sum() for w in held.coefs_)
    assert held.loss_ - free.loss_ == pytest.approx(strength / 2 * squares, rel=1e-6)


def test_mlp_classifier_by_lbfgs_stops_where_the_glossarys_penalty_balances_the_mean_loss():
    x, y = data()
    model = MLPClassifier((5,), "tanh", solver="lbfgs", alpha=3.0, tol=1e-9, max_iter=20_000, random_state=1).fit(x, y)
    strength = parameter("penalty.l2").to_canonical(3.0, "lambda on the summed loss", Context(n=len(y)))
    # The output layer is a logistic regression on the hidden units.
    hidden, last = np.tanh(x @ model.coefs_[0] + model.intercepts_[0]), model.coefs_[1][:, 0]
    slope, constant = mean_loss_gradient(hidden, y, last, model.intercepts_[1][0])
    assert np.abs(slope + strength * last).max() < 1e-5
    assert abs(constant) < 1e-5


KERAS = """
import numpy as np, keras
w = keras.Variable(np.full(3, 2.0)); g = np.array([1e-12, 0.3, -0.3])
print(float(keras.regularizers.L2(0.25)(w)))
for name in ("RMSprop", "Adam"):
    at = keras.Variable(np.zeros(3)); rule = getattr(keras.optimizers, name)(learning_rate=1.0, epsilon=1e-4)
    rule.apply([np.array([1e-9, 0.3, -0.3])], [at]); print(float(np.asarray(at.numpy())[0]))
"""


def test_keras_l2_has_no_half_and_its_rmsprop_adds_epsilon_under_the_root():
    done = subprocess.run(
        [sys.executable, "-c", KERAS],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    penalty, rmsprop, adam = map(float, done.stdout.split())
    strength = parameter("penalty.l2").to_canonical(0.25, "lambda without the half", Context())
    assert penalty == pytest.approx(strength / 2 * 3 * 2.0**2)
    # Where the gradient is next to nothing, a step is the gradient over the floor. Adam's first step is 0.1 of it,
    # times sqrt(1 - 0.999) / (1 - 0.9) for the start of its running means.
    floor = parameter("adaptive.epsilon").to_canonical(1e-4, "added under the root", Context())
    assert rmsprop == pytest.approx(-1e-9 / floor, rel=1e-3)
    assert adam == pytest.approx(-1e-9 * 0.1 * math.sqrt(0.001) / 0.1 / 1e-4, rel=1e-3)


H2O = """
import csv, sys
from pathlib import Path
import h2o, numpy as np, pandas as pd
from h2o.estimators import H2ODeepLearningEstimator, H2OGeneralizedLinearEstimator
from parity.engines.h2o_server import H2OServer
from tests.parity.test_vocabulary import data, mean_loss_gradient
columns, (x, y) = list("abcd"), data()
with H2OServer(Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar") as server:
    server.start()
    server.ready()
    h2o.connect(url=server.url, verbose=False)
    h2o.no_progress()
    rows = pd.DataFrame(x, columns=columns).assign(y=y.astype(str))
    frame = h2o.H2OFrame(rows, column_types={"y": "enum"})
    exact = {"beta_epsilon": 1e-12, "objective_epsilon": 1e-14, "solver": "IRLSM", "max_iterations": 200}
    model = H2OGeneralizedLinearEstimator(family="binomial", lambda_=0.2, alpha=0.0, standardize=False, **exact)
    model.train(x=columns, y="y", training_frame=frame)
    b = np.array([model.coef()[name] for name in columns])
    slope, constant = mean_loss_gradient(x, y, b, model.coef()["Intercept"])
    print("glm", np.abs(slope + 0.2 * b).max(), abs(constant))

    def weights(l2, rows, epochs):
        model = H2ODeepLearningEstimator(
            hidden=[3], activation="Tanh", epochs=epochs, seed=7, reproducible=True, adaptive_rate=False, rate=1e-3,
            rate_annealing=0, standardize=False, export_weights_and_biases=True, stopping_rounds=0,
            classification_stop=-1, overwrite_with_best_model=False, mini_batch_size=rows, l2=l2,
        )
        model.train(x=columns, y="y", training_frame=frame[:8, :])
        return np.array(list(csv.reader(model.weights(0).get_frame_data().splitlines()[1:])), dtype=float)

    start = weights(0.0, 1, 0)
    for rows in (1, 4):
        fall = weights(0.0, rows, 1) - weights(0.5, rows, 1)
        print("l2", rows, (fall * start).sum() / (start**2).sum())
"""


@pytest.mark.slow
@pytest.mark.skipif(h2o_jar() is None or java() is None, reason="no H2O server or no Java here")
def test_h2os_lambda_is_that_of_the_glossary_and_its_l2_counts_once_for_every_row_of_a_batch():
    done = subprocess.run([sys.executable, "-c", H2O], capture_output=True, text=True, timeout=200, check=True)
    told = {tuple(line.split()[:-1]): float(line.split()[-1]) for line in done.stdout.splitlines() if "l2 " in line}
    glm = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("glm"))
    assert max(map(float, glm)) < 1e-10
    for rows in (1, 4):
        strength = parameter("penalty.l2").to_canonical(
            0.5, "lambda on the loss of every row of a batch", Context(batch_size=rows)
        )
        # One pass over 8 rows makes 8 / rows updates, each of which takes rate * lambda off every weight; the later
        # ones act on weights that the earlier ones have changed, by a few percent in all.
        assert told["l2", str(rows)] == pytest.approx(1e-3 * strength * 8 / rows, rel=0.02)
