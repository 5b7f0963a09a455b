"""A parity.toml is collected as tests, one a comparison, in a project that knows nothing else of parity."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from parity.expectations import Expected, Filter
from parity.outcomes import judged
from parity.report.document import SCHEMA_FILE
from tests.parity.conftest import Parity

pytest_plugins = ["pytester"]

LM = "py-sklearn ~ py-statsmodels [leekasso-lm]"
GLM = "py-sklearn ~ py-statsmodels [leekasso-glm]"

AGREEING = """
data = "digits"
classes = [0, 1]
sizes = [30]
draws = 6
margin = 0.1
methods = ["leekasso-lm"]
engines = ["py-sklearn", "py-statsmodels"]
"""

# A penalty of a million leaves scikit-learn nothing but the share of the classes.
DIFFERENT = (
    AGREEING.replace("leekasso-lm", "leekasso-glm")
    + """
[overrides.py-sklearn]
C = 1e-6
"""
)

Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all, so that the same cells are fitted once."""
    return tmp_path_factory.mktemp("store") / "store.sqlite"


@pytest.fixture
def run(pytester: pytest.Pytester, store: Path) -> Run:
    """Runs pytest in a process of its own, as a user does, on a folder with this parity.toml."""

    def on(toml: str, *arguments: object) -> pytest.RunResult:
        (pytester.path / "parity.toml").write_text(toml)
        return pytester.runpytest_subprocess(f"--parity-store={store}", "-rsxfE", *map(str, arguments))

    return on


def said(result: pytest.RunResult) -> str:
    return str(result.stdout) + str(result.stderr)


def expected(**lines: str) -> str:
    return "\n[[expected]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


OWN = {"id": '"penalty"', "reason": '"C is 1e-6"', "versions": '{ scikit-learn = ">=1.5" }'}


@pytest.mark.slow
def test_a_folder_with_a_parity_toml_and_a_csv_is_a_test_that_is_fitted_once(pytester: pytest.Pytester):
    drawn = np.random.default_rng(1)
    ill = np.arange(200) % 2
    rows = drawn.normal(size=(200, 12)) + ill[:, None]
    names = ",".join(["outcome", *(f"marker <{i}>" for i in range(12))])
    lines = [
        ",".join([f"{'ill' if i else 'well'}", *(f"{v:.4f}" for v in row)]) for i, row in zip(ill, rows, strict=True)
    ]
    (pytester.path / "trial.csv").write_text("\n".join([names, *lines]) + "\n")
    toml = AGREEING.replace('"digits"', '"trial.csv"\nlabel = "outcome"').replace("classes = [0, 1]", "")
    (pytester.path / "parity.toml").write_text(toml)

    first = pytester.runpytest_subprocess("-v")
    first.assert_outcomes(passed=1)
    again = pytester.runpytest_subprocess("-v")
    again.assert_outcomes(passed=1)
    assert "12 cells to fit" in said(first)
    assert "cells to fit" not in said(again)
    assert f"parity.toml::{LM} PASSED" in said(again)
    left = [path.relative_to(pytester.path).parts[0] for path in pytester.path.rglob("*.sqlite*")]
    assert set(left) == {".pytest_cache"}


def test_a_comparison_can_be_chosen_by_its_id(run: Run):
    toml = AGREEING.replace('["leekasso-lm"]', '["leekasso-lm", "leekasso-glm"]')
    run(toml, f"parity.toml::{LM}").assert_outcomes(passed=1)


def test_a_file_of_another_name_is_no_test(pytester: pytest.Pytester):
    (pytester.path / "study.toml").write_text(AGREEING)
    assert pytester.runpytest_subprocess(pytester.path).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_failure_tells_both_values_gap_tolerance_with_reason_first_size_and_what_to_run(run: Run):
    result = run(DIFFERENT)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"py-sklearn  ~  py-statsmodels   leekasso-glm, 1 size, 6 draws   different: unexplained",
            r"  accuracy +0\.\d+   0\.\d+   gap \+0\.\d+ \[\+0\.\d+, \+0\.\d+\] at n = 30",
            r"  tolerance +0\.1 \(margin of accuracy; .+\)",
            r"  first parts at  rung 3, n = 30, gap \+0\.\d+; test rows that one side alone has right: \d+ and \d+",
            r"  rerun +parity curves py-sklearn py-statsmodels --method leekasso-glm --study parity.toml",
            r"  look closer +parity solvers py-sklearn py-statsmodels --method leekasso-glm --study parity.toml --n 30",
        ]
    )
    assert "Traceback" not in said(result)


def test_a_known_difference_is_expected_and_named(run: Run):
    result = run(DIFFERENT + expected(**OWN))
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(
        [f"XFAIL parity.toml::{GLM.replace('[', '[[]')} - different: explained (penalty): C is 1e-6"]
    )


