"""What is done to a fit from outside: to its rows before it, to where it starts, to its labels after it.

An engine knows nothing of it. It is how a difference is switched that a framework has no argument for.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Plain = dict[str, Any]
Floats = NDArray[np.float64]

Scaling = Literal["divide-by-255", "standardize", "standardize-n-1", "centre", "unit-range"]

Transform = Literal["square-root", "logarithm", "square", "above-0", "above-127"]

TRANSFORMS: dict[Transform, Callable[[Floats], Floats]] = {
    "square-root": np.sqrt,
    "logarithm": np.log1p,
    "square": np.square,
    "above-0": lambda x: np.asarray(x > 0, dtype=np.float64),
    "above-127": lambda x: np.asarray(x > 127, dtype=np.float64),
}
"What becomes of every input by itself. The logarithm is of 1 + x; what is above a number is 1, and what is not is 0."

Apart = tuple[Literal["train", "test", "each"], Scaling]
"One set of rows scaled alone, by what the training rows tell, or each set by what it tells itself."

LONGEST = 20
"Names and places up to so many stand in an identity as they are; more by their hash."

LARGEST_F1 = "largest F1"
"A cut at the training row's probability from which on F1 over the training rows is largest, that row included."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Intervention:
    """Changes in the order in which they are made. What stands at its default is left as it is."""

    rows: tuple[int, ...] | None = None
    "Places of the training rows that are given, in the order in which they are given."
    flipped: tuple[int, ...] = ()
    "Places, as the draw has them, of training rows that are given with the other label."
    mask: tuple[NDArray[Any]] | None = None
    "One (n, p) array, its rows as the draw has them, by which the training inputs are multiplied number by number."
    columns: tuple[str, ...] | None = None
    "Names of the columns that are given."
    blanked: tuple[str, ...] = ()
    "Names of columns that are 0 in both sets of rows."
    transform: Transform | None = None
    "What becomes of every input of both sets of rows, before it is multiplied."
    factor: float = 1.0
    "By which the inputs of both sets of rows are multiplied."
    train_factor: float = 1.0
    "By which those of the training rows alone are."
    test_factor: float = 1.0
    "By which those of the test rows alone are."
    rounding: Literal["float16", "float32"] | None = None
    "Format to which the inputs are rounded."
    nudged: bool = False
    "Whether every training input is one unit in float32's last place larger: how far rounding spreads."
    scaling: Scaling | None = None
    "How both sets of rows are scaled, by what the training rows tell."
    apart: Apart | None = None
    "How rows are scaled once more, the two sets not alike."
    rescaled: tuple[tuple[str, float], ...] = ()
    "Columns by name, and what each is multiplied by, once they are scaled."
    scaled_rounding: Literal["float16", "float32"] | None = None
    "Format to which the inputs are rounded once they are scaled."
    dtype: Literal["float16", "float32"] | None = None
    "Type in which the inputs are given: what a framework makes of it is its own affair."
    selected: tuple[str, ...] | None = None
    "Names of the columns that stand for the engine's own screen."
    dropped: tuple[str, ...] = ()
    "Names of those of them that are left out."
    weights: tuple[NDArray[Any], ...] | None = None
    "(in, out) arrays that a network starts from."
    biases: tuple[NDArray[Any], ...] | None = None
    "(out,) arrays that a network starts from."
    row_order: tuple[tuple[int, ...], ...] | None = None
    "For each epoch the places of the training rows in the order in which they are visited."
    coefficients: Literal["float16", "float32"] | None = None
    "Format to which a linear model's coefficients are rounded once it is fitted."
    cut: float | Literal["largest F1"] | None = None
    "Cut above which a row is labelled 1, whatever the framework's own label."

    @property
    def identity(self) -> Plain:
        """What of it decides a result, as plain data: arrays by their hash, defaults left out."""
        found: Plain = {}
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if value is each.default or value == each.default:
                continue
            if each.name in ("weights", "biases", "mask"):
                found[each.name] = hash_of(value)
            elif isinstance(value, tuple):
                found[each.name] = list(value) if len(value) <= LONGEST else hash_of_words(value)
            else:
                found[each.name] = value
        return found

    @property
    def keeps_inputs(self) -> bool:
        """Whether the framework is given the rows, labels and columns of the draw as they are."""
        own = self.rows or self.flipped or self.mask is not None or self.train_factor != 1 or self.nudged
        return self.keeps_test and not own

    @property
    def keeps_test(self) -> bool:
        """Whether the framework is given the test rows as they are."""
        columns = self.columns is not None or self.blanked
        digits = self.rounding or self.scaled_rounding or self.dtype
        factors = self.factor != 1 or self.test_factor != 1
        return not (columns or digits or self.transform or factors or self.scaling or self.apart or self.rescaled)

    def given(self, train: Plain, test: Plain) -> tuple[Plain, Plain]:
        """Training and test rows as the engine is to see them, in the form of the engine contract."""
        if self.flipped:
            y = train["y"].copy()
            y[list(self.flipped)] = 1 - y[list(self.flipped)]
            train = {**train, "y": y}
        if self.mask is not None:
            train = {**train, "x": train["x"] * self.mask[0]}
        if self.blanked:
            gone = [train["features"].index(name) for name in self.blanked]
            train, test = ({**side, "x": side["x"].copy()} for side in (train, test))
            train["x"][:, gone] = test["x"][:, gone] = 0
        if self.rows is not None:
            places = list(self.rows)
            train = {**train, **{name: train[name][places] for name in ("x", "y", "rows")}}
        if self.columns is not None:
            kept = [train["features"].index(name) for name in self.columns]
            train, test = ({**side, "x": side["x"][:, kept], "features": list(self.columns)} for side in (train, test))
        x, x_test = train["x"], test["x"]
        if self.transform is not None:
            with np.errstate(invalid="ignore"):  # a root of what is negative is no number, and no fit comes of it
                x, x_test = (TRANSFORMS[self.transform](each) for each in (x, x_test))
        x, x_test = x * self.factor * self.train_factor, x_test * self.factor * self.test_factor
        if self.rounding is not None:
            x, x_test = (each.astype(self.rounding).astype(np.float64) for each in (x, x_test))
        if self.nudged:
            x = x * (1 + float(np.finfo(np.float32).eps))
        x, x_test = scaled(x, x, self.scaling), scaled(x_test, x, self.scaling)
        if self.apart is not None:
            sets, kind = self.apart
            x, x_test = (
                x if sets == "test" else scaled(x, x, kind),
                x_test if sets == "train" else scaled(x_test, x_test if sets == "each" else x, kind),
            )
        if self.rescaled:
            times = dict(self.rescaled)
            factors = np.array([times.get(name, 1.0) for name in train["features"]])
            x, x_test = x * factors, x_test * factors
        if self.scaled_rounding is not None:
            x, x_test = (each.astype(self.scaled_rounding).astype(np.float64) for each in (x, x_test))
        if self.dtype is not None:
            x, x_test = x.astype(self.dtype), x_test.astype(self.dtype)
        return {**train, "x": x}, {**test, "x": x_test}

    def options(self, features: Sequence[str]) -> Plain:
        """Options of the engine contract that it sets. features: names of all columns, those that are left out too."""
        found: Plain = {}
        if self.weights is not None and self.biases is not None:
            first, *later = self.weights
            if self.columns is not None and len(first) == len(features):
                first = first[[list(features).index(name) for name in self.columns]]
            found["initial_weights"] = {"weights": [first, *later], "biases": list(self.biases)}
        if self.row_order is not None:
            found["row_order"] = [list(epoch) for epoch in self.row_order]
        if self.selected is not None:
            found["selected"] = [name for name in self.selected if name not in self.dropped]
        return found


NOTHING = Intervention()


def scaled(x: Floats, train: Floats, scaling: Scaling | None) -> Floats:
    """(n, p) rows scaled as told, by means, standard deviations (ddof 0, or 1 for n - 1) or ranges of training rows."""
    match scaling:
        case None:
            return x
        case "divide-by-255":
            return x / 255
        case "centre":
            return np.asarray(x - train.mean(axis=0))
        case "unit-range":
            least, spread = train.min(axis=0), np.ptp(train, axis=0)
        case "standardize" | "standardize-n-1":
            least, spread = train.mean(axis=0), train.std(axis=0, ddof=int(scaling == "standardize-n-1"))
    return np.asarray((x - least) / np.where(spread == 0, 1, spread))


def largest_f1(probability: Floats, y: NDArray[np.int64]) -> float:
    """The probability at which a cut makes F1 of class 1 largest on (n,) rows; a row at the cut is labelled 1.

    Of several the highest.
    """
    candidates = np.unique(probability)[::-1]
    labelled = probability[None, :] >= candidates[:, None]
    hits = (labelled & (y == 1)).sum(axis=1)
    scores = 2 * hits / (labelled.sum(axis=1) + (y == 1).sum())
    return float(candidates[int(np.argmax(scores))])


def cut_between(probability: Floats, label: NDArray[Any]) -> tuple[float, float]:
    """Largest predicted value labelled 0 and smallest labelled 1; -inf or inf where there is none."""
    low, high = probability[label == 0].max(initial=-np.inf), probability[label == 1].min(initial=np.inf)
    return float(low), float(high)


def hash_of(arrays: tuple[NDArray[Any], ...]) -> str:
    """Sha256 of arrays, their shapes and their types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def hash_of_words(values: tuple[Any, ...]) -> str:
    """Sha256 of names or places, in their order."""
    return hashlib.sha256("\n".join(map(str, values)).encode()).hexdigest()
