"""The family "linear" in statsmodels: OLS, GLM or Logit, by fit() without a penalty and by fit_regularized() with one.

The objective is mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2), the squared loss halved.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option
from parity.errors import unknown

native = beside(__file__, "native_calls")
Code = native.Code

MODULES = {
    "OLS": "regression.linear_model",
    "GLM": "genmod.generalized_linear_model",
    "Logit": "discrete.discrete_model",
    "Binomial": "genmod.families.family",
    "add_constant": "tools.tools",
}
METHODS = {
    "OLS": ("pinv", "qr", "elastic_net"),
    "GLM": ("IRLS", "elastic_net"),
    "Logit": ("newton", "bfgs", "lbfgs", "l1"),
}
"The first is taken where nothing else is asked for; elastic_net and l1 are those of fit_regularized()."
REGULARIZED = ("elastic_net", "l1")
STEPS = 10_000
"Iterations, or passes over the columns, that have not been seen to be needed."
STRICTER = 0.01
"Coordinate descent stops at a change of the coefficients, after which the gradient may still be that much too large."
NO_LASSO = 1e-300
"A share of the penalty that adds nothing to any sum, and is not the 0 that leads GLM to another algorithm."


def chosen(spec: Plain, options: Plain) -> tuple[str, str]:
    """The estimator and its method. Overrides named so choose; otherwise one that can."""
    overrides = option(options, "overrides", {})
    name = overrides.get("estimator", "OLS" if spec["loss"] == "squares" else "GLM")
    if name not in METHODS:
        raise ValueError(str(unknown("estimator", name, METHODS)))
    method = METHODS[name][-1] if spec["l1"] or spec["l2"] else METHODS[name][0]
    return name, overrides.get("method", method)


def arguments(spec: Plain, options: Plain) -> Plain:
    """Arguments of fit() or fit_regularized(); what only the data tell stands as code. Overrides are merged last."""
    name, method = chosen(spec, options)
    tolerance, whole = spec["tolerance"], spec["l1"] + spec["l2"]
    own: Plain = {"method": method}
    if method == "elastic_net":
        # Both penalties belong to the mean loss (fit_elasticnet in elastic_net.py), and alpha has one weight a column.
        # Without a lasso OLS solves the ridge's equations, and GLM calls an optimizer whose tolerance cannot be set.
        share = spec["l1"] / whole if spec["l1"] else {"OLS": 0.0}.get(name, NO_LASSO)
        own |= {"alpha": weighted(spec, str(whole)), "L1_wt": share, "maxiter": STEPS}
        # A zero_tol above 0 freezes a coefficient that is once smaller.
        own |= {"cnvrg_tol": STRICTER * tolerance, "zero_tol": 0.0}
    elif method == "l1":
        # The penalty belongs to the summed loss; slsqp's accuracy is a change of the mean loss, which falls with the
        # square of the gradient. Without start_params 0.15 starts from None.
        own |= {"alpha": weighted(spec, f"{spec['l1']} * n"), "start_params": Code("np.zeros(design.shape[1])")}
        own |= {"acc": tolerance**2, "maxiter": STEPS, "disp": 0}
    elif name == "GLM":
        own |= {"tol": tolerance, "tol_criterion": "params"}
    elif name == "Logit":
        # The optimizers minimise the mean loss (LikelihoodModel.fit).
        stops = {"bfgs": {"gtol": tolerance}, "lbfgs": {"pgtol": tolerance, "factr": 0.0, "maxfun": STEPS}}
        own |= {**stops.get(method, {"tol": tolerance}), "maxiter": STEPS, "disp": 0}
    overrides = {k: v for k, v in option(options, "overrides", {}).items() if k not in ("estimator", "method")}
    known = [*inspect.signature(getattr(exported(name), fitter(method))).parameters, *own, "wls_method"]
    return dict(native.overridden(own, {"overrides": overrides}, lambda: known, f"{name}.{fitter(method)}"))


def weighted(spec: Plain, penalty: str) -> Any:
    """The penalty, by column where the intercept is free of it."""
    if spec["intercept"] == "free":
        return Code(f"{penalty} * np.r_[0, np.ones(x_train.shape[1])]")
    return Code(penalty)


def fitter(method: str) -> str:
    return "fit_regularized" if method in REGULARIZED else "fit"


def gaps(spec: Plain, options: Plain) -> list[Plain]:
    """What the chosen estimator and method cannot express."""
    name, method = chosen(spec, options)
    squares, plain = spec["loss"] == "squares", method not in REGULARIZED
    lone = f"{name}.fit has no penalty"
    known = f"'{method}': {name} is pinned with one of {', '.join(METHODS[name])}"
    loss = "squares" if name == "OLS" else "the logistic loss"
    rows = [
        (squares != (name == "OLS"), "loss", f"{name} minimises {loss}"),
        (method not in METHODS[name], "solver", known),
        (plain and spec["l1"] > 0, "l1", lone),
        (plain and spec["l2"] > 0, "l2", lone),
        (method == "l1" and spec["l2"] > 0, "l2", "Logit.fit_regularized has the lasso penalty alone"),
    ]
    return list(native.gaps(rows))


def added(spec: Plain, options: Plain) -> list[Plain]:
    """What the specification leaves open, or says in other words than the estimator's."""
    _, method = chosen(spec, options)
    given = native.printable(arguments(spec, options))
    change = "the change of the coefficients at which it stops, which no factor turns into a gradient"
    reasons = {
        "tol": change,
        "cnvrg_tol": f"{change}: a hundredth to be safe",
        "tol_criterion": "the deviance, the default, stands still before the gradient is within the tolerance",
        "gtol": "the largest component of this objective's gradient",
        "pgtol": "the largest component of this objective's gradient",
        "factr": "no stop at a small fall of the loss",
        "acc": "slsqp stops at a change of the objective, which falls with the square of the gradient",
        "zero_tol": "above 0 a coefficient that is once smaller is never tried again",
        "maxiter": "so many that they are not the limit",
        "maxfun": "so many that they are not the limit",
        "start_params": "zeros, the documented start, which 0.15 does not supply",
        "disp": "no printed report",
    }
    rows = [(name, given[name], reason) for name, reason in reasons.items() if name in given]
    if given.get("L1_wt") == NO_LASSO:
        rows.append(("L1_wt", NO_LASSO, "0 leads to an optimizer whose tolerance cannot be set; this adds nothing"))
    if spec["intercept"] == "penalised" and method in REGULARIZED:
        rows.append(("intercept", "a constant column", "its coefficient is penalised as any other"))
    return list(native.added([*rows, ("label", f"probability > {spec['threshold']}", "statsmodels labels no rows")]))


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    name, method = chosen(spec, options)
    given = arguments(spec, options)
    family = {"family": Code("sm.families.Binomial()")} if name == "GLM" else {}
    constant = spec["intercept"] != "none"
    made = "[sm.add_constant(x, has_constant='add') for x in (x_train, x_test)]" if constant else "x_train, x_test"
    code = [
        "import numpy as np",
        "import statsmodels.api as sm\n",
        *native.columns_comment(options),
        "n = len(y_train)",
        f"design, design_test = {made}",
        f"model = {native.call_code(f'sm.{name}', family, 'y_train, design')}",
        f"model = {native.call_code(f'model.{fitter(method)}', given)}",
        "probability = model.predict(design_test)",
        f"label = (probability > {spec['threshold']}).astype(int)",
    ]
    calls = [call("add_constant", has_constant="add")] if constant else []
    fits = call(f"{name}.{fitter(method)}", **native.printable(given))
    return {
        "calls": [*calls, call(name, **native.printable(family)), fits],
        "code": "\n".join(code),
        "not_expressible": gaps(spec, options),
        "added": added(spec, options),
    }


