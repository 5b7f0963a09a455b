"""Networks trained in lockstep: one specification with all pinned, one start, one order of rows, many engines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from parity.compare.reference_network import (
    SGD,
    Adadelta,
    Adam,
    Batch,
    Decaying,
    Floats,
    Network,
    Plain,
    RMSprop,
    Rule,
    glorot_uniform,
)
from parity.errors import RequestError
from parity.spec.models import CNN, MLP, RATES, aligned_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.protocol import Draw
    from parity.spec.study import Study

REFERENCE = "reference"
"The name under which the float64 reference stands beside the engines."

FIT_SECONDS = 600.0
"Traces of the larger networks through R take a minute or two on a busy machine."

NEEDED = ("output", "optimizer", "activation", "hidden", "loss")
"What an engine has to be able to express: without it there is another network, or another way of training it."

Optimizer = Literal["sgd", "adam", "rmsprop", "adadelta"]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What all sides are given, to the last bit, and what the reference needs to follow them."""

    spec: MLP
    x: Floats
    "(n, p) training rows, scaled as the specification says; every number is one of float32."
    y: NDArray[np.int64]
    features: list[str]
    draw: Draw
    start: Network
    order: list[list[int]]
    "For each epoch the places in x in the order of the updates."
    rule: Rule
    l2: float
    every: int
    "Updates of an epoch where whole fits are compared, 0 where every update is."
    steps: int
    "Updates asked for, or epochs."
    dropout: float
    "What the method asks for and lockstep leaves out: masks are drawn, and no two frameworks draw the same."

    @property
    def batches(self) -> list[Batch]:
        """The rows of each update."""
        size = self.spec.batch_size or 1
        rows = [epoch[i : i + size] for epoch in self.order for i in range(0, len(epoch), size)]
        wanted = rows if self.every else rows[: self.steps]
        return [(self.x[each], self.y[each]) for each in wanted]


def settled(
    study: Study,
    method: str,
    data: Data,
    draw: Draw,
    sides: Sequence[Engine],
    *,
    steps: int,
    fit: bool,
    epochs: int | None = None,
    optimizer: Optimizer | None = None,
    learning_rate: float | None = None,
    output: Literal["sigmoid", "softmax"] | None = None,
    input_scaling: Literal["none", "divide-by-255", "standardize"] | None = None,
    precision: Literal["float32", "float64"] = "float32",
) -> Ground:
    """What the sides are to be given. Raises RequestError for a method that is no dense network.

    steps: updates to follow; fit: whole epochs instead, as many as the specification or `epochs` says.
    """
    asked = study.methods[method]
    if not isinstance(asked, MLP) or isinstance(asked, CNN):
        raise RequestError(f"{method} is no dense network; the reference of lockstep knows dense layers alone")
    spec = replace(asked, dropout=0.0, stopping="none", order="given", precision=precision)
    if optimizer is not None and optimizer != spec.optimizer:
        forgotten: dict[str, Any] = dict.fromkeys(name for rates in RATES.values() for name in rates)
        spec = replace(spec, **forgotten, optimizer=optimizer)
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise RequestError(f"learning_rate is {learning_rate}; it must be above 0, or no weight would move")
    if learning_rate is not None:
        spec = replace(spec, learning_rate=learning_rate)
    spec = replace(
        spec, output=output or spec.output or _output(sides), input_scaling=input_scaling or spec.input_scaling
    )
    spec = aligned_network(spec)
    x = _scaled(np.asarray(data.x[draw.rows], dtype=np.float64), spec.input_scaling)
    size = spec.batch_size or 1
    per_epoch = math.ceil(len(x) / size)
    passes = (epochs or spec.epochs) if fit else math.ceil(steps / per_epoch)
    spec = replace(spec, input_scaling="none", epochs=passes)
    return Ground(
        spec=spec,
        x=x,
        y=data.y[draw.rows].astype(np.int64),
        features=list(data.features),
        draw=draw,
        start=start_of(spec, x.shape[1], draw.seed),
        order=_order(sides, len(x), passes, draw.seed),
        rule=rule_of(spec),
        l2=spec.l2 or 0.0,
        every=per_epoch if fit else 0,
        steps=passes if fit else steps,
        dropout=asked.dropout or 0.0,
    )


