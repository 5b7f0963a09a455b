"""Traced updates of the Keras engine in a process of their own, as JSON: of one backend, or of Keras from R."""

from __future__ import annotations

import itertools
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from parity.compare import perturbation
from parity.compare import reference_network as reference
from parity.data import Source, load
from parity.spec.models import CNN, MLP, plain
from parity.spec.study import METHODS
from tests.python.conftest import digits, load_engine, run_printed

UPDATES = 100
SOME = 25
"Updates of RMSprop and Adadelta where not all are asked for: SGD and Adam go the whole way, here and in every engine."
RULES: dict[str, reference.Rule] = {
    "sgd": reference.SGD(0.005),
    "adam": reference.Adam(0.001),
    "rmsprop": reference.RMSprop(0.001),
    "adadelta": reference.Adadelta(1.0, rho=0.95, epsilon=1e-7),
}
PINNED: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.005},
    "adam": {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "rmsprop": {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, "momentum": 0.0},
    "adadelta": {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-7},
}
DEEP = MLP(
    hidden=(128, 128),
    activation="relu",
    epochs=1,
    output="softmax",
    loss="cross-entropy",
    batch_size=1,
    order="given",
    input_scaling="divide-by-255",
)
SMALL = MLP(
    hidden=(6, 5),
    activation="tanh",
    epochs=2,
    output="sigmoid",
    dropout=0.5,
    optimizer="adam",
    learning_rate=0.01,
    batch_size=7,
    input_scaling="standardize",
)
"60 rows in batches of 7 are 9 updates an epoch."
STEPS_OF_SMALL = 18
FALLING = MLP(
    hidden=(4,),
    activation="tanh",
    epochs=1,
    dropout=0.0,
    optimizer="sgd",
    learning_rate=0.1,
    learning_rate_decay=0.25,
    batch_size=10,
    order="given",
    precision="float64",
)
IMAGE = CNN(
    image=(8, 8),
    filters=((4,),),
    hidden=(8,),
    activation="relu",
    epochs=30,
    output="softmax",
    optimizer="adam",
    learning_rate=0.01,
    dropout=0.1,
    dropout_pooled=0.1,
    batch_size=10,
)


def flat(arrays: dict) -> list:
    return [each for pair in zip(arrays["weights"], arrays["biases"], strict=True) for each in pair]


def gap(found: list, expected: Any) -> float:
    return max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True))


def pixels() -> dict:
    """UPDATES rows of zeros and ones of MNIST; 784 pixels of 0 to 255."""
    data = load(Source("mnist01", classes=(0, 1)))
    rows = np.random.default_rng(3).choice(len(data.x), UPDATES, replace=False)
    names = {"features": list(data.features), "rows": rows}
    x = np.asarray(data.x[rows], dtype=np.float64)
    return {"train": {"x": x, "y": data.y[rows].astype(np.int64), **names}, "test": {"x": x[:5], **names}}


def thinned(data: dict) -> dict:
    """Every second pixel of every second row: 196. A record of a hundred updates of the whole network takes 200 MB."""
    kept = np.arange(784).reshape(28, 28)[::2, ::2].ravel()
    names = {"features": [data["train"]["features"][i] for i in kept]}
    return {part: {**rows, **names, "x": rows["x"][:, kept]} for part, rows in data.items()}


def lockstep(fit: Any, optimizer: str, precision: str, data: dict) -> dict:
    """The largest gaps of the updates from the reference, and the updates after which an array is out of bounds."""
    kind, rule = np.dtype(precision).type, RULES[optimizer]
    drawn = reference.glorot_uniform((data["train"]["x"].shape[1], 128, 128, 2), "relu", "softmax", 5)
    start = replace(drawn, arrays=tuple(array.astype(kind).astype(float) for array in drawn.arrays))
    x = (data["train"]["x"] / 255).astype(kind).astype(float)
    batches = [(row[None], y[None]) for row, y in zip(x, data["train"]["y"], strict=True)]
    spec = replace(DEEP, optimizer=optimizer, precision=precision, **PINNED[optimizer])
    weights = {"weights": list(start.arrays[::2]), "biases": list(start.arrays[1::2])}
    every = optimizer in ("sgd", "adam") or os.environ.get("PARITY_LOCKSTEP") == "all"
    updates = UPDATES if every else SOME
    batches = batches[:updates]
    options = {"initial_weights": weights, "trace": {"steps": updates}}
    first, *trace = fit(plain(spec), data["train"], data["test"], options)["trace"]
    assert len(trace) == updates and gap(flat(first), start.arrays) == 0
    narrow = precision == "float32"
    allowed = perturbation.spread(start, rule, batches) if narrow else [()] * updates
    found: dict[str, Any] = {"weights": 0.0, "gradients": 0.0, "activations": 0.0, "loss": 0.0, "outside": []}
    for k, (record, step, bound) in enumerate(zip(trace, reference.train(start, rule, batches), allowed, strict=True)):
        gaps = {
            "weights": gap(flat(record), step.network.arrays),
            "gradients": gap(flat(record["gradients"]), step.gradients),
            "activations": gap(record["activations"], step.activations),
            "loss": abs(record["loss"] - step.loss),
        }
        found |= {part: max(found[part], value) for part, value in gaps.items()}
        if narrow and not all(perturbation.within(tuple(flat(record)), step.network.arrays, bound)):
            found["outside"].append(k)
    arrays = (trace[-1]["weights"][0], trace[-1]["input"], trace[-1]["gradients"]["biases"][0])
    return {**found, "dtypes": [str(array.dtype) for array in arrays]}


