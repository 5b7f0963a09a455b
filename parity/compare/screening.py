"""Which features each engine's own screen selects, and the measured reason of every difference between two screens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.exact_screen import Exact, exact_ranks, exact_scores, log10_p
from parity.compare.screen_scores import (
    LAST_DIGITS,
    Case,
    Code,
    Scored,
    Screened,
    by_column,
    formula_behind,
    nearest_float,
    relative_error,
)
from parity.spec.models import Leekasso, Linear


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one feature is selected by one side only. evidence: the numbers on which the code rests."""

    feature: str
    code: Code
    sentence: str
    evidence: dict[str, float]


@dataclass(frozen=True, slots=True)
class ScreenDiff:
    """Two selections as sets, in the order of the columns, and one reason for each feature that one side lacks."""

    shared: tuple[str, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    reasons: tuple[Reason, ...]


def compare_screens(
    left: Screened,
    right: Screened,
    x: NDArray[Any],
    y: NDArray[np.int8],
    features: Sequence[str],
    spec: Leekasso | Linear,
    exact: Exact | None = None,
) -> ScreenDiff:
    """The two selections as sets, each difference with its reason. x: (n, p) as both engines were given it; y: (n,).

    exact: of x and y, where it is at hand already.
    """
    exact = exact or exact_scores(x, y, spec.screen)
    case = Case(np.asarray(x, dtype=np.float64), y, tuple(features), spec.k or len(features), exact, exact_ranks(exact))
    sides = by_column(left, case), by_column(right, case)
    in_left, in_right = sides[0].kept, sides[1].kept
    names = np.array(features, dtype=object)
    return ScreenDiff(
        shared=tuple(names[in_left & in_right]),
        only_left=tuple(names[in_left & ~in_right]),
        only_right=tuple(names[in_right & ~in_left]),
        reasons=tuple(_reason(case, int(j), sides) for j in np.flatnonzero(in_left != in_right)),
    )


def against_exact(
    side: Screened,
    x: NDArray[Any],
    y: NDArray[np.int8],
    features: Sequence[str],
    spec: Leekasso | Linear,
    exact: Exact | None = None,
) -> ScreenDiff:
    """One selection, as the left side, against the exact screen under the specification's rule for ties."""
    exact = exact or exact_scores(x, y, spec.screen)
    ranks, k = exact_ranks(exact), spec.k or len(features)
    if spec.ties == "average":
        chosen = [j for j, score in enumerate(exact.scores) if score is not None and ranks.mean[j] <= k]
    else:
        chosen = sorted(np.argsort(ranks.first, kind="stable")[:k])
    truth = Screened("exact arithmetic", tuple(features[j] for j in chosen))
    return compare_screens(side, truth, x, y, features, spec, exact)


def _reason(case: Case, j: int, sides: tuple[Scored, Scored]) -> Reason:
    """Why one of the two sides keeps column j: a tie at the cut, or what is amiss on the side that is in the wrong."""
    keeper, dropper = sides if sides[0].kept[j] else sides[::-1]
    first, last, score = int(case.ranks.first[j]), int(case.ranks.last[j]), case.exact.scores[j]
    if score is None:
        scoreless = keeper.statistic is None or math.isnan(keeper.statistic[j])
        return _missing(case, j, sides) if scoreless or first <= case.k else _misjudged(case, j, keeper)
    if first > case.k or last <= case.k:
        return _misjudged(case, j, dropper if last <= case.k else keeper)
    if score == math.inf and any(s.statistic is not None and s.statistic[j] != math.inf for s in sides):
        return _infinite(case, j, sides)
    for side in sides:
        if _strays(case, j, side):
            return _misjudged(case, j, side)
    return _tie(case, j, sides)


def _strays(case: Case, j: int, side: Scored) -> bool:
    """Whether a side decides column j, which is tied at the cut, for another reason than that tie.

    Its own scores take j out of the tie by more than the last digits; or it ties j with columns that are not tied, and
    the exact mean rank would have told it otherwise.
    """
    first, last, exact = side.ranks.first[j], side.ranks.last[j], case.ranks
    if last < exact.first[j] or first > exact.last[j]:
        as_scored = last <= case.k if side.kept[j] else first > case.k
        return bool(
            as_scored and max(relative_error(case, side, c) for c in (j, *_rivals(case, j, side))) > LAST_DIGITS
        )
    wider = (side.ranks.first == first).sum() > (exact.first == exact.first[j]).sum()
    return bool(wider and (exact.mean[j] <= case.k) != side.kept[j] and (side.ranks.mean[j] <= case.k) == side.kept[j])


def _rivals(case: Case, j: int, side: Scored) -> list[int]:
    """Columns that the side ranks on the wrong side of j, or level with it: the ones in whose favour it decides."""
    own, exact = side.ranks.first, case.ranks.first
    if side.kept[j]:
        return [int(c) for c in np.flatnonzero((exact < exact[j]) & (own >= own[j]))]
    return [int(c) for c in np.flatnonzero((exact > exact[j]) & (own <= own[j]))]


def _misjudged(case: Case, j: int, side: Scored) -> Reason:
    """Why one side decides column j against its exact rank."""
    kept, ranks = bool(side.kept[j]), side.ranks
    if ranks.first[j] > case.k if kept else ranks.last[j] <= case.k:
        return _against_own_scores(case, j, side)
    rivals = _rivals(case, j, side)
    if ranks.first[j] <= case.k < ranks.last[j]:
        # The side's own tie decides; columns that it ranks strictly on the wrong side do so where it has none.
        rivals = [c for c in rivals if ranks.first[c] == ranks.first[j]] or rivals
    if side.statistic is None or side.p_value is None or not rivals:
        return _unexplained(case, j, side, "no score shows why")
    if side.by_p:
        value = side.statistic[j]
        told_apart = [c for c in rivals if (side.statistic[c] > value if kept else side.statistic[c] < value)]
        if told_apart:
            return _p_value(case, j, side, told_apart[0])
    worst = max([j, *rivals], key=lambda c: relative_error(case, side, c))
    return _score_error(case, j, side, worst)


def _against_own_scores(case: Case, j: int, side: Scored) -> Reason:
    """The side's set is not the k best of its scores (or of the exact ones, if it has none): which rule gives it?"""
    m, first = int(side.kept.sum()), side.ranks.first
    inside, outside = first[side.kept], first[~side.kept]
    if m and outside.size and inside.max() > outside.min():
        against = int((outside < first[j]).sum() if side.kept[j] else (inside > first[j]).sum())
        others = f"{against} that it {'drops' if side.kept[j] else 'keeps'} score"
        return _unexplained(case, j, side, f"{others} {'better' if side.kept[j] else 'worse'} by its own scores")
    if (side.kept == (side.ranks.mean <= m)).all():
        rule = f"the {m} best, as a threshold on the scores would" if m else "a threshold that no score meets"
    else:
        rule = f"exactly {m}, within a tie at ranks {inside.max(initial=1)}-{side.ranks.last[side.kept].max(initial=1)}"
    sentence = (
        f"{side.name} keeps {m} features where k = {case.k}: {rule}; this one is at rank {first[j]} of its scores"
    )
    return _because(case, j, "other rule", sentence, kept=m, k=case.k, rank=int(first[j]))


def _missing(case: Case, j: int, sides: tuple[Scored, Scored]) -> Reason:
    scoreless = case.ranks.first == case.ranks.first[j]
    broken = ", ".join(_broke(case, side, scoreless) for side in sides)
    scored = f"{case.ranks.first[j] - 1} of {len(case.features)} features have one"
    sentence = f"constant, so it has no score; {scored}, and of the {scoreless.sum()} that have none {broken}"
    return _because(case, j, "missing score", sentence, **_values(sides, j), without_score=int(scoreless.sum()))


def _infinite(case: Case, j: int, sides: tuple[Scored, Scored]) -> Reason:
    has = ", ".join(f"{s.name} has {_said(s, j)}" for s in sides if s.statistic is not None)
    sentence = f"constant within both classes, so its exact F is infinite; {has}"
    return _because(case, j, "infinite score", sentence, **_values(sides, j))


def _tie(case: Case, j: int, sides: tuple[Scored, Scored]) -> Reason:
    first, last = int(case.ranks.first[j]), int(case.ranks.last[j])
    group = case.ranks.first == first
    broken = [_broke(case, side, group) for side in sides]
    others = f"{last - first} other{'s' if last > first + 1 else ''}"
    sentence = f"tied with {others} at ranks {first}-{last} ({case.text(j)}); {', '.join(broken)}"
    kept = {f"{side.name} keeps": int(side.kept[group].sum()) for side in sides}
    return _because(case, j, "tie", sentence, first_rank=first, last_rank=last, k=case.k, exact=case.number(j), **kept)


def _broke(case: Case, side: Scored, group: NDArray[np.bool_]) -> str:
    """How a side broke a tie: by position, by its mean rank, or by digits that its rounding added."""
    kept, ranks = side.kept[group], side.ranks
    m, size = int(kept.sum()), len(kept)
    if m in (0, size):
        mean = ranks.mean[group]
        as_mean = (mean == mean[0]).all() and (mean[0] <= case.k) == bool(m)
        return f"{side.name} keeps {'all' if m else 'none'}{f' (mean rank {mean[0]:g})' if as_mean else ''}"
    own = ranks.first[group]
    if own.min() < own.max() and own[kept].max() <= own[~kept].min():
        return f"{side.name} keeps the {m} that its rounding scores higher"
    where = "the first " if kept[:m].all() else "the last " if kept[-m:].all() else ""
    return f"{side.name} keeps {where}{m} of them"


def _p_value(case: Case, j: int, side: Scored, rival: int) -> Reason:
    """The statistic has the exact order and the p-value, by which the side ranks, has not: it is tied or off."""
    assert side.p_value is not None
    p, q, score, over = (
        float(side.p_value[j]),
        float(side.p_value[rival]),
        case.exact.scores[j],
        case.exact.scores[rival],
    )
    numbers = {"p_value": p, "rival's p_value": q, "exact": case.number(j), "rival's exact": case.number(rival)}
    apart = ""
    if isinstance(score, Fraction) and isinstance(over, Fraction):
        numbers["relative gap"] = nearest_float(abs(score - over) / max(score, over))
        apart = f", a relative {numbers['relative gap']:.1e} apart"
    against = f"{case.text(j)} and {case.features[rival]} has {case.text(rival)}{apart}; {side.name} ranks by p-value"
    if p == q:
        tied, size = int((side.ranks.first == side.ranks.first[j]).sum()), ""
        if p == 0 and isinstance(score, Fraction) and case.exact.screen == "f-test":
            numbers["log10 of p"] = log10_p(score, case.exact.rows - 2)
            size = f" (this one's is about 1e{numbers['log10 of p']:.0f})"
        sentence = f"{against} and {tied} features have p = {p:g} in float64{size}, so it {_decides(side, j)} this one"
        return _because(case, j, "underflow", sentence, tied=tied, **numbers)
    if abs(p - q) <= LAST_DIGITS * max(p, q):
        return _because(case, j, "rounding", f"{against}, whose last digits are in the other order", **numbers)
    return _unexplained(case, j, side, f"its p-values {p:g} and {q:g} contradict its own statistics", **numbers)


def _score_error(case: Case, j: int, side: Scored, c: int) -> Reason:
    """What is wrong with the statistic of column c, which misplaces j; c is j or a column ranked on its wrong side."""
    assert side.statistic is not None
    value, error, score = float(side.statistic[c]), relative_error(case, side, c), case.exact.scores[c]
    instead = (
        f"{side.name} {_decides(side, j)} it {'in place' if side.kept[j] else 'in favour'} of {case.features[c]}: "
    )
    who = "" if c == j else instead
    numbers = {"exact": case.number(c), "computed": value, "relative_error": error, "rank": int(side.ranks.first[j])}
    if score == math.inf:
        lacks = f"{who}constant within both classes, so its exact F is infinite; {side.name} has {_said(side, c)}"
        return _because(case, j, "infinite score", lacks, **numbers)
    code, formula = formula_behind(case, side, c)
    wrong = f"{who}{case.text(c)}, but {side.name} has {_said(side, c)}"
    if math.isnan(value):
        return _because(case, j, "missing score", wrong + (f", as {formula} does" if formula else ""), **numbers)
    if code == "unexplained":
        return _unexplained(case, j, side, f"{wrong}, which no formula tried here gives", **numbers)
    size = f" (relative error {error:.1e})" if math.isfinite(error) else ""
    return _because(case, j, code, f"{wrong}{size}, as {formula} does; enough to change the order", **numbers)


def _decides(side: Scored, j: int) -> str:
    return "keeps" if side.kept[j] else "drops"


def _said(side: Scored, j: int) -> str:
    """What a side reports of a column."""
    assert side.statistic is not None and side.p_value is not None
    by_p = f", p = {side.p_value[j]:g}" if side.by_p else ""
    return f"{side.statistic[j]:.9g}{by_p}, at rank {side.ranks.first[j]} of its scores"


def _values(sides: Sequence[Scored], j: int) -> dict[str, float]:
    return {f"{side.name} has": float(side.statistic[j]) for side in sides if side.statistic is not None}


def _unexplained(case: Case, j: int, side: Scored, why: str, **evidence: float) -> Reason:
    return _because(
        case, j, "unexplained", f"{side.name} {_decides(side, j)} it against its exact rank; {why}", **evidence
    )


def _because(case: Case, j: int, code: Code, sentence: str, **evidence: float) -> Reason:
    return Reason(case.features[j], code, f"{case.features[j]}: {sentence}", evidence)
