"""Differences between screens are traced to causes that were planted, or that real scorers have on awkward columns."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_selection import SelectKBest, f_classif

from parity.compare.exact_screen import exact_scores
from parity.compare.screen_scores import Screened
from parity.compare.screening import against_exact, compare_screens
from parity.data import Source, load
from parity.errors import RequestError
from parity.spec.models import Leekasso, Linear
from parity.spec.protocol import make_draws
from parity.spec.screen import neutral_screen
from parity.spec.study import preset

Y = np.array([0, 0, 0, 1, 1, 1], np.int8)
BEST = np.array([0, 1, 2, 10, 11, 12.0])
GOOD = np.array([0, 1, 2, 4, 5, 6.0])
POOR = np.array([0, 3, 6, 1, 4, 8.0])
CONSTANT = np.full(6, 7.0)
SPLIT = Y * 3.0


def names(p: int) -> tuple[str, ...]:
    return tuple(f"pixel{j}" for j in range(p))


def as_contract(values: np.ndarray) -> list[float | str | None]:
    """As engines return scores: None for NaN, infinities as texts."""
    return [None if math.isnan(v) else str(v) if math.isinf(v) else v for v in map(float, values)]


def screened(name: str, kept: np.ndarray, statistic: np.ndarray, p_value: np.ndarray, by: str) -> Screened:
    scores = {"ranked_by": by, "statistic": as_contract(statistic), "p_value": as_contract(p_value)}
    return Screened(name, tuple(f"pixel{j}" for j in kept), scores)


def sklearns(x: np.ndarray, y: np.ndarray, k: int) -> Screened:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        screen = SelectKBest(f_classif, k=min(k, x.shape[1])).fit(x, y)
    return screened("py-sklearn", screen.get_support(indices=True), screen.scores_, screen.pvalues_, "statistic")


def two_pass(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """genefilter's formula: F from squares about the means, and its p-value."""
    n = len(y)
    with np.errstate(all="ignore"):
        means = np.where(y[:, None] == 1, x[y == 1].mean(axis=0), x[y == 0].mean(axis=0))
        between, within = ((means - x.mean(axis=0)) ** 2).sum(axis=0), ((x - means) ** 2).sum(axis=0)
        f = between / (within / x.dtype.type(n - 2))
        return f, stats.f.sf(f, 1, n - 2)


def rs(x: np.ndarray, y: np.ndarray, k: int) -> Screened:
    """which(rank(p) <= k): mean ranks of ties; missing p-values come last, in the order of the columns."""
    f, p = two_pass(x, y)
    ranks = np.where(np.isnan(p), np.isfinite(p).sum() + np.cumsum(np.isnan(p)), 0.0)
    ranks[~np.isnan(p)] = stats.rankdata(p[~np.isnan(p)])
    return screened("r-stats", np.flatnonzero(ranks <= k), f, p, "p_value")


def by_statistic(name: str, f: np.ndarray, k: int, rows: int = 6) -> Screened:
    """The k largest, first columns first among equals."""
    p = stats.f.sf(np.asarray(f, dtype=np.float64), 1, rows - 2)
    kept = np.sort(np.argsort(-np.where(np.isnan(f), -np.inf, f), kind="stable")[:k])
    return screened(name, kept, f, p, "statistic")


def float32s(x: np.ndarray, y: np.ndarray, k: int) -> Screened:
    with np.errstate(all="ignore"):
        return by_statistic("float32", two_pass(x.astype(np.float32), y)[0], k, len(y))


def neutrals(x: np.ndarray, y: np.ndarray, k: int) -> Screened:
    return by_statistic("two-pass", two_pass(x, y)[0], k, len(y))


SCORERS: tuple[Callable[[np.ndarray, np.ndarray, int], Screened], ...] = (sklearns, rs, float32s, neutrals)


def compared(left: Screened, right: Screened, x: np.ndarray, k: int, y: np.ndarray = Y):
    return compare_screens(left, right, x, y, names(x.shape[1]), Leekasso(k=k))


def codes(diff) -> dict[str, str]:
    return {reason.feature: reason.code for reason in diff.reasons}


