"""What each live difference is worth: switched by itself, and its share of the gap among all of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from parity.explain.attribution import EXACT as FEW
from parity.explain.attribution import Set, effect, interactions, orders, prefixes, sets_of, shapley, shares_of
from parity.explain.bench import Bench, Pairing
from parity.explain.closeness import accuracy_gaps, log_loss_gaps
from parity.explain.found import Findings, Interaction, Measured, Verdict
from parity.explain.said import Tried, said_anew
from parity.explain.treatment import ENDS, End, Seen

Floats = NDArray[np.float64]
ROUNDS = 4
"Sampled orders of the differences on each draw, in pairs of an order and its reverse."

STRONGEST = 4
"So many of the strongest differences are tried two by two where not every set of them is."

INTERACTIONS = 3
"Interactions that are told."


def gaps(pairing: Pairing, draws: int) -> tuple[Floats, Floats]:
    """(draws,) gaps of accuracy and of log loss, right - left; NaN where there is none."""
    accuracy, loss = np.full(draws, np.nan), np.full(draws, np.nan)
    accuracy[list(pairing.places)] = accuracy_gaps(pairing.left, pairing.right)
    losses = log_loss_gaps(pairing.left, pairing.right)
    if losses is not None:
        loss[list(pairing.places)] = losses
    return accuracy, loss


def _measure(accuracy: Floats, loss: Floats) -> Measured | None:
    """Effects of (draws,) values; draws without one are left out. None where none has one."""
    known = accuracy[~np.isnan(accuracy)]
    if not len(known):
        return None
    losses = loss[~np.isnan(loss)]
    return Measured(effect(known), effect(losses) if len(losses) == len(known) else None)


def alone(bench: Bench, now: Findings) -> Findings:
    """The effect of each live difference by itself, from both ends: change of the switched side's own scores."""
    seen = now.seen
    asked = [(v.name, end, v.judged.chosen[end]) for v in now.live for end in ENDS if end in v.judged.chosen]
    pairings = bench.run([(), *([way] for _, _, way in asked)], seen)
    before = gaps(pairings[0], len(seen))
    found: dict[str, dict[End, Measured]] = {}
    for (name, end, _), pairing in zip(asked, pairings[1:], strict=True):
        after = gaps(pairing, len(seen))
        sign = 1 if end == "right" else -1
        measure = _measure(sign * (after[0] - before[0]), sign * (after[1] - before[1]))
        if measure is not None:
            found.setdefault(name, {})[end] = measure
    verdicts = [dataclasses.replace(v, alone=found.get(v.name, {})) for v in now.verdicts]
    return dataclasses.replace(now, verdicts=tuple(verdicts))


def shares(bench: Bench, now: Findings) -> Iterator[Findings]:
    """Shapley shares of the gap: exact for few differences, from sampled orders for more, one round after another."""
    if len(now.live) <= FEW:
        yield _exact(bench, now)
    else:
        yield from _sampled(bench, now)


def _exact(bench: Bench, now: Findings) -> Findings:
    """From every set of the live differences."""
    live, seen = now.live, now.seen
    players, draws = len(live), len(seen)
    sets = sets_of(players)
    tried = _tried(bench, seen, [(_of(live, s), draw) for s in sets for draw in range(draws)])
    worth = {s: _gaps_of(bench, tried[i * draws : (i + 1) * draws]) for i, s in enumerate(sets)}
    kinds = [{s: -values[kind] for s, values in worth.items()} for kind in (0, 1)]
    split = [shapley(kind, players) for kind in kinds]
    now = dataclasses.replace(now, said=said_anew(bench, seen, tried))
    return _shared(now, live, split[0], split[1], worth[frozenset(range(players))], interactions(kinds[0], players))


