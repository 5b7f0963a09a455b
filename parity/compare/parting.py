"""What the first difference looks like, and which one change of the reference makes the same: measured, not guessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.compare.lockstep import Parting, Tensors
from parity.compare.reference_network import (
    SGD,
    Adadelta,
    Adam,
    Arrays,
    Batch,
    Decaying,
    Floats,
    Network,
    Plain,
    RMSprop,
    Rule,
    train,
)

CONSTANT = 1e-3
"A ratio or a shift counts as constant where it varies by no more than this share of itself."

CLIPS = (1e-7, float(np.finfo(np.float32).eps), 1e-8, 1e-10, 1e-12, 1e-15, float(np.finfo(np.float64).eps))
"Distances from 0 and 1 at which frameworks clip probabilities: Keras' epsilon, scikit-learn's, and others in use."

HALVES = 8.0
"Units in the last place of a short format that its own arithmetic may be off by."

FEW = 3
"So many numbers, rows or columns can be named one by one."


@dataclass(frozen=True, slots=True)
class Supposition:
    """One change of the reference under which it gives the tensor of the side that left it."""

    what: str
    "A phrase for a sentence: 'the learning rate is 2 times what was asked for'."
    value: float | None = None
    "The number in it, where there is one."


def pattern(left: Floats, right: Floats, tolerance: Floats) -> str:
    """How `left` differs from `right`, as a phrase. Arrays of one tensor; tolerance in its shape."""
    if left.shape != right.shape:
        if left.ndim == 2 and left.T.shape == right.shape and np.allclose(left.T, right):
            return f"is its transpose: {left.shape} in place of {right.shape}"
        return f"has the shape {left.shape} in place of {right.shape}"
    if not np.isfinite(left).all():
        return f"is not finite in {_count(~np.isfinite(left))}"
    off = np.abs(left - right) > tolerance
    for phrase in _reordered(left, right, tolerance):
        return phrase
    if not left.any():
        return "is zero throughout"
    ratio = _constant(left, right, off)
    if ratio is not None:
        return f"is {ratio:.6g} times as large in {_count(off)}"
    shift = (left - right)[off]
    if off.sum() > FEW and np.ptp(shift) <= CONSTANT * np.abs(shift).max():
        return f"is larger by {shift.mean():.6g} in {_count(off)}"
    zeros = (left == 0) & (right != 0)
    rest = off & ~zeros
    if zeros.any() and rest.any() and (ratio := _constant(left, right, rest)) is not None:
        return f"is zero in {_count(zeros)} and {ratio:.6g} times as large in the rest"
    return f"differs in {_where(off)}"


def suppositions(
    parting: Parting, seen: Tensors, start: Network, rule: Rule, batches: Sequence[Batch]
) -> list[Supposition]:
    """Single changes of the reference that give the tensor of the side that left it, within its tolerance.

    seen: all that this side shows of the step. batches: those of all updates up to this one, and the draw's further
    rows, if any.
    """
    found = seen[parting.tensor]
    reference = parting.expected.values[parting.tensor]
    if found.shape != reference.shape or not np.isfinite(found).all():
        return []

    kind = parting.tensor.split(" of ")[0] if " of " in parting.tensor else parting.tensor.split(" ")[0]
    tried: dict[str, Callable[[], Iterable[Supposition]]] = {
        "input": lambda: _inputs(found, parting, batches),
        "target": lambda: _targets(found, parting),
        "activations": lambda: _precisions(found, reference),
        "probabilities": lambda: _precisions(found, reference),
        "loss": lambda: _clips(found, seen, parting),
        "gradient": lambda: [*_blocked(seen, parting), *_penalties(found, parting), *_precisions(found, reference)],
        "update": lambda: [*_rules(seen, parting, start, rule, batches), *_penalties(found, parting)],
    }
    return list(tried.get(kind, lambda: [])())


def _inputs(found: Floats, parting: Parting, batches: Sequence[Batch]) -> Iterator[Supposition]:
    assert parting.expected.batch is not None
    x, _ = parting.expected.batch
    asked, given = ([tuple(row) for row in rows.astype(np.float32)] for rows in (x, found))
    if sorted(asked) == sorted(given):
        yield Supposition("the rows of the batch stand in another order")
        return
    known: dict[Any, int] = {}
    for k, (rows, _) in enumerate(batches, start=1):
        for row in rows.astype(np.float32):
            known.setdefault(tuple(row), k)
    for row, other in zip(asked, given, strict=True):
        if row != other and other in known:
            yield Supposition(f"it is the row of update {known[other]}", float(known[other]))


def _targets(found: Floats, parting: Parting) -> Iterator[Supposition]:
    assert parting.expected.batch is not None
    _, y = parting.expected.batch
    if np.array_equal(found, 1 - y):
        yield Supposition("the label is the other class")


def _precisions(found: Floats, reference: Floats) -> Iterator[Supposition]:
    """Whether the numbers are the reference's in a shorter format: float16 keeps 11 bits of a mantissa, bfloat16 8."""
    largest = np.abs(reference).max(initial=0)
    for name, kept, bits in (("bfloat16", _bfloat16(found), 8), ("float16", found.astype(np.float16), 11)):
        near = np.abs(found - reference).max(initial=0) <= HALVES * 2.0**-bits * largest
        if near and np.array_equal(found, kept) and np.unique(found[found != 0]).size > FEW:
            yield Supposition(f"every number is one of {name}")
            return


