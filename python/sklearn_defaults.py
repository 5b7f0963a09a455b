"""What scikit-learn tells of its own parameters, and of a network before its first update."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

from parity.engines.contract import Plain

Rows = Callable[..., list[Plain]]
SPREAD = 2
"Values inside a range that has no end lie this factor below and above the default: near it, and not the same."
VALUES = 3
"Values that stand for a range."


def rows_of(made: Any, calls: dict[str, tuple[Any, Plain]], declared: Rows, **constructed: Any) -> list[Plain]:
    """Rows for the class of an object, and for calls: label -> a function and what that is asked for.

    declared: `native_calls.declared`; constructed: what it is to know of the constructor, beside what the object tells.
    """
    cls = type(made)
    told = {"effective": made.get_params(), "read": f"{cls.__name__}.get_params()", "choices": choices(cls)}
    rows = declared(cls.__name__, cls, **told, **constructed)
    return rows + [row for label, (fn, asked) in calls.items() for row in declared(label, fn, asked=asked)]


def choices(cls: Any) -> dict[str, list[Any]]:
    """Values by parameter that the class's own validation lets pass, where it is one that can be listed."""
    from sklearn.utils._param_validation import make_constraint

    constraints, defaults = cls._parameter_constraints, cls().get_params()
    listed = {name: each for name, each in constraints.items() if not isinstance(each, str)}  # "no_validation"
    found = {name: allowed(map(make_constraint, each), defaults.get(name)) for name, each in listed.items()}
    return {name: values for name, values in found.items() if values}


def allowed(constraints: Iterable[Any], default: Any) -> list[Any]:
    """Enumerations in full, and some of every range. None stands beside other values, never alone."""
    values, none = [], False
    for constraint in parts(constraints):
        none = none or constraint.is_satisfied_by(None)
        if hasattr(constraint, "options"):
            # JSON has no infinity, the one number that scikit-learn lists.
            values += [v for v in sorted(constraint.options, key=str) if isinstance(v, str) or math.isfinite(v)]
        elif hasattr(constraint, "closed"):
            values += inside(constraint, default)
        elif getattr(constraint, "type", None) is bool:
            values += [False, True]
    return [*values, None] if none and values else values


def parts(constraints: Iterable[Any]) -> list[Any]:
    """The simple constraints that these consist of, but for those that scikit-learn hides from its users."""
    return [part for c in constraints if not c.hidden for part in getattr(c, "_constraints", [c])]


def inside(interval: Any, default: Any) -> list[float]:
    """Up to three numbers of an interval: its ends where they belong to it, then numbers about the default."""
    number = int if interval.type is Integral else float
    about = default if isinstance(default, int | float) and math.isfinite(default) and default else 1
    ends = [end for end in (interval.left, interval.right) if end is not None]
    candidates = [number(value) for value in (*ends, about / SPREAD, about * SPREAD)]
    return list(dict.fromkeys(value for value in candidates if interval.is_satisfied_by(value)))[:VALUES]


def untrained(model: Any, x: Any, y: Any) -> Any:
    """A multilayer perceptron with the weights that its fit starts from. x: (n, p), y: (n,).

    Every solver starts from the same draw, and L-BFGS alone holds the gradient against `tol` before its first step.
    """
    asked = {name: getattr(model, name) for name in ("solver", "tol")}
    model.set_params(solver="lbfgs", tol=sys.float_info.max).fit(x, y).set_params(**asked)
    # SciPy's optimizer hands its start back in float64 whatever it was given.
    model.coefs_ = [weights.astype(x.dtype, copy=False) for weights in model.coefs_]
    model.intercepts_ = [biases.astype(x.dtype, copy=False) for biases in model.intercepts_]
    return model
