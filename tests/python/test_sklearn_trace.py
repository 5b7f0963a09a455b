"""scikit-learn's networks from given weights over given rows: each step is the reference's; a watch changes nothing."""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity.compare.perturbation import allowed, within
from parity.compare.reference_network import SGD, Adam, Network, Rule, glorot_uniform, train
from parity.data import Source, load
from parity.spec.models import MLP, aligned_network, plain
from tests.python.conftest import digits, load_engine

engine = load_engine("sklearn")
EXACT = 1e-9
"What 100 updates in float64 may be off by: they round in the 16th place, and training multiplies that a little."
RULES: dict[str, tuple[dict[str, Any], Rule]] = {
    "plain": ({"optimizer": "sgd", "learning_rate": 0.02}, SGD(0.02)),
    "momentum": ({"optimizer": "sgd", "learning_rate": 0.005, "momentum": 0.9}, SGD(0.005, 0.9)),
    "nesterov": (
        {"optimizer": "sgd", "learning_rate": 0.005, "momentum": 0.9, "nesterov": True},
        SGD(0.005, 0.9, "nesterov"),
    ),
    "adam": ({"optimizer": "adam", "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6}, Adam(0.001, 0.8, 0.99, 1e-6)),
}
DIGITS = digits()
TINY = MLP(hidden=(6, 5), activation="tanh", epochs=3, optimizer="adam", batch_size=7, input_scaling="standardize")


@functools.cache
def pixels(n: int = 100) -> dict[str, Any]:
    """The first zeros and ones of MNIST: n rows to train on, the next 50 to predict."""
    pool = load(Source("mnist01", classes=(0, 1)))
    x, y, features = pool.x[: n + 50].astype(float), pool.y[:n].astype(int), list(pool.features)
    train_rows = {"x": x[:n], "y": y, "features": features, "rows": np.arange(n)}
    return {"train": train_rows, "test": {"x": x[n:], "features": features, "rows": np.arange(n, n + 50)}}


def aligned(precision: str = "float64", **fields: Any) -> MLP:
    """mlp-beam without dropout, with the one output that scikit-learn has."""
    fields = {"hidden": (128, 128), "activation": "relu", "epochs": 1, "output": "sigmoid", **fields}
    return aligned_network(MLP(precision=precision, **fields))


@functools.cache
def start(sizes: tuple[int, ...] = (784, 128, 128, 1), precision: str = "float64", activation: str = "relu") -> Network:
    """Weights that are the same numbers in both precisions."""
    network = glorot_uniform(sizes, activation, "sigmoid", seed=2)
    return replace(network, arrays=tuple(array.astype(precision).astype(float) for array in network.arrays))


def given(network: Network) -> dict[str, Any]:
    return {"weights": list(network.arrays[::2]), "biases": list(network.arrays[1::2])}


def in_turn(arrays: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """Weights and biases in the reference's order."""
    return tuple(each for pair in zip(arrays["weights"], arrays["biases"], strict=True) for each in pair)


def shuffled(epochs: int, n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(n) for _ in range(epochs)]


def batches(data: dict[str, Any], order: list[np.ndarray], size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each update sees, pixels divided by 255."""
    x, y = data["train"]["x"] / 255, data["train"]["y"]
    slices = [rows[i : i + size] for rows in order for i in range(0, len(rows), size)]
    return [(x[rows], y[rows]) for rows in slices]


def fit(spec: MLP, data: dict[str, Any] = DIGITS, **options: Any) -> dict[str, Any]:
    return engine.fit(plain(spec), data["train"], data["test"], options)


def assert_same(left: dict[str, Any], right: dict[str, Any]) -> None:
    for name in ("weights", "biases"):
        for a, b in zip(left[name], right[name], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rule", RULES)
def test_a_hundred_single_row_updates_in_float64_are_the_references(rule):
    fields, update = RULES[rule]
    order = shuffled(1, 100)
    answer = fit(
        aligned(**fields), pixels(), initial_weights=given(start()), row_order=order, trace={"steps": 100}, weights=True
    )
    first, *records = answer["trace"]
    assert_same(first, given(start()))
    assert_same(answer["parameters"], records[-1])
    assert (len(records), answer["updates"], answer["iterations"]) == (100, 100, 1)
    seen = batches(pixels(), order, 1)
    for record, step, (x, y) in zip(records, train(start(), update, seen), seen, strict=True):
        np.testing.assert_array_equal(record["input"], x)
        np.testing.assert_array_equal(record["target"], y)
        assert abs(record["loss"] - step.loss) <= EXACT
        pairs = [
            (in_turn(record), step.network.arrays),
            (in_turn(record["gradients"]), step.gradients),
            (record["activations"], step.activations),
        ]
        for found, expected in pairs:
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=EXACT)


def within_rounding(record: dict[str, Any], each: Any) -> dict[str, bool]:
    return {
        "loss": abs(record["loss"] - each.step.loss) <= each.loss,
        "activations": all(within(record["activations"], each.step.activations, each.activations)),
        "gradients": all(within(in_turn(record["gradients"]), each.step.gradients, each.gradients)),
        "weights": all(within(in_turn(record), each.step.network.arrays, each.arrays)),
    }


@pytest.mark.parametrize("rule", RULES)
def test_a_hundred_single_row_updates_in_float32_are_the_references_up_to_rounding(rule):
    fields, update = RULES[rule]
    network, order = start(precision="float32"), shuffled(1, 100)
    spec = aligned("float32", **fields)
    answer = fit(spec, pixels(), initial_weights=given(network), row_order=order, trace={"steps": 100})
    first, *records = answer["trace"]
    assert_same(first, given(network))
    tolerances = allowed(network, update, batches(pixels(), order, 1), np.float32)
    for k, (record, each) in enumerate(zip(records, tolerances, strict=True)):
        arrays = [*in_turn(record), *in_turn(record["gradients"]), *record["activations"], record["input"]]
        assert {array.dtype for array in arrays} == {np.dtype("float32")}
        assert all(within_rounding(record, each).values()), (k, within_rounding(record, each))


def test_a_rate_a_thousandth_too_large_is_no_rounding():
    network, order = start(precision="float32"), shuffled(1, 100)
    answer = fit(
        aligned("float32", optimizer="sgd", learning_rate=0.02002),
        pixels(),
        initial_weights=given(network),
        row_order=order,
        trace={"steps": 1},
    )
    (each,) = allowed(network, SGD(0.02), batches(pixels(), order, 1)[:1], np.float32)
    found = within_rounding(answer["trace"][1], each)
    assert found == {"loss": True, "activations": True, "gradients": True, "weights": False}


@pytest.mark.parametrize("rule", RULES)
def test_batches_of_four_over_two_epochs_in_different_orders_are_the_references(rule):
    fields, update = RULES[rule]
    data, order = pixels(10), shuffled(2, 10)
    assert not np.array_equal(order[0], order[1])
    spec, network = aligned(epochs=2, batch_size=4, hidden=(9,), **fields), start((784, 9, 1))
    answer = fit(spec, data, initial_weights=given(network), row_order=order, trace={"steps": 100})
    seen = batches(data, order, 4)
    assert [len(record["input"]) for record in answer["trace"][1:]] == [4, 4, 2, 4, 4, 2]
    assert (answer["updates"], answer["iterations"]) == (6, 2)
    for record, step in zip(answer["trace"][1:], train(network, update, seen), strict=True):
        for found, expected in zip(in_turn(record), step.network.arrays, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("size", [1, 4])
def test_the_ridge_penalty_is_lambda_on_the_mean_loss(size):
    data, order, l2, rate = pixels(12), shuffled(1, 12), 0.3, 0.02
    spec = aligned(optimizer="sgd", learning_rate=rate, batch_size=size, hidden=(9,), activation="tanh", l2=l2)
    network = start((784, 9, 1), activation="tanh")
    answer = fit(spec, data, initial_weights=given(network), row_order=order, trace={"steps": 12})
    for record, (x, y) in zip(answer["trace"][1:], batches(data, order, size), strict=True):
        (w, v), (b, c) = given(network)["weights"], given(network)["biases"]
        hidden = np.tanh(x @ w + b)
        probability = 1 / (1 + np.exp(-(hidden @ v + c)))
        cross_entropy = -np.log(np.where(y[:, None] == 1, probability, 1 - probability)).mean()
        error = (probability - y[:, None]) / len(y)
        below = (error @ v.T) * (1 - hidden**2)
        slopes = [x.T @ below + l2 * w, below.sum(axis=0), hidden.T @ error + l2 * v, error.sum(axis=0)]
        network = replace(network, arrays=tuple(a - rate * s for a, s in zip(network.arrays, slopes, strict=True)))
        assert record["loss"] == pytest.approx(cross_entropy + l2 / 2 * ((w**2).sum() + (v**2).sum()), abs=EXACT)
        for found, expected in zip(in_turn(record), network.arrays, strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("batch", [4, 200, None])
def test_alpha_is_lambda_times_the_rows_that_a_batch_has(batch):
    answer = fit(replace(TINY, l2=0.01, batch_size=batch))
    rows = min(batch or 200, 60)
    assert answer["effective"]["alpha"] == pytest.approx(0.01 * rows, rel=1e-15)
    assert answer["effective"]["batch_size in force"] == rows
    assert fit(replace(TINY, l2=0.01), overrides={"solver": "lbfgs"})["effective"]["alpha"] == 0.01 * 60
    assert fit(replace(TINY, l2=0.0))["effective"]["alpha"] == 0


def test_a_watched_epoch_is_the_epoch_unwatched_and_the_chain_of_its_batches():
    network, order = start((64, 6, 5, 1), activation="tanh"), shuffled(3, 60)
    options = {"initial_weights": given(network), "row_order": order, "weights": True}
    plainly, watched = fit(TINY, **options), fit(TINY, **options, trace={"steps": 1000})
    assert plainly["trace"] is None
    assert_same(plainly["parameters"], watched["parameters"])
    assert plainly["updates"] == watched["updates"] == len(watched["trace"]) - 1 == 27
    model = engine.network.made(plain(TINY), options, DIGITS["train"]["x"])[0]
    engine.network.start_from(model, given(network), [64, 6, 5, 1])
    x, _ = engine.network.prepared(plain(TINY), DIGITS["train"]["x"], DIGITS["test"]["x"])
    for rows in order:
        for i in range(0, 60, 7):
            batch = rows[i : i + 7]
            model.set_params(batch_size=len(batch))
            model.partial_fit(x[batch], DIGITS["train"]["y"][batch], classes=[0, 1])
    assert_same({"weights": model.coefs_, "biases": model.intercepts_}, plainly["parameters"])


def test_rows_as_they_stand_are_fit_without_shuffling():
    """The real fit with order="given" against one partial_fit for each epoch."""
    network = start((64, 6, 5, 1), activation="tanh")
    options = {"initial_weights": given(network), "weights": True}
    as_they_stand = fit(replace(TINY, order="given", stopping="none"), **options)
    assert as_they_stand["effective"]["shuffle"] is False
    ordered = fit(TINY, **options, row_order=[np.arange(60)] * 3)
    assert_same(as_they_stand["parameters"], ordered["parameters"])
    assert (as_they_stand["updates"], as_they_stand["iterations"]) == (ordered["updates"], ordered["iterations"])
    other = fit(TINY, **options, row_order=shuffled(3, 60))
    assert not np.array_equal(other["parameters"]["weights"][0], ordered["parameters"]["weights"][0])


@pytest.mark.parametrize("precision", [None, "float32"])
def test_the_weights_that_a_seed_draws_give_its_fit_when_they_are_given(precision):
    spec = replace(TINY, precision=precision)
    shipped = fit(spec, seed=4, weights=True)
    untrained = fit(spec, seed=4, weights=True, untrained=True, trace={"steps": 1})
    assert [len(untrained["trace"]), untrained["updates"], untrained["effective"]["solver"]] == [1, 0, "adam"]
    assert_same(untrained["trace"][0], untrained["parameters"])
    again = fit(spec, seed=4, weights=True, initial_weights=untrained["parameters"], trace={"epochs": True})
    assert_same(again["parameters"], shipped["parameters"])
    assert_same(again["trace"][0], untrained["parameters"])
    dtype = np.dtype(precision or "float64")
    assert {a.dtype for record in again["trace"] for a in in_turn(record)} == {dtype}
    assert {a.dtype for a in in_turn(untrained["parameters"])} == {dtype}


@pytest.mark.parametrize("ordered", [False, True])
def test_a_trace_by_epochs_holds_the_weights_of_shorter_fits(ordered):
    order = shuffled(3, 60)
    whole = fit(TINY, seed=1, weights=True, trace={"epochs": True}, row_order=order if ordered else None)
    assert [set(record) for record in whole["trace"]] == [{"weights", "biases"}] * 4
    assert whole["iterations"] == 3
    for epochs in (1, 2, 3):
        shorter = replace(TINY, epochs=epochs)
        alone = fit(shorter, seed=1, weights=True, row_order=order[:epochs] if ordered else None)
        assert_same(alone["parameters"], whole["trace"][epochs])


@pytest.mark.parametrize("ordered", [False, True])
def test_training_ends_with_the_last_step_that_is_asked_for(ordered):
    options = {"seed": 1, "weights": True, "row_order": shuffled(3, 60) if ordered else None}
    long, short = (fit(TINY, **options, trace={"steps": steps}) for steps in (27, 11))
    assert (long["updates"], long["iterations"]) == (27, 3)
    assert (short["updates"], short["iterations"], short["converged"]) == (11, 1, None)
    assert_same(short["parameters"], long["trace"][11])
    assert_same(short["trace"][-1], long["trace"][11])
    assert not np.array_equal(long["trace"][11]["weights"][0], long["trace"][10]["weights"][0])
    x = engine.network.prepared(plain(TINY), DIGITS["train"]["x"], DIGITS["test"]["x"])[1]
    for w, b in zip(short["parameters"]["weights"][:-1], short["parameters"]["biases"][:-1], strict=True):
        x = np.tanh(x @ w + b)
    score = x @ short["parameters"]["weights"][-1] + short["parameters"]["biases"][-1]
    np.testing.assert_allclose(short["probability"], 1 / (1 + np.exp(-score[:, 0])), rtol=1e-12)


def test_batches_of_one_class_and_orders_as_lists_are_taken():
    order = [np.argsort(DIGITS["train"]["y"], kind="stable").tolist()] * 3
    answer = fit(replace(TINY, batch_size=1), row_order=order, trace={"steps": 180})
    assert [int(record["target"][0]) for record in answer["trace"][1:61]] == sorted(DIGITS["train"]["y"])
    assert answer["updates"] == 180
    assert answer["messages"] == []


def test_what_l_bfgs_cannot_follow_is_refused():
    order, solver = shuffled(3, 60), {"solver": "lbfgs"}
    with pytest.raises(ValueError, match="option 'trace' needs solver 'sgd' or 'adam'"):
        fit(TINY, trace={"epochs": True}, overrides=solver)
    with pytest.raises(ValueError, match="option 'row_order' needs solver 'sgd' or 'adam'"):
        fit(TINY, row_order=order, overrides=solver)
    with pytest.raises(ValueError, match="needs shuffle=False"):
        fit(TINY, row_order=order, overrides={"shuffle": True})
    with pytest.raises(ValueError, match="for 2 epochs; it must be for all 3"):
        fit(TINY, row_order=order[:2])
    with pytest.raises(ValueError, match=r"this network's weights have \[\(64, 6\), \(6, 5\), \(5, 1\)\]"):
        fit(TINY, initial_weights=given(start((64, 6, 1))))


def test_the_printed_code_follows_the_given_weights_and_rows():
    network, order = start((64, 6, 5, 1), activation="tanh"), shuffled(3, 60)
    for spec in (TINY, replace(TINY, precision="float32", l2=0.1)):
        for options in ({"row_order": order}, {"seed": 3}):
            options = {**options, "initial_weights": given(network)}
            names = {**options, "x_test": DIGITS["test"]["x"]}
            names |= {"x_train": DIGITS["train"]["x"], "y_train": DIGITS["train"]["y"]}
            with warnings.catch_warnings(action="ignore"):
                exec(engine.translate(plain(spec), options)["code"], names)
            answer = fit(spec, **options, weights=True)
            np.testing.assert_array_equal(names["probability"], answer["probability"])
            np.testing.assert_array_equal(names["label"], answer["label"])
            model = names["model"]
            assert_same({"weights": model.coefs_, "biases": model.intercepts_}, answer["parameters"])
            assert model.coefs_[0].dtype == (spec.precision or "float64")


def test_a_pinned_network_is_said_in_scikit_learns_arguments():
    spec = plain(aligned("float32", optimizer="adam", beta1=0.8, epochs=7))
    made = engine.translate(spec, {"initial_weights": given(start())})
    assert made["not_expressible"] == []
    assert made["calls"][0]["arguments"] == {
        "hidden_layer_sizes": (128, 128),
        "activation": "relu",
        "solver": "adam",
        "alpha": 0.0,
        "batch_size": 1,
        "learning_rate_init": 0.001,
        "max_iter": 7,
        "shuffle": False,
        "beta_1": 0.8,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "n_iter_no_change": 7,
    }
    assert 'x_train.astype("float32")' in made["code"]
    sgd = engine.translate(plain(aligned(optimizer="sgd", nesterov=True)), {})
    told = sgd["calls"][0]["arguments"]
    assert (told["momentum"], told["nesterovs_momentum"], told["learning_rate"]) == (0.0, True, "constant")
    assert [gap["parameter"] for gap in sgd["not_expressible"]] == ["init"]


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"output": None}, ["output", "init"]),
        ({"optimizer": "rmsprop"}, ["optimizer", "momentum", "epsilon", "rho", "init"]),
        ({"optimizer": "adadelta"}, ["optimizer", "epsilon", "rho", "init"]),
        ({"optimizer": "sgd", "beta1": 0.5}, ["beta1", "init"]),
        (
            {"dropout": 0.2, "learning_rate_decay": 0.1, "threshold": 0.4},
            ["dropout", "learning_rate_decay", "init", "threshold"],
        ),
        ({"l2": 0.1, "batch_size": 4}, ["l2", "init"]),
        ({"l2": 0.1}, ["init"]),
    ],
)
def test_what_scikit_learn_lacks_of_a_pinned_network_is_listed(fields, parameters):
    listed = engine.translate(plain(aligned(**fields)), {})["not_expressible"]
    assert [gap["parameter"] for gap in listed] == parameters


def test_another_optimizer_is_not_trained_in_its_place():
    with pytest.raises(ValueError, match="scikit-learn cannot express optimizer"):
        fit(aligned(optimizer="rmsprop"), pixels(10))


def test_defaults_name_the_call_that_trains():
    rows = engine.defaults(plain(TINY), DIGITS["train"], {"row_order": shuffled(3, 60)})
    asked = {(row["function"], row["name"]): row["asked"] for row in rows if row["given"]}
    assert asked["MLPClassifier.partial_fit", "classes"] == [0, 1]
    assert asked["MLPClassifier", "shuffle"] is False
