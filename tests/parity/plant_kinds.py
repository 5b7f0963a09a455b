"""The kinds of hidden change, where each can be planted, and where it can move a prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.parity import plant_changes as code

SIZES = (10, 40, 80)
"Training rows: fewer than a Leekasso has parameters, a few times as many, and nearly the most of 2017."

NETWORK = "mlp-leek"
"""The network that is planted: a fit of it takes a second. The thousands of updates of mlp-beam, one by one and without
fit_many, would keep thirty plants busy for days."""

METHODS: dict[str, tuple[str, ...]] = {
    "py-sklearn": ("leekasso-lm", "leekasso-glm", "leekasso-liblinear", NETWORK),
    "py-statsmodels": ("leekasso-lm", "leekasso-glm"),
    "py-keras-jax": (NETWORK,),
    "r-stats": ("leekasso-lm", "leekasso-glm"),
    "r-liblinear": ("leekasso-liblinear",),
}
"Engine -> the methods that are planted in it."


@dataclass(frozen=True, slots=True)
class Slot:
    """One method of one engine."""

    engine: str
    method: str


SLOTS = tuple(Slot(engine, method) for engine, methods in METHODS.items() for method in methods)


def slots(engine: str = "", method: str = "") -> tuple[Slot, ...]:
    """The slots of an engine, of a method, or of both."""
    return tuple(slot for slot in SLOTS if engine in ("", slot.engine) and method in ("", slot.method))


NETWORKS = slots(method=NETWORK)
LINEAR = tuple(slot for slot in SLOTS if slot not in NETWORKS)


@dataclass(frozen=True, slots=True)
class Where:
    """Slots, and the sizes that are meant of them."""

    slots: tuple[Slot, ...]
    sizes: tuple[int, ...] = SIZES

    def has(self, slot: Slot, n: int) -> bool:
        """Whether a slot and size are meant."""
        return slot in self.slots and n in self.sizes


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a change."""

    value: Any
    planted: tuple[Where, ...]
    "Where it can be planted."
    live: tuple[Where, ...]
    "Of these, where it can move a prediction by itself; elsewhere it is inert, but for rounding."

    def can_be_planted(self, slot: Slot, n: int) -> bool:
        """Whether it can be planted there."""
        return any(each.has(slot, n) for each in self.planted)

    def can_be_live(self, slot: Slot, n: int) -> bool:
        """Whether it can move a prediction there by itself."""
        return any(each.has(slot, n) for each in self.live)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change."""

    name: str
    "What parity calls the difference that it makes."
    aspect: str
    "What of a fit it changes: a plant has at most one change of each aspect."
    change: Callable[[code.Fit, Any], code.Fit]
    "What does it in Python; what does it in R has the same name."
    settings: tuple[Setting, ...]
    why: str
    "Why it is live where it is, and inert elsewhere."


def everywhere(value: Any, planted: tuple[Slot, ...] = SLOTS) -> Setting:
    """A setting that can be live wherever it is planted."""
    return Setting(value, (Where(planted),), (Where(planted),))


LEAST_SQUARES, LIBLINEAR = slots("py-sklearn", "leekasso-lm"), slots(method="leekasso-liblinear")
RIDGE = slots("py-sklearn", "leekasso-glm")
"scikit-learn's logistic regression has a penalty that nobody asks for."

EVERYWHERE = Where(SLOTS)
UNITS = (Where((*RIDGE, *LIBLINEAR, *NETWORKS)), Where(slots("py-statsmodels"), (10,)))

ORDERED = Where(slots("py-keras-jax"), (40, 80))
UNORDERED = (Where(tuple(s for s in SLOTS if s not in (*RIDGE, *ORDERED.slots))), Where(RIDGE, (10,)))

KINDS = (
    Kind(
        "label cut",
        "cut",
        code.label_cut,
        (everywhere(0.3), everywhere(0.7)),
        "It moves labels and no predicted value, and nothing where every test row is predicted with certainty.",
    ),
    Kind(
        "labels",
        "labels",
        code.labels,
        (everywhere([3]), everywhere([2, 7])),
        "Every model here follows each of its few rows. At each size there are rows at these places, and after them.",
    ),
    Kind(
        "rows",
        "rows",
        code.rows,
        (everywhere(1),),
        "As with labels, though a row that is predicted with certainty pulls little on a logistic regression.",
    ),
    Kind(
        "order of rows",
        "rows",
        code.row_order,
        (Setting("reversed", (ORDERED, *UNORDERED), (ORDERED,)),),
        "Keras makes batches of 32 rows. Sums over all rows, as in linear models and in scikit-learn's one batch of up "
        "to 200, are the same in any order but for rounding. It is not planted where rounding alone moves predictions: "
        "in Keras' single batch in float32, and in scikit-learn's L-BFGS where it runs out of iterations.",
    ),
    Kind(
        "columns",
        "columns",
        code.columns,
        # A network's are a block of pixels, and the first pixels of an image are empty.
        (everywhere(0.0, LINEAR), everywhere(0.35, NETWORKS), everywhere(0.5)),
        "A Leekasso without one of its screened columns is another model; a network misses a tenth of the image.",
    ),
    Kind(
        "input_scaling",
        "units",
        code.input_scaling,
        (
            Setting("standardize", (EVERYWHERE,), (*UNITS, Where(LEAST_SQUARES, (10,)))),
            Setting("divide-by-255", (EVERYWHERE,), UNITS),
        ),
        "A penalty, and steps that do not know the curvature, follow the units of the columns. So does the solution of "
        "smallest norm where there are fewer rows than parameters: scikit-learn's, of which the intercept is no part, "
        "follows their ratios alone. R drops columns instead, and nothing else of a full rank depends on units.",
    ),
    Kind(
        "precision",
        "precision",
        code.precision,
        (
            Setting("float16 inputs", (EVERYWHERE,), ()),
            everywhere("float16 weights"),
            everywhere("float32", slots("py-sklearn", NETWORK)),
        ),
        "float16 holds the integers up to 2048, so that it rounds pixels only beside another input_scaling.",
    ),
    Kind(
        "dropout.input",
        "columns",
        code.dropout_input,
        (everywhere(0.2, NETWORKS),),
        "Training rows with holes are other rows. Of a Leekasso they would move the screen, which is another change.",
    ),
    Kind(
        "initial weights",
        "initial weights",
        code.initial_weights,
        (everywhere(0.3, NETWORKS), everywhere(3.0, NETWORKS)),
        "A network of few updates stays near its start; a linear model has none that counts.",
    ),
    Kind(
        "initial biases",
        "initial biases",
        code.initial_biases,
        (everywhere(0.5, NETWORKS),),
        "As initial weights.",
    ),
    Kind(
        "end of training",
        "updates",
        code.epochs,
        (everywhere(0.5, NETWORKS), everywhere(3, NETWORKS)),
        "Twenty epochs of one to three updates do not reach an optimum.",
    ),
    Kind(
        "learning_rate",
        "steps",
        code.learning_rate,
        (everywhere(0.5, NETWORKS), everywhere(3.0, NETWORKS)),
        "As end of training.",
    ),
    Kind(
        "penalty.l2",
        "penalty",
        code.penalty_l2,
        (everywhere(0.01, NETWORKS), everywhere(0.1, NETWORKS)),
        "It adds to the gradient of every weight.",
    ),
    Kind(
        "penalty.strength",
        "penalty",
        code.penalty_strength,
        (
            everywhere(10.0, RIDGE),
            everywhere(0.01, RIDGE),
            # LIBLINEAR stops early on separable classes: a tenth or ten times of C = 1e6 moves nothing.
            everywhere(1e-4, LIBLINEAR),
            everywhere(1e-6, LIBLINEAR),
        ),
        "On separable classes the penalty alone keeps the coefficients finite.",
    ),
    Kind(
        "iterations",
        "updates",
        code.iterations,
        (
            everywhere({"max_iter": 2}, (*RIDGE, *slots("py-sklearn", "leekasso-liblinear"))),
            everywhere({"maxiter": 2}, slots("py-statsmodels", "leekasso-glm")),
            everywhere({"maxit": 2}, slots("r-stats", "leekasso-glm")),
        ),
        "Two steps do not arrive. Least squares has no steps, and LiblineaR no argument for their number.",
    ),
)
"In the order in which they act on what a fit is given: the rows first, then their values, then the fit itself."

NAMED = {kind.name: kind for kind in KINDS}
