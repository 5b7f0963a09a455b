"""What two sides can differ in by what their first updates show: each side's own value, and when two are the same."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from parity.compare.reference_network import Plain as Rule
from parity.explain.inputs import DIVIDED, UNSCALED, Rows
from parity.explain.losses import Loss
from parity.explain.rules import Clipping, constants_of, kind_of
from parity.explain.traced import Kind, Shown
from parity.explain.updates import short
from parity.spec.vocabulary import GLOSSARY

RATE = 0.01
"Rates and penalties that differ by less than this share of themselves are the same: float32 leaves an error of 0.001."

SHARE = 0.03
"Shares of dropped inputs that differ by less are the same: of a few hundred inputs they are told to 0.02."

ALL = "all rows"
"An update of them is one whatever the largest size."

CONSTANTS = {
    "momentum": "momentum", "nesterov": "nesterov", "beta1": "adaptive.beta1", "beta2": "adaptive.beta2",
    "rho": "adaptive.decay", "epsilon": "adaptive.epsilon",
}  # fmt: skip
"Field of a specification -> the glossary's name of what it pins."


@dataclass(frozen=True, slots=True, eq=False)
class Aspect:
    """One thing that a side's updates can show."""

    name: str
    "The glossary's, where it has one."
    value: Callable[[Shown], Any]
    "None where it is not shown."
    words: Callable[[Any], str]
    evidence: str
    meaning: str
    kinds: tuple[Kind, ...] = ("given", "rows")
    "Traces that it is told from."
    alike: Callable[[Any, Any], bool] = operator.eq


def parts(aspect: Aspect, left: Shown, right: Shown) -> bool:
    """Whether both sides show it, and not the same."""
    one, other = aspect.value(left), aspect.value(right)
    return one is not None and other is not None and not aspect.alike(one, other)


def scaling_of(shown: Shown) -> tuple[str, float] | None:
    """The map of the inputs and a factor besides; of inverted dropout the factor is no part of it."""
    if shown.scaling is None:
        return None
    name, factor = shown.scaling
    if name == UNSCALED and math.isclose(factor * 255, 1, rel_tol=1e-3):
        name, factor = DIVIDED, 1.0
    kept = 1 - (shown.dropped or 0.0)
    inverted = kept < 1 and math.isclose(factor * kept, 1, rel_tol=2 * SHARE)
    return name, 1.0 if inverted else short(factor)


def columns_of(shown: Shown) -> tuple[str, ...] | None:
    return None if shown.rows is None else tuple(sorted({*shown.rows.blanked, *shown.rows.absent}))


def missing_of(shown: Shown) -> tuple[int, ...] | None:
    """Places of rows that never come."""
    rows = shown.rows
    return tuple(sorted(set(range(len(rows.mask))) - set(rows.places))) if rows is not None and rows.whole else None


def repeated_of(shown: Shown) -> tuple[int, ...] | None:
    """Places of rows that come again, once for every time that they do."""
    if shown.every is None:
        return None
    counts = Counter(shown.every)
    return tuple(place for place in sorted(counts) for _ in range(counts[place] - 1))


def batch_of(shown: Shown) -> int | str | None:
    if shown.batch is None or shown.rows is None:
        return None
    trained = len(shown.rows.places) if shown.rows.whole else len(shown.rows.mask)
    return ALL if shown.batch >= trained else shown.batch


def penalty_of(shown: Shown) -> tuple[float, float] | None:
    """Lambda on the mean loss, and times the rows of an update: scikit-learn's alpha, which counts once an update."""
    if shown.penalty is None:
        return None
    return short(shown.penalty), short(shown.penalty * (shown.batch or 1))


def digits_of(shown: Shown) -> str | None:
    """The shortest format that inputs or weights are of."""
    rounding = shown.rows.rounding if shown.rows is not None else None
    known = [each for each in (rounding, shown.digits) if each is not None]
    return min(known, key=lambda name: int(name.removeprefix("float")), default=None)


def rule_of(shown: Shown) -> Rule | None:
    """The likeliest."""
    return next(iter(shown.rules), None)


def rates_of(shown: Shown) -> Mapping[Rule, float] | None:
    return shown.rules or None


def told_rates_of(shown: Shown) -> Mapping[Rule, float] | None:
    """Rates where they are told: of a limit that is only a bound the rate is none."""
    clip = shown.updates.clip if shown.updates is not None else None
    return rates_of(shown) if clip is None or clip.exact else None


def decay_of(shown: Shown) -> float | None:
    return shown.updates.decay if shown.updates is not None and shown.rules else None


def limit_of(kind: Clipping) -> Callable[[Shown], tuple[float, float] | None]:
    """Between which numbers the limit on gradients is; infinite where there is none."""

    def value(shown: Shown) -> tuple[float, float] | None:
        if shown.updates is None or not shown.rules:
            return None
        clip = shown.updates.clip
        if clip is None or clip.kind != kind:
            return math.inf, math.inf
        return (clip.limit if clip.exact else 0.0), clip.limit

    return value


