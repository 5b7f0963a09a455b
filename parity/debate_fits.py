"""Fits what the debate of 2017 asks for, on shared rows, and gathers what each guess and claim is judged by."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.debate import ARMS, GAP, NETWORK, Arm, Claim
from parity.errors import NothingCompared, RequestError

if TYPE_CHECKING:
    from parity.data import Data
    from parity.explain.treatment import Difference, End
    from parity.explanation import Watch
    from parity.run import Follow
    from parity.spec.protocol import Draw, Draws
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.store import Result

Plain = dict[str, Any]
Place = tuple[int, int]
"A draw: its size and its number."

NOT_ASKED = "it was not asked for"


@dataclass(frozen=True, slots=True)
class Fit:
    """What is compared of one fit, or of one trivial rule."""

    accuracy: float
    log_loss: float | None = None
    epochs: float | None = None
    "Passes over the rows that were really made, as the framework counts them."
    digest: str = ""
    "Of labels, predicted values and, where they were asked for, weights: equal where these are, bit for bit."


@dataclass(frozen=True, slots=True, eq=False)
class Debated:
    """Everything that was measured. Fits and parts are by arm or part, then by draw."""

    study: Study
    data: Data
    draws: Draws
    claims: tuple[Claim, ...]
    engines: Mapping[str, str]
    "Arm -> the engine that fits it; arms that none fits are not in it."
    fits: Mapping[str, Mapping[Place, Fit]]
    lacking: Mapping[str, str] = field(default_factory=dict)
    "Arm -> why it was not fitted."
    idle: tuple[dict[str, str], ...] = ()
    "Engines that do not run here, as {engine, reason, mend}."
    failed: Mapping[str, int] = field(default_factory=dict)
    "Why a fit is missing -> how often."
    parts: Mapping[str, Mapping[Place, float]] = field(default_factory=dict)
    "Of the way from R's glm to LIBLINEAR: the change of accuracy by each group of steps, and the whole ('gap')."
    robustness: tuple[str, ...] = ()
    "What parity robustness says of that way."
    explanations: tuple[Plain, ...] = ()
    "What parity explain says of the gap, one for each size."
    unexplained: str = ""
    "Why there is no explanation."
    reads: tuple[Difference, ...] | None = None
    "What H2O's network and its copy in Keras say of themselves and do not share; None where they were not asked."


def debated(
    study: Study,
    claims: Sequence[Claim],
    engine_ids: Sequence[str] = (),
    *,
    store: Path,
    follow: Follow,
    watch: Watch = lambda doing, cell, count: None,
    jobs: int = 0,
    seconds: float | None = None,
) -> Debated:
    """Fit what the store lacks and gather the rest. NothingCompared where no engine that is needed runs here.

    engine_ids: only these. seconds: for the shares of the gap, all sizes together; None for as long as it takes.
    """
    from parity.data import load
    from parity.spec.protocol import make_draws

    needed = _needed(claims)
    engines, versions, lacking, idle = _chosen(needed, engine_ids)
    if needed and not engines and not any(not ARMS[arm].engines for arm in needed):
        reasons = "; ".join(dict.fromkeys(lacking.values()))
        raise NothingCompared(f"none of the engines that the debate needs runs here ({reasons}); see `parity doctor`")
    data = load(study.data)
    draws = make_draws(study.protocol, data)
    cells = dict(_cells(study, data, draws, needed, engines, versions))
    results = _filled(study, data, draws, store, [*cells.values()], jobs, follow)
    fits, failed = _gathered(cells, results, data, draws)
    fits |= _rules(needed, data, draws)
    sources = {claim.source for claim in claims}
    parts, said = _robustness(study, versions, store, jobs, watch) if "robustness" in sources else ({}, ())
    explanations: list[Plain] = []
    unexplained = ""
    if "explanation" in sources and all(arm in engines for arm in GAP):
        explanations, unexplained = _explanation(study, engines, store, jobs, seconds, watch)
    reads = None
    if "copy" in needed and all(arm in engines for arm in ("h2o", "copy")):
        watch("what both networks say of themselves", None, 0)
        reads = _reads(study, data, draws, engines, versions)
    return Debated(
        study,
        data,
        draws,
        tuple(claims),
        engines,
        fits,
        lacking,
        idle,
        failed,
        parts,
        said,
        tuple(explanations),
        unexplained,
        reads,
    )


def _needed(claims: Sequence[Claim]) -> list[str]:
    """The arms of these claims, each once."""
    named = [arm for c in claims for arm in (*(c.gap or ()), *(a for t in c.trials for a in (t.before, t.after)))]
    # What takes longest comes last, so that a run that is ended early has the most to tell.
    return sorted(dict.fromkeys(named), key=lambda arm: ARMS[arm].pinned.get("epochs") or 0)


def _chosen(
    arms: Sequence[str], asked: Sequence[str]
) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[str, str], tuple[dict[str, str], ...]]:
    """Who fits each arm, with versions; why nobody does; and the engines that would have been taken and do not run."""
    from parity.engines.sheet import engine
    from parity.run import able

    candidates = list(dict.fromkeys(each for arm in arms for each in ARMS[arm].engines))
    for each in asked:
        if engine(each).id not in candidates:
            known = ", ".join(candidates) or "none"
            raise RequestError(f"engine {each} has no part in what is asked of the debate; these have: {known}")
    versions: dict[str, dict[str, str]] = {}
    idle: dict[str, dict[str, str]] = {}
    engines, lacking = {}, {}
    for arm in arms:
        for each in ARMS[arm].engines:
            if each not in versions and each not in idle:
                if asked and each not in asked:
                    idle[each] = {"engine": each, "reason": NOT_ASKED, "mend": ""}
                else:
                    ran, not_ran = able([engine(each)])
                    versions |= ran
                    idle |= {entry["engine"]: entry for entry in not_ran}
            if each in versions:
                engines[arm] = each
                break
        else:
            if ARMS[arm].engines:
                lacking[arm] = "; ".join(f"{each}: {idle[each]['reason']}" for each in ARMS[arm].engines)
    told = [entry for entry in idle.values() if entry["reason"] != NOT_ASKED]
    return engines, versions, lacking, tuple(told)


def _cells(
    study: Study,
    data: Data,
    draws: Draws,
    arms: Sequence[str],
    engines: Mapping[str, str],
    versions: Mapping[str, dict[str, str]],
) -> Iterator[tuple[tuple[str, int, int], Cell]]:
    from parity.engines.sheet import engine
    from parity.study.cells import cell

    for name in arms:
        if name not in engines:
            continue
        arm, engine_id = ARMS[name], engines[name]
        observe = None if arm.repeat is None else {"repeatable": True, "repeat": arm.repeat}
        for draw in _draws_of(arm, draws):
            made = cell(
                engine(engine_id),
                arm.method,
                arm.specification(study.specification(arm.method, draw.n)),
                data,
                draws.test,
                draw,
                versions[engine_id],
                study.mode,
                {**study.overrides.get(engine_id, {}), **arm.overrides},
                observe=observe,
            )
            yield (name, draw.n, draw.index), made


def _draws_of(arm: Arm, draws: Draws) -> list[Draw]:
    """Every draw, or the first of each size."""
    sizes = dict.fromkeys(draw.n for draw in draws.train)
    return [draw for n in sizes for draw in [each for each in draws.train if each.n == n][: arm.draws]]


def _filled(
    study: Study, data: Data, draws: Draws, path: Path, cells: Sequence[Cell], jobs: int, follow: Follow
) -> dict[str, Result | None]:
    """Results by key; only what is missing is fitted."""
    from parity.study.executor import Executor
    from parity.study.store import Store

    wanted = {each.key: each for each in cells}
    with Store(path, writing=True) as store:
        known = store.finished(wanted)
        missing = [each for key, each in wanted.items() if key not in known]
        if missing:
            Executor(store, study.data, data, draws, jobs=jobs).run(missing, follow(missing))
        return {key: store.get(key, ("label", "probability")) for key in wanted}


def _gathered(
    cells: Mapping[tuple[str, int, int], Cell], results: Mapping[str, Result | None], data: Data, draws: Draws
) -> tuple[dict[str, dict[Place, Fit]], dict[str, int]]:
    from parity.compare.referee import score

    truth = data.y[draws.test]
    fits: dict[str, dict[Place, Fit]] = {}
    failed: dict[str, int] = {}
    for (arm, n, index), each in cells.items():
        result = results[each.key]
        if result is None or result.status != "done":
            reason = result.reason.splitlines()[0] if result and result.reason else "it was not fitted"
            why = f"{ARMS[arm].label}: {reason}"
            failed[why] = failed.get(why, 0) + 1
            continue
        label, probability = result.arrays["label"], result.arrays["probability"]
        found = score(label, probability, truth)
        weights = (result.facts.get("parameters") or {}).get("digest") or ""
        digest = hashlib.sha256(label.tobytes() + probability.tobytes() + weights.encode()).hexdigest()
        epochs = result.facts.get("iterations") if each.spec.family == "mlp" else None
        fits.setdefault(arm, {})[n, index] = Fit(found.accuracy, found.log_loss, epochs, digest)
    return fits, failed


def _rules(arms: Sequence[str], data: Data, draws: Draws) -> dict[str, dict[Place, Fit]]:
    """The trivial rules, for which nothing is fitted by a framework."""
    from parity.compare.baselines import baseline_accuracies

    rules = [arm for arm in arms if not ARMS[arm].engines]
    found: dict[str, dict[Place, Fit]] = {rule: {} for rule in rules}
    for draw in draws.train if rules else ():
        accuracies = baseline_accuracies(data, draw, draws.test)
        for rule in rules:
            found[rule][draw.n, draw.index] = Fit(accuracies[rule])
    return found


def _robustness(
    study: Study, versions: Mapping[str, object], store: Path, jobs: int, watch: Watch
) -> tuple[dict[str, dict[Place, float]], tuple[str, ...]]:
    """The way from R's glm to LIBLINEAR in Python, by groups of steps, and what parity robustness says of it."""
    from parity.report.robustness import robustness_document
    from parity.robustness import GROUPS, PAIRS, measure

    pair = PAIRS[0]
    asked = [each.engine for each in pair if each.engine in versions]
    if len(asked) < len(pair):
        return {}, ()

    def told(cell: Cell, result: Result, done: int, wanted: int) -> None:
        watch("LIBLINEAR, step by step", cell, done)

    measured = measure(study, asked, store=store, jobs=jobs, watch=told)
    rows = len(measured.draws.test)
    parts: dict[str, dict[Place, float]] = {name: {} for name in ("gap", *GROUPS)}
    for links in measured.chains.get(pair, []):
        changes = np.diff(links.right) / rows
        parts["gap"][links.n, links.index] = float(changes.sum())
        for group, members in GROUPS.items():
            among = [part in members for part in links.parts]
            parts[group][links.n, links.index] = float(changes[among].sum())
    verdicts = robustness_document(measured, {}, "")["verdicts"]
    sides = (pair[0].label, pair[1].label)
    return parts, tuple(v["sentence"] for v in verdicts if all(side in v["claim"] for side in sides))


