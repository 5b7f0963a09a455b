"""Where networks, linear models and trivial rules stand: means over all sizes, and the claims about trivial rules.

Its source is the document of a study alone. Accuracies are paired by draw: every contender was given the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from parity.report.rebuttal import (
    LABELS,
    LEVEL,
    NEAR_PERFECT,
    SMALL,
    Cells,
    Span,
    above,
    engine_of,
    entry,
    fits_planned,
    of_every_size,
    shown,
    sizes_of,
    unless_missing,
    verdict,
)

Plain = dict[str, Any]
Kind = Literal["linear", "network", "trivial"]

AS_GOOD = 0.01
"Accuracy by which a rule may stay behind and still be called as good: the margin of the project's paired claims, one "
"row in a hundred."

CENTRE = "centre-pixel"
BEST = "best-single-pixel"

NAMED = {CENTRE: "the centre pixel alone", BEST: "the best single pixel", "class-prior": "the more frequent class"}
"Trivial rules in words."


@dataclass(frozen=True, slots=True)
class Contender:
    """What was fitted to every draw: a method on one engine, or a trivial rule."""

    name: str
    kind: Kind
    engine: str | None
    method: str
    cells: Cells
    "(n, draw) -> accuracy, where there is a fit."


def contenders(document: Plain) -> list[Contender]:
    """Every engine and method that has a fit, then the trivial rules."""
    methods = document["study"]["methods"]
    found = []
    for curve in document["curves"]:
        engine, method = curve["engine"], curve["method"]
        network = methods[method]["family"] in ("mlp", "cnn")
        cells = {
            (c["n"], c["draw"]): c["accuracy"]
            for c in document["cells"]
            if (c["engine"], c["method"], c["status"]) == (engine, method, "done")
        }
        found.append(Contender(f"{method} of {engine}", "network" if network else "linear", engine, method, cells))
    for each in document.get("baselines", []):
        cells = {(c["n"], c["draw"]): c["accuracy"] for c in each.get("cells", [])}
        if cells:
            rule = each["baseline"]
            found.append(Contender(NAMED.get(rule, rule), "trivial", None, rule, cells))
    return found


def difference(left: Cells, right: Cells) -> Cells:
    """Right minus left, where both have a fit of the same draw."""
    return {place: right[place] - accuracy for place, accuracy in left.items() if place in right}


def averaged(cells: Cells, ends: tuple[float, float] = (-math.inf, math.inf)) -> Span:
    """The mean of the sizes' means with its interval within `ends`; every size weighs alike.

    The interval is that of a linear contrast of the sizes' means, whose errors differ by size (HC2, which for means is
    the usual variance of each); none where a size has one draw or no draw differs from another.
    """
    sizes = sorted({n for n, _ in cells})
    of = np.array([n for n, _ in cells])
    values = np.array(list(cells.values()))
    mean = float(np.mean([values[of == n].mean() for n in sizes]))
    if min(int((of == n).sum()) for n in sizes) < 2 or all(np.ptp(values[of == n]) == 0 for n in sizes):
        return Span(mean, len(values))
    from statsmodels.regression.linear_model import OLS

    x = (of[:, None] == np.array(sizes)).astype(np.float64)
    fitted = OLS(values, x).fit(cov_type="HC2", use_t=True)
    told = fitted.t_test(np.full((1, len(sizes)), 1 / len(sizes)))
    low, high = np.clip(told.conf_int(alpha=1 - LEVEL)[0], *ends).tolist()
    return Span(mean, len(values), low, high, (low, high))


def reference(found: Sequence[Contender], preferred: tuple[str, str]) -> Contender | None:
    """The linear model that others are held against: the preferred (engine, method) where it ran, else the first."""
    linear = [c for c in found if c.kind == "linear"]
    return next((c for c in linear if (c.engine, c.method) == preferred), next(iter(linear), None))


def standing(document: Plain, against: Contender | None, found: Sequence[Contender]) -> list[Plain]:
    """Every contender with its mean over all sizes and over small ones, and its paired gain over the linear model.

    {"name", "kind", "engine", "method", "draws", "mean", "low", "high", "small", "gain"}, best first: `small` is the
    mean over sizes up to SMALL or null, `gain` {"mean", "low", "high"} or null for the linear model itself.
    """
    rows = []
    for each in found:
        every = averaged(each.cells, (0, 1))
        few = {place: accuracy for place, accuracy in each.cells.items() if place[0] <= SMALL}
        gain = difference(against.cells, each.cells) if against is not None and each is not against else {}
        rows.append(
            {
                **{"name": each.name, "kind": each.kind, "engine": each.engine, "method": each.method},
                **{"draws": every.draws, "mean": every.mean, "low": every.low, "high": every.high},
                "small": averaged(few).mean if few else None,
                "gain": _ends(averaged(gain, (-1, 1))) if gain else None,
            }
        )
    return sorted(rows, key=lambda row: -float(row["mean"]))


def trivial_claims(
    document: Plain, linear: Contender | None, networks: Sequence[Contender], found: Sequence[Contender]
) -> list[Plain]:
    """The claims about trivial rules: one pixel against ten, and the centre pixel against everything.

    linear: on ten pixels. None where the document has no trivial rule draw by draw.
    """
    rules: Mapping[str, Contender] = {c.method: c for c in found if c.kind == "trivial"}
    made = []
    if BEST in rules and linear is not None:
        claim = f"Trivial: one pixel, {NAMED[BEST]} of each draw, is as good as ten, {linear.name}{_WITHIN}"
        made.append(_as_good(document, claim, linear, rules[BEST]))
    if CENTRE in rules:
        made.append(_near_perfect(document, rules[CENTRE]))
        for other in [*([linear] if linear else []), *networks]:
            claim = f"Trivial: {NAMED[CENTRE]} is as good as {other.name}{_WITHIN}"
            made.append(_as_good(document, claim, other, rules[CENTRE]))
    return made


_WITHIN = f" at every size, within {AS_GOOD}"


NEAR_PERFECT_RULE = (
    f"Mean accuracy over sizes that weigh alike. Supported where its {LEVEL:.0%} interval over draws lies above "
    f"{NEAR_PERFECT} and no draw is missing, refuted where it lies below, else undecided. Where no draw differs from "
    "another, as of a rule that hardly depends on them, the interval is Wilson's over the test rows."
)


def _near_perfect(document: Plain, rule: Contender) -> Plain:
    claim = f"Trivial: {rule.name} is near perfect (accuracy above {NEAR_PERFECT}) on average"
    span, sizes = averaged(rule.cells, (0, 1)), sizes_of(document)
    draws = min(sum(n == size for n, _ in rule.cells) for size in {n for n, _ in rule.cells})
    if span.low is None and draws > 1:
        from statsmodels.stats.proportion import proportion_confint

        of = document["study"]["test_rows"]
        low, high = map(float, proportion_confint(round(span.mean * of), of, 1 - LEVEL, "wilson"))
        span = Span(span.mean, span.draws, low, high, (low, high))
    planned = fits_planned(document, sizes)
    word, lost = unless_missing(verdict([above(span, NEAR_PERFECT)]), planned - len(rule.cells), planned, "draws")
    lowest = min(averaged({place: a for place, a in rule.cells.items() if place[0] == n}).mean for n, _ in rule.cells)
    told = shown(span) if span.low is not None else f"{span.mean:.4f} (no interval: one draw a size)"
    sentence = f"{claim}: {word}. Accuracy {told} over {len(sizes)} sizes, at none below {lowest:.4f}.{lost}"
    return entry(claim, span, word, sentence, NEAR_PERFECT_RULE)


def _as_good(document: Plain, claim: str, other: Contender, rule: Contender) -> Plain:
    return of_every_size(document, claim, difference(other.cells, rule.cells), -AS_GOOD, paired=True)


def rebuttal_standing(document: Plain) -> tuple[list[Plain], list[Plain]]:
    """The standing, and the claims about trivial rules of one of the rebuttal's presets on the engines it stands by."""
    found = contenders(document)
    chosen = [c for c in found if c.kind == "trivial" or c.engine == engine_of(document, c.method)]
    linear = reference(chosen, ("", ""))
    networks = [c for c in chosen if c.kind == "network" and c.method in LABELS]
    return standing(document, linear, found), trivial_claims(document, linear, networks, chosen)


