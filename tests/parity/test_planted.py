"""Faults hidden in real frameworks: lockstep names the step and the tensor of each, and calls no honest run faulty.

`make test-lockstep` runs all of them and 200 honest runs; otherwise a part of each.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from parity.compare.lockstep import Lockstep, compare
from parity.data import Data, Source, load
from parity.engines import sheet
from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.network_fits import Ground, settled, traced
from parity.spec.protocol import Draw, Protocol, make_draws
from parity.spec.study import PRESETS
from parity.study.loose_fits import Request, fits
from tests.parity.planted import sheet_with_faults

ALL = os.environ.get("PARITY_LOCKSTEP") == "all"
"Every fault and every honest run, in half an hour."

KERAS = ("py-keras-tensorflow", "py-keras-jax", "py-keras-torch")
ENGINES = ("py-sklearn", *KERAS, "py-h2o")
STEPS = 8
HONEST = 200 if ALL else 10

ANYWHERE: list[tuple[str, int, str, str]] = [
    # fault, step, tensor where everything is shown, optimizer
    ("rate doubled", 1, "update of weights 1", "adam"),
    ("kernel transposed", 0, "weights 2", "adam"),
    ("kernel flipped", 0, "weights 1", "sgd"),
    ("one weight a thousandth larger", 0, "weights 2", "adam"),
    ("output weights doubled", 0, "weights 3", "sgd"),
    ("two units swapped", 0, "weights 1", "adam"),
    ("biases start at 0.1", 0, "biases 2", "sgd"),
    ("label flipped", 4, "target", "adam"),
    ("a pixel dropped", 0, "input", "sgd"),
    ("inputs scaled by n / (n - 1)", 1, "input", "adam"),
    ("inputs in float16", 1, "input", "sgd"),
    ("penalty", 1, "loss", "sgd"),
    ("tanh", 1, "activations 1", "adam"),
]
"A step of 0 for a pixel: it depends on the rows, and the test finds it."

OF_ROWS: list[tuple[str, int, str, str]] = [
    ("two rows swapped", 5, "input", "adam"),
    ("a row visited twice", 4, "input", "sgd"),
    ("rows in reverse", 1, "input", "adam"),
    ("batches of two", 1, "input", "sgd"),
]
OF_ADAM: list[tuple[str, int, str, str]] = [
    ("epsilon", 1, "update of weights 1", "adam"),
    ("beta1", 2, "update of weights 1", "adam"),
    ("beta2", 1, "update of weights 1", "adam"),
    ("momentum smaller", 1, "update of weights 1", "nesterov"),
    ("momentum plain", 1, "update of weights 1", "nesterov"),
]
OF_KERAS: list[tuple[str, int, str, str]] = [
    ("rate falls", 2, "update of weights 1", "sgd"),
    ("loss halved", 1, "loss", "adam"),
    ("squared loss", 1, "loss", "sgd"),
    ("weight decay", 1, "update of weights 1", "adam"),
    ("gradient clipped", 1, "update of weights 1", "sgd"),
    ("norm capped", 1, "update of weights 1", "adam"),
    ("gradients gathered", 1, "update of weights 1", "sgd"),
    ("labels smoothed", 1, "loss", "adam"),
    ("one layer in float16", 1, "activations 2", "sgd"),
    ("leaky", 1, "activations 1", "adam"),
    ("dropout left on", 1, "activations 1", "sgd"),
]
OF_JAX: list[tuple[str, int, str, str]] = [
    # TensorFlow and PyTorch hand on no gradient at all in place of zeros, and PyTorch updates all variables at once.
    ("layer without gradient", 1, "gradient of weights 2", "sgd"),
    ("biases at half the rate", 1, "update of biases 1", "adam"),
]
OF_SKLEARN: list[tuple[str, int, str, str]] = [
    ("gradient of a layer missing", 1, "gradient of weights 2", "adam"),
    ("loss and gradient halved", 1, "loss", "sgd"),
    ("sign of a bias' gradient", 1, "gradient of biases 1", "adam"),
    ("Adam uncorrected", 1, "update of weights 1", "adam"),
    ("activations capped", 1, "activations 1", "sgd"),
]
OF_H2O: list[tuple[str, int, str, str]] = [
    ("input dropout", 1, "update of weights 1", "sgd"),
    ("rate by layer", 1, "update of weights 2", "sgd"),
    ("lasso", 1, "update of weights 1", "sgd"),
    ("standardized", 1, "update of weights 1", "sgd"),
    ("norm of a unit capped", 1, "update of weights 1", "sgd"),
    ("momentum", 1, "update of weights 1", "sgd"),
]

Case = tuple[str, int, str, str]


def cases(name: str) -> list[Case]:
    """What is planted in an engine; of the slower ones a third, another one for each of Keras' backends."""
    every = {
        "py-sklearn": [*ANYWHERE, *OF_ROWS, *OF_ADAM, *OF_SKLEARN],
        "py-keras-jax": [*OF_JAX, *ANYWHERE, *OF_ROWS, *OF_ADAM, *OF_KERAS],
        "py-h2o": [(fault, step, _shown_by_h2o(tensor), "sgd") for fault, step, tensor, _ in ANYWHERE] + OF_H2O,
    }.get(name, [*ANYWHERE, *OF_ROWS, *OF_ADAM, *OF_KERAS])
    if ALL or name == "py-sklearn":
        return every
    return every[KERAS.index(name) if name in KERAS else 0 :: 3]


