"""The sentences that a user reads when a request cannot be met."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
