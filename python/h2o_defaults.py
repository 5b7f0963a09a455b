"""H2O's table of defaults: what the client's signatures declare, what the server adds and what was in force."""

from __future__ import annotations

import inspect
from typing import Any

from parity.engines.contract import Plain, beside, row

native = beside(__file__, "native_calls")

READ = "actual_params of a model trained under this specification"


def rows_of(each: Any, arguments: Plain, room: set[str], columns: list[str], frames: Plain) -> list[Plain]:
    """Rows of the estimator `each`, of what the server alone has, of train and of predict.

    room: names that an override can set. frames: as `h2o_frames.frames_of` returns them; they and the model that is
    trained here leave the server.
    """
    import h2o

    model = each(**arguments)
    try:
        model.train(x=columns, y="label", training_frame=frames["train"])
        # A seed that nobody gave is drawn anew in every fit.
        effective = {k: v for k, v in read_back(model).items() if k != "seed" or k in arguments}
    finally:
        h2o.remove([key for key in (model.model_id, *frames["remove"]) if key is not None])
    schema = h2o.api(f"GET /3/ModelBuilders/{each.algo}")["model_builders"][each.algo]["parameters"]
    trained = {"x": "list(train.columns)", "y": "label", "training_frame": "frame"}
    return [
        *rows_of_estimator(each, arguments, effective, schema, room),
        *rows_of_server(each, effective, schema),
        *native.declared("train", each.train, asked=trained, effective=effective, read=READ),
        *native.declared("predict", each.predict, asked={"test_data": "h2o.H2OFrame(test)"}),
    ]


def rows_of_estimator(each: Any, asked: Plain, effective: Plain, schema: list[Plain], room: set[str]) -> list[Plain]:
    """The signature's parameters, in which a default that the server's schema writes otherwise is marked."""
    names = inspect.signature(each).parameters
    server = {own_name(parameter["name"], names): parameter for parameter in schema}
    rows = native.declared(
        each.__name__,
        each,
        asked=asked,
        effective={own_name(name, names): value for name, value in effective.items()},
        read=READ,
        choices={name: choices(parameter) for name, parameter in server.items()},
        # Two fits must not share the name of an object on the server.
        override=room - {name for name, parameter in server.items() if parameter["type"].startswith("Key<")},
    )
    for found in rows:
        parameter = server.get(found["name"])
        if parameter and not same(found["declared"], parameter["default_value"]):
            found["declared_from"] += f"; the server's schema says {parameter['default_value']!r}"
    return rows


def rows_of_server(each: Any, effective: Plain, schema: list[Plain]) -> list[Plain]:
    """Parameters that the server has and the client's signature lacks."""
    names, path = inspect.signature(each).parameters, f"/3/ModelBuilders/{each.algo}"
    return [
        row(
            path,
            parameter["name"],
            declared=parameter["default_value"],
            required=parameter["required"],
            declared_from=f"GET {path}",
            effective=effective.get(parameter["name"]),
            effective_from=READ if parameter["name"] in effective else "",
            choices=choices(parameter),
        )
        for parameter in schema
        if own_name(parameter["name"], names) not in names
    ]


def read_back(model: Any) -> Plain:
    """The server's own account, without the keys and columns of this fit."""
    own = ("model_id", "training_frame", "ignored_columns")
    return {k: v for k, v in model.actual_params.items() if k not in own and not isinstance(v, dict)}


def own_name(server_name: str, names: Any) -> str:
    """The client's name: Python's reserved words end in an underscore there, as lambda_."""
    return f"{server_name}_" if f"{server_name}_" in names else server_name


def choices(parameter: Plain) -> list[Any] | None:
    return {"enum": list(parameter["values"]), "boolean": [False, True]}.get(parameter["type"])


def same(declared: Any, default: Any) -> bool:
    """Whether two defaults agree; the client takes words in any case and with underscores."""
    words = [v.lower().replace("_", "") if isinstance(v, str) else v for v in (declared, default)]
    return bool(words[0] == words[1])
