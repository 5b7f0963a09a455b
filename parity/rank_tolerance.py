"""Which columns an engine counts as dependent on others: measured, by bringing one column ever closer to another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.spec.models import Leekasso, Linear, plain

if TYPE_CHECKING:
    from parity.linear_fits import Solver
    from parity.study.loose_fits import Request

Plain = dict[str, Any]

ROWS = 40

SHARES = tuple(float(10 ** (-k / 2)) for k in range(2, 33))
"Shares of its length that a column has beside another: 0.1 down to 1e-16, two a decade."

RESOLVED = 0.1
"A coefficient within this share of the right one shows that its column still counted."


def measured(
    solvers: Sequence[Solver], spec: Leekasso | Linear, versions: dict[str, dict[str, str]]
) -> dict[str, float | None]:
    """Solver -> the largest share at which its column no longer counts; None where nothing was dropped, or no fit ran.

    spec: an unpenalised model; its screen is not used. versions: engine -> {package: version}; what has been measured
    for them before is kept in the user's cache.
    """
    from parity.study.loose_fits import fits

    rows = _rows(spec)
    known = {solver.name: _kept(solver, spec, versions) for solver in solvers}
    missing = [solver for solver in solvers if known[solver.name] is None]
    requests = [_request(solver, spec, share, rows) for solver in missing for share in SHARES]
    answers = fits(requests) if requests else []
    for place, solver in enumerate(missing):
        mine = answers[place * len(SHARES) : (place + 1) * len(SHARES)]
        counts = [_counts(answer, share, rows["right"]) for answer, share in zip(mine, SHARES, strict=True)]
        known[solver.name] = found = {"counts": counts}
        _keep(solver, spec, versions, found)
    return {name: _largest(found["counts"]) if found else None for name, found in known.items()}


def _rows(spec: Leekasso | Linear) -> Plain:
    """Two columns, a direction at right angles to both, and the response; `right`: that direction's coefficient."""
    from parity.compare.objective import Objective, optimum

    rng = np.random.default_rng(2017)
    basis = np.linalg.qr(np.column_stack([np.ones(ROWS), rng.normal(size=(ROWS, 3))]))[0][:, 1:] * np.sqrt(ROWS)
    signal = basis @ np.array([1.0, -0.5, 1.0])
    squares = spec.family == "lm" or (isinstance(spec, Linear) and spec.loss == "squares")
    drawn = rng.uniform(size=ROWS) < 1 / (1 + np.exp(-signal))
    y = signal + rng.normal(size=ROWS) if squares else drawn.astype(np.float64)
    right = optimum(Objective("squares" if squares else "logistic"), basis, y).coefficients[2]
    return {"basis": basis, "y": y, "right": float(right)}


def _request(solver: Solver, spec: Leekasso | Linear, share: float, rows: Plain) -> Request:
    from parity.study.loose_fits import Request

    one, two, apart = rows["basis"].T
    x = np.column_stack([one, two, one + share * apart])
    features = ["x1", "x2", "x3"]
    train = {"x": x, "y": rows["y"], "features": features, "rows": np.arange(ROWS)}
    test = {"x": x, "features": features, "rows": np.arange(ROWS)}
    spec = replace(spec, k=None) if isinstance(spec, Linear) else spec
    return Request(solver.engine.id, spec, train, test, {"selected": features, "overrides": solver.overrides})


def _counts(answer: Plain | str, share: float, right: float) -> bool | None:
    """Whether the third column still counted; None where there is no answer."""
    if isinstance(answer, str) or answer.get("not_expressible"):
        return None
    found = (answer["parameters"] or {}).get("coefficients", {}).get("x3")
    return found is not None and abs(found * share / right - 1) <= RESOLVED


def _largest(counts: Sequence[bool | None]) -> float | None:
    return next((share for share, counted in zip(SHARES, counts, strict=True) if counted is False), None)


def _path(solver: Solver, spec: Leekasso | Linear, versions: dict[str, dict[str, str]]) -> Any:
    from parity.study.tables import cache_folder

    identity = [solver.name, solver.overrides, versions[solver.engine.id], plain(spec), ROWS, len(SHARES)]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "rank" / f"{key}.json"


def _kept(solver: Solver, spec: Leekasso | Linear, versions: dict[str, dict[str, str]]) -> Plain | None:
    with suppress(OSError, ValueError):
        found: Plain = json.loads(_path(solver, spec, versions).read_text())
        return found
    return None


def _keep(solver: Solver, spec: Leekasso | Linear, versions: dict[str, dict[str, str]], found: Plain) -> None:
    from parity.report.document import write_text

    with suppress(OSError):
        path = _path(solver, spec, versions)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(json.dumps(found), path)
