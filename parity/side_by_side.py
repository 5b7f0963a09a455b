"""Two results laid side by side: arrays that belong together, aligned by the names that both have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.fitted_models import INTERCEPT, Coefficients, coefficients, is_fitted_model, named_values, predictions

FEW = 6
"So many names are listed; of more, the rest are counted."


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Two arrays of one shape that belong together."""

    what: str
    left: NDArray[Any]
    right: NDArray[Any]
    names: tuple[Sequence[Any] | None, ...]
    "Names of the places along each axis; None where only their number tells them apart."

    def place(self, index: tuple[int, ...]) -> str:
        """Where a value stands, as a reader would look it up."""
        if not index:
            return self.what
        keys = [str(axis[i]) if axis is not None else str(i) for i, axis in zip(index, self.names, strict=True)]
        return f"{self.what}[{', '.join(keys)}]"


class Unlike(Exception):
    """The two cannot be laid side by side; one sentence."""


def side_by_side(a: Any, b: Any, what: str, x: Any) -> Iterator[Piece]:
    """The pairs of arrays that two things are made of. Raises Unlike where they are not made alike."""
    import pandas as pd

    frames, mappings = (isinstance(a, pd.DataFrame), isinstance(b, pd.DataFrame)), (_is_named(a), _is_named(b))
    if _is_answer(a) and _is_answer(b):
        yield from _answers(a, b)
    elif is_fitted_model(a) or is_fitted_model(b):
        yield from _models(a, b, x)
    elif all(frames):
        yield from _frames(a, b, what)
    elif any(frames) or (any(mappings) and not all(mappings)):
        raise Unlike(
            f"{_kind(a)} cannot be laid beside {_kind(b)}{_of(what)}: one side has names and the other none. "
            "Name both, or give both as arrays"
        )
    elif all(mappings):
        yield from _named(a, b, what, x)
    elif _is_listing(a) and _is_listing(b):
        if len(a) != len(b):
            raise Unlike(f"{len(a)} and {len(b)} elements{_of(what)}")
        for place, (one, two) in enumerate(zip(a, b, strict=True)):
            yield from side_by_side(one, two, f"{what or 'element'} {place}", x)
    else:
        yield _piece(a, b, what)


