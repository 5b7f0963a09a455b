"""By which rule gradients become updates, and what is done beside it: gradients cut off, weights that decay."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from parity.compare.reference_network import SGD, Adadelta, Adam, Decaying, Floats, Plain, RMSprop, Rule, State
from parity.explain.updates import arrays_of, digits_of, short

Record = Mapping[str, Any]

FITS = 0.02
"A rule is the one in force where its updates, times one rate, are off by no more than this share of what was seen."

CLOSE = 3.0
"Rules that fit up to so many times worse than the best may be in force as well: rounding can be the difference."

LEAST_OFF = 1e-5
"Nor is rounding of weights to float32 ever a smaller share of an update of theirs."

MOST_NUMBERS, FEW_NUMBERS = 2000, 100
"Of each array so many numbers are looked at, since every rule treats every number alike; where limits are sought."

CLEAR = 3e-4
"A limit on gradients is sought where no rule comes this near, and is one where some rule then does."

BETTER = 5.0
"What is done beside a rule has to bring its updates so many times nearer."

CUT_BY, FIRST_CUTS, NARROWING, NARROWED = 1e6, 31, 9, 4
"""A limit is sought from the largest gradient down to so small a share of it, at so many places; then about the best
one, so many at a time, so often."""

TRUSTED = 8
"Rules under which a limit is sought more closely: the nearest."

ROUNDING = {"float16": 1e-3, "float32": 1e-7, "float64": 1e-15}
"Of weights, as a share of them: what it is of an update no rule tells."

SPARE, ALIKE = 1.5, 1.2
"A limit that fits so many times worse than the best one may be the one in force as well; such limits, within a factor."

FORMS: tuple[Literal["heavy-ball", "nesterov"], ...] = ("heavy-ball", "nesterov")
MOMENTA = (0.5, 0.9, 0.95, 0.99)

RULES: tuple[Plain, ...] = (
    SGD(1.0),
    *(SGD(1.0, momentum, form) for momentum in MOMENTA for form in FORMS),
    *(Adam(1.0, b1, b2, e) for b1 in (0.0, 0.5, 0.8, 0.9, 0.95, 0.99) for b2 in (0.9, 0.99, 0.999, 0.9999)
      for e in (1e-8, 1e-7, 1e-4)),
    *(RMSprop(1.0, rho, momentum, e) for rho in (0.9, 0.95, 0.99) for momentum in (0.0, 0.9) for e in (1e-7, 1e-4)),
    *(Adadelta(1.0, rho, e) for rho in (0.9, 0.95, 0.99) for e in (1e-8, 1e-7, 1e-6)),
    *(rule for e in (1e-6, 1e-5, 1e-3, 1e-2, 0.1, 1.0) for rho in (0.99, 0.999)
      for rule in (Adam(1.0, 0.9, rho, e), RMSprop(1.0, 0.9 if rho > 0.99 else rho, 0.0, e))),
)  # fmt: skip
"""Rules of rate 1 with the constants that are in use somewhere, the plainest first: what fits is told by measuring."""


Clipping = Literal["norm", "global_norm", "value"]
"What is held to a limit: the norm of each array's gradient, that of the whole gradient, every component."


@dataclass(frozen=True, slots=True)
class Clip:
    """A limit on gradients."""

    kind: Clipping
    limit: float
    exact: bool
    "Whether no smaller one would do. It may where all gradients are cut: then only limit times rate is told, if that."


@dataclass(frozen=True, slots=True)
class Updates:
    """What makes updates of gradients."""

    rules: Mapping[Plain, float]
    "Rules of rate 1 that do, each with its rate, the likeliest first; none where no rule that is known does."
    decay: float = 0.0
    "Share of every weight that an update takes off, over the rate."
    clip: Clip | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """Some numbers of every array, k in all, over u updates."""

    slopes: Sequence[Floats]
    "u of (k,)."
    array: NDArray[np.intp]
    "(k,) the array that each number is of."
    norms: Sequence[Floats]
    "Of each update the norm of each whole array's gradient."
    before: Floats
    "(u k,) weights before each update."
    seen: Floats
    "(u k,) what each added to them."
    rounding: float
    "As a share of that, what rounding of weights can be."


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A rule, and what its updates are off by as a share of those seen."""

    off: float
    rule: Plain
    rate: float
    decay: float = 0.0


