"""Rank, aliased columns and separation are what R finds, and what exact arithmetic proves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare.diagnosis import Infinite, Rank, aliased, diagnose, rank, separation
from parity.compare.objective import NoFiniteOptimum, Objective, optimum
from parity.engines.environment import r_environ

R_ALIASED = r"""
for (file in list.files(pattern = "csv$")) {
  m <- as.matrix(read.csv(file, header = FALSE))
  cat(file, which(is.na(coef(lm(m[, 1] ~ m[, -1], singular.ok = TRUE))[-1])), "\n")
}
"""

# What the help pages of the package use, and the cases that the test has written: the model matrix, labels and answer.
R_SEPARATION = r"""
suppressMessages(library(detectseparation))
data(endometrial, lizards, silvapulle1981, package = "detectseparation")
lizards <- reshape(
  transform(lizards, id = seq_len(nrow(lizards))),
  varying = c("grahami", "opalinus"), v.names = "count", timevar = "is_grahami", times = 1:0, direction = "long"
)
lizards <- lizards[lizards$count > 0, ]
problems <- list(
  endometrial = list(model.matrix(HG ~ NV + PI + EH, endometrial), endometrial$HG),
  lizards = list(model.matrix(~ height + diameter + light + time, lizards), lizards$is_grahami),
  silvapulle = list(model.matrix(~ ghqs, silvapulle1981), as.integer(silvapulle1981$y == "case"))
)
for (file in list.files(pattern = "csv$")) {
  m <- as.matrix(read.csv(file, header = FALSE))
  problems[[file]] <- list(cbind(1, m[, -1, drop = FALSE]), m[, 1])
}
text <- function(values) paste0("[", paste(sprintf("%.17g", values), collapse = ","), "]")
for (name in names(problems)) {
  x <- problems[[name]][[1]]
  y <- as.numeric(problems[[name]][[2]])
  colnames(x) <- paste0("x", seq_len(ncol(x)))
  found <- detect_separation(x, y, family = binomial(), control = list(separation_type = TRUE))
  kind <- if (!found$outcome) "none" else if (found$complete) "complete" else "quasi-complete"
  limits <- ifelse(is.na(found$coefficients), 2, sign(found$coefficients))
  cat(sprintf(
    '{"name": "%s", "x": [%s], "y": %s, "kind": "%s", "limits": %s}\n',
    name, paste(apply(x[, -1, drop = FALSE], 1, text), collapse = ","), text(y), kind, text(limits)
  ))
}
"""


def r_answers(script: str, folder) -> list[str]:
    (folder / "ask.R").write_text(script)
    environ = {**os.environ, **r_environ()}
    done = subprocess.run(
        ["Rscript", "ask.R"], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=250
    )
    if "there is no package called" in done.stderr:
        pytest.skip("R has no detectseparation here; `make setup-test` installs it")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not here")


def problem(seed: int):
    """A small problem (x, y) of whole numbers or normal draws: overlapping or separated, of full rank or not."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(4, 30)), int(rng.integers(2, 6))
    x = rng.normal(size=(n, p)) if seed % 3 == 0 else rng.integers(0, 2 + seed % 3, (n, p)).astype(float)
    if seed % 5 == 0:
        x = np.c_[x, x[:, 0] * 2 + x[:, 1], np.ones(n)]
    eta = np.c_[np.ones(n), x] @ np.round(2 * rng.normal(size=x.shape[1] + 1)) / 2
    by_plane = np.where(eta == 0, rng.uniform(size=n) < 0.5, eta > 0)
    by_chance = rng.uniform(size=n) < 1 / (1 + np.exp(-eta))
    one_side = (rng.uniform(size=n) < 0.4) & (x[:, 0] > np.median(x[:, 0]))
    return x, (by_plane, by_chance, one_side)[seed % 7 % 3].astype(float)


def exact_margins(x, y, direction) -> list[Fraction]:
    """s_i (d_0 + x_i'd) without rounding."""
    d = [Fraction(float(value)) for value in direction]
    return [
        (1 if label else -1) * (d[0] + sum(Fraction(float(v)) * part for v, part in zip(row, d[1:], strict=True)))
        for row, label in zip(x, y, strict=True)
    ]


def limits(found, p: int) -> list[int | None]:
    """For intercept and columns: 0 finite, 1 or -1 the sign, None open, 2 left out."""
    shown = [0] * (1 + p)
    for each in found.infinite:
        shown[0 if each.column is None else 1 + each.column] = each.sign or None
    for column in found.left_out:
        shown[1 + column] = 2
    return shown


