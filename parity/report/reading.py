"""Reads a document back from its file; what is no document, or a damaged one, is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from parity.compare.verdict import Kind
from parity.errors import RequestError
from parity.report.document import SCHEMA

Plain = dict[str, Any]

SQLITE = b"SQLite format 3\0"
"How a store begins (sqlite.org/fileformat.html)."


class _Side(msgspec.Struct):
    name: str
    value: float | None


class _Tolerance(msgspec.Struct):
    value: float | None
    reason: str


class _Comparison(msgspec.Struct):
    left: _Side
    right: _Side
    what: str
    verdict: Kind
    reason: str
    gap: float | None
    tolerance: _Tolerance
    rerun: str


class _Size(msgspec.Struct):
    n: int
    draws: int
    gap: float | None
    low: float | None
    high: float | None
    verdict: Kind


class _Pair(msgspec.Struct):
    left: str
    right: str
    method: str
    verdict: Kind
    first: int | None
    draws_needed: int | None
    sizes: list[_Size]
    curves: _Comparison


class _NotRun(msgspec.Struct):
    engine: str
    reason: str


class _Document(msgspec.Struct):
    """What is required; a field that is not named here may be anything."""

    kind: str
    environment: dict[str, Any]
    comparisons: list[_Comparison]
    pairs: list[_Pair] = []
    not_run: list[_NotRun] = []
    study: dict[str, Any] = {}


def read_document(path: Path) -> Plain:
    """The document in a file, as plain data.

    Of its fields only those are required that a comparison of documents and a short report read, so that documents of
    older and newer versions of parity are read too; the published schema says what this version writes.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise RequestError(
            f"there is no document {path}; --json writes one, as in parity run leek2017 --json F"
        ) from None
    except IsADirectoryError:
        raise RequestError(f"{path} is a folder; name the parity.json in it") from None
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}; name another file") from None
    if raw.startswith(SQLITE):
        raise RequestError(f"{path} is a store and no document; `parity run … --json F` writes a document")
    try:
        found = json.loads(raw.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path} is not JSON ({error}); write it anew with --json") from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise RequestError(
            f"{path} has the schema {schema!r} and this parity reads {SCHEMA!r}; write it anew with --json"
        )
    try:
        msgspec.convert(found, _Document)
    except msgspec.ValidationError as error:
        raise RequestError(f"the document {path} is damaged: {error}; write it anew with --json") from None
    return dict(found)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")
