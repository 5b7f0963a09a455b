"""From a study to its document: choose the engines that run here, make the draws, fit what is missing, score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.errors import NothingCompared, RequestError, unknown

if TYPE_CHECKING:
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.models import Mode
    from parity.spec.protocol import Draws
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.executor import Outcome
    from parity.study.store import Result, Store

Follow = Callable[["Sequence[Cell]"], "Callable[[Cell, Result], object]"]
"Given the cells to fit, returns what is to be told of each one as it is finished."


def unwatched(cells: Sequence[Cell]) -> Callable[[Cell, Result], object]:
    """Tell nobody of any cell."""
    return lambda cell, result: None


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a run needed and did."""

    document: dict[str, Any]
    data: Data
    draws: Draws
    outcome: Outcome
    notes: list[str] = field(default_factory=list)


def wanted_engines(study: Study, named: Sequence[str] = ()) -> list[Engine]:
    """The engines asked for, or all of parity's that fit one of the study's methods, in the sheet's order.

    named: ids, or files of a user's own engines.
    """
    from parity.engines.sheet import engine, engines, shipped
    from parity.spec.study import ENGINE_SUFFIXES

    smallest = min(study.protocol.sizes)
    families = {study.specification(method, smallest).family for method in study.methods}
    # The study's own engines are looked up even where others are asked for: their files make their ids known.
    of_study = [engine(name) for name in study.engines or ()]
    chosen = {one.id: one for one in ([engine(name) for name in named] or of_study)}
    for key in (*study.overrides, *study.only):
        if Path(key).suffix in ENGINE_SUFFIXES:
            raise RequestError(f"study {study.name} names the file '{key}' in overrides or only; write the engine's id")
        engine(key)
    for engine_id, methods in study.only.items():
        for method in methods:
            if method not in study.methods:
                raise unknown("method", method, study.methods, where=f"only.{engine_id}")
    if not chosen:
        return [e for e in shipped().values() if families & set(e.fits)]
    for one in chosen.values():
        if not families & set(one.fits):
            raise RequestError(
                f"engine {one.id} fits {', '.join(one.fits)}, and study {study.name} asks for "
                f"{', '.join(sorted(families))}; `parity engines` lists who fits what"
            )
    return [e for e in engines().values() if e.id in chosen]


def as_asked(study: Study, named: Sequence[str], chosen: Sequence[Engine]) -> list[Engine]:
    """The chosen engines in the order in which they were asked for, so that the first of a pair is its left side."""
    from parity.engines.sheet import engine

    order = [engine(name).id for name in [*named, *(study.engines or ())]]
    return sorted(chosen, key=lambda one: order.index(one.id) if one.id in order else len(order))


def able(engines: Sequence[Engine], device: str = "cpu") -> tuple[dict[str, dict[str, str]], list[dict[str, str]]]:
    """Engines that run here with their versions, and the rest as {"engine", "reason", "mend"}."""
    from parity.engines.environment import gpus, missing, python_version, versions

    running, idle = {}, []
    for engine in engines:
        gaps = [gap for gap in missing(engine) if gap.blocking]
        if gaps:
            there = f"found {gaps[0].found}" if gaps[0].found else "not installed"
            reason = f"needs {gaps[0].package} {gaps[0].wanted}, {there}"
            idle.append({"engine": engine.id, "reason": reason, "mend": gaps[0].mend})
        elif device == "gpu" and engine.capabilities["gpu"] is not True:
            idle.append({"engine": engine.id, "reason": "it has no GPU backend", "mend": ""})
        elif device == "gpu" and not gpus():
            idle.append({"engine": engine.id, "reason": "no GPU", "mend": ""})
        else:
            found = versions(engine)
            if engine.language == "Python" or engine.screen == "neutral":
                found |= {name: python_version(name) for name in ("numpy", "scipy")}
            running[engine.id] = {**{name: str(version) for name, version in found.items()}, "file": code_hash(engine)}
    return running, idle


def code_hash(engine: Engine) -> str:
    """Sha256 of an engine's file, of those beside it that it or they name, and of ours that its numbers pass through.

    A result counts for the code that made it: a mended engine file fits its cells again. Of a user's own, a file of
    another kind counts where its whole name is written, and parity's stands in for a script that is not beside it.
    """
    from parity.engines.sheet import PACKAGE, engine_file, engine_folder

    path = engine_file(engine)
    folders = dict.fromkeys([engine_folder(engine.language), path.parent])
    beside = {p.name: p for folder in folders for p in sorted(folder.iterdir()) if p.is_file()}

    def is_named(file: Path, source: str) -> bool:
        name = file.stem if file.suffix == path.suffix else file.name
        return name in source and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) is not None

    named = [path]
    for file in named:  # it grows on the way
        source = file.read_text(encoding="utf-8", errors="replace") if file.suffix == path.suffix else ""
        named += [p for p in beside.values() if p not in named and is_named(p, source)]
    ours = ["engines/contract.py", "engines/worker.py"]
    ours += ["engines/r_bridge.py"] if engine.language == "R" else []
    ours += ["engines/own_engine.py"] if engine.own else []
    ours += ["spec/screen.py"] if engine.screen == "neutral" else []
    ours += ["engines/jax_on_cpu.py"] if engine.runtime == "keras-jax" else []
    files = [*named, *(PACKAGE / name for name in ours)]
    return hashlib.sha256(b"\0".join(p.read_bytes() for p in files)).hexdigest()