def _limit_words(limit: tuple[float, float]) -> str:
    low, high = limit
    return "none" if math.isinf(high) else f"{high:g}" if low == high else f"at most {high:g}"


def _same_limit(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1]) * (1 + SHARE)


def known_of(shown: Shown) -> bool | None:
    """Whether some rule makes its updates."""
    return None if shown.updates is None else bool(shown.rules)


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RATE, abs_tol=1e-12)


def _same_rule(one: Mapping[Rule, float], other: Mapping[Rule, float]) -> bool:
    return bool(one.keys() & other.keys())


def _constant_words(name: str) -> Callable[[Mapping[Rule, float]], str]:
    return lambda rules: f"{constants_of(next(iter(rules))).get(name, 'none')}"


def _same_constant(name: str) -> Callable[[Mapping[Rule, float], Mapping[Rule, float]], bool]:
    """Rules of one kind differ in a constant where it differs between the likeliest and no rule is both sides'."""

    def alike(one: Mapping[Rule, float], other: Mapping[Rule, float]) -> bool:
        a, b = next(iter(one)), next(iter(other))
        if _same_rule(one, other) or kind_of(a) != kind_of(b):
            return True
        return constants_of(a).get(name) == constants_of(b).get(name)

    return alike


def _same_kind(one: Mapping[Rule, float], other: Mapping[Rule, float]) -> bool:
    return bool({kind_of(rule) for rule in one} & {kind_of(rule) for rule in other})


def _same_rate(one: Mapping[Rule, float], other: Mapping[Rule, float]) -> bool:
    """Of a rule that is both sides', or of the likeliest of one kind; of rules of two kinds no rates are compared."""
    common = [rule for rule in one if rule in other]
    if common:
        return any(close(one[rule], other[rule]) for rule in common)
    a, b = next(iter(one)), next(iter(other))
    return kind_of(a) != kind_of(b) or close(one[a], other[b])


