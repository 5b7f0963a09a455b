"""Deep learning and generalized linear models of H2O's Python client, on a server that the caller started."""

from __future__ import annotations

import contextlib
import csv
import inspect
import json
import sys
import urllib.request
from typing import Any

from parity.engines.contract import Plain, answer, call, cannot_express, option, recorded
from parity.errors import unknown

ESTIMATORS = {"mlp": "H2ODeepLearningEstimator"}
GLM = "H2OGeneralizedLinearEstimator"
ATTACHED: Plain = {}
"The server that this process is attached to, and handles of the frames that it has met there."


def defaults(family: str) -> list[Plain]:
    """Rows of the estimator; effective values from the attributes of an untrained one."""
    name = ESTIMATORS.get(family, GLM)
    untrained, source = estimator(family)(), f"inspect.signature({name}), attributes of an untrained {name}"
    return [
        {"function": name, "name": n, "declared": p.default, "effective": getattr(untrained, n), "source": source}
        for n, p in inspect.signature(estimator(family)).parameters.items()
    ]


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    name = ESTIMATORS.get(spec["family"], GLM)
    arguments = native_arguments(spec, options)
    lm, seed = spec["family"] == "lm", "reproducible" in arguments
    column = "y_train" if lm else "[str(y) for y in y_train]"
    columns = ", ".join(option(options, "selected", [])) or "that a screen left"
    given = ", ".join(f"{argument}={value!r}" for argument, value in arguments.items())
    code = [
        "import h2o, pandas as pd",
        f"from h2o.estimators import {name}\n",
        *([f"# x_train and x_test hold only the columns {columns}"] if spec["family"] != "mlp" else []),
        "train, test = pd.DataFrame(x_train).add_prefix('x'), pd.DataFrame(x_test).add_prefix('x')",
        f"frame = h2o.H2OFrame(train.assign(label={column}), column_types={{'label': '{'int' if lm else 'enum'}'}})",
        f"model = {name}({given})",
        "model.train(x=list(train.columns), y='label', training_frame=frame)",
        "predicted = model.predict(h2o.H2OFrame(test)).as_data_frame()",
        f"probability = predicted['{'predict' if lm else 'p1'}']",
        f"label = (probability > {spec['threshold']}).astype(int)"
        if lm
        else "label = predicted['predict'].astype(int)",
    ]
    return {
        "calls": [call(name, **arguments)],
        "code": "\n".join(code),
        "not_expressible": [cannot_express(name, why) for holds, name, why in gaps(spec, options) if holds],
        "added": [{"parameter": "reproducible", "value": True, "reason": "a seed repeats a fit on one thread only"}]
        * seed,
    }


@recorded
def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["server"]. x: (n, p); probability and label: (n_test,); weights: (in, out) arrays.

    Raises RuntimeError where another server answers at that address, ValueError for lm and glm without `selected`.
    """
    for name in ("initial_weights", "row_order", "trace"):
        if option(options, name) is not None:
            raise ValueError(f"the H2O engine cannot take the option '{name}'")
    if spec["family"] != "mlp" and option(options, "selected") is None:
        raise ValueError("H2O has no screen of its own: options['selected'] must name the columns to use")
    attach(option(options, "server"))
    return (fit_mlp if spec["family"] == "mlp" else fit_glm)(spec, train, test, options)


def fit_glm(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """Least squares and logistic regression; H2O's coefficients are those of the unstandardized columns."""
    selected = list(options["selected"])
    frames = frames_of(train, test, selected, spec["family"] == "lm", options)
    model = estimator(spec["family"])(**native_arguments(spec, options))
    model.train(x=selected, y="label", training_frame=frames["train"])
    coefficients, steps = model.coef(), model.summary()["number_of_iterations"][0]
    effective, predicted = read_back(model), predictions(model, frames)
    probability = predicted["predict" if spec["family"] == "lm" else "p1"]
    cut = [int(value > spec["threshold"]) for value in probability]
    return answer(
        probability=probability,
        label=cut if spec["family"] == "lm" else [int(value) for value in predicted["predict"]],
        # A column that H2O left out (constant) has no coefficient.
        parameters={
            "coefficients": {"(intercept)": coefficients["Intercept"], **{n: coefficients.get(n) for n in selected}}
        },
        effective=effective,
        iterations=int(steps),
        selected=selected,
    )


