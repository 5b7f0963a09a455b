"""Native arguments of H2ODeepLearningEstimator: what a specification and options pin, and what H2O cannot express."""

from __future__ import annotations

import inspect
from typing import Any

from parity.engines.contract import Plain, beside, option

native = beside(__file__, "native_calls")
DEEP = "H2ODeepLearningEstimator"
# H2O keeps (out, in). The client writes every digit; a float32 arrives bit for bit, a float64 within its last place.
WEIGHTS = native.Code("[h2o.H2OFrame(w.T.astype(float)) for w in initial_weights['weights']]")
BIASES = native.Code("[h2o.H2OFrame(b.reshape(-1, 1).astype(float)) for b in initial_weights['biases']]")


def given(spec: Plain, options: Plain) -> Plain:
    """Native arguments, overrides merged last; those that are code stand for frames of initial weights."""
    merged = dict(native.overridden(arguments(spec, options), options, known, DEEP))
    # Without an epoch the server returns the weights that it drew or was given.
    return {**merged, "epochs": 0} if option(options, "untrained") else merged


def arguments(spec: Plain, options: Plain) -> Plain:
    """What the specification and the options pin."""
    return dict(
        native.pinned(**layers_of(spec), **rule_of(spec), **start_of(spec, options), **course_of(spec, options))
    )


def layers_of(spec: Plain) -> Plain:
    dropout = spec["dropout"] or None
    return {
        "activation": {"tanh": "Tanh", "relu": "Rectifier"}[spec["activation"]] + ("WithDropout" if dropout else ""),
        "hidden": list(spec["hidden"]),
        "epochs": spec["epochs"],
        "hidden_dropout_ratios": dropout and [dropout] * len(spec["hidden"]),
        "loss": spec["loss"] and "CrossEntropy",
    }


def rule_of(spec: Plain) -> Plain:
    """What an update does."""
    every_input = spec["momentum"] or spec["l2"] or spec["rho"] is not None
    ada = {"adaptive_rate": True, "rho": spec["rho"], "epsilon": spec["epsilon"]}
    return {
        **(sgd_of(spec) if spec["optimizer"] == "sgd" else ada if spec["optimizer"] == "adadelta" else {}),
        "l2": spec["l2"],
        # Otherwise the weights of an input of 0 are left alone, though what they remember moves them.
        "fast_mode": False if every_input else None,
        "mini_batch_size": spec["batch_size"],
    }


def sgd_of(spec: Plain) -> Plain:
    rate, nesterov, momentum = spec["learning_rate"], spec["nesterov"], spec["momentum"]
    return {
        "adaptive_rate": False,
        # H2O's steps are rate * (1 - momentum) long (bpropOutputLayer in hex/deeplearning/Neurons.java).
        "rate": None if rate is None else rate / (1 - (momentum or 0)),
        "rate_annealing": spec["learning_rate_decay"],
        "momentum_start": momentum,
        "momentum_stable": momentum,
        # Whatever its name, True is the heavy ball; False adds the step before this one, without its momentum.
        "nesterov_accelerated_gradient": None if nesterov is None else bool(momentum) or nesterov,
    }


def start_of(spec: Plain, options: Plain) -> Plain:
    """What the network starts from, and of which inputs."""
    start = option(options, "initial_weights") is not None
    return {
        "standardize": {"standardize": True, "none": False, "divide-by-255": False}.get(spec["input_scaling"]),
        # Glorot's interval, but four times as wide for a classifier's output layer (randomizeWeights in H2O's
        # DeepLearningModelInfo.java).
        "initial_weight_distribution": "UniformAdaptive" if spec["init"] == "glorot-uniform" else None,
        # A column that does not vary has weights like any other, and they count at prediction.
        "ignore_const_cols": False if start or spec["init"] else None,
        "initial_weights": WEIGHTS if start else None,
        "initial_biases": BIASES if start else None,
    }