def in_lockstep(fit: Any, data: dict) -> dict:
    return {
        optimizer: {precision: lockstep(fit, optimizer, precision, data) for precision in ("float64", "float32")}
        for optimizer in RULES
    }


def chains(fit: Any, data: dict, dropout: float) -> dict:
    """One compiled fit and its chain of eager updates, with an order of rows for each epoch."""
    train, spec = data["train"], replace(SMALL, dropout=dropout)
    orders = [np.random.default_rng(epoch).permutation(len(train["x"])) for epoch in range(2)]
    options = {"seed": 3, "weights": True, "row_order": orders}
    whole = fit(spec, **options, trace={"epochs": True})
    first, *trace = fit(spec, **options, trace={"steps": STEPS_OF_SMALL})["trace"]
    kept = replace(spec, order="given")
    given = {"seed": 3, "weights": True}
    in_order = [np.arange(len(train["x"]))] * 2
    center, spread = train["x"].mean(axis=0), train["x"].std(axis=0)
    scaled = (train["x"] - center) / (spread + (spread == 0))
    last, epochs = trace[-1], whole["trace"]
    probability = last["activations"][-1][:, 0]
    entropy = -np.mean(np.log(np.where(last["target"] == 1, probability, 1 - probability)))
    hidden = np.concatenate([record["activations"][0] for record in trace])
    return {
        "order": {
            "rows": gap(
                [record["input"] for record in trace[:8]], [scaled[orders[0][i : i + 7]] for i in range(0, 56, 7)]
            )
            < 1e-6,
            "targets": all(
                (record["target"].ravel() == train["y"][orders[1][7 * i : 7 * i + 7]]).all()
                for i, record in enumerate(trace[9:])
            ),
            "updates": whole["updates"],
            "epoch by epoch is one fit": gap(
                flat(fit(kept, **given)["parameters"]), flat(fit(kept, **given, row_order=in_order)["parameters"])
            )
            == 0,
        },
        "chain": {
            "gap": gap(flat(last), flat(whole["parameters"])),
            "moved": gap(flat(last), flat(first)),
            "dropped": float((hidden == 0).mean()),
            "loss gap": float(abs(last["loss"] - entropy)),
        },
        "epochs": {
            "records": len(epochs),
            "starts as read back": gap(flat(epochs[0]), flat(first)) == 0,
            "gap": max(gap(flat(epochs[1]), flat(trace[8])), gap(flat(epochs[2]), flat(trace[17]))),
            "last are the fit's": gap(flat(epochs[2]), flat(whole["parameters"])) == 0,
        },
    }


def weighted(fit: Any, data: dict) -> dict:
    """How far a fit with an order of rows and weights of them is from its single updates, and from one without."""
    spec, n = plain(replace(SMALL, dropout=0.0)), len(data["train"]["y"])
    orders = [np.random.default_rng(epoch).permutation(n).tolist() for epoch in range(2)]
    asked = {
        "class_weight": {"0": 0.5, "1": 3.0},
        "sample_weight": np.random.default_rng(7).uniform(0.2, 4, n).round(3).tolist(),
    }

    def last(**options: Any) -> list:
        answer = fit(spec, data["train"], data["test"], {"seed": 3, "row_order": orders, **options})
        return flat(answer["trace"][-1]) if "steps" in options.get("trace", {}) else flat(answer["parameters"])

    equal = last(weights=True)
    found = {}
    for name, value in asked.items():
        whole = last(weights=True, overrides={name: value})
        steps = last(trace={"steps": STEPS_OF_SMALL}, overrides={name: value})
        found[name] = {"gap": gap(steps, whole), "moved": gap(whole, equal)}
    return found


