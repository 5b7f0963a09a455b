"""The same tables from another Python's installation: what changed when I upgraded?"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.engines.environment import java
from parity.engines.h2o_server import H2OServer
from parity.engines.sheet import PACKAGE
from parity.engines.worker import jsonable
from parity.errors import RequestError
from parity.spec.models import plain
from parity.study.processes import environ_of, one_thread
from parity.study.tables import ASK_SECONDS, Table, fit_options, rows_for

if TYPE_CHECKING:
    from parity.study.tables import Question

Plain = dict[str, Any]

LOOK_SECONDS = 30.0
"An interpreter says in a tenth of a second who it is; some network disks take longer."

_WHO = """
import importlib.metadata as metadata, importlib.util as util, json, pathlib, sys
def version(names):
    for name in names:
        try: return metadata.version(name)
        except metadata.PackageNotFoundError: pass
found = util.find_spec("h2o")
jar = pathlib.Path(found.origin).parent / "backend" / "bin" / "h2o.jar" if found and found.origin else None
print(json.dumps({"version": list(sys.version_info[:2]), "jar": str(jar) if jar and jar.exists() else None,
    "packages": {name: version(others) for name, others in json.loads(sys.argv[1]).items()}}))
"""
"What an interpreter tells of itself with the standard library alone."

_ANSWER = """
import json, sys
from parity.engines.worker import answer_question
import numpy as np
answers = []
for engine, spec, train, options in json.load(sys.stdin):
    train = {**train, "x": np.array(train["x"]), "y": np.array(train["y"]), "rows": np.array(train["rows"])}
    try:
        answers.append(answer_question(engine, "defaults", spec, train, options))
    except Exception as error:
        answers.append(f"{type(error).__name__}: {error}")
with open(sys.argv[1], "w") as answer:
    json.dump(answers, answer)
    answer.flush()
import os
os._exit(0)  # R's and TensorFlow's finalizers can hang
"""
"What it answers with its own frameworks and with the engine files of this parity, which needs NumPy there."


def tables_elsewhere(python: str, questions: Sequence[Question]) -> list[Table]:
    """The tables that another interpreter's installation gives, in the order of the questions.

    Engines that it cannot run have tables without rows and with the reason. Raises RequestError where `python` is no
    Python, or older than parity itself needs.
    """
    told = who(python, questions)
    found: dict[int, Table] = {}
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parity-elsewhere-")))
        # parity itself and nothing that is installed beside it.
        (folder / "parity").symlink_to(PACKAGE)
        server = None
        if told["jar"] and (found_java := java()) and any(q.engine.runtime == "h2o" for q in questions):
            server = stack.enter_context(H2OServer(Path(told["jar"]), found_java.path, folder))
            server.start()
        for runtime in dict.fromkeys(question.engine.runtime for question in questions):
            places = [i for i, question in enumerate(questions) if question.engine.runtime == runtime]
            asked = [questions[i] for i in places]
            address = None
            if runtime == "h2o" and server is not None:
                server.ready()
                address = server.address
            answers = _ask(python, runtime, asked, folder, address)
            for i, answer in zip(places, answers, strict=True):
                there = {name: told["packages"].get(name) or here for name, here in questions[i].versions.items()}
                rows, reason = ((), answer) if isinstance(answer, str) else (tuple(answer), "")
                found[i] = Table(questions[i].engine.id, questions[i].method, there, rows, reason)
    return [found[i] for i in range(len(questions))]


def who(python: str, questions: Sequence[Question] = ()) -> Plain:
    """What an interpreter is: {"version": [3, 11], "jar": H2O's or None, "packages": {name: version}}."""
    from parity.engines.environment import DISTRIBUTIONS

    names = {name for question in questions for name in question.versions if name != "file"}
    distributions = {name: list(DISTRIBUTIONS.get(name, (name,))) for name in sorted(names)}
    command = [python, "-c", _WHO, json.dumps(distributions)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOOK_SECONDS, check=True)
        told: Plain = json.loads(done.stdout)
        version = tuple(told["version"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"'{python}' is not a Python that answers ({_first_line(error)}); name an interpreter, "
            "for example ENVIRONMENT/bin/python"
        ) from None
    if version < (3, 11):
        raise RequestError(f"{python} is Python {version[0]}.{version[1]}; parity's engine files need 3.11 or newer")
    return told


def _ask(python: str, runtime: str, asked: Sequence[Question], folder: Path, server: Plain | None) -> list[Any]:
    """Rows for each question, or the reason why there are none."""
    given = [[q.engine.id, plain(q.spec), jsonable(rows_for(q)), {**fit_options(q), "server": server}] for q in asked]
    answer = folder / f"{runtime}.json"
    environ = {**os.environ, **environ_of(runtime), "PYTHONPATH": str(folder), "RETICULATE_PYTHON": python}
    environ.pop("PYTHONHOME", None)
    try:
        done = subprocess.run(
            [python, "-c", _ANSWER, str(answer)],
            input=json.dumps(given).encode(),
            env=environ,
            capture_output=True,
            timeout=ASK_SECONDS * len(asked),
            check=False,
        )
        answers: list[Any] = json.loads(answer.read_text())
        return answers
    except (OSError, ValueError):
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return [words[-1][:300] if words else f"it ended with exit code {done.returncode}"] * len(asked)
    except subprocess.TimeoutExpired:
        return [f"no answer within {ASK_SECONDS * len(asked):g} s"] * len(asked)


def _first_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        words = error.stderr.decode(errors="replace").strip().splitlines()
        return words[-1][:200] if words else f"exit code {error.returncode}"
    return str(getattr(error, "strerror", None) or error).splitlines()[0][:200]