def updates_of(records: Sequence[Record], decay: float = 0.0) -> Updates | None:
    """How updates follow from gradients in this trace; None where either is not shown, or rounding is all that moves.

    decay: d where rates are asked to be divided by 1 + d * updates done.
    """
    motion = _motion(records, MOST_NUMBERS)
    if motion is None:
        return None
    plain = list(_fits(motion, motion.slopes, decay))
    best = _best(plain)
    if best <= max(LEAST_OFF, motion.rounding):
        likely = _likely(plain)
        return Updates(likely) if likely else None
    decayed = list(_fits(motion, motion.slopes, decay, decays=True))
    nearest = min(decayed, key=lambda fit: fit.off, default=None)
    if nearest is not None and nearest.off * BETTER <= best and nearest.off <= FITS and nearest.decay > 0:
        return Updates(_likely(decayed), short(nearest.decay))
    few = _motion(records, FEW_NUMBERS) if best > CLEAR else None
    clip = _clipped(few, decay, max(CLEAR, few.rounding)) if few is not None else None
    if clip is not None:
        cut = list(_fits(motion, _cut(motion, clip.kind, clip.limit), decay))
        if _best(cut) * BETTER <= best:
            return Updates(_likely(cut), clip=clip)
    return Updates(_likely(plain))


def _best(fits: Sequence[_Fit]) -> float:
    return min((fit.off for fit in fits), default=np.inf)


def _motion(records: Sequence[Record], most: int) -> _Motion | None:
    """most: numbers that are taken of each array."""
    if len(records) < 2 or any(r.get("gradients") is None for r in records[1:]):
        return None
    states, slopes = [arrays_of(r) for r in records], [arrays_of(r["gradients"]) for r in records[1:]]
    if any([a.shape for a in s] != [a.shape for a in states[0]] for s in (*states, *slopes)):
        return None
    moments = [_sampled(each, most) for each in states]
    seen = np.concatenate(np.diff(moments, axis=0))
    size = float(np.linalg.norm(seen))
    if not np.isfinite(size) or size == 0:
        return None
    sizes = [len(_sampled([array], most)) for array in states[0]]
    before = np.concatenate(moments[:-1])
    return _Motion(
        slopes=[_sampled(each, most) for each in slopes],
        array=np.repeat(np.arange(len(sizes)), sizes),
        norms=[np.array([np.linalg.norm(array) for array in each]) for each in slopes],
        before=before,
        seen=seen,
        rounding=ROUNDING[digits_of(records) or "float64"] * float(np.linalg.norm(before)) / size,
    )


