"""The claims about Leek's experiment of 2017, each measured on a study's cells: linear model, networks, trivial rules.

The original pair is judged first and then every engine that fitted the same network, so that it can be seen whether
a verdict is about the network or about H2O. The source is the document of the study alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parity.report.published import CURVES
from parity.report.rebuttal import (
    LEVEL,
    NEAR_PERFECT,
    SMALL,
    Cells,
    Span,
    above,
    entry,
    fits_planned,
    of_every_size,
    shown,
    sizes_of,
    unless_missing,
    verdict,
)
from parity.report.standing import (
    AS_GOOD,
    Contender,
    averaged,
    contenders,
    difference,
    reference,
    standing,
    trivial_claims,
)

Plain = dict[str, Any]

LINEAR, NETWORK = CURVES["leekasso"], CURVES["h2o_deeplearning"]
"(engine, method) of the original pair."

FEW = 100
"Training rows below which Leek spoke of the simpler model; his sizes end at 85."

ON_AVERAGE = (
    f"The linear model minus the network, paired by draw, as a mean over sizes that weigh alike. Supported where its "
    f"{LEVEL:.0%} interval lies above -{AS_GOOD} and no fit is missing, refuted where it lies below, else undecided."
)
"As good or better: a loss of the margin or more is ruled out."


def leek_claims(document: Plain) -> tuple[list[Plain], list[Plain]]:
    """The standing of everything that ran, and every claim about it, as they stand in parity.json.

    A claim is {"claim", "measured", "interval", "verdict", "sentence", "rule", "by_size"} as the rebuttal's are. The
    verdict on the original pair is `not run` where a side of it has no fit.
    """
    found = contenders(document)
    linear = reference(found, LINEAR)
    networks = sorted((c for c in found if c.kind == "network"), key=lambda c: (c.engine, c.method) != NETWORK)
    compared = networks if linear is not None else []
    pair, lacking = (_named(LINEAR), _named(NETWORK)), _lacking(document, found)
    below_few = [n for n in sizes_of(document) if n < FEW]
    small = [n for n in sizes_of(document) if n <= SMALL]
    made: list[Plain] = []
    if below_few:
        made += [_not_run(_claim_on_average(*pair), lacking)] if lacking else []
        made += [_on_average(document, linear, network, below_few) for network in compared if linear]
    if small:
        made += [_not_run(_claim_when_small(*pair), lacking)] if lacking else []
        made += [_when_small(document, linear, network, small) for network in compared if linear]
    if pair[1] not in {c.name for c in networks}:
        made.append(_not_run(_claim_near_perfect(pair[1]), lacking))
    made += [of_every_size(document, _claim_near_perfect(c.name), c.cells, NEAR_PERFECT) for c in networks]
    return standing(document, linear, found), made + trivial_claims(document, linear, networks, found)


def _claim_on_average(linear: str, network: str) -> str:
    return f"Leek: below {FEW} rows {linear} is on average as good as {network}, within {AS_GOOD}"


def _claim_when_small(linear: str, network: str) -> str:
    return f"Leek: up to {SMALL} rows {linear} is more accurate than {network} at every size"


def _claim_near_perfect(network: str) -> str:
    return f"Beam: a network is near perfect (accuracy above {NEAR_PERFECT}) at every size: {network}"


def _on_average(document: Plain, linear: Contender, network: Contender, sizes: Sequence[int]) -> Plain:
    gains = _gains(linear, network, sizes)
    claim = _claim_on_average(linear.name, network.name)
    if not gains:
        return entry(claim, None, "undecided", f"{claim}: undecided. No pair of fits was made.", ON_AVERAGE)
    span, planned = averaged(gains, (-1, 1)), fits_planned(document, sizes)
    word, lost = unless_missing(verdict([above(span, -AS_GOOD)]), planned - len(gains), planned, "pairs of fits")
    sentence = (
        f"{claim}: {word}. Paired difference {_told(span)} over {len(sizes)} size{'s' * (len(sizes) != 1)}; "
        f"{_counted(gains, sizes)}.{lost}"
    )
    return entry(claim, span, word, sentence, ON_AVERAGE)


def _gains(linear: Contender, network: Contender, sizes: Sequence[int]) -> Cells:
    """(n, draw) -> accuracy of the linear model minus that of the network."""
    return {place: gain for place, gain in difference(network.cells, linear.cells).items() if place[0] in sizes}


def _counted(gains: Cells, sizes: Sequence[int]) -> str:
    """At how many sizes the linear model has the larger mean."""
    means = [averaged(at).mean for n in sizes if (at := {p: gain for p, gain in gains.items() if p[0] == n})]
    return f"the linear model's mean is the larger one at {sum(mean > 0 for mean in means)} of {len(means)}"


def _told(span: Span) -> str:
    """A mean with its interval; a size with one draw has none."""
    return shown(span, signed=True) if span.low is not None else f"{span.mean:+.4f} (no interval: one draw a size)"


def _when_small(document: Plain, linear: Contender, network: Contender, sizes: Sequence[int]) -> Plain:
    claim = _claim_when_small(linear.name, network.name)
    return of_every_size(document, claim, _gains(linear, network, sizes), 0, sizes=sizes, paired=True)


def _named(side: tuple[str, str]) -> str:
    engine, method = side
    return f"{method} of {engine}"


def _lacking(document: Plain, found: Sequence[Contender]) -> str:
    """Why the original pair cannot be judged, or nothing."""
    ran = {(c.engine, c.method) for c in found}
    reasons = {each["engine"]: each["reason"] for each in document["not_run"]}
    failed = {(c["engine"], c["method"]): c["reason"] for c in document["cells"] if c["status"] != "done"}
    told = [
        f"{_named(side)}: {reasons.get(side[0]) or failed.get(side) or 'it was not asked for'}"
        for side in (LINEAR, NETWORK)
        if side not in ran
    ]
    return "; ".join(told)


def _not_run(claim: str, reason: str) -> Plain:
    return entry(claim, None, "not run", f"{claim}: not run ({reason}).", ON_AVERAGE)
