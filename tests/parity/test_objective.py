"""The referee's objectives have the derivatives, deviances and optima that SciPy, R and scikit-learn find."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from parity.compare.diagnosis import separation
from parity.compare.objective import NoFiniteOptimum, Objective, gap, optimum
from parity.engines.environment import r_environ
from parity.spec.models import Linear

INTERCEPTS = ("free", "penalised", "none")
SMOOTH = [
    Objective(loss, 0.0, l2, where) for loss in ("squares", "logistic") for l2 in (0, 0.3) for where in INTERCEPTS
]

R_FITS = r"""
m <- as.matrix(read.csv("data.csv", header = FALSE))
y <- m[, 1]
x <- m[, -1]
exact <- list(epsilon = 1e-15, maxit = 100)
fits <- list(
  squares = lm(y ~ x),
  logistic = suppressWarnings(glm(y ~ x, family = binomial(), control = exact))
)
for (name in names(fits)) {
  b <- coef(fits[[name]])
  cat(name, sprintf("%.17g", c(deviance(fits[[name]]), b)), "\n")
}
"""


def points(objective: Objective, seed: int, n: int = 15, p: int = 3):
    """A problem and a point: x, y, coefficients, intercept."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, p)), rng.integers(0, 2, n).astype(float)
    return x, y, rng.normal(size=p), 0.0 if objective.intercept == "none" else float(rng.normal())


