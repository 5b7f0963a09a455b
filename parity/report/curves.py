"""The pairs of a study's document: every two engines under one method, with the comparison of their curves."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parity.compare.curves import Agreement, Discordant, Measure, Place, Scored, Size, agreement
from parity.compare.equivalence import ALPHA
from parity.compare.verdict import Comparison, Kind
from parity.engines.sheet import reference

if TYPE_CHECKING:
    from parity.engines.sheet import Engine
    from parity.spec.protocol import Draws
    from parity.spec.study import Study

Plain = dict[str, Any]

RULE = (
    f"margin of accuracy; at each size two one-sided t-tests at {ALPHA:g} (equivalent) and a two-sided one against the "
    "margin (different), corrected over the sizes by Holm's method; lumpy differences have to pass a sign-flip test too"
)
"What the tolerance of every comparison of curves says of itself."


def pairs(
    study: Study,
    draws: Draws,
    engines: Sequence[Engine],
    scored: Mapping[tuple[str, str], Mapping[Place, Scored]],
    records: Sequence[Plain],
    not_run: Sequence[Mapping[str, str]],
) -> list[Plain]:
    """Every pair of engines that were asked for the same method, in the order of engines and methods.

    engines: all that were asked for, whether they ran or not. scored: engine and method -> draw -> its cell's scores.
    """
    planned = [(draw.n, draw.index) for draw in draws.train]
    reasons = {entry["engine"]: entry["reason"] for entry in not_run}
    found = []
    for method in study.methods:
        family = study.specification(method, min(study.protocol.sizes)).family
        asked = [engine.id for engine in engines if family in engine.fits and study.asks(engine.id, method)]
        for left, right in itertools.combinations(asked, 2):
            absent = next((side for side in (left, right) if side in reasons), None)
            if absent is not None:
                found.append(_nothing(study, left, right, method, Kind.NOT_RUN, f"{absent}: {reasons[absent]}"))
                continue
            lacking = next((side for side in (left, right) if not scored.get((side, method))), None)
            if lacking is not None:
                why = _commonest_reason(records, lacking, method) or f"{lacking}: it was not fitted"
                found.append(_nothing(study, left, right, method, Kind.ERROR, why))
                continue
            agreed = agreement(scored[left, method], scored[right, method], planned, study.margin)
            if agreed.cells < len(planned):
                told = [w for side in (left, right) if (w := _commonest_reason(records, side, method))]
                agreed = dataclasses.replace(agreed, reason="; ".join([agreed.reason, *told]))
            found.append(_pair(study, left, right, method, agreed))
    return found


def rerun_of(left: str, right: str, method: str, study: Study) -> str:
    """The command that compares one pair again."""
    import shlex

    return shlex.join(
        ["parity", "curves", reference(left), reference(right), "--method", method, "--study", *study.words]
    )


def _commonest_reason(records: Sequence[Plain], engine: str, method: str) -> str:
    """Why most of the fits of an engine that failed did so; empty where none failed."""
    told = Counter(r["reason"] for r in records if (r["engine"], r["method"]) == (engine, method) and r["reason"])
    return "; ".join(f"{engine}: {reason}" for reason, _ in told.most_common(1))


def _nothing(study: Study, left: str, right: str, method: str, kind: Kind, reason: str) -> Plain:
    empty = Agreement(kind, reason, study.margin, None, None, None, 0, 0, (), ())
    return _pair(study, left, right, method, empty)


def _pair(study: Study, left: str, right: str, method: str, agreed: Agreement) -> Plain:
    rerun = rerun_of(left, right, method, study)
    return {
        "left": left,
        "right": right,
        "method": method,
        "verdict": str(agreed.verdict),
        "reason": agreed.reason,
        "margin": agreed.margin,
        "smallest_margin": agreed.smallest_margin,
        "draws_needed": agreed.draws_needed,
        "first": agreed.first,
        "identical_cells": agreed.identical_cells,
        "cells": agreed.cells,
        "sizes": [_size(size) for size in agreed.sizes],
        "discordant": [_discordant(each) for each in agreed.discordant],
        "rerun": rerun,
        "curves": _comparison(left, right, method, agreed, rerun).document(),
    }


def _comparison(left: str, right: str, method: str, agreed: Agreement, rerun: str) -> Comparison:
    widest = agreed.widest
    return Comparison(
        left=f"{left} {method}",
        right=f"{right} {method}",
        what="test accuracy by size",
        verdict=agreed.verdict,
        reason=agreed.reason,
        left_value=None if widest is None else widest.left,
        right_value=None if widest is None else widest.right,
        gap=None if widest is None else widest.gap.mean,
        tolerance=agreed.margin,
        tolerance_reason=RULE,
        rerun=rerun,
    )


def _discordant(each: Discordant) -> Plain:
    counts = {"left_only": each.left_only, "right_only": each.right_only}
    return {"n": each.n, "draw": each.draw, **counts, "p": each.p}


def _size(size: Size) -> Plain:
    left, right, gap = size.by_probability
    return {
        "n": size.n,
        "draws": size.gap.draws,
        "missing": size.missing,
        "left": size.left,
        "right": size.right,
        "gap": size.gap.mean,
        "sd": size.gap.sd,
        "low": size.gap.low,
        "high": size.gap.high,
        "p_equivalent": size.p_values.equivalent,
        "p_different": size.p_values.different,
        "p_equivalent_holm": size.equivalent_holm,
        "p_different_holm": size.different_holm,
        "check": size.p_values.check,
        "verdict": str(size.verdict),
        "draws_needed": size.draws_needed,
        "by_probability": _measure((left, right, gap)),
        "log_loss": _measure(size.log_loss),
        "calibration_error": _measure(size.calibration_error),
        "classes": [{name: _measure(found) for name, found in each.items()} for each in size.classes],
        "left_only": size.left_only,
        "right_only": size.right_only,
    }


def _measure(found: Measure | None) -> Plain | None:
    if found is None:
        return None
    left, right, gap = found
    return {"left": left, "right": right, "gap": gap.mean, "low": gap.low, "high": gap.high}