# Planted causes


def test_ties_at_the_cut_are_named_with_how_each_side_broke_them():
    x = np.column_stack([GOOD, GOOD, BEST, GOOD, GOOD])
    diff = compared(sklearns(x, Y, 2), rs(x, Y, 2), x, 2)
    assert diff.shared == ("pixel2",)
    assert (diff.only_left, diff.only_right) == (("pixel4",), ())
    assert codes(diff) == {"pixel4": "tie"}
    assert diff.reasons[0].sentence == (
        "pixel4: tied with 3 others at ranks 2-5 (F = 24 exactly); "
        "py-sklearn keeps the last 1 of them, r-stats keeps none (mean rank 3.5)"
    )
    first = compared(sklearns(x, Y, 3), neutrals(x, Y, 3), x, 3)
    assert "py-sklearn keeps the last 2 of them, two-pass keeps the first 2 of them" in first.reasons[0].sentence
    assert "r-stats keeps all (mean rank 3.5)" in compared(sklearns(x, Y, 4), rs(x, Y, 4), x, 4).reasons[0].sentence


def test_a_tie_that_rounding_breaks_is_said_to_be():
    x = np.column_stack([GOOD, GOOD, GOOD])
    left = by_statistic("left", np.array([24.0, np.nextafter(24, 25), 24.0]), 1)
    diff = compared(left, neutrals(x, Y, 1), x, 1)
    assert codes(diff) == {"pixel0": "tie", "pixel1": "tie"}
    assert "left keeps the 1 that its rounding scores higher, two-pass keeps the first 1" in diff.reasons[0].sentence


def test_a_constant_column_has_a_missing_score():
    x = np.column_stack([CONSTANT, BEST, CONSTANT, CONSTANT])
    diff = compared(sklearns(x, Y, 2), rs(x, Y, 2), x, 2)
    assert codes(diff) == {"pixel0": "missing score", "pixel3": "missing score"}
    assert "1 of 4 features have one" in diff.reasons[0].sentence
    assert "py-sklearn keeps the last 1 of them, r-stats keeps the first 1 of them" in diff.reasons[0].sentence


def test_a_score_that_underflowed_to_nan_is_missing():
    x = np.column_stack([BEST * 1e-200, GOOD, POOR])
    diff = against_exact(neutrals(x, Y, 1), x, Y, names(3), Leekasso(k=1))
    assert codes(diff) == {"pixel0": "missing score", "pixel1": "missing score"}
    assert "F = 150, but two-pass has nan" in diff.reasons[0].sentence
    assert "as the two-pass formula in float64 does" in diff.reasons[0].sentence


@pytest.mark.parametrize("has", [math.nan, 20.0])
def test_an_infinite_exact_f_that_a_side_lacks_is_named(has: float):
    x = np.column_stack([SPLIT, GOOD, POOR])
    left = by_statistic("left", np.array([has, 24.0, 0.2]), 1)
    diff = compared(left, neutrals(x, Y, 1), x, 1)
    assert codes(diff) == {"pixel0": "infinite score", "pixel1": "infinite score"}
    assert f"left has {has:g}" in diff.reasons[0].sentence


def test_infinite_scores_that_tie_at_the_cut_are_infinite_only_where_a_side_has_another_number():
    x = np.column_stack([SPLIT, SPLIT, SPLIT, POOR])
    first, last = (by_statistic(name, np.array([math.inf] * 3 + [0.2]), 1) for name in ("first", "last"))
    last = dataclasses.replace(last, selected=("pixel2",))
    assert codes(compared(first, last, x, 1)) == {"pixel0": "tie", "pixel2": "tie"}
    huge = by_statistic("huge", np.array([1e31, 2e31, math.inf, 0.2]), 1)
    assert codes(compared(first, huge, x, 1)) == {"pixel0": "infinite score", "pixel2": "tie"}


