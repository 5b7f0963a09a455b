"""The claims of the rebuttal of 2017, each measured on a study's cells, with the rule that its verdict follows from.

Every interval is a Student t interval over draws, or Wilson's for a share of draws. Its source is the document of the
study alone: parity.json.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Plain = dict[str, Any]
Says = Literal["clearly", "yes", "no", "open"]
"An answer to a question asked many times over; `clearly` and `no` hold for all of them at once, `yes` for one."

Cells = dict[tuple[int, int], float]

LEVEL = 0.90
"Of every interval: its ends are those of two one-sided tests at 5 %."

NEAR_PERFECT = 0.98
"Accuracy from which a network is called near perfect: one error in fifty. The middle pixel alone is right in 0.984 of "
"all zeros and ones, so whatever stays below knows less than one pixel does."

POOR = 0.9
"Accuracy below which a network is called poor: where the rebuttal's lower panel begins, which leaves MLP (Leek) out."

SMALL = 20
"Training rows up to which a size is small: the two smaller ones of the rebuttal's five."

FLUCTUATION = 0.01
"Standard deviation of accuracy over epochs that counts as significant: the margin of the project's paired claims."

EARLY = 50
"Epochs that the rebuttal's sentence speaks of, counted from the first."

LATE = (151, 200)
"First and last of the epochs that these are held against: as many, at the end of training."

QUESTIONS = 3
"What is asked about fluctuation, all on the same draws."

LABELS = {"cnn-beam": "CNN", "mlp-beam": "MLP", "mlp-leek": "MLP (Leek)"}
"What the rebuttal's figures call a network."

DEEP = ("mlp-beam", "cnn-beam")
"The networks that the rebuttal shows at their best."

KERAS = ("py-keras-jax", "py-keras-tensorflow", "py-keras-torch", "r-keras3")
"Engines whose answer stands for a network, the first that has one: the rebuttal's networks were Keras'."

EVERY_SIZE = (
    f"A size says yes where its {LEVEL:.0%} interval lies wholly on the claim's side of the line; clearly so, or no, "
    "where the interval widened by Bonferroni's rule for the number of sizes lies wholly on that side, or on the "
    "other. Supported: every size says yes and no fit is missing. Partly: one says yes clearly and one no. Refuted, "
    "as a claim about every size: one says no and none says yes clearly. Undecided otherwise."
)
"A claim about every size needs no correction where all must hold (Berger 1982, Technometrics 24, 295); one among many "
"does, be it the exception or the size that the claim is saved by."


@dataclass(frozen=True, slots=True)
class Span:
    """A mean over draws with its interval at LEVEL; `outer` is the one widened for `sizes` looks at once."""

    mean: float
    draws: int
    low: float | None = None
    high: float | None = None
    outer: tuple[float, float] | None = None


def claims(document: Plain) -> list[Plain]:
    """Every claim of the rebuttal that the study's methods let one judge, as it stands in parity.json.

    {"claim", "measured", "interval", "verdict", "sentence", "rule", "by_size"}: `measured` is what the sentence
    names first, and `by_size` has {"n", "draws", "mean", "low", "high", "says", "clearly"} where the claim speaks of
    sizes: `clearly` is whether the widened interval says it too.
    """
    methods = document["study"]["methods"]
    linear = next((m for m, spec in methods.items() if spec["family"] not in ("mlp", "cnn")), None)
    deep = [m for m in DEEP if m in methods]
    made = [_near_perfect(document, method) for method in deep]
    if "mlp-leek" in methods and deep:
        made.append(_poor_when_small(document))
    if linear is not None:
        made.append(_improves(document, linear))
        made += [_beats(document, method, linear) for method in deep]
    return made + [_fluctuates(document, method) for method in deep]


def engine_of(document: Plain, method: str) -> str | None:
    """The engine whose fits of a method are judged and drawn: Keras' for a network, else the first that has a curve."""
    fitted = [curve["engine"] for curve in document["curves"] if curve["method"] == method]
    preferred = [engine for engine in KERAS if engine in fitted] if method in LABELS else []
    return next(iter([*preferred, *fitted]), None)


def label_of(document: Plain, method: str) -> str:
    """What a figure calls a method."""
    return LABELS.get(method, "Leekasso") if method in document["study"]["methods"] else method


def verdict(answers: Sequence[Says]) -> str:
    """supported: all yes. partly: one yes clearly, one no. refuted: one no, none yes clearly. undecided: the rest."""
    if answers and all(answer in ("clearly", "yes") for answer in answers):
        return "supported"
    if "no" in answers:
        return "partly" if "clearly" in answers else "refuted"
    return "undecided"