def missing_at(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind in "biu":
        return np.zeros(values.shape, dtype=bool)
    if values.dtype.kind in "fc":
        return np.asarray(np.isnan(values))
    import pandas as pd

    return np.asarray(pd.isna(values)).reshape(values.shape)


def numeric(piece: Piece) -> bool:
    return piece.left.dtype.kind in "biufc" and piece.right.dtype.kind in "biufc"


def _frames(a: Any, b: Any, what: str) -> Iterator[Piece]:
    for side, frame in (("left", a), ("right", b)):
        if not frame.columns.is_unique:
            twice = list(frame.columns[frame.columns.duplicated()])
            raise Unlike(f"the {side} frame has two columns called {_listed(twice)}")
    _require_same(list(a.columns), list(b.columns), "column", what)
    _, two = _rows(a, b, what)
    index = None if _counts(a.index) else list(a.index)
    for column in a.columns:
        name = f"{what}.{column}" if what else str(column)
        yield Piece(name, _array(a[column]), _array(two[column]), (index,))


def _rows(a: Any, b: Any, what: str) -> tuple[Any, Any]:
    """Both with their rows in the same order: by label where each has one of its own."""
    if a.index.equals(b.index):
        return a, b
    if len(a) != len(b):
        raise Unlike(f"{len(a)} and {len(b)} rows{_of(what)}")
    if not (a.index.is_unique and b.index.is_unique):
        raise Unlike(f"the rows{_of(what)} have labels that occur twice and are in another order")
    _require_same(list(a.index), list(b.index), "row", what)
    return a, b.loc[a.index]


def _named(a: Any, b: Any, what: str, x: Any) -> Iterator[Piece]:
    import pandas as pd

    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        _, two = _rows(a, b, what)
        yield Piece(what or "values", _array(a), _array(two), (None if _counts(a.index) else list(a.index),))
        return
    one, two = dict(a), dict(b)
    _require_same(list(one), list(two), "name", what)
    for name in one:
        yield from side_by_side(one[name], two[name], f"{what}.{name}" if what else str(name), x)


def _answers(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Piece]:
    """Two answers of engines: predicted values and labels, and what both say of their parameters."""
    for name in ("probability", "label"):
        yield _piece(a[name], b[name], name)
    one, two = ({k: v for k, v in (each.get("parameters") or {}).items() if v is not None} for each in (a, b))
    yield from _named(one, two, "", None)


def _models(a: Any, b: Any, x: Any) -> Iterator[Piece]:
    fitted = is_fitted_model(a), is_fitted_model(b)
    found = [coefficients(each) if is_model else _written(each) for each, is_model in zip((a, b), fitted, strict=True)]
    one, two = found
    if one is None or two is None:
        if x is None or not all(fitted):
            without = a if one is None else b
            raise Unlike(f"{type(without).__name__} has no coefficients; X= gives the rows to compare predictions on")
    else:
        left, right = one.values, two.values
        if not (one.named and two.named):
            left, right = _by_place(left, right)
        _require_same(list(left), list(right), "coefficient", "")
        names = list(left)
        values = [np.array([side[name] for name in names], dtype=float) for side in (left, right)]
        yield Piece("coefficients", values[0], values[1], (names,))
    if x is not None and all(fitted):
        yield _piece(predictions(a, x), predictions(b, x), "predictions")
    elif x is not None:
        raise Unlike("X= needs a fitted model on both sides; coefficients alone predict nothing")


def _written(values: Any) -> Any:
    """Coefficients that were written down, as those of a model."""
    if not _is_named(values):
        raise Unlike(
            f"a fitted model can be laid beside another or beside named coefficients, not beside {_kind(values)}"
        )
    return Coefficients(named_values(values), named=True)


def _by_place(left: dict[str, float], right: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Both under the left's names where one side was fitted to a bare array: all but the intercept in order."""
    ones, others = ([k for k in side if k != INTERCEPT] for side in (left, right))
    if len(ones) != len(others):
        raise Unlike(f"{len(ones)} and {len(others)} coefficients beside the intercept, of which one side has no names")
    renamed = {one: right[other] for one, other in zip(ones, others, strict=True)}
    return left, ({INTERCEPT: right[INTERCEPT]} if INTERCEPT in right else {}) | renamed


def _piece(a: Any, b: Any, what: str) -> Piece:
    left, right = _array(a), _array(b)
    if left.shape != right.shape:
        raise Unlike(f"shapes {left.shape} and {right.shape}{_of(what)}")
    return Piece(what or ("values" if left.ndim else "value"), left, right, (None,) * left.ndim)


def _array(values: Any) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        seen = values.data.astype(object)
        seen[np.ma.getmaskarray(values)] = None
        values = seen
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise Unlike(f"{_kind(values)} is no array: {error}") from error
    # Nullable columns and None among numbers come as objects; numbers among them are numbers.
    if array.dtype.kind == "O" and array.size and all(_is_number(v) for v in array.ravel()):
        return np.asarray(
            [np.nan if not isinstance(v, int | float | np.number) else v for v in array.ravel()], dtype=float
        ).reshape(array.shape)
    return array


def _is_number(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or isinstance(value, int | float | np.number)


def _is_named(thing: Any) -> bool:
    import pandas as pd

    return isinstance(thing, Mapping | pd.Series)


def _is_answer(thing: Any) -> bool:
    return isinstance(thing, Mapping) and {"probability", "label", "parameters"} <= set(thing)


def _is_listing(thing: Any) -> bool:
    """A list of arrays or of named things, such as the weights of a network."""
    return isinstance(thing, list | tuple) and any(isinstance(e, np.ndarray) or _is_named(e) for e in thing)


def _counts(index: Any) -> bool:
    """Whether the labels of an index are nothing but row numbers."""
    import pandas as pd

    return bool(index.equals(pd.RangeIndex(len(index))))


def _require_same(left: Sequence[Any], right: Sequence[Any], noun: str, what: str) -> None:
    gone = [
        (side, [name for name in one if name not in set(other)])
        for side, one, other in (("left", left, right), ("right", right, left))
    ]
    said = [
        f"only the {side} has the {noun}{'s' * (len(names) != 1)} {_listed(names)}" for side, names in gone if names
    ]
    if said:
        raise Unlike(f"{'; '.join(said)}{_of(what)}")


def _listed(names: Sequence[Any]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(repr(name) for name in names[:FEW]) + more


def _of(what: str) -> str:
    return f", in {what}" if what else ""


def _kind(thing: Any) -> str:
    name = type(thing).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
