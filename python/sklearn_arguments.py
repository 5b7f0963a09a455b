"""A specification in scikit-learn's own arguments, and what of it they cannot say. None is left to scikit-learn."""

from __future__ import annotations

from typing import Any

from parity.engines.contract import Plain, option


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
    sgd = spec["optimizer"] == "sgd"  # the only solver that does not ignore momentum
    return dict(
        hidden_layer_sizes=tuple(spec["hidden"]),
        activation=spec["activation"],
        solver=spec["optimizer"],
        batch_size=spec["batch_size"],
        learning_rate_init=spec["learning_rate"],
        max_iter=spec["epochs"],
        momentum=spec["momentum"] if sgd else None,
        nesterovs_momentum=spec["nesterov"] if sgd else None,
        # It stops after more epochs without improvement than this, and it cannot have more than it runs.
        n_iter_no_change=spec["epochs"] if spec["stopping"] == "none" else None,
        random_state=seed(options),
    )


def seed(options: Plain) -> int | None:
    return option(options, "seed", 0 if option(options, "repeatable") else None)


def gaps(spec: Plain, own_screen: bool) -> list[tuple[Any, str, str]]:
    """Rows (whether it is asked for, parameter, reason)."""
    return gaps_mlp(spec) if spec["family"] == "mlp" else gaps_leekasso(spec, own_screen)


def gaps_leekasso(spec: Plain, own_screen: bool) -> list[tuple[Any, str, str]]:
    cut, liblinear = spec["family"] != "lm" and spec["threshold"] != 0.5, spec["family"] == "liblinear"
    return [
        (own_screen and spec["screen"] != "f-test", "screen", "f_classif pools the variances of the two classes"),
        # _univariate_selection.py takes the end of a stable ascending sort of the scores.
        (own_screen, "ties", "SelectKBest keeps exactly k features, and of tied ones those in the last columns"),
        (cut, "threshold", "predict takes the class of larger probability: a cut at 0.5"),
        (spec["cost"] is not None and not liblinear, "cost", "it belongs to LIBLINEAR"),
    ]


def gaps_mlp(spec: Plain) -> list[tuple[Any, str, str]]:
    sgd, cut = spec["optimizer"] == "sgd", spec["threshold"] not in (None, 0.5)
    return [
        (spec["output"] == "softmax", "output", "MLPClassifier gives two classes one logistic unit"),
        (spec["dropout"], "dropout", "MLPClassifier has no dropout"),
        *((spec[n] is not None and not sgd, n, "only solver='sgd' uses it") for n in ("momentum", "nesterov")),
        (spec["learning_rate_decay"] is not None, "learning_rate_decay", "no schedule multiplies after every epoch"),
        (spec["init"] == "he-uniform", "init", "MLPClassifier draws from the Glorot-uniform interval"),
        (cut, "threshold", "predict takes the class of larger probability: a cut at 0.5"),
    ]