def unless_missing(word: str, missing: int, planned: int, what: str, lack: str = "missing") -> tuple[str, str]:
    """The verdict, with a sentence on the fits that were planned and cannot answer: a loss need not be chance.

    What trains badly may be what is lost, so nothing is supported without it.
    """
    if missing <= 0:
        return word, ""
    lost = f" {missing} of {planned} {what} {'is' if missing == 1 else 'are'} {lack}"
    if word != "supported":
        return word, f"{lost}."
    return "undecided", f"{lost}; by the others alone the claim would be supported."


def spanned(values: Sequence[float], looks: int = 1, ends: tuple[float, float] = (-math.inf, math.inf)) -> Span:
    """The mean of (draws,) values with Student's interval within `ends`; none for one draw.

    looks: intervals that are read at once.
    """
    from statsmodels.stats.weightstats import DescrStatsW

    mean = float(np.mean(values))
    if len(values) < 2:
        return Span(mean, len(values))
    if np.ptp(values) == 0:
        # A spread of zero over a few draws is no certainty, and Student's interval would say it is.
        return Span(mean, len(values))
    found = DescrStatsW(np.asarray(values, dtype=np.float64))
    inner, outer = (np.clip(found.tconfint_mean(alpha=(1 - LEVEL) / k), *ends).tolist() for k in (1, looks))
    return Span(mean, len(values), inner[0], inner[1], (outer[0], outer[1]))


def above(span: Span, line: float) -> Says:
    """Whether a mean lies above a line."""
    if span.low is None or span.outer is None:
        return "open"
    if span.low > line:
        return "clearly" if span.outer[0] > line else "yes"
    return "no" if span.outer[1] < line else "open"


def below(span: Span, line: float) -> Says:
    """Whether a mean lies below a line."""
    if span.high is None or span.outer is None:
        return "open"
    if span.high < line:
        return "clearly" if span.outer[1] < line else "yes"
    return "no" if span.outer[0] > line else "open"


def _accuracies(document: Plain, method: str) -> Cells:
    """(n, draw) -> accuracy of the engine that stands for a method."""
    return {(c["n"], c["draw"]): c["accuracy"] for c in _fits(document, method)}


def _fits(document: Plain, method: str) -> list[Plain]:
    engine = engine_of(document, method)
    cells = document["cells"]
    return [c for c in cells if (c["engine"], c["method"], c["status"]) == (engine, method, "done")]


def _by_size(cells: Cells, sizes: Sequence[int], ends: tuple[float, float] = (0, 1)) -> dict[int, Span]:
    """A span for each size that has a draw; its interval stays within `ends`."""
    found = {n: [value for (size, _), value in sorted(cells.items()) if size == n] for n in sizes}
    return {n: spanned(values, len(sizes), ends) for n, values in found.items() if values}


def _near_perfect(document: Plain, method: str) -> Plain:
    claim = f"{LABELS[method]} is near perfect (accuracy above {NEAR_PERFECT}) at every size"
    return of_every_size(document, claim, _accuracies(document, method), NEAR_PERFECT)


def _poor_when_small(document: Plain) -> Plain:
    small = [n for n in sizes_of(document) if n <= SMALL]
    claim = f"{LABELS['mlp-leek']} is poor (accuracy below {POOR}) at small sizes (n up to {SMALL})"
    return of_every_size(document, claim, _accuracies(document, "mlp-leek"), POOR, sizes=small, is_above=False)


def _beats(document: Plain, method: str, linear: str) -> Plain:
    ours, theirs = _accuracies(document, method), _accuracies(document, linear)
    gaps = {draw: accuracy - theirs[draw] for draw, accuracy in ours.items() if draw in theirs}
    claim = f"{LABELS[method]} beats the Leekasso ({linear}) at every size, on the same rows"
    return of_every_size(document, claim, gaps, 0, paired=True)