def course_of(spec: Plain, options: Plain) -> Plain:
    """How long it is trained, in which order, and what is kept of it.

    A seed alone repeats no fit, since threads race; reproducible=True does. It is not set along with every seed,
    because with it the model is scored so often that the default of classification_stop (no error left on the training
    rows) ends training early: 3 epochs where 20 were run without.
    """
    traced, ordered = option(options, "trace") is not None, own_order(spec, options)
    whole, repeated = spec["stopping"] == "none" or traced, ordered or bool(option(options, "repeatable"))
    return {
        # Three rules end training early or go back to an earlier model: a score that has converged, no error left on
        # the training rows, and the return of the best model.
        "stopping_rounds": 0 if whole else None,
        "classification_stop": -1 if whole else None,
        "overwrite_with_best_model": False if whole else None,
        "export_weights_and_biases": traced or option(options, "weights") or None,
        # 0: the server counts, shuffles and scores by epochs.
        "train_samples_per_iteration": 0 if ordered else None,
        "seed": option(options, "seed", 0 if repeated else None),
        "reproducible": repeated or None,
    }


def own_order(spec: Plain, options: Plain) -> bool:
    """Whether the rows are to be visited in the order that h2o_row_order.py tells."""
    return spec["order"] is not None or any(option(options, name) is not None for name in ("trace", "row_order"))


def gaps(spec: Plain, options: Plain) -> list[Plain]:
    """What H2O cannot express."""
    sgd, ada = spec["optimizer"] == "sgd", spec["optimizer"] == "adadelta"
    needs_sgd = "only plain SGD takes it; H2O's ADADELTA does not"
    decay, decays = spec["learning_rate_decay"], "the rate falls by this formula, but once an iteration (an epoch)"
    rough = "its roots are up to 5% off, and a bias is divided by that of its unit's mean squared weight gradient"
    rows = [
        (spec["output"] == "sigmoid", "output", "H2O gives two classes two softmax units"),
        (spec["optimizer"] in ("adam", "rmsprop"), "optimizer", "H2O has ADADELTA and plain SGD"),
        (ada, "rho", f"H2O's ADADELTA is one of its own: {rough} (hex/deeplearning/Neurons.java)"),
        (not sgd and spec["learning_rate"] not in ((None, 1) if ada else (None,)), "learning_rate", needs_sgd),
        *((spec[n] is not None and not sgd, n, needs_sgd) for n in ("momentum", "nesterov")),
        (sgd and bool(spec["momentum"] and spec["nesterov"]), "nesterov", "H2O's nesterov is the heavy ball"),
        (bool(decay), "learning_rate_decay", decays if sgd else needs_sgd),
        *((spec[n] is not None, n, "it belongs to Adam, which H2O lacks") for n in ("beta1", "beta2")),
        *((spec[n] is not None and not ada, n, "H2O's ADADELTA alone takes it") for n in ("rho", "epsilon")),
        (
            bool(spec["dropout"]) and spec["dropout_scaling"] == "in-training",
            "dropout_scaling",
            "H2O multiplies hidden outputs by the share kept when it predicts (hex/deeplearning/Neurons.java)",
        ),
        (bool(spec["l2"]), "l2", "H2O penalises the biases as well"),
        ((spec["batch_size"] or 1) > 1, "batch_size", "H2O updates after every row, whatever mini_batch_size says"),
        (spec["order"] is not None, "order", "H2O shuffles by itself; h2o_row_order.py tells how"),
        (spec["precision"] == "float64", "precision", "H2O keeps its weights in float32"),
        (
            spec["init"] is not None and option(options, "initial_weights") is None,
            "init",
            "UniformAdaptive is Glorot's, but 4 times as wide at the output; biases of a Rectifier start at 0.5 and 1",
        ),
    ]
    return list(native.gaps(rows))


def started(arguments: Plain, options: Plain) -> Plain:
    """Native arguments with the frames of the initial weights in them."""
    import h2o

    return dict(native.evaluated(arguments, {"h2o": h2o, "initial_weights": option(options, "initial_weights")}))


def frames_in(arguments: Plain) -> list[Any]:
    """The frames that `started` made."""
    return [*arguments.get("initial_weights", []), *arguments.get("initial_biases", [])]


def known() -> set[str]:
    """Names that an override can set: all but the rows and columns that a fit gives to train."""
    return {*inspect.signature(estimator()).parameters} - {"training_frame", "response_column", "ignored_columns"}


def estimator() -> Any:
    from h2o import estimators

    return getattr(estimators, DEEP)
