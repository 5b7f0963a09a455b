"""A specification in scikit-learn's own arguments, and what of it they cannot say. None is left to scikit-learn."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from parity.engines.contract import Plain, beside, option

native = beside(__file__, "native_calls")
LOGISTIC = "linear_model.LogisticRegression"
ESTIMATORS = {"lm": "linear_model.LinearRegression", "glm": LOGISTIC, "liblinear": LOGISTIC}
ESTIMATORS |= {"mlp": "neural_network.MLPClassifier", "screen": "feature_selection.SelectKBest"}
AUTO_BATCH = 200
"Rows of a batch where batch_size is 'auto' and there are as many: _multilayer_perceptron.py."


def estimator(use: str) -> Any:
    """The class that is used for a family, or for the screen."""
    module, name = ESTIMATORS[use].split(".")
    return getattr(importlib.import_module(f"sklearn.{module}"), name)


def native_arguments(spec: Plain, options: Plain) -> Plain:
    """What the family's estimator is given, with the overrides merged last."""
    return native.overridden(
        native.pinned(**arguments(spec, options)),
        options,
        lambda: inspect.signature(estimator(spec["family"])).parameters,
        ESTIMATORS[spec["family"]],
    )


def arguments(spec: Plain, options: Plain) -> Plain:
    """The arguments of the family's estimator."""
    makers = {"lm": arguments_lm, "glm": arguments_glm, "liblinear": arguments_liblinear, "mlp": arguments_mlp}
    return makers[spec["family"]](spec, options)


def arguments_screen(spec: Plain) -> Plain:
    from sklearn.feature_selection import f_classif

    return {"score_func": f_classif, "k": spec["k"]}


def arguments_lm(spec: Plain, options: Plain) -> Plain:
    return {}


def arguments_glm(spec: Plain, options: Plain) -> Plain:
    return dict(random_state=seed(options))


def arguments_liblinear(spec: Plain, options: Plain) -> Plain:
    return dict(solver="liblinear", C=spec["cost"], random_state=seed(options))


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    # The one solver ignores what belongs to the other; adam is MLPClassifier's own choice.
    sgd, adam = spec["optimizer"] == "sgd", spec["optimizer"] in (None, "adam")
    in_order = spec["order"] == "given" or option(options, "row_order") is not None
    return dict(
        hidden_layer_sizes=tuple(spec["hidden"]),
        activation=spec["activation"],
        solver=spec["optimizer"] if sgd or adam else None,
        alpha=None if spec["l2"] is None else alpha(spec, options),
        batch_size=spec["batch_size"],
        learning_rate="constant" if sgd and spec["learning_rate_decay"] == 0 else None,
        learning_rate_init=spec["learning_rate"],
        max_iter=spec["epochs"],
        shuffle=False if in_order else None,
        momentum=spec["momentum"] if sgd else None,
        nesterovs_momentum=spec["nesterov"] if sgd else None,
        beta_1=spec["beta1"] if adam else None,
        beta_2=spec["beta2"] if adam else None,
        epsilon=spec["epsilon"] if adam else None,
        # It stops after more epochs without improvement than this, and it cannot have more than it runs.
        n_iter_no_change=spec["epochs"] if spec["stopping"] == "none" else None,
        random_state=seed(options),
    )


def alpha(spec: Plain, options: Plain) -> Any:
    """scikit-learn's penalty alpha / 2 * sum(w^2) / rows of the batch, from lambda / 2 * sum(w^2) on the mean loss.

    `_backprop` in _multilayer_perceptron.py. The rows are those in force: a batch is never larger than the data.
    """
    given = {"batch_size": spec["batch_size"], "solver": spec["optimizer"], **option(options, "overrides", {})}
    rows = AUTO_BATCH if given["batch_size"] in (None, "auto") else given["batch_size"]
    if spec["l2"] == 0 or (rows == 1 and given["solver"] != "lbfgs"):
        return spec["l2"]
    in_force = "len(x_train)" if given["solver"] == "lbfgs" else f"min({rows}, len(x_train))"
    return native.Code(f"{spec['l2']!r} * {in_force}")


def seed(options: Plain) -> int | None:
    return option(options, "seed", 0 if option(options, "repeatable") else None)


def gaps_leekasso(spec: Plain, own_screen: bool) -> list[tuple[Any, str, str]]:
    """Rows (whether it is asked for, parameter, reason)."""
    cut, liblinear = spec["family"] != "lm" and spec["threshold"] != 0.5, spec["family"] == "liblinear"
    return [
        (own_screen and spec["screen"] != "f-test", "screen", "f_classif pools the variances of the two classes"),
        # _univariate_selection.py takes the end of a stable ascending sort of the scores.
        (own_screen, "ties", "SelectKBest keeps exactly k features, and of tied ones those in the last columns"),
        (cut, "threshold", "predict takes the class of larger probability: a cut at 0.5"),
        (spec["cost"] is not None and not liblinear, "cost", "it belongs to LIBLINEAR"),
    ]


def gaps_mlp(spec: Plain, options: Plain) -> list[tuple[Any, str, str]]:
    """Rows as of `gaps_leekasso`."""
    sgd, adam = spec["optimizer"] == "sgd", spec["optimizer"] in (None, "adam")
    drawn, cut = option(options, "initial_weights") is None, spec["threshold"] not in (None, 0.5)
    uneven = bool(spec["l2"]) and spec["batch_size"] != 1
    return [
        (not sgd and not adam, "optimizer", "MLPClassifier has plain, heavy-ball and Nesterov SGD, and Adam"),
        (spec["output"] == "softmax", "output", "MLPClassifier gives two classes one logistic unit"),
        (spec["dropout"], "dropout", "MLPClassifier has no dropout"),
        *((spec[n] is not None and not sgd, n, "only solver='sgd' uses it") for n in ("momentum", "nesterov")),
        *((spec[n] is not None and not adam, n, "only solver='adam' uses it") for n in ("beta1", "beta2", "epsilon")),
        (spec["rho"] is not None, "rho", "no solver of MLPClassifier uses it"),
        (spec["learning_rate_decay"], "learning_rate_decay", "no schedule divides the rate by 1 + d * updates done"),
        # Each batch's penalty is alpha over its own rows.
        (uneven, "l2", "the penalty is l2 for full batches only: a shorter last one of an epoch is penalised more"),
        (drawn and spec["init"] == "he-uniform", "init", "MLPClassifier draws from the Glorot-uniform interval"),
        (drawn and spec["init"] == "glorot-uniform", "init", "MLPClassifier draws the biases as it does the weights"),
        (cut, "threshold", "predict takes the class of larger probability: a cut at 0.5"),
    ]
