"""What is asked for: frozen specifications that name everything they pin and nothing that a framework calls it.

A field that is None was not written by the experiment's author: in shipped mode each framework's own default rules.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Mode = Literal["shipped", "aligned"]
"shipped: only what the author wrote is set. aligned: everything that decides the result is pinned on every engine."


@dataclass(frozen=True, slots=True, kw_only=True)
class Leekasso:
    """The k features of smallest p-value, then one linear model on them.

    Leek, "Prediction: the Lasso vs. just using the top 10 predictors", simplystatistics.org, 2014-02-23.
    """

    k: int = 10
    "Number of features that the screen keeps."
    screen: Literal["f-test", "welch-like"] = "f-test"
    "f-test: equal-variance two-sample test. welch-like: unpooled, ddof 0, 1e-6 added to the denominator."
    ties: Literal["average", "first"] = "average"
    "Ranks of tied p-values. average: keep features whose mean rank is at most k: none, fewer or more than k."
    model: Literal["lm", "glm", "liblinear"] = "lm"
    "lm: least squares on 0/1. glm: logistic regression. liblinear: L2-penalised logistic regression by LIBLINEAR."
    cost: float | None = None
    "LIBLINEAR's C: weight of the summed loss against half the squared norm of the coefficients."
    threshold: float = 0.5
    "Cut on the predicted value above which a row is labelled 1."

    def __post_init__(self) -> None:
        _require(self.k >= 1, "Leekasso k", self.k, "at least 1")
        _require(self.cost is None or self.cost > 0, "Leekasso cost", self.cost, "above 0")
        _require(0 < self.threshold < 1, "Leekasso threshold", self.threshold, "between 0 and 1")

    @property
    def family(self) -> str:
        """The name under which `engines.toml` lists it."""
        return self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """One linear model in which all is pinned that decides where its optimum is, and how closely it is to be met.

    It minimises mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2); the squared loss is halved. Aligned mode makes a
    Leekasso one of these.
    """

    loss: Literal["squares", "logistic"]
    l1: float = 0.0
    "Lasso: lambda on the mean loss."
    l2: float = 0.0
    "Ridge: lambda on the mean loss."
    intercept: Literal["free", "penalised", "none"] = "free"
    "penalised: it counts in both penalties as a coefficient does."
    tolerance: float = 1e-10
    "Largest component of the objective's gradient at which a solver is to stop."
    k: int | None = None
    "Features that the neutral screen keeps; None uses all."
    screen: Literal["f-test", "welch-like"] = "f-test"
    ties: Literal["average", "first"] = "average"
    threshold: float = 0.5
    "Cut on the predicted value above which a row is labelled 1."

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            _require(0 <= getattr(self, name) < math.inf, f"Linear {name}", getattr(self, name), "at least 0")
        _require(0 < self.tolerance < 1, "Linear tolerance", self.tolerance, "between 0 and 1")
        _require(self.k is None or self.k >= 1, "Linear k", self.k, "at least 1")

    @property
    def family(self) -> str:
        """The name under which `engines.toml` lists it."""
        return "linear"


def aligned(spec: Leekasso, n: int) -> Linear:
    """The aligned form of a Leekasso fitted to n rows: its objective, pinned, on the neutral screen's features."""
    # LIBLINEAR minimises C * sum(loss) + |b|^2 / 2 with its intercept among the b: 1 / (C * n) on the mean loss.
    ridge = 1 / (spec.cost * n) if spec.model == "liblinear" and spec.cost is not None else 0.0
    return Linear(
        loss="squares" if spec.model == "lm" else "logistic",
        l2=ridge,
        intercept="penalised" if ridge else "free",
        k=spec.k,
        screen=spec.screen,
        ties=spec.ties,
        threshold=spec.threshold,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MLP:
    """A dense feed-forward network for two classes."""

    hidden: tuple[int, ...]
    "Units of each hidden layer, input side first."
    activation: Literal["tanh", "relu"]
    "Activation of the hidden layers."
    epochs: int
    "Passes over the training rows."
    output: Literal["sigmoid", "softmax"] | None = None
    "One logistic unit or two softmax units."
    dropout: float | None = None
    "Share of each hidden layer's units that is dropped in training."
    dropout_scaling: Literal["in-training", "at-prediction"] | None = None
    """Where outputs of layers with dropout are made alike on average: those that are kept are divided by the share kept
    in training, or all are multiplied by it at prediction."""
    loss: Literal["cross-entropy"] | None = None
    optimizer: Literal["adam", "sgd", "rmsprop", "adadelta"] | None = None
    learning_rate: float | None = None
    learning_rate_decay: float | None = None
    "d in rate / (1 + d * updates done): the `decay` of Keras 1 and 2."
    momentum: float | None = None
    nesterov: bool | None = None
    beta1: float | None = None
    "Adam: share of the running mean of gradients that an update keeps."
    beta2: float | None = None
    "Adam: share of the running mean of squared gradients that an update keeps."
    rho: float | None = None
    "RMSprop and ADADELTA: share of the running mean of squared gradients that an update keeps."
    epsilon: float | None = None
    "The optimizer's small constant, where its paper has it."
    l2: float | None = None
    "Ridge penalty on the weights: lambda on the mean loss."
    batch_size: int | None = None
    "Training rows in one update."
    order: Literal["given"] | None = None
    "given: every epoch visits the rows as they stand. None: as the framework does, most often shuffled."
    precision: Literal["float32", "float64"] | None = None
    input_scaling: Literal["none", "divide-by-255", "standardize"] | None = None
    init: Literal["glorot-uniform", "he-uniform"] | None = None
    stopping: Literal["none"] | None = None
    "none: every epoch is run. None: the framework's own rule."
    threshold: float | None = None
    "Cut on the predicted probability; None leaves the label to the framework."

    def __post_init__(self) -> None:
        _require(all(units >= 1 for units in self.hidden), "MLP hidden", self.hidden, "at least one unit in each layer")
        _require(self.epochs >= 1, "MLP epochs", self.epochs, "at least 1")
        _require(self.dropout is None or 0 <= self.dropout < 1, "MLP dropout", self.dropout, "at least 0 and below 1")
        _require(self.batch_size is None or self.batch_size >= 1, "MLP batch_size", self.batch_size, "at least 1")
        for name in ("learning_rate", "learning_rate_decay", "momentum", "l2", "epsilon"):
            value = getattr(self, name)
            _require(value is None or 0 <= value < math.inf, f"MLP {name}", value, "at least 0")
        for name in ("beta1", "beta2", "rho"):
            value = getattr(self, name)
            _require(value is None or 0 <= value < 1, f"MLP {name}", value, "at least 0 and below 1")

    @property
    def family(self) -> str:
        """The name under which `engines.toml` lists it."""
        return "mlp"


@dataclass(frozen=True, slots=True, kw_only=True)
class CNN(MLP):
    """Convolutions and pooling before a dense network: blocks of 'valid' convolutions, each closed by max pooling."""

    image: tuple[int, int]
    "Rows and columns of the image that the features are, row by row."
    filters: tuple[tuple[int, ...], ...]
    "Filters of each convolution, block by block."
    kernel: int = 3
    "Width and height of a filter."
    pool: int = 2
    "Width and height of what is pooled into one value."
    dropout_pooled: float | None = None
    "Share of the last block's pooled values that is dropped in training."

    @property
    def family(self) -> str:
        """The name under which `engines.toml` lists it."""
        return "cnn"


RATES: dict[str, dict[str, float | bool]] = {
    "sgd": {"learning_rate": 0.005, "learning_rate_decay": 0.0, "momentum": 0.0, "nesterov": False},
    "adam": {"learning_rate": 0.001, "learning_rate_decay": 0.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
    "rmsprop": {"learning_rate": 0.001, "learning_rate_decay": 0.0, "rho": 0.9, "epsilon": 1e-7, "momentum": 0.0},
    "adadelta": {"learning_rate": 1.0, "learning_rate_decay": 0.0, "rho": 0.99, "epsilon": 1e-8},
}
"What aligned mode pins of an optimizer where its author wrote nothing; of SGD and ADADELTA it is what H2O does."


def aligned_network(spec: MLP) -> MLP:
    """The aligned form of a network: what its author wrote, and one value for everything that he left to a framework.

    Plain SGD is the one optimizer that every engine has, so it stands where none was asked for.
    """
    optimizer = spec.optimizer or "sgd"
    pinned: dict[str, Any] = {
        "output": "softmax",
        "dropout": 0.0,
        # Every engine that drops units can do this; H2O can do no other.
        **({"dropout_scaling": "at-prediction"} if spec.dropout else {}),
        "loss": "cross-entropy",
        "optimizer": optimizer,
        **RATES[optimizer],
        "l2": 0.0,
        "batch_size": 1,
        "order": "given",
        "precision": "float32",
        "input_scaling": "divide-by-255",
        "init": "glorot-uniform",
        "stopping": "none",
        "threshold": 0.5,
    }
    return replace(spec, **{name: value for name, value in pinned.items() if getattr(spec, name) is None})


Specification = Leekasso | Linear | MLP


def plain(spec: Specification) -> dict[str, Any]:
    """The specification as the plain data that an engine is given; `family` names its kind."""
    return {"family": spec.family, **asdict(spec)}


def _require(holds: bool, what: str, given: object, right: str) -> None:
    from parity.errors import RequestError

    if not holds:
        raise RequestError(f"{what} is {given}; it must be {right}")
