"""Deep learning and generalized linear models of H2O's Python client, on a server that the caller started."""

from __future__ import annotations

import inspect
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

native, frames, table, linear, network = (
    beside(__file__, "native_calls"),
    beside(__file__, "h2o_frames"),
    beside(__file__, "h2o_defaults"),
    beside(__file__, "h2o_linear"),
    beside(__file__, "h2o_network"),
)
GLM = "H2OGeneralizedLinearEstimator"
OTHERS = {"linear": linear, "mlp": network}
"The families that have a file of their own."


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a fit on `train`. Raises as `fit` does."""
    if spec["family"] in OTHERS:
        return list(OTHERS[spec["family"]].defaults(spec, train, options))
    ready(options)
    columns = list(options["selected"])
    rows = frames.frames_of(train, None, columns, spec["family"] == "lm", options)
    return list(table.rows_of(estimator(), native_arguments(spec, options), known(), columns, rows))


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    if spec["family"] in OTHERS:
        return dict(OTHERS[spec["family"]].translate(spec, options))
    lm, arguments = spec["family"] == "lm", native_arguments(spec, options)
    # Beside other numbers the client would write 0 and 1 as 0.0 and 1.0, and name the levels so.
    levels, label = "y_train.astype(str)", "predicted['predict'].astype(int)"
    label = f"(probability > {spec['threshold']}).astype(int)" if lm else label
    columns = ", ".join(option(options, "selected", [])) or "that a screen left"
    code = [
        "import h2o, pandas as pd",
        f"from h2o.estimators import {GLM}\n",
        f"# x_train and x_test hold only the columns {columns}",
        "train, test = pd.DataFrame(x_train).add_prefix('x'), pd.DataFrame(x_test).add_prefix('x')",
        f"frame = h2o.H2OFrame(train.assign(label={levels}), column_types={{'label': '{'int' if lm else 'enum'}'}})",
        f"model = {native.call_code(GLM, arguments)}",
        "model.train(x=list(train.columns), y='label', training_frame=frame)",
        "predicted = model.predict(h2o.H2OFrame(test)).as_data_frame()",
        f"probability = predicted['{'predict' if lm else 'p1'}']",
        f"label = {label}",
    ]
    return {
        "calls": [call(GLM, **arguments)],
        "code": "\n".join(code),
        "not_expressible": native.gaps(gaps(spec, options)),
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["server"]. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays.

    Raises RuntimeError where another server answers at that address, ValueError for lm and glm without `selected`.
    """
    if spec["family"] in OTHERS:
        return dict(OTHERS[spec["family"]].fit(spec, train, test, options))
    ready(options)
    return fit_glm(spec, train, test, options)


def ready(options: Plain) -> None:
    native.refuse(options, ("initial_weights", "row_order", "trace", "untrained"), "H2O")
    if option(options, "selected") is None:
        raise ValueError("H2O has no screen of its own: options['selected'] must name the columns to use")
    frames.attach(option(options, "server"))


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Least squares and logistic regression; H2O's coefficients are those of the unstandardized columns."""
    selected, lm = list(options["selected"]), spec["family"] == "lm"
    rows = frames.frames_of(train, test, selected, lm, options)
    model = estimator()(**native_arguments(spec, options))
    model.train(x=selected, y="label", training_frame=rows["train"])
    coefficients, steps = model.coef(), model.summary()["number_of_iterations"][0]
    effective, predicted = table.read_back(model), frames.predictions(model, rows)
    # A column that H2O left out (constant) has no coefficient.
    named = {"(intercept)": coefficients["Intercept"], **{name: coefficients.get(name) for name in selected}}
    return answer(
        probability=predicted["predict" if lm else "p1"],
        # Least squares predicts a number; logistic regression a label, 0 or 1.
        label=[int(value > (spec["threshold"] if lm else 0)) for value in predicted["predict"]],
        parameters={"coefficients": named},
        effective=effective,
        iterations=int(steps),
        selected=selected,
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    seed = option(options, "seed", 0 if option(options, "repeatable") else None)
    translated = native.pinned(family={"lm": "gaussian", "glm": "binomial"}[spec["family"]], seed=seed)
    return dict(native.overridden(translated, options, known, GLM))


def known() -> set[str]:
    """Names that an override can set: all but the rows and columns that a fit gives to train."""
    return {*inspect.signature(estimator()).parameters} - {"training_frame", "response_column", "ignored_columns"}


def gaps(spec: Plain, options: Plain) -> list[tuple[bool, str, str]]:
    cut = "a fit cuts where F1 is largest on its rows; reset_model_threshold moves the cut afterwards"
    return [
        (option(options, "selected") is None, "screen", "H2O has no screen; the columns are chosen before"),
        (spec["cost"] is not None, "cost", "it belongs to LIBLINEAR"),
        (spec["family"] == "glm", "threshold", cut),
    ]


def estimator() -> Any:
    from h2o import estimators

    return getattr(estimators, GLM)
