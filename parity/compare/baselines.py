"""What any classifier must beat, fitted to the same draws: the class prior, the centre pixel, the best single pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.data import Data
from parity.spec.models import Leekasso
from parity.spec.protocol import Draw
from parity.spec.screen import neutral_screen

BASELINES = {
    "class-prior": "always the class that is more frequent in the training draw",
    "centre-pixel": "the middle feature, cut half-way between the two class means of the training draw",
    "best-single-pixel": "the feature of smallest p-value in the training draw, cut in the same way",
}


def baseline_accuracies(data: Data, draw: Draw, test: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy of each baseline on the test rows after one training draw."""
    x, y, truth = np.asarray(data.x[draw.rows], dtype=np.float64), data.y[draw.rows], data.y[test]
    best = neutral_screen(Leekasso(k=1, ties="first"), x, y)[0]
    majority = int(y.mean() >= 0.5)
    return {
        "class-prior": float((truth == majority).mean()),
        "centre-pixel": _one_feature(data, draw, test, centre(x.shape[1])),
        "best-single-pixel": _one_feature(data, draw, test, int(best)),
    }


def centre(features: int) -> int:
    """Index of the middle pixel of a square image stored row by row (14, 14 of 28 by 28), else of the middle column."""
    side = int(features**0.5)
    return (side // 2) * side + side // 2 if side * side == features else features // 2


def _one_feature(data: Data, draw: Draw, test: NDArray[np.int64], feature: int) -> float:
    values, y = np.asarray(data.x[draw.rows, feature], dtype=np.float64), data.y[draw.rows]
    means = values[y == 0].mean(), values[y == 1].mean()
    above = np.asarray(data.x[test, feature], dtype=np.float64) > (means[0] + means[1]) / 2
    return float(((above == (means[1] > means[0])) == (data.y[test] == 1)).mean())
