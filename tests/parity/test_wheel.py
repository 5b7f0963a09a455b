"""The wheel works away from the checkout, R files included."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.engines.environment import missing
from parity.engines.sheet import checkout, engine, engines

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = checkout()
    if root is None:
        pytest.skip("there is no checkout to build a wheel from")
    out = tmp_path_factory.mktemp("dist")
    # The environment that runs the tests has the build backend; fetching another would need a network.
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the wheel's command line in an empty folder; the libraries are those of this environment."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        root = checkout()
        assert root is not None
        environ = {**os.environ, "PYTHONPATH": str(site), "PARITY_R_LIBRARY": str(root / ".r-library")}
        command = [sys.executable, "-m", "parity.cli", *arguments]
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)

    where = subprocess.run(
        [sys.executable, "-c", "import parity; print(parity.__file__)"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(site)), "the checkout was imported, not the wheel"
    return run


def test_the_wheel_carries_every_engine_file_and_the_data(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {"R": "parity/engine_files/r_scripts", "Python": "parity/engine_files/python"}
    assert {f"{folders[e.language]}/{e.file}" for e in engines().values()} <= names
    needed = ("engines/engines.toml", "mnist/mnist01.npy.xz", "reference/leek2017_curve.csv", "report/report.md.j2")
    assert {f"parity/{name}" for name in needed} <= names
    assert "parity/engine_files/r_scripts/figure.R" in names


def test_doctor_and_engines_answer_from_the_wheel(installed: Callable[..., subprocess.CompletedProcess[str]]):
    assert "py-sklearn" in installed("engines").stdout
    done = installed("doctor")
    assert done.returncode == 0 and "py-sklearn" in done.stdout, done.stderr


def test_run_fits_with_an_r_engine_from_the_wheel(installed: Callable[..., subprocess.CompletedProcess[str]]):
    if any(gap.blocking for gap in missing(engine("r-stats"))):
        pytest.skip("r-stats does not run here")
    done = installed("run", "leek2017", "--engine", "r-stats", "--engine", "py-statsmodels", "--draws", "1")
    assert done.returncode == 0, done.stderr
    assert "r-stats" in done.stdout and "not run" not in done.stderr
