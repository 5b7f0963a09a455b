"""Linear fits to the draws of a study, each examined as one side of a comparison of solvers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.answers import Examined, Rows, Side, examined
from parity.errors import NothingCompared, RequestError, unknown
from parity.spec.models import Leekasso, Linear

if TYPE_CHECKING:
    from parity.compare.exact_screen import Exact
    from parity.compare.objective import Objective
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.models import Mode
    from parity.spec.protocol import Draw
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.fill import Watch
    from parity.study.store import Result

Plain = dict[str, Any]
Settings = dict[tuple["Solver", str], Sequence[Plain]]

FAMILIES = ("lm", "glm", "liblinear", "linear")
"Families of specifications that are linear models."


@dataclass(frozen=True, slots=True)
class Solver:
    """An engine, with one of its algorithms where one was named."""

    engine: Engine
    algorithm: str = ""

    @property
    def name(self) -> str:
        """As it is written on the command line: ENGINE or ENGINE:ALGORITHM."""
        return f"{self.engine.id}:{self.algorithm}" if self.algorithm else self.engine.id

    @property
    def reference(self) -> str:
        """As a command line names it: an own engine by its file."""
        return f"{self.engine.reference}:{self.algorithm}" if self.algorithm else self.engine.reference

    @property
    def overrides(self) -> Plain:
        """The native arguments that choose the algorithm."""
        return self.engine.solvers[self.algorithm] if self.algorithm else {}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One solver's fit to one draw: examined, or the reason why there is nothing to examine."""

    solver: Solver
    method: str
    draw: Draw
    spec: Leekasso | Linear
    examined: Examined | None
    reason: str = ""
    refused: bool = False
    "Whether the engine itself refused, rather than that it could not run."


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """All fits of a request, and what every draw is made of."""

    fits: tuple[Fit, ...]
    rows: dict[tuple[int, int], Rows]
    "By size and number of the draw."
    not_run: tuple[dict[str, str], ...]
    data: Data

    def exact(self, fit: Fit, kept: dict[tuple[int, int, str], Exact]) -> Exact:
        """The exact screen of a fit's draw, worked out once; kept: what has been worked out before."""
        from parity.compare.exact_screen import exact_scores

        key = (fit.draw.n, fit.draw.index, fit.spec.screen)
        if key not in kept:
            rows = self.rows[key[:2]]
            kept[key] = exact_scores(rows.x, rows.y.astype(np.int8), fit.spec.screen)
        return kept[key]


def solver_named(text: str) -> Solver:
    """The solver that is written as ENGINE or ENGINE:ALGORITHM; a RequestError offers the nearest name."""
    from parity.engines.sheet import engine

    engine_id, _, algorithm = text.partition(":")
    found = engine(engine_id)
    if not set(found.fits) & set(FAMILIES):
        raise RequestError(f"engine {engine_id} fits no linear model; `parity engines` lists who does")
    if algorithm and algorithm not in found.solvers:
        if not found.solvers:
            raise RequestError(f"engine {engine_id} has one algorithm only; leave ':{algorithm}' out")
        raise unknown("algorithm", algorithm, found.solvers, where=engine_id)
    return Solver(found, algorithm)


def fitted(
    study: Study,
    solvers: Sequence[Solver],
    methods: Sequence[str],
    *,
    mode: Mode = "shipped",
    sizes: Sequence[int],
    draws: Sequence[int],
    store: Path,
    jobs: int = 0,
    watch: Watch = lambda cell, result, done, wanted: None,
) -> Fits:
    """Fit what the store lacks, and examine every answer.

    draws: numbers of the draws at each size. Raises NothingCompared where none of the solvers runs here.
    """
    from parity.data import load
    from parity.run import able
    from parity.spec.protocol import Draws, make_draws
    from parity.study.cells import cell
    from parity.study.fill import filled

    data = load(study.data)
    protocol = dataclasses.replace(study.protocol, sizes=tuple(sizes), draws=max(draws) + 1)
    made = make_draws(protocol, data)
    both_classes = tuple(draw for draw in made.train if draw.index in set(draws))
    chosen = Draws(made.test, both_classes or tuple(made.numbered(n, index) for n in sizes for index in draws))
    running, idle = able(list({solver.engine.id: solver.engine for solver in solvers}.values()))
    if not running:
        reasons = "; ".join(f"{e['engine']}: {e['reason']}" for e in idle)
        raise NothingCompared(f"none of these engines runs here ({reasons}); see `parity doctor`")
    wanted: list[tuple[Solver, str, Draw, Leekasso | Linear, Cell]] = []
    for solver in solvers:
        for method in methods:
            for draw in chosen.train:
                spec = _spec(study, method, mode, draw.n)
                if solver.engine.id in running and spec.family in solver.engine.fits:
                    made_cell = cell(
                        solver.engine, method, spec, data, chosen.test, draw, running[solver.engine.id],
                        mode, solver.overrides, observe={} if mode == "aligned" else {"scores": True},
                    )  # fmt: skip
                    wanted.append((solver, method, draw, spec, made_cell))
    results = filled([each[-1] for each in wanted], study.data, data, chosen, store, jobs, watch)
    rows = {
        (draw.n, draw.index): Rows(
            np.asarray(data.x[draw.rows], dtype=np.float64),
            np.asarray(data.y[draw.rows], dtype=np.float64),
            np.asarray(data.x[chosen.test], dtype=np.float64),
            tuple(data.features),
        )
        for draw in chosen.train
    }
    asked = {} if mode == "aligned" else {(each[0], each[1]): each[3] for each in wanted}
    settings = _settings(asked, running)
    fits = tuple(
        _fit(solver, method, draw, spec, results[made_cell.key], rows[draw.n, draw.index], settings)
        for solver, method, draw, spec, made_cell in wanted
    )
    return Fits(_with_rank_tolerance(fits, running), rows, tuple(idle), data)