def traced(
    ground: Ground, sides: Sequence[Engine], *, device: str = "cpu", watch: Callable[[str], object] = lambda text: None
) -> list[dict[str, Any] | str]:
    """The answer of each engine, with its trace and what it cannot express; a sentence where it has none."""
    from parity.study.loose_fits import Request, fits

    arrays = ground.start.arrays
    options = {
        "seed": ground.draw.seed,
        "initial_weights": {"weights": list(arrays[::2]), "biases": list(arrays[1::2])},
        "row_order": ground.order,
        "trace": {"epochs": True} if ground.every else {"steps": ground.steps},
        "device": device,
    }
    train = {"x": ground.x, "y": ground.y, "features": ground.features, "rows": ground.draw.rows}
    test = {"x": ground.x[:1], "features": ground.features, "rows": ground.draw.rows[:1]}
    requests = [Request(side.id, ground.spec, train, test, options, needs=NEEDED) for side in sides]
    return fits(
        requests,
        jobs=2,
        seconds=FIT_SECONDS,
        device=device,
        watch=lambda request, done, wanted: watch(f"trained {request.engine} ({done} of {wanted})"),
    )


def trace_trouble(trace: Any, ground: Ground) -> str:
    """Why a trace cannot be compared, in a sentence; empty where it can."""
    if not isinstance(trace, list) or not trace:
        return "it returned no trace"
    layers = len(ground.spec.hidden) + 1
    for step, record in enumerate(trace):
        of_step = [("", record), *([("gradients of ", record["gradients"])] if record.get("gradients") else [])]
        for what, each in of_step:
            for kind in ("weights", "biases"):
                found = len(each.get(kind) or [])
                if found != layers:
                    return (
                        f"record {step} of its trace has {what}{kind} of {found} layers, and the network has {layers}"
                    )
        if not isinstance(record.get("loss", 0.0), int | float | np.number | np.ndarray):
            return f"record {step} of its trace has the loss {record['loss']!r}"
    if len(trace) != ground.steps + 1:
        every = "epochs" if ground.every else "updates"
        return f"its trace shows {len(trace) - 1} {every}, and {ground.steps} were asked for"
    return ""


def start_of(spec: MLP, inputs: int, seed: int) -> Network:
    """Glorot's uniform weights, drawn here once; every number is one of float32, so that every engine has the same."""
    assert spec.output is not None
    units = [inputs, *spec.hidden, 1 if spec.output == "sigmoid" else 2]
    made = glorot_uniform(units, spec.activation, spec.output, seed)
    return replace(made, arrays=tuple(_single(array) for array in made.arrays))


def rule_of(spec: MLP) -> Rule:
    """The reference's rule for a specification that pins everything. The engines' own formulas are its cases."""
    rate = spec.learning_rate
    assert rate is not None and spec.optimizer is not None
    rule: Plain
    match spec.optimizer:
        case "sgd":
            rule = SGD(rate, spec.momentum or 0.0, "nesterov" if spec.nesterov else "heavy-ball")
        case "adam":
            rule = Adam(rate, _pinned(spec, "beta1"), _pinned(spec, "beta2"), _pinned(spec, "epsilon"))
        case "rmsprop":
            rule = RMSprop(rate, _pinned(spec, "rho"), spec.momentum or 0.0, _pinned(spec, "epsilon"))
        case "adadelta":
            rule = Adadelta(rate, _pinned(spec, "rho"), _pinned(spec, "epsilon"))
    return Decaying(rule, spec.learning_rate_decay) if spec.learning_rate_decay else rule


def row_order(side: Engine, n: int, epochs: int, seed: int) -> list[list[int]]:
    """The order in which an engine that cannot be told one visits n rows, from the file that its table names."""
    from parity.engines.contract import beside
    from parity.engines.sheet import engine_folder

    assert side.order is not None
    path = engine_folder("Python") / side.order
    module = beside(str(path), path.stem)
    told: list[list[int]] = module.row_order(n, epochs, seed)
    return told


def _pinned(spec: MLP, name: str) -> float:
    value = getattr(spec, name)
    assert value is not None, name
    return float(value)


def _output(sides: Sequence[Engine]) -> Literal["sigmoid", "softmax"] | None:
    """The output layer that all sides have, where one of them leaves no choice."""
    only = {side.output for side in sides if side.output is not None}
    return only.pop() if len(only) == 1 else None  # type: ignore[return-value]


def _scaled(x: Floats, scaling: str | None) -> Floats:
    """Scaled here, so that no framework's way of scaling is part of the comparison."""
    if scaling == "divide-by-255":
        x = x / 255
    elif scaling == "standardize":
        spread = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(spread == 0, 1, spread)
    return _single(x)


def _single(array: Floats) -> Floats:
    return array.astype(np.float32).astype(np.float64)


def _order(sides: Sequence[Engine], n: int, epochs: int, seed: int) -> list[list[int]]:
    """One order for all sides: that of an engine which has its own, else a new permutation for every epoch."""
    own = [side for side in sides if side.order is not None]
    if own:
        return row_order(own[0], n, epochs, seed)
    rng = np.random.default_rng(seed)
    return [[int(i) for i in rng.permutation(n)] for _ in range(epochs)]