def _same_penalty(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return any(close(a, b) for a, b in zip(one, other, strict=True))


def _same_decay(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SHARE)


def _same_share(one: float, other: float) -> bool:
    return abs(one - other) <= SHARE


def rate_of(rates: Mapping[Rule, float]) -> float:
    """The likeliest rule's rate, in few digits."""
    return short(next(iter(rates.values())))


def share_told(share: float) -> float:
    """A share that was counted, as the twentieth that it is within its error, else in two digits.

    >>> share_told(0.306), share_told(0.33)
    (0.3, 0.33)
    """
    twentieth = round(share * 20) / 20
    return twentieth if abs(share - twentieth) < SHARE / 2 else round(share, 2)


def _scaling_words(value: tuple[str, float]) -> str:
    name, factor = value
    return name if factor == 1 else f"{name}, times {factor:g}"


def _listed_rows(nothing: str, something: str) -> Callable[[tuple[int, ...]], str]:
    """Rows by number, the first one being 1."""

    def words(value: tuple[int, ...]) -> str:
        told = _listed(nothing, something.replace("row", "rows", 1) if len(value) > 1 else something)
        return told(tuple(place + 1 for place in value))

    return words


def _listed(nothing: str, something: str) -> Callable[[tuple[Any, ...]], str]:
    def words(value: tuple[Any, ...]) -> str:
        shown = ", ".join(map(str, value[:5])) + (f" and {len(value) - 5} more" if len(value) > 5 else "")
        return something.format(shown) if value else nothing

    return words


def _order_words(places: tuple[int, ...]) -> str:
    n = len(places)
    if places == tuple(range(n)):
        return "the rows as they are given"
    return "the rows reversed" if places == tuple(range(n))[::-1] else "the rows in another order"


def _rule_words(rates: Mapping[Rule, float]) -> str:
    rule = next(iter(rates))
    constants = ", ".join(f"{name} {value:g}" for name, value in constants_of(rule).items() if value is not False)
    return f"{kind_of(rule)}, rate {rate_of(rates):g}, {constants}"


def _start_words(kind: str) -> Callable[[Any], str]:
    def words(value: Any) -> str:
        told = {f"{each:g} × those given" if kind == "weights" else _bias_words(*each) for each in value}
        return " or ".join(sorted(told))

    return words


def _bias_words(factor: float, shift: float) -> str:
    if factor == 0:
        return f"{shift:g} whatever is given"
    return f"{factor:g} × those given" + (f" and {shift:g}" if shift else "")


def _of_rows(value: Callable[[Rows], Any]) -> Callable[[Shown], Any]:
    return lambda shown: None if shown.rows is None else value(shown.rows)


def _loss_words(loss: Loss) -> str:
    return loss.kind + (f", labels smoothed by {loss.smoothing:g}" if loss.smoothing else "")


def _same_loss(one: Loss, other: Loss) -> bool:
    return one.kind == other.kind and close(one.smoothing, other.smoothing)


def _weights_words(loss: Loss) -> str:
    return f"errors of class 0 times {loss.weights[0]:g}, of class 1 times {loss.weights[1]:g}"


def _same_weights(one: Loss, other: Loss) -> bool:
    """Of two losses no weights are compared: a squared error is twice what it is halved."""
    pairs = zip(one.weights, other.weights, strict=True)
    return not _same_loss(one, other) or all(close(a, b) for a, b in pairs)


def _glossary(name: str) -> str:
    return GLOSSARY[name].consequence


ASPECTS = (
    Aspect("inputs", lambda shown: shown.inputs,
           lambda v: "those given, by a map that is known" if v else "others than those given, by no map that is known",
           "inputs of the first updates against the draw's rows", "A network learns the inputs that it is shown.",
           ("rows",)),
    Aspect("rows", missing_of, _listed_rows("all rows", "all but row {}"), "rows that the updates of an epoch saw",
           "A row that is left out does not pull on the fit."),
    Aspect("repeated rows", repeated_of, _listed_rows("each row once", "row {} again"), "rows of one update of all",
           "A row that comes twice weighs twice.", ("all",)),
    Aspect("columns", columns_of, _listed("every column as it is", "without {}"),
           "inputs of the first updates against the draw's rows",
           "A column that is left out has no weight and no say."),
    Aspect("input_scaling", scaling_of, _scaling_words, "inputs of the first updates against the draw's rows",
           _glossary("input_scaling")),
    Aspect("dropout.input", lambda shown: shown.dropped, lambda v: f"{share_told(v):g} of the inputs dropped",
           "inputs of the first updates that are 0 and should not be", _glossary("dropout.input"), alike=_same_share),
    Aspect("labels", _of_rows(lambda rows: rows.flipped),
           _listed_rows("as they are given", "row {} with the other label"),
           "targets of the first updates against the draw's labels", "A network learns the labels that it is shown."),
    Aspect("order of rows", _of_rows(lambda rows: rows.permutation), _order_words,
           "rows of the first updates against the order that was asked for",
           "Another order of the rows takes other steps from the same start."),
    Aspect("shuffle", lambda shown: shown.order, str, "rows of the first updates where no order was asked for",
           _glossary("shuffle"), ("rows", "shipped")),
    Aspect("batch_size", batch_of, lambda v: v if isinstance(v, str) else f"{v} row{'s' * (v != 1)} an update",
           "rows of the first update", _glossary("batch_size"), ("rows", "ordered")),
    Aspect("initial weights", lambda shown: shown.start and shown.start.weights, _start_words("weights"),
           "weights before training, where they were given",
           "Where training starts decides where a network that is not trained to the end stops."),
    Aspect("initial biases", lambda shown: shown.start and shown.start.biases, _start_words("biases"),
           "biases before training, where they were given",
           "Biases that do not start at zero move each unit's threshold."),
    Aspect("dropout.hidden", lambda shown: shown.dropout, lambda v: f"{v:g} of the hidden units dropped",
           "activations of the first update against the layer's weights", _glossary("dropout.hidden"),
           alike=lambda a, b: abs(a - b) <= RATE),
    Aspect("penalty.l2", penalty_of, lambda v: f"{v[0]:g} on the mean loss",
           "the first update's gradients where the loss has none", _glossary("penalty.l2"), ("ordered",),
           _same_penalty),
    Aspect("loss", lambda shown: shown.loss, _loss_words, "errors that the first update's gradients are made of",
           _glossary("loss"), ("given",), _same_loss),
    Aspect("class.weights", lambda shown: shown.loss, _weights_words,
           "errors that the first update's gradients are made of", _glossary("class.weights"), ("given",),
           _same_weights),
    Aspect("penalty.decay", decay_of, lambda v: f"{v:g}", "updates against their gradients and the weights",
           _glossary("penalty.decay"), ("given",), _same_decay),
    *(Aspect(f"gradient.clip.{kind}", limit_of(kind), _limit_words, "updates against their gradients",
             _glossary(f"gradient.clip.{kind}"), ("given",), _same_limit)
      for kind in get_args(Clipping)),
    Aspect("updates", known_of, lambda v: "those of a rule that is known" if v else "those of no rule that is known",
           "updates against their gradients", "What a step is made of decides where a training goes.", ("given",)),
    Aspect("optimizer", rates_of, _rule_words, "updates against their gradients", _glossary("optimizer"),
           alike=_same_kind),
    Aspect("learning_rate", told_rates_of, lambda v: f"{rate_of(v):g}", "updates against their gradients",
           _glossary("learning_rate"), alike=_same_rate),
    *(Aspect(told, rates_of, _constant_words(name), "updates against their gradients", _glossary(told),
             alike=_same_constant(name))
      for name, told in CONSTANTS.items()),
    Aspect("precision", digits_of, str, "digits of inputs and weights",
           "float16 carries 3 digits, float32 7, float64 16; long training amplifies the difference."),
)  # fmt: skip
"In the order in which they act."

BY_NAME = {aspect.name: aspect for aspect in ASPECTS}
