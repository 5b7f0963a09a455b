"""scikit-learn: SelectKBest with f_classif, then LinearRegression, LogisticRegression or MLPClassifier."""

from __future__ import annotations

import importlib
import inspect
import math
from typing import Any

from parity.engines.contract import Plain, answer, call, cannot_express, option, recorded
from parity.errors import unknown

LOGISTIC = "linear_model.LogisticRegression"
NATIVE = {"lm": "linear_model.LinearRegression", "glm": LOGISTIC, "liblinear": LOGISTIC}
NATIVE |= {"mlp": "neural_network.MLPClassifier", "screen": "feature_selection.SelectKBest"}
MOMENTUM = ("momentum", "nesterov")
SCALING = {
    "divide-by-255": ["x_train, x_test = x_train / 255, x_test / 255"],
    # A constant column has no spread and is divided by 1.
    "standardize": [
        "mean, sd = x_train.mean(axis=0), x_train.std(axis=0)",
        "x_train, x_test = [(x - mean) / (sd + (sd == 0)) for x in (x_train, x_test)]",
    ],
}


def defaults(family: str) -> list[Plain]:
    """Rows for every function that the family's calls use; effective values from the unfitted object's get_params()."""
    rows = []
    for each in [native("mlp")] if family == "mlp" else [native("screen"), native(family)]:
        label, effective = each.__name__, each().get_params()
        for name, parameter in inspect.signature(each).parameters.items():
            declared, in_force = (getattr(v, "__name__", v) for v in (parameter.default, effective[name]))
            read = {"declared": declared, "effective": in_force, "source": f"inspect.signature({label}), get_params()"}
            rows.append({"function": label, "name": name, **read})
    return rows


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    module, function = NATIVE[spec["family"]].split(".")
    arguments, chosen = native_arguments(spec, options), option(options, "selected")
    screens = spec["family"] != "mlp" and chosen is None
    score = "predict(x_test)" if spec["family"] == "lm" else "predict_proba(x_test)[:, 1]"
    label = f"(probability > {spec['threshold']}).astype(int)" if spec["family"] == "lm" else "model.predict(x_test)"
    code = [
        *(["from sklearn.feature_selection import SelectKBest, f_classif"] if screens else []),
        f"from sklearn.{module} import {function}\n",
        *prepared_code(spec, chosen),
        f"model = {function}({', '.join(f'{k}={v!r}' for k, v in arguments.items())}).fit(x_train, y_train)",
        f"probability = model.{score}",
        f"label = {label}",
    ]
    calls = [call("SelectKBest", score_func="f_classif", k=spec["k"])] if screens else []
    return {
        "calls": [*calls, call(function, **arguments)],
        "code": "\n".join(code),
        "not_expressible": [cannot_express(name, why) for holds, name, why in gaps(spec, screens) if holds],
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). One class only in `train` is scikit-learn's ValueError."""
    for name in ("initial_weights", "row_order", "trace"):
        if option(options, name) is not None:
            raise ValueError(f"the scikit-learn engine cannot take the option '{name}'")
    return {"lm": fit_lm, "mlp": fit_mlp}.get(spec["family"], fit_glm)(spec, train, test, options)


def fit_lm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, selected = prepared(spec, train, test, options)
    model = native("lm")(**native_arguments(spec, options)).fit(x, train["y"])
    probability = model.predict(x_test)
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model.coef_, model.intercept_, selected)},
        effective={**model.get_params(), "rank_": getattr(model, "rank_", None)},
        selected=selected,
    )


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, selected = prepared(spec, train, test, options)
    model = native("glm")(**native_arguments(spec, options)).fit(x, train["y"])
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"coefficients": coefficients_of(model.coef_[0], model.intercept_[0], selected)},
        effective={**model.get_params(), "n_iter_": int(model.n_iter_[0])},
        iterations=int(model.n_iter_[0]),
        converged=bool(model.n_iter_[0] < model.max_iter),
        selected=selected,
    )


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, _ = prepared(spec, train, test, options)
    model = native("mlp")(**native_arguments(spec, options)).fit(x, train["y"])
    # "auto" is documented as min(200, n_samples) and a larger size is cut to n; the fitted object records neither.
    batch = len(x) if model.solver == "lbfgs" else min(200 if model.batch_size == "auto" else model.batch_size, len(x))
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"weights": model.coefs_, "biases": model.intercepts_} if option(options, "weights") else None,
        effective={**model.get_params(), "n_iter_": model.n_iter_, "loss_": model.loss_, "batch_size in force": batch},
        iterations=model.n_iter_,
        converged=model.n_iter_ < model.max_iter,
        updates=None if model.solver == "lbfgs" else model.n_iter_ * math.ceil(len(x) / batch),
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    wanted = {"lm": arguments_lm, "mlp": arguments_mlp}.get(spec["family"], arguments_glm)(spec, options)
    overrides = option(options, "overrides", {})
    known = inspect.signature(native(spec["family"])).parameters if overrides else {}
    for name in overrides:
        if name not in known:
            raise ValueError(str(unknown("argument", name, known, NATIVE[spec["family"]])))
    return {**{name: value for name, value in wanted.items() if value is not None}, **overrides}


