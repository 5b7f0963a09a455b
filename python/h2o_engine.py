"""Deep learning and generalized linear models of H2O's Python client, on a server that the caller started."""

from __future__ import annotations

import inspect
from typing import Any

from parity.engines.contract import Plain, answer, beside, call, option, recorded

native, frames, table, linear = (
    beside(__file__, "native_calls"),
    beside(__file__, "h2o_frames"),
    beside(__file__, "h2o_defaults"),
    beside(__file__, "h2o_linear"),
)
GLM = "H2OGeneralizedLinearEstimator"
ESTIMATORS = {"lm": GLM, "glm": GLM, "mlp": "H2ODeepLearningEstimator"}


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a fit on `train`. Raises as `fit` does."""
    if spec["family"] == "linear":
        return list(linear.defaults(spec, train, options))
    ready(spec, options)
    family, arguments = spec["family"], native_arguments(spec, options)
    columns = train["features"] if family == "mlp" else list(options["selected"])
    rows = frames.frames_of(train, None, columns, family == "lm", options)
    return table.rows_of(estimator(family), arguments, room_for(family), columns, rows)


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    if spec["family"] == "linear":
        return dict(linear.translate(spec, options))
    name, lm, arguments = ESTIMATORS[spec["family"]], spec["family"] == "lm", native_arguments(spec, options)
    # Beside other numbers the client would write 0 and 1 as 0.0 and 1.0, and name the levels so.
    levels, label = "y_train.astype(str)", "predicted['predict'].astype(int)"
    label = f"(probability > {spec['threshold']}).astype(int)" if lm else label
    columns = ", ".join(option(options, "selected", [])) or "that a screen left"
    code = [
        "import h2o, pandas as pd",
        f"from h2o.estimators import {name}\n",
        *([f"# x_train and x_test hold only the columns {columns}"] if spec["family"] != "mlp" else []),
        "train, test = pd.DataFrame(x_train).add_prefix('x'), pd.DataFrame(x_test).add_prefix('x')",
        f"frame = h2o.H2OFrame(train.assign(label={levels}), column_types={{'label': '{'int' if lm else 'enum'}'}})",
        f"model = {native.call_code(name, arguments)}",
        "model.train(x=list(train.columns), y='label', training_frame=frame)",
        "predicted = model.predict(h2o.H2OFrame(test)).as_data_frame()",
        f"probability = predicted['{'predict' if lm else 'p1'}']",
        f"label = {label}",
    ]
    return {
        "calls": [call(name, **arguments)],
        "code": "\n".join(code),
        "not_expressible": native.gaps(gaps(spec, options)),
        "added": [],
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["server"]. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays.

    Raises RuntimeError where another server answers at that address, ValueError for lm and glm without `selected`.
    """
    if spec["family"] == "linear":
        return dict(linear.fit(spec, train, test, options))
    ready(spec, options)
    return (fit_mlp if spec["family"] == "mlp" else fit_glm)(spec, train, test, options)