def fit_mlp(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    frames = frames_of(train, test, train["features"], False, options)
    model = estimator("mlp")(**native_arguments(spec, options))
    model.train(x=train["features"], y="label", training_frame=frames["train"])
    # The server keeps the model of the best score and lists it last, so the furthest row tells how long it trained.
    history, effective = model.scoring_history(), read_back(model)
    parameters = weights_of(model, len(spec["hidden"]) + 1) if option(options, "weights") else None
    predicted = predictions(model, frames)
    return answer(
        probability=predicted["p1"],
        label=[int(value) for value in predicted["predict"]],
        parameters=parameters,
        effective=effective,
        iterations=float(history["epochs"].max()),
        updates=int(history["samples"].max() / effective["mini_batch_size"]),
    )


def native_arguments(spec: Plain, options: Plain) -> Plain:
    """What the estimator is given: only what is pinned, then the caller's overrides."""
    wanted = (arguments_mlp if spec["family"] == "mlp" else arguments_glm)(spec, options)
    overrides = option(options, "overrides", {})
    known = set(inspect.signature(estimator(spec["family"])).parameters) - {"training_frame"} if overrides else set()
    for name in overrides:
        if name not in known:
            raise ValueError(str(unknown("argument", name, known, ESTIMATORS.get(spec["family"], GLM))))
    return {**{name: value for name, value in wanted.items() if value is not None}, **overrides}


def arguments_glm(spec: Plain, options: Plain) -> Plain:
    return {"family": {"lm": "gaussian", "glm": "binomial"}[spec["family"]], "seed": option(options, "seed")}


def arguments_mlp(spec: Plain, options: Plain) -> Plain:
    sgd, whole, seed = spec["optimizer"] == "sgd", spec["stopping"] == "none", option(options, "seed")
    dropout = {"hidden_dropout_ratios": [spec["dropout"]] * len(spec["hidden"])} if spec["dropout"] else {}
    plain_sgd = {
        "adaptive_rate": False,
        "rate": spec["learning_rate"],
        "momentum_start": spec["momentum"],
        "momentum_stable": spec["momentum"],
        "nesterov_accelerated_gradient": spec["nesterov"],
    }
    # Three rules end training early or go back to an earlier model: a score that has converged, no error left on the
    # training rows, and the return of the best model.
    to_the_end = {"stopping_rounds": 0, "classification_stop": -1, "overwrite_with_best_model": False}
    return {
        "activation": {"tanh": "Tanh", "relu": "Rectifier"}[spec["activation"]] + ("WithDropout" if dropout else ""),
        "hidden": list(spec["hidden"]),
        "epochs": spec["epochs"],
        **dropout,
        "loss": spec["loss"] and "CrossEntropy",
        "mini_batch_size": spec["batch_size"],
        "standardize": {"standardize": True, "none": False}.get(spec["input_scaling"]),
        # Neurons.java draws from +-sqrt(6 / (fan in + fan out)): Glorot's interval.
        "initial_weight_distribution": "UniformAdaptive" if spec["init"] == "glorot-uniform" else None,
        **(plain_sgd if sgd else {}),
        **(to_the_end if whole else {}),
        "export_weights_and_biases": option(options, "weights") or None,
        "seed": seed,
        # Threads race for the weights, so that a seed alone repeats nothing.
        "reproducible": None if seed is None else True,
    }


def gaps(spec: Plain, options: Plain) -> list[tuple[bool, str, str]]:
    cut = "predict cuts where F1 is largest on the training rows, and takes no other cut"
    if spec["family"] != "mlp":
        return [
            (option(options, "selected") is None, "screen", "H2O has no screen; the columns are chosen before"),
            (spec["cost"] is not None, "cost", "it belongs to LIBLINEAR"),
            (spec["family"] == "glm", "threshold", cut),
        ]
    sgd, needs_sgd = spec["optimizer"] == "sgd", "only plain SGD takes it; H2O's ADADELTA does not"
    schedules = "rate_annealing falls with the samples seen and rate_decay with the layer"
    return [
        (spec["output"] == "sigmoid", "output", "H2O gives two classes two softmax units"),
        (spec["optimizer"] == "adam", "optimizer", "H2O has ADADELTA and plain SGD"),
        *((spec[n] is not None and not sgd, n, needs_sgd) for n in ("learning_rate", "momentum", "nesterov")),
        (spec["learning_rate_decay"] is not None, "learning_rate_decay", schedules),
        (spec["input_scaling"] == "divide-by-255", "input_scaling", "H2O has standardize alone"),
        (spec["init"] == "he-uniform", "init", "H2O has no initial distribution of He's width"),
        (spec["threshold"] is not None, "threshold", cut),
    ]


def read_back(model: Any) -> Plain:
    """The server's own account of the parameters, without the keys and columns of this fit."""
    own = ("model_id", "training_frame", "ignored_columns")
    return {k: v for k, v in model.actual_params.items() if k not in own and not isinstance(v, dict)}


def weights_of(model: Any, layers: int) -> Plain:
    """H2O keeps (out, in)."""
    import numpy as np

    def values(frame: Any) -> Any:
        return np.array([row for row in csv.reader(frame.get_frame_data().splitlines()[1:])], dtype=float)

    weights = [values(model.weights(i)).T for i in range(layers)]
    return {"weights": weights, "biases": [values(model.biases(i))[:, 0] for i in range(layers)]}


def attach(server: Plain | None) -> None:
    """Attach once a process; a server of another name was started by someone else and is refused."""
    import h2o

    if server is None or ATTACHED.get("server") == server:
        return
    with urllib.request.urlopen(f"{server['url']}/3/Cloud", timeout=10) as reply:
        found = json.load(reply)["cloud_name"]
    if found != server["name"]:
        raise RuntimeError(
            f"the H2O server at {server['url']} is '{found}', not '{server['name']}': not this session's own"
        )
    # The client prints the age of its own release, whatever `verbose` says; standard output belongs to the caller.
    with contextlib.redirect_stdout(sys.stderr):
        h2o.connect(url=server["url"], verbose=False)
    h2o.no_progress()
    ATTACHED.update(server=dict(server), frames={})


def known_frame(key: str) -> Any:
    """A handle of a frame on the server, asked for once: describing 785 columns takes the server a while."""
    import h2o

    if key not in ATTACHED["frames"]:
        ATTACHED["frames"][key] = h2o.get_frame(key, rows=1, light=True)
    return ATTACHED["frames"][key]


def frames_of(train: Plain, test: Plain, columns: list[str], numeric_label: bool, options: Plain) -> Plain:
    """The frames of a fit, and those to remove after it. Rows that are on the server already are cut out there."""
    import h2o
    import pandas as pd

    rows = option(options, "frames")
    if rows is None:
        x, x_test = (pd.DataFrame(each["x"], columns=each["features"])[columns] for each in (train, test))
        x.insert(0, "label", train["y"])
        frame = h2o.H2OFrame(x, column_types={"label": "int" if numeric_label else "enum"})
        uploaded = h2o.H2OFrame(x_test)
        return {"train": frame, "test": uploaded, "remove": [frame, uploaded]}
    whole = len(columns) == len(train["features"])
    stack, test_rows = known_frame(rows["stack"]), known_frame(rows["test"])
    frame = stack[rows["first"] : rows["last"], slice(None) if whole else ["label", *columns]]
    if numeric_label:
        # The number that a level names, not its place among the levels.
        frame["label"] = frame["label"].ascharacter().asnumeric()
    cut = test_rows if whole else test_rows[columns]
    # Frames compare cell by cell on the server; a slice that takes all rows is the shared frame itself.
    own = [each for each in (frame, cut) if each is not stack and each is not test_rows]
    return {"train": frame, "test": cut, "remove": own}


def predictions(model: Any, frames: Plain) -> dict[str, list[float]]:
    """Columns of the predictions for the test rows; model, predictions and the fit's own frames leave the server."""
    import h2o

    predicted = model.predict(frames["test"])
    header, *rows = csv.reader(predicted.get_frame_data().splitlines())
    h2o.remove([model.model_id, predicted, *frames["remove"]])
    return {
        name: [float(value) for value in column] for name, column in zip(header, zip(*rows, strict=True), strict=True)
    }


def estimator(family: str) -> Any:
    from h2o import estimators

    return getattr(estimators, ESTIMATORS.get(family, GLM))