def of_every_size(
    document: Plain,
    claim: str,
    values: Cells,
    line: float,
    *,
    sizes: Sequence[int] | None = None,
    is_above: bool = True,
    paired: bool = False,
) -> Plain:
    """A claim that values lie beyond a line at every size, or at each of some.

    Measured at the size where it fails, if it does, or is nearest to failing.
    """
    sizes = sizes_of(document) if sizes is None else sizes
    # Student's interval knows of no end to accuracy; a difference may be of either sign.
    spans = _by_size(values, sizes, (-1, 1) if paired else (0, 1))
    told = {n: (above if is_above else below)(span, line) for n, span in spans.items()}
    # A size without a fit is no evidence, in either direction.
    word = verdict([told.get(n, "open") for n in sizes])
    planned, made = fits_planned(document, sizes), sum(span.draws for span in spans.values())
    word, lost = unless_missing(word, planned - made, planned, "pairs of fits" if paired else "fits")
    by_size = [{"n": n, **_plain(span), **_plain_answer(told[n])} for n, span in spans.items()]
    if not spans:
        return entry(claim, None, word, f"{claim}: {word}. No fit of it was made.", EVERY_SIZE, by_size)
    failing = [n for n, says in told.items() if says == "no"]
    weakest = min(failing or spans, key=lambda n: _room(spans[n], line, is_above))
    why = "which says no" if failing else "nearest to failing"
    yes, clearly, no, still = (
        sum(says in which for says in told.values()) for which in (("clearly", "yes"), ("clearly",), ("no",), ("open",))
    )
    few = "" if len(spans) == len(sizes) else f" {len(sizes) - len(spans)} of {len(sizes)} sizes have no fit."
    more = " More draws would narrow what is open." if still else ""
    every = spanned([value for (n, _), value in values.items() if n in spans])
    sentence = (
        f"{claim}: {word}. {'Paired difference' if paired else 'Accuracy'} {shown(spans[weakest], paired)} at "
        f"n = {weakest}, {why}, and {every.mean:{'+' if paired else ''}.4f} over all draws; of {len(spans)} sizes "
        f"{yes} yes ({clearly} clearly), {no} no, {still} open.{lost}{few}{more}"
    )
    return entry(claim, spans[weakest], word, sentence, EVERY_SIZE, by_size)


def _room(span: Span, line: float, is_above: bool) -> float:
    """How far the nearer end of an interval lies on the claim's side of a line."""
    end = span.low if is_above else span.high
    room = (span.mean if end is None else end) - line
    return room if is_above else -room


def _improves(document: Plain, linear: str) -> Plain:
    """Slope of accuracy on log2(n) by least squares; its errors differ by size, so its interval is White's (HC3)."""
    cells = _accuracies(document, linear)
    claim = f"The Leekasso ({linear}) improves with the number of training rows"
    rule = (
        f"Supported where the {LEVEL:.0%} interval (HC3) of the slope of accuracy on log2(n) lies above 0 and no "
        "fit is missing, refuted where it lies below, undecided otherwise."
    )
    sizes = sizes_of(document)
    spans, planned = _by_size(cells, sizes), fits_planned(document, sizes)
    span = _slope(cells)
    if span is None:
        sentence = f"{claim}: undecided. It needs two draws at each of two sizes."
        return entry(claim, None, "undecided", sentence, rule)
    word, lost = unless_missing(verdict([above(span, 0)]), planned - len(cells), planned, "fits")
    ends = f"{spans[min(spans)].mean:.3f} at n = {min(spans)}, {spans[max(spans)].mean:.3f} at n = {max(spans)}"
    sentence = f"{claim}: {word}. {shown(span, signed=True)} for every doubling; {ends}.{lost}"
    return entry(claim, span, word, sentence, rule)


def _slope(cells: Cells) -> Span | None:
    import statsmodels.api as sm

    counts = {n: sum(size == n for size, _ in cells) for n, _ in cells}
    # HC3 divides by 1 - leverage, which is 0 for a size with one draw of only two.
    if len(counts) < 2 or min(counts.values()) < 2:
        return None
    x = sm.add_constant(np.log2([n for n, _ in cells]))
    fitted = sm.OLS(np.array(list(cells.values())), x).fit(cov_type="HC3", use_t=True)
    low, high = map(float, fitted.conf_int(alpha=1 - LEVEL)[1])
    return Span(float(fitted.params[1]), len(cells), low, high, (low, high))


def epoch_curves(document: Plain, method: str) -> list[Plain]:
    """The cells of a method that have `accuracy_by_epoch`: (epochs,) test accuracies."""
    return [cell for cell in _fits(document, method) if cell.get("accuracy_by_epoch")]


def spread(accuracies: Sequence[float]) -> float:
    """Standard deviation over epochs (divisor n - 1)."""
    return float(np.std(accuracies, ddof=1))


def falls(accuracies: Sequence[float]) -> float:
    """Sum of the falls from one epoch to the next: a network that only learns has none, however steeply it rises."""
    return float(np.maximum(0, -np.diff(accuracies)).sum())


