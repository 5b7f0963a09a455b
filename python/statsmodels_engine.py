"""statsmodels: OLS, GLM and Logit on columns that a screen outside has chosen."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from parity.engines.contract import Plain, answer, call, cannot_express, option, recorded
from parity.errors import unknown

ESTIMATORS = {"lm": ["OLS"], "glm": ["GLM", "Logit"]}
"The first is the family's own; an override named `estimator` chooses another."


def defaults(family: str) -> list[Plain]:
    """Rows for every function that the family's calls use; nothing in statsmodels tells effective values unfitted."""
    import statsmodels.api as sm

    functions: dict[str, Callable[..., Any]] = {"add_constant": sm.add_constant}
    for name in ESTIMATORS[family]:
        functions |= {name: getattr(sm, name), f"{name}.fit": getattr(sm, name).fit}
    return [
        {"function": label, "name": name, "declared": value, "effective": None, "source": f"inspect.signature({label})"}
        for label, function in functions.items()
        for name, value in declared(function).items()
    ]


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    estimator, arguments = native_arguments(spec, options)
    given = {"family": "sm.families.Binomial()"} if estimator == "GLM" else {}
    columns = ", ".join(option(options, "selected", [])) or "that a screen left"
    code = [
        "import statsmodels.api as sm\n",
        f"# x_train and x_test hold only the columns {columns}",
        'design = sm.add_constant(x_train, has_constant="add")',
        f"model = sm.{estimator}({', '.join(['y_train', 'design', *(f'{k}={v}' for k, v in given.items())])})",
        f"model = model.fit({', '.join(f'{k}={v!r}' for k, v in arguments.items())})",
        'probability = model.predict(sm.add_constant(x_test, has_constant="add"))',
        f"label = (probability > {spec['threshold']}).astype(int)",
    ]
    calls = [call("add_constant", has_constant="add"), call(estimator, **given), call(f"{estimator}.fit", **arguments)]
    added = [
        ("has_constant", "add", "'skip', the default, leaves the intercept out beside a constant column"),
        ("label", f"probability > {spec['threshold']}", "statsmodels labels no rows"),
        *([("disp", arguments["disp"], "Logit prints a report otherwise")] if estimator == "Logit" else []),
    ]
    return {
        "calls": calls,
        "code": "\n".join(code),
        "not_expressible": gaps(spec, options),
        "added": [{"parameter": name, "value": value, "reason": reason} for name, value, reason in added],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["selected"]. x: (n, p); probability and label: (n_test,).

    Raises ValueError without `selected`. What statsmodels itself refuses (a singular matrix in Logit) passes through.
    """
    if option(options, "selected") is None:
        raise ValueError("statsmodels has no screen of its own: options['selected'] must name the columns to use")
    for name in ("initial_weights", "row_order", "trace"):
        if option(options, name) is not None:
            raise ValueError(f"the statsmodels engine cannot take the option '{name}'")
    return {"lm": fit_lm, "glm": fit_glm}[spec["family"]](spec, train, test, options)


def fit_lm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    import statsmodels.api as sm

    _, arguments = arguments_lm(spec, options)
    model = sm.OLS(train["y"], design(train, options)).fit(**arguments)
    probability = model.predict(design(test, options))
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model, options)},
        effective={**declared(sm.OLS.fit), **arguments, "cov_type": model.cov_type, "rank": int(model.model.rank)},
        selected=list(options["selected"]),
    )


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    import statsmodels.api as sm

    estimator, arguments = arguments_glm(spec, options)
    given = {"family": sm.families.Binomial()} if estimator == "GLM" else {}
    model = getattr(sm, estimator)(train["y"], design(train, options), **given).fit(**arguments)
    probability = model.predict(design(test, options))
    # Every optimizer leaves mle_retvals, except GLM's own iteratively reweighted least squares.
    outcome = getattr(model, "mle_retvals", None)
    if outcome is None:
        outcome = {"iterations": model.fit_history["iteration"], "converged": model.converged}
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model, options)},
        effective={**declared(getattr(sm, estimator).fit), **arguments, **read_back(model)},
        iterations=outcome.get("iterations"),
        converged=bool(outcome["converged"]),
        selected=list(options["selected"]),
    )


def native_arguments(spec: Plain, options: Plain) -> tuple[str, Plain]:
    """The estimator and what its fit() is given."""
    return {"lm": arguments_lm, "glm": arguments_glm}[spec["family"]](spec, options)


def arguments_lm(spec: Plain, options: Plain) -> tuple[str, Plain]:
    return overridden({}, spec["family"], options)


def arguments_glm(spec: Plain, options: Plain) -> tuple[str, Plain]:
    quiet = {"disp": 0} if option(options, "overrides", {}).get("estimator") == "Logit" else {}
    return overridden(quiet, spec["family"], options)


def overridden(arguments: Plain, family: str, options: Plain) -> tuple[str, Plain]:
    """Estimator and arguments with the overrides merged last. They replace arguments of fit(), and `estimator`."""
    overrides = dict(option(options, "overrides", {}))
    estimator = overrides.pop("estimator", ESTIMATORS[family][0])
    if estimator not in ESTIMATORS[family]:
        raise ValueError(str(unknown("estimator", estimator, ESTIMATORS[family])))
    if overrides:
        import statsmodels.api as sm

        known = declared(getattr(sm, estimator).fit)
        for name in overrides:
            if name not in known:
                raise ValueError(str(unknown("argument", name, [*known, "estimator"], f"{estimator}.fit")))
    return estimator, {**arguments, **overrides}


def gaps(spec: Plain, options: Plain) -> list[Plain]:
    found = []
    if option(options, "selected") is None:
        screen = f"statsmodels has no screen; k={spec['k']} columns by {spec['screen']} are chosen before it is called"
        found.append(cannot_express("screen", screen))
    if spec["cost"] is not None:
        found.append(cannot_express("cost", "it belongs to LIBLINEAR; these models have no penalty"))
    return found


def design(data: Plain, options: Plain) -> Any:
    """The selected columns behind a column of ones: (n, 1 + k). Without a selected column, the ones alone."""
    import statsmodels.api as sm

    columns = [data["features"].index(name) for name in options["selected"]]
    return sm.add_constant(data["x"][:, columns], has_constant="add")


def coefficients_of(model: Any, options: Plain) -> Plain:
    """Coefficients by feature name; add_constant puts the ones first."""
    return dict(zip(["(intercept)", *options["selected"]], map(float, model.params), strict=True))


def read_back(model: Any) -> Plain:
    """What a fitted GLM or Logit tells of its fit; an optimizer's settings where it kept them."""
    settings = getattr(model, "mle_settings", None) or {}
    told = {name: settings[name] for name in ("optimizer", "maxiter", "tol", "ridge_factor") if name in settings}
    if hasattr(model, "family"):
        told |= {"method": model.method, "family": type(model.family).__name__, "scale": float(model.scale)}
        told |= {"link": type(model.family.link).__name__}
    return told


def declared(function: Callable[..., Any]) -> Plain:
    """The arguments of a function that have a default, and it."""
    return {n: p.default for n, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
