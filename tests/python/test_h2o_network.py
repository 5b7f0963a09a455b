"""H2O's networks against the reference trainer: its order of rows, its updates one by one, and what it cannot do."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from parity.compare.reference_network import (
    SGD,
    Adadelta,
    Arrays,
    Network,
    Rule,
    glorot_uniform,
    train,
)
from parity.data import load
from parity.engines.contract import beside
from parity.spec.models import MLP, aligned_network, plain
from parity.spec.study import Source
from tests.python.conftest import ENGINES, load_engine

engine = load_engine("h2o")
row_order = beside(str(ENGINES / "h2o_engine.py"), "h2o_row_order").row_order

WITHIN = 1e-6
"Float32 weights of up to 1 after at most 240 updates; 8e-7 has been seen at a rate of 0.05, 5e-8 at 0.005."
SMALL = aligned_network(MLP(hidden=(20, 20), activation="tanh", epochs=3, optimizer="sgd", learning_rate=0.01))


def real(n, every=3):
    """n real zeros and ones to train on and 20 others; of the pixels, which run to 255, every third each way."""
    pool = load(Source("mnist01", classes=(0, 1)))
    rows = np.random.default_rng(n).permutation(len(pool.y))[: n + 20]
    kept = np.arange(784).reshape(28, 28)[::every, ::every].ravel()
    x, y = np.asarray(pool.x[rows], dtype=float)[:, kept], np.asarray(pool.y[rows], dtype=int)
    features = [pool.features[i] for i in kept]
    return {
        "train": {"x": x[:n], "y": y[:n], "features": features, "rows": rows[:n]},
        "test": {"x": x[n:], "features": features, "rows": rows[n:]},
    }


def start(spec, data, seed=1):
    """A network of float32 weights, as the engine takes it and as the reference does; its biases are not 0."""
    drawn = glorot_uniform((len(data["train"]["features"]), *spec.hidden, 2), spec.activation, "softmax", seed).arrays
    biases = np.random.default_rng(seed).uniform(-0.1, 0.1, 1000)
    arrays = [np.float32(a if a.ndim == 2 else biases[: len(a)]) for a in drawn]
    given = {"weights": arrays[::2], "biases": arrays[1::2]}
    return given, Network(tuple(a.astype(float) for a in arrays), spec.activation, "softmax")


def reference(network, rule, data, order):
    """The steps of the reference on pixels / 255 in that order."""
    x, y = data["train"]["x"] / 255, data["train"]["y"]
    return list(train(network, rule, [(x[[i]], y[[i]]) for i in order]))


def visits(spec, data, seed):
    return list(itertools.chain(*row_order(len(data["train"]["y"]), spec.epochs, seed)))


def arrays_of(record) -> Arrays:
    return tuple(a for pair in zip(record["weights"], record["biases"], strict=True) for a in pair)


def apart(first, second):
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def options(h2o_server):
    return {"server": h2o_server.address, "weights": True}


def fit(spec, data, options, **more):
    return engine.fit(plain(spec), data["train"], data["test"], {**options, **more})


def printed(code, data, given):
    """The names that a translation's code leaves behind when it is run as a user would paste it."""
    train_rows, test_rows = data["train"], data["test"]
    names = {"x_train": train_rows["x"], "y_train": train_rows["y"], "x_test": test_rows["x"], "initial_weights": given}
    exec(code, names)
    return names


def gaps(spec, **options):
    return [gap["parameter"] for gap in engine.translate(plain(spec), options)["not_expressible"]]


def test_of_the_24_orders_of_four_rows_the_told_one_alone_gives_the_weights(options):
    data, spec = real(4), replace(SMALL, epochs=1, learning_rate=0.05)
    given, network = start(spec, data)
    for seed in (7, 2**40 + 3):
        found = arrays_of(fit(spec, data, options, seed=seed, initial_weights=given)["parameters"])
        fitting = [
            list(order)
            for order in itertools.permutations(range(4))
            if apart(reference(network, SGD(0.05), data, order)[-1].network.arrays, found) < WITHIN
        ]
        assert fitting == row_order(4, 1, seed)


