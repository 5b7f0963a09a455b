"""What is installed is told without importing a framework, and what is wrong is told with the command that mends it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from parity.engines import environment, sheet

ROOT = Path(__file__).resolve().parents[2]


def with_r(monkeypatch, version):
    """Let the environment hold an R of that version."""
    r = environment.R(version, f"R version {version}", "/usr/lib/R", ("/usr/lib/R/library",), "", "", ())
    monkeypatch.setattr(environment, "r", lambda: r)


def with_python_packages(monkeypatch, **versions):
    """Let the environment hold Python packages of these versions (- is written _), and none of the others."""
    installed = {name.replace("_", "-"): version for name, version in versions.items()}
    monkeypatch.setattr(environment, "python_version", installed.get)


@pytest.mark.parametrize("r_version", ["4.1.0", "4.2.2", "4.4.3"])
@pytest.mark.parametrize("rpy2_version", ["3.6.6", "3.6.7", "3.10.0"])
def test_rpy2_that_calls_r_4_5_is_refused_for_older_r_with_the_pins_named(monkeypatch, r_version, rpy2_version):
    with_r(monkeypatch, r_version)
    with_python_packages(monkeypatch, rpy2_rinterface=rpy2_version, rpy2_robjects="3.6.4")
    gap = environment.rpy2_gap()
    assert gap.blocking
    assert gap.found == rpy2_version
    assert gap.wanted == f"==3.6.5 (for R {r_version})"
    assert gap.mend.endswith("-m pip install rpy2-rinterface==3.6.5 rpy2-robjects==3.6.4")
    assert gap.cost == "r-stats, r-liblinear, r-glmnet, r-h2o and r-keras3 do not run"


@pytest.mark.parametrize(("r_version", "rpy2_version"), [("4.2.2", "3.6.5"), ("4.5.0", "3.6.7"), ("4.10.1", "3.6.6")])
def test_rpy2_that_fits_the_r_is_accepted(monkeypatch, r_version, rpy2_version):
    with_r(monkeypatch, r_version)
    with_python_packages(monkeypatch, rpy2_rinterface=rpy2_version, rpy2_robjects="3.6.4")
    assert environment.rpy2_gap() is None


@pytest.mark.parametrize(("r_version", "pin"), [("4.2.2", "==3.6.5"), ("4.5.1", "")])
def test_absent_rpy2_is_pinned_for_older_r_alone(monkeypatch, r_version, pin):
    with_r(monkeypatch, r_version)
    with_python_packages(monkeypatch)
    gap = environment.rpy2_gap()
    assert gap.found is None
    assert f"rpy2-rinterface{pin} " in gap.mend


def test_an_older_version_stops_an_engine_and_a_newer_one_is_only_noted(monkeypatch):
    engine = sheet.engine("py-sklearn")
    with_python_packages(monkeypatch, scikit_learn="1.4.2")
    assert [(gap.package, gap.blocking) for gap in environment.missing(engine)] == [("scikit-learn", True)]
    with_python_packages(monkeypatch, scikit_learn="2.0.0")
    (gap,) = environment.missing(engine)
    assert not gap.blocking
    assert gap.cost == "py-sklearn runs, with a version newer than any that the suite has been tested with"
    with_python_packages(monkeypatch, scikit_learn="1.9.1")
    assert environment.missing(engine) == []


@pytest.mark.parametrize("version", ["3.44.0.2", "3.46.0.8"])
def test_h2o_of_another_build_is_refused_whether_older_or_newer(monkeypatch, version):
    with_python_packages(monkeypatch, h2o=version)
    monkeypatch.setattr(environment, "java", lambda: environment.Java("17.0.15", "/usr/bin/java"))
    (gap,) = environment.missing(sheet.engine("py-h2o"))
    assert gap.blocking
    assert gap.found == version
    assert gap.mend.endswith("pip install h2o==3.44.0.3")


@pytest.mark.parametrize(
    ("version", "runs"),
    [("1.8.0_392", True), ("11.0.2", True), ("17.0.15", True), ("21.0.1", False), ("1.7.0_80", False)],
)
def test_java_is_judged_by_its_release(monkeypatch, version, runs):
    with_python_packages(monkeypatch, h2o="3.44.0.3")
    monkeypatch.setattr(environment, "java", lambda: environment.Java(version, "/usr/bin/java"))
    gaps = environment.missing(sheet.engine("py-h2o"))
    assert [(gap.package, gap.blocking) for gap in gaps] == ([] if runs else [("Java", True)])


def test_both_languages_ask_for_one_and_the_same_build_of_h2o():
    packages = sheet.engine("r-h2o").packages
    assert packages["h2o"] == packages["h2o-r"] == sheet.engine("py-h2o").packages["h2o"]
    assert packages["h2o"].startswith("==")


def test_the_versions_that_install_r_asks_for_are_within_the_tested_ranges():
    text = (ROOT / "r_scripts" / "install.R").read_text(encoding="utf-8")
    wanted = dict(re.findall(r'(\w+) = "([\d.]+)"', text.split("wanted <- c(")[1].split("\n)")[0]))
    assert len(wanted) >= 6
    for engine in sheet.engines().values():
        for package, versions in engine.packages.items():
            if sheet.language_of(engine, package) == "R" and package.removesuffix("-r") in wanted:
                assert SpecifierSet(versions).contains(wanted[package.removesuffix("-r")]), (package, versions)


def test_tensorflow_is_satisfied_by_a_distribution_of_another_name(monkeypatch):
    installed = {"tensorflow-cpu": "2.21.0"}

    def version(name):
        if name not in installed:
            raise environment.importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(environment.importlib.metadata, "version", version)
    assert environment.python_version("tensorflow") == "2.21.0"


def test_a_name_in_both_languages_is_looked_for_in_the_right_one():
    engine = sheet.engine("r-h2o")
    assert sheet.language_of(engine, "h2o-r") == "R"
    assert sheet.language_of(engine, "h2o") == "Python"
    assert sheet.language_of(sheet.engine("r-keras3"), "tensorflow") == "Python"
    assert sheet.language_of(sheet.engine("r-keras3"), "keras3") == "R"


def test_a_dash_in_a_version_of_r_separates_numbers():
    assert environment.comparable("2.10-24") > environment.comparable("2.10.23")
    assert environment.comparable("2.10-24") < environment.comparable("2.10-26")


def test_reading_every_version_imports_no_framework():
    code = (
        "import sys; from parity.engines import environment as e, sheet as s;"
        "[(e.versions(x), e.missing(x)) for x in s.engines().values()]; e.describe(); e.r_environ();"
        "print(sorted({n.split('.')[0] for n in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert not loaded & {
        "tensorflow",
        "keras",
        "jax",
        "torch",
        "h2o",
        "sklearn",
        "statsmodels",
        "rpy2",
        "rpy2_rinterface",
    }


def test_an_r_worker_is_given_parity_s_library_first_and_the_running_python(monkeypatch, tmp_path):
    if environment.r() is None:
        pytest.skip("no R here")
    monkeypatch.setenv("PARITY_R_LIBRARY", str(tmp_path))
    monkeypatch.setenv("R_LIBS", "/somebody/else")
    variables = environment.r_environ()
    assert variables["R_LIBS"].split(os.pathsep)[:2] == [str(tmp_path), "/somebody/else"]
    assert variables["RETICULATE_PYTHON"] == sys.executable
    assert Path(variables["R_HOME"]).is_dir()


def test_the_environment_can_be_written_as_json():
    described = environment.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["packages"]["numpy"]
