"""The best single pixel of two digits is what scikit-learn finds by trying every threshold, and so is its area."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import brunnermunzel
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.tree import DecisionTreeClassifier
from statsmodels.stats.proportion import proportion_confint

from parity.data import MNIST_FILES, mnist_folder
from parity.errors import RequestError
from parity.pixels_command import section, show_pixels
from parity.report.figure import CannotDraw, pixels_figure
from parity.report.single_pixel import (
    SEPARABLE,
    claims_not_run,
    extremes,
    matrix,
    pixel_claims,
    pixels_content,
    pixels_markdown,
)
from parity.single_pixel import Pair, Rows, area_error, areas, counts, pairs, parts

Plain = dict[str, Any]


def mnist_is_here() -> bool:
    try:
        return mnist_folder(download=False).is_dir()
    except RequestError:
        return False


ALL = list(combinations(range(10), 2))


@pytest.fixture(scope="module")
def halves() -> tuple[Rows, Rows]:
    """Scikit-learn's digits, 8 by 8 pixels of 0 to 16: the first half to choose on, the second to judge on."""
    x, y = load_digits(return_X_y=True)
    half = len(y) // 2
    return Rows(x[:half].astype(np.uint8), y[:half]), Rows(x[half:].astype(np.uint8), y[half:])


@pytest.fixture(scope="module")
def found(halves: tuple[Rows, Rows]) -> dict[tuple[int, int], Pair]:
    return {pair.digits: pair for pair in pairs(*halves)}


