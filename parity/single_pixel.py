"""How well one pixel tells two digits apart: the best pixel of every pair, chosen on training rows, judged on others.

Exact: a grey value is one of 256, so how often each value occurs in each pixel of each digit says everything about
every cut of every pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parity.data import Source, load, mnist_folder, read_mnist
from parity.errors import RequestError, unknown

SIDE = 28
"Rows and columns of MNIST's images."

GREYS = 256
"Values of a pixel: one byte."

TRAIN_OF_MNIST01 = 12_665
"The zeros and ones of MNIST's own training part come first in mnist01; the rest are those of its test part."

Name = Literal["mnist", "mnist01"]
DATA: tuple[Name, ...] = ("mnist", "mnist01")
"Data sets whose authors said which rows to choose on and which to judge on."


@dataclass(frozen=True, slots=True)
class Rows:
    """Images with their digits. x: (n, p) uint8. y: (n,) integers."""

    x: NDArray[np.uint8]
    y: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two digits and the pixel that tells them apart best on the training rows."""

    digits: tuple[int, int]
    pixel: int
    "Most right on the training rows, over all pixels and cuts; of equals the first."
    cut: float
    "A value above it is `above`, any other is the other digit."
    above: int
    train_accuracy: float
    right: int
    "Test rows that this pixel and cut label right."
    test_rows: int
    auc: float
    "Of this pixel on the test rows: how often a row of `above` is the lighter of two, ties counting half."
    auc_pixel: int
    "Largest AUC on the training rows, in either direction."
    best_auc: float
    "Of that pixel on the test rows, in its training direction."
    best_auc_error: float
    "Its standard error."

    @property
    def accuracy(self) -> float:
        """Share of the test rows that are labelled right."""
        return self.right / self.test_rows


def counts(rows: Rows, digits: Sequence[int]) -> NDArray[np.int64]:
    """(digits, p, GREYS): rows of each digit that have each value in each pixel.

    Raises RequestError for values that are no bytes and for a digit without a row.
    """
    if rows.x.dtype != np.uint8:
        raise RequestError(f"pixels are {rows.x.dtype}; counts of every value need bytes (uint8)")
    pixels = rows.x.shape[1]
    first = np.arange(pixels) * GREYS
    found = []
    for digit in digits:
        images = rows.x[rows.y == digit]
        if not len(images):
            raise RequestError(f"digit {digit} has no row, so no pixel can tell it from another")
        values = np.bincount((images + first).ravel(), minlength=pixels * GREYS)
        found.append(values.reshape(pixels, GREYS))
    return np.array(found)


def pairs(train: Rows, test: Rows) -> list[Pair]:
    """The best single pixel of every two digits in the training rows."""
    digits = [int(digit) for digit in np.unique(train.y)]
    chosen_on, judged_on = counts(train, digits), counts(test, digits)
    train_area, test_area = areas(chosen_on), areas(judged_on)
    # Rows at or below each cut; at or below the largest value lie all, which parts nothing.
    below, below_in_test = chosen_on.cumsum(axis=2)[..., :-1], judged_on.cumsum(axis=2)[..., :-1]
    of, of_test = chosen_on[:, 0].sum(axis=1), judged_on[:, 0].sum(axis=1)
    found = []
    for a, b in combinations(range(len(digits)), 2):
        # Right where b lies above the cut; where a does, all the others are.
        right = below[a] - below[b] + of[b]
        either = np.maximum(right, of[a] + of[b] - right)
        pixel = int(either.max(axis=1).argmax())
        cut = _middle(either[pixel])
        low, high = (a, b) if right[pixel, cut] == either[pixel, cut] else (b, a)
        area = train_area[:, b, a]
        widest = int(np.maximum(area, 1 - area).argmax())
        upper, lower = (b, a) if area[widest] >= 0.5 else (a, b)
        found.append(
            Pair(
                digits=(digits[a], digits[b]),
                pixel=pixel,
                # Between two values, so that nobody need ask what happens at the cut.
                cut=cut + 0.5,
                above=digits[high],
                train_accuracy=float(either[pixel, cut] / (of[a] + of[b])),
                right=int(below_in_test[low, pixel, cut] + of_test[high] - below_in_test[high, pixel, cut]),
                test_rows=int(of_test[a] + of_test[b]),
                auc=float(test_area[pixel, high, low]),
                auc_pixel=widest,
                best_auc=float(test_area[widest, upper, lower]),
                best_auc_error=area_error(judged_on[upper, widest], judged_on[lower, widest]),
            )
        )
    return found


def areas(values: NDArray[np.int64]) -> NDArray[np.float64]:
    """(p, digits, digits): of pixel, b, a, how often a row of b is lighter than one of a; ties count half.

    This is the area under the ROC curve (Hanley and McNeil 1982, Radiology 143, 29). Counts are exact in float64.
    """
    by_pixel = values.transpose(1, 0, 2).astype(np.float64)
    darker = by_pixel.cumsum(axis=2) - by_pixel / 2
    of = values[:, 0].sum(axis=1)
    area: NDArray[np.float64] = by_pixel @ darker.transpose(0, 2, 1) / np.outer(of, of)
    return area


def area_error(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> float:
    """Standard error of an AUC from the (GREYS,) counts of both digits.

    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837: the variances of how each row of one digit is placed
    among those of the other.
    """
    variance = 0.0
    for own, other in ((upper, lower), (lower, upper)):
        placed = (other.cumsum() - other / 2) / other.sum()
        mean = np.average(placed, weights=own)
        variance += float(own @ (placed - mean) ** 2 / (own.sum() - 1) / own.sum())
    return math.sqrt(variance)


def _middle(right: NDArray[np.int64]) -> int:
    """Of the cuts that are right most often, the middle one of the first unbroken run: as far from both digits."""
    best = np.flatnonzero(right == right.max())
    run = best[: np.flatnonzero(np.diff(best, append=-1) != 1)[0] + 1]
    return int(run[(len(run) - 1) // 2])


def parts(name: str, *, download: bool = True) -> tuple[Rows, Rows]:
    """The training and the test rows of mnist (downloaded where it is nowhere on this machine) or mnist01."""
    if name not in DATA:
        raise unknown("data set with rows to choose on and others to judge on", name, DATA)
    if name == "mnist":
        folder = mnist_folder(download=download)
        train, test = (Rows(*read_mnist(folder, part)) for part in ("train", "test"))
        return train, test
    data = load(Source(str(name), classes=(0, 1)))
    first, last = slice(TRAIN_OF_MNIST01), slice(TRAIN_OF_MNIST01, None)
    return Rows(data.x[first], data.y[first]), Rows(data.x[last], data.y[last])
