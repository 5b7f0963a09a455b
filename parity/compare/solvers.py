"""Rung 1: the same objective, and did they get there? Two linear fits to the same rows, step by step.

Features, objective, uniqueness, optimum, coefficients, probabilities, labels: each step has its own verdict, and the
first one that differs says where to look. What a side minimises is computed from its answer, not read in a manual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.answers import FAR, Examined, Rows, Side, cut_of
from parity.compare.coefficients import Relation, gap, relation, rounding
from parity.compare.minimised import SMALLEST_CHANGE
from parity.compare.tolerance import COEFFICIENTS, OBJECTIVE, PREDICTED, PROBABILITY, Tolerance
from parity.compare.verdict import Kind

if TYPE_CHECKING:
    from parity.compare.exact_screen import Exact
    from parity.compare.stationary import Floats
    from parity.spec.models import Leekasso, Linear

DIFFERENT = (Kind.DIFFERENT_EXPLAINED, Kind.DIFFERENT_UNEXPLAINED)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the comparison."""

    name: str
    verdict: Kind
    sentence: str
    values: tuple[str, str] = ("", "")
    "What each side has, in words."
    code: str = ""
    "What differs: a canonical parameter, or a word for what no parameter names."
    gap: float | None = None
    tolerance: Tolerance | None = None
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> bool:
        """Whether the two sides part here."""
        return self.verdict in DIFFERENT


@dataclass(frozen=True, slots=True)
class Card:
    """All steps of one comparison."""

    left: str
    right: str
    steps: tuple[Step, ...]

    @property
    def first(self) -> Step | None:
        """The first step at which the sides part; None where they do not."""
        return next((step for step in self.steps if step.parts), None)

    @property
    def verdict(self) -> Kind:
        """Of the pair: the first difference, else the weakest agreement among predictions."""
        if self.first is not None:
            return self.first.verdict
        kinds = [step.verdict for step in self.steps if step.name in ("probabilities", "labels")]
        if all(kind is Kind.IDENTICAL for kind in kinds):
            return Kind.IDENTICAL
        return next((kind for kind in kinds if kind is Kind.NOT_COMPARABLE), Kind.WITHIN_TOLERANCE)


def compare(left: Examined, right: Examined, rows: Rows, spec: Leekasso | Linear, exact: Exact | None = None) -> Card:
    """The steps of a comparison. spec: its screen says which features are the right ones.

    exact: the exact screen of these rows, where it is at hand already.
    """
    steps = (
        screen_step(left.side, right.side, rows, spec, exact),
        objective_step(left, right),
        uniqueness_step(left, right),
        optimum_step(left, right),
        coefficients_step(left, right),
        probabilities_step(left, right),
        labels_step(left, right),
    )
    return Card(left.side.name, right.side.name, steps)


def screen_step(left: Side, right: Side, rows: Rows, spec: Leekasso | Linear, exact: Exact | None = None) -> Step:
    """Which features each side used."""
    if set(left.selected) == set(right.selected):
        order = ", in another order" if left.selected != right.selected else ""
        count = f"{len(left.selected)} features"
        return Step("features", Kind.IDENTICAL, f"the same features{order}", (count, count))
    from parity.compare.screen_scores import Screened
    from parity.compare.screening import compare_screens

    one, two = (side.screened or Screened(side.name, side.selected) for side in (left, right))
    found = compare_screens(one, two, rows.x, rows.y.astype(np.int8), rows.features, spec, exact)
    codes = list(dict.fromkeys(reason.code for reason in found.reasons))
    return Step(
        "features",
        Kind.DIFFERENT_UNEXPLAINED if codes == ["unexplained"] else Kind.DIFFERENT_EXPLAINED,
        f"{len(found.shared)} features in common; {found.reasons[0].sentence}",
        (_own(found.only_left), _own(found.only_right)),
        code=f"screen: {', '.join(codes)}",
        notes=tuple(reason.sentence for reason in found.reasons[1:]),
    )


def objective_step(left: Examined, right: Examined) -> Step:
    """What each side was asked to minimise, and what its answer does minimise."""
    words = in_words(left), in_words(right)
    asked = _asked_difference(left.side, right.side)
    odd = [each for each in (left, right) if each.found.supposition is not None and each.diagnosis.determined]
    notes = tuple(_evidence(each) for each in odd)
    if not asked and (not odd or (len(odd) == 2 and _alike(*odd))):
        said = notes[0] if odd else f"both minimise the {words[0]}"
        return Step("objective", Kind.IDENTICAL, said, words, notes=notes[1:])
    codes = [each.found.supposition.code for each in odd if each.found.supposition]
    if asked:
        said = f"{left.side.name} minimises the {words[0]}; {right.side.name} the {words[1]}"
        return Step("objective", Kind.DIFFERENT_EXPLAINED, said, words, code=", ".join(asked), notes=notes)
    return Step("objective", Kind.DIFFERENT_EXPLAINED, notes[0], words, code=codes[0], notes=notes[1:])


