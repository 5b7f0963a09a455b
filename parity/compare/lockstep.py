"""Rung 2: from the same weights on the same rows, the first step and tensor at which two frameworks part.

Both are held to the reference, each number within what rounding can have moved it by then (`perturbation`), and to each
other. Within a step the tensors stand in the order in which training computes them, so that the first one outside its
tolerance is where the difference comes from and not where it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from parity.compare.perturbation import Allowed, allowed
from parity.compare.reference_network import Arrays, Batch, Floats, Network, Rule

Record = Mapping[str, Any]
"One entry of a trace, as parity/engines/contract.py describes it."
Tensors = dict[str, Floats]
"By name, in the order of their computation."

LEAST = 1e-30
"A gradient below it says nothing of rounding: float32 has next to no digits left there."

BLIND = 0.5
"Where rounding may have moved the typical number of a gradient by half of it, nothing can be told from it any more."


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What the reference says of one step: its tensors, how far each number may be off, and the rows of its batch."""

    step: int
    values: Tensors
    tolerances: Tensors
    batch: Batch | None
    before: Arrays
    "The network's arrays as the step found them."
    resolution: float
    "Rounding's share of a gradient: the median tolerance over the median size of what is not zero; 0 before training."


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """The first tensor outside its tolerance. Arrays of one shape each; right is the reference where it is a side."""

    step: int
    "Updates done, this one included; epochs where whole fits are compared; 0 is before training."
    tensor: str
    left: Floats
    right: Floats
    expected: Expected
    tolerance: Floats
    "Largest gap that rounding on both sides can have made."
    seen: tuple[Tensors, Tensors]
    "All that each side shows of the step."


@dataclass(frozen=True, slots=True)
class Compared:
    """One tensor at one step. An excess is the largest gap over its tolerance: above 1 it is no rounding."""

    step: int
    tensor: str
    gap: float
    "Largest absolute difference of the two sides; None-like NaN where one of them has another shape."
    excess: float
    left_excess: float
    "Of the left side over the reference."
    right_excess: float


@dataclass(frozen=True, slots=True, eq=False)
class Lockstep:
    """Two traces held against each other and against the reference."""

    every: Literal["update", "epoch"]
    compared: tuple[Compared, ...]
    first: Parting | None
    "Where the two part."
    first_left: Parting | None
    "Where the left side leaves the reference."
    first_right: Parting | None
    steps: int
    "Updates or epochs compared before an end: the trace's, the parting, or that of what rounding leaves to be seen."
    blind: bool
    "Whether rounding ended it: from there on any difference could be its doing."
    resolution: float
    "At the last step."


def compare(
    left: Sequence[Record],
    right: Sequence[Record] | None,
    start: Network,
    rule: Rule,
    batches: Sequence[Batch],
    *,
    every: int = 0,
    precision: type[np.floating[Any]] = np.float32,
    l2: float = 0.0,
) -> Lockstep:
    """Hold two traces against each other; right is None for the reference itself.

    every: updates of an epoch, where the traces show whole epochs; 0 where they show every update. precision: of the
    coarser side. Stops after the step at which they part.
    """
    compared: list[Compared] = []
    parted: dict[str, Parting] = {}
    reported: dict[str, Parting] = {}
    steps, resolution, blind = 0, 0.0, False
    before: tuple[Record, Record] | None = None
    records = zip(left, right if right is not None else left, strict=False)
    for expected, (one, other) in zip(_expected(start, rule, batches, every, precision, l2), records, strict=False):
        sides = [_seen(one, before and before[0]), _seen(other, before and before[1])]
        if right is None:
            sides[1] = expected.values
        of_step = list(_compared(sides[0], sides[1], expected, right is None, parted))
        compared += of_step
        for which in [which for which, each in parted.items() if each.tensor == "loss" and each.step == expected.step]:
            # What is only reported otherwise does not end training, and may hide what parts later.
            if all(_excess_of(each, which) <= 1 for each in of_step if each.tensor != "loss"):
                reported.setdefault(which, parted.pop(which))
        before = (one, other)
        steps = expected.step
        resolution = expected.resolution
        blind = resolution > BLIND
        if "pair" in parted or blind:
            break
    return Lockstep(
        every="epoch" if every else "update",
        compared=tuple(compared),
        first=parted.get("pair") or reported.get("pair"),
        first_left=parted.get("left") or reported.get("left"),
        first_right=parted.get("right") or reported.get("right"),
        steps=steps,
        blind=blind,
        resolution=resolution,
    )


def _compared(
    left: Tensors, right: Tensors, expected: Expected, against_reference: bool, parted: dict[str, Parting]
) -> Iterator[Compared]:
    """Each tensor that both sides show; the first partings of the step are added to `parted`."""
    left, right = (
        {name: _like(side[name], value) for name, value in expected.values.items() if name in side}
        for side in (left, right)
    )
    for name, reference in expected.values.items():
        if name not in left or name not in right:
            continue
        tolerance = expected.tolerances[name]
        both = tolerance if against_reference else 2 * tolerance
        pairs = {"pair": (left[name], right[name], both), "left": (left[name], reference, tolerance)}
        if not against_reference:
            pairs["right"] = (right[name], reference, tolerance)
        excess = {which: _excess(a, b, t) for which, (a, b, t) in pairs.items()}
        for which, (a, b, t) in pairs.items():
            if excess[which] > 1 and which not in parted:
                one = right if which == "right" else left
                other = right if which == "pair" else expected.values
                parted[which] = Parting(expected.step, name, a, b, expected, t, (one, other))
        a, b = left[name], right[name]
        gap = float(np.abs(a - b).max(initial=0)) if a.shape == b.shape else float("nan")
        yield Compared(expected.step, name, gap, excess["pair"], excess["left"], excess.get("right", 0.0))


