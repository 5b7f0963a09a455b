"""How a study draws its rows. Every engine is given the same rows: made once, passed as arrays, never as a seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from parity.errors import RequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.data import Data


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Sizes, draws and the split of the pool into rows to draw from and rows to score on."""

    sizes: tuple[int, ...]
    "Training-set sizes."
    draws: int
    "Independent training draws at each size."
    replacement: bool = False
    "Whether a training row can be drawn twice."
    test_fraction: float | None = 0.2
    "Share of the pool that is scored on, chosen at random once for the whole study."
    train_rows: tuple[int, int] | None = None
    "Half-open range of pool rows to draw from, where test_fraction is None."
    test_rows: tuple[int, int] | None = None
    "Half-open range of pool rows to score on, where test_fraction is None."
    seed: int = 2017
    "Starts the stream that the rows are drawn from."

    def __post_init__(self) -> None:
        if not self.sizes:
            raise RequestError("the protocol has no sizes; name at least one, for example sizes = [10, 20]")
        for n in self.sizes:
            if n < 2:
                raise RequestError(f"size {n} is too small; a draw needs at least one row of each class: 2 or more")
        if self.draws < 1:
            raise RequestError(f"draws is {self.draws}; it must be at least 1")
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            raise RequestError(f"test_fraction is {self.test_fraction}; it must lie between 0 and 1")
        if self.test_fraction is not None and (self.train_rows or self.test_rows):
            raise RequestError("test_fraction and train_rows or test_rows exclude each other; write one of the two")
        if self.train_rows and self.test_rows and _overlap(self.train_rows, self.test_rows):
            raise RequestError(
                f"train_rows {self.train_rows} and test_rows {self.test_rows} overlap; rows that were trained on "
                "must not be scored on"
            )
        if self.test_fraction is None and (self.train_rows is None or self.test_rows is None):
            raise RequestError("without test_fraction the protocol needs both train_rows and test_rows")


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One training draw. rows: (n,) int64 row numbers in the pool, in the order in which engines are given them."""

    n: int
    index: int
    rows: NDArray[np.int64]
    seed: int
    "For what an engine draws itself (initial weights, shuffling): one number, the same for every engine."


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """All draws of a study. test: (n_test,) int64 row numbers in the pool, ascending."""

    test: NDArray[np.int64]
    train: tuple[Draw, ...]
    one_class: tuple[Draw, ...] = ()
    "Draws that hold one class only: nothing can be fitted to them, and they are listed instead."

    def numbered(self, n: int, index: int) -> Draw:
        """The draw of that number at a size; a RequestError where it holds one class only."""
        for draw in self.train:
            if (draw.n, draw.index) == (n, index):
                return draw
        raise RequestError(
            f"draw {index} at size {n} holds one class only, so nothing can be fitted to it; ask for another draw"
        )


def make_draws(protocol: Protocol, data: Data) -> Draws:
    """The rows of every draw.

    Rows are ranked by raw 64-bit PCG64 outputs, whose stream NumPy promises to keep (NEP 19), so a protocol's rows do
    not change with NumPy's version. Draw i at size n does not depend on the other sizes or on the number of draws.
    Raises RequestError for a size larger than the pool and for one at which every draw holds one class only.
    """
    train_pool, test = _split(protocol, len(data.x))
    draws: list[Draw] = []
    one_class: list[Draw] = []
    for n in protocol.sizes:
        if n > len(train_pool) and not protocol.replacement:
            raise RequestError(
                f"size {n} is larger than the {len(train_pool):,} rows of {data.name} that may be drawn; "
                f"ask for at most {len(train_pool)}"
            )
        drawn = [_draw(protocol, train_pool, n, index) for index in range(protocol.draws)]
        of_both = [draw for draw in drawn if len(np.unique(data.y[draw.rows])) > 1]
        if not of_both:
            several = f"each of the {protocol.draws} draws" if protocol.draws > 1 else "the draw"
            raise RequestError(
                f"{several} at size {n} of {data.name} holds one class only, so nothing can be fitted to it; "
                f"ask for larger sizes or more draws, or set another seed than {protocol.seed}"
            )
        draws += of_both
        one_class += [draw for draw in drawn if draw not in of_both]
    return Draws(test, tuple(draws), tuple(one_class))


def _overlap(left: tuple[int, int], right: tuple[int, int]) -> bool:
    return left[0] < right[1] and right[0] < left[1]


def _split(protocol: Protocol, pool: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if protocol.test_fraction is None:
        assert protocol.train_rows is not None and protocol.test_rows is not None
        for name, (first, last) in (("train_rows", protocol.train_rows), ("test_rows", protocol.test_rows)):
            if not 0 <= first < last <= pool:
                raise RequestError(f"{name} is {first}:{last}; it must be a range within the pool's {pool:,} rows")
        return np.arange(*protocol.train_rows), np.arange(*protocol.test_rows)
    order = np.argsort(_raw(protocol.seed, "split", pool), kind="stable")
    held_out = round(pool * protocol.test_fraction)
    if not 0 < held_out < pool:
        raise RequestError(f"a test share of {protocol.test_fraction} of {pool} rows leaves one side empty")
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _draw(protocol: Protocol, pool: NDArray[np.int64], n: int, index: int) -> Draw:
    label = f"draw {n} {index}"
    if protocol.replacement:
        rows = pool[(_raw(protocol.seed, label, n) % len(pool)).astype(np.int64)]
    else:
        rows = pool[np.argsort(_raw(protocol.seed, label, len(pool)), kind="stable")[:n]]
    seed = int(_raw(protocol.seed, f"seed {n} {index}", 1)[0] >> np.uint64(33))  # 31 bits: what every library takes
    return Draw(n, index, rows, seed)


def _raw(seed: int, label: str, count: int) -> NDArray[np.uint64]:
    """`count` raw 64-bit outputs of a stream of its own for this seed and label."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed} {label}".encode()).digest()[:16], "little")
    return np.asarray(np.random.PCG64(entropy).random_raw(count), dtype=np.uint64)
