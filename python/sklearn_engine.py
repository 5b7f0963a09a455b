"""scikit-learn: SelectKBest with f_classif, then LinearRegression, LogisticRegression or MLPClassifier."""

from __future__ import annotations

import warnings
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

said, framework, linear, network = (
    beside(__file__, "sklearn_arguments"),
    beside(__file__, "sklearn_defaults"),
    beside(__file__, "sklearn_linear"),
    beside(__file__, "sklearn_network"),
)
native, estimator, native_arguments = said.native, said.estimator, said.native_arguments
OWN_FILES = {"linear": linear, "mlp": network}
"Families that have a file of their own with the same three functions."


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that the fit calls; effective values are what its own objects say of themselves."""
    if spec["family"] in OWN_FILES:
        return list(OWN_FILES[spec["family"]].defaults(spec, train, options))
    arguments, rows = native_arguments(spec, options), []
    with warnings.catch_warnings(record=True):  # warnings belong to the fit that is asked for
        if screens(options):
            asked, screen = said.arguments_screen(spec), screened(spec, train)
            calls = {"f_classif": (asked["score_func"], {}), "SelectKBest.fit": (screen.fit, {})}
            calls["SelectKBest.get_support"] = (screen.get_support, {"indices": True})
            rows = framework.rows_of(screen, calls, native.declared, asked=asked)
        x, _, _ = prepared(spec, train, train, options)
        model = estimator(spec["family"])(**arguments).fit(x, train["y"])
    names = ["fit", "predict"] if spec["family"] == "lm" else ["fit", "predict_proba", "predict"]
    calls = {f"{type(model).__name__}.{name}": (getattr(model, name), {}) for name in names}
    return rows + framework.rows_of(model, calls, native.declared, asked=arguments, override=model.get_params())


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    if spec["family"] in OWN_FILES:
        return dict(OWN_FILES[spec["family"]].translate(spec, options))
    module, function = said.ESTIMATORS[spec["family"]].split(".")
    arguments, chosen = native_arguments(spec, options), option(options, "selected")
    own_screen = screens(options)
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
        "not_expressible": native.gaps(said.gaps_leekasso(spec, own_screen)),
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). One class only in `train` is scikit-learn's ValueError."""
    of_networks = ("initial_weights", "row_order", "trace", "untrained")
    native.refuse(options if spec["family"] != "mlp" else {}, of_networks, "scikit-learn")
    fit_family = {"lm": fit_lm, "mlp": network.fit, "linear": linear.fit}.get(spec["family"], fit_glm)
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


def prepared(spec: Plain, train: Plain, test: Plain, options: Plain) -> tuple[Any, Any, list[str]]:
    """The screened x, (n, k) and (n_test, k), and the names of its columns."""
    features = train["features"]
    if screens(options):
        kept = screened(spec, train).get_support(indices=True)
    else:
        kept = [features.index(name) for name in options["selected"]]
    return train["x"][:, kept], test["x"][:, kept], [features[i] for i in kept]


def screens(options: Plain) -> bool:
    return option(options, "selected") is None


def screened(spec: Plain, train: Plain) -> Any:
    return estimator("screen")(**said.arguments_screen(spec)).fit(train["x"], train["y"])


def scores_of(spec: Plain, train: Plain, options: Plain) -> Plain | None:
    """What the screen ranks the columns by, where that is asked for and the screen is scikit-learn's."""
    if not option(options, "scores") or not screens(options):
        return None
    screen = screened(spec, train)
    return {"ranked_by": "statistic", "statistic": screen.scores_, "p_value": screen.pvalues_}


def prepared_code(spec: Plain, chosen: list[str] | None) -> list[str]:
    if chosen is not None:
        return [f"# x_train and x_test hold only the columns {', '.join(chosen) or '(none)'}"]
    fitted = f"screen = SelectKBest(f_classif, k={spec['k']}).fit(x_train, y_train)"
    return [fitted, "x_train, x_test = screen.transform(x_train), screen.transform(x_test)"]


def coefficients_of(values: Any, intercept: Any, selected: list[str]) -> Plain:
    return {"(intercept)": float(intercept), **dict(zip(selected, map(float, values), strict=True))}