def ready(spec: Plain, options: Plain) -> None:
    native.refuse(options, ("initial_weights", "row_order", "trace"), "H2O")
    if spec["family"] != "mlp":
        native.refuse(options, ("untrained",), "H2O")
        if option(options, "selected") is None:
            raise ValueError("H2O has no screen of its own: options['selected'] must name the columns to use")
    frames.attach(option(options, "server"))


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Least squares and logistic regression; H2O's coefficients are those of the unstandardized columns."""
    selected, lm = list(options["selected"]), spec["family"] == "lm"
    rows = frames.frames_of(train, test, selected, lm, options)
    model = estimator(spec["family"])(**native_arguments(spec, options))
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


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    rows = frames.frames_of(train, test, train["features"], False, options)
    model = estimator("mlp")(**native_arguments(spec, options))
    model.train(x=train["features"], y="label", training_frame=rows["train"])
    # The server keeps the model of the best score and lists it last, so the furthest row tells how long it trained.
    history, effective = model.scoring_history(), table.read_back(model)
    weights = frames.weights_of(model, len(spec["hidden"]) + 1) if option(options, "weights") else None
    predicted = frames.predictions(model, rows)
    return answer(
        probability=predicted["p1"],
        label=[int(value) for value in predicted["predict"]],
        parameters=weights,
        effective=effective,
        iterations=float(history["epochs"].max()),
        updates=int(history["samples"].max() / effective["mini_batch_size"]),
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    family = spec["family"]
    translated = (arguments_mlp if family == "mlp" else arguments_glm)(spec, options)
    arguments = native.overridden(translated, options, lambda: room_for(family), ESTIMATORS[family])
    # Without an epoch the server returns the weights that it drew.
    return {**arguments, "epochs": 0} if option(options, "untrained") else arguments


def room_for(family: str) -> set[str]:
    """Names that an override can set: all but the rows and columns that a fit gives to train."""
    return {*inspect.signature(estimator(family)).parameters} - {"training_frame", "response_column", "ignored_columns"}


def arguments_glm(spec: Plain, options: Plain) -> Plain:
    return native.pinned(family={"lm": "gaussian", "glm": "binomial"}[spec["family"]], seed=seed_of(options))


def seed_of(options: Plain) -> int | None:
    return option(options, "seed", 0 if option(options, "repeatable") else None)


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    """A seed alone repeats no fit, since threads race; reproducible=True does.

    It is not set along with every seed, because with it the model is scored so often that the default of
    classification_stop (no error left on the training rows) ends training early: 3 epochs where 20 were run without.
    """
    sgd, whole, dropout = spec["optimizer"] == "sgd", spec["stopping"] == "none", spec["dropout"] or None
    return native.pinned(
        activation={"tanh": "Tanh", "relu": "Rectifier"}[spec["activation"]] + ("WithDropout" if dropout else ""),
        hidden=list(spec["hidden"]),
        epochs=spec["epochs"],
        hidden_dropout_ratios=dropout and [dropout] * len(spec["hidden"]),
        loss=spec["loss"] and "CrossEntropy",
        adaptive_rate=False if sgd else None,
        rate=spec["learning_rate"] if sgd else None,
        momentum_start=spec["momentum"] if sgd else None,
        momentum_stable=spec["momentum"] if sgd else None,
        nesterov_accelerated_gradient=spec["nesterov"] if sgd else None,
        mini_batch_size=spec["batch_size"],
        standardize={"standardize": True, "none": False}.get(spec["input_scaling"]),
        # Glorot's interval, but four times as wide for a classifier's output layer (randomizeWeights in H2O's
        # DeepLearningModelInfo.java).
        initial_weight_distribution="UniformAdaptive" if spec["init"] == "glorot-uniform" else None,
        # Three rules end training early or go back to an earlier model: a score that has converged, no error left on
        # the training rows, and the return of the best model.
        stopping_rounds=0 if whole else None,
        classification_stop=-1 if whole else None,
        overwrite_with_best_model=False if whole else None,
        export_weights_and_biases=option(options, "weights") or None,
        seed=seed_of(options),
        reproducible=option(options, "repeatable") or None,
    )


def gaps(spec: Plain, options: Plain) -> list[tuple[bool, str, str]]:
    cut = "a fit cuts where F1 is largest on its rows; reset_model_threshold moves the cut afterwards"
    if spec["family"] != "mlp":
        return [
            (option(options, "selected") is None, "screen", "H2O has no screen; the columns are chosen before"),
            (spec["cost"] is not None, "cost", "it belongs to LIBLINEAR"),
            (spec["family"] == "glm", "threshold", cut),
        ]
    sgd, needs_sgd = spec["optimizer"] == "sgd", "only plain SGD takes it; H2O's ADADELTA does not"
    return [
        (spec["output"] == "sigmoid", "output", "H2O gives two classes two softmax units"),
        (spec["optimizer"] == "adam", "optimizer", "H2O has ADADELTA and plain SGD"),
        *((spec[n] is not None and not sgd, n, needs_sgd) for n in ("learning_rate", "momentum", "nesterov")),
        (spec["learning_rate_decay"] is not None, "learning_rate_decay", "its rates fall by samples and by layers"),
        (spec["input_scaling"] == "divide-by-255", "input_scaling", "H2O has standardize alone"),
        (spec["init"] is not None, "init", "UniformAdaptive is Glorot's, but 4 times as wide at the output; no He's"),
        (spec["threshold"] is not None, "threshold", cut),
    ]


def estimator(family: str) -> Any:
    from h2o import estimators

    return getattr(estimators, ESTIMATORS[family])
