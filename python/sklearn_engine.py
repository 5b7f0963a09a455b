"""scikit-learn: SelectKBest with f_classif, then LinearRegression, LogisticRegression or MLPClassifier."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
from pathlib import Path
from typing import Any

from parity.engines.contract import Plain, answer, call, option, recorded

# Engine files are loaded by path and belong to no package; so is what they share.
_found = importlib.util.spec_from_file_location("parity_native_calls", Path(__file__).with_name("native_calls.py"))
native = importlib.util.module_from_spec(_found)
_found.loader.exec_module(native)

LOGISTIC = "linear_model.LogisticRegression"
ESTIMATORS = {"lm": "linear_model.LinearRegression", "glm": LOGISTIC, "liblinear": LOGISTIC}
ESTIMATORS |= {"mlp": "neural_network.MLPClassifier", "screen": "feature_selection.SelectKBest"}


def defaults(family: str) -> list[Plain]:
    """Rows for every function that the family's calls use; effective values from the unfitted object's get_params()."""
    used = [estimator("mlp")] if family == "mlp" else [estimator("screen"), estimator(family)]
    return [r for e in used for r in native.declared(e.__name__, e, e().get_params(), f"{e.__name__}().get_params()")]


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    module, function = ESTIMATORS[spec["family"]].split(".")
    arguments, chosen = native_arguments(spec, options), option(options, "selected")
    screens = spec["family"] != "mlp" and chosen is None
    score, label = "predict_proba(x_test)[:, 1]", "model.predict(x_test)"
    if spec["family"] == "lm":
        score, label = "predict(x_test)", f"(probability > {spec['threshold']}).astype(int)"
    code = [
        *(["from sklearn.feature_selection import SelectKBest, f_classif"] if screens else []),
        f"from sklearn.{module} import {function}\n",
        *prepared_code(spec, chosen),
        f"model = {native.call_code(function, arguments)}.fit(x_train, y_train)",
        f"probability = model.{score}",
        f"label = {label}",
    ]
    screen = [call("SelectKBest", score_func="f_classif", k=spec["k"])] if screens else []
    return {
        "calls": [*screen, call(function, **arguments)],
        "code": "\n".join(code),
        "not_expressible": native.gaps(gaps_mlp(spec) if spec["family"] == "mlp" else gaps_leekasso(spec, screens)),
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). One class only in `train` is scikit-learn's ValueError."""
    native.refuse(options, ("initial_weights", "row_order", "trace"), "scikit-learn")
    return {"lm": fit_lm, "mlp": fit_mlp}.get(spec["family"], fit_glm)(spec, train, test, options)


def fit_lm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, selected = prepared(spec, train, test, options)
    model = estimator("lm")(**native_arguments(spec, options)).fit(x, train["y"])
    probability = model.predict(x_test)
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model.coef_, model.intercept_, selected)},
        # Non-negative least squares finds no rank.
        effective={**model.get_params(), "rank_": getattr(model, "rank_", None)},
        selected=selected,
    )


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Logistic regression; LIBLINEAR is one of the solvers of the same estimator."""
    x, x_test, selected = prepared(spec, train, test, options)
    model = estimator("glm")(**native_arguments(spec, options)).fit(x, train["y"])
    steps = int(model.n_iter_[0])
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"coefficients": coefficients_of(model.coef_[0], model.intercept_[0], selected)},
        effective={**model.get_params(), "n_iter_": steps},
        iterations=steps,
        converged=steps < model.max_iter,
        selected=selected,
    )


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, _ = prepared(spec, train, test, options)
    model = estimator("mlp")(**native_arguments(spec, options)).fit(x, train["y"])
    facts = {name: getattr(model, name) for name in ("n_iter_", "loss_", "out_activation_")}
    # "auto" is documented as min(200, n_samples) and a larger size is cut to n; the fitted object records neither.
    batch = len(x) if model.solver == "lbfgs" else min(200 if model.batch_size == "auto" else model.batch_size, len(x))
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"weights": model.coefs_, "biases": model.intercepts_} if option(options, "weights") else None,
        effective={**model.get_params(), **facts, "batch_size in force": batch},
        iterations=model.n_iter_,
        converged=model.n_iter_ < model.max_iter,
        updates=None if model.solver == "lbfgs" else model.n_iter_ * math.ceil(len(x) / batch),
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    makers = {"lm": arguments_lm, "glm": arguments_glm, "liblinear": arguments_liblinear, "mlp": arguments_mlp}
    return native.overridden(
        makers[spec["family"]](spec, options),
        options,
        lambda: inspect.signature(estimator(spec["family"])).parameters,
        ESTIMATORS[spec["family"]],
    )


def arguments_lm(spec: Plain, options: Plain) -> Plain:
    return {}


def arguments_glm(spec: Plain, options: Plain) -> Plain:
    return native.pinned(random_state=option(options, "seed"))


def arguments_liblinear(spec: Plain, options: Plain) -> Plain:
    return native.pinned(solver="liblinear", C=spec["cost"], random_state=option(options, "seed"))


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    sgd = spec["optimizer"] == "sgd"  # the only solver that does not ignore momentum
    return native.pinned(
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
        random_state=option(options, "seed"),
    )


def gaps_leekasso(spec: Plain, screens: bool) -> list[tuple[Any, str, str]]:
    cut, liblinear = spec["family"] != "lm" and spec["threshold"] != 0.5, spec["family"] == "liblinear"
    return [
        (screens and spec["screen"] != "f-test", "screen", "f_classif pools the variances of the two classes"),
        # _univariate_selection.py takes the end of a stable ascending sort of the scores.
        (screens, "ties", "SelectKBest keeps exactly k features, and of tied ones those in the last columns"),
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


def prepared(spec: Plain, train: Plain, test: Plain, options: Plain) -> tuple[Any, Any, list[str]]:
    """The screened or scaled x, (n, k) and (n_test, k), and the names of its columns."""
    features = train["features"]
    if spec["family"] == "mlp":
        return *native.scaled(spec, train["x"], test["x"]), features
    if (chosen := option(options, "selected")) is None:
        kept = estimator("screen")(k=spec["k"]).fit(train["x"], train["y"]).get_support(indices=True)
    else:
        kept = [features.index(name) for name in chosen]
    return train["x"][:, kept], test["x"][:, kept], [features[i] for i in kept]


def prepared_code(spec: Plain, chosen: list[str] | None) -> list[str]:
    if spec["family"] == "mlp":
        return native.SCALING.get(spec["input_scaling"], [])
    if chosen is not None:
        return [f"# x_train and x_test hold only the columns {', '.join(chosen) or '(none)'}"]
    fitted = f"screen = SelectKBest(f_classif, k={spec['k']}).fit(x_train, y_train)"
    return [fitted, "x_train, x_test = screen.transform(x_train), screen.transform(x_test)"]


def coefficients_of(values: Any, intercept: Any, selected: list[str]) -> Plain:
    return {"(intercept)": float(intercept), **dict(zip(selected, map(float, values), strict=True))}


def estimator(use: str) -> Any:
    module, name = ESTIMATORS[use].split(".")
    return getattr(importlib.import_module(f"sklearn.{module}"), name)