def _with_rank_tolerance(fits: Sequence[Fit], running: dict[str, dict[str, str]]) -> tuple[Fit, ...]:
    """The fits, with the measured tolerance of each solver that met a deficient rank without a penalty to help it."""
    from parity.rank_tolerance import measured

    def is_deficient(fit: Fit) -> bool:
        each = fit.examined
        if each is None or each.penalised:
            return False
        return each.diagnosis.rank.rank < each.diagnosis.rank.columns

    solvers: dict[Leekasso | Linear, dict[Solver, None]] = {}
    for fit in fits:
        if is_deficient(fit):
            solvers.setdefault(_without_screen(fit.spec), {})[fit.solver] = None
    known = {spec: measured(list(found), spec, running) for spec, found in solvers.items()}

    def told(fit: Fit) -> Fit:
        if fit.examined is None or not is_deficient(fit):
            return fit
        tolerance = known[_without_screen(fit.spec)][fit.solver.name]
        side = dataclasses.replace(fit.examined.side, rank_tolerance=tolerance)
        return dataclasses.replace(fit, examined=dataclasses.replace(fit.examined, side=side))

    return tuple(told(fit) for fit in fits)


def _without_screen(spec: Leekasso | Linear) -> Leekasso | Linear:
    return dataclasses.replace(spec, k=None) if isinstance(spec, Linear) else spec


def _spec(study: Study, method: str, mode: Mode, n: int) -> Leekasso | Linear:
    written = study.methods.get(method)
    if written is not None and not isinstance(written, Leekasso | Linear):
        linear = [name for name, each in study.methods.items() if each.family in FAMILIES]
        raise RequestError(f"{method} is no linear model; these are: {', '.join(linear)}")
    spec = dataclasses.replace(study, mode=mode).specification(method, n)
    assert isinstance(spec, Leekasso | Linear)
    return spec


def _settings(asked: dict[tuple[Solver, str], Leekasso | Linear], running: dict[str, dict[str, str]]) -> Settings:
    """Each solver's own parameters under each method, read back from the framework; kept by package version."""
    from parity.study.tables import Question, tables

    keys = list(asked)
    questions = [
        Question(solver.engine, method, asked[solver, method], running[solver.engine.id], solver.overrides)
        for solver, method in keys
    ]
    return dict(zip(keys, (table.rows for table in tables(questions)), strict=True))


def _fit(
    solver: Solver,
    method: str,
    draw: Draw,
    spec: Leekasso | Linear,
    result: Result | None,
    rows: Rows,
    settings: Settings,
) -> Fit:
    if result is None or result.status != "done":
        reason = result.reason if result else "it was not fitted before the run ended"
        return Fit(solver, method, draw, spec, None, reason, refused=bool(result and result.status == "raised"))
    if wrong := _unusable(result, rows):
        return Fit(solver, method, draw, spec, None, wrong)
    return Fit(solver, method, draw, spec, examined(_side(solver, spec, result, rows, settings, method), rows))


