"""The one judge of every engine's answers: scores from labels and probabilities alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROBABILITY_FLOOR = float(np.finfo(np.float64).eps)
"A probability of exactly 0 or 1 that is wrong would cost an infinite log loss; scikit-learn's log_loss clips alike."

CALIBRATION_BINS = 10
"The number that is usual for some thousand test rows."


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How one fit does on one class. A ratio whose denominator is no row at all is None, never 0."""

    precision: float | None
    "Share of right rows among those labelled with the class; None where no row is."
    recall: float | None
    "Share of right rows among those of the class; None where there are none."
    f1: float | None
    "Harmonic mean of the two, 2 tp / (2 tp + fp + fn); None where no row is of the class or labelled with it."


@dataclass(frozen=True, slots=True)
class Score:
    """How one fit does on the test rows."""

    accuracy: float
    "Share of rows whose label, as the framework's own predict gives it, is right."
    accuracy_by_probability: float
    "Share of rows that are right when the probability of class 1 is cut at 0.5."
    log_loss: float | None
    "Mean negative log likelihood in nats; None where the predicted values are no probabilities (least squares)."
    calibration_error: float | None
    "Expected calibration error; None where log_loss is."
    classes: tuple[ClassScore, ClassScore]
    "Of class 0 and class 1, from the labels."


def score(label: NDArray[np.int8], probability: NDArray[np.float64], truth: NDArray[np.int8]) -> Score:
    """Score one fit. All three arrays are (n_test,); truth and label hold 0 and 1."""
    is_probability = bool(((probability >= 0) & (probability <= 1)).all())
    return Score(
        accuracy=float((label == truth).mean()),
        accuracy_by_probability=float(((probability > 0.5) == (truth == 1)).mean()),
        log_loss=log_loss(probability, truth) if is_probability else None,
        calibration_error=calibration_error(probability, truth) if is_probability else None,
        classes=class_scores(label, truth),
    )


def accuracy_by_epoch(labels: NDArray[np.uint8], truth: NDArray[np.int8]) -> list[float]:
    """Share of right rows after each epoch. labels: (epochs, n_test / 8 rounded up), numpy.packbits of each row."""
    right = np.unpackbits(labels, axis=1, count=len(truth)) == truth
    return [float(share) for share in right.mean(axis=1)]


def log_loss(probability: NDArray[np.float64], truth: NDArray[np.int8]) -> float:
    """Mean negative log likelihood in nats of (n,) probabilities of class 1."""
    p = np.clip(probability, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    return float(-np.where(truth == 1, np.log(p), np.log1p(-p)).mean())


def calibration_error(probability: NDArray[np.float64], truth: NDArray[np.int8]) -> float:
    """Expected calibration error of (n,) probabilities of class 1 (Naeini, Cooper and Hauskrecht 2015, AAAI).

    Over CALIBRATION_BINS bins of equal width: the distance between mean probability and share of class 1, weighted by
    the rows in the bin. A bin holds its upper end.
    """
    bins = np.clip(np.ceil(probability * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    apart = np.bincount(bins, weights=probability - truth, minlength=CALIBRATION_BINS)
    return float(np.abs(apart).sum() / len(truth))


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy over the draws of one size."""

    n: int
    draws: int
    mean: float
    sd: float | None
    "Sample standard deviation (n - 1); None with one draw."
    p10: float
    p90: float


def point(n: int, accuracies: Sequence[float]) -> Point:
    """Mean, standard deviation and 10 % and 90 % quantiles (linear interpolation: R's type 7) of (draws,) values."""
    values = np.asarray(accuracies, dtype=np.float64)
    p10, p90 = np.quantile(values, [0.1, 0.9])
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    return Point(n, len(values), float(values.mean()), sd, float(p10), float(p90))


def class_scores(label: NDArray[np.int8], truth: NDArray[np.int8]) -> tuple[ClassScore, ClassScore]:
    """Scores of class 0 and class 1 from (n_test,) labels and truth, both 0 and 1."""
    return _class_score(label == 0, truth == 0), _class_score(label == 1, truth == 1)


def _class_score(labelled: NDArray[np.bool_], of_class: NDArray[np.bool_]) -> ClassScore:
    right = int((labelled & of_class).sum())
    said, there = int(labelled.sum()), int(of_class.sum())
    return ClassScore(
        precision=right / said if said else None,
        recall=right / there if there else None,
        f1=2 * right / (said + there) if said + there else None,
    )