def _fluctuates(document: Plain, method: str) -> Plain:
    first, last = LATE
    name = LABELS[method]
    claim = f"The accuracy of the {name} fluctuates significantly during the first {EARLY} epochs"
    rule = (
        f"Three questions: is the mean standard deviation over epochs 1-{EARLY} above {FLUCTUATION} ({LEVEL:.0%} "
        f"interval over draws), is it larger than that over epochs {first}-{last} in more than half of the draws "
        "(Wilson's interval), and are the falls from one epoch to the next, which a mere rise has none of, larger in "
        "more than half of them? Yes clearly, and no, by the intervals widened by Bonferroni's rule for three "
        "questions. Supported: three times yes, and every fit has its history. Partly: one yes clearly and one no. "
        "Refuted: one no and none yes clearly. Undecided otherwise."
    )
    curves = [c["accuracy_by_epoch"] for c in epoch_curves(document, method) if len(c["accuracy_by_epoch"]) >= last]
    if not curves:
        sentence = f"{claim}: undecided. No cell has its accuracy after each of {last} epochs."
        return entry(claim, None, "undecided", sentence, rule)
    early, late = [c[:EARLY] for c in curves], [c[first - 1 : last] for c in curves]
    size = spanned([spread(part) for part in early], QUESTIONS)
    calm = float(np.mean([spread(part) for part in late]))
    shares = {
        "standard deviation": _larger([*map(spread, early)], [*map(spread, late)]),
        "sum of the falls": _larger([*map(falls, early)], [*map(falls, late)]),
    }
    word = verdict([above(size, FLUCTUATION), *(above(share, 0.5) for share in shares.values())])
    planned = fits_planned(document, sizes_of(document))
    lack = f"without accuracy after each of {last} epochs"
    word, lost = unless_missing(word, planned - len(curves), planned, "fits", lack)
    told = "; ".join(
        f"the {what} is larger in {share.mean:.0%} [{share.low:.0%}, {share.high:.0%}] of {len(curves)} draws"
        for what, share in shares.items()
    )
    fallen = {"early": float(np.mean([*map(falls, early)])), "late": float(np.mean([*map(falls, late)]))}
    sentence = (
        f"{claim}: {word}. Standard deviation over epochs {shown(size)} early, {calm:.4f} late (epochs "
        f"{first}-{last}); sum of the falls {fallen['early']:.3f} early, {fallen['late']:.3f} late; {told}.{lost}"
    )
    content = {
        "early": _plain(size),
        "late": calm,
        "falls": fallen,
        "shares": {what: _plain(share) for what, share in shares.items()},
    }
    return {**entry(claim, size, word, sentence, rule), "epochs": content}


def _larger(early: Sequence[float], late: Sequence[float]) -> Span:
    """Share of draws whose first number is the larger one, with Wilson's interval (Wilson 1927, JASA 22, 209)."""
    from scipy.stats import binomtest

    count, of = sum(a > b for a, b in zip(early, late, strict=True)), len(early)
    inner, outer = (
        binomtest(count, of).proportion_ci(1 - (1 - LEVEL) / looks, method="wilson") for looks in (1, QUESTIONS)
    )
    return Span(count / of, of, *_within_one(inner), _within_one(outer))


def _within_one(ends: Sequence[float]) -> tuple[float, float]:
    """Ends of a share, which rounding may have put a hair outside."""
    low, high = ends
    return max(0.0, float(low)), min(1.0, float(high))


def shown(span: Span, signed: bool = False) -> str:
    """A mean with its interval, in accuracy."""
    mark = "+" if signed else ""
    if span.low is None or span.high is None:
        why = "one draw" if span.draws == 1 else f"all {span.draws} draws alike"
        return f"{span.mean:{mark}.4f} (no interval: {why})"
    return f"{span.mean:{mark}.4f} [{span.low:{mark}.4f}, {span.high:{mark}.4f}]"


def sizes_of(document: Plain) -> list[int]:
    """Training-set sizes of the study."""
    return list(document["study"]["protocol"]["sizes"])


def fits_planned(document: Plain, sizes: Sequence[int]) -> int:
    """Fits of one engine that were planned at these sizes; a draw of one class is fitted to nothing."""
    unfit = sum(draw["n"] in sizes for draw in document.get("one_class_draws", []))
    return int(document["study"]["protocol"]["draws"]) * len(sizes) - unfit


def _plain_answer(says: Says) -> Plain:
    return {"says": "yes" if says == "clearly" else says, "clearly": says in ("clearly", "no")}


def _plain(span: Span) -> Plain:
    return {name: value for name, value in asdict(span).items() if name != "outer"}


def entry(claim: str, span: Span | None, word: str, sentence: str, rule: str, by_size: Sequence[Plain] = ()) -> Plain:
    """A claim as it stands in parity.json."""
    interval = None if span is None or span.low is None else [span.low, span.high]
    return {
        "claim": claim,
        "measured": span.mean if span else None,
        "interval": interval,
        "verdict": word,
        "sentence": sentence,
        "rule": rule,
        "by_size": list(by_size),
    }