def _clips(found: Floats, seen: Tensors, parting: Parting) -> Iterator[Supposition]:
    """Whether the loss is that of probabilities which are kept some way off 0 and 1: it then stops to grow.

    The gradients have to be the reference's, or none at all: whatever else they are, a clip is not the reason.
    """
    assert parting.expected.batch is not None
    _, y = parting.expected.batch
    values, tolerances = parting.expected.values, parting.expected.tolerances
    slopes = [name for name in seen if name.startswith("gradient")]
    agree = all(fits(seen[name], values[name], tolerances[name]) for name in slopes)
    if not agree and any(seen[name].any() for name in slopes):
        return
    p = values["probabilities"]
    right = p[np.arange(len(y)), y] if p.shape[1] == 2 else np.where(y == 1, p[:, 0], 1 - p[:, 0])
    losses = {c: float(-np.log(np.clip(right, c, 1 - c)).mean()) for c in CLIPS if (right < c).any()}
    gaps = {c: abs(value - float(found[0])) for c, value in losses.items()}
    nearest = min(gaps, key=lambda c: gaps[c], default=None)
    if nearest is not None and gaps[nearest] <= CONSTANT * abs(losses[nearest]):
        what = f"probabilities are kept {nearest:.3g} off 0 and 1 before their logarithm is taken"
        yield Supposition(what, nearest)


def _bfloat16(array: Floats) -> Floats:
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    return ((bits >> 16) << 16).view(np.float32).astype(np.float64)


def _blocked(seen: Tensors, parting: Parting) -> Iterator[Supposition]:
    """Whether there is no gradient at all where every probability lies so close to 0 or 1 that frameworks clip it."""
    p = parting.expected.values["probabilities"]
    off = float(np.minimum(p, 1 - p).max())
    if off < max(CLIPS) and not any(array.any() for name, array in seen.items() if name.startswith("gradient")):
        yield Supposition(f"a probability {off:.2g} off 0 or 1 is clipped, and no gradient passes a clip", off)


def _penalties(found: Floats, parting: Parting) -> Iterator[Supposition]:
    """Whether the gap is a multiple of the weights before the step: a penalty in a gradient, decay in an update."""
    kind, layer = parting.tensor.split(" of ")[1].split(" ")
    before = parting.expected.before[2 * (int(layer) - 1) + (kind == "biases")]
    gap = found - parting.expected.values[parting.tensor]
    norm = float((before**2).sum())
    if norm == 0 or gap.size <= FEW:  # of so few numbers anything is a multiple
        return
    share = float((gap * before).sum()) / norm
    tolerance = parting.expected.tolerances[parting.tensor]
    # Of next to nothing anything is a multiple: what is added has to stand out of the rounding.
    stands_out = np.median(np.abs(share * before)[before != 0]) > 2 * np.median(tolerance[before != 0])
    if stands_out and (np.abs(gap - share * before) <= 2 * tolerance).all():
        yield Supposition(f"{share:.4g} times the {kind} before the step are added", share)


def _rules(seen: Tensors, parting: Parting, start: Network, rule: Rule, batches: Sequence[Batch]) -> list[Supposition]:
    """Rules near the one asked for whose update of this tensor is the side's; only those of all updates, if any."""
    names = [name for name in parting.expected.values if name.startswith("update of ")]
    found: list[tuple[int, Supposition]] = []
    for what, value, candidate in _near(rule):
        updates = dict(zip(names, _updates(start, candidate, batches[: parting.step]), strict=True))
        fit = [n for n in names if n in seen and fits(seen[n], updates[n], parting.expected.tolerances[n])]
        if parting.tensor in fit:
            found.append((len(fit), Supposition(what, value)))
    most = max((count for count, _ in found), default=0)
    return [*_rates(seen, parting, names, rule), *(supposition for count, supposition in found if count == most)]


def _rates(seen: Tensors, parting: Parting, names: Sequence[str], rule: Rule) -> Iterator[Supposition]:
    """Whether one factor makes all updates of the step: the learning rate's, as far as one update can tell."""
    values, tolerances = parting.expected.values, parting.expected.tolerances
    first = values[parting.tensor]
    square = float((first**2).sum())
    factor = float((seen[parting.tensor] * first).sum()) / square if square else 1.0
    if all(n in seen and fits(seen[n], factor * values[n], (1 + abs(factor)) * tolerances[n]) for n in names):
        rate = (rule.rule if isinstance(rule, Decaying) else rule).learning_rate  # type: ignore[attr-defined]
        yield Supposition(f"the learning rate is {factor:.6g} times {rate:g}", factor)


