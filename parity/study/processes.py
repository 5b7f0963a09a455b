"""What worker processes are started with: their environment, their server, their temporary folders, their ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parity.engines.environment import h2o_jar, java, r_environ

if TYPE_CHECKING:
    from parity.engines.h2o_server import H2OServer

KERAS_BACKENDS = {"keras-tensorflow": "tensorflow", "keras-jax": "jax", "keras-torch": "torch", "r-keras": "tensorflow"}

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"Workers run side by side, one a core; a BLAS that spreads over all cores in each of them would slow all of them down."

RUN_FOLDER = "parity-run-"
"Temporary folders are called by this and the process id of their run, so that a later run knows what was left behind."


def new_server(folder: Path, *, short_lived: bool = False) -> H2OServer:
    """A server that has not been started; the engines' requirements have been checked before."""
    from parity.engines.h2o_server import JVM_OPTIONS, SHORT_LIVED, H2OServer

    jar, found = h2o_jar(), java()
    assert jar is not None and found is not None
    return H2OServer(jar, found.path, folder, SHORT_LIVED if short_lived else JVM_OPTIONS)


def environ_of(runtime: str, device: str = "cpu") -> dict[str, str]:
    """Environment variables of a runtime's workers; what the user has set stays."""
    environ = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    if runtime in KERAS_BACKENDS:
        environ["KERAS_BACKEND"] = KERAS_BACKENDS[runtime]
    if device == "cpu":
        environ |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    if runtime in {"r", "r-keras", "h2o"}:
        environ.update(r_environ())
    return environ


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold worker processes to one BLAS thread each, where the user has not said otherwise.

    A library reads these variables as it loads, and unpickling a worker's first argument loads NumPy: they have to
    stand in the environment that the process starts with.
    """
    added = {name: value for name, value in ONE_THREAD.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def sweep() -> None:
    """Remove the temporary folders of runs that were killed."""
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{RUN_FOLDER}*"):
        owner = folder.name.removeprefix(RUN_FOLDER).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def died_of(code: int | None) -> str:
    """An exit code in words.

    >>> died_of(-9)
    'SIGKILL'
    """
    if code is None:
        return "unknown cause"
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"
