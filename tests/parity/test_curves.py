"""Curves of real engines: an engine agrees with itself, planted gaps are found, and what is missing is no match."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from parity.api import compared, curves
from parity.compare.curves import Agreement, Place, Scored, agreement
from parity.compare.referee import score
from parity.compare.verdict import Kind
from parity.data import Source, load
from parity.engines.sheet import engine
from parity.engines.worker import engine_functions
from parity.errors import NothingCompared, RequestError
from parity.report.document import SCHEMA_FILE
from parity.run import run_study
from parity.spec.models import plain
from parity.spec.protocol import Protocol, make_draws
from parity.spec.study import METHODS, read_study
from tests.parity.conftest import Parity

MARGIN = 0.01
DRAWS = 20
SIZES = (10, 30)
POOL = 300
"Draws of each size that comparisons choose theirs from."

Answers = dict[Place, tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def truth_and_fits() -> tuple[np.ndarray, Answers]:
    """Labels and probabilities of LIBLINEAR on ten pixels of MNIST's zeros and ones, fitted to many draws."""
    data = load(Source("mnist01"))
    draws = make_draws(Protocol(sizes=SIZES, draws=POOL), data)
    fit = engine_functions(engine("py-sklearn"))["fit"]
    features = list(data.features)
    test = {"x": np.asarray(data.x[draws.test], dtype=np.float64), "features": features, "rows": draws.test}
    fits: Answers = {}
    for draw in draws.train:
        train = {
            "x": np.asarray(data.x[draw.rows], dtype=np.float64),
            "y": data.y[draw.rows].astype(np.int64),
            "features": features,
            "rows": draw.rows,
        }
        answer = fit(plain(METHODS["leekasso-liblinear"]), train, test, {"seed": draw.seed})
        fits[draw.n, draw.index] = np.asarray(answer["label"], np.int8), np.asarray(answer["probability"])
    return data.y[draws.test], fits


def scored(label: np.ndarray, probability: np.ndarray, truth: np.ndarray) -> Scored:
    return Scored(score(label, probability, truth), label == truth, f"{hash((label.tobytes(), probability.tobytes()))}")