@needs_r
def test_separation_is_what_rs_detectseparation_finds(tmp_path):
    for seed in range(150):
        x, y = problem(seed)
        # With one independent column R's package fails ("incorrect number of dimensions").
        if len(aliased(x)) < x.shape[1]:
            np.savetxt(tmp_path / f"{seed:04}.csv", np.c_[y, x], delimiter=",", fmt="%.17g")
    answers = [json.loads(line) for line in r_answers(R_SEPARATION, tmp_path)]
    kinds = {answer["name"]: answer["kind"] for answer in answers}
    assert kinds["endometrial"] == "quasi-complete" and kinds["lizards"] == "none"
    assert min(sum(kind == k for kind in kinds.values()) for k in ("none", "quasi-complete", "complete")) >= 15
    quasi_alike = []
    for answer in answers:
        x, y = np.array(answer["x"]), np.array(answer["y"])
        found = separation(x, y)
        assert found.kind == answer["kind"], answer["name"]
        for ours, theirs in zip(limits(found, x.shape[1]), answer["limits"], strict=True):
            # R reads one separating direction. Where it is 0 in a coefficient, another direction need not be; where
            # it is not, the coefficient is infinite beyond doubt, and where a sign is forced it must have that one.
            if theirs != 0:
                assert ours in (theirs, None), answer["name"]
            elif found.kind == "none":
                assert ours == 0
            elif found.kind == "quasi-complete":
                quasi_alike.append(ours == 0)
    assert np.mean(quasi_alike) > 0.8
    # The help page's own: NV's estimate is plus infinity, the others are finite.
    endometrial = next(answer for answer in answers if answer["name"] == "endometrial")
    found = separation(np.array(endometrial["x"]), np.array(endometrial["y"]))
    assert found.infinite == (Infinite(0, 1),)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6))
def test_what_is_called_complete_is_proved_by_exact_margins_and_the_rest_by_newtons_end(seed):
    x, y = problem(seed)
    found = separation(x, y)
    margins = exact_margins(x, y, found.direction)
    if found.kind == "complete":
        assert min(margins) > 0 and float(min(margins)) == pytest.approx(1)
        assert len(found.infinite) == 1 + x.shape[1] - len(found.left_out)
    elif found.kind == "quasi-complete":
        assert float(min(margins)) == pytest.approx(0, abs=1e-9)
        assert float(min(m for m in margins if m > 1e-6)) == pytest.approx(1)
    else:
        assert not found.direction.any() and not found.infinite
    if found.kind == "none":
        assert optimum(Objective("logistic"), x, y).residual < 1e-12
    else:
        with pytest.raises(NoFiniteOptimum):
            optimum(Objective("logistic"), x, y)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(-4, 4))
def test_separation_does_not_depend_on_units_or_origin_of_the_columns(seed, power):
    x, y = problem(seed)
    unit = 8.0 ** (power * np.arange(1, x.shape[1] + 1) / 2)
    found, scaled = separation(x, y), separation(x * unit, y)
    assert (scaled.kind, scaled.infinite, scaled.left_out) == (found.kind, found.infinite, found.left_out)
    shifted = separation(x + 64, y)
    assert shifted.kind == found.kind
    # The intercept takes up the shift; the other coefficients stay.
    assert [i for i in shifted.infinite if i.column is not None] == [i for i in found.infinite if i.column is not None]


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_infinite_coefficients_are_those_that_grow_as_a_ridge_penalty_vanishes(seed):
    x, y = problem(seed)
    found = separation(x, y)
    kept = np.setdiff1d(np.arange(x.shape[1]), found.left_out)
    at = [optimum(Objective("logistic", l2=l2, intercept="penalised"), x[:, kept], y) for l2 in (1e-7, 1e-10, 1e-13)]
    path = np.array([np.r_[o.intercept, o.coefficients] for o in at])
    shown = np.array(limits(found, x.shape[1]), dtype=float)[np.r_[0, 1 + kept]]
    last = path[2] - path[1]
    for sign in (-1, 1):
        assert (sign * last[shown == sign] > 0).all()
    assert (np.abs(last[shown == 0]) < 1e-4 * (1 + np.abs(path[2][shown == 0]))).all()


def test_an_open_sign_is_told_from_a_forced_one_and_from_a_finite_coefficient():
    # The first column separates all; the second is free to be anything that the first outweighs.
    x, y = np.array([[-1.0, 0.5], [-1, -0.5], [1, 0.5], [1, -0.5]]), np.array([0.0, 0, 1, 1])
    found = separation(x, y, intercept=False)
    assert (found.kind, found.infinite) == ("complete", (Infinite(0, 1), Infinite(1, 0)))
    # Rows where the first column is 0 overlap in the second, whose estimate is therefore finite.
    overlap = np.c_[np.zeros(4), [1.0, 2, 3, 4]]
    mixed = np.r_[np.c_[np.ones(2), [1.0, 2]], overlap]
    found = separation(mixed, np.array([1.0, 1, 0, 1, 0, 1]))
    assert (found.kind, found.infinite) == ("quasi-complete", (Infinite(0, 1),))


