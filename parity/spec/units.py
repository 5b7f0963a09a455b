"""The units in which frameworks measure one quantity, each with its conversion and the reason for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a conversion may need to know of the fit. A field that is None is not known before the fit or at all."""

    n: int | None = None
    "Training rows."
    batch_size: int | None = None
    "Training rows in one update; n for a full-batch solver."
    epochs: float | None = None
    "Passes over the training rows."
    momentum: float | None = None
    "Momentum in force; 0 where there is none."
    smaller_class: float | None = None
    "Share of the training rows that belong to the smaller class."
    deviance: float | None = None
    "Deviance where the solver stops."
    loss: float | None = None
    "Mean loss where training stops."
    largest_coefficient: float | None = None
    "Largest absolute coefficient where the solver stops."


@dataclass(frozen=True, slots=True)
class Unit:
    """How a value in this unit becomes one in the parameter's own unit, and back.

    Both functions are given the value and then the fields of the Context that `needs` names, in that order.
    """

    to_canonical: Callable[..., float]
    from_canonical: Callable[..., float]
    needs: tuple[str, ...] = ()


def _inverse(value: float) -> float:
    # No penalty is an infinite C, and an infinite C no penalty.
    return math.inf if value == 0 else 1 / value


def _updates(n: int, batch_size: int) -> int:
    # The last batch of an epoch may be smaller, but it is an update all the same.
    return math.ceil(n / batch_size)


# A share and what is left of the whole are each other's conversion.
REST = Unit(lambda share: 1 - share, lambda share: 1 - share)

SQUARED = Unit(math.sqrt, lambda value: value**2)

# sum(loss) + lambda * penalty, divided by n.
SUMMED = Unit(lambda value, n: value / n, lambda value, n: value * n, ("n",))

PENALTY = {
    # LIBLINEAR and scikit-learn minimise C * sum(loss) + |b|^2 / 2; divided by C * n, that is mean(loss) with
    # lambda = 1 / (C * n). Fan et al., LIBLINEAR, JMLR 9 (2008), eq. 1; l2_reg_strength in sklearn's _logistic.py.
    "C on the summed loss": Unit(lambda cost, n: _inverse(cost * n), lambda lam, n: _inverse(lam * n), ("n",)),
    "lambda on the summed loss": SUMMED,
    # The deviance is twice the negative log-likelihood, so that beside its mean the same lambda weighs half as much.
    "lambda on the mean deviance": Unit(lambda lam: lam / 2, lambda lam: 2 * lam),
}

INTERCEPT_PENALTY = {
    # LIBLINEAR's intercept is w0 * bias with a penalty on w0^2, which is one on intercept^2 / bias^2: train() in
    # linear.cpp appends the constant column to the features.
    "value of the constant column": Unit(lambda bias: _inverse(bias**2), lambda weight: math.sqrt(_inverse(weight))),
}

# H2O divides the gradient of a row's loss by the rows of the batch, but takes the penalty's gradient off once for each
# row: bprop in hex/deeplearning/Neurons.java, setOutputLayerGradient of its Softmax.
_EVERY_ROW = Unit(lambda lam, rows: lam * rows, lambda lam, rows: lam / rows, ("batch_size",))

NETWORK_L1 = {"lambda on the summed loss": SUMMED, "lambda on the loss of every row of a batch": _EVERY_ROW}

NETWORK_L2 = {
    **NETWORK_L1,
    # scikit-learn adds alpha / 2 * |w|^2 to the summed loss of a batch and divides both by its rows:
    # _compute_loss_grad in sklearn's _multilayer_perceptron.py.
    "alpha over the batch's rows": Unit(
        lambda alpha, rows: alpha / rows, lambda lam, rows: lam * rows, ("batch_size",)
    ),
    # Keras' regularizers.L2 adds lambda * sum(w^2), without a half.
    "lambda without the half": Unit(lambda lam: 2 * lam, lambda lam: lam / 2),
}

LEARNING_RATE = {
    # H2O multiplies the rate by 1 - momentum before every step: bpropOutputLayer in hex/deeplearning/Neurons.java.
    "before the factor 1 - momentum": Unit(
        lambda rate, m: rate * (1 - m), lambda rate, m: rate / (1 - m), ("momentum",)
    ),
}

ANNEALING = {
    # rate / (1 + a * updates), as Keras' InverseTimeDecay has it, counts batch_size rows in every update.
    "per update": Unit(lambda a, rows: a / rows, lambda a, rows: a * rows, ("batch_size",)),
}

PASSES = {
    "updates": Unit(
        lambda updates, n, rows: updates / _updates(n, rows),
        lambda epochs, n, rows: epochs * _updates(n, rows),
        ("n", "batch_size"),
    ),
    "rows": Unit(lambda rows, n: rows / n, lambda epochs, n: epochs * n, ("n",)),
}

EPSILON = {
    # g / sqrt(v + e) divides by sqrt(e) at least (RMSprop and Adadelta in keras.optimizers; H2O's Neurons.java,
    # computeAdaDeltaRateForWeight); g / (sqrt(v) + e) by e at least (Adam in keras.optimizers and scikit-learn).
    "added under the root": SQUARED,
}

IMPROVEMENT = {
    "relative decrease": Unit(lambda share, loss: share * loss, lambda step, loss: step / loss, ("loss",)),
}

GRADIENT = {"largest component of the summed loss's gradient": SUMMED}

GRADIENT_FALL = {
    # primal_solver_tol = eps * min(pos, neg) / l: train_one in LIBLINEAR's linear.cpp. The norm is the Euclidean one.
    "before the smaller class's share": Unit(
        lambda eps, share: eps * share, lambda fall, share: fall / share, ("smaller_class",)
    ),
}

DEVIANCE_CHANGE = {
    # R stops at |dev - devold| / (|dev| + 0.1) < epsilon (stats::glm.fit), statsmodels at |dev - devold| <= tol
    # (_check_convergence in generalized_linear_model.py, where rtol is 0).
    "absolute change": Unit(
        lambda tol, dev: tol / (abs(dev) + 0.1), lambda epsilon, dev: epsilon * (abs(dev) + 0.1), ("deviance",)
    ),
}

OBJECTIVE_CHANGE = {
    "absolute change": Unit(lambda tol, loss: tol / loss, lambda share, loss: share * loss, ("loss",)),
}

COEFFICIENT_CHANGE = {
    # sag stops at max|change| / max|coefficient| <= tol: sklearn's _sag_fast.pyx.
    "change over the largest coefficient": Unit(
        lambda tol, largest: tol * largest, lambda change, largest: change / largest, ("largest_coefficient",)
    ),
}
