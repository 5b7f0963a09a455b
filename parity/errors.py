"""The sentences that a user reads when a request cannot be met."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class RequestError(Exception):
    """The request was wrong: one line that says what, where and what would be right (exit 2)."""


class NothingCompared(Exception):
    """The request was right, but nothing in it could be run or compared here (exit 3)."""


def unknown(what: str, given: str, known: Iterable[str], where: str = "") -> RequestError:
    """An error for a misspelt name, with the nearest known one.

    >>> str(unknown("engine", "r-stat", ["r-stats", "r-h2o"]))
    "unknown engine 'r-stat'; did you mean 'r-stats'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}"
    place = f" in {where}" if where else ""
    return RequestError(f"unknown {what} '{given}'{place}; {hint}")


def require_keys(table: Any, required: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse what is no table, has a key that is not known, or lacks one that is required.

    >>> require_keys({"fil": "x"}, ["file"], ["file"], "[r-stats]")
    Traceback (most recent call last):
    parity.errors.RequestError: unknown key 'fil' in [r-stats]; did you mean 'file'?
    """
    if not isinstance(table, dict):
        raise RequestError(f"{where} is not a table")
    names = list(known)
    for key in table:
        if key not in names:
            raise unknown("key", key, names, where)
    for key in required:
        if key not in table:
            raise RequestError(f"{where} lacks the key '{key}'")
