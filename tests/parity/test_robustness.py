"""The rebuttal's guess: parts that add up to the gap, planted causes in their own part, words that follow numbers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from parity.compare.diagnosis import diagnose
from parity.compare.objective import Objective
from parity.data import Data, Source, load
from parity.engines.environment import missing
from parity.engines.sheet import engine
from parity.report.document import SCHEMA_FILE
from parity.report.robustness import (
    MARGIN,
    Span,
    judged,
    robustness_document,
    robustness_markdown,
    spans,
    verdict,
    wilson,
)
from parity.robustness import (
    GROUPS,
    PAIRS,
    PARTS,
    R_LM,
    Answer,
    Links,
    Measured,
    Ten,
    chain,
    exact_labels,
    intercept_only,
    measure,
    ridge_of,
    ten,
)
from parity.spec.models import Leekasso
from parity.spec.protocol import Protocol, make_draws
from parity.spec.screen import neutral_screen
from parity.spec.study import METHODS, Study

needs_sklearn = pytest.mark.skipif(any(g.blocking for g in missing(engine("py-sklearn"))), reason="no scikit-learn")
needs_r = pytest.mark.skipif(
    any(g.blocking for name in ("r-stats", "r-liblinear") for g in missing(engine(name))), reason="no R"
)

ENGINES = ("r-stats", "r-liblinear", "py-sklearn")
STUDY = Study(
    name="digits",
    data=Source("digits", classes=(1, 8)),
    protocol=Protocol(sizes=(10, 20, 60), draws=4),
    methods={m: METHODS[m] for m in ("leekasso-lm", "leekasso-glm", "leekasso-liblinear")},
)
GLM, LIBLINEAR = Leekasso(model="glm"), Leekasso(model="liblinear", cost=1e6)


@pytest.fixture(scope="module")
def data() -> Data:
    return load(STUDY.data)


@pytest.fixture(scope="module")
def tens(data: Data) -> list[Ten]:
    draws = make_draws(STUDY.protocol, data)
    return [ten(GLM, data, draws, draw) for draw in draws.train]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("robustness") / "fits.sqlite"


@pytest.fixture(scope="module")
def measured(store: Path) -> Measured:
    return measure(STUDY, ENGINES, store=store, jobs=1)


def answered(label: np.ndarray) -> Answer:
    return Answer(label, frozenset(), None, warned=False)


def exact_ends(each: Ten, spec: Leekasso) -> tuple[Answer, Answer]:
    """What solvers without a fault of their own would answer: A without a penalty, B with its own."""
    every, ridge = tuple(range(len(each.names))), ridge_of(spec, each.n)
    a = exact_labels(each, every, Objective("logistic", l2=1e-8 * ridge))
    b = exact_labels(each, every, Objective("logistic", l2=ridge, intercept="penalised"))
    return answered(a), answered(b)


def split(each: Ten, spec: Leekasso = LIBLINEAR, **given: Answer) -> Links:
    a, b = exact_ends(each, spec)
    ends = {"own_a": a, "same_a": a, "own_b": b, "same_b": b} | given
    return chain(each, GLM, spec, (ends["own_a"], ends["same_a"]), (ends["own_b"], ends["same_b"]))


def moved(links: Links) -> dict[str, int]:
    return dict(zip(links.parts, links.moved, strict=True))


@needs_r
@needs_sklearn
def test_the_parts_add_up_to_the_gap_in_every_draw(measured: Measured):
    truth = measured.data.y[measured.draws.test] == 1
    for pair in PAIRS:
        assert len(measured.chains[pair]) == 12
        for links in measured.chains[pair]:
            ends = [measured.answers[side, "own"][links.n, links.index].label for side in pair]
            rights = [int((label == truth).sum()) for label in ends]
            assert sum(np.diff(links.right)) == rights[1] - rights[0]
            assert all(abs(change) <= count for change, count in zip(np.diff(links.right), links.moved, strict=True))


@needs_r
@needs_sklearn
def test_the_parts_of_a_document_add_up_at_every_size_and_over_all(measured: Measured):
    document = robustness_document(measured, {}, "parity robustness")
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert len(document["gaps"]) == 3
    for gap in document["gaps"]:
        for members in ([p["part"] for p in gap["parts"]], [g["group"] for g in gap["groups"]]):
            entries = [e for e in (*gap["parts"], *gap["groups"]) if e.get("part", e.get("group")) in members]
            assert sum(e["all"]["mean"] for e in entries) == pytest.approx(gap["gap"]["all"]["mean"], abs=1e-12)
            for i, point in enumerate(gap["gap"]["points"]):
                assert sum(e["points"][i]["mean"] for e in entries) == pytest.approx(point["mean"], abs=1e-12)
    assert {part for members in GROUPS.values() for part in members} == set(PARTS)


@needs_r
@needs_sklearn
def test_a_second_look_fits_nothing(measured: Measured, store: Path):
    fitted = []
    again = measure(STUDY, ENGINES, store=store, jobs=1, watch=lambda cell, *rest: fitted.append(cell))
    assert fitted == []
    assert [c.right for c in again.chains[PAIRS[0]]] == [c.right for c in measured.chains[PAIRS[0]]]


@needs_r
@needs_sklearn
def test_the_least_squares_of_r_are_exact_on_the_columns_that_it_keeps(measured: Measured):
    for links in measured.chains[R_LM, PAIRS[2][1]]:
        assert moved(links)["solver-a"] == 0


@needs_r
@needs_sklearn
def test_shares_of_separated_and_deficient_draws_are_those_of_direct_diagnoses(measured: Measured, data: Data):
    document = robustness_document(measured, {}, "")
    separated = deficient = 0
    for draw in make_draws(STUDY.protocol, data).train:
        x, y = np.asarray(data.x[draw.rows], dtype=float), data.y[draw.rows]
        found = diagnose(Objective("logistic"), x[:, neutral_screen(GLM, x, y)], y.astype(float))
        separated += found.separation.kind != "none"
        deficient += found.rank.rank < found.rank.columns
    whole = document["shares"][-1]
    assert whole["n"] is None and whole["draws"] == 12
    assert (whole["separated"]["count"], whole["rank-deficient"]["count"]) == (separated, deficient)
    assert separated > 0 and 0 < deficient < 12


def test_exact_ends_leave_nothing_to_solvers_and_screens(tens: list[Ten]):
    for each in tens:
        found = moved(split(each))
        assert {part for part, count in found.items() if count} <= {"penalty", "intercept"}


@needs_sklearn
def test_a_solver_that_is_cut_short_shows_up_as_its_own_part_only(tens: list[Ten]):
    from sklearn.linear_model import LogisticRegression

    caught = 0
    for each in tens:
        model = LogisticRegression(C=1e6, max_iter=3, solver="lbfgs")
        with pytest.warns(UserWarning):  # it did not converge
            model.fit(each.x, each.y)
        short = answered(model.predict(each.test) == 1)
        plain, planted = moved(split(each)), moved(split(each, same_b=short, own_b=short))
        caught += planted["solver-b"]
        assert {part for part in plain if planted[part] != plain[part]} <= {"solver-b"}
    assert caught > 0


def test_other_pixels_show_up_as_the_screen_only(tens: list[Ten]):
    caught = 0
    for each in tens:
        fewer = dataclasses.replace(each, names=each.names[:3], x=each.x[:, :3], test=each.test[:, :3])
        other_a, other_b = exact_ends(fewer, LIBLINEAR)
        plain, planted = moved(split(each)), moved(split(each, own_a=other_a, own_b=other_b))
        caught += planted["screen-a"] * planted["screen-b"]
        assert {part for part in plain if planted[part] != plain[part]} <= {"screen-a", "screen-b"}
    assert caught > 0


def test_a_stronger_ridge_shows_up_as_the_penalty(tens: list[Ten]):
    strong = dataclasses.replace(LIBLINEAR, cost=1e-3)
    weak_moved = sum(moved(split(each))["penalty"] for each in tens)
    found = [moved(split(each, strong)) for each in tens]
    assert sum(each["penalty"] for each in found) > 2 * weak_moved
    assert all(each[part] == 0 for each in found for part in ("screen-a", "solver-a", "rank", "solver-b", "screen-b"))


def test_a_column_left_out_shows_up_as_the_rank(tens: list[Ten]):
    caught = 0
    for each in tens:
        kept = tuple(range(3))
        without = exact_labels(each, kept, Objective("logistic", l2=1e-8 * ridge_of(LIBLINEAR, each.n)))
        left_out = Answer(without, frozenset(each.names[3:]), None, warned=False)
        plain, planted = moved(split(each)), moved(split(each, own_a=left_out, same_a=left_out))
        caught += planted["rank"]
        assert {part for part in plain if planted[part] != plain[part]} <= {"rank"}
    assert caught > 0


def test_without_a_shared_column_the_gap_is_the_other_screens(tens: list[Ten]):
    each = next(t for t in tens if t.y.mean() != 0.5)
    empty = dataclasses.replace(each, names=(), x=each.x[:, :0], test=each.test[:, :0])
    a, b = intercept_only(empty, GLM), intercept_only(empty, LIBLINEAR)
    assert a.label.all() if each.y.mean() > 0.5 else not a.label.any()
    own_b = exact_ends(each, LIBLINEAR)[1]
    found = moved(chain(empty, GLM, LIBLINEAR, (a, a), (own_b, b)))
    assert {part for part, count in found.items() if count} == {"screen-b"}


def test_least_squares_take_the_solution_of_smallest_norm(tens: list[Ten]):
    each = next(t for t in tens if t.n == 10)
    centre = each.x.mean(axis=0)
    b = np.linalg.pinv(each.x - centre) @ (each.y - each.y.mean())
    fitted = (each.test - centre) @ b + each.y.mean()
    found = exact_labels(each, tuple(range(len(each.names))), Objective("squares"))
    # With pixels of few values a fitted value can be one half itself, and rounding then decides.
    certain = np.abs(fitted - 0.5) > 1e-9
    assert certain.mean() > 0.9
    assert np.array_equal(found[certain], (fitted > 0.5)[certain])


def test_intervals_are_those_of_scipys_bootstrap():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).normal(0.01, 0.02, (30, 2))
    found = spans({10: values})
    for column in (0, 1):
        theirs = bootstrap((values[:, column],), np.mean, method="percentile", n_resamples=9999).confidence_interval
        span = found[10][column]
        assert (span.low, span.high) == pytest.approx((theirs.low, theirs.high), abs=0.0008)
        assert span == found[None][column]


def test_every_size_weighs_alike_whatever_its_draws():
    found = spans({10: np.zeros((2, 1)), 20: np.ones((8, 1))})
    assert found[None] == [Span(0.5, 0.5, 0.5)]


def test_one_draw_has_no_interval():
    assert spans({10: np.ones((1, 1)), 20: np.ones((5, 1))})[None] == [Span(1.0, None, None)]


def test_wilsons_interval_of_no_case_in_ten():
    # Agresti and Coull 1998, The American Statistician 52: z^2 / (n + z^2) is the upper end at 0 of n.
    found = wilson(0, 10)
    assert (found["share"], found["low"]) == (0, 0)
    assert found["high"] == pytest.approx(3.8415 / 13.8415, abs=1e-4)


CLEAR, NONE, REVERSE = Span(0.02, 0.01, 0.03), Span(0.0, -0.001, 0.001), Span(-0.02, -0.03, -0.01)


@pytest.mark.parametrize(
    ("overall", "sizes", "word"),
    [
        (CLEAR, [CLEAR] * 4, "supported"),
        (CLEAR, [NONE] * 4, "supported"),
        (CLEAR, [CLEAR, CLEAR, CLEAR, REVERSE], "partly"),
        (NONE, [CLEAR, NONE, NONE, NONE], "partly"),
        (NONE, [NONE] * 4, "refuted"),
        (REVERSE, [REVERSE] * 4, "refuted"),
        (Span(0.001, -0.02, 0.02), [NONE] * 4, "undecided"),
        (Span(0.004, MARGIN / 2, 0.006), [NONE] * 4, "undecided"),
        (Span(0.02, None, None), [Span(0.02, None, None)], "undecided"),
    ],
)
def test_the_word_follows_from_the_intervals(overall: Span, sizes: list[Span], word: str):
    assert judged(overall, sizes) == word


def test_the_sentence_changes_with_the_numbers():
    def told(span: Span) -> dict[str, str]:
        plain = dataclasses.asdict(span)
        return verdict("b beats a", {"all": plain, "points": [{"n": 10, "draws": 30, **plain}]})

    assert told(CLEAR)["sentence"] == (
        "b beats a: supported. Difference +0.0200 [+0.0100, +0.0300] over all sizes; "
        "+0.0200 [+0.0100, +0.0300] at n = 10."
    )
    assert told(REVERSE)["sentence"].startswith("b beats a: refuted. Difference -0.0200 [-0.0300, -0.0100]")


@needs_sklearn
def test_an_engine_that_does_not_run_leaves_the_others_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import parity.run

    able = parity.run.able

    def without_r(engines, device="cpu"):
        running, idle = able([e for e in engines if e.language != "R"], device)
        gone = [{"engine": e.id, "reason": "no R", "mend": ""} for e in engines if e.language == "R"]
        return running, [*idle, *gone]

    monkeypatch.setattr(parity.run, "able", without_r)
    study = dataclasses.replace(STUDY, protocol=Protocol(sizes=(10,), draws=2))
    document = robustness_document(measure(study, ENGINES, store=tmp_path / "s", jobs=1), {}, "")
    page = robustness_markdown(document)
    assert document["gaps"] == [] and document["verdicts"] == []
    assert {a["engine"] for a in document["accuracies"]} == {"py-sklearn"}
    assert "- r-stats: not run (no R)" in page and "the guess is left open" in page


@needs_r
@needs_sklearn
def test_the_command_prints_the_verdicts_and_writes_page_and_picture(parity: Callable, tmp_path: Path):
    ran = parity(
        "robustness", "--n", 10, "--n", 15, "--draws", 2, "--engine", "r-stats", "--engine", "py-sklearn",
        "--store", tmp_path / "fits.sqlite", "--out", tmp_path / "out", "--json", tmp_path / "robustness.json",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    document = json.loads((tmp_path / "robustness.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert document["kind"] == "robustness" and len(document["gaps"]) == 2
    page = (tmp_path / "out" / "robustness.md").read_text()
    for told in document["verdicts"]:
        assert told["sentence"] in ran.stdout and told["sentence"] in page
    assert (tmp_path / "out" / "robustness.png").stat().st_size > 10_000
    assert "r-liblinear: not run (it was not asked for)" in ran.stderr


def test_an_engine_without_a_linear_model_is_refused(parity: Callable, tmp_path: Path):
    ran = parity("robustness", "--engine", "py-keras-jax", "--out", tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("parity: engine py-keras-jax is not part of this study; these are: r-stats, ")
