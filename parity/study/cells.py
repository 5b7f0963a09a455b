"""A cell: one engine fits one specification to one draw. Its key says what must be the same for a result to count."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parity.spec.intervention import NOTHING, Intervention
from parity.spec.models import Mode, Specification, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.spec.protocol import Draw, Draws
    from parity.spec.study import Study


EXPECTED_SECONDS = {"lm": 0.1, "glm": 0.1, "liblinear": 0.1, "linear": 0.1, "mlp": 1.5, "cnn": 20.0}
"Rough cost of a cell by family: progress bars and the number of workers go by it, results never do."


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One fit to be done. key: sha256 of everything in `identity` and of nothing else."""

    key: str
    identity: dict[str, Any]
    engine: Engine
    method: str
    spec: Specification
    draw: Draw
    intervention: Intervention = NOTHING


def plan(study: Study, data: Data, draws: Draws, engines: dict[str, dict[str, str]], device: str = "cpu") -> list[Cell]:
    """Every cell of a study for the engines given with their versions, the engines in the sheet's order.

    engines: id -> {package: version, ..., "file": sha256 of the engine's file}.
    """
    from parity.engines.sheet import engine as engine_named

    cells: list[Cell] = []
    for engine_id, versions in engines.items():
        engine = engine_named(engine_id)
        overrides = study.overrides.get(engine_id, {})
        for method in study.methods:
            for draw in draws.train if study.asks(engine_id, method) else ():
                spec = study.specification(method, draw.n)
                if spec.family in engine.fits:
                    made = cell(
                        engine,
                        method,
                        spec,
                        data,
                        draws.test,
                        draw,
                        versions,
                        study.mode,
                        overrides,
                        device,
                        history=engine.history.get(spec.family, 0) if study.history else 0,
                    )
                    cells.append(made)
    return cells


def cell(
    engine: Engine,
    method: str,
    spec: Specification,
    data: Data,
    test: NDArray[np.int64],
    draw: Draw,
    versions: dict[str, str],
    mode: Mode = "shipped",
    overrides: dict[str, Any] | None = None,
    device: str = "cpu",
    observe: dict[str, Any] | None = None,
    history: int = 0,
    intervention: Intervention = NOTHING,
) -> Cell:
    """The cell of one engine, specification and draw.

    The method's id and the study's name are labels and stay out of the key: the same fit under two names is one fit.
    observe: for a fit that is looked into, the options `untrained` and `repeatable` and a number `repeat` that tells
    identical fits apart. history: k where every k-th row's label after each epoch is wanted. intervention: what is done
    to the fit from outside.
    """
    identity = {
        "specification": plain(spec),
        "engine": engine.id,
        "versions": dict(sorted(versions.items())),
        "data": data.sha256,
        "train_rows": rows_hash(draw.rows),
        "test_rows": rows_hash(test),
        "seed": draw.seed,
        "mode": mode,
        "overrides": overrides or {},
        "precision": "float64" if overrides and overrides.get("dtype") == "float64" else "framework default",
        "device": device,
        **({} if observe is None else {"observe": observe}),
        **({"history": history} if history else {}),
        **({"intervention": intervention.identity} if intervention.identity else {}),
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return Cell(hashlib.sha256(text.encode()).hexdigest(), identity, engine, method, spec, draw, intervention)


def rows_hash(rows: NDArray[np.int64]) -> str:
    """Sha256 of row numbers in their order."""
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
