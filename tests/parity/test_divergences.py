"""The registry of known divergences: every entry's evidence is run, and nothing between wrappers goes unregistered."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.compare.defaults import Diff, Difference
from parity.compare.divergences import Divergence, Finding, in_range, judged, registry, unregistered
from parity.errors import RequestError
from parity.evidence import examined, wrapper_diffs
from tests.parity.conftest import Parity, needs

KNOWN = registry()


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    """Every entry's evidence, run here: as shipped, and with what neutralises it."""
    return {finding.divergence.id: finding for finding in examined(list(KNOWN.values()))}


@pytest.mark.slow
@pytest.mark.parametrize("id", KNOWN)
def test_the_evidence_of_every_entry_holds(findings: dict[str, Finding], id: str) -> None:
    found = findings[id]
    if found.verdict == "not run" and found.detail.startswith("no engine runs here"):
        pytest.skip(found.detail)
    assert found.verdict == "holds", found.detail


@needs("r-h2o", "py-h2o", "r-keras3", "py-keras-tensorflow")
@pytest.mark.slow
def test_two_wrappers_of_one_framework_differ_in_nothing_that_is_not_registered() -> None:
    diffs = wrapper_diffs()
    assert len(diffs) == 3
    for (method, left, right), diff in diffs.items():
        assert diff.agreeing, f"{method}: nothing of {left} and {right} was compared"
        assert unregistered(diff, method, KNOWN) == [], f"{method}: {left} and {right}"


def diff_of(*rows: tuple[str, str, str], agreeing: tuple[str, ...] = ()) -> Diff:
    differences = tuple(Difference(what, left, right, "", "", "") for what, left, right in rows)
    return Diff("py-sklearn", "py-keras-jax", differences, agreeing, (), (), (), (), ())


ENTRY = KNOWN["keras-compiles-with-rmsprop"]


def test_an_entry_whose_evidence_is_gone_says_what_to_do() -> None:
    assert judged(ENTRY, diff_of(("optimizer", "adam", "rmsprop")), diff_of(agreeing=("optimizer",))).verdict == "holds"
    for shipped, neutralised in [
        (diff_of(agreeing=("optimizer",)), None),
        (diff_of(("optimizer", "adam", "adamw")), None),
        (diff_of(("optimizer", "adam", "rmsprop")), diff_of(("optimizer", "adam", "rmsprop"))),
    ]:
        finding = judged(ENTRY, shipped, neutralised)
        assert finding.verdict == "gone" and finding.detail.endswith("remove or re-date this entry")


def test_an_entry_speaks_of_its_versions_alone() -> None:
    assert in_range(ENTRY, {"keras": "3.15.0", "scikit-learn": "1.9.1"}) == ""
    assert in_range(ENTRY, {"keras": "4.0"}) == "keras 4.0 is outside >=3.8,<4"


def test_a_difference_between_wrappers_that_nobody_registered_is_found() -> None:
    rows = diff_of(("optimizer", "adam", "rmsprop"), ("batch_size", "auto", "32"))
    assert unregistered(rows, "mlp-leek", {"x": ENTRY}) == ["batch_size"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('left = "py-sklearn"', 'left = "py-sklern"', "unknown engine 'py-sklern'; did you mean 'py-sklearn'?"),
        ('what = "optimizer"', 'what = "optimiser"', "unknown parameter or behaviour 'optimiser'"),
        ('method = "mlp-leek"', 'method = "mlp-lek"', "unknown method 'mlp-lek'"),
        ("seen = 2026-11-21", 'seen = "today"', "write a date"),
        ("summary = ", "sumary = ", "unknown key 'sumary'"),
        ('keras = ">=3.8,<4"', 'keras = "three"', "versions of keras are 'three'"),
    ],
)
def test_a_misspelt_entry_is_an_error(tmp_path: Path, old: str, new: str, says: str) -> None:
    entry = """
[keras-compiles-with-rmsprop]
summary = "text"
method = "mlp-leek"
left = "py-sklearn"
right = "py-keras-jax"
what = "optimizer"
says = ["adam", "rmsprop"]
versions = { keras = ">=3.8,<4" }
neutralise = { py-keras-jax = { optimizer = "adam" } }
seen = 2026-11-21
"""
    path = tmp_path / "divergences.toml"
    path.write_text(entry)
    assert isinstance(registry(path)["keras-compiles-with-rmsprop"], Divergence)
    path.write_text(entry.replace(old, new))
    with pytest.raises(RequestError, match=says):
        registry(path)


def test_the_registry_is_shown_with_the_commands(parity: Parity) -> None:
    run = parity("divergences", "liblinear-stops-a-hundred-times-earlier")
    assert run.returncode == 0
    assert "--diff r-liblinear py-sklearn --probe --parameter epsilon" in run.stdout
    assert "r-liblinear: epsilon = 0.0001" in run.stdout
    wrong = parity("divergences", "liblinear-stops")
    assert wrong.returncode == 2 and "unknown divergence 'liblinear-stops'" in wrong.stderr