def test_p_values_that_underflow_are_tied_though_the_statistics_differ():
    y = np.repeat([0, 1], 100).astype(np.int8)
    noise = np.random.default_rng(0).normal(size=(200, 6))
    x = noise + np.outer(y, [0.1, 300, 400, 500, 0.2, 600])
    diff = compared(rs(x, y, 2), neutrals(x, y, 2), x, 2, y)
    assert codes(diff) == {"pixel3": "underflow", "pixel5": "underflow"}
    evidence = diff.reasons[0].evidence
    assert (evidence["p_value"], evidence["tied"]) == (0, 4)
    assert evidence["log10 of p"] < -324
    assert "ranks by p-value and 4 features have p = 0 in float64" in diff.reasons[0].sentence


def test_float32_that_changes_the_order_is_named_with_its_error():
    x = np.column_stack([BEST + [0, 0, 0, 0, 0, 1e-8], BEST - [1e-8, 0, 0, 0, 0, 0], BEST, POOR])
    diff = compared(float32s(x, Y, 1), neutrals(x, Y, 1), x, 1)  # to float32 the first three are one
    assert codes(diff) == {"pixel0": "float32", "pixel2": "float32"}
    assert 1e-10 < diff.reasons[0].evidence["relative_error"] < 1e-6
    assert "as the two-pass formula in float32 does" in diff.reasons[0].sentence


def test_cancellation_of_the_one_pass_formula_is_named():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(6, 8)) + np.outer(Y, np.linspace(3, 0, 8))
    x[:, ::2] += 1e8
    diff = compared(sklearns(x, Y, 3), neutrals(x, Y, 3), x, 3)
    assert diff.reasons
    assert set(codes(diff).values()) == {"cancellation"}
    assert "the one-pass formula in float64" in diff.reasons[0].sentence


def test_a_constant_column_that_cancellation_gives_a_score_is_no_missing_score():
    y = np.repeat([0, 1], [3, 4]).astype(np.int8)
    rng = np.random.default_rng(0)
    for value in 10 ** rng.uniform(-3, 3, 200):
        x = np.column_stack([np.full(7, value), rng.normal(size=(7, 3)) + y[:, None] * 0.1])
        if "pixel0" in sklearns(x, y, 1).selected:
            diff = against_exact(sklearns(x, y, 1), x, y, names(4), Leekasso(k=1))
            assert set(codes(diff).values()) == {"cancellation"}
            return
    pytest.fail("sklearn's f_classif scored none of 200 constant columns")


def test_a_score_of_minus_infinity_from_cancellation_ranks_no_higher_than_a_missing_one():
    x = np.column_stack([np.zeros(6), 1e8 + np.array([0, 0, 0, 0, 0, 0.21875])])
    side = sklearns(x, Y, 1)
    assert side.scores is not None
    assert (side.selected, side.scores["statistic"]) == (("pixel0",), [None, "-inf"])
    diff = against_exact(side, x, Y, names(2), Leekasso(k=1))
    assert codes(diff) == {"pixel0": "missing score", "pixel1": "cancellation"}


def test_the_last_digits_of_the_two_pass_formula_are_rounding():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(6, 1)) + Y[:, None]
    seen = 0
    for _ in range(40):
        x = base * rng.uniform(1, 2, 6)  # F differs in the last digits only
        diff = against_exact(neutrals(x, Y, 2), x, Y, names(6), Leekasso(k=2))
        assert set(codes(diff).values()) <= {"rounding"}
        seen += len(diff.reasons)
    assert seen


def test_another_number_kept_than_k_is_another_rule():
    x = np.column_stack([BEST, GOOD, POOR, POOR * [1, 2, 1, 2, 1, 3]])
    f = two_pass(x, Y)[0]
    more, fewer = (dataclasses.replace(by_statistic("threshold", f, m)) for m in (3, 1))
    diff = compared(more, neutrals(x, Y, 2), x, 2)
    assert list(codes(diff).values()) == ["other rule"]
    assert "keeps 3 features where k = 2: the 3 best, as a threshold on the scores would" in diff.reasons[0].sentence
    assert codes(compared(fewer, neutrals(x, Y, 2), x, 2)) == {"pixel1": "other rule"}
    silent = dataclasses.replace(more, scores=None)
    assert list(codes(compared(silent, neutrals(x, Y, 2), x, 2)).values()) == ["other rule"]


