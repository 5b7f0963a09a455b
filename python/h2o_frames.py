"""Where the rows of an H2O fit are: the server that this process is attached to, and the frames on it."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import urllib.parse
import urllib.request
from typing import Any

from parity.engines.contract import Plain, option

POLL_SECONDS = 0.02
"The client looks at a job every 0.2 s and later; most of a small fit's time would be spent waiting for the next look."
ANSWER_SECONDS = 10
"A server on this machine answers in milliseconds; one that takes longer is not ours or is dead."
ATTACHED: Plain = {}
"The server that this process is attached to, and handles of the frames that it has met there."


def attach(server: Plain | None) -> None:
    """Attach once a process; a server of another name was started by someone else and is refused."""
    import h2o
    from h2o.utils.progressbar import ProgressBar

    if server is None or ATTACHED.get("server") == server:
        return
    with urllib.request.urlopen(f"{server['url']}/3/Cloud", timeout=ANSWER_SECONDS) as reply:
        found = json.load(reply)["cloud_name"]
    if found != server["name"]:
        raise RuntimeError(
            f"the H2O server at {server['url']} is '{found}', not '{server['name']}': not this session's own"
        )
    # The client prints the age of its own release, whatever `verbose` says; standard output belongs to the caller.
    with contextlib.redirect_stdout(sys.stderr):
        h2o.connect(url=server["url"], verbose=False)
    h2o.no_progress()
    ProgressBar.MIN_PROGRESS_CHECK_INTERVAL = POLL_SECONDS
    ATTACHED.update(server=dict(server), frames={})


def known_frame(key: str) -> Any:
    """A handle of a frame on the server, asked for once: describing 785 columns takes the server a while."""
    import h2o

    if key not in ATTACHED["frames"]:
        ATTACHED["frames"][key] = h2o.get_frame(key, rows=1, light=True)
    return ATTACHED["frames"][key]


def frames_of(train: Plain, test: Plain | None, columns: list[str], numeric_label: bool, options: Plain) -> Plain:
    """The frames of a fit, and those to remove after it. Rows that are on the server already are cut out there.

    test: None where nothing is predicted.
    """
    import h2o
    import pandas as pd

    rows = option(options, "frames") or {}
    if "stack" not in rows:
        x = pd.DataFrame(train["x"], columns=train["features"])[columns]
        # Beside other numbers the client would write 0 and 1 as 0.0 and 1.0, and name the levels so.
        x.insert(0, "label", train["y"].astype(str))
        numbers = "int" if train["y"].dtype.kind in "iub" else "real"
        frame = h2o.H2OFrame(x, column_types={"label": numbers if numeric_label else "enum"})
        if test is None:
            return {"train": frame, "test": None, "remove": [frame]}
        if "test" in rows:
            return {"train": frame, "test": known_frame(rows["test"]), "remove": [frame]}
        uploaded = h2o.H2OFrame(pd.DataFrame(test["x"], columns=test["features"])[columns])
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


def weights_of(model: Any, layers: int) -> Plain:
    """Weights (in, out), where H2O keeps (out, in), and biases (out,).

    Read as the server writes them: the client describes each of these frames first, which takes longer.
    """
    output = model._model_json["output"]
    return {
        "weights": [values(output["weights"][layer]["name"]).T for layer in range(layers)],
        "biases": [values(output["biases"][layer]["name"])[:, 0] for layer in range(layers)],
    }


def values(key: str) -> Any:
    """The numbers of a frame on the server, (rows, columns)."""
    import h2o
    import numpy as np

    address = f"{h2o.connection().base_url}/3/DownloadDataset?frame_id={urllib.parse.quote(key)}"
    with urllib.request.urlopen(address) as reply:
        lines = reply.read().decode().splitlines()[1:]
    return np.array([line.split(",") for line in lines], dtype=float)
