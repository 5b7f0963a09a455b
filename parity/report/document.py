"""parity.json: everything that a report, a picture or a test says about a study, computed once from the store."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.baselines import BASELINES, baseline_accuracies
from parity.compare.curves import Place, Scored
from parity.compare.referee import accuracy_by_epoch, point, score
from parity.compare.tolerance import PUBLISHED_CURVE
from parity.compare.verdict import FAILURES, Comparison, Kind
from parity.engines.worker import jsonable
from parity.report.curves import pairs
from parity.report.published import CURVES, published_curve
from parity.spec.models import plain

if TYPE_CHECKING:
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.protocol import Draws
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.store import Store

SCHEMA = "parity/1"
SCHEMA_FILE = Path(__file__).with_name("parity.schema.json")

PUBLISHED_DRAWS = 5
"Draws behind each mean of the published curve; with fewer the distance from it says nothing."


def study_document(
    study: Study,
    data: Data,
    draws: Draws,
    cells: Sequence[Cell],
    store: Store,
    engines: Sequence[Engine],
    not_run: Sequence[dict[str, str]],
    environment: dict[str, Any],
    *,
    published: bool = False,
    rerun: str = "",
) -> dict[str, Any]:
    """The document of a study.

    cells: what was fitted of it; engines: all that were asked for; not_run: {"engine", "reason", "mend"} of those that
    do not run here.
    """
    records = []
    scored: dict[tuple[str, str], dict[Place, Scored]] = defaultdict(dict)
    for cell in cells:
        record, known = _record(cell, store, data, draws)
        records.append(record)
        if known is not None:
            scored[cell.engine.id, cell.method][cell.draw.n, cell.draw.index] = known
    curves = _curves(records)
    comparisons = [c.document() for c in _against_published(records, curves, not_run, rerun)] if published else []
    return {
        "schema": SCHEMA,
        "kind": "study",
        "environment": environment,
        "study": study_part(study, data, draws),
        "cells": records,
        "one_class_draws": [
            {"n": draw.n, "draw": draw.index, "label": int(data.y[draw.rows[0]])} for draw in draws.one_class
        ],
        "curves": curves,
        "pairs": pairs(study, draws, engines, scored, records, not_run),
        "baselines": _baselines(data, draws),
        "not_run": list(not_run),
        "comparisons": comparisons,
        "counts": dict(Counter(c["verdict"] for c in comparisons)),
    }


def study_part(study: Study, data: Data, draws: Draws) -> dict[str, Any]:
    """What a document says of its study."""
    return {
        "name": study.name,
        "data": {"name": data.name, "sha256": data.sha256, "rows": len(data.x), "features": len(data.features)},
        "protocol": asdict(study.protocol),
        "test_rows": len(draws.test),
        "methods": {method: plain(spec) for method, spec in study.methods.items()},
        "mode": study.mode,
        "overrides": jsonable(study.overrides),
        "margin": study.margin,
        "classes": jsonable(study.data.classes),
    }


def document(kind: str, environment: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """A document that compares nothing: a listing of engines, findings or translations."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "environment": environment,
        "comparisons": [],
        "counts": {},
        **content,
    }