def uniqueness_step(left: Examined, right: Examined) -> Step:
    """Whether the rows determine the coefficients at all."""
    undetermined = next((each for each in (left, right) if not each.diagnosis.determined), None)
    if undetermined is None:
        words = [f"rank {e.diagnosis.rank.rank}, condition {e.diagnosis.rank.condition:.3g}" for e in (left, right)]
        return Step("uniqueness", Kind.IDENTICAL, "exactly one solution on each side", (words[0], words[1]))
    one, two = left.resolved or "has one solution", right.resolved or "has one solution"
    said = f"{undetermined.diagnosis.reason}; {left.side.name} {one}, {right.side.name} {two}"
    notes = tuple(
        f"{each.side.name} counts a column as dependent where less than {each.side.rank_tolerance:.0e} of its length "
        f"is left beside the others (measured): rank {each.own_rank} of {each.diagnosis.rank.columns} here"
        for each in (left, right)
        if each.side.rank_tolerance is not None
    )
    return Step("uniqueness", Kind.NOT_COMPARABLE, said, (one, two), notes=notes)


def optimum_step(left: Examined, right: Examined) -> Step:
    """How far each side is from the solution of what it minimises."""
    words = _standing(left), _standing(right)
    if not (left.diagnosis.determined and right.diagnosis.determined):
        apart = abs(left.found.asked.value - right.found.asked.value)
        said = f"no single optimum to measure against; the objectives at the two answers are {apart:.3g} apart"
        return Step("optimum", Kind.NOT_COMPARABLE, said, words, gap=apart)
    worst = max(left.relative, right.relative)
    early = sorted((each for each in (left, right) if each.unsolved), key=lambda each: -each.relative)
    if len(early) == 2 and _same_coefficients(left, right):
        said = f"both stop at the same place, short of it: {_why_early(left)}"
        return Step("optimum", Kind.WITHIN_TOLERANCE, said, words, gap=worst, tolerance=OBJECTIVE)
    if not early:
        kind = Kind.IDENTICAL if worst == 0 else Kind.WITHIN_TOLERANCE
        return Step("optimum", kind, "both reach the optimum", words, gap=worst, tolerance=OBJECTIVE)
    known = _known(left, right, early)
    common: Any = {"values": words, "gap": worst, "tolerance": OBJECTIVE}
    if known is not None:
        said = f"{early[0].side.name}'s answer {known.sentence}, and is no solution: {_standing(early[0])}"
        return Step("optimum", Kind.DIFFERENT_EXPLAINED, said, code=known.code, **common)
    if not all(each.early for each in early):
        said = "; ".join(_why_early(each) if each.early else _no_solution(each) for each in early)
        return Step("optimum", Kind.DIFFERENT_UNEXPLAINED, said, code="no solution", **common)
    said = "; ".join(_why_early(each) for each in early)
    return Step("optimum", Kind.DIFFERENT_EXPLAINED, said, code="stopped early", **common)


def coefficients_step(left: Examined, right: Examined) -> Step:
    """The coefficients, where both sides have the same features and the rows determine them."""
    name = "coefficients"
    if set(left.side.selected) != set(right.side.selected):
        return Step(name, Kind.NOT_COMPARABLE, "they belong to different features")
    for each in (left, right):
        if not each.diagnosis.determined:
            return Step(name, Kind.NOT_COMPARABLE, f"{each.diagnosis.reason}; fitted values are compared instead")
    one, two = _paired(left, right)
    unit = left.x.std(axis=0)
    apart = max(gap(one, two, unit), _intercept_gap(left, right, one, two, unit))
    tolerance = _allowed(left, right, one, two, unit)
    if apart <= tolerance.value:
        kind = Kind.IDENTICAL if np.array_equal(one, two) else Kind.WITHIN_TOLERANCE
        return Step(name, kind, f"agree to {apart:.1e} of the largest", gap=apart, tolerance=tolerance)
    known = relation(one, left.side.intercept, two, right.side.intercept, unit, tolerance.value)
    worst = int(np.argmax(np.abs(one - two) * unit))
    feature = left.side.selected[worst]
    return Step(
        name,
        Kind.DIFFERENT_EXPLAINED if known else Kind.DIFFERENT_UNEXPLAINED,
        f"{right.side.name} {known.sentence}" if known else f"furthest apart at {feature}",
        (f"{feature} {one[worst]:.10g}", f"{feature} {two[worst]:.10g}"),
        code=known.code if known else name,
        gap=apart,
        tolerance=tolerance,
    )


