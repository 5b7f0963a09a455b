"""The document of `parity explain`: every explanation as plain data, its sentence, and its verdict."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from parity.compare.verdict import Comparison, Kind
from parity.explain.closeness import CLOSED, EXACT, NO_CHANCE, Level
from parity.explain.treatment import ENDS
from parity.report.document import SCHEMA, study_part
from parity.report.explain_words import listed, needed_words

if TYPE_CHECKING:
    from parity.compare.equivalence import Paired
    from parity.explain.closeness import Closeness
    from parity.explain.found import Findings, Measured, Verdict
    from parity.explanation import Explained
    from parity.spec.study import Study

Plain = dict[str, Any]

KINDS = {
    Level.IDENTICAL: Kind.IDENTICAL,
    Level.WITHIN_TOLERANCE: Kind.WITHIN_TOLERANCE,
    Level.EQUIVALENT: Kind.EQUIVALENT,
    Level.OPEN: Kind.INCONCLUSIVE,
    Level.DIFFERENT: Kind.DIFFERENT_UNEXPLAINED,
}
"The verdict of two sides that nobody has explained."

FEWEST = 1 + math.ceil(-math.log2(NO_CHANCE))
"The p-value of n equal signs is 2 / 2^n: fewer draws cannot reach the level at which a cause is named."

STAGES = {
    "complete": "",
    "budget": "the budget ended before {missing}; the same command with a larger --budget goes on from here",
    "interrupted": "interrupted before {missing}; the same command goes on from here",
}


def explanation_document(study: Study, explained: Sequence[Explained], environment: Plain, rerun: str) -> Plain:
    """The document. explained: the last of each size."""
    entries = [_explanation(each, study) for each in explained]
    comparisons = [_comparison(each, entry).document() for each, entry in zip(explained, entries, strict=True)]
    case = explained[0].case
    return {
        "schema": SCHEMA,
        "kind": "explanation",
        "environment": environment,
        "study": study_part(study, case.data, case.draws),
        "explanations": entries,
        "rerun": rerun or entries[0]["rerun"],
        "comparisons": comparisons,
        "counts": dict(Counter(comparison["verdict"] for comparison in comparisons)),
    }


def rerun_of(each: Explained, study: Study) -> str:
    """The command that makes one explanation again."""
    case, n = each.case, str(each.n)
    pair = [case.left.engine.reference, case.right.engine.reference]
    words = [*pair, "--method", case.method, "--study", study.reference or study.name, *study.changed]
    fresh = [] if each.fresh == each.asked else ["--fresh", str(each.fresh)]
    return shlex.join(["parity", "explain", *words, "--n", n, "--draws", str(each.asked), *fresh])


def _explanation(each: Explained, study: Study) -> Plain:
    found = each.findings
    ordered = [*found.live, *(v for v in found.verdicts if v.status != "live")]
    return {
        "left": each.case.left.name,
        "right": each.case.right.name,
        "method": each.case.method,
        "n": each.n,
        "draws": found.draws,
        "margin": each.case.margin,
        "status": each.status,
        "status_note": STAGES[each.status].format(missing=found.missing),
        "sentence": sentence(each),
        "base": _closeness(found.base),
        "all_switched": None if found.together is None else _closeness(found.together),
        "smallest": _smallest(found),
        "differences": [_difference(verdict, found) for verdict in ordered],
        "interactions": [
            {"first": i.first, "second": i.second, "accuracy": asdict(i.accuracy)} for i in found.interactions
        ],
        "shared_draws": found.shared,
        "said": list(found.said),
        "remainder": _remainder(each, study),
        "remaining": None if found.remaining is None else asdict(found.remaining),
        "scatter": {end: found.scatter.get(end) for end in ENDS},
        "recipe": list(each.recipes),
        "rerun": rerun_of(each, study),
        "failed": list(dict.fromkeys(found.failed)),
        "seconds": each.seconds,
        "inside": each.inside,
        "cells": each.cells,
    }


def _closeness(found: Closeness) -> Plain:
    return {
        "level": found.level.words,
        "left": found.left,
        "right": found.right,
        "gap": _paired(found.gap),
        "log_loss": None if found.log_loss is None else _paired(found.log_loss),
        # JSON has no infinity.
        "apart": found.apart if math.isfinite(found.apart) else "inf",
        "labels": found.labels,
        "draws": found.gap.draws,
        "draws_needed": found.draws_needed,
    }


def _paired(found: Paired) -> Plain:
    return {"mean": found.mean, "low": found.low, "high": found.high}


def _smallest(found: Findings) -> Plain | None:
    if found.smallest is None:
        return None
    known = found.smallest
    return {
        "names": list(known.names),
        "searched": _closeness(known.searched),
        "fresh": None if known.fresh is None else _closeness(known.fresh),
        "fresh_base": None if known.fresh_base is None else _closeness(known.fresh_base),
    }


def _difference(verdict: Verdict, found: Findings) -> Plain:
    difference = verdict.judged.difference
    chosen = found.smallest.names if found.smallest is not None else ()
    return {
        "name": difference.name,
        "left": difference.left,
        "right": difference.right,
        "meaning": difference.meaning,
        "found": difference.found,
        "evidence": difference.evidence,
        "status": verdict.status,
        "note": "; ".join(verdict.judged.refused),
        "switched": verdict.end if verdict.status == "live" else None,
        "how": verdict.switch.how if verdict.end is not None else "",
        "share": _measured(verdict.share),
        "alone": {end: _measured(verdict.alone.get(end)) for end in ENDS},
        "in_smallest": difference.name in chosen,
    }


def _measured(found: Measured | None) -> Plain | None:
    if found is None:
        return None
    return {
        "accuracy": asdict(found.accuracy),
        "log_loss": None if found.log_loss is None else asdict(found.log_loss),
    }


def _remainder(each: Explained, study: Study) -> Plain | None:
    found = each.findings
    if found.remainder is None:
        return None
    together = found.together
    case = each.case
    look = ""
    if together is not None and together.level > EXACT:
        command = "lockstep" if case.spec.family == "mlp" else "solvers"
        pair = [case.left.engine.reference, case.right.engine.reference]
        draw = _furthest(found)
        where = ["--study", study.reference] if study.reference else []
        words = [*pair, "--method", case.method, *where, "--n", str(each.n), "--draw", str(draw)]
        look = shlex.join(["parity", command, *words])
    told = _measured(found.remainder)
    assert told is not None
    return {**told, "look": look}


def _furthest(found: Findings) -> int:
    """Number of the draw on which the sides are furthest apart, with everything switched where that leaves a gap."""
    if found.furthest is not None:
        return found.furthest.draw.index
    if not found.seen:
        return 0
    gaps = [
        abs(float((s.fitted["right"].arrays["label"] != s.fitted["left"].arrays["label"]).mean())) for s in found.seen
    ]
    return found.seen[max(range(len(gaps)), key=gaps.__getitem__)].draw.index


def sentence(each: Explained) -> str:
    """What a user reads first."""
    found, case = each.findings, each.case
    left, right = case.left.name, case.right.name
    base, at = found.base, f"at n = {each.n}"
    if base.level is Level.IDENTICAL:
        return f"{left} and {right} agree bit for bit {at} on {found.draws} draws: there is nothing to explain."
    if base.level is Level.WITHIN_TOLERANCE:
        return (
            f"{left} and {right} agree {at} on {found.draws} draws but for rounding (predicted values at most "
            f"{base.apart:.2g} apart): there is nothing to explain."
        )
    gap = _gap(base.gap)
    ahead, behind = (right, left) if base.gap.mean > 0 else (left, right)
    lead = f"{ahead} is {gap} more accurate than {behind} {at}"
    if abs(base.gap.mean) < 5e-5:
        lead = f"{left} and {right} are equally accurate {at}, and predict otherwise"
    elif not base.apart_in_accuracy:
        lead = f"{left} and {right} predict otherwise {at}, {ahead} ahead by {gap}"
    smallest, together = found.smallest, found.together
    if smallest is not None:
        which = listed([f"'{name}'" for name in smallest.names])
        closed = "leaves nothing but rounding" if smallest.searched.level <= EXACT else "makes them equivalent"
        said = f"{lead}; giving one side the other's {which} {closed}"
        if smallest.fresh is not None:
            kept = smallest.fresh.level <= (EXACT if smallest.searched.level <= EXACT else CLOSED)
            said += (
                ", on fresh draws too"
                if kept
                else f", but on fresh draws a gap of {_left(smallest.fresh.gap, base.gap)} is left"
            )
        return f"{said}."
    if together is None:
        return f"{lead}; what causes it has not been looked into yet."
    if not base.apart_in_accuracy and together.level > EXACT:
        if base.level is Level.EQUIVALENT:
            return f"{left} and {right} are equivalent at the margin {at} (gap {gap}), so no cause is named."
        takes = f", which takes {FEWEST} draws" if found.draws < FEWEST else ""
        by_chance = f"{ahead} ahead by {gap}; p = {base.chance:.2g}, and a cause is named below {NO_CHANCE}{takes}"
        return f"{left} and {right} are not told apart by these draws {at} ({by_chance})."
    known = found.live
    strongest = f"; the largest share is that of '{known[0].name}'" if known and known[0].share else ""
    if not known:
        return f"{lead}, and no difference that can be switched changes anything: the gap is unexplained."
    every = f"{lead}; with all {len(known)} live differences switched"
    if together.apart_in_accuracy:
        return f"{every} a gap of {_left(together.gap, base.gap)} is left unexplained{strongest}."
    needed = needed_words(_closeness(together))
    more = f"; {needed}" if needed else ""
    return f"{every} these draws tell no gap any more ({_left(together.gap, base.gap)}{more}){strongest}."


def _gap(gap: Paired) -> str:
    """The size of a gap, whoever is ahead."""
    return _left(gap, gap)


def _left(gap: Paired, before: Paired) -> str:
    """What is left of a gap: below 0 where the side that was behind is ahead now."""
    sign = 1 if before.mean >= 0 else -1
    # Adding 0 makes a 0 of what else would be "-0.0000".
    mean = round(sign * gap.mean, 4) + 0.0
    if gap.low is None or gap.high is None:
        return f"{mean:.4f}"
    low, high = sorted((round(sign * gap.low, 4) + 0.0, round(sign * gap.high, 4) + 0.0))
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def _comparison(each: Explained, entry: Plain) -> Comparison:
    found, case = each.findings, each.case
    kind, reason = KINDS[found.base.level], entry["sentence"]
    if found.smallest is not None:
        kind, reason = Kind.DIFFERENT_EXPLAINED, ", ".join(found.smallest.names)
    return Comparison(
        left=f"{case.left.name} {case.method}",
        right=f"{case.right.name} {case.method}",
        what=f"test accuracy at n = {each.n}, explained",
        verdict=kind,
        reason=reason,
        left_value=found.base.left,
        right_value=found.base.right,
        gap=found.base.gap.mean,
        tolerance=case.margin,
        tolerance_reason="margin of accuracy",
        rerun=entry["rerun"],
    )
