"""Small real studies that several tests run."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from parity.data import Data, Source, load
from parity.engines import own_engine
from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.spec.protocol import Draws, Protocol, make_draws
from parity.spec.study import METHODS
from parity.study.cells import Cell, cell
from parity.study.executor import Executor
from parity.study.store import Result, Store

DIGITS = Source("digits", classes=(0, 1))

of_explain = pytest.mark.skipif(os.environ.get("PARITY_EXPLAIN") != "all", reason="takes minutes: make test-explain")
"Marks what every change of the explainer has to pass, and no other change needs to wait for."


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips a test where one of these engines does not run: R can be there without the packages that it needs."""
    idle = [name for name in names if any(gap.blocking for gap in missing(engine(name)))]
    return pytest.mark.skipif(bool(idle), reason=f"{', '.join(idle)} does not run here")


def fitting(store: Store, executor: Executor) -> Callable[[Sequence[Cell]], dict[str, Result]]:
    """What a bench of explanations asks for fits: results by key, of cells that the store has or the executor fits."""

    def fits(cells: Sequence[Cell]) -> dict[str, Result]:
        executor.run(cells)
        return {cell.key: found for cell in cells if (found := store.get(cell.key)) is not None}

    return fits


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of tables and probes for all tests, and not the user's."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["PARITY_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="module")
def forgotten_engines() -> Iterator[None]:
    """Engine files that a test names are known to it alone: whoever lists all engines afterwards does not find them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(own_engine.VARIABLE, "{}")
        yield


@pytest.fixture(scope="session")
def digits() -> tuple[Data, Draws]:
    data = load(DIGITS)
    return data, make_draws(Protocol(sizes=(20, 30), draws=3), data)


@pytest.fixture(scope="session")
def cells(digits: tuple[Data, Draws]) -> list[Cell]:
    """Six cells that nothing has fitted."""
    data, draws = digits
    sheet = engine("py-sklearn")
    return [cell(sheet, "leekasso-lm", METHODS["leekasso-lm"], data, draws.test, d, {"v": "1"}) for d in draws.train]


@pytest.fixture
def result() -> Result:
    return Result("done", {"seconds": 0.5, "messages": ["ä <b>"]}, {"probability": np.array([0.25, 1.0])})


Parity = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def parity() -> Parity:
    """Runs the command line as a user does, in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "parity.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            # How wide the terminal is that pytest runs in is nobody's concern.
            env={**os.environ, "COLUMNS": "120", **environ},
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a study.toml on the digits; keywords replace or add lines."""

    def write(**lines: str) -> Path:
        start = {
            "data": '"digits"',
            "classes": "[0, 1]",
            "sizes": "[20]",
            "draws": "2",
            "methods": '["leekasso-lm"]',
            "engines": '["py-sklearn"]',
        }
        path = tmp_path / "study.toml"
        path.write_text("".join(f"{k} = {v}\n" for k, v in {**start, **lines}.items() if v))
        return path

    return write


def with_rows(cell: Cell, rows: np.ndarray) -> Cell:
    """The same cell under another draw."""
    return dataclasses.replace(cell, draw=dataclasses.replace(cell.draw, rows=rows))
