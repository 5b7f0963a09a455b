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
    tolerance = parting.expected.tolerances[parting.tensor]
    if found.shape != reference.shape or not np.isfinite(found).all():
        return []

    def fits(candidate: Floats) -> bool:
        return _fits(found, candidate, tolerance)

    kind = parting.tensor.split(" of ")[0] if " of " in parting.tensor else parting.tensor.split(" ")[0]
    tried: dict[str, Callable[[], Iterable[Supposition]]] = {
        "input": lambda: _inputs(found, parting, batches),
        "target": lambda: _targets(found, parting),
        "activations": lambda: _precisions(found, reference),
        "probabilities": lambda: _precisions(found, reference),
        "loss": lambda: _clips(fits, parting),
        "gradient": lambda: [*_blocked(found, parting), *_penalties(found, parting), *_precisions(found, reference)],
        "update": lambda: [*_rules(seen, parting, start, rule, batches), *_penalties(found, parting)],
    }
    return list(tried.get(kind, lambda: [])())


def _inputs(found: Floats, parting: Parting, batches: Sequence[Batch]) -> Iterator[Supposition]:
    assert parting.expected.batch is not None
    x, _ = parting.expected.batch
    known = {tuple(row): k for k, (rows, _) in enumerate(batches, start=1) for row in rows.astype(np.float32)}
    for row, other in zip(x.astype(np.float32), found.astype(np.float32), strict=True):
        if tuple(row) != tuple(other) and tuple(other) in known:
            yield Supposition(f"it is the row of update {known[tuple(other)]}", float(known[tuple(other)]))


def _targets(found: Floats, parting: Parting) -> Iterator[Supposition]:
    assert parting.expected.batch is not None
    _, y = parting.expected.batch
    if np.array_equal(found, 1 - y):
        yield Supposition("the label is the other class")


def _precisions(found: Floats, reference: Floats) -> Iterator[Supposition]:
    """Whether the numbers are those of a shorter format: float16 keeps 11 bits of the mantissa, bfloat16 8."""
    if np.array_equal(found, found.astype(np.float16)) and found.astype(np.float16).any():
        yield Supposition("every number is one of float16")
    elif (
        np.array_equal(found, _bfloat16(found)) and found.any() and not np.array_equal(reference, _bfloat16(reference))
    ):
        yield Supposition("every number is one of bfloat16")


def _clips(fits: Callable[[Floats], bool], parting: Parting) -> Iterator[Supposition]:
    """Whether the loss is that of probabilities which are kept some way off 0 and 1: it then stops to grow."""
    assert parting.expected.batch is not None
    _, y = parting.expected.batch
    p = parting.expected.values["probabilities"]
    right = p[np.arange(len(y)), y] if p.shape[1] == 2 else np.where(y == 1, p[:, 0], 1 - p[:, 0])
    for least in CLIPS:
        if (right < least).any() and fits(np.array([-np.log(np.clip(right, least, 1 - least)).mean()])):
            yield Supposition(f"probabilities are kept {least:.3g} off 0 and 1 before their logarithm is taken", least)


def _bfloat16(array: Floats) -> Floats:
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    return ((bits >> 16) << 16).view(np.float32).astype(np.float64)


def _blocked(found: Floats, parting: Parting) -> Iterator[Supposition]:
    """Whether there is no gradient at all where every probability lies so close to 0 or 1 that frameworks clip it."""
    p = parting.expected.values["probabilities"]
    off = float(np.minimum(p, 1 - p).max())
    if not found.any() and off < max(CLIPS):
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
    if (np.abs(gap - share * before) <= 2 * tolerance).all() and share != 0:
        yield Supposition(f"{share:.4g} times the {kind} before the step are added", share)


def _rules(seen: Tensors, parting: Parting, start: Network, rule: Rule, batches: Sequence[Batch]) -> list[Supposition]:
    """Rules near the one asked for whose update of this tensor is the side's; only those of all updates, if any."""
    names = [name for name in parting.expected.values if name.startswith("update of ")]
    found: list[tuple[int, Supposition]] = []
    for what, value, candidate in _near(rule):
        updates = dict(zip(names, _updates(start, candidate, batches[: parting.step]), strict=True))
        fit = [n for n in names if n in seen and _fits(seen[n], updates[n], parting.expected.tolerances[n])]
        if parting.tensor in fit:
            found.append((len(fit), Supposition(what, value)))
    most = max((count for count, _ in found), default=0)
    return [supposition for count, supposition in found if count == most]


def _fits(found: Floats, candidate: Floats, tolerance: Floats) -> bool:
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
        if other.shape == left.shape and left.size > 1 and (np.abs(left - other) <= tolerance.max(initial=0)).all():
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
