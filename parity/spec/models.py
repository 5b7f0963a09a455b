"""What is asked for: frozen specifications that name everything they pin and nothing that a framework calls it.

A field that is None was not written by the experiment's author: in shipped mode each framework's own default rules.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Mode = Literal["shipped"]
"shipped: only what the author wrote is set."


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
    "Ranks of tied p-values. average: keep features whose mean rank is at most k, so that fewer or none may be kept."
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
    loss: Literal["cross-entropy"] | None = None
    optimizer: Literal["adam", "sgd"] | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    learning_rate_decay: float | None = None
    "Multiplies the learning rate after every epoch."
    batch_size: int | None = None
    "Training rows in one update."
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

    @property
    def family(self) -> str:
        """The name under which `engines.toml` lists it."""
        return "mlp"


Specification = Leekasso | MLP


def plain(spec: Specification) -> dict[str, Any]:
    """The specification as the plain data that an engine is given; `family` names its kind."""
    return {"family": spec.family, **asdict(spec)}


def _require(holds: bool, what: str, given: object, right: str) -> None:
    from parity.errors import RequestError

    if not holds:
        raise RequestError(f"{what} is {given}; it must be {right}")
