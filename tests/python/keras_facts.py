"""Fits of the Keras engine in a process of their own, as JSON: KERAS_BACKEND is fixed when Keras is first imported."""

from __future__ import annotations

import json
import sys

import numpy as np

from parity.spec.models import MLP, plain
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


def started(data: dict) -> dict:
    """Weights of our own for 64-4-1, and what a network predicts that never moves away from them."""
    generator = np.random.default_rng(4)
    weights = [generator.normal(size=(64, 4)) / 8, generator.normal(size=(4, 1))]
    biases = [generator.normal(size=4), generator.normal(size=1)]
    still = MLP(hidden=(4,), activation="tanh", epochs=1, optimizer="sgd", learning_rate=0.0)
    options = {"initial_weights": {"weights": weights, "biases": biases}, "weights": True}
    answer = load_engine("keras").fit(plain(still), data["train"], data["test"], options)
    hidden = np.tanh(data["test"]["x"] @ weights[0] + biases[0])
    expected = 1 / (1 + np.exp(-(hidden @ weights[1] + biases[1])[:, 0]))
    kept = np.abs(answer["parameters"]["weights"][0] - weights[0]).max()
    return {"gap": float(np.abs(answer["probability"] - expected).max()), "kept": float(kept)}


def refusal(engine, overrides: dict) -> str:
    try:
        engine.translate(plain(SHIPPED), {"overrides": overrides})
    except ValueError as error:
        return str(error)
    return ""


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
    found["defaults"] = [[row["function"], row["name"], str(row["effective"])] for row in engine.defaults("mlp")]
    return {**found, "started": started(data)}


if __name__ == "__main__":
    print(json.dumps(facts(), default=str))
