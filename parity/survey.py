"""From methods and engines to what each was asked for, what was in force and what had an effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.errors import NothingCompared, RequestError
from parity.spec.models import CNN

if TYPE_CHECKING:
    from parity.compare.behaviour import Behaviour, Look
    from parity.compare.defaults import Diff, Entry
    from parity.compare.probes import Probe
    from parity.study.cells import Cell
    from parity.study.explore import Search
    from parity.study.store import Result
    from parity.study.tables import Question, Table

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one engine was asked for, did and reacted to under one method.

    behaviours, probes: None where they have not been measured.
    """

    question: Question
    table: Table
    behaviours: tuple[Behaviour, ...] | None = None
    probes: tuple[Probe, ...] | None = None

    @property
    def engine(self) -> str:
        """Engine id."""
        return self.question.engine.id

    @property
    def method(self) -> str:
        """Method id."""
        return self.question.method


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What was found; not_run: {"engine", "reason", "mend"} of the engines that cannot run here."""

    found: tuple[Found, ...]
    not_run: tuple[dict[str, str], ...] = ()

    def of(self, engine_id: str, method: str) -> Found:
        """What was found of one engine under one method; NothingCompared with the reason where that is nothing."""
        reasons = {entry["engine"]: entry["reason"] for entry in self.not_run}
        for each in self.found:
            if (each.engine, each.method) == (engine_id, method) and not each.table.reason:
                return each
            if (each.engine, each.method) == (engine_id, method):
                reasons[engine_id] = each.table.reason
        raise NothingCompared(f"{engine_id} does not run here: {reasons.get(engine_id)}; see `parity doctor`")


class Progress:
    """What a survey tells while it works; this one tells nothing."""

    def table(self, question: Question, done: int, wanted: int) -> None:
        """An engine has answered."""

    def fit(self, cell: Cell, result: Result, done: int, wanted: int) -> None:
        """A fit has ended; wanted grows as the search goes on."""


def questions_of(
    methods: Sequence[str], engine_ids: Sequence[str], overrides: dict[str, Plain] | None = None
) -> tuple[list[Question], list[dict[str, str]]]:
    """Every engine asked for (all, where none is named) with every method that it fits; and those that cannot run.

    overrides: engine id -> native arguments that replace the translated ones. Raises NothingCompared where no engine
    runs here.
    """
    from parity.engines.sheet import engine, engines
    from parity.run import able
    from parity.spec.study import method_named
    from parity.study.tables import Question

    specs = {method: method_named(method) for method in methods}
    chosen = [engine(engine_id) for engine_id in dict.fromkeys(engine_ids)] or list(engines().values())
    families = {spec.family for spec in specs.values()}
    for one in chosen:
        if engine_ids and not families & set(one.fits):
            fitting = [e.id for e in engines().values() if families & set(e.fits)]
            raise RequestError(f"engine {one.id} does not fit {', '.join(methods)}; these do: {', '.join(fitting)}")
    running, idle = able([one for one in chosen if families & set(one.fits)])
    if not running:
        reasons = "; ".join(f"{e['engine']}: {e['reason']}" for e in idle)
        raise NothingCompared(f"no engine runs here ({reasons}); see `parity doctor`")
    return [
        Question(engine(engine_id), method, spec, versions, (overrides or {}).get(engine_id, {}))
        for engine_id, versions in running.items()
        for method, spec in specs.items()
        if spec.family in engine(engine_id).fits
    ], idle


def survey(
    questions: Sequence[Question],
    *,
    measure: bool = False,
    probe: bool = False,
    parameters: Sequence[str] = (),
    store: Path | None = None,
    fresh: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> tuple[Found, ...]:
    """Read every engine's parameters; measure behaviour (`measure`) and probe parameters (`probe`) where asked.

    What an earlier survey has measured and the store still holds is shown without being asked for.
    parameters: native names to probe; all where none is named.
    """
    from parity.study.tables import cache_folder, tables

    progress = progress or Progress()
    answered = 0

    def answer(question: Question) -> None:
        nonlocal answered
        answered += 1
        progress.table(question, answered, len(questions))

    read = tables(questions, fresh=fresh, watch=answer)
    found = [Found(question, table) for question, table in zip(questions, read, strict=True)]
    small = [each.question.method for each in found if isinstance(each.question.spec, CNN)]
    if probe and small:
        raise RequestError(f"{small[0]} takes whole images; probes are fitted to a quarter of their pixels")
    # A convolutional network has no behaviour on rows that are no images.
    looks = {e: _looking(e.question) for e in found if not e.table.reason and e.question.method not in small}
    probes = {each: _probing(each.question, each.table.rows, parameters) for each in looks}
    path = store or cache_folder() / "probes.sqlite"
    seen = _searched([*(looks.values() if measure else ()), *(probes.values() if probe else ())], path, jobs, progress)
    seen |= _recalled([make for make in [*looks.values(), *probes.values()] if make not in seen], path)
    return tuple(
        _with_findings(each, seen.get(looks[each]), seen.get(probes[each])) if each in looks else each for each in found
    )


def _searched(
    searches: Sequence[Callable[[], Search[Any]]], path: Path, jobs: int, progress: Progress
) -> dict[Callable[[], Search[Any]], Any]:
    """What each search finds, with the fits that it needs."""
    from parity.probe_data import PROBE, probe_data, probe_draws
    from parity.study.executor import Executor
    from parity.study.explore import explore
    from parity.study.store import Store

    if not searches:
        return {}
    done = 0

    def watch(cell: Cell, result: Result, wanted: int) -> None:
        nonlocal done
        done += 1
        progress.fit(cell, result, done, wanted)

    with Store(path, writing=True) as store:
        executor = Executor(store, PROBE, probe_data(), probe_draws(), jobs=jobs)
        return dict(zip(searches, explore(executor, store, [make() for make in searches], watch), strict=True))


def _recalled(searches: Sequence[Callable[[], Search[Any]]], path: Path) -> dict[Callable[[], Search[Any]], Any]:
    """What each search finds in the store alone."""
    from parity.study.explore import recalled
    from parity.study.store import Store

    if not searches or not path.exists():
        return {}
    with suppress(RequestError), Store(path) as store:
        return {make: recalled(make(), store) for make in searches}
    return {}


def _with_findings(each: Found, look: Look | None, probes: list[Probe] | None) -> Found:
    from parity.compare.behaviour import behaviours, with_cause
    from parity.probe_data import probe_data

    epochs = getattr(each.question.spec, "epochs", None)
    told = None
    if look is not None:
        told = tuple(with_cause(behaviours(look, epochs, len(probe_data().features)), probes or (), epochs))
    return Found(each.question, each.table, told, None if probes is None else tuple(probes))


def _looking(question: Question) -> Callable[[], Search[Look]]:
    from parity.compare.behaviour import look

    network = question.spec.family == "mlp"
    return lambda: look(lambda form, observe: _cell(question, form, {}, observe), network=network)


def _probing(question: Question, rows: Sequence[Plain], parameters: Sequence[str]) -> Callable[[], Search[list[Probe]]]:
    from parity.compare.probes import probe
    from parity.probe_data import probe_data, probe_draws

    chosen = [row for row in rows if not parameters or row["name"] in parameters]
    data, draws = probe_data(), probe_draws()
    truth = np.asarray(data.y[draws.test])

    def fit(overrides: Plain, repeat: int = 0) -> Cell:
        return _cell(question, "as-is", overrides, {"repeatable": True, "repeat": repeat})

    return lambda: probe(chosen, fit, truth)


def _cell(question: Question, form: str, overrides: Plain, observe: Plain) -> Cell:
    from parity.probe_data import FORMS, probe_data, probe_draws
    from parity.study.cells import cell

    draws = probe_draws()
    draw = draws.train[list(FORMS).index(form)]
    return cell(
        question.engine,
        question.method,
        question.spec,
        probe_data(),
        draws.test,
        draw,
        question.versions,
        overrides={**question.overrides, **overrides},
        observe=observe,
    )


def entries_of(each: Found) -> tuple[Entry, ...]:
    """The parameters of one engine under their canonical names, for the rows that they were read with."""
    from parity.compare.defaults import entries
    from parity.probe_data import train_rows
    from parity.spec.vocabulary import Context

    y = train_rows()["y"]
    context = Context(n=len(y), smaller_class=float(min(y.mean(), 1 - y.mean())))
    return entries(each.question.engine, each.table.rows, context, each.probes or ())


def diff_of(found: Survey, method: str, left: str, right: str) -> Diff:
    """What differs between two engines of a survey under one method."""
    from parity.compare.defaults import Side, diff

    sides = [found.of(engine_id, method) for engine_id in (left, right)]
    return diff(*(Side(each.engine, entries_of(each), each.behaviours or ()) for each in sides))


def left_open(found: Survey) -> list[str]:
    """Native names of parameters that a framework chooses itself, of engines that have not been probed."""
    return sorted(
        {
            entry.row["name"]
            for each in found.found
            if each.probes is None
            for entry in entries_of(each)
            if entry.canonical and entry.is_left_open and entry.row["override"]
        }
    )
