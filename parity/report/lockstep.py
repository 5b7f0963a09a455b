"""The document of `parity lockstep`: what was compared step by step, and where the two sides part, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.parting import fits, pattern, suppositions
from parity.compare.verdict import Comparison, Kind
from parity.engines.worker import jsonable
from parity.report.document import SCHEMA
from parity.spec.models import plain

if TYPE_CHECKING:
    from parity.compare.lockstep import Lockstep, Parting
    from parity.compare.reference_network import Floats
    from parity.data import Data
    from parity.network_fits import Ground

Plain = dict[str, Any]

TOLERANCE_REASON = (
    "how far this tensor strays when every number of the reference is pushed up or down by 32 units in the last place, "
    "six times over"
)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side: an engine, or the reference. reason: why it has no trace; then nothing is compared."""

    name: str
    kind: Kind | None = None
    "Of the verdict where there is a reason."
    reason: str = ""
    not_expressible: tuple[Plain, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


def lockstep_document(
    study: Plain,
    method: str,
    data: Data,
    ground: Ground,
    sides: tuple[Side, Side],
    found: Lockstep | None,
    environment: Plain,
    rerun: str,
) -> Plain:
    """The document of one pair. study: {"name": …}; found is None where one side has no trace."""
    left, right = sides
    partings = {
        which: _parting(parting, ground, left.name, right.name)
        for which, parting in (
            ("pair", found and found.first),
            ("left", found and found.first_left),
            ("right", found and found.first_right),
        )
        if parting
    }
    comparison = _comparison(method, ground, sides, found, partings, rerun)
    return {
        "schema": SCHEMA,
        "kind": "lockstep",
        "environment": environment,
        "study": {**study, "data": {"name": data.name, "sha256": data.sha256}},
        "method": method,
        "specification": jsonable(plain(ground.spec)),
        "dropout_left_out": ground.dropout,
        "n": ground.draw.n,
        "draw": ground.draw.index,
        "every": "epoch" if ground.every else "update",
        "asked": ground.steps,
        "steps": found.steps if found else 0,
        "blind": bool(found and found.blind),
        "resolution": found.resolution if found else None,
        "sides": [_side(side) for side in sides],
        "compared": [jsonable(asdict(each)) for each in found.compared] if found else [],
        "partings": partings,
        "comparisons": [comparison.document()],
        "counts": dict(Counter([str(comparison.verdict)])),
        "rerun": rerun,
    }


def _side(side: Side) -> Plain:
    return {
        "name": side.name,
        "reason": side.reason,
        "not_expressible": list(side.not_expressible),
        "versions": side.versions,
        "messages": list(side.messages),
    }


def _parting(parting: Parting, ground: Ground, left: str, right: str) -> Plain:
    """One parting: the number of the largest excess with all its values, what the gap looks like, and what makes it."""
    expected = parting.expected
    reference = expected.values[parting.tensor]
    told: Plain = {
        "step": parting.step,
        "tensor": parting.tensor,
        "shape": list(reference.shape),
        "place": None,
        "values": {},
        "tolerance": None,
        "leaves": [],
        "pattern": "",
        "ratio": None,
    }
    if parting.left.shape == parting.right.shape == reference.shape:
        place = _worst(parting.left, parting.right, parting.tolerance)
        told["place"] = list(place)
        told["values"] = {
            left: _number(parting.left[place]),
            right: _number(parting.right[place]),
            "reference": _number(reference[place]),
        }
        told["tolerance"] = _number(parting.tolerance[place])
        told["ratio"] = _ratio(parting.left[place], parting.right[place])
    for name, values, seen in ((left, parting.left, parting.seen[0]), (right, parting.right, parting.seen[1])):
        allowed = expected.tolerances[parting.tensor]
        if name != "reference" and not fits(values, reference, allowed):
            supposed = suppositions(parting, seen, ground.start, ground.rule, ground.batches)
            told["leaves"].append(
                {
                    "name": name,
                    "pattern": pattern(values, reference, allowed),
                    "suppositions": [{"what": each.what, "value": each.value} for each in supposed],
                }
            )
    told["pattern"] = pattern(parting.left, parting.right, parting.tolerance)
    return told


def _worst(left: Floats, right: Floats, tolerance: Floats) -> tuple[int, ...]:
    """Where the gap is largest over its tolerance; of those without a tolerance, where it is largest."""
    gap = np.where(np.isfinite(left) & np.isfinite(right), np.abs(left - right), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(gap == 0, 0.0, gap / tolerance)
    over = np.where(np.isnan(over), 0.0, over)
    ties = over == over.max()
    flat = int(np.argmax(np.where(ties, gap, -1.0)))
    return tuple(int(i) for i in np.unravel_index(flat, left.shape))


def _ratio(left: float, right: float) -> float | None:
    return _number(left / right) if right != 0 and np.isfinite(left) and np.isfinite(right) else None


def _number(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def _comparison(
    method: str,
    ground: Ground,
    sides: tuple[Side, Side],
    found: Lockstep | None,
    partings: Plain,
    rerun: str,
) -> Comparison:
    every = "epoch" if ground.every else "update"
    common: Plain = {
        "left": f"{sides[0].name} {method}",
        "right": f"{sides[1].name} {method}",
        "what": f"{ground.steps} {every}s from equal weights, n = {ground.draw.n}, draw {ground.draw.index}",
        "rerun": rerun,
    }
    if found is None:
        silent = next(side for side in sides if side.kind is not None)
        assert silent.kind is not None
        return Comparison(**common, verdict=silent.kind, reason=f"{silent.name}: {silent.reason}")
    common["tolerance_reason"] = TOLERANCE_REASON
    if "pair" in partings:
        parting = partings["pair"]
        causes = [f"{e['name']}: {s['what']}" for e in parting["leaves"] for s in e["suppositions"][:1]]
        values = parting["values"]
        return Comparison(
            **common,
            verdict=Kind.DIFFERENT_EXPLAINED if causes else Kind.DIFFERENT_UNEXPLAINED,
            reason=f"first parts at {named(parting, every)}: {'; '.join(causes) or sentence(parting)}",
            left_value=values.get(sides[0].name),
            right_value=values.get(sides[1].name),
            gap=next((c.gap for c in found.compared if _same(c, parting) and np.isfinite(c.gap)), None),
            tolerance=parting["tolerance"],
        )
    if found.blind:
        reason = (
            f"they agree for {found.steps} {every}s; there rounding alone moves the typical number of a gradient by "
            f"{found.resolution:.0%} of itself, so that no further difference could be told from it"
        )
        return Comparison(**common, verdict=Kind.INCONCLUSIVE, reason=reason)
    if all(each.gap == 0 for each in found.compared):
        return Comparison(**common, verdict=Kind.IDENTICAL, gap=0.0)
    worst = max(found.compared, key=lambda each: each.excess)
    return Comparison(
        **common,
        verdict=Kind.WITHIN_TOLERANCE,
        reason=f"closest to its tolerance: {worst.tensor} at {every} {worst.step}, {worst.excess:.2f} of it",
        gap=worst.gap,
        tolerance=worst.gap / worst.excess if worst.excess else None,
    )


def _same(compared: Any, parting: Plain) -> bool:
    return bool(compared.step == parting["step"] and compared.tensor == parting["tensor"])


def named(parting: Plain, every: str) -> str:
    """Where a parting is, in words."""
    if parting["step"] == 0:
        return f"the start, {parting['tensor']}"
    return f"{every} {parting['step']}, {parting['tensor']}"


def sentence(parting: Plain) -> str:
    """What a parting looks like, side by side where one of them leaves the reference."""
    if not parting["leaves"]:
        return f"the left side {parting['pattern']}; each alone stays within its tolerance of the reference"
    return "; ".join(f"{each['name']} {each['pattern']}" for each in parting["leaves"])
