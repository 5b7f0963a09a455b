"""The lock freezes what engines were, and a change is named exactly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from parity.compare.lock import ABSENT, compared, dumped, frozen, read_lock
from parity.errors import RequestError
from parity.study.tables import Table
from tests.parity.conftest import Parity

ROOT = Path(__file__).parents[2]


def row(name: str, declared: object, effective: object = None, *, told: bool = False) -> dict[str, object]:
    return {
        "function": "Model",
        "name": name,
        "declared": declared,
        "required": False,
        "effective": effective,
        "effective_from": "the model" if told else "",
    }


def lock_of(*rows: dict[str, object], version: str = "1.0") -> dict[str, object]:
    return frozen([Table("py-sklearn", "leekasso-lm", {"scikit-learn": version, "file": "abc"}, rows)])


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    lock = lock_of(row("C", 1.0, 1.0, told=True), row("name", "ä <b>"))
    path = tmp_path / "parity.lock"
    path.write_text(dumped(lock))
    assert read_lock(path) == lock
    assert '     "Model: C": {"declared": 1.0, "effective": 1.0},' in path.read_text().splitlines()


def test_a_change_is_named_with_both_values_and_nothing_else_is() -> None:
    before = lock_of(row("C", 1.0, 1.0, told=True), row("tol", 1e-4), row("gone", 3))
    after = lock_of(row("C", 1.0, 2.0, told=True), row("tol", 1e-4), row("new", None), version="1.1")
    found = compared(before, after)
    assert [(c.native, c.what, c.before, c.after) for c in found.changes] == [
        ("Model: C", "effective", 1.0, 2.0),
        ("Model: gone", "parameter", 3, ABSENT),
        ("Model: new", "parameter", ABSENT, None),
    ]
    assert found.versions == (("py-sklearn", "scikit-learn", "1.0", "1.1"),)
    assert found.compared == 2


def test_an_engine_that_is_not_there_is_not_a_match() -> None:
    found = compared(lock_of(row("C", 1.0)), {"schema": "parity-lock/1", "engines": {}}, [("py-sklearn", "no package")])
    assert found.compared == 0
    assert found.not_compared == (("py-sklearn", "no package"),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": "parity-lock/9", "engines": {}}', "has the schema 'parity-lock/9'"),
        ('{"engines": {}}', "has the schema None"),
        ("[1, 2]", "has the schema None"),
        ('{"schema": "parity-lock/1"', "cannot be read"),
        ('{"schema": "parity-lock/1", "engines": {"r-stats": []}}', "is damaged at engine 'r-stats'"),
    ],
)
def test_a_lock_of_another_kind_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "parity.lock"
    path.write_text(text)
    with pytest.raises(RequestError, match=says.replace("[", r"\[")):
        read_lock(path)


def test_the_lock_in_this_repository_covers_every_engine_and_method() -> None:
    from parity.engines.sheet import engines
    from parity.spec.study import METHODS

    lock = read_lock(ROOT / "parity.lock")
    for engine in engines().values():
        fitting = {method for method, spec in METHODS.items() if spec.family in engine.fits}
        assert set(lock["engines"].get(engine.id, {"methods": {}})["methods"]) == fitting


def test_a_default_planted_in_an_installed_package_shows_in_the_table_and_fails_the_check(
    parity: Parity, tmp_path: Path
) -> None:
    """A patched copy of scikit-learn takes the place of the real one, with the same version."""
    real = Path(str(find_spec("sklearn").origin)).parent  # type: ignore[union-attr]
    shutil.copytree(real, tmp_path / "site" / "sklearn", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    libraries = real.with_name("scikit_learn.libs")
    if libraries.is_dir():  # what its wheel brings for Linux lies beside it
        shutil.copytree(libraries, tmp_path / "site" / libraries.name)
    logistic = tmp_path / "site" / "sklearn" / "linear_model" / "_logistic.py"
    text = logistic.read_text()
    assert text.count("        tol=1e-4,\n") >= 1
    logistic.write_text(text.replace("        tol=1e-4,\n", "        tol=3e-4,\n"))
    asked = ("defaults", "leekasso-glm", "--engine", "py-sklearn")
    lock = ("--lock-file", tmp_path / "parity.lock")
    cache = {"PARITY_CACHE": str(tmp_path / "cache")}
    assert parity(*asked, "--lock", *lock, **cache).returncode == 0
    assert parity(*asked, "--check", *lock, **cache).returncode == 0
    patched = parity(
        *asked, "--check", *lock, "--json", tmp_path / "out.json", **cache, PYTHONPATH=str(tmp_path / "site")
    )
    assert patched.returncode == 1, patched.stderr
    changes = json.loads((tmp_path / "out.json").read_text())["changes"]["changes"]
    assert {(c["native"], c["what"], c["before"], c["after"]) for c in changes} == {
        ("LogisticRegression: tol", "declared", 1e-4, 3e-4),
        ("LogisticRegression: tol", "effective", 1e-4, 3e-4),
    }
    assert "LogisticRegression: tol  declared: 0.0001 -> 0.0003" in patched.stdout


OLD = "scikit-learn==1.5.2"

ASK = """
import importlib, inspect, json
names = ["linear_model.LinearRegression", "linear_model.LogisticRegression", "neural_network.MLPClassifier",
         "feature_selection.SelectKBest"]