def of_two(rows: Rows, a: int, b: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Rows of two digits, and whether each is the second of them."""
    kept = np.isin(rows.y, (a, b))
    return rows.x[kept], rows.y[kept] == b


def by_every_threshold(values: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Largest accuracy of a cut in either direction, from the ROC curve."""
    false, true, _ = roc_curve(truth, values, drop_intermediate=False)
    right = (true * truth.sum() + (1 - false) * (~truth).sum()) / len(truth)
    return float(max(right.max(), 1 - right.min()))


def test_no_threshold_of_any_pixel_is_right_more_often_on_the_training_rows(halves, found):
    assert list(found) == ALL
    # Every fourth pair: scikit-learn goes through 64 pixels of each, one at a time.
    for (a, b), pair in list(found.items())[::4]:
        x, truth = of_two(halves[0], a, b)
        best = [by_every_threshold(x[:, pixel], truth) for pixel in range(64)]
        assert pair.train_accuracy == pytest.approx(max(best), abs=1e-12)
        assert pair.pixel == int(np.argmax(np.round(best, 12)))


def test_a_tree_of_depth_one_is_never_better_and_often_as_good(halves, found):
    equal = 0
    for (a, b), pair in found.items():
        x, truth = of_two(halves[0], a, b)
        # A tree splits where the Gini impurity falls most, which need not be where most rows are right.
        tree = DecisionTreeClassifier(max_depth=1, random_state=0).fit(x, truth)
        score = tree.score(x, truth)
        assert score <= pair.train_accuracy + 1e-12
        equal += score == pytest.approx(pair.train_accuracy)
    assert equal >= len(ALL) / 2


def test_the_accuracy_is_that_of_the_pixel_and_cut_that_are_named(halves, found):
    for (a, b), pair in found.items():
        for rows, accuracy in ((halves[0], pair.train_accuracy), (halves[1], pair.accuracy)):
            x, is_b = of_two(rows, a, b)
            says_b = (x[:, pair.pixel] > pair.cut) == (pair.above == b)
            assert (says_b == is_b).mean() == pytest.approx(accuracy, abs=1e-12)
        assert pair.above in (a, b) and pair.test_rows == len(is_b)


def test_areas_are_those_of_scikit_learn(halves, found):
    area = areas(counts(halves[1], range(10)))
    for (a, b), pair in list(found.items())[::4]:
        x, is_b = of_two(halves[1], a, b)
        theirs = np.array([roc_auc_score(is_b, x[:, pixel]) for pixel in range(64)])
        np.testing.assert_allclose(area[:, b, a], theirs, atol=1e-12)
        assert pair.auc == pytest.approx(theirs[pair.pixel] if pair.above == b else 1 - theirs[pair.pixel])
        x, is_b = of_two(halves[0], a, b)
        chosen_on = np.array([roc_auc_score(is_b, x[:, pixel]) for pixel in range(64)])
        assert abs(chosen_on[pair.auc_pixel] - 0.5) == pytest.approx(np.abs(chosen_on - 0.5).max())
        upward = chosen_on[pair.auc_pixel] >= 0.5
        assert pair.best_auc == pytest.approx(theirs[pair.auc_pixel] if upward else 1 - theirs[pair.auc_pixel])


def test_the_error_of_an_area_is_the_one_inside_brunner_and_munzels_test(halves, found):
    held = counts(halves[1], range(10))
    for a, b in ALL[::7]:
        pixel = found[a, b].auc_pixel
        x, is_b = of_two(halves[1], a, b)
        statistic = brunnermunzel(x[~is_b, pixel], x[is_b, pixel]).statistic
        area = roc_auc_score(is_b, x[:, pixel])
        assert area_error(held[b, pixel], held[a, pixel]) == pytest.approx(abs((area - 0.5) / statistic))
        assert found[a, b].best_auc_error == pytest.approx(abs((area - 0.5) / statistic))


def test_a_cut_stands_in_the_middle_of_the_values_that_nobody_has():
    x = np.array([[10], [20], [100], [200]], dtype=np.uint8)
    rows = Rows(x, np.array([3, 3, 7, 7]))
    (pair,) = pairs(rows, rows)
    assert pair.digits == (3, 7) and pair.above == 7 and pair.right == 4
    assert pair.cut == pytest.approx(59.5)
    assert pair.auc == pair.best_auc == 1.0 and pair.best_auc_error == 0


def test_pixels_that_are_no_bytes_and_digits_without_a_row_are_refused(halves):
    train, test = halves
    with pytest.raises(RequestError, match=r"float64.*bytes \(uint8\)"):
        pairs(Rows(train.x.astype(float), train.y), test)
    with pytest.raises(RequestError, match="digit 4 has no row"):
        pairs(train, Rows(test.x[test.y != 4], test.y[test.y != 4]))


def content_of(halves: tuple[Rows, Rows], found: dict[tuple[int, int], Pair]) -> Plain:
    return pixels_content(list(found.values()), "digits", len(halves[0].y), len(halves[1].y))


def test_intervals_are_wilsons_and_the_wider_ones_hold_for_all_pairs_at_once(halves, found):
    for told, pair in zip(content_of(halves, found)["pairs"], found.values(), strict=True):
        low, high = proportion_confint(pair.right, pair.test_rows, 0.1, "wilson")
        wide = proportion_confint(pair.right, pair.test_rows, 0.1 / 45, "wilson")
        right = told["accuracy"]
        assert (right["low"], right["high"]) == pytest.approx((low, high))
        assert right["outer"] == pytest.approx(wide)
        area = told["best_auc"]
        assert area["outer"][0] <= area["low"] <= area["value"] <= area["high"] <= area["outer"][1] <= 1


def test_a_stricter_level_leaves_fewer_pairs_and_a_verdict_follows_the_interval(halves, found):
    content = content_of(halves, found)
    shares = {s["level"]: s for s in content["shares"] if s["measure"] == "accuracy"}
    assert set(shares) == set(SEPARABLE)
    counted = [shares[level]["count"] for level in sorted(shares)]
    assert counted == sorted(counted, reverse=True) and counted[0] > counted[-1]
    for share, claim in zip(content["shares"], pixel_claims(content), strict=True):
        assert share["low"] <= share["share"] <= share["high"]
        assert claim["interval"] == [share["low"], share["high"]] and claim["measured"] == share["share"]
        word = "supported" if share["low"] > 0.5 else "refuted" if share["high"] < 0.5 else "undecided"
        assert claim["verdict"] == word and f"{share['count']} of 45 pairs" in claim["sentence"]


@pytest.mark.parametrize(("accuracy", "word"), [(0.99, "supported"), (0.5, "refuted"), (0.9, "undecided")])
def test_most_pairs_are_separable_where_more_than_half_surely_are(accuracy: float, word: str):
    right = round(2000 * accuracy)
    alike = [Pair(d, 0, 0.5, d[1], accuracy, right, 2000, accuracy, 0, accuracy, 0.005) for d in ALL]
    verdicts = {c["claim"]: c["verdict"] for c in pixel_claims(pixels_content(alike, "mnist", 60_000, 10_000))}
    assert verdicts["Robinson: most pairs of digits are separable by a single pixel (accuracy above 0.9)"] == word


def test_the_matrix_is_square_with_accuracies_above_its_diagonal_and_areas_below(halves, found):
    content = content_of(halves, found)
    rows = matrix(content)
    assert [len(row) for row in rows] == [11] * 11
    assert rows[1][2] == f"{100 * found[0, 1].accuracy:.1f}" and rows[2][1] == f"{100 * found[0, 1].best_auc:.1f}"
    page = pixels_markdown(content)
    assert f"| **0** | – | {rows[1][2]} |" in page
    hardest = min(found.values(), key=lambda pair: pair.accuracy)
    assert "Hardest: {} and {}, {:.3f}".format(*hardest.digits, hardest.accuracy) in extremes(content)


def test_zeros_and_ones_are_told_apart_by_a_pixel_beside_the_middle():
    train, test = parts("mnist01")
    (pair,) = pairs(train, test)
    assert (len(train.y), len(test.y)) == (12_665, 2_115)
    assert divmod(pair.pixel, 28) == (15, 14) and pair.above == 1
    assert pair.right == 2_095  # counted by labelling the rows: (x[:, 434] > 34) == 1
    assert ((test.x[:, 434] > 34) == (test.y == 1)).sum() == 2_095


@pytest.mark.skipif(not mnist_is_here(), reason="MNIST is not on this machine")
def test_the_pair_of_zero_and_one_is_the_same_in_all_of_mnist():
    content, claims = section()
    (ours,) = [p for p in content["pairs"] if p["digits"] == [0, 1]]
    (pair,) = pairs(*parts("mnist01"))
    assert (ours["pixel"], ours["cut"], ours["right"]) == (pair.pixel, pair.cut, pair.right)
    assert len(content["pairs"]) == 45 and (content["train_rows"], content["test_rows"]) == (60_000, 10_000)
    assert {c["verdict"] for c in claims} <= {"supported", "refuted", "undecided"}


def test_a_report_without_mnist_says_why_and_draws_no_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PARITY_MNIST", str(tmp_path))
    content, claims = section()
    assert "PARITY_MNIST" in content["not_run"]
    assert {c["verdict"] for c in claims} == {"not run"} and all(c["measured"] is None for c in claims)
    assert all(content["not_run"] in c["sentence"] for c in claims)
    assert "Not run: PARITY" in pixels_markdown(content)
    with pytest.raises(CannotDraw, match="PARITY_MNIST"):
        pixels_figure({"single_pixel": content}, tmp_path / "pixels")


def test_a_report_never_downloads_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("PARITY_MNIST", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("parity.data.__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.setattr("parity.data.MNIST_URL", "http://127.0.0.1:1/")
    content, claims = section()
    assert content == {"not_run": "MNIST is not on this machine; `parity pixels` fetches it"}
    assert [c["claim"] for c in claims] == [c["claim"] for c in claims_not_run("")]


def test_a_corrupt_file_of_mnist_is_a_reason_and_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for file in MNIST_FILES.values():
        (tmp_path / file.name).write_bytes(b"\0\0\x08\x01\0\0\0\x01x")
    monkeypatch.setenv("PARITY_MNIST", str(tmp_path))
    assert "corrupt" in section()[0]["not_run"]


def test_the_command_prints_the_pair_and_refuses_other_data(capsys: pytest.CaptureFixture[str]):
    assert show_pixels("mnist01", json_to=None, quiet=False) == 0
    assert "0 and 1, 0.991 [0.986, 0.993] by row 15, column 14" in capsys.readouterr().out
    with pytest.raises(RequestError, match="mnist01"):
        show_pixels("mnist1", json_to=None, quiet=False)