def probabilities_step(left: Examined, right: Examined) -> Step:
    """First whether each side predicts what its coefficients say, then one side against the other."""
    name = "probabilities"
    for each in (left, right):
        apart, known = each.predicted
        if apart > PREDICTED.value:
            how = f"what they were computed from {known.sentence}" if known else "they do not follow from them"
            said = f"{each.side.name}'s are not those of its coefficients: {how}"
            kind = Kind.DIFFERENT_EXPLAINED if known else Kind.DIFFERENT_UNEXPLAINED
            code = f"predict: {known.code if known else name}"
            return Step(name, kind, said, code=code, gap=apart, tolerance=PREDICTED)
    difference = np.abs(left.side.probability - right.side.probability)
    apart, row = float(difference.max(initial=0)), int(np.argmax(difference))
    one, two = (f"{each.side.probability[row]:.10g} in test row {row + 1}" for each in (left, right))
    if apart <= PROBABILITY.value:
        kind = Kind.IDENTICAL if apart == 0 else Kind.WITHIN_TOLERANCE
        return Step(name, kind, f"agree to {apart:.1e}", (one, two), gap=apart, tolerance=PROBABILITY)
    common: Any = {"values": (one, two), "gap": apart, "tolerance": PROBABILITY}
    if set(left.side.selected) != set(right.side.selected):
        return Step(name, Kind.NOT_COMPARABLE, f"{apart:.3g} apart at most: other features", **common)
    for each in (left, right):
        if not each.diagnosis.determined:
            chose = "; ".join(f"{e.side.name} {e.resolved}" for e in (left, right) if e.resolved)
            said = f"{apart:.3g} apart at most: {each.diagnosis.reason}; {chose}"
            return Step(name, Kind.DIFFERENT_EXPLAINED, said, code="uniqueness", **common)
    said = f"{apart:.3g} apart at most"
    return Step(name, Kind.DIFFERENT_UNEXPLAINED, said, code=name, **common)


def labels_step(left: Examined, right: Examined) -> Step:
    """First whether each side labels by its own cut, then how many test rows are labelled differently."""
    cuts = [f"{each.side.name} {cut}" for each in (left, right) if (cut := cut_of(each.side)) is not None]
    apart, total = int((left.side.label != right.side.label).sum()), len(left.side.label)
    if apart == 0:
        return Step("labels", Kind.IDENTICAL, f"all {total:,} test rows alike", gap=0.0, notes=tuple(cuts))
    said = f"{apart:,} of {total:,} test rows are labelled differently"
    if cuts:
        said = f"{'; '.join(cuts)}: {said}"
        return Step("labels", Kind.DIFFERENT_EXPLAINED, said, code="threshold", gap=float(apart))
    if set(left.side.selected) != set(right.side.selected):
        return Step("labels", Kind.NOT_COMPARABLE, f"{said}: other features", gap=float(apart))
    return Step("labels", Kind.DIFFERENT_EXPLAINED, said, code="labels", gap=float(apart))


def in_words(each: Examined) -> str:
    """What a side's answer minimises."""
    asked = each.side.objective
    name = {"squares": "squared loss", "logistic": "logistic loss"}[asked.loss]
    parts = [f"{word} {value:.4g}" for word, value in (("ridge", asked.l2), ("lasso", asked.l1)) if value]
    if asked.intercept == "penalised" and parts:
        parts.append("on the intercept too")
    elif asked.intercept == "none":
        parts.append("without an intercept")
    if each.side.standardize:
        parts.append("on standardized columns")
    said = f"{name}, {' '.join(parts)}" if parts else f"{name}, no penalty"
    supposition = each.found.supposition if each.diagnosis.determined else None
    return f"{said}; but it {supposition.sentence}" if supposition else said


def _paired(left: Examined, right: Examined) -> tuple[Floats, Floats]:
    """Both sides' coefficients (k,) of the same features, in the left side's order; 0 where one has none."""
    place = [right.side.selected.index(feature) for feature in left.side.selected]
    return np.nan_to_num(left.side.coefficients), np.nan_to_num(right.side.coefficients[place])


def _same_coefficients(left: Examined, right: Examined) -> bool:
    if set(left.side.selected) != set(right.side.selected):
        return False
    return gap(*_paired(left, right), left.x.std(axis=0)) <= COEFFICIENTS.value


def _allowed(left: Examined, right: Examined, one: Floats, two: Floats, unit: Floats) -> Tolerance:
    """How far apart coefficients may be: what the Newton steps say that both sides still had to go, and rounding."""
    if any(each.unsolved or each.found.supposition for each in (left, right)):
        return COEFFICIENTS
    largest = max(float(np.abs(one * unit).max(initial=0)), float(np.abs(two * unit).max(initial=0)), 1e-300)
    distance = 2 * (left.to_go + right.to_go) / largest
    if distance <= COEFFICIENTS.value:
        return COEFFICIENTS
    return Tolerance(distance, "twice what the Newton steps at the two answers say that they still had to go")


