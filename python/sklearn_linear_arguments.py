"""A pinned linear objective in scikit-learn's own arguments, and what of it each estimator and solver cannot say.

The objective is mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2), the squared loss halved.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from parity.engines.contract import Plain, beside, option

native = beside(__file__, "native_calls")

ESTIMATORS = ("LinearRegression", "Ridge", "ElasticNet", "LogisticRegression")
RIDGE = ("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga")
LOGISTIC = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
STEPS = 10_000
"Iterations that no solver but the stochastic ones has been seen to need."
PASSES = 100_000
"Passes over the rows (sag, saga) or over the columns (coordinate descent): many, and each of them cheap."
STRICTER = 0.1
"sag and saga stop at a relative change of the coefficients, after which the gradient may still be that much too large."
ROUNDING = 1e-14
"Coordinate descent stops at a relative change of its coefficients; fifty units in the last place are always reached."
ONES = "x_train, x_test = [np.column_stack([x, np.ones(len(x))]) for x in (x_train, x_test)]"


def chosen(spec: Plain, options: Plain) -> tuple[str, str | None]:
    """The estimator and its solver. Overrides named `estimator` and `solver` choose; otherwise one that can."""
    overrides = option(options, "overrides", {})
    name, solver = overrides.get("estimator"), overrides.get("solver")
    if name is not None and name not in ESTIMATORS:
        raise ValueError(f"unknown estimator '{name}'; known are {', '.join(ESTIMATORS)}")
    if name is None and spec["loss"] == "logistic":
        name = "LogisticRegression"
    elif name is None:
        name = "Ridge" if solver or not spec["l1"] else "ElasticNet"
        name = name if solver or spec["l1"] or spec["l2"] else "LinearRegression"
    if name == "Ridge":
        # Cholesky's factor, which "auto" takes, squares the condition number.
        return name, solver or "svd"
    if name == "LogisticRegression":
        liblinear = spec["intercept"] != "free" and not spec["l2"]
        return name, solver or ("newton-cholesky" if not spec["l1"] else "liblinear" if liblinear else "saga")
    return name, solver


def arguments(spec: Plain, options: Plain) -> Plain:
    """Native arguments of the estimator; what only the data tell stands as code. Overrides are merged last."""
    name, solver = chosen(spec, options)
    makers = {"LinearRegression": of_lstsq, "Ridge": of_ridge, "ElasticNet": of_elastic_net}
    own = makers.get(name, of_logistic)(spec, solver, option(options, "seed", 0))
    intercept = spec["intercept"] == "free" or own_intercept(spec, solver)
    overrides = {k: v for k, v in option(options, "overrides", {}).items() if k != "estimator"}
    known = inspect.signature(estimator(name)).parameters
    # A solver that the estimator does not have is listed as not expressible.
    overrides = {k: v for k, v in overrides.items() if k != "solver" or k in known}
    return native.overridden({**own, "fit_intercept": intercept}, {"overrides": overrides}, lambda: known, name)


def of_lstsq(spec: Plain, solver: str | None, seed: int) -> Plain:
    # Since 1.7 singular values below tol times the largest are taken for zero, and with the default, 1e-6, a column of
    # small scale has such a one. A column that depends on others has one of a few units in the last place.
    parameters = inspect.signature(estimator("LinearRegression")).parameters
    return {"tol": native.Code("max(x_train.shape) * np.finfo(float).eps")} if "tol" in parameters else {}


def of_ridge(spec: Plain, solver: str | None, seed: int) -> Plain:
    # |y - Xb|^2 + alpha * |b|^2, divided by 2 n.
    alpha = native.Code(f"{spec['l2']} * n") if spec["l2"] else 0.0
    if solver in ("sag", "saga"):
        tol = STRICTER * spec["tolerance"]
        return dict(alpha=alpha, solver=solver, tol=tol, max_iter=PASSES, random_state=seed)
    if solver in ("lsqr", "sparse_cg"):
        # lsqr stops at |X'r| <= tol * |X| * |r|, sparse_cg at |X'r| <= tol * |X'y|; and X'r / n is the gradient.
        fall = native.Code(f"{spec['tolerance']} * n / (np.linalg.norm(x_train) * np.linalg.norm(y_train))")
        return dict(alpha=alpha, solver=solver, tol=fall, max_iter=STEPS)
    return dict(alpha=alpha, solver=solver)


def of_elastic_net(spec: Plain, solver: str | None, seed: int) -> Plain:
    # |y - Xb|^2 / (2 n) + alpha * l1_ratio * |b|_1 + alpha * (1 - l1_ratio) / 2 * |b|^2.
    whole = spec["l1"] + spec["l2"]
    tol = native.Code(f"max({ROUNDING}, {spec['tolerance']} / (largest * curvature))")
    return dict(alpha=whole, l1_ratio=spec["l1"] / whole if whole else 1.0, tol=tol, max_iter=PASSES)


def of_logistic(spec: Plain, solver: str | None, seed: int) -> Plain:
    # C * sum(loss) + |b|^2 / 2 or + |b|_1, divided by C * n.
    whole = spec["l1"] + spec["l2"]
    cost = native.Code(f"1 / ({whole} * n)" if whole else "np.inf")
    ratio = spec["l1"] / whole if whole else 0.0
    given: Plain = {"solver": solver, "C": cost, "l1_ratio": ratio}
    if inspect.signature(estimator("LogisticRegression")).parameters["penalty"].default != "deprecated":
        # Before 1.8 `penalty` chooses, and `l1_ratio` belongs to one of its values.
        penalty = "elasticnet" if 0 < ratio < 1 else "l1" if ratio else "l2" if whole else None
        kept = {"C": whole > 0, "l1_ratio": penalty == "elasticnet"}
        given = {k: v for k, v in given.items() if kept.get(k, True)} | {"penalty": penalty}
    if solver == "liblinear":
        # It stops where the gradient's norm has fallen to tol * min(pos, neg) / n of what it is at b = 0, and max_iter
        # bounds its outer steps (train_one in LIBLINEAR's linear.cpp).
        given["tol"] = native.Code(f"{spec['tolerance']} * n / (smaller * max(start, {spec['tolerance']}))")
    stochastic = solver in ("sag", "saga")
    if "tol" not in given:
        given["tol"] = STRICTER * spec["tolerance"] if stochastic else spec["tolerance"]
    given["max_iter"] = PASSES if stochastic else STEPS
    return given | ({"random_state": seed} if stochastic or solver == "liblinear" else {})


def own_intercept(spec: Plain, solver: str | None) -> bool:
    """Whether the solver itself penalises the intercept: LIBLINEAR's is the weight of a constant column of its own."""
    return spec["intercept"] == "penalised" and solver == "liblinear"


