"""Fits of the Keras engine in a process of their own, as JSON: KERAS_BACKEND is fixed when Keras is first imported."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import replace

import numpy as np

from parity.spec.models import CNN, MLP, plain
from tests.python.conftest import digits, load_engine, run_printed

SHIPPED = MLP(hidden=(6,), activation="tanh", epochs=3)
PINNED = MLP(
    hidden=(6, 5),
    activation="relu",
    epochs=3,
    output="softmax",
    dropout=0.5,
    optimizer="adam",
    learning_rate=0.01,
    learning_rate_decay=0.5,
    batch_size=7,
    input_scaling="standardize",
)
"60 rows in batches of 7 are 9 updates an epoch."
IMAGE = CNN(
    image=(8, 8),
    filters=((3, 4), (5,)),
    kernel=2,
    hidden=(6,),
    activation="relu",
    epochs=3,
    optimizer="sgd",
    l2=0.1,
    dropout=0.5,
    dropout_pooled=0.25,
    dropout_scaling="at-prediction",
    precision="float64",
)
"8 x 8 pixels become 7 x 7, 6 x 6, 3 x 3, 2 x 2 and one."


def started(data: dict) -> dict:
    """Weights of our own for 64-4-1, and what a network predicts that never moves away from them."""
    generator = np.random.default_rng(4)
    weights = [generator.normal(size=(64, 4)) / 8, generator.normal(size=(4, 1))]
    biases = [generator.normal(size=4), generator.normal(size=1)]
    still = MLP(hidden=(4,), activation="tanh", epochs=1, optimizer="sgd", learning_rate=0.0)
    options = {"initial_weights": {"weights": weights, "biases": biases}, "weights": True}
    answer = load_engine("keras").fit(plain(still), data["train"], data["test"], options)
    hidden = np.tanh(data["test"]["x"] @ weights[0] + biases[0])
    kept = np.abs(answer["parameters"]["weights"][0] - weights[0]).max()
    dropping = {
        place: load_engine("keras").fit(
            plain(replace(still, dropout=0.25, dropout_scaling=place)), data["train"], data["test"], options
        )
        for place in (None, "in-training", "at-prediction")
    }

    def gap(answer: dict, factor: float) -> float:
        expected = 1 / (1 + np.exp(-(factor * hidden @ weights[1] + biases[1])[:, 0]))
        return float(np.abs(answer["probability"] - expected).max())

    return {
        "gap": gap(answer, 1),
        "kept": float(kept),
        "scaled in training": max(gap(dropping[place], 1) for place in (None, "in-training")),
        "scaled at prediction": gap(dropping["at-prediction"], 0.75),
    }


def refusal(engine, overrides: dict) -> str:
    try:
        engine.translate(plain(SHIPPED), {"overrides": overrides})
    except ValueError as error:
        return str(error)
    return ""


def rows_of(engine, spec: MLP, data: dict, **options) -> list[dict]:
    return engine.defaults(plain(spec), data["train"], options)


def own_parameters(function: str) -> list[str]:
    """Names that the function's code object has, without looking at its signature."""
    import keras

    own = {"Sequential": keras.Sequential, "Input": keras.layers.Input, "Dense, output": keras.layers.Dense}
    rooms = (keras.Model, keras.layers, keras.initializers, keras.regularizers, keras.optimizers)
    rooms += (keras.optimizers.schedules,)
    found = own.get(function) or next(getattr(room, function) for room in rooms if hasattr(room, function))
    code = inspect.unwrap(found.__init__ if inspect.isclass(found) else found).__code__
    return [name for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if name != "self"]


def overridable(engine, rows: list[dict]) -> list[list[str]]:
    """Function and name for which a translation takes an override of that name."""
    found = set()
    for name in {row["name"] for row in rows}:
        try:
            calls = engine.translate(plain(SHIPPED), {"overrides": {name: "sgd"}})["calls"]
        except ValueError:
            continue
        *dense, last = [call for call in calls if call["function"] == "Dense"]
        last["function"] = "Dense, output"
        found |= {(call["function"], name) for call in calls if call["arguments"].get(name) == "sgd"}
        found |= {("compile", name) for call in calls if call["function"] == "SGD"}
    return sorted(map(list, found))


def drawn(seed: int) -> list:
    """Weights of SHIPPED's network as Keras itself draws them."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1, activation="sigmoid")]
    return [w.tolist() for w in keras.Sequential([keras.layers.Input((64,)), *layers]).get_weights()]


def flat(answer: dict) -> list:
    arrays = answer["parameters"]
    return [each.tolist() for pair in zip(arrays["weights"], arrays["biases"], strict=True) for each in pair]


def listed(engine, data: dict) -> dict:
    """What `defaults` says, and the same counted without it."""
    specs = {"shipped": SHIPPED, "pinned": PINNED, "image": IMAGE}
    tables, again = ({name: rows_of(engine, spec, data, seed=1) for name, spec in specs.items()} for _ in range(2))
    overrides = {"batch_size": 5, "shuffle": False, "bias_initializer": "ones", "clipnorm": 2.0, "jit_compile": False}
    functions = {row["function"] for rows in tables.values() for row in rows}
    return {
        "tables": tables,
        "agree": json.dumps(tables) == json.dumps(again),
        "own": {function: own_parameters(function) for function in functions},
        "overridable": overridable(engine, tables["shipped"]),
        "overridden": rows_of(engine, SHIPPED, data, overrides=overrides),
    }


def facts() -> dict:
    engine, data = load_engine("keras"), digits()
    translation = engine.translate(plain(PINNED), {"seed": 1})
    imported = "keras" in sys.modules
    found = {"imported by translate": imported, "not_expressible": translation["not_expressible"]}
    for name, spec, seed in (
        ("shipped", SHIPPED, 1),
        ("again", SHIPPED, 1),
        ("other", SHIPPED, 2),
        ("pinned", PINNED, 1),
    ):
        answer = engine.fit(plain(spec), data["train"], data["test"], {"seed": seed, "weights": True})
        answer["shapes"] = [array.shape for array in answer.pop("parameters")["weights"]]
        found[name] = {**answer, "probability": answer["probability"].tolist(), "label": answer["label"].tolist()}
    found["printed"] = run_printed(translation["code"], data)["probability"].tolist()
    overrides = {"optimizer": "sgd", "learning_rate": 0.125, "kernel_initializer": "zeros", "shuffle": False}
    answer = engine.fit(plain(SHIPPED), data["train"], data["test"], {"overrides": overrides})
    found["overridden"] = answer["effective"]
    found["translated"] = engine.translate(plain(SHIPPED), {"overrides": overrides})["calls"]
    found["refusal"] = refusal(engine, {"lerning_rate": 1})
    found["defaults"] = listed(engine, data)
    untrained = {"seed": 5, "weights": True, "untrained": True}
    answer = engine.fit(plain(SHIPPED), data["train"], data["test"], untrained)
    found["untrained"] = {"weights": flat(answer), "iterations": answer["iterations"], "updates": answer["updates"]}
    found["untrained printed"] = engine.translate(plain(SHIPPED), untrained)["code"]
    found["drawn"] = drawn(5)
    repeatable = {"weights": True, "repeatable": True}
    repeats = [engine.fit(plain(PINNED), data["train"], data["test"], repeatable) for _ in range(2)]
    found["repeats"] = [[flat(each), each["probability"].tolist()] for each in repeats]
    return {**found, "started": started(data)}


if __name__ == "__main__":
    print(json.dumps(facts(), default=str))