told = {}
for name in names:
    module, cls = name.split(".")
    found = inspect.signature(getattr(importlib.import_module(f"sklearn.{module}"), cls)).parameters
    told[cls] = {n: getattr(p.default, "__name__", repr(p.default)) for n, p in found.items()}
print(json.dumps(told))
"""
"Asks scikit-learn itself, with nothing of parity."


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python of its own with an older scikit-learn."""
    folder = tmp_path_factory.mktemp("old")
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", OLD, "numpy<2.3"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{OLD} cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return python


def told_by(python: str) -> dict[str, dict[str, str]]:
    done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_two_environments_differ_in_exactly_the_defaults_that_scikit_learn_itself_says(
    parity: Parity, old_python: str, tmp_path: Path
) -> None:
    old, new = told_by(old_python), told_by(sys.executable)
    expected = {
        (f"{cls}: {name}", "declared" if name in old[cls] and name in new[cls] else "parameter")
        for cls in new
        for name in old[cls].keys() | new[cls].keys()
        if old[cls].get(name) != new[cls].get(name)
    }
    assert expected, "the two versions must differ for this test to say anything"
    run = parity("defaults", "--engine", "py-sklearn", "--against", old_python, "--json", tmp_path / "out.json")
    assert run.returncode == 0, run.stderr
    document = json.loads((tmp_path / "out.json").read_text())["changes"]
    found = {(c["native"], c["what"]) for c in document["changes"] if c["native"].split(":")[0] in new}
    assert {(native, what) for native, what in found if what != "effective"} == expected
    assert ("py-sklearn", "scikit-learn", "1.5.2") in {
        (v["engine"], v["package"], v["before"]) for v in document["versions"]
    }


@pytest.mark.slow
def test_a_lock_of_the_old_environment_fails_in_the_new_one_on_the_same_defaults(
    parity: Parity, old_python: str, tmp_path: Path
) -> None:
    """The old state is written from what --against read there, and checked here."""
    from parity.study.elsewhere import tables_elsewhere
    from parity.survey import questions_of

    questions, _ = questions_of(["leekasso-glm"], ["py-sklearn"])
    lock = tmp_path / "parity.lock"
    lock.write_text(dumped(frozen(tables_elsewhere(old_python, questions))))
    run = parity("defaults", "leekasso-glm", "--engine", "py-sklearn", "--check", "--lock-file", lock)
    assert run.returncode == 1
    assert "LogisticRegression: penalty  declared: l2 -> deprecated" in run.stdout
    assert "LogisticRegression: l1_ratio  declared: none -> 0" in run.stdout
    assert "LogisticRegression: C " not in run.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("mlp-lek",), "unknown method 'mlp-lek'; did you mean 'mlp-leek'?"),
        (("mlp-leek", "--engine", "py-sklear"), "unknown engine 'py-sklear'; did you mean 'py-sklearn'?"),
        (("mlp-leek", "--engine", "r-stats"), "engine r-stats does not fit mlp-leek; these do:"),
        (("mlp-leek", "--diff", "py-sklearn", "py-sklern"), "unknown engine 'py-sklern'"),
        (("mlp-leek", "--engine", "py-sklearn", "--parameter", "alfa"), "unknown parameter 'alfa'"),
        (("--engine", "py-sklearn", "--against", "/bin/ls"), "'/bin/ls' is not a Python that answers"),
        (("--engine", "py-sklearn", "--against", "no/such/python"), "is not a Python that answers"),
        (("--engine", "py-sklearn", "--check", "--lock-file", "nowhere.lock"), "there is no lock nowhere.lock"),
        (("--diff", "r-stats", "py-sklearn"), "name the METHOD"),
        (("--check", "--lock"), "--lock and --check exclude each other"),
        (("mlp-leek", "--override", "py-sklearn"), "must be written as ENGINE.NAME=VALUE"),
    ],
)
def test_a_wrong_request_is_one_line_that_says_what_would_be_right(
    parity: Parity, arguments: tuple[str, ...], says: str
) -> None:
    run = parity("defaults", *arguments)
    assert run.returncode == 2
    assert says in run.stderr and run.stderr.count("\n") == 1 and "Traceback" not in run.stderr