@pytest.mark.parametrize(
    ("n", "every", "changed", "rule"),
    [
        (10, 3, {}, SGD(0.01)),
        (40, 3, {"momentum": 0.9, "learning_rate": 0.002}, SGD(0.002, 0.9, "heavy-ball")),
        (80, 1, {"hidden": (160,) * 5, "learning_rate": 0.005}, SGD(0.005)),
        (40, 3, {"hidden": (128, 128), "activation": "relu", "learning_rate": 0.005}, SGD(0.005)),
    ],
    ids=["plain", "heavy ball", "five layers of 160 on all pixels", "relu"],
)
def test_gradient_descent_is_the_references_after_three_epochs(options, n, every, changed, rule):
    data, spec = real(n, every), replace(SMALL, **changed)
    given, network = start(spec, data)
    answer = fit(spec, data, options, seed=5, initial_weights=given)
    expected = reference(network, rule, data, visits(spec, data, 5))[-1].network
    assert apart(expected.arrays, network.arrays) > 1e3 * WITHIN, "it has learned something"
    assert apart(expected.arrays, arrays_of(answer["parameters"])) < WITHIN
    assert (answer["iterations"], answer["updates"]) == (3, 3 * n)
    np.testing.assert_array_equal(answer["label"], np.array(answer["probability"]) > 0.5)


def test_adadelta_has_rough_roots_and_the_weights_gradients_for_the_biases(options):
    data = real(40)
    spec = aligned_network(MLP(hidden=(20, 20), activation="tanh", epochs=3, optimizer="adadelta"))
    given, network = start(spec, data)
    found = arrays_of(fit(spec, data, options, seed=5, initial_weights=given)["parameters"])
    order = visits(spec, data, 5)

    def distance(rule: Rule):
        return apart(reference(network, rule, data, order)[-1].network.arrays, found)

    average = distance(Adadelta(1.0, 0.99, 1e-8, "average of weights"))
    rough = distance(Adadelta(1.0, 0.99, 1e-8, "average of weights", "by bits"))
    own = distance(Adadelta(1.0, 0.99, 1e-8))
    # The bits of a root are those of a ratio of small numbers, in which the last place of a float32 shows.
    assert rough < 1e-5 < 100 * rough < average < own
    assert gaps(spec, initial_weights=given) == ["rho", "order"]


def test_single_updates_are_those_of_the_whole_fit_bit_for_bit(options):
    data, spec = real(4), replace(SMALL, hidden=(6,), epochs=2, momentum=0.5, learning_rate_decay=0.1)
    given, network = start(spec, data)
    order = visits(spec, data, 3)
    answer = fit(spec, data, options, seed=3, initial_weights=given, trace={"steps": 8})
    first, *steps = answer["trace"]
    for found, asked in zip(arrays_of(first), network.arrays, strict=True):
        np.testing.assert_array_equal(found.astype(np.float32), asked)
    assert [step["target"].tolist() for step in steps] == [[data["train"]["y"][row]] for row in order]
    np.testing.assert_array_equal(steps[2]["input"], data["train"]["x"][[order[2]]] / 255)
    whole = fit(spec, data, options, seed=3, initial_weights=given)
    epochs = fit(spec, data, options, seed=3, initial_weights=given, trace={"epochs": True})
    assert len(steps) == 8 and len(epochs["trace"]) == 3
    for step, same in ((steps[7], whole["parameters"]), (steps[7], epochs["trace"][2]), (steps[3], epochs["trace"][1])):
        assert apart(arrays_of(step), arrays_of(same)) == 0
    assert whole["probability"] == epochs["probability"] == answer["probability"]
    assert answer["updates"] == 8


def test_each_single_update_is_the_references(options):
    data, spec = real(10), replace(SMALL, hidden=(6,), epochs=1)
    given, network = start(spec, data)
    answer = fit(spec, data, options, seed=4, initial_weights=given, trace={"steps": 5})
    steps = reference(network, SGD(0.01), data, visits(spec, data, 4)[:5])
    for found, expected in zip(answer["trace"][1:], steps, strict=True):
        assert apart(arrays_of(found), expected.network.arrays) < WITHIN
    assert answer["updates"] == 5


def test_an_order_is_taken_only_where_it_is_h2os_own(options):
    data, spec = real(4), replace(SMALL, hidden=(6,))
    own = row_order(4, 3, 9)
    free, told = fit(spec, data, options, seed=9), fit(spec, data, options, seed=9, row_order=own)
    assert free["probability"] == told["probability"]
    with pytest.raises(ValueError, match="cannot be told the order"):
        fit(spec, data, options, seed=9, row_order=[[0, 1, 2, 3]] * 3)