def spoilt(label: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels of which a random share is flipped."""
    return np.where(rng.random(len(label)) < share, 1 - label, label).astype(np.int8)


def drawn(fits: Answers, n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of so many different draws; at n = 10 one of some hundred holds one class only and has no fit."""
    return rng.choice([index for size, index in fits if size == n], count, replace=False)


PLANNED = [(n, index) for n in SIZES for index in range(DRAWS)]


@pytest.mark.slow
def test_an_engine_against_itself_on_other_draws_is_called_different_in_at_most_one_of_twenty(truth_and_fits):
    truth, fits = truth_and_fits
    known = {place: scored(*answer, truth) for place, answer in fits.items()}
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(200):
        chosen = {n: drawn(fits, n, 2 * DRAWS, rng) for n in SIZES}
        left = {(n, i): known[n, chosen[n][i]] for n, i in PLANNED}
        right = {(n, i): known[n, chosen[n][DRAWS + i]] for n, i in PLANNED}
        verdicts.append(agreement(left, right, PLANNED, MARGIN).verdict)
    assert sum(v is Kind.DIFFERENT_UNEXPLAINED for v in verdicts) <= 10
    assert Kind.IDENTICAL not in verdicts and Kind.ERROR not in verdicts


def planted(truth_and_fits, share: float, seed: int) -> Agreement:
    """A comparison of fits with the same fits of which `share` labels more are wrong; both carry noise of their own.

    Of flipped labels those that were wrong become right, so that a gap of g takes g / (2 * accuracy - 1) flips.
    """
    truth, fits = truth_and_fits
    rng = np.random.default_rng(seed)
    chosen = {n: drawn(fits, n, DRAWS, rng) for n in SIZES}
    left, right = {}, {}
    for n, i in PLANNED:
        label, probability = fits[n, chosen[n][i]]
        accuracy = float((label == truth).mean())
        noise = 0.005
        left[n, i] = scored(spoilt(label, noise, rng), probability, truth)
        more = noise + share / (2 * accuracy - 1)
        right[n, i] = scored(spoilt(label, more, rng), probability, truth)
    return agreement(left, right, PLANNED, MARGIN)


@pytest.mark.slow
def test_a_planted_gap_of_twice_the_margin_is_different_and_of_half_the_margin_is_not(truth_and_fits):
    twice = [planted(truth_and_fits, 2 * MARGIN, seed).verdict for seed in range(100)]
    assert sum(verdict is Kind.DIFFERENT_UNEXPLAINED for verdict in twice) >= 95
    half = [planted(truth_and_fits, MARGIN / 2, seed).verdict for seed in range(100)]
    assert sum(verdict is Kind.DIFFERENT_UNEXPLAINED for verdict in half) <= 5
    assert sum(verdict is Kind.EQUIVALENT for verdict in half) >= 80


@pytest.mark.slow
def test_what_is_missing_is_never_a_match(truth_and_fits):
    truth, fits = truth_and_fits
    left = {place: scored(*fits[place], truth) for place in PLANNED}
    assert agreement(left, left, PLANNED, MARGIN).verdict is Kind.IDENTICAL
    right = {place: each for place, each in left.items() if place != (10, 3)}
    found = agreement(left, right, PLANNED, MARGIN)
    assert (found.verdict, found.reason) == (Kind.ERROR, "1 of 40 draws have no fit on both sides")
    assert [size.missing for size in found.sizes] == [1, 0]
    assert agreement(left, {}, PLANNED, MARGIN).verdict is Kind.ERROR


@pytest.mark.slow
def test_equal_labels_with_other_probabilities_are_equivalent_and_not_identical(truth_and_fits):
    truth, fits = truth_and_fits
    left = {place: scored(*fits[place], truth) for place in PLANNED}
    right = {place: scored(fits[place][0], fits[place][1] * 0.999, truth) for place in PLANNED}
    found = agreement(left, right, PLANNED, MARGIN)
    assert (found.verdict, found.identical_cells, found.smallest_margin) == (Kind.EQUIVALENT, 0, 0.0)
    assert all(size.gap.mean == 0 and size.log_loss and size.log_loss[2].mean != 0 for size in found.sizes)


@pytest.mark.slow
def test_rows_that_one_side_alone_has_right_explain_the_gap_to_the_last_one(truth_and_fits):
    truth, fits = truth_and_fits
    rng = np.random.default_rng(8)
    left = {place: scored(*fits[place], truth) for place in PLANNED}
    right = {place: scored(spoilt(fits[place][0], 0.03, rng), fits[place][1], truth) for place in PLANNED}
    for size in agreement(left, right, PLANNED, MARGIN).sizes:
        rows = size.gap.mean * len(truth) * size.gap.draws
        assert size.right_only - size.left_only == pytest.approx(rows, abs=1e-6)


StudyFile = Callable[..., Path]


def test_the_command_and_the_python_api_say_the_same_to_the_byte(
    parity: Parity, study_file: StudyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = study_file(methods='["leekasso-lm", "leekasso-liblinear"]', engines='["py-sklearn", "py-statsmodels"]')
    words = ["curves", "py-sklearn", "py-statsmodels", "--study", study.name, "--method", "leekasso-lm"]
    done = parity(*words, "--draws", 4, "--store", "s.sqlite", "--json", "a.json", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert "leekasso-lm, 1 sizes" not in done.stdout and "py-statsmodels" in done.stdout
    document = json.loads((tmp_path / "a.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    monkeypatch.chdir(tmp_path)
    pair = ("py-sklearn", "py-statsmodels")
    ours = curves(study.name, pair, method="leekasso-lm", draws=4, store=tmp_path / "other.sqlite")
    assert json.dumps(ours["comparisons"]) == json.dumps(document["comparisons"])
    assert ours["comparisons"][0]["rerun"] == (
        f"parity curves py-sklearn py-statsmodels --method leekasso-lm --study {study.name} --draws 4"
    )
    assert json.dumps(ours["pairs"]) == json.dumps(document["pairs"])


def test_the_engine_that_is_named_first_is_the_left_side_and_gaps_turn_with_the_order(study_file: StudyFile, tmp_path):
    study = study_file(engines='["py-sklearn", "py-statsmodels"]', sizes="[10]", draws="3")
    one, two = (
        curves(study, pair, store=tmp_path / "s.sqlite")["pairs"][0]
        for pair in (("py-sklearn", "py-statsmodels"), ("py-statsmodels", "py-sklearn"))
    )
    assert (one["left"], two["left"]) == ("py-sklearn", "py-statsmodels")
    assert one["sizes"][0]["gap"] == -two["sizes"][0]["gap"] != 0


def test_every_cell_says_how_each_class_fared_and_how_its_probabilities_are_calibrated(study_file: StudyFile, tmp_path):
    document = run_study(read_study(study_file(methods='["leekasso-liblinear"]')), tmp_path / "s.sqlite").document
    for cell in document["cells"]:
        assert len(cell["classes"]) == 2 and 0 <= cell["calibration_error"] <= 1
        assert cell["accuracy"] == pytest.approx(cell["accuracy_by_probability"])
    with pytest.raises(NothingCompared, match="no two engines fit one method"):
        compared(document)


def test_draws_of_one_class_are_listed_and_the_others_are_compared(tmp_path: Path):
    rng = np.random.default_rng(4)
    lines = ["label,a,b,c"] + [
        f"{int(i % 9 == 0)},{','.join(f'{v:.3f}' for v in rng.normal(size=3))}" for i in range(180)
    ]
    (tmp_path / "rare.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "study.toml").write_text(
        'data = "rare.csv"\nsizes = [8]\ndraws = 12\nengines = ["py-sklearn", "py-statsmodels"]\n'
        '[methods.three]\nlike = "leekasso-lm"\nk = 3\n'
    )
    document = curves(tmp_path / "study.toml", store=tmp_path / "s.sqlite")
    listed = document["one_class_draws"]
    assert 1 <= len(listed) < 12 and {each["label"] for each in listed} == {0}
    assert document["pairs"][0]["sizes"][0]["draws"] == 12 - len(listed)
    assert document["pairs"][0]["sizes"][0]["missing"] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["py-sklearn", "--method", "leekasso-lm"], "name two engines"),
        (["py-sklearn", "py-sklearn", "--method", "leekasso-lm"], "name two engines"),
        (["py-sklearn", "py-statsmodel", "--method", "leekasso-lm"], "did you mean 'py-statsmodels'?"),
        (["py-sklearn", "py-statsmodels", "--method", "leekasso-ml"], "did you mean 'leekasso-lm'?"),
        (["py-sklearn", "py-statsmodels"], "name the --method"),
        (["--all", "py-sklearn"], "leave A and B out"),
        (["py-sklearn", "py-statsmodels", "--method", "leekasso-lm", "--margin", "0"], "margin is 0.0"),
    ],
)
def test_a_wrong_request_is_one_sentence(parity: Parity, words: list[str], sentence: str):
    done = parity("curves", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert sentence in done.stderr


def test_a_study_without_two_engines_for_one_method_compares_nothing(study_file: StudyFile, tmp_path: Path):
    with pytest.raises(NothingCompared, match="no two engines fit one method"):
        curves(study_file(), store=tmp_path / "s.sqlite")
    with pytest.raises(RequestError, match="fits"):
        curves(study_file(), ("py-sklearn", "r-glmnet"), store=tmp_path / "s.sqlite")
