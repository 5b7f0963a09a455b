"""The document of `parity solvers`: every card as plain data, and one comparison for each."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parity.compare.verdict import Comparison, Kind
from parity.engines.worker import jsonable
from parity.report.document import SCHEMA
from parity.spec.models import plain

if TYPE_CHECKING:
    from parity.compare.solvers import Card, Step
    from parity.linear_fits import Fit, Fits
    from parity.spec.study import Study

Plain = dict[str, Any]


def solvers_document(
    study: Study,
    mode: str,
    found: Fits,
    cards: Sequence[tuple[Fit, Fit, Card | None]],
    environment: Plain,
    rerun: str,
    named: str,
) -> Plain:
    """The document of a comparison of solvers. cards: pairs of fits, with None where one could not be had.

    named: the study as it was written on the command line, with whatever else a single card needs to be made again.
    """
    comparisons = [_comparison(named, mode, *card).document() for card in cards]
    return {
        "schema": SCHEMA,
        "kind": "solvers",
        "environment": environment,
        "study": {"name": study.name, "data": {"name": found.data.name, "sha256": found.data.sha256}, "mode": mode},
        "methods": {fit.method: plain(fit.spec) for fit in found.fits},
        "cards": [_card(named, mode, left, right, card) for left, right, card in cards if card is not None],
        "not_run": [*found.not_run, *_refusals(found)],
        "comparisons": comparisons,
        "counts": dict(Counter(comparison["verdict"] for comparison in comparisons)),
        "rerun": rerun,
    }


def rerun_of(named: str, mode: str, left: Fit, right: Fit) -> str:
    """The command that makes one card again."""
    aligned = " --mode aligned" if mode == "aligned" else ""
    return (
        f"{shlex.join(['parity', 'solvers', left.solver.reference, right.solver.reference])} "
        f"--method {left.method} --study {named} "
        f"--n {left.draw.n} --draw {left.draw.index}{aligned}"
    )


def _comparison(named: str, mode: str, left: Fit, right: Fit, card: Card | None) -> Comparison:
    common: Plain = {
        "left": f"{left.solver.name} {left.method}",
        "right": f"{right.solver.name} {right.method}",
        "what": f"linear fit, n = {left.draw.n}, draw {left.draw.index}",
        "rerun": rerun_of(named, mode, left, right),
    }
    if card is None:
        absent = left if left.examined is None else right
        kind = Kind.NOT_COMPARABLE if absent.refused else Kind.ERROR
        return Comparison(**common, verdict=kind, reason=f"{absent.solver.name}: {absent.reason}")
    first = card.first
    if first is None:
        last = card.steps[-2]
        return Comparison(
            **common,
            verdict=card.verdict,
            gap=_finite(last.gap),
            tolerance=last.tolerance.value if last.tolerance else None,
            tolerance_reason=last.tolerance.reason if last.tolerance else "",
        )
    return Comparison(
        **common,
        verdict=first.verdict,
        reason=f"first parts at {first.name} ({first.code}): {first.sentence}",
        gap=_finite(first.gap),
        tolerance=first.tolerance.value if first.tolerance else None,
        tolerance_reason=first.tolerance.reason if first.tolerance else "",
    )


def _finite(value: float | None) -> float | None:
    """JSON has no infinity; the sentence beside the number says what it was."""
    return value if value is not None and math.isfinite(value) else None


def _card(named: str, mode: str, left: Fit, right: Fit, card: Card) -> Plain:
    return {
        "left": card.left,
        "right": card.right,
        "method": left.method,
        "n": left.draw.n,
        "draw": left.draw.index,
        "verdict": str(card.verdict),
        "first": card.first.name if card.first else None,
        "code": card.first.code if card.first else None,
        "steps": [_step(step) for step in card.steps],
        "rerun": rerun_of(named, mode, left, right),
    }


def _step(step: Step) -> Plain:
    tolerance = step.tolerance
    return {
        "name": step.name,
        "verdict": str(step.verdict),
        "code": step.code,
        "sentence": step.sentence,
        "left": step.values[0],
        "right": step.values[1],
        "gap": jsonable(step.gap),
        "tolerance": {"value": tolerance.value, "reason": tolerance.reason} if tolerance else None,
        "notes": list(step.notes),
    }


def _refusals(found: Fits) -> list[dict[str, str]]:
    seen = {(f.solver.name, f.method, f.reason) for f in found.fits if f.examined is None}
    return [{"engine": f"{name} {method}", "reason": reason, "mend": ""} for name, method, reason in sorted(seen)]
