"""NIST's files are read right, digits are counted right, and what is printed is what the solvers gave."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.certified import FOLDER, best_possible, correct_digits, exact, read, score, scores, sets, solvers_of
from parity.certified_command import markdown
from parity.engines.sheet import PACKAGE, SHEET, engine, engines
from parity.errors import RequestError
from parity.report.document import SCHEMA_FILE
from tests.parity.conftest import needs

SETS = {each.name: each for each in sets()}

FIRST_ROW = 60
"Line of the first row of data, from 0, in every one of NIST's files."

AGREED = 14.0
"Fifteen digits that were rounded are right to 14.3: half a unit in the last place of the smallest, 1.00000000000000."

LINEAR = [one for one in engines().values() if "linear" in one.fits]

Parity = Callable[..., Any]


def written(name: str) -> list[list[Fraction]]:
    """The rows of one file as the decimals that they are, read without the parser."""
    lines = (FOLDER / f"{name}.dat").read_text().splitlines()[FIRST_ROW:]
    return [[Fraction(Decimal(word)) for word in line.split()] for line in lines if line.strip()]


def test_the_eleven_sets_are_there_with_the_sizes_that_nist_states():
    stated = {}
    for path in FOLDER.glob("*.dat"):
        text = path.read_text()
        rows = int(re.search(r"(\d+)\s+Observations", text)[1])
        stated[path.stem] = (rows, int(re.search(r"(\d+)\s+Parameters?", text)[1]))
    assert {name: (len(s.y), len(s.certified)) for name, s in SETS.items()} == stated
    assert len(stated) == 11
    assert {name for name, s in SETS.items() if not s.intercept} == {"NoInt1", "NoInt2"}


@pytest.mark.parametrize("name", SETS)
def test_exact_arithmetic_on_the_decimals_reproduces_every_certified_coefficient(name: str):
    data, rows = SETS[name], written(name)
    several = len(rows[0]) > 2
    x = [row[1:] if several else [row[1] ** k for k in range(1, len(data.features) + 1)] for row in rows]
    solution = exact(x, [row[0] for row in rows], data.intercept)
    digits = [correct_digits(b, c) for b, c in zip(solution, data.certified.values(), strict=True)]
    assert min(digits) >= AGREED, digits


@pytest.mark.parametrize("name", SETS)
def test_the_design_is_the_file_to_one_rounding_of_every_power(name: str):
    data, rows = SETS[name], written(name)
    several = len(rows[0]) > 2
    for values, response, row in zip(data.x, data.y, rows, strict=True):
        assert response == float(row[0])
        for k, value in enumerate(values):
            true = row[1 + k] if several else row[1] ** (k + 1)
            # The decimal is rounded once, which its power multiplies by k + 1, and the power once more.
            assert abs(Fraction(float(value)) - true) <= abs(true) * Fraction(2.0**-53) * (k + 3)


def test_doubles_hold_longley_but_not_filip():
    assert best_possible(SETS["Longley"]).smallest > 14
    assert 7 < best_possible(SETS["Filip"]).smallest < 8.5


@given(st.integers(0, 14), st.decimals(1, 10, places=3), st.integers(-8, 8), st.booleans())
def test_an_error_in_the_kth_place_leaves_k_digits(k: int, value: Decimal, exponent: int, negative: bool):
    certified = (-value if negative else value).scaleb(exponent)
    found = Fraction(certified) * (1 + Fraction(1, 10**k))
    assert correct_digits(found, certified) == pytest.approx(k, abs=1e-9)


@pytest.mark.parametrize(
    ("found", "certified", "digits"),
    [(1.0, "1", 15), (1 + 2**-52, "1", 15), (-1.0, "1", 0), (1e300, "1", 0), (1e-9, "0", 9), (0.0, "0", 15)],
)
def test_digits_lie_between_0_and_15_and_are_absolute_at_0(found: float, certified: str, digits: int):
    assert correct_digits(found, Decimal(certified)) == pytest.approx(digits)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("B1*x + B2", "B2", "other coefficients"),
        ("(lines 61 to 100)", "(lines 90 to 100)", "states 40 observations and has 11"),
        ("x**2", "log(x)", "log"),
        ("Certified Values  (", "Certified Values", "not one of NIST's files"),
    ],
)
def test_a_file_that_is_not_as_nist_wrote_it_is_refused(tmp_path: Path, old: str, new: str, said: str):
    text = (FOLDER / "Pontius.dat").read_text()
    assert old in text
    changed = tmp_path / "Pontius.dat"
    changed.write_text(text.replace(old, new))
    with pytest.raises(RequestError, match=said):
        read(changed)


def fit_of(**coefficients: float | str | None) -> dict[str, Any]:
    return {"parameters": {"coefficients": coefficients}, "not_expressible": [], "messages": [], "converged": None}


def test_what_is_no_number_gets_a_sentence_and_no_digits():
    norris = SETS["Norris"]
    right = {"(intercept)": float(norris.certified["B0"]), "B1": float(norris.certified["B1"])}
    assert score("s", norris, fit_of(**right)).smallest == 15
    for coefficients, kind in (({"B1": None}, "left out"), ({"B1": "inf"}, "failed")):
        found = score("s", norris, fit_of(**{**right, **coefficients}))
        assert (found.smallest, found.kind) == (None, kind)
        assert "B1" in found.verdict and found.digits == {"B0": 15.0}
    assert score("s", norris, "OSError: no").verdict == "OSError: no"


def test_a_solver_that_says_it_has_not_converged_is_marked():
    norris = SETS["Norris"]
    found = fit_of(**{"(intercept)": 0.0, "B1": 1.0})
    assert not score("s", norris, found).warned
    assert score("s", norris, {**found, "converged": False}).warned
    assert score("s", norris, {**found, "messages": "it is singular"}).warned


@needs("py-statsmodels")
@needs("py-sklearn")
def test_orthogonal_decompositions_get_more_digits_of_wampler_than_the_normal_equations():
    chosen = [s for s in solvers_of([engine("py-sklearn"), engine("py-statsmodels")])]
    named = [s for s in chosen if s.name in ("py-sklearn:cholesky", "py-statsmodels:ols-qr")]
    found = {(s.solver, s.set): s for s in scores(named, [SETS["Wampler1"], SETS["Filip"]])}
    # Cholesky's factor is of X'X, whose condition number is the square of X's.
    assert found["py-sklearn:cholesky", "Wampler1"].smallest < 7.5 < found["py-statsmodels:ols-qr", "Wampler1"].smallest
    assert found["py-sklearn:cholesky", "Filip"].warned
    assert found["py-statsmodels:ols-qr", "Filip"].smallest > 7


@needs("r-stats")
def test_lm_leaves_out_a_column_of_filip_and_gets_the_others():
    (found,) = scores(solvers_of([engine("r-stats")]), [SETS["Filip"]])
    assert (found.kind, found.verdict) == ("left out", "leaves B10 out (rank tolerance)")
    assert "B10" not in found.digits and len(found.digits) == 10


@needs("py-sklearn")
def test_the_command_writes_what_it_prints(parity: Parity, tmp_path: Path):
    page, plain = tmp_path / "nist.md", tmp_path / "nist.json"
    done = parity("certified", "--engine", "py-sklearn", "--markdown", page, "--json", plain)
    assert done.returncode == 0, done.stderr
    document = json.loads(plain.read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert page.read_text() == markdown(document)
    tried = [each for each in document["scores"] if each["kind"] != "not expressible"]
    assert {each["set"] for each in tried} == set(SETS)
    for each in tried:
        line = next(line for line in done.stdout.splitlines() if re.match(rf"{each['solver']}\s", line))
        cell = re.split(r"\s{2,}", line)[1 + list(SETS).index(each["set"])]
        assert each["smallest"] is None or cell.rstrip("!") == f"{each['smallest']:.1f}"
        assert cell.endswith("!") is (each["smallest"] is not None and each["warned"])
    outside = {each["solver"] for each in document["scores"]} - {each["solver"] for each in tried}
    told = done.stdout.split("not in the table", 1)[1]
    assert outside and all(name in told for name in outside)
    lies = {**document, "scores": [{**tried[0], "smallest": None, "verdict": ""}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(lies, json.loads(SCHEMA_FILE.read_text()))


@pytest.mark.parametrize(("name", "said"), [("py-sklear", "py-sklearn"), ("py-keras-jax", "fits no pinned linear")])
def test_an_engine_that_cannot_is_a_wrong_request(parity: Parity, name: str, said: str):
    done = parity("certified", "--engine", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_nothing_runs_is_exit_3_with_the_reason(parity: Parity, tmp_path: Path):
    text, wanted = SHEET.read_text(), 'scikit-learn = ">=1.5,<2"'
    assert wanted in text
    (tmp_path / "engines.toml").write_text(text.replace(wanted, 'scikit-learn-of-tomorrow = ">=99"'))
    done = parity("certified", "--engine", "py-sklearn", PARITY_SHEET=str(tmp_path / "engines.toml"))
    assert done.returncode == 3
    assert "scikit-learn-of-tomorrow" in done.stderr


def test_the_published_page_has_every_engine_and_every_coefficient():
    page = (PACKAGE.parent / "docs" / "nist.md").read_text()
    assert not [one.id for one in LINEAR if one.id not in page]
    for each in SETS.values():
        section = page.split(f"## {each.name}\n")[1].split("\n## ")[0]
        assert all(str(value) in section for value in each.certified.values())