def _explanation(
    study: Study, engines: Mapping[str, str], store: Path, jobs: int, seconds: float | None, watch: Watch
) -> tuple[list[Plain], str]:
    """The explanation of the gap at each size, with the time that is left shared out; and why there is none at all.

    Sizes one by one, so that a size without enough time for a first look takes nothing from the others.
    """
    from parity.api import explain

    pair = [engines[arm] for arm in GAP]
    protocol, found = study.protocol, []
    for n in protocol.sizes:
        rerun = ["parity", "explain", *pair, "--method", NETWORK, "--study", study.reference, *study.changed]
        rerun += ["--n", str(n), "--draws", str(protocol.draws)]
        try:
            document = explain(
                study,
                pair,
                method=NETWORK,
                sizes=(n,),
                draws=protocol.draws,
                fresh=0,
                budget=None if seconds is None else seconds / len(protocol.sizes),
                store=store,
                jobs=jobs,
                watch=watch,
            )
        except NothingCompared as error:
            return [], str(error)
        except RequestError as error:
            sides = {"left": pair[0], "right": pair[1], "method": NETWORK, "n": n}
            found.append({**sides, "not_run": str(error), "rerun": shlex.join(rerun)})
            continue
        found += document["explanations"]
        if any(each["status"] == "interrupted" for each in document["explanations"]):
            break
    return found, ""


def _reads(
    study: Study,
    data: Data,
    draws: Draws,
    engines: Mapping[str, str],
    versions: Mapping[str, dict[str, str]],
) -> tuple[Difference, ...] | None:
    """How H2O's network and its copy in Keras differ by what they say of themselves; None where one says nothing."""
    from parity.engines.sheet import engine
    from parity.explain.reading import differences, question_of, read
    from parity.explain.treatment import UNTREATED, Case, Side, Treatment
    from parity.study.tables import tables

    spec = study.specification(NETWORK, min(study.protocol.sizes))

    def side(end: End, arm: str) -> Side:
        name = engines[arm]
        return Side(end, engine(name), versions[name], study.overrides.get(name, {}))

    sides = side("left", "h2o"), side("right", "copy")
    case = Case(NETWORK, spec, study.mode, data, draws, study.margin, *sides)
    questions = [
        question_of(case, "left", UNTREATED),
        question_of(case, "right", Treatment(spec=ARMS["copy"].pinned)),
    ]
    answers = tables(questions)
    if any(table.reason for table in answers):
        return None
    return tuple(differences(case, *(read(case, q, table) for q, table in zip(questions, answers, strict=True))))