def _unusable(result: Result, rows: Rows) -> str:
    """Why an answer cannot be examined, or an empty string. An aliased coefficient is None and no fault."""
    given = result.coefficients
    if not given:
        return "it gives no coefficients"
    foreign = [name for name in given if name != "(intercept)" and name not in rows.features]
    if foreign:
        return f"it names {', '.join(foreign[:5])}, which are no columns of the data"
    if "(intercept)" in given and given["(intercept)"] is None:
        return "it gives no intercept"
    endless = [name for name, value in given.items() if isinstance(value, str)]
    if endless:
        return f"it gives no finite coefficient for {', '.join(endless[:5])}"
    undefined = np.flatnonzero(~np.isfinite(result.arrays["probability"]))
    return f"it gives no probability for test row {undefined[0] + 1}" if len(undefined) else ""


def _side(solver: Solver, spec: Leekasso | Linear, result: Result, rows: Rows, settings: Settings, method: str) -> Side:
    from parity.compare.screen_scores import Screened

    facts = result.facts
    given = dict(result.coefficients)
    intercept = given.pop("(intercept)", 0.0)
    selected = tuple(name for name in (facts["selected"] or given) if name in rows.features)
    coefficients = np.array([np.nan if given.get(name) is None else given[name] for name in selected], dtype=np.float64)
    told = _own_words(settings.get((solver, method), ()), facts.get("effective") or {})
    objective, standardize, rule, cap = in_force(solver.engine, told, spec, rows.y)
    scores = facts.get("scores")
    return Side(
        name=solver.name,
        selected=selected,
        coefficients=coefficients,
        intercept=float(intercept or 0.0),
        probability=np.asarray(result.arrays["probability"], dtype=np.float64),
        label=np.asarray(result.arrays["label"]),
        objective=objective,
        standardize=standardize,
        threshold=spec.threshold,
        rule=rule,
        iterations=facts.get("iterations"),
        cap=cap,
        converged=facts.get("converged"),
        messages=tuple(facts.get("messages") or ()),
        screened=Screened(solver.name, selected, scores) if scores else None,
    )


def in_force(
    engine: Engine, rows: Sequence[Plain], spec: Leekasso | Linear, y: np.ndarray[Any, Any]
) -> tuple[Objective, bool, str, int | None]:
    """What an engine was asked to minimise, whether on standardized columns, its stopping rules in words, and its cap.

    A Linear pins the objective. For a Leekasso it is read from the engine's own parameters (`rows` of `defaults`) in
    canonical units; what the framework chooses by itself counts as none, and the answer will tell.
    """
    from parity.compare.defaults import entries
    from parity.compare.objective import Objective
    from parity.spec.vocabulary import GLOSSARY, Context

    if isinstance(spec, Linear):
        return Objective.of(spec), False, f"a gradient of {spec.tolerance:g} was asked for", None
    share = float(y.mean())
    named = entries(engine, rows, Context(n=len(y), smaller_class=min(share, 1 - share)))
    value: Plain = {}
    rules = []
    for entry in named:
        found = entry.canonical
        if found is None:
            continue
        is_number = isinstance(found.value, int | float) and not isinstance(found.value, bool)
        counts = is_number or found.parameter in ("intercept", "input_scaling")
        if counts and found.parameter not in value and found.unit == GLOSSARY[found.parameter].unit:
            value[found.parameter] = found.value
        if found.parameter.startswith("tolerance.") and found.parameter not in ("tolerance.rank", "tolerance.alias"):
            rules.append(f"{entry.row['name']} = {_shown(entry.row)}")
    strength, lasso = float(value.get("penalty.strength", 0)), float(value.get("penalty.l1_share", 0))
    penalised = strength > 0 and float(value.get("penalty.intercept", 0)) > 0
    objective = Objective(
        "squares" if spec.model == "lm" else "logistic",
        l1=strength * lasso,
        l2=strength * (1 - lasso),
        intercept="none" if value.get("intercept") is False else "penalised" if penalised else "free",
    )
    cap = value.get("iterations")
    standardize = value.get("input_scaling") == "standardize" and strength > 0
    return objective, standardize, ", ".join(rules), int(cap) if cap is not None and cap > 0 else None


def _own_words(rows: Sequence[Plain], effective: Plain) -> list[Plain]:
    """The rows of `defaults`, with what this very fit says of itself: H2O's penalty depends on the training rows."""
    own = {name: value for name, value in effective.items() if value is not None}
    return [
        {**row, "effective": own[name], "effective_from": "the fitted model"}
        if (name := row["name"].removesuffix("_")) in own and row["override"]
        else row
        for row in rows
    ]


def _shown(row: Plain) -> str:
    if row["effective"] is None and row["asked"] is None and row["declared"] is None:
        return "left to the engine"
    told = row["effective"] if row["effective_from"] else row["asked"] if row["given"] else row["declared"]
    return f"{told:g}" if isinstance(told, int | float) and not isinstance(told, bool) else str(told)