def _shown_by_h2o(tensor: str) -> str:
    """H2O shows its rows and its weights, so that whatever happens between them shows in the update."""
    return tensor if tensor.startswith(("weights", "biases", "input", "target")) else "update of weights 1"


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A sheet with a planted twin of each engine, in this process and in its workers."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("planted")
        patch.setenv("PARITY_SHEET", str(sheet_with_faults(folder, list(ENGINES))))
        sheet._shipped.cache_clear()
        yield
    sheet._shipped.cache_clear()


def drawn(n: int, index: int = 0) -> tuple[Data, Draw]:
    data = load(Source("mnist01", classes=(0, 1)))
    return data, make_draws(Protocol(sizes=(n,), draws=index + 1), data).train[index]


def ground(name: str, optimizer: str, n: int = 10, index: int = 0, **options: Any) -> Ground:
    """The network of the rebuttal without dropout; Nesterov's momentum counts as an optimizer here."""
    data, draw = drawn(n, index)
    study = PRESETS["beam2017-r"]
    method = study.methods["mlp-beam"]
    if optimizer == "nesterov":
        changed = dataclasses.replace(method, momentum=0.9, nesterov=True)  # type: ignore[type-var]
        study = dataclasses.replace(
            study, methods={"mlp-beam": dataclasses.replace(changed, optimizer="sgd", learning_rate=0.01)}
        )
        optimizer = ""
    side = engine(name)
    return settled(
        study, "mlp-beam", data, draw, [side], steps=STEPS, fit=False,
        optimizer=optimizer or None, output=side.output, **options,
    )  # type: ignore[arg-type]  # fmt: skip


def held(given: Ground, answer: dict[str, Any] | str) -> Lockstep:
    assert not isinstance(answer, str), answer
    return compare(answer["trace"], None, given.start, given.rule, given.batches, l2=given.l2)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ENGINES)
def test_the_step_and_the_tensor_of_every_fault_are_named(name: str, twins: None):
    if any(gap.blocking for gap in missing(engine(name))):
        pytest.skip(f"{name} does not run here")
    grounds = {optimizer: ground(name, optimizer) for optimizer in ("adam", "sgd", "nesterov")}
    grounds = {k: g for k, g in grounds.items() if name != "py-h2o" or k == "sgd"}
    asked = [*cases(name), *(("none", -1, "", optimizer) for optimizer in grounds)]
    requests = [request(f"{name}-planted", grounds[optimizer], fault) for fault, _, _, optimizer in asked]
    wrong: list[str] = []
    for (fault, step, tensor, optimizer), answer in zip(asked, fits(requests, seconds=300), strict=True):
        given = grounds[optimizer]
        found = held(given, answer)
        named = (found.first.step, found.first.tensor) if found.first else (-1, "")
        if fault == "a pixel dropped":
            step = first_lit(given)
        if named != (step, tensor):
            wrong.append(f"{fault}: {named} and not {(step, tensor)}")
    assert not wrong, "\n".join(wrong)


def request(name: str, given: Ground, fault: str) -> Request:
    arrays = given.start.arrays
    train = {"x": given.x, "y": given.y, "features": given.features, "rows": given.draw.rows}
    options = {
        "seed": given.draw.seed,
        "initial_weights": {"weights": list(arrays[::2]), "biases": list(arrays[1::2])},
        "row_order": given.order,
        "trace": {"steps": STEPS},
        "device": "cpu",
        "fault": fault,
    }
    test = {"x": given.x[:1], "features": given.features, "rows": given.draw.rows[:1]}
    return Request(name, given.spec, train, test, options, needs=())


def first_lit(given: Ground) -> int:
    """The first update whose row has a value in the pixel that is dropped."""
    pixel = given.x[given.order[0][2]].argmax()
    return next(k for k, (x, _) in enumerate(given.batches, start=1) if x[:, pixel].any())


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ENGINES)
def test_no_honest_run_is_called_faulty(name: str):
    if any(gap.blocking for gap in missing(engine(name))):
        pytest.skip(f"{name} does not run here")
    rng = np.random.default_rng(7)
    for k in range(HONEST // len(ENGINES)):
        optimizers = (
            ("sgd",)
            if name == "py-h2o"
            else ("sgd", "adam")
            if name == "py-sklearn"
            else ("sgd", "adam", "rmsprop", "adadelta")
        )
        optimizer, n = optimizers[k % len(optimizers)], int(rng.integers(10, 60))
        given = ground(name, optimizer, n, k)
        found = held(given, traced(given, [engine(name)])[0])
        assert found.first is None, (optimizer, n, k, found.first.step, found.first.tensor)
        assert found.steps == STEPS
