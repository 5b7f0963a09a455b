"""Engines with one hidden fault each: a shipped engine file whose `fit` goes wrong in the way that options name.

A fault changes what the framework is given, or the framework itself; the record that a trace makes of it is untouched.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from parity.engines.sheet import SHEET, engine, engine_file

Plain = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """What a fit is given, to be changed in place, and the real engine's module."""

    spec: Plain
    train: Plain
    options: Plain
    real: ModuleType = field(repr=False)

    @property
    def start(self) -> Plain:
        return self.options["initial_weights"]

    @property
    def order(self) -> list[list[int]]:
        return self.options["row_order"]

    def override(self, **native: Any) -> None:
        self.options["overrides"] = {**(self.options.get("overrides") or {}), **native}


def loaded(path: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"planted_{Path(path).stem}", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def planted(real: ModuleType) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The three functions of an engine file, around those of a shipped one."""

    def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        options = dict(options)
        name = options.pop("fault")
        start = options["initial_weights"]
        options["initial_weights"] = {kind: [np.array(a) for a in start[kind]] for kind in ("weights", "biases")}
        options["row_order"] = [list(epoch) for epoch in options["row_order"]]
        given = Given(dict(spec), {**train, "x": train["x"].copy(), "y": train["y"].copy()}, options, real)
        with FAULTS[name](given):
            answer: Plain = real.fit(given.spec, given.train, test, given.options)
        return answer

    def translate(spec: Plain, options: Plain) -> Plain:
        return dict(real.translate(spec, {**options, "fault": None}))

    return real.defaults, translate, fit


def sheet_with_faults(folder: Path, engines: list[str]) -> Path:
    """A sheet of the shipped engines and, for each one named, a planted twin called by its name and '-planted'."""
    text = SHEET.read_text()
    twins = []
    for name in engines:
        file = folder / f"{name.replace('-', '_')}_planted.py"
        file.write_text(
            f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
            f"from tests.parity.planted import loaded, planted\n"
            f"defaults, translate, fit = planted(loaded({str(engine_file(engine(name)))!r}))\n"
        )
        own = text[text.index(f"[{name}]") :]
        own = own[: own.index("\n\n")] if "\n\n" in own else own
        twins.append(own.replace(f"[{name}", f"[{name}-planted").replace(f'"{engine(name).file}"', f'"{file}"', 1))
    sheet = folder / "sheet.toml"
    sheet.write_text(text + "\n" + "\n\n".join(twins) + "\n")
    return sheet


Fault = Callable[[Given], contextlib.AbstractContextManager[None]]


def plain(change: Callable[[Given], object]) -> Fault:
    """A fault that is done once what the fit is given has been changed."""

    @contextlib.contextmanager
    def fault(given: Given) -> Iterator[None]:
        change(given)
        yield

    return fault


def weights(layer: int, change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    def done(given: Given) -> None:
        given.start["weights"][layer - 1] = change(given.start["weights"][layer - 1])

    return plain(done)


def spec(**fields: Any) -> Fault:
    return plain(lambda given: given.spec.update(fields))


def twice(given: Given) -> None:
    given.spec["learning_rate"] *= 2


def thousandth(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array[5, 5] *= 1.001
    return array


def biases(given: Given) -> None:
    given.start["biases"][1] += 0.1


def visited(given: Given, update: int) -> int:
    """The place of the row of an update, from 1."""
    return given.order[0][update - 1]


def swapped(given: Given) -> None:
    order = given.order[0]
    order[4], order[5] = order[5], order[4]


def repeated(given: Given) -> None:
    given.order[0][3] = given.order[0][0]


def flipped(given: Given) -> None:
    given.train["y"][visited(given, 4)] ^= 1


def dropped(given: Given) -> None:
    """The brightest pixel of the row of update 3 is missing in every row."""
    given.train["x"][:, given.train["x"][visited(given, 3)].argmax()] = 0


@contextlib.contextmanager
def keras_network(given: Given, change: Callable[[Any], object]) -> Iterator[None]:
    """The compiled model is changed before anyone trains it."""
    made = given.real.nets.network

    def network(arguments: Plain, inputs: int) -> Any:
        model = made(arguments, inputs)
        change(model)
        return model

    given.real.nets.network = network
    try:
        yield
    finally:
        given.real.nets.network = made


def model(change: Callable[[Any], object]) -> Fault:
    return lambda given: keras_network(given, change)


def smoothed(made: Any) -> None:
    import keras

    made.compile(loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1), optimizer=made.optimizer, run_eagerly=True)


def half_layer(made: Any) -> None:
    import keras

    made.layers[1].dtype_policy = keras.DTypePolicy("mixed_float16")


def detached(made: Any) -> None:
    """The second hidden layer's kernel gets no gradient."""
    import keras

    layer = made.layers[1]

    def call(inputs: Any, training: Any = None) -> Any:
        return layer.activation(keras.ops.matmul(inputs, keras.ops.stop_gradient(layer.kernel)) + layer.bias)

    layer.call = call


def leaky(made: Any) -> None:
    import keras

    made.layers[0].activation = keras.activations.leaky_relu


def dropping(made: Any) -> None:
    """Half of the first hidden layer's units are dropped, as if in training without end."""
    import keras

    act = made.layers[0].activation
    made.layers[0].activation = lambda x: keras.random.dropout(act(x), 0.5, seed=1)


def half_rate_of_biases(made: Any) -> None:
    apply = made.optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return apply(gradient, variable, learning_rate / 2 if "bias" in variable.path else learning_rate)

    made.optimizer.update_step = update_step


@contextlib.contextmanager
def of_sklearn(name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """A method of MLPClassifier's base is another while the fit lasts."""
    from sklearn.neural_network import _multilayer_perceptron as module

    base = module.BaseMultilayerPerceptron
    before = getattr(base, name)
    setattr(base, name, change(before))
    try:
        yield
    finally:
        setattr(base, name, before)


def backprop(change: Callable[[Any, list[Any], list[Any]], Any]) -> Fault:
    """scikit-learn's gradients are changed in place; `change` is given (loss, weights, biases) and returns the loss."""

    def around(before: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(self: Any, *given: Any) -> Any:
            loss, of_weights, of_biases = before(self, *given)
            return change(loss, of_weights, of_biases), of_weights, of_biases

        return wrong

    return lambda given: of_sklearn("_backprop", around)


def no_gradient(loss: Any, of_weights: list[Any], of_biases: list[Any]) -> Any:
    of_weights[1][:] = 0
    return loss


def halved(loss: Any, of_weights: list[Any], of_biases: list[Any]) -> Any:
    for array in (*of_weights, *of_biases):
        array /= 2
    return loss / 2


def forgotten_slope(loss: Any, of_weights: list[Any], of_biases: list[Any]) -> Any:
    of_biases[0] *= -1
    return loss


@contextlib.contextmanager
def uncorrected(given: Given) -> Iterator[None]:
    """Adam without its bias corrections."""
    from sklearn.neural_network import _multilayer_perceptron as module

    before = module.AdamOptimizer._get_updates

    def updates(self: Any, grads: Any) -> Any:
        self.t = 10_000 + self.t
        found = before(self, grads)
        self.t -= 10_000
        return found

    module.AdamOptimizer._get_updates = updates
    try:
        yield
    finally:
        module.AdamOptimizer._get_updates = before


@contextlib.contextmanager
def clipped_activations(given: Given) -> Iterator[None]:
    """Hidden values of the first layer are capped at 0.1."""
    from sklearn.neural_network import _multilayer_perceptron as module

    before = dict(module.ACTIVATIONS)

    def capped(array: np.ndarray) -> None:
        before["relu"](array)
        np.minimum(array, 0.1, out=array)

    module.ACTIVATIONS["relu"] = capped
    try:
        yield
    finally:
        module.ACTIVATIONS.update(before)


FAULTS: dict[str, Fault] = {
    "none": plain(lambda given: None),
    # What any engine can be given.
    "rate doubled": plain(twice),
    "kernel transposed": weights(2, lambda a: a.T.copy()),
    "kernel flipped": weights(1, lambda a: a[::-1].copy()),
    "one weight a thousandth larger": weights(2, thousandth),
    "output weights doubled": weights(3, lambda a: 2 * a),
    "two units swapped": weights(1, lambda a: a[:, [1, 0, *range(2, a.shape[1])]].copy()),
    "biases start at 0.1": plain(biases),
    "two rows swapped": plain(swapped),
    "a row visited twice": plain(repeated),
    "label flipped": plain(flipped),
    "a pixel dropped": plain(dropped),
    "inputs scaled by n / (n - 1)": plain(lambda given: given.train.update(x=given.train["x"] * 10 / 9)),
    "inputs in float16": plain(lambda given: given.train.update(x=given.train["x"].astype(np.float16).astype(float))),
    "rows in reverse": plain(lambda given: given.order[0].reverse()),
    "batches of two": spec(batch_size=2),
    "penalty": spec(l2=0.001),
    "epsilon": spec(epsilon=1e-4),
    "beta1": spec(beta1=0.8),
    "beta2": spec(beta2=0.99),
    "momentum smaller": spec(momentum=0.8),
    "momentum plain": spec(nesterov=False),
    "rate falls": spec(learning_rate_decay=0.1),
    "tanh": spec(activation="tanh"),
    # Keras.
    "loss halved": plain(lambda given: given.override(loss_weights=0.5)),
    "squared loss": plain(lambda given: given.override(loss="mean_squared_error")),
    "weight decay": plain(lambda given: given.override(weight_decay=0.01)),
    "gradient clipped": plain(lambda given: given.override(clipnorm=0.01)),
    "norm capped": plain(lambda given: given.override(kernel_constraint="unit_norm")),
    "gradients gathered": plain(lambda given: given.override(gradient_accumulation_steps=2)),
    "labels smoothed": model(smoothed),
    "one layer in float16": model(half_layer),
    "layer without gradient": model(detached),
    "leaky": model(leaky),
    "dropout left on": model(dropping),
    "biases at half the rate": model(half_rate_of_biases),
    # scikit-learn.
    "gradient of a layer missing": backprop(no_gradient),
    "loss and gradient halved": backprop(halved),
    "sign of a bias' gradient": backprop(forgotten_slope),
    "Adam uncorrected": uncorrected,
    "activations capped": clipped_activations,
    # H2O.
    "input dropout": plain(lambda given: given.override(input_dropout_ratio=0.2)),
    "rate by layer": plain(lambda given: given.override(rate_decay=0.5)),
    "lasso": plain(lambda given: given.override(l1=0.01)),
    "standardized": plain(lambda given: given.override(standardize=True)),
    "norm of a unit capped": plain(lambda given: given.override(max_w2=0.5)),
    "momentum": plain(lambda given: given.override(momentum_start=0.5, momentum_stable=0.5)),
}