def test_the_rate_falls_by_epochs_and_biases_are_penalised_which_are_listed(options):
    data, spec = real(10), replace(SMALL, hidden=(6,), learning_rate_decay=0.1, learning_rate=0.05)
    given, network = start(spec, data)
    found = arrays_of(fit(spec, data, options, seed=5, initial_weights=given)["parameters"])

    def falling(updates_of):
        state = network
        for done, row in enumerate(visits(spec, data, 5)):
            state = reference(state, SGD(0.05 / (1 + 0.1 * updates_of(done))), data, [row])[-1].network
        return apart(state.arrays, found)

    assert falling(lambda done: done // 10 * 10) < WITHIN
    assert falling(lambda done: done) > 1e-3
    assert gaps(spec, initial_weights=given) == ["learning_rate_decay", "order"]
    penalised = replace(spec, learning_rate_decay=0.0, l2=0.1)
    assert gaps(penalised, initial_weights=given) == ["l2", "order"]
    small = arrays_of(fit(penalised, data, options, seed=5, initial_weights=given)["parameters"])

    state = network
    for row in visits(spec, data, 5):
        step = reference(state, SGD(0.05), data, [row])[-1]
        shrunk = (new - 0.05 * 0.1 * old for new, old in zip(step.network.arrays, state.arrays, strict=True))
        state = replace(state, arrays=tuple(shrunk))
    assert apart(state.arrays, small) < WITHIN


def test_batches_have_no_effect_and_are_listed(options):
    data, spec = real(10), replace(SMALL, hidden=(6,))
    single, five = (fit(replace(spec, batch_size=size), data, options, seed=5) for size in (1, 5))
    assert apart(arrays_of(single["parameters"]), arrays_of(five["parameters"])) == 0
    assert "batch_size" in gaps(replace(spec, batch_size=5))


def test_the_servers_frames_are_visited_in_the_same_order(options, h2o_server):
    from types import SimpleNamespace

    data = real(10)
    x = np.vstack([data["train"]["x"], data["test"]["x"]])
    y = np.r_[data["train"]["y"], np.zeros(20, int)]
    pool = SimpleNamespace(name="zeros", x=x, y=y, features=data["train"]["features"])
    h2o_server.load("test", pool, np.arange(10, 30))
    h2o_server.load("stack", pool, np.r_[10:15, 0:10])
    given, _ = start(SMALL, data)
    shared = {"frames": {"test": "test", "stack": "stack", "first": 5, "last": 15}}
    more = {"seed": 6, "initial_weights": given, "trace": {"steps": 3}}
    there, here = (fit(SMALL, data, {**options, **each}, **more) for each in (shared, {}))
    for mine, same in zip(there["trace"], here["trace"], strict=True):
        assert apart(arrays_of(mine), arrays_of(same)) == 0
    assert there["probability"] == here["probability"]
    import h2o

    assert {row["frame_id"]["name"] for row in h2o.api("GET /3/Frames")["frames"]} == {"test", "stack"}
    assert h2o.api("GET /3/Models")["models"] == []


def test_printed_code_is_what_an_aligned_fit_does(options):
    data, spec = real(10), replace(SMALL, hidden=(6,), momentum=0.9)
    given, _ = start(spec, data)
    answer = fit(spec, data, options, seed=5, initial_weights=given)
    translation = engine.translate(plain(spec), {"seed": 5, "initial_weights": given, "weights": True})
    names = printed(translation["code"], data, given)
    assert apart(arrays_of(answer["parameters"]), arrays_of(engine.network.frames.weights_of(names["model"], 2))) == 0
    np.testing.assert_array_equal(names["label"], answer["label"])
    arguments = translation["calls"][0]["arguments"]
    code = {"initial_weights", "initial_biases"}
    assert {name: answer["effective"][name] for name in arguments.keys() - code} == {
        name: value for name, value in arguments.items() if name not in code
    }
    assert arguments["rate"] == pytest.approx(0.1) and arguments["nesterov_accelerated_gradient"]


def test_what_h2o_cannot_do_is_listed():
    assert gaps(SMALL) == ["order", "init"]
    dropping = replace(SMALL, dropout=0.5)
    assert gaps(replace(dropping, dropout_scaling="in-training")) == ["dropout_scaling", "order", "init"]
    assert gaps(replace(dropping, dropout_scaling="at-prediction")) == ["order", "init"]
    assert gaps(replace(SMALL, nesterov=True, momentum=0.9, precision="float64", output="sigmoid")) == [
        "output",
        "nesterov",
        "order",
        "precision",
        "init",
    ]
    adam = aligned_network(MLP(hidden=(6,), activation="tanh", epochs=1, optimizer="adam"))
    assert gaps(adam)[:5] == ["optimizer", "learning_rate", "beta1", "beta2", "epsilon"]
    rms = aligned_network(MLP(hidden=(6,), activation="tanh", epochs=1, optimizer="rmsprop"))
    assert gaps(rms)[:5] == ["optimizer", "learning_rate", "momentum", "rho", "epsilon"]