def arguments_lm(spec: Plain, options: Plain) -> Plain:
    return {}


def arguments_glm(spec: Plain, options: Plain) -> Plain:
    liblinear = {"solver": "liblinear", "C": spec["cost"]} if spec["family"] == "liblinear" else {}
    return {**liblinear, "random_state": option(options, "seed")}


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    sgd = spec["optimizer"] == "sgd"  # the only solver that does not ignore momentum
    return {
        "hidden_layer_sizes": tuple(spec["hidden"]),
        "activation": spec["activation"],
        "solver": spec["optimizer"],
        "batch_size": spec["batch_size"],
        "learning_rate_init": spec["learning_rate"],
        "max_iter": spec["epochs"],
        "momentum": spec["momentum"] if sgd else None,
        "nesterovs_momentum": spec["nesterov"] if sgd else None,
        # It stops after more epochs without improvement than this, and it cannot have more than it runs.
        "n_iter_no_change": spec["epochs"] if spec["stopping"] == "none" else None,
        "random_state": option(options, "seed"),
    }


def gaps(spec: Plain, screens: bool) -> list[tuple[bool, str, str]]:
    fixed = spec["family"] != "lm" and spec["threshold"] not in (None, 0.5)
    threshold = (fixed, "threshold", "predict takes the class of larger probability: a cut at 0.5")
    if spec["family"] != "mlp":
        return [
            threshold,
            (screens and spec["screen"] != "f-test", "screen", "f_classif pools the variances of the two classes"),
            # _univariate_selection.py takes the end of a stable ascending sort of the scores.
            (screens, "ties", "SelectKBest keeps exactly k features, and of tied ones those in the last columns"),
            (spec["family"] != "liblinear" and spec["cost"] is not None, "cost", "it belongs to LIBLINEAR"),
        ]
    return [
        threshold,
        (spec["output"] == "softmax", "output", "MLPClassifier gives two classes one logistic unit"),
        (bool(spec["dropout"]), "dropout", "MLPClassifier has no dropout"),
        *(
            (spec[name] is not None and spec["optimizer"] != "sgd", name, "only solver='sgd' uses it")
            for name in MOMENTUM
        ),
        (spec["learning_rate_decay"] is not None, "learning_rate_decay", "no schedule multiplies after every epoch"),
        (spec["init"] == "he-uniform", "init", "MLPClassifier draws from the Glorot-uniform interval"),
    ]


def prepared(spec: Plain, train: Plain, test: Plain, options: Plain) -> tuple[Any, Any, list[str]]:
    """The screened or scaled x, (n, k) and (n_test, k), and the names of its columns."""
    x, x_test, features = train["x"], test["x"], train["features"]
    if spec["family"] == "mlp":
        shift, scale = 0, 255 if spec["input_scaling"] == "divide-by-255" else 1
        if spec["input_scaling"] == "standardize":
            shift, sd = x.mean(axis=0), x.std(axis=0)
            scale = sd + (sd == 0)
        return (x - shift) / scale, (x_test - shift) / scale, features
    if (chosen := option(options, "selected")) is None:
        kept = native("screen")(k=spec["k"]).fit(x, train["y"]).get_support(indices=True)
    else:
        kept = [features.index(name) for name in chosen]
    return x[:, kept], x_test[:, kept], [features[i] for i in kept]


def prepared_code(spec: Plain, chosen: list[str] | None) -> list[str]:
    if spec["family"] == "mlp":
        return SCALING.get(spec["input_scaling"], [])
    if chosen is not None:
        return [f"# x_train and x_test hold only the columns {', '.join(chosen) or '(none)'}"]
    fitted = f"screen = SelectKBest(f_classif, k={spec['k']}).fit(x_train, y_train)"
    return [fitted, "x_train, x_test = screen.transform(x_train), screen.transform(x_test)"]


def coefficients_of(values: Any, intercept: Any, selected: list[str]) -> Plain:
    return {"(intercept)": float(intercept), **dict(zip(selected, map(float, values), strict=True))}


def native(use: str) -> Any:
    module, name = NATIVE[use].split(".")
    return getattr(importlib.import_module(f"sklearn.{module}"), name)
