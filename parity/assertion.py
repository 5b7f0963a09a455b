"""assert_parity: two results agree within a stated tolerance, or the failure says where not, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.verdict import Kind
from parity.errors import RequestError
from parity.side_by_side import Piece, Unlike, missing_at, numeric, side_by_side

DIGITS = 10
"Values are shown with so many digits: more than any tolerance that people state, fewer than a float64 has."


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ: |left - right| <= atol + rtol * |right|. Both 0: nothing may."""

    rtol: float
    atol: float
    reason: str

    def allowed(self, right: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest gap that counts as none at each value."""
        with np.errstate(invalid="ignore"):  # an infinite value and no rtol
            return np.asarray(self.atol + self.rtol * np.abs(right))

    def sentence(self, at: float | None = None) -> str:
        """In words, with its reason; `at`: its value where the gap is worst."""
        if not (self.rtol or self.atol):
            return f"0 ({self.reason or 'none was given, so every digit counts'})"
        parts = [f"{name} {value:g}" for name, value in (("rtol", self.rtol), ("atol", self.atol)) if value]
        value = "" if at is None else f"{at:.3g}, from "
        return f"{value}{' and '.join(parts)} ({self.reason or 'no reason given'})"


def assert_parity(
    a: Any,
    b: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    margin: float | None = None,
    reason: str = "",
    X: Any = None,
) -> None:
    """Raise an AssertionError that tells both values, where they part, the gap and the tolerance, unless a and b agree.

    a, b: arrays, numbers, pandas frames or series (aligned by name), mappings of those, fitted models of statsmodels
    or scikit-learn (coefficients by feature; predictions for the rows X, where given; a mapping of coefficients may
    stand for one of them), or answers of two engines of parity. Without rtol and atol they must be equal.
    margin: a and b are instead (draws,) scores on the same draws, and two one-sided tests must show that their means
    differ by less. reason: why so much may differ; it is printed with every failure.
    Missing is never a match, and two things with nothing to compare fail. Raises RequestError for a wrong tolerance.
    """
    __tracebackhide__ = True
    if margin is not None:
        _require_numbers(margin=margin)
        if rtol is not None or atol is not None:
            raise RequestError("margin goes with neither rtol nor atol: it is for paired scores of several draws")
        failure = _beyond_margin(a, b, margin, reason)
    else:
        _require_numbers(rtol=rtol, atol=atol)
        failure = difference(a, b, Tolerance(rtol or 0.0, atol or 0.0, reason), X)
    if failure:
        raise AssertionError(failure)


def difference(a: Any, b: Any, tolerance: Tolerance, x: Any = None) -> str:
    """What keeps a and b from agreeing, as the text of a failure; empty where nothing does."""
    try:
        pieces = list(side_by_side(a, b, "", x))
    except Unlike as sentence:
        return card("left  ~  right", Kind.NOT_COMPARABLE, [("because", str(sentence))])
    if not sum(piece.left.size for piece in pieces):
        said = "there is nothing to compare: both sides are empty, and a comparison of nothing is no match"
        return card("left  ~  right", Kind.NOT_COMPARABLE, [("because", said)])
    found = [each for piece in pieces if (each := _parted(piece, tolerance)) is not None]
    if not found:
        return ""
    _, place, facts = max(found, key=lambda each: each[0])
    outside = sum(int(_off(piece, tolerance).sum()) for piece in pieces)
    total = sum(piece.left.size for piece in pieces)
    counted = (
        f"{outside:,} of {total:,} values {'is' if outside == 1 else 'are'} outside the tolerance; this is the worst"
    )
    return card(f"left  ~  right   {place}", Kind.DIFFERENT_UNEXPLAINED, [*facts, ("in all", counted)])


def card(head: str, verdict: str, facts: Sequence[tuple[str, str]]) -> str:
    """A verdict as it is read in a failed test: one line of what it is about, then a fact a line."""
    return "\n".join([f"{head}   {verdict}", *(f"  {lead:<16}{text}" for lead, text in facts)])


def _require_numbers(**given: float | None) -> None:
    for name, value in given.items():
        if value is not None and not 0 <= value < float("inf"):
            raise RequestError(f"{name} is {value!r}; it must be a number, 0 or larger")


def _parted(piece: Piece, tolerance: Tolerance) -> tuple[float, str, list[tuple[str, str]]] | None:
    """How badly a piece is off, where it is worst, and what is to be said of that place; None where it agrees."""
    off = _off(piece, tolerance)
    if not off.any():
        return None
    missing = missing_at(piece.left) | missing_at(piece.right)
    if (off & missing).any():
        index = _first(off & missing)
        sides = [name for name, side in (("left", piece.left), ("right", piece.right)) if bool(missing_at(side)[index])]
        said = f"missing on {'both sides' if len(sides) == 2 else f'the {sides[0]}'}; missing is never a match"
        return np.inf, piece.place(index), [("values", _both(piece, index)), ("because", said)]
    if not numeric(piece):
        index = _first(off)
        return np.inf, piece.place(index), [("values", _both(piece, index)), ("tolerance", "0 (not numbers)")]
    left, right = _floats(piece)
    with np.errstate(invalid="ignore"):
        apart = np.where(piece.left == piece.right, 0.0, np.abs(left - right))
    allowed = tolerance.allowed(right)
    excess = np.where(off, np.where(np.isfinite(apart), apart, np.inf) - np.where(np.isfinite(allowed), allowed, 0), -1)
    place = np.unravel_index(int(np.argmax(excess)), excess.shape)
    index = tuple(int(i) for i in place)
    facts = [
        ("values", f"{_both(piece, index)}   gap {apart[index]:.3g}"),
        ("tolerance", tolerance.sentence(float(allowed[index]))),
    ]
    return float(excess[index]), piece.place(index), facts


def _off(piece: Piece, tolerance: Tolerance) -> NDArray[np.bool_]:
    """Where the two sides are not within the tolerance, or one of them is missing."""
    missing = missing_at(piece.left) | missing_at(piece.right)
    alike = piece.left.dtype.kind == piece.right.dtype.kind or numeric(piece)
    sides = (piece.left, piece.right) if alike else (piece.left.astype(object), piece.right.astype(object))
    same = np.asarray(sides[0] == sides[1], dtype=object)
    # Comparing with pandas' NA gives NA, which is neither.
    equal = np.array([value is True or value is np.True_ for value in same.ravel()]).reshape(piece.left.shape)
    if not numeric(piece):
        return np.asarray(missing | ~equal)
    left, right = _floats(piece)
    with np.errstate(invalid="ignore"):
        apart = np.abs(left - right)
    # An infinite value on the right would allow any gap.
    near = (apart <= tolerance.allowed(right)) & np.isfinite(left) & np.isfinite(right) & (apart > 0)
    return np.asarray(missing | ~(equal | near))


def _floats(piece: Piece) -> tuple[NDArray[Any], NDArray[Any]]:
    kind = np.complex128 if "c" in (piece.left.dtype.kind, piece.right.dtype.kind) else np.float64
    return piece.left.astype(kind), piece.right.astype(kind)


def _first(where: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])


def _both(piece: Piece, index: tuple[int, ...]) -> str:
    """Both values; with every digit where fewer would make them look alike."""
    left, right = piece.left[index], piece.right[index]
    if not numeric(piece) or piece.left.dtype.kind in "biuc" or piece.right.dtype.kind in "biuc":
        return f"{left}   {right}"
    short = f"{left:.{DIGITS}g}", f"{right:.{DIGITS}g}"
    return "   ".join(short if short[0] != short[1] else (repr(float(left)), repr(float(right))))


def _beyond_margin(a: Any, b: Any, margin: float, reason: str) -> str:
    """What keeps paired scores from being equivalent at a margin; empty where nothing does."""
    from parity.compare.equivalence import ALPHA, INTERVAL, against, draws_needed, paired

    head, why = "left  ~  right   mean score", reason or "no reason given"
    left, right = (np.asarray(each, dtype=float) for each in (a, b))
    because = ""
    if left.shape != right.shape or left.ndim != 1:
        because = (
            f"a margin needs two rows of scores, one a draw, and these have the shapes {left.shape} and {right.shape}"
        )
    elif not left.size:
        because = "there is nothing to compare: no draw has a score"
    elif not (np.isfinite(left).all() and np.isfinite(right).all()):
        because = "a score is missing or infinite; missing is never a match"
    if because:
        return card(head, Kind.NOT_COMPARABLE, [("because", because)])
    found, tested = paired(right - left), against(margin, right - left)
    if np.array_equal(left, right) or (tested.equivalent is not None and tested.equivalent <= ALPHA):
        return ""
    verdict, settled = Kind.INCONCLUSIVE, draws_needed(found, margin)
    if tested.different is not None and tested.different <= ALPHA:
        verdict, settled = Kind.DIFFERENT_UNEXPLAINED, None
    within = f" [{found.low:+.4f}, {found.high:+.4f}], {INTERVAL:.0%} interval" if found.low is not None else ""
    facts = [
        (
            "values",
            f"{left.mean():.{DIGITS}g}   {right.mean():.{DIGITS}g}   gap {found.mean:+.4f}{within}, {len(left)} draws",
        ),
        ("tolerance", f"{margin:g} (margin; {why})"),
    ]
    if verdict is Kind.INCONCLUSIVE:
        facts.append(("draws needed", f"about {settled}" if settled else "more than one, to give an interval"))
    return card(head, verdict, facts)