def _sampled(arrays: Sequence[Floats], most: int) -> Floats:
    return np.concatenate([array.reshape(-1)[:: max(1, -(-array.size // most))] for array in arrays])


def _fits(
    motion: _Motion,
    slopes: Sequence[Floats],
    decay: float,
    *,
    decays: bool = False,
    rules: Collection[Plain] = RULES,
) -> Iterator[_Fit]:
    """Each rule at its best rate. decays: beside a decay of the weights at its best share."""
    size = float(np.linalg.norm(motion.seen))
    for rule in rules:
        made = _updates(Decaying(rule, decay) if decay else rule, slopes)
        square = float(made @ made)
        if not np.isfinite(square) or square == 0:
            continue
        rate, share = float(made @ motion.seen) / square, 0.0
        if decays:
            design = np.stack([made, -motion.before], axis=1)
            rate, share = (float(each) for each in np.linalg.lstsq(design, motion.seen, rcond=None)[0])
        off = float(np.linalg.norm(motion.seen - rate * made + share * motion.before)) / size
        yield _Fit(off, rule, rate, share / rate if rate else 0.0)


def _likely(fits: Sequence[_Fit]) -> dict[Plain, float]:
    limit = min(FITS, CLOSE * max(_best(fits), LEAST_OFF))
    ordered = sorted(fits, key=lambda fit: fit.off)
    return {fit.rule: fit.rate for fit in ordered if fit.off <= limit and fit.rate > 0}


def _updates(rule: Rule, slopes: Sequence[Floats]) -> Floats:
    state, found = State(), list[Floats]()
    with np.errstate(all="ignore"):
        for gradients in slopes:
            (updates,), state = rule.update((gradients,), state)
            found.append(updates)
    return np.concatenate(found)


# Gradients that are cut off.


def _clipped(motion: _Motion, decay: float, enough: float) -> Clip | None:
    """The limit under which some rule makes these updates, off by no more than is enough; the largest such limit."""

    def cut(kind: Clipping, limit: float, rules: Collection[Plain] = RULES) -> list[_Fit]:
        return list(_fits(motion, _cut(motion, kind, limit), decay, rules=rules))

    found: list[tuple[float, Clipping, float]] = []
    for kind in get_args(Clipping):
        largest = _largest(motion, kind)
        if not largest > 0:
            continue
        limits = [float(each) for each in largest * np.geomspace(1, 1 / CUT_BY, FIRST_CUTS)[1:]]
        tried = sorted(((fit, limit) for limit in limits for fit in cut(kind, limit)), key=lambda each: each[0].off)
        found += [(fit.off, kind, limit) for fit, limit in tried]
        best: dict[Plain, float] = {}
        for fit, limit in tried:
            best.setdefault(fit.rule, limit)
        # A smaller limit beside a smaller constant is nearly as good: each rule is followed by itself.
        for rule, limit in list(best.items())[:TRUSTED]:
            ratio = limits[0] / limits[1]
            for _ in range(NARROWED):
                closer = [
                    (fit.off, kind, float(limit * by))
                    for by in np.geomspace(1 / ratio, ratio, NARROWING)
                    for fit in cut(kind, float(limit * by), [rule])
                ]
                found += closer
                limit, ratio = min(closer)[2], ratio ** (2 / (NARROWING - 1))
    off, kind, best_limit = min(found, default=(np.inf, "norm", 0.0))
    if off > enough:
        return None
    near = max(SPARE * off, motion.rounding)
    alike = [limit for each, of, limit in found if of == kind and each <= near]
    exact = max(alike) < ALIKE * min(alike)
    return Clip(kind, short(best_limit if exact else max(alike)), exact)


def _largest(motion: _Motion, kind: Clipping) -> float:
    match kind:
        case "norm":
            return float(np.max(motion.norms))
        case "global_norm":
            return max(float(np.linalg.norm(norms)) for norms in motion.norms)
    return float(np.abs(motion.slopes).max())


def _cut(motion: _Motion, kind: Clipping, limit: float) -> list[Floats]:
    """The gradients held to a limit."""
    if kind == "value":
        return [np.clip(slopes, -limit, limit) for slopes in motion.slopes]
    found = []
    for slopes, norms in zip(motion.slopes, motion.norms, strict=True):
        of = norms if kind == "norm" else np.full_like(norms, np.linalg.norm(norms))
        found.append(slopes * np.minimum(1.0, limit / np.where(of == 0, limit, of))[motion.array])
    return found


# Words.


def kind_of(rule: Plain) -> str:
    """The specification's name of a rule."""
    return type(rule).__name__.lower()


def constants_of(rule: Plain) -> dict[str, float | bool]:
    """Fields of a specification that say the same as a rule, its rate left out."""
    match rule:
        case SGD():
            return {"momentum": rule.momentum, "nesterov": rule.form == "nesterov"}
        case Adam():
            return {"beta1": rule.beta1, "beta2": rule.beta2, "epsilon": rule.epsilon}
        case RMSprop():
            return {"rho": rule.rho, "momentum": rule.momentum, "epsilon": rule.epsilon}
    return {"rho": rule.rho, "epsilon": rule.epsilon}
