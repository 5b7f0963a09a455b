"""The family "linear" in H2O: H2OGeneralizedLinearEstimator with its penalty, its solver and its stopping rules pinned.

The objective is mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2), the squared loss halved.
"""

from __future__ import annotations

import inspect
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option

native, frames, table = (
    beside(__file__, "native_calls"),
    beside(__file__, "h2o_frames"),
    beside(__file__, "h2o_defaults"),
)
GLM = "H2OGeneralizedLinearEstimator"
SOLVERS = ("IRLSM", "L_BFGS", "COORDINATE_DESCENT")
STEPS = 10_000
"Iterations that have not been seen to be needed."
SMALLEST_STEP, SMALLEST_GAIN = 1e-15, 1e-16
"""H2O stops at a small change of the coefficients or of the objective as well: set to where rounding begins, and not to
0, where a step that changes nothing would count as progress."""
KEPT = ("training_frame", "response_column", "ignored_columns")
"What a fit gives to train(), which no override can set."


def chosen(spec: Plain, options: Plain) -> str:
    """The solver: an override's, or the one that comes closest.

    IRLSM meets a lasso by ADMM, which stops at 1e-4, and its line search gives up early on the logistic loss.
    """
    closest = "IRLSM" if spec["loss"] == "squares" and not spec["l1"] else "COORDINATE_DESCENT"
    return str(option(options, "overrides", {}).get("solver", closest))


def arguments(spec: Plain, options: Plain) -> Plain:
    """Native arguments; overrides are merged last."""
    whole = spec["l1"] + spec["l2"]
    own: Plain = {
        "family": "gaussian" if spec["loss"] == "squares" else "binomial",
        "solver": chosen(spec, options),
        # lambda * (alpha * |b|_1 + (1 - alpha) / 2 * |b|^2) beside the mean of half the squares or of the log-loss.
        "lambda_": whole,
        "alpha": spec["l1"] / whole if whole else 0.0,
        # Otherwise the penalty is one on the coefficients of columns of unit spread.
        "standardize": False,
        "intercept": spec["intercept"] != "none",
        "gradient_epsilon": spec["tolerance"],
        "beta_epsilon": SMALLEST_STEP,
        "objective_epsilon": SMALLEST_GAIN,
        # Without an intercept a column that does not vary is not one too many.
        **({"ignore_const_cols": False} if spec["intercept"] == "none" else {}),
        "max_iterations": STEPS,
        "lambda_search": False,
        "early_stopping": False,
        "seed": option(options, "seed", 0),
    }
    return dict(native.overridden(own, options, known, GLM))


def known() -> set[str]:
    """Names that an override can set."""
    return {*inspect.signature(estimator()).parameters} - set(KEPT)


def gaps(spec: Plain, options: Plain) -> list[Plain]:
    """What H2O cannot express."""
    solver = chosen(spec, options)
    penalised = spec["intercept"] == "penalised" and bool(spec["l1"] or spec["l2"])
    listed = f"'{solver}': one of {', '.join(SOLVERS)} is pinned"
    # On 3.44.0.3 its gradient is as large as l1 where it stops, and with squares the server ends in an exception.
    admm = "L_BFGS meets a lasso by an ADMM whose accuracy no argument sets"
    rows = [
        (solver not in SOLVERS, "solver", listed),
        (solver == "L_BFGS" and spec["l1"] > 0, "l1", admm),
        (penalised, "intercept", "H2O drops a constant column and never penalises its own intercept"),
    ]
    return list(native.gaps(rows))


def added(spec: Plain, options: Plain) -> list[Plain]:
    """What the specification leaves open, or says in other words than H2O's."""
    given = arguments(spec, options)
    reasons = {
        "standardize": "the penalty is one on the coefficients of the columns as they are",
        "gradient_epsilon": "the largest component of this objective's gradient; L_BFGS alone looks at it",
        "beta_epsilon": "another of its stopping rules, set to where rounding begins",
        "objective_epsilon": "another of its stopping rules, set to where rounding begins",
        "max_iterations": "so many that they are not the limit",
        "early_stopping": "no stop on a path of penalties",
        "seed": "drawn anew in every fit otherwise",
    }
    rows = [(name, given[name], reason) for name, reason in reasons.items()]
    cut = "cut at the specification's threshold; H2O cuts where F1 is largest on its rows"
    return list(native.added([*rows, ("label", f"probability > {spec['threshold']}", cut)]))


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a fit on `train`. Raises as `fit` does."""
    ready(spec, options)
    columns = native.columns(train, options)
    rows = frames.frames_of(train, None, columns, spec["loss"] == "squares", options)
    return list(table.rows_of(estimator(), arguments(spec, options), known(), columns, rows))


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    squares, given = spec["loss"] == "squares", arguments(spec, options)
    label, kind = ("y_train", "real") if squares else ("y_train.astype(str)", "enum")
    code = [
        "import h2o, pandas as pd",
        f"from h2o.estimators import {GLM}\n",
        *native.columns_comment(options),
        "train, test = pd.DataFrame(x_train).add_prefix('x'), pd.DataFrame(x_test).add_prefix('x')",
        f"frame = h2o.H2OFrame(train.assign(label={label}), column_types={{'label': '{kind}'}})",
        f"model = {native.call_code(GLM, given)}",
        "model.train(x=list(train.columns), y='label', training_frame=frame)",
        "predicted = model.predict(h2o.H2OFrame(test)).as_data_frame()",
        f"probability = predicted['{'predict' if squares else 'p1'}'].to_numpy()",
        f"label = (probability > {spec['threshold']}).astype(int)",
    ]
    return {
        "calls": [call(GLM, **given)],
        "code": "\n".join(code),
        "not_expressible": gaps(spec, options),
        "added": added(spec, options),
    }


def ready(spec: Plain, options: Plain) -> None:
    native.refuse(options, ("initial_weights", "row_order", "trace", "untrained"), "H2O")
    native.refuse_gaps(gaps(spec, options), "H2O")
    frames.attach(option(options, "server"))


def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["server"]. x: (n, p); probability and label: (n_test,).

    Raises ValueError for what H2O cannot express. A number that the client writes and the server reads may differ in
    its last place.
    """
    ready(spec, options)
    selected, squares = native.columns(train, options), spec["loss"] == "squares"
    given = arguments(spec, options)
    rows = frames.frames_of(train, test, selected, squares, options)
    model = estimator()(**given)
    model.train(x=selected, y="label", training_frame=rows["train"])
    coefficients, steps = model.coef(), int(model.summary()["number_of_iterations"][0])
    effective, predicted = table.read_back(model), frames.predictions(model, rows)
    probability = predicted["predict" if squares else "p1"]
    # A column that H2O left out (constant) has no coefficient.
    named = {"(intercept)": coefficients.get("Intercept", 0.0), **{name: coefficients.get(name) for name in selected}}
    return answer(
        probability=probability,
        label=[int(value > spec["threshold"]) for value in probability],
        parameters={"coefficients": named},
        effective=effective,
        iterations=steps,
        converged=steps < given["max_iterations"],
        selected=selected,
    )


def estimator() -> Any:
    from h2o import estimators

    return getattr(estimators, GLM)