def _sampled(bench: Bench, now: Findings) -> Iterator[Findings]:
    """From orders of the live differences, another one on every draw and in every round."""
    live, seen = now.live, now.seen
    players, draws = len(live), len(seen)
    sums = np.zeros((2, draws, players))
    ends = _tried(bench, seen, [(switched, draw) for switched in ([], live) for draw in range(draws)])
    first, last = _gaps_of(bench, ends[:draws]), _gaps_of(bench, ends[draws:])
    walks = [orders(players, ROUNDS, seed=each.draw.seed) for each in seen]
    tried = ends
    for round_ in range(ROUNDS):
        # Where a walk begins and where it ends is known.
        between = [(_of(live, s), draw) for draw, walk in enumerate(walks) for s in prefixes(walk[round_])[1:-1]]
        found = _tried(bench, seen, between)
        tried = [*tried, *found]
        for draw, walk in enumerate(walks):
            steps = _gaps_of(bench, found[draw * (players - 1) : (draw + 1) * (players - 1)])
            for kind in (0, 1):
                path = [first[kind][draw], *steps[kind], last[kind][draw]]
                sums[kind, draw] -= shares_of(walk[round_], path)
        means = sums / (round_ + 1)
        pairs = _pairwise(bench, now, live, means[0], first[0]) if round_ == ROUNDS - 1 else {}
        missing = f"{ROUNDS - round_ - 1} of {ROUNDS} rounds of shares, the smallest set"
        now = dataclasses.replace(now, said=said_anew(bench, seen, tried))
        yield dataclasses.replace(_shared(now, live, means[0], means[1], last, pairs), missing=missing)


def _of(live: Sequence[Verdict], numbers: Set) -> list[Verdict]:
    return [live[i] for i in sorted(numbers)]


def _tried(bench: Bench, seen: Sequence[Seen], asked: Sequence[tuple[Sequence[Verdict], int]]) -> list[Tried]:
    """Both sides with some differences switched on a draw, of each that is asked for; all are fitted at once."""
    results = bench.both([([v.switch for v in switched], seen[draw]) for switched, draw in asked])
    return [Tried(switched, draw, pair) for (switched, draw), pair in zip(asked, results, strict=True)]


def _gaps_of(bench: Bench, tried: Sequence[Tried]) -> tuple[Floats, Floats]:
    return gaps(bench.paired([each.results for each in tried]), len(tried))


def _pairwise(
    bench: Bench, now: Findings, live: Sequence[Verdict], shares: Floats, first: Floats
) -> dict[tuple[int, int], Floats]:
    """What the strongest differences do two by two beyond each by itself, from the shipped end."""
    with np.errstate(invalid="ignore"):
        strength = np.abs(np.nanmean(shares, axis=0))
    strongest = sorted(int(i) for i in np.argsort(-strength)[:STRONGEST])
    couples = list(itertools.combinations(strongest, 2))
    sets: list[Set] = [*(frozenset({i}) for i in strongest), *(frozenset(c) for c in couples)]
    pairings = bench.run([[v.switch for v in _of(live, s)] for s in sets], now.seen)
    worth = {s: gaps(pairing, len(now.seen))[0] for s, pairing in zip(sets, pairings, strict=True)}
    return {
        (i, j): -(worth[frozenset({i, j})] - worth[frozenset({i})] - worth[frozenset({j})] + first) for i, j in couples
    }


def _shared(
    now: Findings,
    live: Sequence[Verdict],
    accuracy: Floats,
    loss: Floats,
    last: tuple[Floats, Floats],
    pairs: Mapping[tuple[int, int], Floats],
) -> Findings:
    # Shares add up to the gap only on draws on which every set of switches could be fitted.
    whole = ~np.isnan(accuracy).any(axis=1) & ~np.isnan(last[0])
    accuracy, loss = accuracy[whole], loss[whole]
    by_name = {v.name: _measure(accuracy[:, i], loss[:, i]) for i, v in enumerate(live)}
    verdicts = tuple(dataclasses.replace(v, share=by_name.get(v.name)) for v in now.verdicts)
    known = {(i, j): values[~np.isnan(values)] for (i, j), values in pairs.items()}
    strongest = sorted(
        (Interaction(live[i].name, live[j].name, effect(values)) for (i, j), values in known.items() if len(values)),
        key=lambda each: -abs(each.accuracy.mean),
    )
    return dataclasses.replace(
        now,
        verdicts=verdicts,
        remainder=_measure(last[0][whole], last[1][whole]),
        shared=int(whole.sum()),
        interactions=tuple(strongest[:INTERACTIONS]),
        missing="the smallest set",
    )