def test_a_known_difference_can_be_one_of_the_registry(run: Run):
    entry = expected(id='"sklearn-penalises-logistic-regression"', left='"py-sklearn"', right='"py-statsmodels"')
    result = run(DIFFERENT + entry)
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["*different: explained (sklearn-penalises-logistic-regression)*"])


def test_an_expected_difference_that_is_gone_fails(run: Run):
    result = run(AGREEING + expected(**OWN))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected to be different (penalty), and the two are *; remove or re-date this entry"])


def test_an_expectation_of_other_versions_is_stale(run: Run):
    result = run(DIFFERENT + expected(**OWN | {"versions": '{ scikit-learn = "<1.0" }'}))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["stale expectation 'penalty': scikit-learn * is outside <1.0; remove or re-date this entry"]
    )


def test_a_misspelt_package_of_an_expectation_fails_with_the_nearest_name(run: Run):
    result = run(DIFFERENT + expected(**OWN | {"versions": '{ scikit-lern = ">=1.5" }'}))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unknown package 'scikit-lern'*did you mean 'scikit-learn'?*"])


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (AGREEING + "sise = 3", "unknown key 'sise' in *parity.toml; did you mean 'sizes'?"),
        (AGREEING.replace("py-sklearn", "py-sklern"), "unknown engine 'py-sklern'; did you mean 'py-sklearn'?"),
        (AGREEING.replace('"py-sklearn", ', ""), "*nothing to compare: no two of its engines*"),
        (AGREEING + 'inconclusive = "pass"', "unknown value 'pass' in inconclusive of *"),
        (AGREEING + "compare = 3", "compare of * is a single table; write it in double brackets, as *"),
        (
            AGREEING + "[[compare]]\nleft = 'py-sklearn'\nright = 'r-stats'",
            "unknown engine 'r-stats' in *compare* 1 of *parity.toml; *",
        ),
        (AGREEING + "[[compare]]\nleft = 'py-sklearn'", "*compare* 1 of * lacks the key 'right'"),
        (
            DIFFERENT + expected(id="'h2o-standardises-its-inputs'"),
            "unknown divergence *did you mean 'h2o-standardizes-its-inputs'? One of your own needs *",
        ),
        (DIFFERENT + expected(id="'h2o-standardizes-its-inputs'"), "*speaks of r-h2o and py-keras-jax under mlp-leek*"),
        (DIFFERENT + expected(**OWN, method="'leekasso-lm'"), "unknown method 'leekasso-lm' in *expected* 1 of *"),
        (DIFFERENT + expected(**OWN | {"versions": "{ scikit-learn = '1.5' }"}), "*write them as '>=1.2,<2'"),
        (DIFFERENT + expected(id="'penalty'", reason="'C'"), "*expected* lacks the key 'versions'"),
    ],
)
def test_a_wrong_request_fails_the_collection_with_one_sentence(pytester: pytest.Pytester, toml: str, sentence: str):
    (pytester.path / "parity.toml").write_text(toml)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"parity: {sentence}"])
    assert "Traceback" not in said(result)
    assert "pytest_plugin.py" not in said(result)


def test_what_is_wrong_with_the_data_is_one_sentence_too(run: Run):
    result = run(AGREEING.replace("[30]", "[3000]"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["parity: size 3000 is larger than the * rows of digits that may be drawn; *"])
    assert "Traceback" not in said(result)


def test_an_engine_that_does_not_run_is_a_skip_and_nothing_compared_is_a_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("R_HOME", "")
    some = run(AGREEING.replace('"py-sklearn"', '"r-stats", "py-sklearn"'))
    some.assert_outcomes(passed=1, skipped=2)
    some.stdout.fnmatch_lines(["SKIPPED * parity.toml: r-stats ~ py-sklearn *: not run (r-stats: needs R *)"])
    none = run(AGREEING.replace('"py-sklearn"', '"r-stats"'))
    none.assert_outcomes(failed=1)
    none.stdout.fnmatch_lines(["parity: nothing could be compared (r-stats: needs R *)"])


@pytest.mark.slow
def test_too_few_draws_are_a_skip_that_says_how_many_settle_it_or_a_failure_on_request(run: Run):
    few = AGREEING.replace("draws = 6", "draws = 2").replace("0.1", "0.0001")
    skipped = run(few)
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["SKIPPED * parity.toml: py-sklearn ~ *: inconclusive (*draws settle it)"])
    failed = run(few + 'inconclusive = "fail"')
    failed.assert_outcomes(failed=1)


def test_draws_can_be_set_on_the_command_line(run: Run, pytester: pytest.Pytester):
    run(AGREEING, "--parity-draws", 7, "--parity-json", "parity.json").assert_outcomes(passed=1)
    document = json.loads((pytester.path / "parity.json").read_text())
    assert document["study"]["protocol"]["draws"] == 7
    refused = run(AGREEING, "--parity-draws", 0)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.slow
