"""The store: one SQLite file, one row per finished cell, arrays as compressed blobs. Only the parent process writes."""

from __future__ import annotations

import io
import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from parity.errors import RequestError

if TYPE_CHECKING:
    from parity.study.cells import Cell

SCHEMA_VERSION = 1
"Raised when a table changes; a store of another version is refused, not guessed at."

APPLICATION_ID = 0x70617269  # "pari", so that file(1) and we can tell a store from any other SQLite file

_TABLES = """
CREATE TABLE cells (
    key       TEXT PRIMARY KEY,  -- sha256 of identity
    engine    TEXT NOT NULL,
    method    TEXT NOT NULL,     -- the label under which it was first fitted
    n         INTEGER NOT NULL,
    draw      INTEGER NOT NULL,
    status    TEXT NOT NULL,     -- done, raised (the framework refused), or lost (crash or time limit: tried again)
    identity  TEXT NOT NULL,     -- JSON: everything that the key covers
    facts     TEXT NOT NULL,     -- JSON: what happened, without its arrays
    arrays    BLOB NOT NULL,     -- zlib of NumPy .npz: probability, label, train_rows
    finished  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) WITHOUT ROWID
"""
_COLUMNS = "key, engine, method, n, draw, status, identity, facts, arrays, finished"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What became of a cell. facts: plain data; arrays: name -> array; reason: in words, where it is not done."""

    status: str
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray[Any, Any]]

    @property
    def coefficients(self) -> dict[str, Any]:
        """A linear model's, by feature, "(intercept)" among them; None where aliased. Empty for other models."""
        found: dict[str, Any] = (self.facts.get("parameters") or {}).get("coefficients") or {}
        return found

    @property
    def reason(self) -> str:
        """Why there is no fit, or an empty string."""
        return str(self.facts.get("reason", ""))


class Store:
    """An open store. Use as a context manager; `writing=True` takes the file's lock for as long as it is open."""

    def __init__(self, path: Path, *, writing: bool = False) -> None:
        from filelock import FileLock, Timeout

        self.path = path
        self._lock = None
        if not writing and not path.exists():
            raise RequestError(f"there is no store {path}; `parity run` makes one")
        try:
            if writing:
                path.parent.mkdir(parents=True, exist_ok=True)
                # The lock is the kernel's: it goes with the process, however that ends.
                self._lock = FileLock(f"{path}.lock")
                self._lock.acquire(timeout=0)
            self._connection = sqlite3.connect(path, isolation_level=None)
        except Timeout:
            raise RequestError(f"another run is writing to {path}; wait for it or name another --store") from None
        except (OSError, sqlite3.OperationalError) as error:
            raise RequestError(f"store {path} cannot be opened: {error}") from error
        try:
            with reported(path):
                self._prepare(writing)
        except BaseException:
            self.close()
            raise

    def _prepare(self, writing: bool) -> None:
        # One look: between two, another process may have made the tables.
        self._connection.execute("BEGIN")
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        self._connection.execute("COMMIT")
        if tables == 0 and writing:
            self._connection.execute("PRAGMA journal_mode=WAL")
            with self._transaction():
                self._connection.execute(_TABLES)
                self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        elif application != APPLICATION_ID:
            raise RequestError(f"{self.path} is a database, but not a store of parity; name another --store")
        elif version != SCHEMA_VERSION:
            raise RequestError(
                f"store {self.path} has schema version {version} and this parity reads {SCHEMA_VERSION}; "
                f"use the parity that wrote it, or name another --store"
            )
        # WAL survives a killed process without waiting for the disk at every cell.
        self._connection.execute("PRAGMA synchronous=NORMAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the lock back."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def put(self, cell: Cell, result: Result) -> None:
        """Keep a result. A lost cell may be replaced; a finished one never is."""
        row = (
            cell.key,
            cell.engine.id,
            cell.method,
            cell.draw.n,
            cell.draw.index,
            result.status,
            json.dumps(cell.identity, sort_keys=True),
            json.dumps(result.facts, sort_keys=True),
            pack({**result.arrays, "train_rows": cell.draw.rows}),
        )
        with reported(self.path), self._transaction():
            self._connection.execute("DELETE FROM cells WHERE key = ? AND status = 'lost'", row[:1])
            self._connection.execute(
                "INSERT OR IGNORE INTO cells (key, engine, method, n, draw, status, identity, facts, arrays) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def finished(self, keys: Iterable[str]) -> set[str]:
        """Which of these keys need no fitting: done, or refused by the framework itself."""
        with reported(self.path):
            stored = self._connection.execute("SELECT key FROM cells WHERE status != 'lost'")
            return {key for (key,) in stored} & set(keys)

    def draws(self) -> int:
        """One more than the largest number of a draw of any cell; 0 in an empty store."""
        with reported(self.path):
            (most,) = self._connection.execute("SELECT coalesce(max(draw) + 1, 0) FROM cells").fetchone()
            return int(most)

    def get(self, key: str, arrays: Collection[str] | None = None) -> Result | None:
        """The result kept under a key, or None; arrays: the names of those that are wanted, where not all are."""
        with reported(self.path):
            row = self._connection.execute("SELECT status, facts, arrays FROM cells WHERE key = ?", (key,)).fetchone()
            return None if row is None else Result(row[0], json.loads(row[1]), unpack(row[2], arrays))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as plain data with its arrays unpacked, in order of key."""
        with reported(self.path):
            for row in self._connection.execute(f"SELECT {_COLUMNS} FROM cells ORDER BY key"):
                record = dict(zip(_COLUMNS.split(", "), row, strict=True))
                record["arrays"] = unpack(record["arrays"])
                yield record

    def merge(self, other: Path) -> tuple[int, int]:
        """Take in the cells of another store; returns how many were new and how many were here already.

        A finished cell beats a lost one; of two finished ones the one already here stays.
        """
        new = known = 0
        with Store(other) as source, reported(self.path), self._transaction():
            for row in source._connection.execute(f"SELECT {_COLUMNS} FROM cells"):
                self._connection.execute("DELETE FROM cells WHERE key = ? AND status = 'lost'", row[:1])
                done = self._connection.execute(
                    f"INSERT OR IGNORE INTO cells ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
                ).rowcount
                new, known = new + done, known + 1 - done
        return new, known


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the sentence that a user can act on."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text:
            right = "free some space and run again: every finished cell is kept"
        elif "not a database" in text or "malformed" in text:
            right = "it is corrupt or truncated: move it away, or merge its copy from elsewhere"
        elif "readonly" in text:
            right = "make it writable, or name another --store"
        else:
            right = "name another --store"
        raise RequestError(f"store {path}: {text}; {right}") from error


def pack(arrays: dict[str, Any]) -> bytes:
    """Arrays as compressed .npz bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(a) for name, a in arrays.items()})
    return zlib.compress(buffer.getvalue(), level=1)


def unpack(blob: bytes, wanted: Collection[str] | None = None) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays that `pack` packed, or those of them that are wanted."""
    try:
        with np.load(io.BytesIO(zlib.decompress(blob)), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if wanted is None or name in wanted}
    except (zlib.error, ValueError, OSError, KeyError) as error:
        raise sqlite3.DatabaseError(f"a cell's arrays are malformed ({error})") from error
