"""The fixed rows that defaults are probed on: forty images to train on, in the forms that tell behaviours apart."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.data import Data, Source, content_hash, load
from parity.spec.protocol import Draw, Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAIN, TEST = 40, 200
"Rows of each: enough for two batches of 32 and few enough for a thousand fits of every engine."

FEW = 10
"Rows on which a network is trained only to read back its parameters, of which none depends on the data."

SEED = 20170525
"What engines draw by themselves starts from it in every probe."

PROBE = Source("probe")

FORMS = {
    "as-is": "zeros and ones of MNIST, every second pixel of every second row, nearly half of them constant",
    "other-units": "the same, each column multiplied by a power of two between 1/8 and 8",
    "reversed": "the same rows in the opposite order",
    "without-first": "without the first row",
    "missing": "one value of the first row missing, in a pixel that differs between the classes",
}
"Form of the training rows -> what it is. Each has a draw of its own."


@functools.cache
def probe_data() -> Data:
    """The pool: training rows and test rows as they are, both in other units, and the training rows with a gap.

    x: (3 * TRAIN + 2 * TEST, 196), NaN for the missing value.
    """
    pool = load(Source("mnist01"))
    grid = [28 * row + column for row in range(0, 28, 2) for column in range(0, 28, 2)]
    x = np.asarray(pool.x[: TRAIN + TEST, grid], dtype=np.float64)
    y = pool.y[: TRAIN + TEST]
    units = x * 2.0 ** (np.arange(len(grid)) % 7 - 3)
    gap = x[:TRAIN].copy()
    gap[0, _telling(gap, y[:TRAIN])] = np.nan
    table = np.concatenate([x, units, gap])
    labels = np.concatenate([y, y, y[:TRAIN]])
    features = tuple(f"pixel{i}" for i in grid)
    return Data("probe", table, labels, features, content_hash(table, labels, features))


@functools.cache
def probe_draws() -> Draws:
    """One draw for each form, in the order of FORMS; the test rows are those as they are, then in other units."""
    size = TRAIN + TEST
    rows: dict[str, NDArray[np.int64]] = {
        "as-is": np.arange(TRAIN),
        "other-units": np.arange(size, size + TRAIN),
        "reversed": np.arange(TRAIN)[::-1].copy(),
        "without-first": np.arange(1, TRAIN),
        "missing": np.arange(2 * size, 2 * size + TRAIN),
    }
    test = np.concatenate([np.arange(TRAIN, size), np.arange(size + TRAIN, 2 * size)])
    return Draws(test, tuple(Draw(len(rows[form]), index, rows[form], SEED) for index, form in enumerate(FORMS)))


def tested(form: str) -> slice:
    """Which of the test rows are in the units of the training rows of that form."""
    return slice(TEST, 2 * TEST) if form == "other-units" else slice(0, TEST)


def train_rows() -> dict[str, Any]:
    """The training rows as engines are given them."""
    data, draw = probe_data(), probe_draws().train[0]
    x, y = np.asarray(data.x[draw.rows], dtype=np.float64), data.y[draw.rows].astype(np.int64)
    return {"x": x, "y": y, "features": list(data.features), "rows": draw.rows}


def few_rows() -> dict[str, Any]:
    """FEW of the training rows and as many columns that vary among them: enough to ask a network what it is made of."""
    rows = train_rows()
    x = rows["x"][:FEW]
    columns = np.flatnonzero(x.std(axis=0) > 0)[:FEW]
    features = [rows["features"][column] for column in columns]
    return {"x": x[:, columns], "y": rows["y"][:FEW], "features": features, "rows": rows["rows"][:FEW]}


def few_images(rows: int, columns: int) -> dict[str, Any]:
    """FEW whole images of that size, for a network that needs its columns to be one: MNIST's, cut or repeated."""
    pool = load(Source("mnist01"))
    x = np.resize(np.asarray(pool.x[:FEW], dtype=np.float64), (FEW, rows * columns))
    features = [f"pixel{i}" for i in range(rows * columns)]
    return {"x": x, "y": pool.y[:FEW].astype(np.int64), "features": features, "rows": np.arange(FEW)}


def _telling(x: NDArray[np.float64], y: NDArray[np.int8]) -> int:
    """The column whose class means lie furthest apart."""
    return int(np.argmax(np.abs(x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0))))
