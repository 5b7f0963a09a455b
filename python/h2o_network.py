"""The family "mlp" in H2O: H2ODeepLearningEstimator, as shipped or with what decides its weights pinned."""

from __future__ import annotations

from parity.engines.contract import Plain, answer, beside, call, option

own, table, training = (
    beside(__file__, "h2o_arguments"),
    beside(__file__, "h2o_defaults"),
    beside(__file__, "h2o_training"),
)
frames, native, DEEP = training.frames, own.native, own.DEEP


def translate(spec: Plain, options: Plain) -> Plain:
    """The native calls, as data and as code that starts from arrays x_train, y_train and x_test."""
    arguments, threshold = own.given(spec, options), spec["threshold"]
    label = "predicted['predict'].astype(int)" if threshold is None else f"(probability > {threshold}).astype(int)"
    scaled = spec["input_scaling"] == "divide-by-255"
    code = [
        "import h2o, pandas as pd",
        f"from h2o.estimators import {DEEP}\n",
        "train, test = pd.DataFrame(x_train).add_prefix('x'), pd.DataFrame(x_test).add_prefix('x')",
        # Beside other numbers the client would write 0 and 1 as 0.0 and 1.0, and name the levels so.
        "frame = h2o.H2OFrame(train.assign(label=y_train.astype(str)), column_types={'label': 'enum'})",
        *(["columns = list(train.columns)", "frame = frame['label'].cbind(frame[columns] / 255)"] if scaled else []),
        f"model = {native.call_code(DEEP, arguments)}",
        "model.train(x=list(train.columns), y='label', training_frame=frame)",
        *training.trace_comment(options),
        f"predicted = model.predict(h2o.H2OFrame(test){' / 255' if scaled else ''}).as_data_frame()",
        "probability = predicted['p1']",
        f"label = {label}",
    ]
    calls = [call(DEEP, **native.printable(arguments))]
    return {"calls": calls, "code": "\n".join(code), "not_expressible": own.gaps(spec, options), "added": []}


def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit on options["server"]. Raises ValueError for an order of the rows that is not H2O's own."""
    frames.attach(option(options, "server"))
    features, merged = train["features"], own.given(spec, options)
    orders = training.orders(spec, len(train["y"]), merged, options)
    rows = training.scaled(frames.frames_of(train, test, features, False, options), features, spec)
    started = own.started(merged, options)
    layers, trace = len(spec["hidden"]) + 1, option(options, "trace")
    if trace is None:
        model, records = training.trained(own.estimator(), started, features, rows["train"]), None
    else:
        model, records = training.traced(own.estimator(), started, train, rows["train"], orders, trace, layers)
        records = training.with_rows(records, spec, train, orders, trace)
    # The server keeps the model of the best score and lists it last, so the furthest row tells how long it trained.
    history, effective = model.scoring_history(), table.read_back(model)
    weights = frames.weights_of(model, layers) if option(options, "weights") else None
    predicted = frames.predictions(model, {**rows, "remove": [*rows["remove"], *own.frames_in(started)]})
    own_labels, cut = [int(value) for value in predicted["predict"]], spec["threshold"]
    return answer(
        probability=predicted["p1"],
        label=own_labels if cut is None else [int(p > cut) for p in predicted["p1"]],
        parameters=weights,
        effective=effective,
        iterations=float(history["epochs"].max()),
        # Every row is an update, whatever mini_batch_size says.
        updates=int(history["samples"].max()),
        trace=records,
    )


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows for every function that a fit calls; effective values from a fit on `train`."""
    frames.attach(option(options, "server"))
    # The rows of defaults describe the call, not a start that some fit was given.
    plain_options = {**options, "initial_weights": None}
    rows = training.scaled(
        frames.frames_of(train, None, train["features"], False, plain_options), train["features"], spec
    )
    return list(table.rows_of(own.estimator(), own.given(spec, plain_options), own.known(), train["features"], rows))