def test_the_document_is_that_of_the_command_line_byte_for_byte(
    run: Run, pytester: pytest.Pytester, parity: Parity, store: Path
):
    run(DIFFERENT, "--parity-json", "tests.json").assert_outcomes(failed=1)
    done = parity(
        *("curves", "--all", "--study", "parity.toml", "--store", store, "--json", "command.json"), cwd=pytester.path
    )
    assert done.returncode == 1, done.stderr
    written = (pytester.path / "tests.json").read_text()
    assert written == (pytester.path / "command.json").read_text()
    jsonschema.validate(json.loads(written), json.loads(SCHEMA_FILE.read_text()))


def test_the_page_is_written_and_its_place_told(run: Run, pytester: pytest.Pytester):
    result = run(AGREEING, "--parity-html", "parity.html")
    result.stdout.fnmatch_lines(["parity: wrote *parity.html"])
    assert "py-statsmodels" in (pytester.path / "parity.html").read_text()
    refused = run(AGREEING, "--parity-html", "no/where.html")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "there is no folder no" in said(refused)


def test_several_files_have_a_document_each(run: Run, pytester: pytest.Pytester):
    (pytester.mkdir("south") / "parity.toml").write_text(AGREEING)
    run(AGREEING, "--parity-json", "parity.json").assert_outcomes(passed=2)
    assert sorted(p.name for p in pytester.path.glob("*.json")) == ["parity-root.json", "parity-south.json"]


@pytest.mark.slow
def test_processes_of_xdist_fit_the_study_once_and_write_one_report(run: Run, pytester: pytest.Pytester):
    pytest.importorskip("xdist")
    toml = AGREEING.replace('["leekasso-lm"]', '["leekasso-lm", "leekasso-glm"]').replace(
        "sizes = [30]", "sizes = [31]"
    )
    result = run(toml, "-n", 2, "--parity-json", "spread.json")
    result.assert_outcomes(passed=2)
    cells = json.loads((pytester.path / "spread.json").read_text())["cells"]
    assert len({cell["key"] for cell in cells}) == 2 * 2 * 6
    run(toml, "--parity-json", "alone.json").assert_outcomes(passed=2)
    assert (pytester.path / "alone.json").read_text() == (pytester.path / "spread.json").read_text()


def test_a_hand_written_test_has_the_fixture(run: Run, pytester: pytest.Pytester):
    (pytester.mkdir("studies") / "glm.toml").write_text(DIFFERENT)
    (pytester.path / "studies" / "test_mine.py").write_text(
        """
def test_curves(parity):
    found = parity.curves("glm.toml", "py-sklearn", "py-statsmodels")
    assert found.verdict == "different: unexplained"
    assert found, found.text

def test_values(parity):
    parity.assert_parity([1.0, 2.0], [1.0, 2.1], atol=0.05, reason="the scale's last digit")
"""
    )
    result = run(AGREEING, "studies")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*py-sklearn  ~  py-statsmodels   leekasso-glm, 1 size, 6 draws   different: unexplained"]
    )
    result.stdout.fnmatch_lines(["*tolerance       0.05, from atol 0.05 (the scale's last digit)"])


def test_the_plugin_costs_a_start_of_pytest_nothing_heavy():
    code = (
        "import sys, pytest; before = set(sys.modules); import parity.pytest_plugin; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"parity", "parity.pytest_plugin", "__future__"}


PAIR = {
    "left": "a <b>",
    "right": "c",
    "method": "m",
    "verdict": "error",
    "reason": "a <b>: it raised",
    "sizes": [],
    "first": None,
    "rerun": "parity curves",
    "curves": {"reason": "", "tolerance": {"value": 0.01, "reason": "margin"}},
}
DOCUMENT = {"kind": "curves", "study": {"protocol": {"draws": 3}, "methods": {"m": {"family": "cnn"}}}}


def test_an_error_fails_even_where_a_difference_is_expected():
    known = Expected("x", "why", {"pandas": ">=1"}, False, Filter((), None))
    found = judged(DOCUMENT, PAIR, [known], {"pandas": "2.2"}, "skip")
    assert found.kind == "failed"
    assert "because         a <b>: it raised" in found.text


def test_what_cannot_be_compared_is_skipped_whatever_is_expected():
    known = Expected("x", "why", {"pandas": "<1"}, False, Filter((), None))
    found = judged(
        DOCUMENT, {**PAIR, "verdict": "not comparable", "reason": "other rows"}, [known], {"pandas": "2"}, "fail"
    )
    assert (found.kind, found.text) == ("skipped", "not comparable (other rows)")
