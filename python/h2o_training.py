"""How an H2O network is trained: from given weights, and step by step from checkpoints to show it on its way.

H2O shows a network's weights where training ends, so each record of a trace is a model of its own. That after an epoch
goes on from the checkpoint of the epoch before. That within an epoch is trained with a missing value in each row which
it has not come to yet and missing_values_handling="Skip": such rows keep their places in the order and make no update.
Measured on 3.44.0.3: bit for bit the networks of whole fits.
"""

from __future__ import annotations

import os
from typing import Any

from parity.engines.contract import Plain, beside, option

frames, row_order = beside(__file__, "h2o_frames"), beside(__file__, "h2o_row_order")
FIRST_FEATURE = 1
"Its place among the columns of a frame, in which the label stands first."


def trace_comment(options: Plain) -> list[str]:
    """How a trace is had."""
    trace = option(options, "trace")
    if trace is None:
        return []
    if trace.get("steps"):
        return [
            f"# of which the first {trace['steps']} updates, each of a model that ends there: missing_values_handling="
            "'Skip' and a missing value in every row that the epoch has not come to"
        ]
    return ["# epoch by epoch: each with epochs=1, 2, ... and the checkpoint of the one before"]


def orders(spec: Plain, n: int, arguments: Plain, options: Plain) -> list[list[int]]:
    """For each epoch the order in which H2O visits the n rows; empty where nothing asks for it.

    Raises ValueError where options["row_order"] is another.
    """
    given = option(options, "row_order")
    if given is None and option(options, "trace") is None:
        return []
    own: list[list[int]] = row_order.row_order(n, int(arguments["epochs"]), int(arguments["seed"]))
    if given is not None and [[int(i) for i in epoch] for epoch in given] != own:
        raise ValueError(
            "H2O cannot be told the order of the rows: row_order must be the one that h2o_row_order.py gives for "
            f"{n} rows, {arguments['epochs']} epochs and seed {arguments['seed']}"
        )
    return own


def scaled(rows: Plain, features: list[str], spec: Plain) -> Plain:
    """The frames of a fit as the network is to see them; the server divides, so that nothing is rounded on its way."""
    if spec["input_scaling"] != "divide-by-255":
        return rows
    train = rows["train"]["label"].cbind(rows["train"][features] / 255)
    test = None if rows["test"] is None else rows["test"] / 255
    own = [frame for frame in (train, test) if frame is not None]
    return {"train": train, "test": test, "remove": [*rows["remove"], *own]}


def trained(estimator: Any, arguments: Plain, features: list[str], frame: Any) -> Any:
    model = estimator(**arguments)
    model.train(x=features, y="label", training_frame=frame)
    return model


def traced(
    estimator: Any, arguments: Plain, train: Plain, frame: Any, orders: list[list[int]], trace: Plain, layers: int
) -> tuple[Any, list[Plain]]:
    """The model at the end, and {"weights", "biases"} before training and after every update or epoch that is asked."""
    import h2o

    features, n = train["features"], len(train["y"])
    model = trained(estimator, {**arguments, "epochs": 0}, features, frame)
    records, used, whole = [frames.weights_of(model, layers)], [model.model_id], None
    left_out = f"parity_py_{os.getpid()}_visited"
    for epoch, visited in ends(n, len(orders), trace):
        # From a checkpoint nothing is drawn, and the epochs before count.
        start = {} if whole is None else {"initial_weights": None, "initial_biases": None, "checkpoint": whole}
        until = {**arguments, **start, "epochs": epoch + 1}
        if visited < n:
            # Any part of an epoch ends with its first iteration, which is all of its rows.
            until["epochs"] = epoch + (visited - 0.5) / n
            rows = " ".join(map(str, sorted(orders[epoch][visited:])))
            h2o.rapids(f"(assign {left_out} (:= {frame.frame_id} NaN [{FIRST_FEATURE}] [{rows}]))")
            until["missing_values_handling"] = "Skip"
        shown = frame if visited == n else frames.known_frame(left_out)
        model = trained(estimator, until, features, shown)
        records.append(frames.weights_of(model, layers))
        used.append(model.model_id)
        whole = model.model_id if visited == n else whole
    used.remove(model.model_id)
    h2o.remove(used)
    if frames.ATTACHED["frames"].pop(left_out, None) is not None:
        h2o.rapids(f"(rm {left_out})")
    return model, records


def ends(n: int, epochs: int, trace: Plain) -> list[tuple[int, int]]:
    """Where each record's training ends: the epochs done before its own and the rows visited in that one."""
    if trace.get("steps"):
        return [(step // n, step % n + 1) for step in range(min(trace["steps"], n * epochs))]
    return [(epoch, n) for epoch in range(epochs)]


def with_rows(records: list[Plain], spec: Plain, train: Plain, orders: list[list[int]], trace: Plain) -> list[Plain]:
    """The records of single updates with the row that each one saw, where H2O does not scale the rows itself."""
    scale = {"none": 1, "divide-by-255": 255}.get(spec["input_scaling"])
    if not trace.get("steps") or scale is None:
        return records
    visits = [row for order in orders for row in order][: len(records) - 1]
    seen = [{"input": train["x"][[row]] / scale, "target": train["y"][[row]]} for row in visits]
    return [records[0], *({**record, **row} for record, row in zip(records[1:], seen, strict=True))]
