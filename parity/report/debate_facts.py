"""What belongs to a guess or claim besides its trials: epochs really done, controls, and what the networks say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.debate import ARMS, NETWORK, Claim, Trial
from parity.report.debate_findings import kinds_facts, share_facts
from parity.report.explain_words import counted, effect_words, listed

if TYPE_CHECKING:
    from parity.debate_fits import Debated

Plain = dict[str, Any]


def facts(claim: Claim, found: Debated) -> list[str]:
    """Sentences, each about something that was measured or read."""
    explained = found.explanations
    told = [*_controls(claim, found)]
    if claim.name == "updates":
        told += _epochs(found)
    if claim.source == "explanation":
        told += [*_left(explained), *kinds_facts(explained)]
    if claim.name == "copy":
        told += _copy(found, explained)
    if claim.source == "robustness":
        told += found.robustness
    return [*told, *share_facts(claim.covers, explained)]


def _controls(claim: Claim, found: Debated) -> Iterator[str]:
    """Whether a comparison bit for bit could have failed: of the same fit it must find nothing, of another it must."""
    for trial in claim.trials:
        if trial.role != "control" or not (counted := _alike(trial, found)):
            continue
        alike, of = counted
        yield f"Control: {trial.what}: {_same(alike, of)}."


def _alike(trial: Trial, found: Debated) -> tuple[int, int] | None:
    one, two = found.fits.get(trial.before, {}), found.fits.get(trial.after, {})
    both = [place for place in one if place in two]
    return (sum(one[p].digest == two[p].digest for p in both), len(both)) if both else None


def _same(alike: int, of: int) -> str:
    if alike == of:
        return f"all predictions and weights are the same, bit for bit, on all {of} draws"
    if alike == 0:
        return f"predictions or weights differ on all {of} draws"
    return f"all predictions and weights are the same, bit for bit, on {alike} of {of} draws"


def _epochs(found: Debated) -> Iterator[str]:
    """How many epochs were done, of how many."""
    for arm in ("h2o", "h2o-whole", "h2o-long", "keras"):
        if arm not in found.fits:
            continue
        spec = ARMS[arm].specification(found.study.methods[NETWORK])
        done = _by_size({place: fit.epochs for place, fit in found.fits[arm].items()})
        told = [f"{mean:.1f} at n = {n}" for n, mean in done.items()]
        if told:
            yield f"{ARMS[arm].label}: of {getattr(spec, 'epochs', 0)} epochs asked for it did {listed(told)}."


def _by_size(values: Mapping[tuple[int, int], float | None]) -> dict[int, float]:
    known: dict[int, list[float]] = {}
    for (n, _), value in values.items():
        if value is not None:
            known.setdefault(n, []).append(value)
    return {n: float(np.mean(each)) for n, each in known.items()}


def _left(explained: Sequence[Plain]) -> Iterator[str]:
    """What is left of the gap when everything that changes predictions is switched."""
    for each in explained:
        after = each.get("all_switched")
        if after:
            before = each["base"]
            gaps = [effect_words(side["gap"], side["draws"]) for side in (before, after)]
            count = counted(sum(d["status"] == "live" for d in each["differences"]), "difference")
            goes = f"goes from {gaps[0]} to {gaps[1]} ({after['level']})"
            yield f"With {count} switched the gap at n = {each['n']} {goes}."


def _copy(found: Debated, explained: Sequence[Plain]) -> Iterator[str]:
    if found.reads:
        told = [f"{each.name} ({each.left} / {each.right})" for each in found.reads]
        yield f"H2O's network and the copy differ by what they say of themselves in {listed(told)}."
    measured = dict.fromkeys(
        d["name"] for each in explained for d in each.get("differences", ()) if d["found"] != "read"
    )
    if measured:
        yield f"No parameter says it, and it differs from every Keras network: {listed(list(measured))}."
