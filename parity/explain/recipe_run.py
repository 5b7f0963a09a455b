"""A script in a fresh process that knows nothing of this one, and the accuracy that it prints."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parity.engines import jax_on_cpu
from parity.engines.environment import r
from parity.study.processes import ONE_THREAD, environ_of

HALTED = "Execution halted"
"What R says last of an error is that it ends."

RUN_SECONDS = 300.0
"The slowest network of the presets takes 90 s in a process of its own, Keras' start included; three times that hangs."

LAST_WORDS = 300
"Characters of a process' last line: enough for the sentence in which R and Python say what went wrong."


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a script. accuracy: the number on the last line that it printed; why: where there is none."""

    accuracy: float | None
    why: str = ""


def run(script: Path, language: str, runtime: str, device: str = "cpu", seconds: float = RUN_SECONDS) -> Run:
    """Run a script in the folder in which it lies, with the environment that workers of its runtime have."""
    with tempfile.TemporaryDirectory(prefix="parity-recipe-", ignore_cleanup_errors=True) as temporary:
        environ = {**ONE_THREAD, **os.environ, **environ_of(runtime, device), "TMPDIR": temporary}
        environ |= jax_on_cpu.environ(environ)
        printed, said = Path(temporary) / "stdout", Path(temporary) / "stderr"
        with printed.open("wb") as out, said.open("wb") as err:
            process = subprocess.Popen(
                [*command(language), script.name],
                cwd=script.parent,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
        lines, words = _lines(printed), _lines(said)
    accuracy = _number(lines[-1]) if lines else None
    if accuracy is not None and code == 0:
        return Run(accuracy)
    told = [line for line in words if line != HALTED] or words or lines or ["it said nothing"]
    last = told[-1][:LAST_WORDS].rstrip(".")
    ended = f"took longer than {seconds:g} s" if code is None else f"ended with exit code {code}"
    return Run(None, f"It was run and {ended}; its last words: {last}.")


def command(language: str) -> list[str]:
    """What starts a script of a language."""
    if language == "Python":
        return [sys.executable]
    found = r()
    own = shutil.which(str(Path(found.home, "bin", "Rscript"))) if found is not None else None
    return [own or "Rscript"]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a script with all that it has started: a server of H2O's outlives a script that failed."""
    import psutil

    try:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    except psutil.NoSuchProcess:
        children = []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(errors="replace").splitlines() if line.strip()]


def _number(line: str) -> float | None:
    try:
        return float(line)
    except ValueError:
        return None