def write(document: dict[str, Any], path: Path) -> None:
    """Write a document as JSON."""
    write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a file so that a reader never sees half of it."""
    partial = path.with_suffix(path.suffix + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def failed(document: dict[str, Any]) -> bool:
    """Whether any comparison in it failed."""
    return any(c["verdict"] in FAILURES for c in document["comparisons"])


def _record(cell: Cell, store: Store, data: Data, draws: Draws) -> tuple[dict[str, Any], Scored | None]:
    """What parity.json says of a cell, and what comparisons need of it: None where it has no fit."""
    result = store.get(cell.key, ("label", "probability", "history"))
    record: dict[str, Any] = {
        "key": cell.key,
        "engine": cell.engine.id,
        "method": cell.method,
        "n": cell.draw.n,
        "draw": cell.draw.index,
        "ones": int(data.y[cell.draw.rows].sum()),
        "status": result.status if result else "missing",
        "reason": result.reason if result else "it was not fitted before the run ended",
    }
    if result is None or result.status != "done":
        return record, None
    truth = data.y[draws.test]
    facts = result.facts
    history = result.arrays.get("history")
    trainer = (facts.get("effective") or {}).get("trainer")
    label, probability = result.arrays["label"], result.arrays["probability"]
    found = score(label, probability, truth)
    digest = hashlib.sha256(label.tobytes() + probability.tobytes()).hexdigest()
    record = {
        **record,
        **({} if trainer is None else {"trainer": trainer}),
        **(
            {}
            if history is None
            else {"accuracy_by_epoch": accuracy_by_epoch(history, truth[:: cell.identity["history"]])}
        ),
        **asdict(found),
        **{name: facts.get(name) for name in ("seconds", "iterations", "converged", "updates", "selected", "messages")},
    }
    return record, Scored(found, label == truth, digest)


def _curves(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    grouped: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record["status"] == "done":
            grouped[record["engine"], record["method"]][record["n"]].append(record["accuracy"])
    return [
        {"engine": engine, "method": method, "points": [asdict(point(n, sizes[n])) for n in sorted(sizes)]}
        for (engine, method), sizes in grouped.items()
    ]


def _baselines(data: Data, draws: Draws) -> list[dict[str, Any]]:
    by_size: dict[str, dict[int, list[float]]] = {name: defaultdict(list) for name in BASELINES}
    cells: dict[str, list[dict[str, Any]]] = {name: [] for name in BASELINES}
    for draw in draws.train:
        for name, accuracy in baseline_accuracies(data, draw, draws.test).items():
            by_size[name][draw.n].append(accuracy)
            cells[name].append({"n": draw.n, "draw": draw.index, "accuracy": accuracy})
    return [
        {
            "baseline": name,
            "meaning": BASELINES[name],
            "points": [asdict(point(n, sizes[n])) for n in sorted(sizes)],
            "cells": cells[name],
        }
        for name, sizes in by_size.items()
    ]


def _against_published(
    records: Sequence[dict[str, Any]], curves: Sequence[dict[str, Any]], not_run: Sequence[dict[str, str]], rerun: str
) -> Iterable[Comparison]:
    """Each original engine's curve against the one published: mean absolute distance over the sizes both have."""
    reasons = {entry["engine"]: entry["reason"] for entry in not_run}
    for name, (engine, method) in CURVES.items():
        sides: dict[str, Any] = {"left": f"{engine} {method}", "right": f"published {name}"}
        sides["what"] = "mean accuracy by size"
        ours = next((c for c in curves if (c["engine"], c["method"]) == (engine, method)), None)
        failed_cells = [r["reason"] for r in records if (r["engine"], r["method"]) == (engine, method)]
        if ours is None and failed_cells:
            (reason, _), *_ = Counter(failed_cells).most_common(1)
            yield Comparison(**sides, verdict=Kind.ERROR, reason=reason, rerun=rerun)
            continue
        if ours is None:
            reason = reasons.get(engine, "it was not asked for")
            yield Comparison(**sides, verdict=Kind.NOT_RUN, reason=reason, rerun=rerun)
            continue
        theirs = {p.n: p.mean for p in published_curve(name)}
        shared = [p for p in ours["points"] if p["n"] in theirs]
        gap = float(np.mean([abs(p["mean"] - theirs[p["n"]]) for p in shared])) if shared else None
        yield Comparison(
            **sides,
            **_judged(gap, shared, len(theirs)),
            left_value=float(np.mean([p["mean"] for p in shared])) if shared else None,
            right_value=float(np.mean([theirs[p["n"]] for p in shared])) if shared else None,
            gap=gap,
            tolerance=PUBLISHED_CURVE.value,
            tolerance_reason=PUBLISHED_CURVE.reason,
            rerun=rerun,
        )


def _judged(gap: float | None, shared: Sequence[dict[str, Any]], sizes: int) -> dict[str, Any]:
    if gap is None:
        return {"verdict": Kind.NOT_COMPARABLE, "reason": "no size in common with the published curve"}
    fewest = min(p["draws"] for p in shared)
    if len(shared) < sizes or fewest < PUBLISHED_DRAWS:
        had = f"{fewest} draw{'s' * (fewest != 1)} at {len(shared)} of {sizes} sizes"
        return {"verdict": Kind.INCONCLUSIVE, "reason": f"{had}; {PUBLISHED_DRAWS} draws at each settle it"}
    if gap <= PUBLISHED_CURVE.value:
        return {"verdict": Kind.WITHIN_TOLERANCE}
    return {"verdict": Kind.DIFFERENT_UNEXPLAINED, "reason": "the curve has moved since 2017"}
