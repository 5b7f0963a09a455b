"""What differs between two linear fits is named from their answers alone: planted faults, and pairs without one.

Both sides are scikit-learn's own estimators, one of them with a fault planted in its data, its arguments or what it
reports. Neither says so: coefficients, probabilities and labels are all that the comparison sees.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from parity.compare.answers import Rows, Side, examined
from parity.compare.objective import Objective
from parity.compare.solvers import Card, compare
from parity.compare.verdict import Kind
from parity.spec.models import Linear

linear_model = pytest.importorskip("sklearn.linear_model")

N, P, TEST = 120, 6, 50
RIDGE = 0.02
LOGISTIC = Objective("logistic", l2=RIDGE)
SQUARES = Objective("squares")


@dataclass(frozen=True)
class Fault:
    """Something that a fit does without saying so, and the step and words by which it has to be named."""

    step: str
    code: str
    fit: Callable[[Rows], Side]


SHAPES: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "plain": lambda rng, z: z,
    "badly scaled": lambda rng, z: z * 10.0 ** np.linspace(-1.5, 1.5, z.shape[1]),
    "far from 0": lambda rng, z: z + np.linspace(-20, 20, z.shape[1]),
    "correlated": lambda rng, z: z + 0.8 * z[:, [0]],
    "heavy tails": lambda rng, z: np.sinh(z),
    "skewed": lambda rng, z: np.exp(0.7 * z),
    "counts": lambda rng, z: np.round(np.exp(0.6 * z + 0.5)),
    "thirds": lambda rng, z: np.round(3 * z) / 3,
    "one binary": lambda rng, z: np.column_stack([z[:, 0] > 0, z[:, 1:]]).astype(float),
    "shares": lambda rng, z: 1 / (1 + np.exp(-z)) * 3,
}
"Ten shapes of data; none has fewer rows than a fit determines, and none is separated."


def rows_of(shape: str, seed: int, objective: Objective = LOGISTIC) -> Rows:
    rng = np.random.default_rng([seed, sorted(SHAPES).index(shape)])
    z = rng.normal(size=(N + TEST, P))
    x = np.asarray(SHAPES[shape](rng, z), dtype=np.float64)
    signal = (x - x.mean(axis=0)) / x.std(axis=0) @ np.array([1.2, -0.8, 0.5, 0.3, -0.9, 0.7]) + 0.4
    if objective.loss == "squares":
        y = signal + rng.normal(size=len(x))
    else:
        y = (rng.uniform(size=len(x)) < 1 / (1 + np.exp(-signal))).astype(float)
    return Rows(x[:N], y[:N], x[N:], tuple(f"x{j + 1}" for j in range(P)))


def logistic(
    rows: Rows,
    *,
    ridge: float = RIDGE,
    tol: float = 1e-12,
    solver: str = "lbfgs",
    intercept: bool = True,
    **more: object,
) -> Side:
    """A fit by scikit-learn, which minimises C * sum(loss) + |b|^2 / 2."""
    model = linear_model.LogisticRegression(
        C=1 / (ridge * len(rows.y)), tol=tol, solver=solver, max_iter=20_000, fit_intercept=intercept, **more
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows.x, rows.y)
    constant = float(model.intercept_[0]) if intercept else 0.0
    return Side(
        "faulty", rows.features, model.coef_[0], constant, model.predict_proba(rows.test)[:, 1],
        model.predict(rows.test).astype(np.int8), LOGISTIC, iterations=int(model.n_iter_[0]),
    )  # fmt: skip


def squares(rows: Rows, intercept: bool = True) -> Side:
    model = linear_model.LinearRegression(fit_intercept=intercept).fit(rows.x, rows.y)
    fitted = model.predict(rows.test)
    constant = float(model.intercept_) if intercept else 0.0
    return Side("faulty", rows.features, model.coef_, constant, fitted, (fitted > 0.5).astype(np.int8), SQUARES)


def on(rows: Rows, change: Callable[[np.ndarray], np.ndarray], fit: Callable[[Rows], Side] = logistic) -> Side:
    """A fit to changed features, training and test rows alike."""
    return fit(Rows(change(rows.x), rows.y, change(rows.test), rows.features))


def lasso(rows: Rows) -> Side:
    """A free intercept takes up what centring moves, and saga crawls on columns far from 0."""
    centre = rows.x.mean(axis=0)
    side = on(rows, lambda x: x - centre, lambda r: logistic(r, solver="saga", l1_ratio=1.0, tol=1e-10))
    return replace(side, intercept=side.intercept - float(centre @ side.coefficients))


def penalised_intercept(rows: Rows) -> Side:
    def with_ones(x: np.ndarray) -> np.ndarray:
        return np.column_stack([x, np.ones(len(x))])

    side = on(rows, with_ones, lambda changed: logistic(changed, intercept=False))
    return replace(side, coefficients=side.coefficients[:-1], intercept=float(side.coefficients[-1]))


def without_first(rows: Rows, fit: Callable[[Rows], Side] = logistic) -> Side:
    side = on(rows, lambda x: x[:, 1:], fit)
    return replace(side, coefficients=np.concatenate([[0.0], side.coefficients]))


def standardized(rows: Rows) -> Side:
    centre, sd = rows.x.mean(axis=0), rows.x.std(axis=0)
    side = on(rows, lambda x: (x - centre) / sd)
    b = side.coefficients / sd
    return replace(side, coefficients=b, intercept=side.intercept - float(centre @ b))


def in_order(rows: Rows, order: list[int]) -> Side:
    """Fits the columns in another order and reports them under their old names."""
    return on(rows, lambda x: x[:, order])


def relabelled(rows: Rows, row: int, fit: Callable[[Rows], Side] = logistic) -> Side:
    y = rows.y.copy()
    y[row] = 1 - y[row]
    return fit(replace(rows, y=y))


def multiplied(side: Side, factor: float, intercept: bool = True) -> Side:
    constant = side.intercept * factor if intercept else side.intercept
    return replace(side, coefficients=side.coefficients * factor, intercept=constant)


def rounded(x: np.ndarray, dtype: type) -> np.ndarray:
    return x.astype(dtype).astype(np.float64)


def flipped(side: Side) -> Side:
    return replace(side, coefficients=-side.coefficients, intercept=-side.intercept, probability=1 - side.probability)


def weighted(rows: Rows, weights: np.ndarray, fit: Callable[[Rows], Side] = logistic) -> Side:
    """Row weights, which scikit-learn puts on the summed loss, by repeating rows."""
    chosen = np.repeat(np.arange(len(rows.y)), weights.astype(int))
    changed = replace(rows, x=rows.x[chosen], y=rows.y[chosen])
    if fit is logistic:
        return logistic(changed, ridge=RIDGE * len(rows.y) / len(chosen))
    return fit(changed)


def predicting(rows: Rows, change: Callable[[np.ndarray, float], tuple[np.ndarray, float]]) -> Side:
    """A right fit that predicts with changed coefficients."""
    side = logistic(rows)
    b, c = change(side.coefficients, side.intercept)
    return replace(side, probability=1 / (1 + np.exp(-(rows.test @ b + c))))


def labelled(side: Side, by: Callable[[Side], np.ndarray]) -> Side:
    return replace(side, label=np.asarray(by(side)).astype(np.int8))


def centred(side: Side, rows: Rows) -> Side:
    return replace(side, intercept=side.intercept + float(rows.x.mean(axis=0) @ side.coefficients))


def of_scaled_columns(side: Side, rows: Rows) -> Side:
    return replace(side, coefficients=side.coefficients * rows.x.std(axis=0))


def to_two_digits(side: Side) -> Side:
    return replace(side, coefficients=np.array([float(f"{value:.2g}") for value in side.coefficients]))


def clean(rows: Rows) -> Side:
    return replace(logistic(rows, solver="newton-cholesky"), name="clean")


FAULTS: dict[str, Fault] = {
    "penalty twice as strong": Fault("objective", "penalty.strength", lambda r: logistic(r, ridge=2 * RIDGE)),
    "penalty half as strong": Fault("objective", "penalty.strength", lambda r: logistic(r, ridge=RIDGE / 2)),
    "penalty on the sum, not the mean": Fault("objective", "penalty.strength", lambda r: logistic(r, ridge=RIDGE * N)),
    "no penalty": Fault("objective", "penalty.strength", lambda r: logistic(r, ridge=1e-12)),
    "row weights doubled": Fault(
        "objective", "penalty.strength", lambda r: logistic(r, ridge=RIDGE / 2)
    ),
    "lasso in place of ridge": Fault("objective", "penalty.strength", lambda r: lasso(r)),
    "intercept penalised": Fault("objective", "penalty.intercept", penalised_intercept),
    "no intercept": Fault("objective", "intercept", lambda r: logistic(r, intercept=False)),
    "class order turned": Fault("objective", "class order", lambda r: flipped(logistic(r))),
    "classes weighted": Fault("objective", "class.weights", lambda r: logistic(r, class_weight={0: 1, 1: 3})),
    "classes balanced": Fault("objective", "class.weights", lambda r: logistic(r, class_weight="balanced")),
    "standardized without saying": Fault("objective", "input_scaling", standardized),
    "coefficients of standardized columns": Fault(
        "objective", "input_scaling",
        lambda r: of_scaled_columns(centred(logistic(r), r), r),
    ),
    "intercept of centred columns": Fault(
        "objective", "input_scaling",
        lambda r: centred(logistic(r), r),
    ),
    "first column dropped": Fault("objective", "columns", without_first),
    "two columns swapped": Fault("objective", "column order", lambda r: in_order(r, [1, 0, 2, 3, 4, 5])),
    "columns rotated": Fault("objective", "column order", lambda r: in_order(r, [5, 0, 1, 2, 3, 4])),
    "float16 features": Fault("objective", "precision", lambda r: on(r, lambda x: rounded(x, np.float16))),
    "float32 features": Fault(
        "objective", "precision", lambda r: on(r, lambda x: rounded(x, np.float32), clean)
    ),
    "coefficients doubled": Fault("objective", "coefficients", lambda r: multiplied(logistic(r), 2.0)),
    "coefficients doubled, intercept not": Fault(
        "objective", "coefficients", lambda r: multiplied(logistic(r), 2.0, intercept=False)
    ),
    "a row left out": Fault(
        "objective", "rows", lambda r: weighted(r, np.where(np.arange(N) == 7, 0, 1))
    ),
    "a row counted twice": Fault("objective", "rows", lambda r: weighted(r, np.where(np.arange(N) == 7, 2, 1))),
    "a label flipped": Fault("objective", "labels of the rows", lambda r: relabelled(r, 11)),
    "squared loss in place of the logistic": Fault(
        "objective", "loss", lambda r: replace(squares_with_ridge(r), objective=LOGISTIC)
    ),
    "stopped after four iterations": Fault("optimum", "stopped early", lambda r: stopped(r, 4)),
    "tolerance 100 times looser": Fault("optimum", "stopped early", lambda r: logistic(r, tol=1e-2)),
    "coefficients rounded to two digits": Fault(
        "optimum", "precision",
        lambda r: to_two_digits(logistic(r)),
    ),
    "predicts with the class order turned": Fault(
        "probabilities", "predict: class order", lambda r: predicting(r, lambda b, c: (-b, -c))
    ),
    "predicts with doubled coefficients": Fault(
        "probabilities", "predict: coefficients",
        lambda r: predicting(r, lambda b, c: (2 * b, 2 * c)),
    ),
    "predicts without the intercept": Fault(
        "probabilities", "predict: intercept", lambda r: predicting(r, lambda b, c: (b, 0.0))
    ),
    "predicts with columns in another order": Fault(
        "probabilities", "predict: column order",
        lambda r: predicting(r, lambda b, c: (b[[2, 1, 0, 3, 4, 5]], c)),
    ),
    "predicts without a column": Fault(
        "probabilities", "predict: columns",
        lambda r: predicting(r, lambda b, c: (b * (np.arange(P) != 2), c)),
    ),
    "labels with the other class": Fault(
        "labels", "threshold", lambda r: labelled(logistic(r), lambda s: 1 - s.label)
    ),
    "labels cut elsewhere": Fault(
        "labels", "threshold", lambda r: labelled(logistic(r), lambda s: s.probability > 0.65)
    ),
}  # fmt: skip


def squares_with_ridge(rows: Rows) -> Side:
    model = linear_model.Ridge(alpha=RIDGE * N).fit(rows.x, rows.y)
    fitted = 1 / (1 + np.exp(-(rows.test @ model.coef_ + model.intercept_)))
    label = (fitted > 0.5).astype(np.int8)
    return Side("faulty", rows.features, model.coef_, float(model.intercept_), fitted, label, LOGISTIC)


def stopped(rows: Rows, steps: int) -> Side:
    model = linear_model.LogisticRegression(C=1 / (RIDGE * N), max_iter=steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows.x, rows.y)
    probability = model.predict_proba(rows.test)[:, 1]
    return Side(
        "faulty", rows.features, model.coef_[0], float(model.intercept_[0]), probability,
        model.predict(rows.test).astype(np.int8), LOGISTIC, iterations=steps, cap=steps,
    )  # fmt: skip


def card_of(left: Side, right: Side, rows: Rows) -> Card:
    spec = Linear(loss=left.objective.loss, l2=left.objective.l2)
    return compare(examined(left, rows), examined(right, rows), rows, spec)


def effective(fault: str, rows: Rows) -> bool:
    """Whether a fault changes anything in these rows: numbers that float16 holds are not changed by it."""
    if "float" in fault:
        return not np.array_equal(rounded(rows.x, np.float16 if "16" in fault else np.float32), rows.x)
    if "balanced" in fault:
        return abs(rows.y.mean() - 0.5) > 0.02
    if "without the intercept" in fault or "centred" in fault:
        side = clean(rows)
        return abs(side.intercept) > 0.05 and abs(float(rows.x.mean(axis=0) @ side.coefficients)) > 0.05
    return True


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_as_the_first_difference_in_every_shape_of_data(fault: str):
    planted = FAULTS[fault]
    missed = []
    for shape in SHAPES:
        rows = rows_of(shape, seed=1)
        if not effective(fault, rows):
            continue
        card = card_of(clean(rows), planted.fit(rows), rows)
        named = (card.first.name, card.first.code) if card.first else ("none", str(card.verdict))
        if named != (planted.step, planted.code):
            missed.append((shape, named, card.first.sentence if card.first else ""))
    assert not missed


def pairs_without_a_fault() -> Iterator[tuple[str, int, str]]:
    for shape in SHAPES:
        for seed in range(2, 4):
            for other in ("lbfgs", "newton-cg", "newton-cholesky", "least squares", "unpenalised"):
                yield shape, seed, other


def test_a_hundred_pairs_without_a_fault_raise_none():
    parted = []
    for shape, seed, other in pairs_without_a_fault():
        if other == "least squares":
            rows = rows_of(shape, seed, SQUARES)
            one = replace(squares(rows), name="clean")
            design = np.column_stack([np.ones(N), rows.x])
            solved = np.linalg.lstsq(design, rows.y, rcond=None)[0]
            fitted = rows.test @ solved[1:] + solved[0]
            two = replace(
                one, name="lstsq", coefficients=solved[1:], intercept=float(solved[0]), probability=fitted,
                label=(fitted > 0.5).astype(np.int8),
            )  # fmt: skip
        elif other == "unpenalised":
            rows = rows_of(shape, seed)
            none = Objective("logistic")
            one = replace(logistic(rows, ridge=1e-14, solver="newton-cholesky"), name="clean", objective=none)
            two = replace(logistic(rows, ridge=1e-14, solver="lbfgs", tol=1e-10), objective=none)
        else:
            rows = rows_of(shape, seed)
            one, two = clean(rows), logistic(rows, solver=other, tol=1e-9)
        card = card_of(one, two, rows)
        if card.first is not None:
            parted.append((shape, seed, other, card.first.name, card.first.code, card.first.sentence))
    assert len(list(pairs_without_a_fault())) == 100
    assert not parted


def test_a_rank_deficient_problem_has_no_coefficients_to_compare_and_says_how_each_side_chose():
    rows = rows_of("plain", 5, SQUARES)
    x = rows.x.copy()
    x[:, 5] = x[:, 0] + x[:, 1]
    rows = replace(rows, x=x)
    smallest = replace(squares(rows), name="smallest norm")
    kept = linear_model.LinearRegression().fit(x[:, :5], rows.y)
    fitted = rows.test[:, :5] @ kept.coef_ + kept.intercept_
    aliased = Side(
        "aliased", rows.features, np.concatenate([kept.coef_, [np.nan]]), float(kept.intercept_), fitted,
        (fitted > 0.5).astype(np.int8), SQUARES,
    )  # fmt: skip
    card = card_of(aliased, smallest, rows)
    steps = {step.name: step for step in card.steps}
    assert steps["uniqueness"].verdict is Kind.NOT_COMPARABLE
    assert steps["uniqueness"].values == (
        "leaves 1 of 6 coefficients out (aliased)",
        "takes the solution of smallest norm (intercept apart)",
    )
    assert steps["coefficients"].verdict is Kind.NOT_COMPARABLE
    # The test rows do not keep to the dependence, so the two choices predict them differently.
    assert card.first is steps["probabilities"] and card.first.code == "uniqueness"


def test_separated_classes_have_no_optimum_to_be_short_of():
    rows = rows_of("plain", 6)
    rows = replace(rows, y=(rows.x[:, 0] > 0).astype(float))
    none = Objective("logistic")
    one = replace(logistic(rows, ridge=1e-6), name="one", objective=none)
    two = replace(logistic(rows, ridge=1e-9), name="two", objective=none)
    steps = {step.name: step for step in card_of(one, two, rows).steps}
    assert steps["optimum"].verdict is Kind.NOT_COMPARABLE
    assert "separated" in steps["coefficients"].sentence
