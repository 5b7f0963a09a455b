"""statsmodels: OLS, GLM and Logit on columns that a screen outside has chosen."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded
from parity.errors import unknown

native, framework, linear = (
    beside(__file__, "native_calls"),
    beside(__file__, "statsmodels_defaults"),
    beside(__file__, "statsmodels_linear"),
)
ESTIMATORS = {"lm": ["OLS"], "glm": ["GLM", "Logit"]}
"The first is the family's own; an override named `estimator` chooses another."
CONSTANT = {"has_constant": "add"}
MODULES = {
    "OLS": "regression.linear_model",
    "GLM": "genmod.generalized_linear_model",
    "Logit": "discrete.discrete_model",
    "Binomial": "genmod.families.family",
    "add_constant": "tools.tools",
}
"Where what statsmodels.api exports lives; that module itself loads every model there is, 0.6 s more."


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that the fit calls; effective values are what the fitted model says of itself."""
    if spec["family"] == "linear":
        raise ValueError("statsmodels has no table for the family 'linear': its translation tells what is pinned")
    with warnings.catch_warnings(record=True):  # warnings belong to the fit that is asked for
        model = fitted(spec, train, options)
    estimator, of_model, of_fit = native_arguments(spec, options)
    asked = {"add_constant": CONSTANT, estimator: of_model, f"{estimator}.fit": of_fit}
    if estimator == "GLM":
        asked["GLM"] = {"family": type(model.model.family), **of_model}
    constructor, known = overridable(estimator)
    return framework.rows_of(
        model, exported("add_constant"), native.declared, asked, {estimator: constructor, f"{estimator}.fit": known}
    )


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    if spec["family"] == "linear":
        return dict(linear.translate(spec, options))
    estimator, of_model, of_fit = native_arguments(spec, options)
    family = {"family": "sm.families.Binomial()"} if estimator == "GLM" else {}
    columns = ", ".join(option(options, "selected", [])) or "that a screen left"
    printed = ", ".join(["y_train", "design", *(f"{k}={v}" for k, v in family.items())])
    code = [
        "import statsmodels.api as sm\n",
        f"# x_train and x_test hold only the columns {columns}",
        f"design = {native.call_code('sm.add_constant', CONSTANT, 'x_train')}",
        f"model = {native.call_code(f'sm.{estimator}', of_model, printed)}",
        f"model = {native.call_code('model.fit', of_fit)}",
        f"probability = model.predict({native.call_code('sm.add_constant', CONSTANT, 'x_test')})",
        f"label = (probability > {spec['threshold']}).astype(int)",
    ]
    calls = [call("add_constant", **CONSTANT), call(estimator, **family, **of_model)]
    added = [
        ("has_constant", "add", "'skip', the default, leaves the intercept out beside a constant column"),
        ("label", f"probability > {spec['threshold']}", "statsmodels labels no rows"),
        *([("disp", of_fit["disp"], "Logit prints a report otherwise")] if estimator == "Logit" else []),
    ]
    return {
        "calls": [*calls, call(f"{estimator}.fit", **of_fit)],
        "code": "\n".join(code),
        "not_expressible": native.gaps(gaps(spec, options)),
        "added": native.added(added),
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["selected"]. x: (n, p); probability and label: (n_test,).

    Raises ValueError for lm and glm without `selected`. What statsmodels itself refuses (a singular matrix in Logit)
    passes through.
    """
    native.refuse(options, ("initial_weights", "row_order", "trace", "untrained"), "statsmodels")
    exported("Binomial")  # loads the libraries whose threads are limited
    # scipy's basin-hopping draws from the global generator.
    with native.repeatable(options, seed=option(options, "seed", 0)):
        return {"lm": fit_lm, "glm": fit_glm, "linear": linear.fit}[spec["family"]](spec, train, test, options)


def fit_lm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    model = fitted(spec, train, options)
    probability = model.predict(design(test, options))
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model, options)},
        effective={**in_force(model, spec, options), "cov_type": model.cov_type, "rank": int(model.model.rank)},
        selected=list(options["selected"]),
    )


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    model = fitted(spec, train, options)
    probability = model.predict(design(test, options))
    # Every optimizer leaves mle_retvals, except GLM's own iteratively reweighted least squares.
    outcome = getattr(model, "mle_retvals", None)
    if outcome is None:
        outcome = {"iterations": model.fit_history["iteration"], "converged": model.converged}
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model, options)},
        effective={**in_force(model, spec, options), **read_back(model)},
        iterations=outcome.get("iterations"),
        converged=bool(outcome["converged"]),
        selected=list(options["selected"]),
    )


def fitted(spec: Plain, train: Plain, options: Plain) -> Any:
    estimator, of_model, of_fit = native_arguments(spec, options)
    family = {"family": exported("Binomial")()} if estimator == "GLM" else {}
    return exported(estimator)(train["y"], design(train, options), **family, **of_model).fit(**of_fit)


def native_arguments(spec: Plain, options: Plain) -> tuple[str, Plain, Plain]:
    """The estimator, what its constructor is given beside the data and the family, and what its fit() is given.

    Overrides are merged last, each into the arguments of the first function that takes it; `estimator` is no argument.
    """
    family, overrides = spec["family"], dict(option(options, "overrides", {}))
    estimator = overrides.pop("estimator", ESTIMATORS[family][0])
    if estimator not in ESTIMATORS[family]:
        raise ValueError(str(unknown("estimator", estimator, ESTIMATORS[family])))
    constructor, known = overridable(estimator) if overrides else ([], [])
    for name in overrides:
        if name not in constructor + known:
            names = [*constructor, *known, "estimator"]
            raise ValueError(str(unknown("argument", name, names, f"{estimator} and {estimator}.fit")))
    of_model = {name: value for name, value in overrides.items() if name in constructor}
    of_fit = {name: value for name, value in overrides.items() if name in known}
    return estimator, of_model, {**({"disp": 0} if estimator == "Logit" else {}), **of_fit}


def overridable(estimator: str) -> tuple[list[str], list[str]]:
    """What overrides can set of the constructor, and of fit(): all that is neither data nor the family."""
    made = exported(estimator)
    constructor, of_fit = with_default(made), with_default(made.fit)
    names = [n for n in constructor if n not in ("endog", "exog", "family")]
    return names, [n for n in of_fit if n not in names]


def gaps(spec: Plain, options: Plain) -> list[tuple[Any, str, str]]:
    screen = f"statsmodels has no screen; k={spec['k']} columns by {spec['screen']} are chosen before it is called"
    return [
        (option(options, "selected") is None, "screen", screen),
        (spec["cost"] is not None, "cost", "it belongs to LIBLINEAR; these models have no penalty"),
    ]


def design(data: Plain, options: Plain) -> Any:
    """The selected columns behind a column of ones: (n, 1 + k). Without a selected column, the ones alone."""
    if option(options, "selected") is None:
        raise ValueError("statsmodels has no screen of its own: options['selected'] must name the columns to use")
    columns = [data["features"].index(name) for name in options["selected"]]
    return exported("add_constant")(data["x"][:, columns], **CONSTANT)


def coefficients_of(model: Any, options: Plain) -> Plain:
    """Coefficients by feature name; add_constant puts the ones first."""
    return dict(zip(["(intercept)", *options["selected"]], map(float, model.params), strict=True))


def in_force(model: Any, spec: Plain, options: Plain) -> Plain:
    """The arguments of fit() and what overrides set of the constructor's."""
    _, of_model, of_fit = native_arguments(spec, options)
    return {**with_default(model.model.fit), **of_model, **of_fit}


def read_back(model: Any) -> Plain:
    """What a fitted GLM or Logit tells of its fit; an optimizer's settings where it kept them."""
    settings = getattr(model, "mle_settings", None) or {}
    told = {name: settings[name] for name in ("optimizer", "maxiter", "tol", "ridge_factor") if name in settings}
    if hasattr(model, "family"):
        told |= {"method": model.method, "family": type(model.family).__name__, "scale": float(model.scale)}
        told |= {"link": type(model.family.link).__name__}
    return told


def with_default(function: Callable[..., Any]) -> Plain:
    """The arguments of a function that have a default, and it."""
    return {n: p.default for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty}


def exported(name: str) -> Any:
    """What statsmodels.api offers by that name."""
    return getattr(importlib.import_module(f"statsmodels.{MODULES[name]}"), name)