def standing_markdown(rows: Sequence[Plain]) -> str:
    """The standing as a section of a report."""
    from parity.report.markdown import table_cell

    against = next((row["name"] for row in rows if row["kind"] == "linear" and row["gain"] is None), None)
    gain_over = f"; gain over {table_cell(against)} on the same rows" if against else ""
    lines = [
        "",
        "## Where networks, linear models and trivial rules stand",
        "",
        f"Mean accuracy over all sizes, each of which weighs alike, and over sizes up to {SMALL}{gain_over}. "
        f"In parentheses {LEVEL:.0%} intervals.",
        "",
        "| | kind | all sizes | small sizes | gain |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        small = "–" if row["small"] is None else f"{row['small']:.3f}"
        gain = "–" if row["gain"] is None else _bracketed(row["gain"], "+.3f")
        cells = (row["name"], row["kind"], _bracketed(row, ".3f"), small, gain)
        lines.append("| " + " | ".join(map(table_cell, cells)) + " |")
    return "\n".join([*lines, ""])


def _bracketed(ends: Plain, form: str) -> str:
    interval = "" if ends["low"] is None else f" ({ends['low']:{form}} to {ends['high']:{form}})"
    return f"{ends['mean']:{form}}{interval}"


def _ends(span: Span) -> Plain:
    return {"mean": span.mean, "low": span.low, "high": span.high}