def test_more_than_k_cut_within_a_tie_is_another_rule():
    x = np.column_stack([BEST, GOOD, POOR, POOR, POOR])
    left = by_statistic("left", two_pass(x, Y)[0], 3)
    diff = compared(left, neutrals(x, Y, 2), x, 2)
    assert codes(diff) == {"pixel2": "other rule"}
    assert "exactly 3, within a tie at ranks 3-5" in diff.reasons[0].sentence


def test_p_values_out_of_order_are_rounding_in_the_last_digits_and_unexplained_beyond():
    x = np.column_stack([BEST, GOOD, POOR])
    f, p = two_pass(x, Y)
    for p_of_good, code in ((p[0] * (1 - 1e-12), "rounding"), (p[0] / 2, "unexplained")):
        left = screened("left", np.array([1]), f, np.array([p[0], p_of_good, p[2]]), "p_value")
        assert codes(compared(left, neutrals(x, Y, 1), x, 1)) == {"pixel0": code, "pixel1": code}


def test_p_values_that_rounding_ties_are_underflow_though_the_statistics_are_told_apart():
    x = np.column_stack([BEST + [0, 0, 0, 0, 0, 1e-6], BEST, POOR])
    f, p = two_pass(x, Y)
    left = screened("left", np.array([], int), f, np.array([p[1], p[1], p[2]]), "p_value")
    diff = compared(left, neutrals(x, Y, 1), x, 1)
    assert list(codes(diff).values()) == ["underflow"]
    assert f"2 features have p = {p[1]:g} in float64, so it drops this one" in diff.reasons[0].sentence


def test_a_selection_or_scores_of_other_columns_are_refused_in_one_line():
    x = np.column_stack([BEST, GOOD])
    good = neutrals(x, Y, 1)
    with pytest.raises(RequestError, match="selects 'pixel9', which is no feature"):
        compared(dataclasses.replace(good, selected=("pixel9",)), good, x, 1)
    with pytest.raises(RequestError, match="reports 3 scores for 2 features"):
        compared(by_statistic("left", np.ones(3), 1), good, x, 1)


def test_a_set_that_no_rule_gives_is_unexplained():
    x = np.column_stack([BEST, GOOD, POOR])
    wrong = dataclasses.replace(neutrals(x, Y, 1), name="wrong", selected=("pixel2",))
    diff = compared(wrong, neutrals(x, Y, 1), x, 1)
    assert codes(diff) == {"pixel0": "unexplained", "pixel2": "unexplained"}
    assert "2 that it drops score better by its own scores" in diff.reasons[1].sentence
    silent = dataclasses.replace(wrong, scores=None)
    assert set(codes(compared(silent, neutrals(x, Y, 1), x, 1)).values()) == {"unexplained"}


def test_a_statistic_that_no_formula_gives_is_unexplained():
    x = np.column_stack([BEST, GOOD, POOR])
    made_up = by_statistic("made up", np.array([150.0, 177.7, 0.2]), 1)
    diff = compared(made_up, neutrals(x, Y, 1), x, 1)
    assert codes(diff) == {"pixel0": "unexplained", "pixel1": "unexplained"}
    assert "F = 24 exactly, but made up has 177.7" in diff.reasons[1].sentence


def test_an_f_test_where_a_welch_like_score_was_asked_is_another_statistic():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], [3, 9]).astype(np.int8)
    x = rng.normal(size=(12, 30)) * np.where(y[:, None] == 1, rng.uniform(0.1, 3, 30), 1) + y[:, None]
    spec = Leekasso(k=5, screen="welch-like")
    diff = against_exact(neutrals(x, y, 5), x, y, names(30), spec)
    assert diff.reasons
    assert set(codes(diff).values()) == {"other statistic"}


# Real scorers on awkward columns