def ridge(fit: Any) -> dict:
    """How far the gradients with and without a penalty of 0.5 differ from 0.5 times the weights."""
    start, plainly = fit(FALLING, seed=1, trace={"steps": 1})["trace"]
    _, ridged = fit(replace(FALLING, l2=0.5), seed=1, trace={"steps": 1})["trace"]
    pairs = zip(ridged["gradients"]["weights"], plainly["gradients"]["weights"], strict=True)
    added = [with_it - without for with_it, without in pairs]
    return {
        "weights": gap(added, [0.5 * weights for weights in start["weights"]]),
        "biases": gap(ridged["gradients"]["biases"], plainly["gradients"]["biases"]),
    }


def images(fit: Any, data: dict) -> dict:
    answer = fit(IMAGE, seed=2)
    record = fit(replace(IMAGE, order="given"), trace={"steps": 2})["trace"][2]
    return {
        "accuracy": float((answer["label"] == data["y_test"]).mean()),
        "keys": sorted(record),
        "gradient shapes": [each.shape for each in flat(record["gradients"])],
        "weight shapes": [each.shape for each in flat(record)],
        "refusal": refusal(lambda: fit(replace(IMAGE, image=(7, 7)))),
    }


def looks(fit: Any) -> dict:
    """A fit that is looked at after every epoch, on every third test row, beside one that is not."""
    seen, unseen = fit(SMALL, seed=6, history=3), fit(SMALL, seed=6)
    probability = np.asarray(seen["history"]["probability"])
    return {
        "shape": probability.shape,
        "last": float(np.abs(probability[-1] - seen["probability"][::3]).max()),
        "moved": float(np.abs(probability[0] - probability[-1]).max()),
        "same": bool((seen["probability"] == unseen["probability"]).all()),
        "unasked": "history" in unseen,
    }


def refusal(act: Any) -> str:
    try:
        act()
    except ValueError as error:
        return str(error)
    return ""


def prints(keras: Any, spec: MLP, data: dict, orders: list | None = None) -> bool:
    """Whether the printed code predicts what the fit does. The code leaves its settings behind."""
    options = {"seed": 1, "row_order": orders}
    expected = keras.fit(plain(spec), data["train"], data["test"], options)["probability"]
    given = f"row_order = {[each.tolist() for each in orders or []]}\n"
    with keras.nets.precision(plain(replace(spec, precision="float32"))):
        printed = run_printed(given + keras.translate(plain(spec), options)["code"], data)
    return bool((printed["probability"] == expected).all())


def found() -> dict:
    keras, data, real = load_engine("keras"), digits(), pixels()

    def fit(spec: MLP, **options: Any) -> dict:
        return keras.fit(plain(spec), data["train"], data["test"], options)

    narrow, wide = replace(SMALL, precision="float32"), replace(SMALL, precision="float64")
    three = [fit(spec, seed=4) for spec in (narrow, wide, narrow)]
    first, *falling = fit(FALLING, seed=1, trace={"steps": 6})["trace"]
    rates = [
        float(((before["weights"][1] - after["weights"][1]) / after["gradients"]["weights"][1]).mean())
        for before, after in itertools.pairwise([first, *falling])
    ]
    published = keras.fit(plain(METHODS["cnn-beam"]), real["train"], real["test"], {"weights": True, "untrained": True})
    sizes = [w.size + b.size for w, b in zip(*published["parameters"].values(), strict=True)]
    orders = [np.arange(60)[::-1], np.arange(60)]
    return {
        "backend": three[0]["effective"]["backend"],
        "lockstep": in_lockstep(keras.fit, thinned(real)),
        "without dropout": chains(fit, data, 0.0),
        "with dropout": chains(fit, data, 0.5),
        "precision": {
            "probabilities": [answer["probability"].tolist() for answer in three],
            "dtypes": [answer["effective"]["dtype"] for answer in three],
        },
        "rates": rates,
        "rate after": fit(FALLING)["effective"]["learning_rate"],
        "ridge": ridge(fit),
        "weighted": weighted(keras.fit, data),
        "printed": {
            "order": prints(keras, SMALL, data, orders),
            "image": prints(keras, IMAGE, data),
            "float64": prints(keras, replace(wide, learning_rate_decay=0.1), data),
        },
        "published": {"sizes": sizes, "parameters": sum(sizes)},
        "image": images(fit, data),
        "looks": looks(fit),
        "shuffled": refusal(lambda: fit(SMALL, trace={"steps": 1})),
        "short": refusal(lambda: fit(SMALL, row_order=orders[:1])),
    }


def found_from_r() -> dict:
    from parity.engines.r_bridge import engine_functions

    fit = engine_functions(Path(__file__).parents[2] / "r_scripts" / "keras_engine.R")["fit"]
    return {"lockstep": in_lockstep(fit, thinned(pixels())), "weighted": weighted(fit, digits())}


if __name__ == "__main__":
    print(json.dumps(found_from_r() if sys.argv[1] == "r" else found()), flush=True)
    # R's and TensorFlow's own endings can hang.
    os._exit(0)
