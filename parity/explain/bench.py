"""Both engines on the same draws with any set of differences switched: what comes out, draw by draw."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.referee import score
from parity.explain.closeness import Closeness, Fitted, closeness
from parity.explain.starting import completed
from parity.explain.treatment import ENDS, UNTREATED, Case, End, Seen, Switch, Treatment, other
from parity.study.store import Result

if TYPE_CHECKING:
    from parity.spec.protocol import Draw
    from parity.study.cells import Cell

Plain = dict[str, Any]
Fits = Callable[["Sequence[Cell]"], Mapping[str, Result]]
"The results of cells by key, from the store or fitted now."

SPREAD = 3.0
"Rounding of another kind spreads as far as the one that was tried, give or take; so many times as far is allowed."

LEAST = 1e-9
"A tolerance is never below this: solvers stop no closer."

MOST = 1e-2
"Nor above: a long training that amplifies rounding further than this proves nothing by agreeing."


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Both sides on the draws on which both could be fitted, with the reasons of the others."""

    places: tuple[int, ...]
    "Numbers of the draws among those asked for."
    left: tuple[Fitted, ...]
    right: tuple[Fitted, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """A case, a way to have cells fitted, and what has been seen of its draws."""

    case: Case
    fits: Fits

    def treated(self, end: End, switches: Iterable[Switch], seen: Seen) -> Treatment:
        """What all these switches together make of one side on a draw."""
        treatment = UNTREATED
        for switch in switches:
            if switch.end == end:
                treatment = treatment | switch.treat(seen)
        return completed(treatment, end, seen)

    def cells(
        self, end: End, switches: Collection[Switch], seen: Sequence[Seen], observe: Plain | None = None
    ) -> list[Cell]:
        """The cells of one side, one a draw."""
        return [self.case.cell(end, each.draw, self.treated(end, switches, each), observe) for each in seen]

    def both(self, asked: Sequence[tuple[Collection[Switch], Seen]]) -> list[dict[End, Result | None]]:
        """Both sides under a set of switches on a draw, of each that is asked for; all cells are asked for at once.

        A side that follows the other, taking up what that one did under the same switches, is fitted after it.
        """
        plans = [turns(switches) for switches, _ in asked]
        there = [each for _, each in asked]
        found: list[dict[End, Result | None]] = [{} for _ in asked]
        for turn in range(max(map(len, plans), default=0)):
            cells = [
                {end: self.cells(end, using, [there[i]])[0] for end, using in plan[turn].items()}
                if turn < len(plan)
                else {}
                for i, plan in enumerate(plans)
            ]
            results = self.fits([cell for each in cells for cell in each.values()])
            for i, each in enumerate(cells):
                found[i] |= {end: results.get(cell.key) for end, cell in each.items()}
                led = {end: results[cell.key] for end, cell in each.items() if cell.key in results}
                there[i] = dataclasses.replace(there[i], fitted={**there[i].fitted, **led})
        return found

    def run(self, sets: Sequence[Collection[Switch]], seen: Sequence[Seen]) -> list[Pairing]:
        """Both sides under every set of switches, on all these draws."""
        results = self.both([(switches, each) for switches in sets for each in seen])
        return [self.paired(results[i * len(seen) : (i + 1) * len(seen)]) for i in range(len(sets))]

    def paired(self, results: Sequence[Mapping[End, Result | None]]) -> Pairing:
        """Both sides' results, one a place."""
        places, sides, failed = [], [], []
        for place, pair in enumerate(results):
            whole = done(pair)
            if len(whole) == len(ENDS):
                places.append(place)
                sides.append([self.fitted(whole[end]) for end in ENDS])
                continue
            for end in ENDS:
                each = pair[end]
                if each is None or each.status != "done":
                    why = each.reason if each is not None else "it was not fitted"
                    failed.append(f"{self.case.side(end).name}: {why}")
        return Pairing(
            tuple(places), tuple(left for left, _ in sides), tuple(right for _, right in sides), tuple(failed)
        )

    def fitted(self, result: Result) -> Fitted:
        """A result as it is compared."""
        truth = np.asarray(self.case.data.y[self.case.draws.test])
        label, probability = result.arrays["label"], result.arrays["probability"]
        found = score(label, probability, truth)
        return Fitted(label, probability, found.accuracy, found.log_loss)

    def tolerances(self, seen: Sequence[Seen]) -> list[float]:
        """How far predicted values of each draw may be apart by rounding alone.

        Measured: both sides fitted again with every training input larger by one unit in float32's last place.
        """
        nudge = Treatment(outside={"nudged": True})
        cells = {end: [self.case.cell(end, each.draw, nudge) for each in seen] for end in ENDS}
        results = self.fits([cell for end in ENDS for cell in cells[end]])
        found = []
        for place, each in enumerate(seen):
            far = 0.0
            for end in ENDS:
                before, after = each.fitted[end], results.get(cells[end][place].key)
                if after is not None and after.status == before.status == "done":
                    gaps = np.abs(after.arrays["probability"] - before.arrays["probability"])
                    far = max(far, float(np.nan_to_num(gaps, nan=0.0, posinf=0.0).max()))
            found.append(min(MOST, max(LEAST, SPREAD * far)))
        return found

    def closeness(self, pairing: Pairing, tolerances: Sequence[float]) -> Closeness:
        """How close two sides are. ValueError where no draw could be fitted on both."""
        return closeness(pairing.left, pairing.right, self.case.margin, [tolerances[place] for place in pairing.places])


def done(results: Mapping[End, Result | None]) -> dict[End, Result]:
    """The sides that have a fit."""
    return {end: result for end, result in results.items() if result is not None and result.status == "done"}


def draw_of(case: Case, draw: Draw, fitted: Mapping[End, Result], untrained: Mapping[End, Result]) -> Seen:
    """What is known of a draw."""
    x = np.asarray(case.data.x[draw.rows])
    varying = tuple(bool(v) for v in (x != x[0]).any(axis=0))
    return Seen(draw, tuple(case.data.features), varying, fitted, untrained)


def turns(switches: Collection[Switch]) -> list[dict[End, list[Switch]]]:
    """Which side is fitted when, under which switches: what follows the other side comes after it.

    Where each follows the other, the one whose screen is taken up is first fitted without what follows at it.
    """
    after = {end: [switch.follows for switch in switches if switch.end == end and switch.follows] for end in ENDS}
    every = list(switches)
    following = [end for end in ENDS if after[end]]
    if not following:
        return [dict.fromkeys(ENDS, every)]
    if len(following) == 1:
        (last,) = following
        return [{other(last): every}, {last: every}]
    last = max(ENDS, key=lambda end: min(after[end]))
    bare = [switch for switch in switches if switch.end != last or not switch.follows]
    return [{last: bare}, {other(last): every}, {last: every}]