def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). Raises ValueError for what cannot be expressed."""
    import numpy as np

    native.refuse_gaps(gaps(spec, options), "statsmodels")
    (name, method), selected = chosen(spec, options), native.columns(train, options)
    x, family = native.values(train, selected), {"family": exported("Binomial")()} if name == "GLM" else {}
    names = {"np": np, "n": len(x), "x_train": x, "design": design(spec, x)}
    given = native.evaluated(arguments(spec, options), names)
    model = getattr(exported(name)(train["y"], names["design"], **family), fitter(method))(**given)
    probability = model.predict(design(spec, native.values(test, selected)))
    outcome = getattr(model, "mle_retvals", None) or getattr(model, "fit_history", {})
    converged = outcome.get("converged", getattr(model, "converged", None))
    free = [] if spec["intercept"] == "none" else ["(intercept)"]
    coefficients = dict(zip([*free, *selected], map(float, model.params), strict=True))
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": {"(intercept)": 0.0, **coefficients}},
        # The results of fit_regularized() keep none of its arguments: these are what the call gave.
        effective={"estimator": name, **{k: native.by_name(v) for k, v in given.items()}},
        iterations=outcome.get("iterations", outcome.get("iteration")),
        converged=None if converged is None else bool(converged),
        selected=selected,
    )


def design(spec: Plain, x: Any) -> Any:
    """The columns behind a column of ones, or alone where there is no intercept."""
    return x if spec["intercept"] == "none" else exported("add_constant")(x, has_constant="add")


def exported(name: str) -> Any:
    """What statsmodels.api offers by that name; that module itself loads every model there is."""
    return getattr(importlib.import_module(f"statsmodels.{MODULES[name]}"), name)
