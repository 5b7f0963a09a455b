"""The doctor says what does not run, what that costs, and the one command that mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parity.engines import doctor, environment, sheet

ROOT = Path(__file__).resolve().parents[2]


def examined(**variables):
    """What `doctor.examine` finds in a process with these environment variables."""
    code = (
        "import json; from dataclasses import asdict; from parity.engines import doctor;"
        "print(json.dumps([asdict(one) for one in doctor.examine()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    return {one["subject"]: one for one in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The findings on a search path on which there is neither R nor Java."""
    return examined(PATH=str(tmp_path_factory.mktemp("empty")), R_HOME="", JAVA_HOME="")


def test_without_r_every_engine_in_r_does_not_run_and_every_other_is_untouched(bare):
    for engine in sheet.engines().values():
        if engine.language == "R":
            assert bare[engine.id]["state"] == "does not run"
            assert "R is missing" in bare[engine.id]["found"]
        elif "Java" not in engine.packages and not environment.missing(engine):
            assert bare[engine.id]["state"] == "runs"


def test_without_r_the_cost_and_one_command_are_said(bare):
    assert bare["R"]["state"] == "does not run"
    assert bare["R"]["cost"] == "r-stats, r-liblinear, r-glmnet, r-h2o and r-keras3 do not run"
    assert bare["R"]["mend"]
    assert "\n" not in bare["R"]["mend"]


def test_without_java_both_h2o_engines_do_not_run(bare):
    assert bare["Java"]["cost"] == "r-h2o and py-h2o do not run"
    assert bare["py-h2o"]["state"] == "does not run"
    assert bare["py-h2o"]["mend"] == bare["Java"]["mend"]


def test_every_finding_that_costs_an_engine_names_a_command(bare):
    for finding in bare.values():
        assert finding["state"] != "does not run" or finding["mend"], finding


def test_a_repository_that_is_none_is_named(tmp_path):
    finding = examined(PARITY_CRAN=str(tmp_path))["CRAN"]
    assert finding["state"] == "runs, with a note"
    assert str(tmp_path) in finding["found"]


def test_what_several_engines_lack_is_said_once():
    gap = environment.Missing("R", None, ">=4.1,<5", "a and b do not run", "get R")
    findings = [doctor.Finding(id, "engine", doctor.ABSENT, "R is missing", lacks=(gap,)) for id in ("a", "b")]
    findings.append(doctor.Finding("R", "system", doctor.ABSENT, "no R", "a and b do not run", "get R"))
    assert doctor.mending(findings) == ["R is missing: a and b do not run", "  to mend it: get R"]


def test_what_is_printed_names_every_engine_and_every_command(capsys):
    findings = [
        doctor.Finding("r-stats", "engine", doctor.RUNS, "R 4.2.2"),
        doctor.Finding("py-[red]x[/red]", "engine", doctor.ABSENT, "x is missing", "it does not run", "pip install x"),
    ]
    doctor.render(findings)
    printed = capsys.readouterr().out
    assert "r-stats" in printed
    assert "py-[red]x[/red]" in printed
    assert "to mend it: pip install x" in printed