@pytest.mark.parametrize("labels", ["overlapping", "complete", "quasi-complete"])
def test_five_thousand_rows_of_sixty_columns_are_told_apart(labels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 60))
    eta = x @ rng.normal(size=60)
    y = (rng.uniform(size=5000) < 1 / (1 + np.exp(-8 * eta))).astype(float)
    if labels == "complete":
        y = (eta > 0).astype(float)
    if labels == "quasi-complete":
        x[:, 0] = (y == 1) & (rng.uniform(size=5000) < 0.1)
    found = separation(x, y, signs=False)
    assert found.kind == ("none" if labels == "overlapping" else labels)


@needs_r
def test_aliased_columns_are_those_that_rs_lm_leaves_out(tmp_path):
    rng = np.random.default_rng(1)
    ours = {}
    for case in range(60):
        n, p = int(rng.integers(3, 15)), int(rng.integers(2, 10))
        x = rng.integers(0, 3, (n, p)) * 10.0 ** rng.integers(-5, 6, p)
        x[:, 1] += [0, 1e-5, 1e-9][case % 3] * x[:, 1].max() * rng.normal(size=n)
        x = np.c_[x, x[:, 1] + x[:, 0], x[:, 1] * (1 + 1e-10 * rng.normal(size=n))]
        np.savetxt(tmp_path / f"{case:03}.csv", np.c_[rng.normal(size=n), x], delimiter=",", fmt="%.17g")
        ours[f"{case:03}.csv"] = [j + 1 for j in aliased(x)]
    theirs = {line.split()[0]: [int(j) for j in line.split()[1:]] for line in r_answers(R_ALIASED, tmp_path)}
    assert theirs == ours
    assert sum(map(bool, ours.values())) >= 50


def test_rank_tells_badly_scaled_columns_from_dependent_ones():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    plain = rank(x)
    assert (plain.rank, plain.unscaled, plain.columns) == (5, 5, 5)
    assert plain.condition_unscaled == pytest.approx(np.linalg.cond(np.c_[np.ones(30), x]))
    scaled = rank(x * [1e-9, 1, 1, 1e9])
    assert (scaled.rank, scaled.unscaled) == (5, 4)
    assert scaled.condition == pytest.approx(plain.condition, rel=1e-6)
    dependent = rank(np.c_[x, x[:, 0] - x[:, 1]], intercept=False)
    assert (dependent.rank, dependent.unscaled, dependent.columns) == (4, 4, 5)
    wide = rank(x[:3])
    assert wide == Rank(3, 3, 5, float("inf"), float("inf"))


def test_a_diagnosis_says_in_one_sentence_why_coefficients_are_determined_or_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2))
    y = np.tile([0.0, 1], 10)
    names = ["p1", "p2", "p3"]
    dependent = np.c_[x, x[:, 0] + x[:, 1]]
    apart = (x[:, 0] > 0).astype(float)
    squares, logistic = Objective("squares"), Objective("logistic")

    def said(objective, columns, labels):
        found = diagnose(objective, columns, labels, names[: columns.shape[1]])
        return found.determined, found.reason

    assert said(squares, x, y) == (True, "the columns have full rank 3")
    assert said(logistic, x, y) == (True, "the columns have full rank 3 and the classes overlap")
    lacking = "the columns have rank 3 of 4 (p3 determined by earlier ones), so "
    assert said(squares, dependent, y) == (False, lacking + "many coefficients give the same minimum")
    assert said(Objective("squares", l1=0.1), dependent, y) == (
        False,
        lacking + "the lasso's minimum need not be the only one",
    )
    assert said(Objective("logistic", l2=0.1), dependent, apart) == (
        True,
        "the ridge penalty leaves one minimum, whatever the columns",
    )
    assert said(logistic, x, apart) == (
        False,
        "the classes are completely separated, so the likelihood has no maximum: no finite intercept, p1, p2",
    )
    assert said(Objective("logistic", l1=0.1), x, apart)[0]
    one_class = "all 20 labels are 1, so the intercept, which bears no penalty, has no finite value"
    assert said(Objective("logistic", l2=0.1), x, np.ones(20)) == (False, one_class)
    assert said(Objective("logistic", l2=0.1, intercept="penalised"), x, np.ones(20))[0]
    found = diagnose(squares, dependent, y, names)
    assert (found.n, found.p, found.aliased, found.separation) == (20, 3, ("p3",), None)
    nearly = np.c_[x, x[:, 0] + 1e-9 * rng.normal(size=20)]
    assert "R drops p3 all the same" in said(squares, nearly, y)[1]
    assert diagnose(logistic, nearly, y).aliased == ()
