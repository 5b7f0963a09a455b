"""The data sets are what they say, and what cannot be used is refused in one sentence."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.data import MNIST01_FILE, Source, content_hash, load, mnist_folder, parse_idx, read_mnist
from parity.errors import RequestError

TRAIN_ZEROS, TRAIN_ONES, TEST_ZEROS, TEST_ONES = 5923, 6742, 980, 1135  # counts published with MNIST


def test_mnist01_has_the_published_counts_of_zeros_and_ones():
    data = load(Source("mnist01", classes=(0, 1)))
    assert data.x.shape == (14_780, 784)
    assert np.bincount(data.y[:12_665]).tolist() == [TRAIN_ZEROS, TRAIN_ONES]
    assert np.bincount(data.y[12_665:]).tolist() == [TEST_ZEROS, TEST_ONES]
    assert data.x.min() == 0 and data.x.max() == 255
    assert MNIST01_FILE.stat().st_size < 2.2e6


def test_mnist01_is_what_the_idx_files_hold():
    try:
        folder = mnist_folder()
    except RequestError as reason:
        pytest.skip(str(reason))
    assert load(Source("mnist", classes=(0, 1))).sha256 == load(Source("mnist01")).sha256
    assert len(read_mnist(folder, "test")[1]) == 10_000


def test_digits_are_scikit_learns():
    sklearn = pytest.importorskip("sklearn.datasets")
    x, y = sklearn.load_digits(return_X_y=True)
    data = load(Source("digits", classes=(3, 8)))
    np.testing.assert_array_equal(data.x, x[np.isin(y, (3, 8))])
    np.testing.assert_array_equal(data.y, (y[np.isin(y, (3, 8))] == 8).astype(int))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_is_read_with_its_larger_class_as_one(tmp_path: Path, suffix: str):
    frame = pd.DataFrame({"a": [1.0, 2, 3], "kind": ["yes", "no", "yes"], "b": [4, 5, 6]})
    path = tmp_path / f"t.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    data = load(Source(str(path), label="kind"))
    assert data.features == ("a", "b")
    assert data.y.tolist() == [1, 0, 1]
    assert data.x.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_kaggles_table_of_ten_digits_needs_two_classes_and_gives_them(tmp_path: Path):
    path = tmp_path / "train.csv"
    pd.DataFrame({"label": [0, 1, 7, 1], "pixel0": [0, 9, 3, 8]}).to_csv(path, index=False)
    with pytest.raises(RequestError, match="has 3 classes .0, 1, 7.; two are compared"):
        load(Source(str(path)))
    assert load(Source(str(path), classes=(0, 1))).y.tolist() == [0, 1, 1]


REFUSED = {
    "text": ("label,a\n0,1\n1,red\n", "row 2, column 'a' is 'red', which is not a number"),
    "nan": ("label,a\n0,1\n1,\n", "row 2, column 'a' is nan"),
    "infinity": ("label,a\n0,inf\n1,2\n", "row 1, column 'a' is inf"),
    "no rows": ("label,a\n", "has no rows"),
    "empty": ("", "is empty"),
    "no label column": ("labels,a\n0,1\n", "did you mean 'labels'"),
    "a row without a label": ("label,a\n0,1\n,2\n", "row 2 has no label"),
    "no feature": ("label\n0\n1\n", "has no column beside 'label'"),
    "one class": ("label,a\n0,1\n0,2\n", "has 1 class"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_no_engine_can_take_is_refused(tmp_path: Path, case: str):
    content, sentence = REFUSED[case]
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(RequestError, match=sentence):
        load(Source(str(path)))


def test_a_truncated_parquet_file_is_refused(tmp_path: Path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"label": [0, 1], "a": [1, 2]}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RequestError, match="not a readable parquet file"):
        load(Source(str(path)))


def test_a_misspelt_data_set_is_refused_with_the_nearest_name():
    with pytest.raises(RequestError, match="did you mean 'mnist01'"):
        load(Source("mnist10"))


IDX = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + bytes(range(6))


def test_an_idx_file_is_read_in_its_own_order():
    assert parse_idx(IDX, Path("x")).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (IDX[:-1], "17 bytes where its header promises 18"),
        (IDX[:7], "truncated inside its header"),
        (b"PK\x03\x04" + IDX, "not an IDX file"),
        (IDX + b"\0", "19 bytes where its header promises 18"),
    ],
)
def test_a_broken_idx_file_is_refused(content: bytes, sentence: str):
    with pytest.raises(RequestError, match=sentence):
        parse_idx(content, Path("train-images"))


def test_a_changed_pixel_fails_the_md5_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    changed = b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abc"
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(changed))
    with pytest.raises(RequestError, match="is corrupt: its md5 sum is not 6bbc9ace"):
        read_mnist(tmp_path, "train")
    for broken in (gzip.compress(changed)[:-5], gzip.compress(changed)[:12] + b"\xff" * 20):
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(broken)
        with pytest.raises(RequestError, match="cannot be read"):
            read_mnist(tmp_path, "train")


def test_a_truncated_gzipped_table_is_refused(tmp_path: Path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"label,a\n" + b"0,1\n1,2\n" * 999)[:-9])
    with pytest.raises(RequestError, match="not a readable gz file"):
        load(Source(str(path)))


def test_text_in_a_table_with_an_index_of_its_own_is_found(tmp_path: Path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"label": [0, 1], "a": ["1", "red"]}, index=["x", "y"]).to_parquet(path)
    with pytest.raises(RequestError, match="row 2, column 'a' is 'red'"):
        load(Source(str(path)))


def test_a_wrong_parity_mnist_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PARITY_MNIST", str(tmp_path))
    with pytest.raises(RequestError, match="PARITY_MNIST is .* which does not hold train-images"):
        mnist_folder()


@given(st.lists(st.lists(st.integers(0, 255), min_size=3, max_size=3), min_size=1, max_size=8))
def test_the_content_hash_does_not_depend_on_how_values_are_stored(rows: list[list[int]]):
    y, features = np.zeros(len(rows), np.int8), ("a", "b", "c")
    stored = [np.array(rows, dtype) for dtype in (np.uint8, np.int32, np.float32, np.float64)]
    assert len({content_hash(x, y, features) for x in [*stored, np.asfortranarray(stored[0])]}) == 1
    other = stored[3].copy()
    other[0, 0] += 1
    assert content_hash(other, y, features) != content_hash(stored[3], y, features)