def _excess_of(compared: Compared, which: str) -> float:
    return {"pair": compared.excess, "left": compared.left_excess, "right": compared.right_excess}[which]


def _expected(
    start: Network, rule: Rule, batches: Sequence[Batch], every: int, precision: type[np.floating[Any]], l2: float
) -> Iterator[Expected]:
    unit = float(np.finfo(precision).eps)
    yield Expected(0, *_stored(start.arrays, tuple(unit * np.abs(a) for a in start.arrays)), None, start.arrays, 0.0)
    before = start.arrays
    for done, each in enumerate(allowed(start, rule, batches, precision, l2), start=1):
        batch = batches[done - 1]
        if not every:
            yield Expected(done, *_of_update(each, batch, unit), batch, before, _resolution(each))
        elif done % every == 0:
            ends = _stored(each.step.network.arrays, each.arrays)
            yield Expected(done // every, *ends, None, before, _resolution(each))
        before = each.step.network.arrays


def _stored(arrays: Arrays, tolerances: Arrays) -> tuple[Tensors, Tensors]:
    return _layered("{}", arrays), _layered("{}", tolerances)


def _of_update(each: Allowed, batch: Batch, unit: float) -> tuple[Tensors, Tensors]:
    step, (x, y) = each.step, batch
    values: Tensors = {"input": x, "target": y.astype(np.float64)}
    values |= _activations(step.activations) | {"loss": np.array([step.loss])}
    tolerances: Tensors = {"input": unit * np.abs(x), "target": np.zeros(len(y))}
    tolerances |= _activations(each.activations) | {"loss": np.array([each.loss])}
    for form, arrays, spread in (
        ("gradient of {}", step.gradients, each.gradients),
        ("update of {}", step.updates, each.updates),
        ("{}", step.network.arrays, each.arrays),
    ):
        values |= _layered(form, arrays)
        tolerances |= _layered(form, spread)
    return values, tolerances


def _seen(record: Record, before: Record | None) -> Tensors:
    """The tensors of a record; its updates are the difference to the record before, once training has begun."""
    found: Tensors = {}
    for name in ("input", "target"):
        if record.get(name) is not None:
            found[name] = np.asarray(record[name], dtype=np.float64)
    if record.get("activations") is not None:
        found |= _activations(tuple(np.asarray(a, dtype=np.float64) for a in record["activations"]))
    if record.get("loss") is not None:
        found["loss"] = np.asarray(record["loss"], dtype=np.float64)
    if record.get("gradients") is not None:
        found |= _layered("gradient of {}", _arrays(record["gradients"]))
    after = _arrays(record)
    if before is not None:
        earlier = _arrays(before)
        if all(a.shape == b.shape for a, b in zip(after, earlier, strict=True)):
            found |= _layered("update of {}", tuple(a - b for a, b in zip(after, earlier, strict=True)))
    return found | _layered("{}", after)


def _arrays(of: Mapping[str, Any]) -> Arrays:
    pairs = zip(of["weights"], of["biases"], strict=True)
    return tuple(np.asarray(each, dtype=np.float64) for pair in pairs for each in pair)


def _activations(arrays: Arrays) -> Tensors:
    *hidden, last = arrays
    return {f"activations {k}": a for k, a in enumerate(hidden, start=1)} | {"probabilities": last}


def _layered(form: str, arrays: Arrays) -> Tensors:
    """Weights and biases by layer, counted from the input; gradients come from the output and stand in that order."""
    names = [f"{kind} {layer}" for layer in range(1, len(arrays) // 2 + 1) for kind in ("weights", "biases")]
    named = [(form.format(name), array) for name, array in zip(names, arrays, strict=True)]
    return dict(reversed(named)) if form.startswith("gradient") else dict(named)


def _like(found: Floats, reference: Floats) -> Floats:
    """A vector of one number, or a column that is written as a vector, in the reference's shape."""
    same_numbers = found.size == reference.size and np.squeeze(found).shape == np.squeeze(reference).shape
    return found.reshape(reference.shape) if same_numbers else found


def _excess(left: Floats, right: Floats, tolerance: Floats) -> float:
    if left.shape != right.shape:
        return float("inf")
    # What is infinite or no number on both sides is the same.
    gap = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0, np.abs(left - right))
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(gap == 0, 0.0, gap / tolerance)
    return float(np.where(np.isnan(over), np.inf, over).max(initial=0))


def _resolution(each: Allowed) -> float:
    """Of the gradients: an update may be smaller than a weight can show, and the next one larger again."""
    shares = []
    for gradient, tolerance in zip(each.step.gradients[::2], each.gradients[::2], strict=True):
        there = np.abs(gradient) > LEAST
        if there.any():
            shares.append(float(np.median(tolerance[there]) / np.median(np.abs(gradient[there]))))
    return max(shares, default=0.0)