def fits(found: Floats, candidate: Floats, tolerance: Floats) -> bool:
    """Whether every number of one tensor lies within its tolerance of the other's; NaN fits nothing."""
    return found.shape == candidate.shape and bool((np.abs(found - candidate) <= tolerance).all())


def _updates(start: Network, rule: Rule, batches: Sequence[Batch]) -> Arrays:
    # Without an epsilon a gradient that was always zero is divided by zero.
    with np.errstate(all="ignore"):
        *_, last = train(start, rule, batches)
    return last.updates


def _near(rule: Rule) -> Iterator[tuple[str, float | None, Rule]]:
    """Rules that differ from this one in one constant or in one part of the formula."""
    if isinstance(rule, Decaying):
        yield "the learning rate does not fall", None, rule.rule
        for what, value, near in _near(rule.rule):
            if isinstance(near, Plain):
                yield what, value, dataclasses.replace(rule, rule=near)
        return
    for name, values in CONSTANTS.items():
        asked = getattr(rule, name, None)
        if asked is not None:
            for value in values:
                if value != asked:
                    yield f"{name} is {value:g} and not {asked:g}", value, _changed(rule, name, value)
    if isinstance(rule, SGD) and rule.momentum:
        for form in ("heavy-ball", "nesterov", "previous-step"):
            if form != rule.form:
                yield f"momentum is of the form '{form}'", None, _changed(rule, "form", form)
        shrunk = rule.learning_rate * (1 - rule.momentum)
        yield "the rate is multiplied by 1 - momentum", shrunk, _changed(rule, "learning_rate", shrunk)
    if isinstance(rule, Adadelta):
        what = "a bias is divided by the root mean square of the gradients of the weights into its unit"
        yield what, None, _changed(rule, "biases", "average of weights")
        rough = "square roots are taken by halving the bits of a number, which is up to 6 % off"
        yield rough, None, _changed(rule, "roots", "by bits")
        both = dataclasses.replace(rule, biases="average of weights", roots="by bits")
        yield f"{rough}; {what}", None, both
    if isinstance(rule, Adam | RMSprop | Adadelta):
        yield "the update is plain gradient descent's", None, SGD(rule.learning_rate)


CONSTANTS: dict[str, tuple[float, ...]] = {
    "epsilon": (0.0, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3),
    "rho": (0.9, 0.95, 0.99, 0.999),
    "beta1": (0.0, 0.5, 0.8, 0.9, 0.95, 0.99),
    "beta2": (0.9, 0.95, 0.99, 0.999, 0.9999),
    "momentum": (0.0, 0.5, 0.9, 0.95, 0.99),
}
"Values of a rule's constants that are in use somewhere: frameworks' defaults and the papers'."


def _changed(rule: Any, name: str, value: Any) -> Rule:
    changed: Rule = dataclasses.replace(rule, **{name: value})
    return changed


def _reordered(left: Floats, right: Floats, tolerance: Floats) -> Iterator[str]:
    """The same numbers in another order."""
    orders: dict[str, Callable[[Floats], Floats]] = {"is in reverse order": lambda a: a[::-1]}
    if left.ndim == 2:
        orders = {
            "is its transpose": lambda a: a.T,
            "has its rows in reverse order": lambda a: a[::-1],
            "has its columns in reverse order": lambda a: a[:, ::-1],
            "has rows and columns in reverse order": lambda a: a[::-1, ::-1],
        }
    for phrase, turned in orders.items():
        other = turned(right)
        near = min(tolerance.max(initial=0), CONSTANT * np.abs(right).max(initial=0))
        if other.shape == left.shape and left.size > 1 and (np.abs(left - other) <= near).all():
            yield phrase
    if (
        left.size > 1
        and np.unique(left).size > 1
        and np.array_equal(np.sort(left, axis=None), np.sort(right, axis=None))
    ):
        yield "holds the same numbers in another order"


def _constant(left: Floats, right: Floats, where: Any) -> float | None:
    """The ratio of the two where they differ, if it is one number."""
    a, b = left[where], right[where]
    if not len(a) or (b == 0).any():
        return None
    ratios = a / b
    middle = float(np.median(ratios))
    return middle if np.abs(ratios - middle).max() <= CONSTANT * abs(middle) else None


def _count(where: Any) -> str:
    if where.all():
        return f"all {where.size:,} numbers" if where.size > 1 else "its one number"
    return f"{int(where.sum()):,} of {where.size:,} numbers"


def _where(off: Any) -> str:
    if off.ndim == 2 and off.size > FEW:
        for axis, name in ((1, "row"), (0, "column")):
            lines = np.flatnonzero(off.any(axis=axis))
            if len(lines) == 1 and off.shape[1 - axis] > 1:
                return f"{_count(off)}, all in {name} {lines[0]}"
    if off.sum() <= FEW:
        places = ", ".join(str(tuple(int(i) for i in place)) for place in np.argwhere(off))
        return f"{_count(off)}, at {places}"
    return _count(off)
