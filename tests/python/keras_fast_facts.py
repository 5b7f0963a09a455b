"""What the compiled loop does beside `model.fit`, as one line of JSON: run with KERAS_BACKEND=jax."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from parity.spec.models import CNN, MLP, plain
from tests.python.conftest import digits, load_engine

WIDTH, WIDE = 112, 784
"Those of keras_fast_columns, to which they are set back."


def set_width(loop: Any, width: int, wide: int) -> None:
    """Have columns be a multiple of `width`, and in short trainings, as all of these are, of `wide`."""
    loop.columns.WIDTH, loop.columns.WIDE = width, wide


SMALL: dict[str, Any] = {"hidden": (6, 5), "activation": "relu", "epochs": 30}


def data_of(n: int, first: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """n rows of the digits, those from `first` on, and 300 others to predict; 30 of their 64 columns are zero."""
    found = digits(60)
    train = {**found["train"], "x": found["train"]["x"][first : first + n].copy()}
    train |= {"y": found["train"]["y"][first : first + n], "rows": np.arange(n)}
    train["x"][:, 34:] = 0.0
    return train, found["test"]


def gap(left: dict[str, Any], right: dict[str, Any]) -> float:
    """Largest difference of a weight or bias of two answers."""
    return max(
        float(np.abs(a - b).max())
        for kind in ("weights", "biases")
        for a, b in zip(left["parameters"][kind], right["parameters"][kind], strict=True)
    )


def pair(engine: Any, spec: MLP, n: int, seeds: tuple[int, ...] = (7,), **options: Any) -> dict[str, Any]:
    """The same fits by the loop and by model.fit: largest gaps, and what the loop says of itself."""
    train, test = data_of(n)
    given = {"weights": True, **options}
    many = engine.fit_many(plain(spec), [train] * len(seeds), test, {**given, "seeds": list(seeds)})
    alone = [engine.fit(plain(spec), train, test, {**given, "seed": seed}) for seed in seeds]
    start = engine.fit(plain(spec), train, test, {**given, "seed": seeds[0], "untrained": True})
    trainers = {each["effective"].pop("trainer", None) for each in many}
    return {
        "gap": max(gap(a, b) for a, b in zip(many, alone, strict=True)),
        "moved": gap(start, alone[0]),
        "probability": max(
            float(np.abs(a["probability"] - b["probability"]).max()) for a, b in zip(many, alone, strict=True)
        ),
        "between seeds": gap(many[0], many[-1]),
        "trainers": [str(each) for each in trainers],
        "messages": many[0]["messages"],
        "effective alike": all(a["effective"] == b["effective"] for a, b in zip(many, alone, strict=True)),
        "counts": [[a[name] for name in ("updates", "iterations")] for a in (many[0], alone[0])],
    }


def history(engine: Any) -> dict[str, Any]:
    """Probabilities after every epoch: the last row beside predict, and the fifth beside a fit of five epochs."""
    train, test = data_of(40)
    spec = plain(MLP(**SMALL, optimizer="adam", batch_size=8))
    (found,) = engine.fit_many(spec, [train], test, {"seeds": [3], "history": True})
    five = engine.fit({**spec, "epochs": 5}, train, test, {"seed": 3})
    seen = found["history"]["probability"]
    return {
        "shape": list(seen.shape),
        "dtype": str(seen.dtype),
        "last": float(np.abs(seen[-1] - found["probability"]).max()),
        "fifth": float(np.abs(seen[4] - five["probability"]).max()),
        "epochs differ": float(np.abs(seen[-1] - seen[4]).max()),
        "threshold": found["history"]["threshold"],
    }


def columns_left_out(engine: Any) -> dict[str, Any]:
    """The same loop with and without the columns that are zero in training."""
    loop, starts, nets = engine.fast.loop, engine.fast.starts, engine.fast.nets
    train, test = data_of(40)
    found: dict[str, Any] = {}
    for optimizer in ("adam", "sgd", "rmsprop", "adadelta"):
        spec = plain(MLP(**SMALL, optimizer=optimizer, batch_size=1, momentum=0.9 if optimizer == "sgd" else None))
        start = starts.started(nets.arguments_mlp(spec, {}), train["x"], train["y"], 1)
        answers = {}
        for width in (8, 64):  # 40 of 64 columns stay, or all do
            set_width(loop, width, width)
            used = loop.columns.kept(loop.model_of(engine.fast.key_of(spec, {}), 64), train["x"], width)
            answers[width] = loop.trained(engine.fast.key_of(spec, {}), 1, start, train["x"], train["y"], 30, test["x"])
            found.setdefault("used", []).append(len(used))
        few, all_of = answers[8], answers[64]
        found[optimizer] = {
            "weights": max(float(np.abs(a - b).max()) for a, b in zip(few[0], all_of[0], strict=True)),
            "history": float(np.abs(few[1] - all_of[1]).max()),
            "untouched": bool((few[0][0][34:] == start.weights[0][34:]).all()),
            "moved": float(np.abs(few[0][0][:34] - start.weights[0][:34]).max()),
        }
    set_width(loop, WIDTH, WIDE)
    # Single rows in 20 epochs of 10 rows, and in 200 of 85; all rows at once in 200.
    found["steps"] = [loop.step_of(*asked) for asked in ((10, 1, 20), (85, 1, 200), (85, 85, 200))]
    return found


def filled_up(engine: Any) -> dict[str, Any]:
    """64 columns in a network that has room for 72, of which 24 are trained."""
    loop = engine.fast.loop
    spec = MLP(**SMALL, optimizer="adam", batch_size=1, dropout=0.2)
    set_width(loop, 24, 24)
    found = pair(engine, spec, 20)
    model = loop.whole_of(engine.fast.key_of(plain(spec), {}), 64, 24)
    penalized = loop.whole_of(engine.fast.key_of(plain(MLP(**SMALL, optimizer="adam", l2=0.1)), {}), 64, 24)
    set_width(loop, WIDTH, WIDE)
    return {**found, "widths": [loop.width_of(each) for each in (model, penalized)]}


def zero_gradients() -> dict[str, float]:
    """How far each optimizer moves a weight whose gradient is zero from the start, in 20 updates."""
    import keras

    made = {
        **{name: getattr(keras.optimizers, name)() for name in ("SGD", "Adam", "RMSprop", "Adadelta")},
        "SGD, momentum": keras.optimizers.SGD(momentum=0.9, nesterov=True),
        "Adam, amsgrad": keras.optimizers.Adam(amsgrad=True),
        "RMSprop, momentum": keras.optimizers.RMSprop(momentum=0.9, centered=True),
        "Adam, weight_decay": keras.optimizers.Adam(weight_decay=0.1),
    }
    moved = {}
    for name, optimizer in made.items():
        variable = keras.Variable(np.linspace(-1, 1, 7))
        first = np.array(variable.value)
        optimizer.build([variable])
        for _ in range(20):
            optimizer.apply([keras.ops.zeros(7)], [variable])
        moved[name] = float(np.abs(np.array(variable.value) - first).max())
    return moved


def left_out_of(engine: Any) -> dict[str, int]:
    """How many of 64 columns an update sees, 34 of which are not zero, under specifications that forbid leaving out."""
    loop, train = engine.fast.loop, data_of(40)[0]
    set_width(loop, 8, 8)
    given = {
        "plain": ({"optimizer": "adam"}, {}),
        "penalty": ({"optimizer": "adam", "l2": 0.1}, {}),
        "epsilon 0": ({"optimizer": "adam", "epsilon": 0.0}, {}),
        "weight decay": ({"optimizer": "adam"}, {"weight_decay": 0.1}),
        "another optimizer": ({}, {"optimizer": "Lion"}),
    }
    found = {}
    for name, (fields, overrides) in given.items():
        key = engine.fast.key_of(plain(MLP(**SMALL, **fields)), {"overrides": overrides})
        found[name] = len(loop.columns.kept(loop.model_of(key, 64), train["x"], 8))
    set_width(loop, WIDTH, WIDE)
    return found


def broken(engine: Any) -> dict[str, Any]:
    """A loop that visits one row twice in the first epoch, and another not at all."""
    spec = MLP(**SMALL, optimizer="adam", batch_size=1, learning_rate=0.002)
    loop, true = engine.fast.loop, engine.fast.loop.trained

    def short(key: str, batch: int, start: Any, *rest: Any) -> Any:
        orders = start.orders.copy()
        orders[0, 0] = orders[0, 1]
        return true(key, batch, start._replace(orders=orders), *rest)

    loop.trained = short
    found = pair(engine, spec, 20)
    loop.trained = true
    return found


def refusals(engine: Any) -> dict[str, Any]:
    """Why the loop leaves what it cannot do to fit; None where it can."""
    dense = plain(MLP(**SMALL, optimizer="adam"))
    picture = CNN(image=(8, 8), filters=((3,),), hidden=(4,), activation="relu", epochs=2)
    asked = {
        "plain": (dense, {}),
        "cnn": (plain(picture), {}),
        "row order": (dense, {"row_order": [np.arange(20)] * 30}),
        "trace": (dense, {"trace": {"epochs": True}}),
        "eager": (dense, {"overrides": {"run_eagerly": True}}),
        "validation": (dense, {"overrides": {"validation_split": 0.2}}),
        "shuffled batches": (dense, {"overrides": {"shuffle": "batch"}}),
    }
    return {name: engine.fast.refusal(*given) for name, given in asked.items()}


def given_start() -> dict[str, Any]:
    """Initial weights for SMALL on 64 columns, with biases that no network draws for itself."""
    rng = np.random.default_rng(11)
    units = [64, *SMALL["hidden"], 1]
    shapes = list(zip(units[:-1], units[1:], strict=True))
    return {"weights": [rng.normal(0, 0.3, s) for s in shapes], "biases": [rng.normal(0, 0.3, s[1]) for s in shapes]}


def main() -> None:
    engine = load_engine("keras")
    adam = MLP(**SMALL, optimizer="adam", dropout=0.5, batch_size=1)
    falling = {"learning_rate": 0.05, "learning_rate_decay": 0.1, "momentum": 0.5, "nesterov": True}
    print(
        json.dumps(
            {
                "adam": pair(engine, adam, 20, (7, 8)),
                "sgd": pair(engine, MLP(**SMALL, optimizer="sgd", batch_size=1, **falling), 20),
                "remainder": pair(engine, MLP(**SMALL, optimizer="adam", dropout=0.2, output="softmax"), 40),
                "scaled at prediction": pair(
                    engine,
                    MLP(**SMALL, optimizer="adam", batch_size=1, dropout=0.4, dropout_scaling="at-prediction"),
                    20,
                ),
                "below a batch": pair(engine, MLP(**SMALL, optimizer="rmsprop"), 20),
                "as it stands": pair(engine, MLP(**SMALL, optimizer="adadelta", batch_size=3, order="given"), 20),
                "float64": pair(engine, MLP(**SMALL, optimizer="adam", batch_size=1, precision="float64"), 20),
                "given start": pair(
                    engine, MLP(**SMALL, optimizer="adam", batch_size=1), 20, initial_weights=given_start()
                ),
                "filled up": filled_up(engine),
                "broken": broken(engine),
                "refusals": refusals(engine),
                "history": history(engine),
                "columns": columns_left_out(engine),
                "zero gradients": zero_gradients(),
                "columns seen": left_out_of(engine),
            }
        )
    )


if __name__ == "__main__":
    main()
