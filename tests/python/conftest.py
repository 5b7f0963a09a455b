"""Engine files loaded by path as workers load them, a data set with known structure, and an H2O server."""

from __future__ import annotations

import functools
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity.engines.h2o_server import H2OServer

ENGINES = Path(__file__).parents[2] / "python"


@functools.cache
def load_engine(name: str) -> ModuleType:
    """The file `python/<name>_engine.py` as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_engine", ENGINES / f"{name}_engine.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digits(n: int = 60) -> dict[str, Any]:
    """Zeros and ones of scikit-learn's digits: n rows to train on, the other 360 - n to predict; 64 pixels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    kept = data.target < 2
    x, y = data.data[kept], data.target[kept]
    features = [f"pixel{i}" for i in range(x.shape[1])]
    train = {"x": x[:n], "y": y[:n], "features": features, "rows": np.arange(n)}
    test = {"x": x[n:], "features": features, "rows": np.arange(n, len(x))}
    return {"train": train, "test": test, "y_test": y[n:]}


def overlapping(n: int = 80) -> dict[str, Any]:
    """Four normal columns, a constant one, and classes that overlap, so that logistic regression converges."""
    generator = np.random.default_rng(11)
    x = np.column_stack([generator.normal(size=(2 * n, 4)), np.full(2 * n, 3.0)])
    y = (x[:, 0] - x[:, 1] + generator.normal(size=2 * n) > 0).astype(int)
    features = ["a", "b", "c", "d", "flat"]
    train = {"x": x[:n], "y": y[:n], "features": features, "rows": np.arange(n)}
    test = {"x": x[n:], "features": features, "rows": np.arange(n, 2 * n)}
    return {"train": train, "test": test, "y_test": y[n:]}


def logistic_score(x: np.ndarray, y: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Gradient of the summed log-likelihood at an intercept and coefficients: (1 + k,)."""
    design = np.column_stack([np.ones(len(x)), x])
    return design.T @ (y - 1 / (1 + np.exp(-design @ coefficients)))


def run_printed(code: str, data: dict[str, Any], columns: list[str] | None = None) -> dict[str, Any]:
    """The names that a translation's code leaves behind when it is run as a user would paste it."""
    train, test = data["train"], data["test"]
    x, x_test = train["x"], test["x"]
    if columns is not None:
        kept = [train["features"].index(name) for name in columns]
        x, x_test = x[:, kept], x_test[:, kept]
    names = {"x_train": x, "y_train": train["y"], "x_test": x_test}
    exec(code, names)
    return names


@pytest.fixture(scope="module")
def h2o_server() -> Iterator[H2OServer]:
    """A JVM of our own for one test module."""
    if shutil.which("java") is None:
        pytest.skip("there is no java here")
    import h2o

    with H2OServer(Path(h2o.__file__).parent / "backend" / "bin" / "h2o.jar") as server:
        server.start()
        server.ready()
        yield server
