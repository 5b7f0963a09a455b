"""A wrong request gets one line that says what, where and what would be right, and exit code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from parity.report.document import SCHEMA_FILE
from parity.study.store import Store
from tests.parity.conftest import Parity

StudyFile = Callable[..., Path]


def refused(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one line of a refusal."""
    assert done.returncode == code, done.stderr + done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("parity: ")
    return line


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ({"engines": '["py-sklern"]'}, "unknown engine 'py-sklern'; did you mean 'py-sklearn'?"),
        ({"methods": '["leekaso-lm"]'}, "unknown method 'leekaso-lm'; did you mean 'leekasso-lm'?"),
        ({"data": '"digit"'}, "unknown data set 'digit'; did you mean 'digits'?"),
        ({"size": "[3]"}, "unknown key 'size' in .*study.toml; did you mean 'sizes'?"),
        ({"sizes": "[400]"}, "size 400 is larger than the 288 rows of digits"),
        ({"sizes": "[1]"}, "size 1 is too small"),
        ({"sizes": '["ten"]'}, "Expected `int`, got `str`"),
        ({"sizes": ""}, "has no 'sizes'"),
        ({"draws": "0"}, "draws is 0"),
        ({"classes": "[0, 17]"}, "class '17' is not in digits"),
        ({"classes": ""}, "has 10 classes"),
        ({"mode": '"shiped"'}, "Invalid enum value 'shiped'"),
        ({"methods": "{ mine = { kind = 'leekasso', kk = 3 } }"}, "unknown key 'kk' in .*did you mean 'k'?"),
        ({"methods": "{ mine = { kind = 'leekasso', k = 0 } }"}, "Leekasso k is 0; it must be at least 1"),
        ({"methods": "{ mine = { kind = 'lasso' } }"}, "did you mean 'leekasso'?"),
        ({"engines": '["r-liblinear"]'}, "engine r-liblinear fits liblinear, linear, and study study asks for lm"),
        ({"overrides": "{ py-sklern = { C = 1 } }"}, "unknown engine 'py-sklern'"),
        ({"only": "{ py-sklearn = ['leekasso-glm'] }"}, "unknown method 'leekasso-glm' in only.py-sklearn"),
        ({"data": "digits"}, "is not TOML"),
        ({"overrides": "{ py-sklearn = { C = 2020-01-01 } }"}, "write a number, text, true, false or a list"),
    ],
)
def test_a_wrong_study_is_refused(
    parity: Parity, study_file: StudyFile, tmp_path: Path, lines: dict[str, str], sentence: str
):
    done = parity("run", study_file(**lines), cwd=tmp_path)
    assert re.search(sentence, refused(done))
    assert not (tmp_path / "parity.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rum", "leek2017"], "unknown command 'rum'; did you mean 'run'?"),
        (["run", "leek2016"], "unknown preset 'leek2016'; did you mean 'leek2017'?"),
        (["reproduce", "leek2016"], "unknown preset 'leek2016'; did you mean 'leek2017'?"),
        (["run", "leek2017", "--engine", "r-stat"], "unknown engine 'r-stat'; did you mean 'r-stats'?"),
        (["run", "nowhere.toml"], "study nowhere.toml cannot be read"),
        (["run", "leek2017", "--drws", "3"], "No such option '--drws'"),
        (["run", "leek2017", "--data", "nowhere.csv"], "there is no file nowhere.csv"),
        (["translate", "leekasso-lm", "--engine", "r-liblinear"], "does not fit leekasso-lm; these do: r-stats"),
        (["translate", "leekaso", "--engine", "r-stats"], "unknown method 'leekaso'; did you mean 'leekasso-"),
        (["translate", "leekasso-lm", "--engine", "py-sklearn", "--override", "C"], "write it as NAME=VALUE"),
        (["translate", "leekasso-lm", "--engine", "py-sklearn", "--override", "foo=1"], "foo"),
        (["run", "leek2017", "--classes", "0"], "must be two labels with a comma between"),
        (["run", "leek2017", "--data", "digits", "--classes", "0,17"], "class '17' is not in digits"),
        (["store", "export", "nowhere.sqlite"], "there is no store nowhere.sqlite"),
        (["store", "merge", "new.sqlite", "nowhere.sqlite"], "there is no store nowhere.sqlite"),
    ],
)
def test_a_wrong_command_line_is_refused(parity: Parity, tmp_path: Path, arguments: list[str], sentence: str):
    assert sentence in refused(parity(*arguments, cwd=tmp_path))


def test_an_engine_that_lacks_its_framework_is_not_run_with_the_command_that_mends_it(
    parity: Parity, study_file: StudyFile, tmp_path: Path
):
    empty = tmp_path / "nothing"
    empty.mkdir()
    path = study_file(engines='["r-stats", "py-sklearn"]')
    done = parity("run", path, "--json", "d.json", cwd=tmp_path, PATH=str(empty), R_HOME="")
    assert done.returncode == 0, done.stderr
    assert "r-stats: not run (needs R" in done.stderr and "mend:" in done.stderr
    document = json.loads((tmp_path / "d.json").read_text())
    assert [entry["engine"] for entry in document["not_run"]] == ["r-stats"]
    only_r = parity("run", study_file(engines='["r-stats"]'), cwd=tmp_path, PATH=str(empty), R_HOME="")
    assert "no engine of study runs here" in refused(only_r, code=3)