def overlapping(seed: int, n: int = 60, p: int = 4):
    """Columns and labels of a logistic model, which overlap in nearly every draw."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-x @ rng.normal(size=p)))).astype(float)
    return x, y


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SMOOTH), st.integers(0, 10**6))
def test_gradient_and_hessian_are_the_derivatives_of_the_value(objective, seed):
    x, y, b, b0 = points(objective, seed)
    theta = np.r_[b0, b]
    free = slice(int(objective.intercept == "none"), None)

    def at(part):
        whole = np.zeros(4)
        whole[free] = part
        return whole[1:], float(whole[0])

    def value(part):
        return objective.value(x, y, *at(part))

    def gradient(part):
        return objective.gradient(x, y, *at(part))[free]

    # A forward difference of step 1.5e-8 is wrong by about the step and by the value's rounding divided by it.
    assert optimize.check_grad(value, gradient, theta[free]) < 1e-6
    hessian = objective.hessian(x, y, b, b0)
    assert np.abs(hessian[free, free] - optimize.approx_fprime(theta[free], gradient)).max() < 1e-6
    assert objective.kkt(x, y, b, b0).tolist() == objective.gradient(x, y, b, b0).tolist()
    if objective.intercept == "none":
        assert not objective.gradient(x, y, b)[0] and not hessian[0].any() and not hessian[:, 0].any()


def test_an_objective_has_the_meaning_of_the_specification():
    x, y = np.array([[1.0], [2], [3]]), np.array([0.0, 1, 1])
    spec = Linear(loss="squares", l1=0.5, l2=0.25, intercept="penalised")
    # Residuals -2, -2, -3 of 1 + b x with b = 1; penalties of b = 1 and of the intercept 1.
    assert Objective.of(spec).value(x, y, np.array([1.0]), 1.0) == pytest.approx(17 / 6 + 0.5 * 2 + 0.125 * 2)
    assert Objective("squares", 0.5, 0.25).value(x, y, np.array([1.0]), 1.0) == pytest.approx(17 / 6 + 0.5 + 0.125)
    with pytest.raises(ValueError, match="has no intercept"):
        Objective("squares", intercept="none").value(x, y, np.array([1.0]), 1.0)


def test_losses_of_rows_that_are_right_or_wrong_by_hundreds_keep_their_digits():
    objective = Objective("logistic", intercept="none")
    x, one = np.array([[1.0]]), np.array([1.0])
    assert objective.value(x, one, np.array([50.0])) == pytest.approx(math.exp(-50), rel=1e-14)
    assert objective.value(x, one, np.array([-5000.0])) == 5000
    assert objective.gradient(x, one, np.array([50.0]))[1] == pytest.approx(-math.exp(-50), rel=1e-14)
    assert objective.hessian(x, one, np.array([50.0]))[1, 1] == pytest.approx(math.exp(-50), rel=1e-14)
    with np.errstate(all="raise", under="ignore"):
        assert objective.gradient(x, one, np.array([-5000.0]))[1] == -1


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not here")
def test_deviance_and_optimum_are_those_of_rs_lm_and_glm(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 4)) * [1e-3, 1, 10, 1e3]
    y = (rng.uniform(size=80) < 1 / (1 + np.exp(-x @ [1e3, 1, 0.05, -1e-3]))).astype(float)
    np.savetxt(tmp_path / "data.csv", np.c_[y, x], delimiter=",", fmt="%.17g")
    (tmp_path / "fit.R").write_text(R_FITS)
    environ = {**os.environ, **r_environ()}
    done = subprocess.run(
        ["Rscript", "fit.R"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    fits = {line.split()[0]: np.array(line.split()[1:], float) for line in done.stdout.splitlines()}
    assert set(fits) == {"squares", "logistic"}
    for loss, (deviance, *theirs) in fits.items():
        found = optimum(Objective(loss), x, y)
        ours = np.r_[found.intercept, found.coefficients]
        assert ours == pytest.approx(theirs, rel=1e-9), loss
        assert Objective(loss).deviance(x, y, found.coefficients, found.intercept) == pytest.approx(deviance, rel=1e-12)
        assert Objective(loss).value(x, y, np.array(theirs[1:]), theirs[0]) >= found.value * (1 - 1e-15)


def test_the_optimum_is_that_of_statsmodels_logit():
    api = pytest.importorskip("statsmodels.api")
    x, y = overlapping(5)
    found = optimum(Objective("logistic"), x, y)
    theirs = api.Logit(y, api.add_constant(x)).fit(disp=0, method="newton", tol=1e-14)
    assert np.r_[found.intercept, found.coefficients] == pytest.approx(theirs.params, rel=1e-10)
    assert -2 * theirs.llf == pytest.approx(
        Objective("logistic").deviance(x, y, found.coefficients, found.intercept), rel=1e-13
    )


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(SMOOTH), st.integers(0, 10**6), st.lists(st.integers(-6, 6), min_size=4, max_size=4))
def test_units_of_the_columns_neither_move_the_optimum_nor_the_gap(objective, seed, powers):
    x, y = overlapping(seed)
    assume(separation(x, y, objective.intercept != "none").kind == "none")
    # Powers of two: rescaling is then exact, and what differs is the solver's.
    unit = 2.0 ** (3 * np.array(powers))
    if objective.l2:
        unit[:] = 1.0
    found, scaled = optimum(objective, x, y), optimum(objective, x * unit, y)
    assert scaled.value == pytest.approx(found.value, rel=1e-14)
    assert scaled.coefficients * unit == pytest.approx(found.coefficients, rel=1e-8, abs=1e-10)
    assert (np.abs(objective.kkt(x * unit, y, scaled.coefficients, scaled.intercept))[1:] / unit).max() < 1e-14
    away = found.coefficients + 0.01
    excess = objective.value(x, y, away, found.intercept) - found.value
    estimate = gap(objective, x, y, away, found.intercept)
    assert estimate == pytest.approx(excess, rel=1e-10 if objective.loss == "squares" else 0.1)
    assert gap(objective, x * unit, y, away / unit, found.intercept) == pytest.approx(estimate, rel=1e-9)
    assert gap(objective, x, y, found.coefficients, found.intercept) < 1e-28


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["squares", "logistic"]),
    st.sampled_from(INTERCEPTS),
    st.sampled_from([0.001, 0.01, 0.1]),
    st.sampled_from([0.0, 0.05]),
    st.sampled_from([(40, 3), (30, 12), (12, 30)]),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_the_lassos_optimum_meets_its_kkt_conditions_on_any_columns(loss, where, l1, l2, shape, whole, seed):
    rng = np.random.default_rng(seed)
    # Whole numbers bring duplicates, constant columns and columns that others determine.
    x = rng.integers(0, 3, shape).astype(float) if whole else rng.normal(size=shape)
    y = np.r_[0.0, 1, rng.integers(0, 2, shape[0] - 2)]
    objective = Objective(loss, l1, l2, where)
    found = optimum(objective, x, y)
    residual = objective.kkt(x, y, found.coefficients, found.intercept)
    assert np.abs(residual).max() == found.residual < 1e-13
    assert gap(objective, x, y, found.coefficients, found.intercept) < 1e-20
    again = optimum(objective, x, y, start=(rng.normal(size=shape[1]), 0.0))
    assert again.value == pytest.approx(found.value, rel=1e-13)


def test_a_faint_lasso_on_separated_classes_is_not_lost_where_no_row_has_curvature():
    # Without a bound on its steps the solver ended at margins of 350, where nothing led back.
    rng = np.random.default_rng(1361)
    x, y = rng.integers(0, 3, (30, 12)).astype(float), np.r_[0.0, 1, rng.integers(0, 2, 28)]
    assert separation(x, y, intercept=False).kind == "complete"
    assert optimum(Objective("logistic", l1=1e-4, intercept="none"), x, y).residual < 1e-13


def test_the_lassos_optimum_is_scikit_learns():
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = overlapping(7, n=80, p=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lasso = linear.Lasso(alpha=0.05, tol=1e-14, max_iter=10**6).fit(x, y)
        # C multiplies the summed loss; saga leaves the intercept without penalty.
        logistic = linear.LogisticRegression(
            C=1 / (0.05 * len(y)), l1_ratio=1.0, penalty="l1", solver="saga", tol=1e-14, max_iter=10**5
        ).fit(x, y)
    for loss, theirs, intercept in (
        ("squares", lasso.coef_, float(lasso.intercept_)),
        ("logistic", logistic.coef_[0], float(logistic.intercept_[0])),
    ):
        objective = Objective(loss, l1=0.05)
        found = optimum(objective, x, y)
        assert 0 < (found.coefficients == 0).sum() < 10
        assert ((theirs == 0) == (found.coefficients == 0)).all()
        assert theirs == pytest.approx(found.coefficients, abs=1e-9)
        assert np.abs(objective.kkt(x, y, theirs, intercept)).max() < 1e-10
        assert gap(objective, x, y, theirs, intercept) < 1e-18


def test_a_lassos_gap_counts_a_coefficient_that_should_be_zero_by_what_it_costs():
    x, y = overlapping(7, n=80, p=10)
    objective = Objective("squares", l1=0.05)
    found = optimum(objective, x, y)
    for size in (1e-12, 1e-6, 1e-3):
        nearly = np.where(found.coefficients == 0, size, found.coefficients)
        excess = objective.value(x, y, nearly, found.intercept) - found.value
        estimate = gap(objective, x, y, nearly, found.intercept)
        # First order bounds it from above; without the rule it is the square of the whole violation, 1e-4 here.
        assert excess - 1e-15 <= estimate <= 5 * excess + 1e-15


@pytest.mark.parametrize("kind", ["complete", "quasi-complete"])
def test_separated_classes_have_no_finite_optimum_unless_penalised(kind):
    x = np.array([[0.0], [1], [2], [2 if kind == "quasi-complete" else 3], [4], [5]])
    y = np.array([0.0, 0, 0, 1, 1, 1])
    with pytest.raises(NoFiniteOptimum, match=kind.removesuffix("e")):
        optimum(Objective("logistic"), x, y)
    for penalised in (Objective("logistic", l2=1e-6), Objective("logistic", l1=1e-3)):
        assert optimum(penalised, x, y).residual < 1e-13


def test_one_class_alone_leaves_a_free_intercept_without_an_optimum():
    x, y = np.array([[1.0], [2], [3]]), np.ones(3)
    for penalised in (Objective("logistic"), Objective("logistic", l2=1.0), Objective("logistic", l1=1.0)):
        with pytest.raises(NoFiniteOptimum, match="one class"):
            optimum(penalised, x, y)
    assert optimum(Objective("logistic", l2=1.0, intercept="penalised"), x, y).residual < 1e-15


def test_least_squares_on_dependent_columns_ends_at_the_smallest_residual():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 3))
    x, y = np.c_[x, x[:, 0] + x[:, 1], np.ones(10)], rng.integers(0, 2, 10).astype(float)
    best = np.linalg.lstsq(np.c_[np.ones(10), x], y)[0]
    found = optimum(Objective("squares"), x, y)
    assert found.value == pytest.approx(((y - np.c_[np.ones(10), x] @ best) ** 2).mean() / 2, rel=1e-13)
    assert found.residual < 1e-14
