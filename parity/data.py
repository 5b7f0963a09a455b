"""Data sets as arrays with a content hash: the embedded zeros and ones, MNIST, digits, or a user's table."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import lzma
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.errors import RequestError, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

MNIST01_FILE = Path(__file__).parent / "mnist" / "mnist01.npy.xz"
MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
NAMED = ("mnist01", "mnist", "digits")


@dataclass(frozen=True, slots=True)
class IdxFile:
    """One of MNIST's four files and the md5 sum of its gunzipped content."""

    name: str
    md5: str


MNIST_FILES = {
    ("train", "images"): IdxFile("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    ("train", "labels"): IdxFile("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    ("test", "images"): IdxFile("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    ("test", "labels"): IdxFile("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set comes from: a name or a path, its label column, and the two classes to keep."""

    reference: str
    label: str = "label"
    classes: tuple[Any, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A pool of rows with two classes.

    x: (n, p) array, any real dtype. y: (n,) int8, 1 for the second of the two classes asked for, else the larger.
    features: p names. sha256: hash of the content, the same whatever dtype the values are stored in.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[np.int8]
    features: tuple[str, ...]
    sha256: str


@functools.lru_cache(maxsize=2)
def load(source: Source) -> Data:
    """The data set that a source names. Raises RequestError where it cannot be had or cannot be used."""
    if source.reference == "probe":
        from parity.probe_data import probe_data

        return probe_data()
    x, y, features, name = _read(source)
    keep, positive = _two_classes(y, source)
    x, y01 = x[keep], (y[keep] == positive).astype(np.int8)
    _refuse_what_no_engine_can_take(x, features, name)
    return Data(name, x, y01, tuple(features), content_hash(x, y01, features))


def content_hash(x: NDArray[Any], y: NDArray[Any], features: Sequence[str]) -> str:
    """Sha256 over feature names, labels and values (as little-endian float64, row by row)."""
    digest = hashlib.sha256("\0".join(features).encode())
    digest.update(y.astype("<i1").tobytes())
    for start in range(0, len(x), 2048):
        digest.update(np.ascontiguousarray(x[start : start + 2048], dtype="<f8").tobytes())
    return digest.hexdigest()


def _read(source: Source) -> tuple[NDArray[Any], NDArray[Any], Sequence[str], str]:
    pixels = [f"pixel{i}" for i in range(784)]
    match source.reference:
        case "mnist01":
            table = np.load(io.BytesIO(lzma.decompress(MNIST01_FILE.read_bytes())))
            return table[:, 1:], table[:, 0], pixels, "mnist01"
        case "mnist":
            folder = mnist_folder()
            parts = [read_mnist(folder, part) for part in ("train", "test")]
            return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), pixels, "mnist"
        case "digits":
            from importlib.util import find_spec

            if find_spec("sklearn") is None:
                raise RequestError("data 'digits' is scikit-learn's; it needs: pip install scikit-learn")
            return _digits()
        case path if Path(path).suffix.lower() in {".csv", ".parquet", ".gz"} or Path(path).exists():
            from parity.table import read_table

            return read_table(Path(path), source.label)
        case other:
            raise unknown("data set", other, NAMED)


def _digits() -> tuple[NDArray[Any], NDArray[Any], Sequence[str], str]:
    """Scikit-learn's 8x8 digits, read from the file that its package carries, without importing it."""
    from importlib.util import find_spec

    found = find_spec("sklearn")
    assert found is not None and found.submodule_search_locations
    path = Path(next(iter(found.submodule_search_locations))) / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(io.StringIO(gzip.decompress(path.read_bytes()).decode()), delimiter=",")
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    return table[:, :-1], table[:, -1].astype(int), names, "digits"


def _two_classes(y: NDArray[Any], source: Source) -> tuple[NDArray[np.bool_], Any]:
    """Rows to keep, and the class that counts as 1."""
    present = np.unique(y)
    if source.classes is not None:
        # A study file may say "0" where the column holds 0.
        wanted: list[Any] = [next((p for p in present if str(p) == str(c)), None) for c in source.classes]
        for asked, found in zip(source.classes, wanted, strict=True):
            if found is None:
                shown = ", ".join(str(p) for p in present[:12])
                raise RequestError(f"class '{asked}' is not in {source.reference}; its labels are {shown}")
        return np.isin(y, np.asarray(wanted)), wanted[1]
    if len(present) != 2:
        shown = ", ".join(str(p) for p in present[:12]) + (", …" if len(present) > 12 else "")
        raise RequestError(
            f"{source.reference} has {len(present)} class{'es' * (len(present) != 1)} ({shown}); "
            f"two are compared: say which with --classes {present[0]},{present[-1]} or classes in the study"
        )
    return np.ones(len(y), dtype=bool), present[1]


def _refuse_what_no_engine_can_take(x: NDArray[Any], features: Sequence[str], name: str) -> None:
    if len(x) == 0:
        raise RequestError(f"{name} has no rows; at least two of each class are needed")
    if np.issubdtype(x.dtype, np.floating) and not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise RequestError(
            f"{name} row {row + 1}, column '{features[column]}' is {x[row, column]}; "
            "every value must be a finite number: drop or fill that row first"
        )


def mnist_folder(*, download: bool = True) -> Path:
    """Where MNIST's four files are: $PARITY_MNIST, a cache, ../shared/data/mnist, or downloaded into the cache.

    A report that merely mentions MNIST neither fetches 11 MB unasked nor waits for a network: without `download`, a
    RequestError where the files are in none of these places.
    """
    from platformdirs import user_cache_path

    named = os.environ.get("PARITY_MNIST")
    if named and not _has_mnist(Path(named)):
        raise RequestError(f"PARITY_MNIST is {named}, which does not hold {', '.join(_names())} (or .gz)")
    cache = user_cache_path("parity") / "mnist"
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    for folder in (Path(named) if named else cache, cache, shared):
        if _has_mnist(folder):
            return folder
    if not download:
        raise RequestError("MNIST is not on this machine; `parity pixels` fetches it")
    return _download(cache)


def _names() -> list[str]:
    return [file.name for file in MNIST_FILES.values()]


def _has_mnist(folder: Path) -> bool:
    return all((folder / name).exists() or (folder / f"{name}.gz").exists() for name in _names())


def _download(cache: Path) -> Path:
    import urllib.error
    import urllib.request

    cache.mkdir(parents=True, exist_ok=True)
    for name in _names():
        try:
            with urllib.request.urlopen(f"{MNIST_URL}{name}.gz", timeout=30) as response:
                content = response.read()
        except (urllib.error.URLError, OSError) as error:
            raise RequestError(
                f"MNIST is neither in $PARITY_MNIST nor in {cache}, and {MNIST_URL}{name}.gz cannot be reached "
                f"({getattr(error, 'reason', error)}); put its four files into a folder and set PARITY_MNIST to it"
            ) from error
        partial = cache / f".{name}.gz.part"
        partial.write_bytes(content)
        partial.rename(cache / f"{name}.gz")
    return cache


def read_mnist(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images as (n, 784) uint8 and labels as (n,) uint8 of MNIST's part 'train' or 'test', checked by md5 sum."""
    images = _read_idx(folder, MNIST_FILES[part, "images"])
    labels = _read_idx(folder, MNIST_FILES[part, "labels"])
    return images.reshape(len(images), -1), labels


def _read_idx(folder: Path, file: IdxFile) -> NDArray[np.uint8]:
    path = folder / file.name if (folder / file.name).exists() else folder / f"{file.name}.gz"
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RequestError(f"{path} cannot be read ({error}); fetch it again from {MNIST_URL}") from error
    return parse_idx(content, path, file.md5)


def parse_idx(content: bytes, path: Path, md5: str | None = None) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes. Source of the format: http://yann.lecun.com/exdb/mnist/."""
    again = f"fetch it again from {MNIST_URL}"
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise RequestError(f"{path} is not an IDX file of unsigned bytes; {again}")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise RequestError(f"{path} is truncated inside its header; {again}")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise RequestError(f"{path} has {len(content):,} bytes where its header promises {expected:,}; {again}")
    if md5 is not None and hashlib.md5(content).hexdigest() != md5:
        raise RequestError(f"{path} is corrupt: its md5 sum is not {md5}; {again}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