def test_run_prints_a_document_that_its_schema_accepts(parity: Parity, study_file: StudyFile, tmp_path: Path):
    done = parity("run", study_file(methods='["leekasso-lm", "leekasso-glm"]'), "--json", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert len(document["cells"]) == 4 and all(cell["status"] == "done" for cell in document["cells"])
    again = parity("run", study_file(methods='["leekasso-lm", "leekasso-glm"]'), cwd=tmp_path)
    assert "nothing to fit, 4 were in the store" in again.stdout


@pytest.mark.parametrize("command", [["engines"], ["doctor"]])
def test_listings_print_documents_that_the_schema_accepts(parity: Parity, command: list[str]):
    document = json.loads(parity(*command, "--json", "-").stdout)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))


def test_the_schema_refuses_a_document_that_lies():
    schema = json.loads(SCHEMA_FILE.read_text())
    good = {"schema": "parity/1", "kind": "engines", "environment": {}, "comparisons": [], "counts": {}}
    jsonschema.validate(good, schema)
    for wrong in ({"schema": "parity/2"}, {"kind": "studies"}, {"kind": "study"}, {"counts": {"identical": -1}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, schema)


def test_an_engine_file_and_column_names_cannot_break_out_of_a_report(parity: Parity, tmp_path: Path):
    import numpy as np

    rng = np.random.default_rng(0)
    hostile = '<script>alert(1)</script>|`rm -rf`, "q"'
    rows = [f"{i % 2},{i % 2 + rng.normal()},{rng.normal()}" for i in range(60)]
    (tmp_path / "a|b<i>.csv").write_text('label,"' + hostile.replace('"', '""') + '",b\n' + "\n".join(rows))
    study = tmp_path / "s.toml"
    study.write_text(
        'name = "<b>x|y"\ndata = "a|b<i>.csv"\nsizes = [12]\nmethods = ["leekasso-lm"]\nengines = ["py-sklearn"]\n'
    )
    done = parity("run", study, "--json", "d.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    from parity.report.markdown import markdown

    text = markdown(json.loads((tmp_path / "d.json").read_text()))
    assert "<script>" not in text and "<b>" not in text and "<i>" not in text
    assert json.loads((tmp_path / "d.json").read_text())["cells"][0]["selected"] is not None


def test_other_data_takes_its_own_label_and_classes(parity: Parity, tmp_path: Path):
    rows = "".join(f"{'yes' if i % 3 else 'no'},{i % 3},{i}\n" for i in range(200))
    (tmp_path / "d.csv").write_text("answer,a,b\n" + rows)
    words = ["run", "leek2017", "--engine", "py-statsmodels", "--draws", "1"]
    other = ["--data", "d.csv", "--label", "answer", "--classes", "no,yes", "--json", "d.json"]
    done = parity(*words, *other, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    curves = json.loads((tmp_path / "d.json").read_text())["curves"]
    assert next(c for c in curves if c["method"] == "leekasso-lm")["points"][-1]["mean"] > 0.9


def test_a_store_in_use_is_refused_at_once(parity: Parity, study_file: StudyFile, tmp_path: Path):
    with Store(tmp_path / "parity.sqlite", writing=True):
        assert "another run is writing to parity.sqlite" in refused(parity("run", study_file(), cwd=tmp_path))


def test_a_folder_that_cannot_be_made_is_named(parity: Parity, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    line = refused(parity("reproduce", "leek2017", "--quick", "--out", "taken", cwd=tmp_path))
    assert "folder taken cannot be made" in line


@pytest.mark.parametrize("command", [["--help"], ["engines"]])
def test_help_and_engines_load_nothing_heavy(command: list[str]):
    code = (
        "import sys; sys.argv[1:] = %r; from parity.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'rich', 'pebble', 'sklearn'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code % command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_everything_and_says_how_to_go_on(study_file: StudyFile, tmp_path: Path):
    import signal

    import psutil

    path = study_file(methods='["mlp-leek"]', draws="60", sizes="[100, 150, 200]")
    running = subprocess.Popen(
        [sys.executable, "-m", "parity.cli", "run", str(path)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell without a terminal ignores the signal, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (tmp_path / "parity.sqlite").exists():
            with Store(tmp_path / "parity.sqlite") as store:
                if any(True for _ in store.rows()):
                    break
        time.sleep(0.2)
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 2
    (line,) = errors.strip().splitlines()  # click ends the ^C line of a terminal first
    assert "every finished cell is in the store" in line
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    with Store(tmp_path / "parity.sqlite") as store:
        kept = {row["key"] for row in store.rows()}
    assert 0 < len(kept) < 180


def test_the_aligned_call_pins_the_objective_and_says_what_cannot_be_expressed(parity: Parity):
    ran = parity("translate", "leekasso-glm", "--engine", "py-sklearn", "--mode", "aligned")
    assert ran.returncode == 0 and "C=np.inf" in ran.stdout and "tol=1e-10" in ran.stdout
    network = parity("translate", "mlp-leek", "--engine", "py-sklearn", "--mode", "aligned")
    assert network.returncode == 0 and "alpha=0" in network.stdout and "shuffle=False" in network.stdout
    assert "# not expressible: output (" in network.stdout
