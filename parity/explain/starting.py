"""How two networks start: their weights, their biases, their output units, and how a start is given to the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.behaviour import BEHAVIOURS, initial_scale
from parity.explain.treatment import (
    ENDS,
    Case,
    Difference,
    End,
    Seen,
    Switch,
    Treatment,
    always,
    differ,
    measured_difference,
    other,
)
from parity.study.store import Result

Arrays = tuple[NDArray[np.float64], ...]

OUTPUTS = {"sigmoid": 1, "softmax": 2}
"Output units by the specification's output."


def start_of(result: Result, seen: Seen) -> tuple[Arrays, Arrays] | None:
    """Weights and biases of an untrained network, for all columns of the draw; None where there are none.

    A network that leaves out columns which do not vary has weights of 0 for them here.
    """
    weights = arrays_of(result, "weights")
    biases = arrays_of(result, "biases")
    if not weights or not biases:
        return None
    first, varying = weights[0], np.asarray(seen.varying)
    if len(first) != len(varying):
        if len(first) != varying.sum():
            return None
        whole = np.zeros((len(varying), first.shape[1]))
        whole[varying] = first
        weights = (whole, *weights[1:])
    return weights, biases


def own_start(end: End, seen: Seen) -> tuple[Arrays, Arrays] | None:
    """Weights and biases of a side's untrained network, as of `start_of`; None where there is none."""
    result = seen.untrained.get(end)
    return start_of(result, seen) if result is not None and result.status == "done" else None


def arrays_of(result: Result, kind: str) -> Arrays:
    """The arrays of one kind, input side first."""
    names = sorted((n for n in result.arrays if n.startswith(f"{kind}_")), key=lambda n: int(n.rpartition("_")[2]))
    return tuple(np.asarray(result.arrays[name], dtype=np.float64) for name in names)


def with_outputs(arrays: Arrays, units: int) -> Arrays:
    """The same network with so many output units: two softmax units are one logistic one of their difference."""
    *rest, last = arrays
    if last.shape[-1] == units:
        return arrays
    if units == 1:
        return (*rest, last[..., 1:] - last[..., :1])
    return (*rest, np.concatenate([-last / 2, last / 2], axis=-1))


def start(case: Case, seen: Sequence[Seen], kind: str) -> Difference | None:
    place = 0 if kind == "weights" else 1

    def own(end: End, each: Seen) -> Arrays | None:
        found = own_start(end, each)
        return None if found is None else found[place]

    def value(end: End, each: Seen) -> Any:
        arrays = own(end, each)
        if arrays is None:
            return None
        first, *later = with_outputs(arrays, 1)
        # Columns that do not vary in training have no say in it, and some engines leave them out.
        kept = (first[np.asarray(each.varying)], *later) if kind == "weights" else (first, *later)
        return tuple(hash(np.asarray(array, dtype=np.float32).tobytes()) for array in kept)

    if not differ(value, seen):
        return None
    shown = [each for each in seen if own("left", each) is not None and own("right", each) is not None]
    words = {end: _start_words([_known(own(end, each)) for each in shown], kind) for end in ENDS}
    if words["left"] == words["right"]:
        words = {end: f"{word}; numbers drawn by {case.side(end).name}" for end, word in words.items()}

    def injected(end: End) -> Callable[[Seen], Treatment]:
        def treat(each: Seen) -> Treatment:
            yours = own(other(end), each)
            return Treatment() if yours is None else Treatment(outside={kind: yours})

        return treat

    ways = [
        Switch(end, f"{kind} of the untrained {case.side(other(end)).name}, given to it as its own", injected(end))
        for end in ENDS
        if case.side(end).engine.capabilities.get("initial_weights") is not False
    ]
    name = f"initial {kind}"
    return measured_difference(case, name, words, BEHAVIOURS[name], "arrays of the untrained networks", ways, value)


def _known(arrays: Arrays | None) -> Arrays:
    assert arrays is not None
    return arrays


def _start_words(starts: Sequence[Arrays], kind: str) -> str:
    if kind == "biases":
        levels = sorted({round(float(array.mean()), 3) for start in starts for array in start})
        spread = max(float(np.ptp(array)) for start in starts for array in start)
        if spread > 0:
            return f"drawn between {min(float(a.min()) for s in starts for a in s):.2g} and " + (
                f"{max(float(a.max()) for s in starts for a in s):.2g}"
            )
        return "all " + " or ".join(f"{level:g}" for level in levels)
    layers = []
    for layer in range(len(starts[0])):
        found = [initial_scale(start[layer][np.any(start[layer] != 0, axis=1)]) for start in starts]
        layers.append((found[0]["distribution"], float(np.median([each["glorot"] for each in found]))))
    *hidden, output = layers
    alike = len({(shape, round(scale, 1)) for shape, scale in hidden}) == 1
    named = [("hidden layers", hidden[0])] if alike else [(f"layer {i + 1}", each) for i, each in enumerate(hidden)]
    return "; ".join(f"{name} {shape}, {scale:.1f} × Glorot's" for name, (shape, scale) in [*named, ("output", output)])


def output_layer(case: Case, seen: Sequence[Seen]) -> Difference | None:
    def value(end: End, each: Seen) -> Any:
        result = each.untrained.get(end)
        weights = arrays_of(result, "weights") if result is not None else ()
        return weights[-1].shape[-1] if weights else None

    if not differ(value, seen):
        return None
    units = {end: value(end, seen[0]) for end in ENDS}
    kinds = {count: kind for kind, count in OUTPUTS.items()}
    ways = []
    for end in ENDS:
        kind = kinds.get(units[other(end)])
        only = case.side(end).engine.output
        if kind is not None and (only is None or only == kind):
            ways.append(Switch(end, f"spec.output = {kind}", always(Treatment(spec={"output": kind}))))
    words = {end: f"{units[end]} {kinds.get(units[end], '')} unit{'s' * (units[end] != 1)}" for end in ENDS}
    return measured_difference(
        case, "output layer", words, BEHAVIOURS["output layer"], "the last array of the untrained network", ways, value
    )


def completed(treatment: Treatment, end: End, seen: Seen) -> Treatment:
    """A treatment with all that it takes: the side's own columns where some are dropped, its own start beside a part.

    Of as many output units as the treated network has.
    """
    given = treatment.outside
    if given.get("dropped") and "selected" not in given:
        names = seen.fitted[end].facts.get("selected")
        treatment = treatment | Treatment(outside={"selected": tuple(names)} if names is not None else {})
    if not {"weights", "biases"} & set(given):
        return treatment
    own = own_start(end, seen)
    if own is None:
        return treatment
    units = OUTPUTS.get(treatment.spec.get("output", ""), int(own[0][-1].shape[-1]))
    whole = {"weights": given.get("weights", own[0]), "biases": given.get("biases", own[1])}
    return treatment | Treatment(outside={kind: with_outputs(arrays, units) for kind, arrays in whole.items()})
