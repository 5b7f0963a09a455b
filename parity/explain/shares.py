"""What each live difference is worth: switched by itself, and its share of the gap among all of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from parity.explain.attribution import EXACT as FEW
from parity.explain.attribution import Set, effect, interactions, orders, prefixes, sets_of, shapley, shares_of
from parity.explain.bench import Bench, Pairing
from parity.explain.closeness import accuracy_gaps, log_loss_gaps
from parity.explain.found import Findings, Interaction, Measured, Verdict
from parity.explain.treatment import ENDS, End, Seen, Switch

Floats = NDArray[np.float64]
Chosen = Callable[[Set], list[Switch]]
"The switches of a set of live differences."

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
    live, seen = now.live, now.seen
    players, draws = len(live), len(seen)
    if not players:
        yield now
        return
    switches = [v.switch for v in live]

    def of(numbers: Set) -> list[Switch]:
        return [switches[i] for i in sorted(numbers)]

    if players <= FEW:
        sets = sets_of(players)
        worth = {s: gaps(p, draws) for s, p in zip(sets, bench.run([of(s) for s in sets], seen), strict=True)}
        kinds = [{s: -values[kind] for s, values in worth.items()} for kind in (0, 1)]
        split = [shapley(kind, players) for kind in kinds]
        pairs = interactions(kinds[0], players)
        yield _shared(now, live, split[0], split[1], worth[frozenset(range(players))], pairs)
        return
    sums = np.zeros((2, draws, players))
    ends = bench.run([(), switches], seen)
    first, last = (gaps(pairing, draws) for pairing in ends)
    sampled = [orders(players, ROUNDS, seed=each.draw.seed) for each in seen]
    for round_ in range(ROUNDS):
        walks = [sampled[place][round_] for place in range(draws)]
        worths = _walked(bench, walks, of, seen)
        for place, walk in enumerate(walks):
            for kind in (0, 1):
                path = [first[kind][place], *worths[place][kind], last[kind][place]]
                sums[kind, place] -= shares_of(walk, path)
        means = sums / (round_ + 1)
        pairs = _pairwise(bench, now, live, means[0], of, first[0]) if round_ == ROUNDS - 1 else {}
        found = _shared(now, live, means[0], means[1], last, pairs)
        yield dataclasses.replace(
            found, missing=f"{ROUNDS - round_ - 1} of {ROUNDS} rounds of shares, the smallest set"
        )


def _walked(
    bench: Bench, walks: Sequence[tuple[int, ...]], of: Chosen, seen: Sequence[Seen]
) -> list[tuple[list[float], list[float]]]:
    """For each draw the gaps along its own order of switching, without the first and the last."""
    paths = [[of(s) for s in prefixes(walk)[1:-1]] for walk in walks]
    results = bench.both([(switches, each) for path, each in zip(paths, seen, strict=True) for switches in path])
    found, first = [], 0
    for path in paths:
        accuracy, loss = gaps(bench.paired(results[first : first + len(path)]), len(path))
        found.append(([float(v) for v in accuracy], [float(v) for v in loss]))
        first += len(path)
    return found


def _pairwise(
    bench: Bench,
    now: Findings,
    live: Sequence[Verdict],
    shares: Floats,
    of: Chosen,
    first: Floats,
) -> dict[tuple[int, int], Floats]:
    """What the strongest differences do two by two beyond each by itself, from the shipped end."""
    with np.errstate(invalid="ignore"):
        strength = np.abs(np.nanmean(shares, axis=0))
    strongest = sorted(int(i) for i in np.argsort(-strength)[:STRONGEST])
    couples = list(itertools.combinations(strongest, 2))
    sets: list[Set] = [*(frozenset({i}) for i in strongest), *(frozenset(c) for c in couples)]
    found = [gaps(p, len(now.seen))[0] for p in bench.run([of(s) for s in sets], now.seen)]
    worth = dict(zip(sets, found, strict=True))
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
