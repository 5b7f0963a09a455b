"""The search on one draw: single changes, sets that simulated fits propose, then longer sets and exchanges."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity.explain.changes import flipped, left_out
from parity.explain.drawn import by_each_draw
from parity.explain.holding import Proof
from parity.explain.proposing import Picture, equivalents, proposed, row_step, single
from parity.explain.pursuit import Attempt, Step
from parity.explain.sizes import resized, snapped
from parity.explain.supposed import ROWS
from parity.explain.treatment import End, other

PROMISING = 5.0
"An end at which sets come so many times nearer is the one to go on with."

EXTENDED = 3
"Sets, each of another kind, that are tried with every single change besides."

TOGETHER = {"input_scaling": 5, "intercept": 1, "iterations": 1, "labels": 1, "rows": 1, "columns": 1}
"Single changes that are tried so as well, the nearest of each name, so many."

NEAR_ENOUGH = 0.6
"A set that leaves no more than this share of the distance may be a part of what is sought."

ROW_BASES = 3
"Of the sets that change rows so many are tried with each further row."

TOGETHER_IN = 2
"The round in which they are: the one of pairs."

RESIZED = 4
"Sets whose factors are sought through the framework's own fits."

UNITS = {"input_scaling", "units of columns", "penalty.strength"}
"Changes of which one may be taken for another, or for two of them: what a penalty weighs hangs on the columns' units."

PARTED = 6
"Sets that simulated fits propose, each of another kind, whose parts are tried."

POLISHED = 2
"Sets of which each change is exchanged for others of its name."

ROW_PAIRS = 800
"Pairs of rows that are tried at most: all pairs of forty rows."

LIKE = 1e-3
"Predicted values of a side that a simulated fit gives this nearly, on average, it also gives under changes."

NEARER = 0.9
"An exchange that comes no nearer than this share is the last."

OF_PLACES, OF_A_NAME = 24, 4
"Changes of rows and columns, and of any other name, that are tried beside others."


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search for up to `most` changes; pictures: both sides as simulated fits see them."""

    proof: Proof
    most: int
    pictures: Mapping[End, Picture | None]

    def found(self, ends: Sequence[End]) -> Attempt | None:
        """The changes of one side that explain the other, verified; None where none do. ends: the likelier one first.

        What is cheap is tried at both ends before what is dear at either.
        """
        alone: dict[End, list[Attempt]] = {}
        attempts: dict[End, list[Attempt]] = {}
        best: Attempt | None = None
        likelier = ends[0]
        for turn in range(1 + self.most):
            for end in ends:
                if turn == 0:
                    fresh = self._fitted(single(self.proof.ground, end, self.proof.search, self.pictures))
                    alone[end] = fresh
                elif turn == 1:
                    fresh = self._fitted(proposed(self.proof.ground, end, self.proof.search, self.pictures, self.most))
                    fresh = self._resized([*fresh, *self._fitted(_parts(fresh))])
                else:
                    bases = _diverse(attempts[end])[:EXTENDED]
                    # A change that tells only beside another may look no better than others by itself.
                    bases += _nearest_of(alone[end]) if turn == TOGETHER_IN else []
                    longer = self._longer(bases, alone[end], attempts[end])
                    if turn == TOGETHER_IN:
                        longer += self._one_row_more(end, [*alone[end], *attempts[end]])
                    fresh = self._resized(self._fitted(longer))
                if turn > 0:
                    fresh = [*fresh, *self._exchanged(fresh, alone[end])]
                attempts[end] = [*attempts.get(end, []), *fresh]
                best = self.proof.better(best, self.proof.verified(fresh))
                if self.proof.found(best):
                    return best
                exact = sorted((each for each in fresh if self.proof.found(each)), key=self.proof.rank)
                drawn = next((one for each in exact[:1] if (one := by_each_draw(self.proof, each)) is not None), None)
                if drawn is not None:
                    return drawn
            if turn > 0:
                # What is dear goes on where sets have come decisively nearer than at the other end.
                least = min(self._nearest(attempts[end]) for end in ends)
                ends = [end for end in ends if self._nearest(attempts[end]) <= PROMISING * least]
        return self._pair_of_rows(likelier) if best is None else best

    def _exchanged(self, attempts: Sequence[Attempt], alone: Sequence[Attempt]) -> list[Attempt]:
        """The nearest sets with one of their changes exchanged for another of its name, as long as that comes nearer.

        A simulated fit takes one scaling, one row or one size for another that is like it.
        """
        found: list[Attempt] = []
        bases = [each for each in _diverse(attempts) if each.mean <= self.proof.base[self.proof.search][1] / PROMISING]
        for best in bases[:POLISHED]:
            for _ in range(self.most):
                if self.proof.agrees(best, self.proof.search):
                    return [*found, best]
                exchanged = [
                    made
                    for base in (best, *snapped(self.proof.ground, best, self.proof.search))
                    for i, step in enumerate(base.steps)
                    for others in self._others(base, step, alone)
                    for made in (_with(base, i, others),)
                    if len(made.steps) <= self.most
                ]
                trials = self._resized(self._fitted(exchanged), POLISHED)
                nearest = min(trials, key=lambda each: each.mean, default=best)
                if not nearest.mean < best.mean * NEARER:
                    break
                best = nearest
                found.append(best)
        return found

    def _others(self, attempt: Attempt, step: Step, alone: Sequence[Attempt]) -> list[tuple[Step, ...]]:
        """What a change may stand for: nothing, others of its name, other rows, or a kind with a like effect."""
        single = [each.steps for each in alone if each.changes[0].name == step.change.name]
        ruled = [(dataclasses.replace(step, change=change),) for change in step.rules]
        moved: list[tuple[Step, ...]] = []
        if step.moved is not None and attempt.mean <= self.proof.base[self.proof.search][1] / PROMISING:
            rows = range(self.proof.ground.seen[self.proof.search].draw.n)
            one_less = [step.rows - {row} for row in step.rows] if len(step.rows) <= ROWS else [step.rows]
            moved = [(step.moved(fewer | {row}),) for fewer in (*one_less, step.rows) for row in rows]
        said: dict[tuple[str, ...], tuple[Step, ...]] = {(step.change.how,): (step,)}
        spared: list[tuple[Step, ...]] = [()] if len(attempt.steps) > 1 else []
        for steps in (*spared, *single, *ruled, *moved, *equivalents(step)):
            said.setdefault(tuple(each.change.how for each in steps), steps)
        return list(said.values())[1:]

    def _nearest(self, attempts: Sequence[Attempt]) -> float:
        return min((each.mean for each in attempts), default=math.inf)

    def _longer(self, bases: Sequence[Attempt], alone: Sequence[Attempt], tried: Sequence[Attempt]) -> list[Attempt]:
        """Sets with every single change besides, where these have not been tried."""
        known = {_said(each) for each in tried}
        longer = {
            _said(made): made
            for each in bases
            for one in _telling(alone)
            if self._may_follow(each, one)
            for made in (dataclasses.replace(each, steps=(*each.steps, *one.steps)),)
        }
        return [made for said, made in longer.items() if said not in known]

    def _one_row_more(self, end: End, tried: Sequence[Attempt]) -> list[Attempt]:
        """The sets that come nearest with every further row changed: its label turned, or left out.

        What a row does to a solver that stops early no simulated fit tells.
        """
        ground, place = self.proof.ground, self.proof.search
        near = [each for each in tried if each.steps and each.mean <= NEAR_ENOUGH * self.proof.base[place][1]]
        near.sort(key=lambda each: each.mean)
        rows, picture = range(ground.seen[place].draw.n), self.pictures[other(end)]
        alike = {row: frozenset({row}) for row in rows} if picture is None else picture.alike
        few = [each for each in near if any(0 < len(step.rows) <= ROWS for step in each.steps)]
        more = [
            dataclasses.replace(each, steps=(*each.steps[:i], step.moved(step.rows | {row}), *each.steps[i + 1 :]))
            for each in few[:ROW_BASES]
            for i, step in enumerate(each.steps)
            if step.moved is not None and len(step.rows) <= ROWS
            for row in rows
            if row not in step.rows
        ]
        without = [each for each in near if not any(step.rows for step in each.steps) and len(each.steps) < self.most]
        return more + [
            dataclasses.replace(each, steps=(*each.steps, row_step(ground, place, alike, make, frozenset({row}))))
            for each in without[:1]
            for make in (flipped, left_out)
            for row in rows
        ]

    def _pair_of_rows(self, end: End) -> Attempt | None:
        """The last resort where nothing explains a solver that diverges: every two rows changed, where they are few.

        Of rows that pull it to and fro, neither alone brings it nearer, and no simulated fit goes the same way.
        """
        ground, place, picture = self.proof.ground, self.proof.search, self.pictures[other(end)]
        n = ground.seen[place].draw.n
        if picture is None or picture.distance <= LIKE or math.comb(n, 2) > ROW_PAIRS:
            return None
        alike = picture.alike
        for make in (flipped, left_out):
            pairs = (frozenset(rows) for rows in itertools.combinations(range(n), 2))
            found = self._fitted([Attempt(end, (row_step(ground, place, alike, make, rows),)) for rows in pairs])
            verified = self.proof.verified(found)
            if verified is not None:
                return verified
        return None

    def _may_follow(self, attempt: Attempt, one: Attempt) -> bool:
        """Whether a single change may tell beside others: it does something by itself, or rounds what is scaled."""
        names = {change.name for change in attempt.changes}
        (change,) = one.changes
        (far, mean), limit = self.proof.base[self.proof.search], self.proof.limits[self.proof.search]
        live = math.isfinite(one.mean) and max(abs(one.far - far), abs(one.mean - mean)) > limit
        rounds = change.name == "precision" and "input_scaling" in names
        return len(attempt.steps) < self.most and change.name not in names and (live or rounds)

    def _resized(self, attempts: list[Attempt], most: int = RESIZED) -> list[Attempt]:
        """The attempts, and the nearest of them with their factors sought through the framework's own fits."""
        if any(self.proof.agrees(each, self.proof.search) for each in attempts):
            return attempts
        nearest = _diverse([each for each in attempts if _has_factor(each)])[:most]
        return [*attempts, *(resized(self.proof.ground, each, self.proof.search) for each in nearest)]

    def _fitted(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Attempts on the draw that is searched, with the other side's screened columns where these are known."""
        seen = self.proof.ground.seen[self.proof.search]
        known = all(self.proof.ground.columns(other(each.end), seen) is not None for each in attempts)
        pinned = [dataclasses.replace(each, pinned=known and bool(each.steps)) for each in attempts]
        return self.proof.ground.measured(pinned, self.proof.search)


def _parts(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The nearest sets, one of each kind, without some of their changes, where these are no set themselves.

    A simulated fit may take a change to be like the framework's own fit that this does not take.
    """
    known = {_said(each) for each in attempts}
    parts = {
        _said(part): part
        for each in _diverse(attempts)[:PARTED]
        for size in range(1, len(each.steps))
        for steps in itertools.combinations(each.steps, size)
        for part in (dataclasses.replace(each, steps=steps),)
    }
    return [part for said, part in parts.items() if said not in known]


def _has_factor(attempt: Attempt) -> bool:
    return any(step.resized is not None for step in attempt.steps)


def _diverse(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The nearest attempt of each kind, the nearest kinds first."""
    nearest: dict[tuple[str, ...], Attempt] = {}
    for each in sorted(attempts, key=lambda each: each.mean):
        # Of a place or of a size the nearest stands for the others; one scaling is not like another.
        said = (step.change.name if step.rules or step.resized else step.change.how for step in each.steps)
        nearest.setdefault(tuple(sorted(said)), each)
    return list(nearest.values())


def _nearest_of(alone: Sequence[Attempt]) -> list[Attempt]:
    """The nearest change of each name that may well come with another."""
    ordered = sorted(alone, key=lambda each: each.mean)
    found = [[each for each in ordered if each.changes[0].name == name][:count] for name, count in TOGETHER.items()]
    return [each for nearest in found for each in nearest]


def _with(attempt: Attempt, place: int, steps: Sequence[Step]) -> Attempt:
    """A set with other changes in place of one; what they are another form of goes with it."""
    names = {step.change.name for step in steps}
    names |= UNITS if names & UNITS and len(steps) > 1 else set()
    kept = [each for i, each in enumerate(attempt.steps) if i != place and each.change.name not in names]
    return dataclasses.replace(attempt, steps=(*kept, *steps))


def _said(attempt: Attempt) -> frozenset[str]:
    return frozenset(change.how for change in attempt.changes)


def _telling(alone: Sequence[Attempt]) -> list[Attempt]:
    """Single changes that are tried beside others: of one name, where there are many, the nearest."""
    many = sorted((each for each in alone if each.steps[0].rules), key=lambda each: each.mean)[:OF_PLACES]
    few: dict[str, list[Attempt]] = {}
    for each in sorted((each for each in alone if not each.steps[0].rules), key=lambda each: each.mean):
        few.setdefault(each.changes[0].name, []).append(each)
    kept = [of[: None if name in UNITS else OF_A_NAME] for name, of in few.items()]
    return [*many, *(each for of in kept for each in of)]