def before(spec: Plain, options: Plain) -> list[str]:
    """Code that makes, from x_train, y_train and x_test, what the arguments are written in."""
    name, solver = chosen(spec, options)
    lines = ["n = len(y_train)"]
    if spec["intercept"] == "penalised" and not own_intercept(spec, solver):
        lines.append(ONES)
    if name == "ElasticNet" and (spec["l1"] or spec["l2"]):
        # The objective at b = 0 bounds every coefficient at the optimum: l1 * |b| and l2 / 2 * b^2 are at most that. A
        # change of the coefficients by d changes the gradient by at most curvature * d.
        bounds = [f"y_train @ y_train / (2 * n * {spec['l1']})"] if spec["l1"] else []
        bounds += [f"np.sqrt(y_train @ y_train / (n * {spec['l2']}))"] if spec["l2"] else []
        lines.append(f"largest = min({', '.join([*bounds, 'np.inf'])})")
        lines.append(f"curvature = np.abs(x_train.T @ x_train).sum(axis=0).max() / n + {spec['l2']}")
    if solver == "liblinear":
        ones = ", np.ones(n)" if own_intercept(spec, solver) else ""
        start = f"np.maximum(np.abs(gradient) - {spec['l1']}, 0).sum()" if spec["l1"] else "np.linalg.norm(gradient)"
        lines += [f"gradient = np.column_stack([x_train{ones}]).T @ (0.5 - y_train) / n"]
        lines += [f"start, smaller = {start}, min(y_train.sum(), n - y_train.sum())"]
    return lines


def gaps(spec: Plain, options: Plain) -> list[Plain]:
    """What the chosen estimator and solver cannot express."""
    name, solver = chosen(spec, options)
    l1, l2, squares = spec["l1"] > 0, spec["l2"] > 0, spec["loss"] == "squares"
    logistic = name == "LogisticRegression"
    liblinear = logistic and solver == "liblinear"
    solvers = {"Ridge": RIDGE, "LogisticRegression": LOGISTIC}.get(name, ())
    lone = f"{name} has one algorithm and no argument 'solver'"
    listed = f"{name} has the solvers {', '.join(solvers)} for it" if solvers else lone
    return native.gaps(
        [
            (squares == logistic, "loss", f"{name} minimises {'the logistic loss' if logistic else 'squares'}"),
            (solver is not None and solver not in solvers, "solver", f"'{solver}': {listed}"),
            (name in ("LinearRegression", "Ridge") and l1, "l1", f"{name} has no such penalty"),
            (name == "LinearRegression" and l2, "l2", f"{name} has no such penalty"),
            (name == "ElasticNet" and not l1 and not l2, "l1", "its stopping rule, a duality gap, needs a penalty"),
            (logistic and l1 and solver not in ("liblinear", "saga"), "l1", f"{solver} takes the ridge penalty alone"),
            (liblinear and l1 and l2, "l2", "LIBLINEAR takes one penalty or the other"),
            (liblinear and not l1 and not l2, "l2", "LIBLINEAR has no fit without a penalty"),
            (liblinear and spec["intercept"] == "free", "intercept", "LIBLINEAR penalises its intercept"),
        ]
    )


def added(spec: Plain, options: Plain) -> list[Plain]:
    """What the specification leaves open, or says in other words than the estimator's."""
    name, solver = chosen(spec, options)
    given = native.printable(arguments(spec, options))
    change = "its relative change of the coefficients but the intercept, which no factor turns into a gradient"
    tolerances = {
        "LinearRegression": "no singular value is taken for zero but by rounding: full rank is fitted as full rank",
        "ElasticNet": "its change of the coefficients at which the gradient is within the tolerance, or rounding",
        "liblinear": "its fall of the gradient's norm since b = 0 that ends at the tolerance",
        "lsqr": "its relative residual at which the gradient is within the tolerance",
        "sparse_cg": "its relative residual at which the gradient is within the tolerance",
        "sag": change,
        "saga": change,
    }
    gradient = "the largest component of this objective's gradient"
    rows = [("tol", given["tol"], tolerances.get(solver or name, gradient))] if "tol" in given else []
    rows += [("max_iter", given["max_iter"], "so many that they are not the limit")] if "max_iter" in given else []
    if spec["intercept"] == "penalised" and not own_intercept(spec, solver):
        rows.append(("intercept", "a constant column", "its coefficient is penalised as any other; no other intercept"))
    cut = f"probability > {spec['threshold']}"
    return native.added([*rows, ("label", cut, "cut at the specification's threshold, whatever predict would label")])


def estimator(name: str) -> Any:
    return getattr(importlib.import_module("sklearn.linear_model"), name)