def _own(names: tuple[str, ...]) -> str:
    listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return f"{len(names)} of its own: {listed}" if names else "none of its own"


def _evidence(each: Examined) -> str:
    supposition = each.found.supposition
    assert supposition is not None
    return (
        f"{each.side.name} {supposition.sentence}: so its answer is a solution to {_share(each.relative)}, "
        f"as asked only to {_share(each.found.asked.relative)}"
    )


def _alike(left: Examined, right: Examined) -> bool:
    """Whether two answers deviate from what was asked in one and the same way."""
    one, two = left.found.supposition, right.found.supposition
    assert one is not None and two is not None
    if one.ratio is None or two.ratio is None:
        return one.sentence == two.sentence
    return one.code == two.code and abs(one.ratio / two.ratio - 1) < SMALLEST_CHANGE


def _asked_difference(left: Side, right: Side) -> list[str]:
    one, two = left.objective, right.objective
    names = []
    if one.loss != two.loss:
        names.append("loss")
    if not np.isclose(one.l2, two.l2, rtol=1e-9, atol=0) or not np.isclose(one.l1, two.l1, rtol=1e-9, atol=0):
        names.append("penalty.strength")
    either = any((one.l1, one.l2, two.l1, two.l2))
    if "none" in (one.intercept, two.intercept) and one.intercept != two.intercept:
        names.append("intercept")
    elif one.intercept != two.intercept and either:
        names.append("penalty.intercept")
    if left.standardize != right.standardize:
        names.append("input_scaling")
    return names


def _share(relative: float) -> str:
    return f"{max(relative, 0.0):.1e} of the objective"


def _standing(each: Examined) -> str:
    found = each.shortfall
    largest = float(np.abs(found.gradient).max(initial=0))
    steps = f", {each.side.iterations} iterations" if each.side.iterations is not None else ""
    least = f" (minimum {each.minimum:.6g})" if each.minimum is not None and not each.found.supposition else ""
    excess = f"excess {_share(each.relative)}"
    return f"objective {found.value:.10g}{least}, largest gradient {largest:.1e}, {excess}{steps}"


def _known(left: Examined, right: Examined, unsolved: list[Examined]) -> Relation | None:
    """What an answer that is no solution shows of itself, or how it is related to the other, which is one."""
    if unsolved and (digits := rounding(np.nan_to_num(unsolved[0].side.coefficients))) is not None:
        return Relation("precision", f"is rounded to {digits}")
    if len(unsolved) != 1 or set(left.side.selected) != set(right.side.selected):
        return None
    other = right if unsolved[0] is left else left
    if not other.found.solved:
        return None
    b, mine = _paired(other, unsolved[0])
    unit = other.x.std(axis=0)
    return relation(b, other.side.intercept, mine, unsolved[0].side.intercept, unit, COEFFICIENTS.value)


def _no_solution(each: Examined) -> str:
    found = each.found.asked
    missing = [name for name, b in zip(each.side.selected, each.side.coefficients, strict=True) if np.isnan(b)]
    said = f"it gives no coefficient for {', '.join(missing)}; " if missing else ""
    above = ", above that of the intercept alone" if found.value > found.null else ""
    least = f" where its minimum is {each.minimum:.4g}" if each.minimum is not None else ""
    return (
        f"{each.side.name}'s answer solves neither what it was asked to minimise nor anything else that was tried; "
        f"{said}its objective is {found.value:.4g}{least}{above}"
    )


def _why_early(each: Examined) -> str:
    side = each.side
    if side.cap is not None and side.iterations is not None and side.iterations >= side.cap:
        why = f"its cap of {side.cap} iterations"
    elif side.converged is False:
        why = "it reports that it has not converged"
    else:
        why = side.rule or "a rule that it does not tell"
    largest = float(np.abs(each.found.asked.gradient).max(initial=0))
    above = (
        f"objective {each.found.asked.value:.4g} where its minimum is {each.minimum:.4g}"
        if each.minimum and each.relative > FAR
        else f"{_share(each.relative)} above its minimum"
    )
    return f"{side.name} stopped early ({why}): {above}, largest gradient {largest:.1e}"


def _intercept_gap(left: Examined, right: Examined, one: Floats, two: Floats, unit: Floats) -> float:
    apart = abs(left.side.intercept - right.side.intercept)
    # An intercept far from the data carries every coefficient's error times the distance.
    distance = np.abs(left.x.mean(axis=0)) / np.maximum(unit, 1e-300)
    largest = max(float(np.abs(one * unit).max(initial=0)), float(np.abs(two * unit).max(initial=0)))
    scale = max(abs(left.side.intercept), abs(right.side.intercept), largest * (1 + float(distance.max(initial=0))))
    return apart / scale if scale else 0.0