ORDINARY = st.lists(st.floats(-5, 5, width=32), min_size=6, max_size=6).map(np.array)
COLUMNS = st.one_of(
    ORDINARY,
    st.floats(-10, 10).map(lambda v: np.full(6, v)),
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(lambda ab: np.where(Y == 1, *ab)),
    st.lists(st.integers(0, 3), min_size=6, max_size=6).map(lambda v: np.array(v, float)),
    ORDINARY.map(lambda v: v + 1e8),
    ORDINARY.map(lambda v: v * 1e-300),
    ORDINARY.map(lambda v: v * 1e150),
)
LARGE_Y = np.repeat([0, 1], [90, 110]).astype(np.int8)
LARGE_COLUMNS = st.builds(
    lambda seed, shift, offset, scale: (
        (np.random.default_rng(seed).normal(size=200) + shift * LARGE_Y + offset) * scale
    ),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.5, 0.5000001, 30.0, 300.0, 400.0]),
    st.sampled_from([0.0, 1e4, 1e8]),
    st.sampled_from([1.0, 1 / 3, 1e-160]),
)


def examine(x: np.ndarray, y: np.ndarray, k: int) -> None:
    """Every pair of real scorers, and each against exactness: one reason for each feature apart, none unexplained."""
    sides, spec = [scorer(x, y, k) for scorer in SCORERS], Leekasso(k=k)
    exact = exact_scores(x, y, spec.screen)
    for left in sides:
        diffs = [compare_screens(left, right, x, y, names(x.shape[1]), spec, exact) for right in sides]
        truth = against_exact(left, x, y, names(x.shape[1]), spec, exact)
        assert [len(diff.reasons) for diff in diffs] == [len(set(left.selected) ^ set(s.selected)) for s in sides]
        for diff in (*diffs, truth):
            apart = {*diff.only_left, *diff.only_right}
            assert [reason.feature for reason in diff.reasons] == sorted(apart, key=lambda name: int(name[5:]))
            assert all(reason.sentence.startswith(f"{reason.feature}: ") for reason in diff.reasons)
            assert "unexplained" not in codes(diff).values(), diff.reasons


@settings(deadline=None, max_examples=150)
@given(st.lists(COLUMNS, min_size=2, max_size=9), st.integers(1, 5), st.data())
def test_every_difference_between_real_scorers_has_exactly_one_reason(columns: list, k: int, data: st.DataObject):
    copies = data.draw(st.lists(st.sampled_from(range(len(columns))), max_size=4))
    x = np.column_stack(columns + [columns[j] for j in copies])
    examine(x, Y, k)


@settings(deadline=None, max_examples=40)
@given(st.lists(LARGE_COLUMNS, min_size=3, max_size=9), st.integers(1, 4))
def test_so_has_every_difference_where_p_values_underflow_or_offsets_cancel(columns: list, k: int):
    examine(np.column_stack(columns), LARGE_Y, k)


@pytest.mark.parametrize("ties", ["average", "first"])
def test_on_pixels_select_k_best_differs_from_the_neutral_screen_by_exact_ties_alone(ties: str):
    data, spec, seen = load(Source("mnist01")), Leekasso(ties=ties), 0
    protocol = dataclasses.replace(preset("leek2017").protocol, sizes=(10,), draws=20)
    for draw in make_draws(protocol, data).train:
        x, y = data.x[draw.rows].astype(float), data.y[draw.rows]
        kept = [int(name[5:]) for name in sklearns(x, y, 10).selected]
        left = dataclasses.replace(sklearns(x, y, 10), selected=tuple(data.features[j] for j in kept))
        neutral = Screened("neutral", tuple(data.features[j] for j in neutral_screen(spec, x, y)))
        diff = compare_screens(left, neutral, x, y, data.features, spec)
        assert set(codes(diff).values()) <= {"tie"}
        assert len(diff.reasons) == len(set(left.selected) ^ set(neutral.selected))
        # Pixels are small integers, of which float64 rounds sums too little to move a feature across the cut.
        assert against_exact(neutral, x, y, data.features, spec).reasons == ()
        seen += len(diff.reasons)
    assert seen  # at n = 10 some draws have dozens of pixels that are constant within both classes


def test_where_all_features_are_used_nothing_differs():
    x = np.column_stack([BEST, GOOD])
    every = Screened("all", ("pixel0", "pixel1"))
    assert against_exact(every, x, Y, names(2), Linear(loss="squares")).reasons == ()
