"""The size of a factor: sought through a framework's own fits, and held against the round numbers of mistakes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from parity.explain import changes
from parity.explain.pursuit import Attempt, Ground

IDENTICAL = 1e-12
"Predicted values no further apart are those of one and the same computation."

NARROWINGS = 5
"Steps towards the size of a factor, after a first look about it."

ROUND = 0.03
"A round number within this share of the factor found is tried in its place."

ABOUT = 0.07
"The same where something else may still be wrong, which the factor made up for."


def resized(ground: Ground, attempt: Attempt, place: int) -> Attempt:
    """The attempt with its factor at the nearest predicted values, or at a round number where that is as near."""
    number = next((i for i, step in enumerate(attempt.steps) if step.resized is not None), None)
    if number is None:
        return attempt
    step = attempt.steps[number]
    assert step.factor is not None and step.resized is not None

    def at(factors: Sequence[float]) -> list[Attempt]:
        made = [step.resized(factor) if step.resized else None for factor in factors]
        trials = [
            dataclasses.replace(attempt, steps=(*attempt.steps[:number], each, *attempt.steps[number + 1 :]))
            for each in made
            if each is not None
        ]
        return ground.measured(trials, place)

    def size(each: Attempt) -> float:
        found = each.steps[number].factor
        assert found is not None
        return found

    tried = at([step.factor * f for f in (0.8, 0.9, 1.0, 1.1, 1.25)] + round_numbers(step.factor, ground, place, 0.3))
    for _ in range(NARROWINGS):
        best = min([attempt, *tried], key=lambda each: each.mean)
        if best is attempt or best.far <= IDENTICAL:
            break
        below = max((size(t) for t in tried if size(t) < size(best)), default=size(best) / 2)
        above = min((size(t) for t in tried if size(t) > size(best)), default=size(best) * 2)
        between = [math.sqrt(size(best) * edge) for edge in (below, above)]
        tried += at([*between, *round_numbers(size(best), ground, place, ROUND)])
    return min([attempt, *tried], key=lambda each: each.mean)


def snapped(ground: Ground, attempt: Attempt, place: int) -> list[Attempt]:
    """The attempt with a round number for its factor, where one is near: not fitted yet."""
    found = []
    for i, step in enumerate(attempt.steps):
        for size in round_numbers(step.factor, ground, place, ABOUT) if step.factor is not None else ():
            other_step = step.resized(size) if step.resized is not None else None
            if other_step is not None and size != step.factor:
                steps = (*attempt.steps[:i], other_step, *attempt.steps[i + 1 :])
                found.append(dataclasses.replace(attempt, steps=steps))
    return found


def round_numbers(factor: float, ground: Ground, place: int, within: float) -> list[float]:
    """Sizes that mistakes have: few digits, one over that, the number of rows, a pixel's largest value."""
    n = ground.seen[place].draw.n
    power = 10.0 ** math.floor(math.log10(factor))
    plain = [digit * scale for digit in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9) for scale in (power, 10 * power)]
    inverse = 10.0 ** math.floor(math.log10(1 / factor))
    divided = [1 / (digit * scale) for digit in (1.5, 3, 6, 7, 8, 9) for scale in (inverse, 10 * inverse)]
    known = [*plain, *divided, n, 1 / n, 2 * n, 0.5 / n, changes.PIXEL**2, changes.PIXEL**-2]
    return [each for each in dict.fromkeys(known) if abs(each / factor - 1) <= within]
