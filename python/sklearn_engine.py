"""scikit-learn: SelectKBest with f_classif, then LinearRegression, LogisticRegression or MLPClassifier."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import warnings
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

native, said, framework, linear = (
    beside(__file__, "native_calls"),
    beside(__file__, "sklearn_arguments"),
    beside(__file__, "sklearn_defaults"),
    beside(__file__, "sklearn_linear"),
)
LOGISTIC = "linear_model.LogisticRegression"
ESTIMATORS = {"lm": "linear_model.LinearRegression", "glm": LOGISTIC, "liblinear": LOGISTIC}
ESTIMATORS |= {"mlp": "neural_network.MLPClassifier", "screen": "feature_selection.SelectKBest"}


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that the fit calls; effective values are what its own objects say of themselves."""
    if spec["family"] == "linear":
        return list(linear.defaults(spec, train, options))
    arguments, network = native_arguments(spec, options), spec["family"] == "mlp"
    rows, model = [], estimator(spec["family"])(**arguments)
    with warnings.catch_warnings(record=True):  # warnings belong to the fit that is asked for
        if screens(spec, options):
            asked, screen = said.arguments_screen(spec), screened(spec, train)
            calls = {"f_classif": (asked["score_func"], {}), "SelectKBest.fit": (screen.fit, {})}
            calls["SelectKBest.get_support"] = (screen.get_support, {"indices": True})
            rows = framework.rows_of(screen, calls, native.declared, asked=asked)
        x, _, _ = prepared(spec, train, train, options)
        # The networks of 2017 take seconds to fit, and no fit changes what get_params() says.
        model = framework.untrained(model, x, train["y"]) if network else model.fit(x, train["y"])
    names = ["fit", "predict"] if spec["family"] == "lm" else ["fit", "predict_proba", "predict"]
    calls = {f"{type(model).__name__}.{name}": (getattr(model, name), {}) for name in names}
    return rows + framework.rows_of(model, calls, native.declared, asked=arguments, override=model.get_params())


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    if spec["family"] == "linear":
        return dict(linear.translate(spec, options))
    module, function = ESTIMATORS[spec["family"]].split(".")
    arguments, chosen = native_arguments(spec, options), option(options, "selected")
    own_screen = screens(spec, options)
    score, label = "predict_proba(x_test)[:, 1]", "model.predict(x_test)"
    if spec["family"] == "lm":
        score, label = "predict(x_test)", f"(probability > {spec['threshold']}).astype(int)"
    code = [
        *(["from sklearn.feature_selection import SelectKBest, f_classif"] if own_screen else []),
        f"from sklearn.{module} import {function}\n",
        *prepared_code(spec, chosen),
        f"model = {native.call_code(function, arguments)}.fit(x_train, y_train)",
        f"probability = model.{score}",
        f"label = {label}",
    ]
    screen = [call("SelectKBest", score_func="f_classif", k=spec["k"])] if own_screen else []
    return {
        "calls": [*screen, call(function, **arguments)],
        "code": "\n".join(code),
        "not_expressible": native.gaps(said.gaps(spec, own_screen)),
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). One class only in `train` is scikit-learn's ValueError."""
    native.refuse(options, ("initial_weights", "row_order", "trace"), "scikit-learn")
    native.refuse(options if spec["family"] != "mlp" else {}, ("untrained",), "scikit-learn")
    fit_family = {"lm": fit_lm, "mlp": fit_mlp, "linear": linear.fit}.get(spec["family"], fit_glm)
    estimator("lm" if spec["family"] == "linear" else spec["family"])  # loads the libraries whose threads are limited
    with native.repeatable(options):
        return fit_family(spec, train, test, options)


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
        scores=scores_of(spec, train, options),
    )


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Logistic regression; LIBLINEAR is one of the solvers of the same estimator."""
    x, x_test, selected = prepared(spec, train, test, options)
    model = estimator("glm")(**native_arguments(spec, options)).fit(x, train["y"])
    steps = int(model.n_iter_[0])
    # Without an intercept LIBLINEAR's is one number and no array.
    intercept = model.intercept_[0] if model.fit_intercept else 0.0
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"coefficients": coefficients_of(model.coef_[0], intercept, selected)},
        effective={**model.get_params(), "n_iter_": steps},
        iterations=steps,
        converged=steps < model.max_iter,
        selected=selected,
        scores=scores_of(spec, train, options),
    )


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    x, x_test, _ = prepared(spec, train, test, options)
    model, untrained = estimator("mlp")(**native_arguments(spec, options)), option(options, "untrained", False)
    model = framework.untrained(model, x, train["y"]) if untrained else model.fit(x, train["y"])
    facts = {name: getattr(model, name) for name in ("n_iter_", "loss_", "out_activation_")}
    # "auto" is documented as min(200, n_samples) and a larger size is cut to n; the fitted object records neither.
    batch = len(x) if model.solver == "lbfgs" else min(200 if model.batch_size == "auto" else model.batch_size, len(x))
    return answer(
        probability=model.predict_proba(x_test)[:, 1],
        label=model.predict(x_test),
        parameters={"weights": model.coefs_, "biases": model.intercepts_} if option(options, "weights") else None,
        effective={**model.get_params(), **facts, "batch_size in force": batch},
        iterations=model.n_iter_,
        converged=None if untrained else model.n_iter_ < model.max_iter,
        updates=None if model.solver == "lbfgs" and not untrained else model.n_iter_ * math.ceil(len(x) / batch),
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    return native.overridden(
        native.pinned(**said.arguments(spec, options)),
        options,
        lambda: inspect.signature(estimator(spec["family"])).parameters,
        ESTIMATORS[spec["family"]],
    )


def prepared(spec: Plain, train: Plain, test: Plain, options: Plain) -> tuple[Any, Any, list[str]]:
    """The screened or scaled x, (n, k) and (n_test, k), and the names of its columns."""
    features = train["features"]
    if spec["family"] == "mlp":
        return *native.scaled(spec, train["x"], test["x"]), features
    if screens(spec, options):
        kept = screened(spec, train).get_support(indices=True)
    else:
        kept = [features.index(name) for name in options["selected"]]
    return train["x"][:, kept], test["x"][:, kept], [features[i] for i in kept]


def screens(spec: Plain, options: Plain) -> bool:
    return spec["family"] != "mlp" and option(options, "selected") is None


def screened(spec: Plain, train: Plain) -> Any:
    return estimator("screen")(**said.arguments_screen(spec)).fit(train["x"], train["y"])


def scores_of(spec: Plain, train: Plain, options: Plain) -> Plain | None:
    """What the screen ranks the columns by, where that is asked for and the screen is scikit-learn's."""
    if not option(options, "scores") or not screens(spec, options):
        return None
    screen = screened(spec, train)
    return {"ranked_by": "statistic", "statistic": screen.scores_, "p_value": screen.pvalues_}


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
