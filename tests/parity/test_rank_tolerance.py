"""The share at which an engine drops a column is measured, and is the one that its own signature declares."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.linear_fits import Solver
from parity.rank_tolerance import SHARES, measured
from parity.run import able
from parity.spec.models import Leekasso

linear_model = pytest.importorskip("sklearn.linear_model")


def tolerance_of(engine_id: str, spec: Leekasso) -> float | None:
    sheet = engine(engine_id)
    if any(gap.blocking for gap in missing(sheet)):
        pytest.skip(f"{engine_id} does not run here")
    versions, _ = able([sheet])
    return measured([Solver(sheet)], spec, versions)[engine_id]


def test_scikit_learns_least_squares_drop_a_column_at_the_tolerance_that_they_declare():
    declared = inspect.signature(linear_model.LinearRegression).parameters
    if "tol" not in declared:
        pytest.skip("this scikit-learn has no tolerance to declare")
    found = tolerance_of("py-sklearn", Leekasso(model="lm"))
    # Two steps a decade; the smallest singular value is about the share over the square root of 2.
    assert found is not None and declared["tol"].default / 4 < found < declared["tol"].default * 4


@pytest.mark.parametrize(
    ("model", "code"), [("lm", "formals(lm.fit)$tol"), ("glm", "min(1e-7, glm.control()$epsilon / 1000)")]
)
def test_r_drops_a_column_at_its_own_tolerance(model: str, code: str):
    found = tolerance_of("r-stats", Leekasso(model=model))  # type: ignore[arg-type]
    words = [sys.executable, "setup/with_r.py", "Rscript", "-e", f"cat({code})"]
    declared = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert found is not None and declared / 4 < found < declared * 4


def test_what_has_been_measured_is_kept():
    first = tolerance_of("py-statsmodels", Leekasso(model="lm"))
    assert first in SHARES
    assert tolerance_of("py-statsmodels", Leekasso(model="lm")) == first