def run_study(
    study: Study,
    store_path: Path,
    *,
    engines: Sequence[str] = (),
    device: str = "cpu",
    jobs: int = 0,
    follow: Follow = unwatched,
    published: bool = False,
    rerun: str = "",
) -> Run:
    """Fit what the store lacks and return the study's document.

    rerun: the command that makes the document again.
    Raises RequestError for a wrong request, before anything is fitted, and NothingCompared where no engine runs here.
    """
    from parity.data import load
    from parity.engines.environment import describe
    from parity.report.document import study_document
    from parity.spec.protocol import make_draws
    from parity.study.cells import plan
    from parity.study.executor import Executor
    from parity.study.store import Store

    chosen = wanted_engines(study, engines)
    data = load(study.data)
    draws = make_draws(study.protocol, data)
    running, idle = able(chosen, device)
    if not running:
        reasons = "; ".join(f"{e['engine']}: {e['reason']}" for e in idle)
        raise NothingCompared(f"no engine of {study.name} runs here ({reasons}); see `parity doctor`")
    cells = plan(study, data, draws, running, device)
    with Store(store_path, writing=True) as store:
        done = store.finished(cell.key for cell in cells)
        watch = follow([cell for cell in cells if cell.key not in done])
        outcome = Executor(store, study.data, data, draws, jobs=jobs).run(cells, watch)
        document = study_document(
            study,
            data,
            draws,
            cells,
            store,
            as_asked(study, engines, chosen),
            idle,
            describe(),
            published=published,
            rerun=rerun,
        )
    return Run(document, data, draws, outcome)


def document_of_store(study: Study, store_path: Path) -> dict[str, Any]:
    """The study's document from what a store holds of it, without fitting anything.

    Engines, methods, sizes and draws are those of which it holds any cell; what is missing among them is missing.
    Raises NothingCompared where the store holds none of the study's cells.
    """
    import dataclasses

    from parity.data import load
    from parity.engines.environment import describe
    from parity.report.document import study_document
    from parity.spec.protocol import make_draws
    from parity.study.store import Store

    running, _ = able(wanted_engines(study))
    data = load(study.data)
    with Store(store_path) as store:
        # Curves are compared without accuracy after every epoch, and their cells are others than a study's with it.
        asked = (study, dataclasses.replace(study, history=False)) if study.history else (study,)
        held = next(filter(None, (_as_held(each, data, running, store) for each in asked)), None)
        if held is None:
            raise NothingCompared(
                f"store {store_path} holds no cell of {study.name} by the engines and versions that run here; name "
                f"another --study, or make its cells with `parity run`"
            )
        part, cells = held
        draws = make_draws(part.protocol, data)
        engines = as_asked(part, (), wanted_engines(part))
        return study_document(part, data, draws, cells, store, engines, [], describe())


def _as_held(
    study: Study, data: Data, running: dict[str, dict[str, str]], store: Store
) -> tuple[Study, list[Cell]] | None:
    """The part of a study of which a store holds any cell, with that part's cells; None where it holds none."""
    import dataclasses

    from parity.spec.protocol import make_draws
    from parity.study.cells import plan

    protocol = dataclasses.replace(study.protocol, draws=max(study.protocol.draws, store.draws()))
    planned = plan(study, data, make_draws(protocol, data), running)
    kept = store.finished(cell.key for cell in planned)
    found = [cell for cell in planned if cell.key in kept]
    if not found:
        return None
    engines = tuple(
        one.id for one in as_asked(study, (), list({cell.engine.id: cell.engine for cell in found}.values()))
    )
    methods = {name: spec for name, spec in study.methods.items() if any(cell.method == name for cell in found)}
    sizes = tuple(n for n in study.protocol.sizes if any(cell.draw.n == n for cell in found))
    draws = 1 + max(cell.draw.index for cell in found)
    cells = [
        cell
        for cell in planned
        if cell.engine.id in engines and cell.method in methods and cell.draw.n in sizes and cell.draw.index < draws
    ]
    words = [] if sizes == study.protocol.sizes else [word for n in sizes for word in ("--n", str(n))]
    part = dataclasses.replace(
        study,
        engines=engines,
        methods=methods,
        protocol=dataclasses.replace(protocol, sizes=sizes, draws=draws),
        changed=(*study.changed, *words, "--draws", str(draws)),
    )
    return part, cells


def translation(
    method: str, engine_id: str, overrides: dict[str, Any] | None = None, mode: Mode = "shipped", n: int = 80
) -> dict[str, Any]:
    """The native call of a method on one engine, without fitting: {"calls", "code", "not_expressible", "added"}.

    n: training rows, on which the penalty of an aligned method depends.
    """
    from parity.engines.sheet import engine as engine_named
    from parity.engines.sheet import engines
    from parity.spec.models import plain
    from parity.spec.study import method_named, specification
    from parity.study.ask import ask

    spec, engine = specification(method_named(method), mode, n), engine_named(engine_id)
    if spec.family not in engine.fits:
        able_to = [e.id for e in engines().values() if spec.family in e.fits]
        raise RequestError(f"engine {engine_id} does not fit {method}; these do: {', '.join(able_to)}")
    running, idle = able([engine])
    if not running:
        raise NothingCompared(f"{engine_id} does not run here: {idle[0]['reason']}; mend: {idle[0]['mend']}")
    try:
        answer: dict[str, Any] = ask(engine, "translate", plain(spec), {"overrides": overrides or {}})
    except NothingCompared as error:
        if overrides:  # all else that could be wrong has been looked at
            raise RequestError(str(error)) from error
        raise
    return answer
