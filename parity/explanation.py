"""From a pair of engines to the explanation of their gap: draws, workers, a budget of time, and the findings."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.errors import NothingCompared, RequestError, unknown
from parity.explain.bench import Bench
from parity.explain.beyond import beyond
from parity.explain.experiment import findings
from parity.explain.treatment import Case, Side

if TYPE_CHECKING:
    from parity.data import Data
    from parity.explain.found import Findings
    from parity.spec.protocol import Draw, Draws
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.executor import Executor
    from parity.study.store import Result, Store

Plain = dict[str, Any]

CHUNK = 24
"Cells that are handed over at a time where time is limited: what is begun is finished, so not many at once."

Watch = Callable[[str, "Cell | None", int], object]
"Told of what is being done, the cell that was fitted and how many have been."


class Spent(Exception):
    """The budget is used up."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What was found for one size, and how it ended."""

    case: Case
    n: int
    asked: int
    "Draws that were asked for."
    fresh: int
    "Further ones, to verify the smallest set on."
    findings: Findings
    status: str
    "complete, budget or interrupted."
    seconds: float
    inside: float
    "Seconds inside the frameworks."
    cells: int
    "Cells that were fitted."
    recipes: tuple[Plain, ...] = ()
    "Code that closes the gap."


@dataclass(slots=True, eq=False)
class _Account:
    """Where the time goes."""

    deadline: float | None
    inside: float = 0.0
    cells: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What every size of one request shares."""

    study: Study
    executor: Executor
    store: Store
    account: _Account
    device: str
    recipe_to: Path | None
    watch: Watch

    def fits(
        self, cells: Sequence[Cell], deadline: float | None, told: Callable[[Cell, Result], None]
    ) -> dict[str, Result]:
        """The results of cells, from the store or fitted now. Raises Spent where the time is up before the last."""
        wanted = {cell.key: cell for cell in cells}
        known = self.store.finished(wanted)
        missing = [cell for key, cell in wanted.items() if key not in known]
        step = max(1, len(missing) if deadline is None else CHUNK)
        for first in range(0, len(missing), step):
            if deadline is not None and time.monotonic() > deadline:
                raise Spent
            self.executor.run(missing[first : first + step], told)
        results = {key: self.store.get(key) for key in wanted}
        return {key: result for key, result in results.items() if result is not None}


@contextmanager
def explaining(
    study: Study,
    pair: Sequence[str],
    method: str,
    *,
    sizes: Sequence[int],
    draws: int,
    fresh: int,
    store: Path,
    budget: float | None = None,
    device: str = "cpu",
    jobs: int = 0,
    recipe_to: Path | None = None,
    watch: Watch = lambda doing, cell, count: None,
) -> Iterator[Iterator[Explained]]:
    """Explain the gap of a pair at each size: an iterator over what is known after each stage, the last of a size last.

    fresh: further draws, on which the smallest set is verified. budget: seconds for all. recipe_to: folder for recipes.
    Raises RequestError for a
    wrong request and NothingCompared where one side does not run here.
    """
    from parity.data import load
    from parity.run import able
    from parity.spec.protocol import make_draws
    from parity.study.executor import Executor
    from parity.study.loose_fits import kept
    from parity.study.store import Store

    sides = _sides(study, pair, method)
    running, idle = able([side.engine for side in sides], device)
    if idle:
        raise NothingCompared(f"{idle[0]['engine']} does not run here: {idle[0]['reason']}; see `parity doctor`")
    data = load(study.data)
    protocol = dataclasses.replace(study.protocol, sizes=tuple(sizes), draws=draws + fresh)
    made = make_draws(protocol, data)
    left, right = (dataclasses.replace(side, versions=running[side.engine.id]) for side in sides)
    account = _Account(None if budget is None else time.monotonic() + budget)
    with (
        Store(store, writing=True) as opened,
        Executor(opened, study.data, data, made, jobs=jobs).held() as executor,
        kept(),
    ):
        course = _Course(study, executor, opened, account, device, recipe_to, watch)
        yield _of_sizes(course, method, (left, right), data, made, sizes, draws)


def _sides(study: Study, pair: Sequence[str], method: str) -> tuple[Side, Side]:
    from parity.engines.sheet import engine

    if method not in study.methods:
        raise unknown("method", method, study.methods, where=f"study {study.name}")
    if len(pair) != 2:
        raise RequestError("name two engines, as in parity explain r-h2o py-keras-jax --method mlp-leek")
    one, two = (engine(name) for name in pair)
    if one.id == two.id:
        raise RequestError(f"{one.id} is named twice; what differs is explained between two engines")
    family = study.specification(method, min(study.protocol.sizes)).family
    for each in (one, two):
        if family not in each.fits:
            shared = sorted(
                m for m, spec in study.methods.items() if spec.family in one.fits and spec.family in two.fits
            )
            known = f"both fit {', '.join(shared)}" if shared else f"no method of {study.name} is fitted by both"
            raise RequestError(f"engine {each.id} does not fit {method}; {known}")
    if family == "cnn":
        raise RequestError(f"{method} is a convolutional network; explain knows linear models and dense networks")
    return (
        Side("left", one, {}, study.overrides.get(one.id, {})),
        Side("right", two, {}, study.overrides.get(two.id, {})),
    )


def _of_sizes(
    course: _Course,
    method: str,
    sides: tuple[Side, Side],
    data: Data,
    made: Draws,
    sizes: Sequence[int],
    count: int,
) -> Iterator[Explained]:
    study, end = course.study, course.account.deadline
    for place, n in enumerate(sizes):
        own = [draw for draw in made.train if draw.n == n]
        spec = study.specification(method, n)
        case = Case(method, spec, study.mode, data, made, study.margin, *sides, course.device)
        # Each size has its part of the time that is left.
        now = time.monotonic()
        deadline = None if end is None else now + (end - now) / (len(sizes) - place)
        yield from _of_size(course, case, n, own[:count], own[count:], deadline)


def _of_size(
    course: _Course, case: Case, n: int, searched: Sequence[Draw], fresh: Sequence[Draw], deadline: float | None
) -> Iterator[Explained]:
    account = course.account
    started, inside, cells = time.monotonic(), account.inside, account.cells
    pair = f"{case.left.name} ~ {case.right.name}, n = {n}"
    doing = f"{pair}: shipped fits"
    last: Explained | None = None

    def explained(found: Findings, status: str) -> Explained:
        spent = time.monotonic() - started, account.inside - inside, account.cells - cells
        return Explained(case, n, len(searched), len(fresh), found, status, *spent)

    def told(cell: Cell, result: Result) -> None:
        account.inside += result.facts.get("inside", 0.0)
        account.cells += 1
        course.watch(doing, cell, account.cells - cells)

    bench = Bench(case, lambda wanted: course.fits(wanted, deadline, told))
    try:
        for found in findings(bench, searched, fresh, beyond):
            last = explained(found, "budget" if found.missing else "complete")
            doing = f"{pair}: {found.missing or 'done'}"
            course.watch(doing, None, account.cells - cells)
            yield last
        if course.recipe_to is not None and last is not None and last.findings.live:
            from parity.explain.recipe import recipes

            doing = f"{pair}: recipes"
            course.watch(doing, None, account.cells - cells)
            written = recipes(bench, last.findings, course.recipe_to / f"n{n}")
            yield dataclasses.replace(explained(last.findings, "complete"), recipes=tuple(written))
    except Spent:
        if last is None:
            seconds, done = time.monotonic() - started, account.cells - cells
            raise RequestError(_too_little(case, 4 * len(searched), done, seconds)) from None
    except KeyboardInterrupt:
        if last is not None:
            yield dataclasses.replace(last, status="interrupted")
        raise


def _too_little(case: Case, wanted: int, done: int, seconds: float) -> str:
    """What one round would need, from how long the cells so far have taken."""
    need = f"about {seconds / done * wanted:.0f} s" if done else "longer than its workers take to start"
    return (
        f"the budget is too small for one round: {wanted} fits of {case.left.name} and {case.right.name} need {need}, "
        "and every later stage about as long; name a larger --budget or fewer --draws (what was fitted is kept)"
    )
