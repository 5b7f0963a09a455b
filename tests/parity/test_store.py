"""What is finished is kept, once, whatever happens to the process or the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from parity.errors import RequestError
from parity.study.cells import Cell
from parity.study.export import export_parquet
from parity.study.store import Result, Store, pack, unpack

LOST = Result("lost", {"reason": "its worker died (SIGKILL)"}, {})


@given(arrays(np.float64, array_shapes(max_dims=2, max_side=6)), arrays(np.int8, (4,)))
def test_arrays_come_back_bit_for_bit(weights: np.ndarray, label: np.ndarray):
    back = unpack(pack({"weights": weights, "label": label}))
    assert back["weights"].tobytes() == weights.tobytes() and back["weights"].shape == weights.shape
    assert back["label"].tolist() == label.tolist()


@given(st.binary(max_size=60))
def test_a_damaged_blob_is_an_error_of_the_store_and_never_an_array(blob: bytes):
    with pytest.raises(sqlite3.DatabaseError):
        unpack(blob)


def test_a_result_is_read_back_as_it_was_put(tmp_path: Path, cells: list[Cell], result: Result):
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        store.put(cells[0], result)
    with Store(tmp_path / "s.sqlite") as store:
        back = store.get(cells[0].key)
        assert back is not None and back.facts == result.facts and back.status == "done"
        assert back.arrays["probability"].tolist() == [0.25, 1.0]
        assert back.arrays["train_rows"].tolist() == cells[0].draw.rows.tolist()
        assert store.finished(cell.key for cell in cells) == {cells[0].key}


def test_a_lost_cell_is_tried_again_and_a_finished_one_is_never_replaced(
    tmp_path: Path, cells: list[Cell], result: Result
):
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        store.put(cells[0], LOST)
        assert store.finished([cells[0].key]) == set()
        store.put(cells[0], result)
        store.put(cells[0], LOST)
        store.put(cells[0], Result("done", {"seconds": 9.0}, {}))
        kept = store.get(cells[0].key)
        assert kept is not None and kept.facts["seconds"] == 0.5


def test_two_runs_do_not_write_to_one_store(tmp_path: Path):
    with Store(tmp_path / "s.sqlite", writing=True):
        with pytest.raises(RequestError, match="another run is writing"):
            Store(tmp_path / "s.sqlite", writing=True)
        Store(tmp_path / "s.sqlite").close()  # reading is free
    Store(tmp_path / "s.sqlite", writing=True).close()


def test_merging_unites_two_stores_and_finished_beats_lost(tmp_path: Path, cells: list[Cell], result: Result):
    with Store(tmp_path / "a.sqlite", writing=True) as a, Store(tmp_path / "b.sqlite", writing=True) as b:
        a.put(cells[0], result)
        a.put(cells[1], LOST)
        b.put(cells[0], Result("done", {"seconds": 9.0}, {}))
        b.put(cells[1], result)
        b.put(cells[2], result)
        assert a.merge(tmp_path / "b.sqlite") == (2, 1)
        assert a.finished(cell.key for cell in cells) == {cell.key for cell in cells[:3]}
        kept = a.get(cells[0].key)
        assert kept is not None and kept.facts["seconds"] == 0.5
        assert a.merge(tmp_path / "b.sqlite") == (0, 3)


def test_export_holds_every_cell(tmp_path: Path, cells: list[Cell], result: Result):
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        for cell in cells[:3]:
            store.put(cell, result)
        store.put(cells[3], LOST)
    assert export_parquet(tmp_path / "s.sqlite", tmp_path / "c.parquet") == 4
    table = pq.read_table(tmp_path / "c.parquet").to_pylist()
    done = [row for row in table if row["status"] == "done"]
    assert len(done) == 3 and all(row["probability"] == [0.25, 1.0] for row in done)
    assert {row["key"] for row in done} == {cell.key for cell in cells[:3]}


def broken(path: Path, how: str) -> None:
    Store(path, writing=True).close()
    match how:
        case "truncated":
            path.write_bytes(path.read_bytes()[:3000])
        case "text":
            path.write_text("not a database at all, but long enough to be looked at " * 40)
        case "another program's":
            path.unlink()
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("CREATE TABLE t (x)")
        case "of another version":
            # What it leaves in its write-ahead log is in the file once it is closed, and no sooner.
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("PRAGMA user_version=99")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("truncated", "corrupt or truncated"),
        ("text", "corrupt or truncated"),
        ("another program's", "not a store of parity"),
        ("of another version", "schema version 99 and this parity reads 1"),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_refused_and_left_as_it_was(tmp_path: Path, how: str, sentence: str):
    path = tmp_path / "s.sqlite"
    broken(path, how)
    before = path.read_bytes()
    for writing in (False, True):
        with pytest.raises(RequestError, match=sentence), Store(path, writing=writing) as store:
            store.finished(["x"])
    assert path.read_bytes() == before


def test_a_full_disk_stops_the_run_with_a_sentence_and_keeps_what_was_finished(
    tmp_path: Path, cells: list[Cell], result: Result
):
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        store.put(cells[0], result)
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count={pages}")  # SQLite's own way to have no room left
        large = Result("done", {}, {"probability": np.random.default_rng(0).normal(size=50_000)})
        with pytest.raises(RequestError, match="free some space"):
            store.put(cells[1], large)
        assert store.finished(cell.key for cell in cells) == {cells[0].key}
    with Store(tmp_path / "s.sqlite") as store:
        assert store.get(cells[0].key) is not None
