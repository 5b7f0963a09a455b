"""The rows and the start of one draw as files, and the code that stands before and after an engine's own."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.explain import recipe_python, recipe_r
from parity.explain.recipe_text import comment
from parity.spec.intervention import LARGEST_F1, Apart, Intervention
from parity.spec.models import Leekasso, Linear, Specification
from parity.spec.screen import neutral_screen
from parity.study.processes import KERAS_BACKENDS

if TYPE_CHECKING:
    from parity.data import Data
    from parity.engines.sheet import Engine
    from parity.explain.treatment import Case, End, Treatment
    from parity.spec.protocol import Draw

Plain = dict[str, Any]
Lines = list[str]

PREDICTED = "The training rows are predicted as well: the cut is found on them"

ELSEWHERE = {"dropped", "weights", "biases", "row_order", "cut"}
"Fields of an intervention that change no rows: what they do stands in other places of the code."

DIALECTS = {"Python": recipe_python, "R": recipe_r}


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What one side is given on one draw, as the worker gives it to an engine."""

    engine: Engine
    spec: Specification
    options: Plain
    "Those of the engine contract."
    outside: Intervention
    features: tuple[str, ...]
    "All columns of the data."
    varying: tuple[str, ...]
    "Those that are not one value in all the rows that are given."


def given(case: Case, end: End, draw: Draw, treatment: Treatment) -> Given:
    """What a side is given under a treatment."""
    side, outside = case.side(end), Intervention(**treatment.outside)
    spec = dataclasses.replace(case.spec, **treatment.spec)
    x, features = np.asarray(case.data.x[draw.rows], dtype=np.float64), tuple(case.data.features)
    rows: Plain = {"x": x, "y": case.data.y[draw.rows].astype(np.int64), "features": [*features], "rows": draw.rows}
    train, _ = outside.given(rows, rows)
    options: Plain = {"seed": draw.seed, "overrides": {**side.overrides, **treatment.overrides}}
    if isinstance(spec, Linear) or (isinstance(spec, Leekasso) and side.engine.screen == "neutral"):
        chosen = neutral_screen(spec, train["x"], train["y"].astype(np.int8))
        options["selected"] = [train["features"][i] for i in chosen]
    # A rule for columns stands after what is done to rows, and before what is done to numbers.
    early, _ = Intervention(rows=outside.rows, mask=outside.mask, blanked=outside.blanked).given(rows, rows)
    kept = early["x"]
    varying = tuple(name for name, varies in zip(features, (kept != kept[0]).any(axis=0), strict=True) if varies)
    return Given(side.engine, spec, options | outside.options(features), outside, features, varying)


# Files.


def write_rows(folder: Path, data: Data, draw: Draw, test: np.ndarray[Any, Any]) -> Lines:
    """Training and test rows and their labels, with names of columns; the names of the files."""
    names = []
    for kind, rows in (("train", draw.rows), ("test", test)):
        x = np.asarray(data.x[rows], dtype=np.float64)
        _write(folder / f"x_{kind}.csv", list(x.T), data.features)
        _write(folder / f"y_{kind}.csv", [np.asarray(data.y[rows], dtype=np.int64)], ["label"])
        names += [f"x_{kind}.csv", f"y_{kind}.csv"]
    return names


def write_given(folder: Path, end: End, side: Given) -> Lines:
    """A mask, what a network starts from and the order of its rows, as far as they are given; names of the files."""
    names, options = [], side.options
    if side.outside.mask is not None:
        names.append(f"{end}_mask.csv")
        mask, rows = side.outside.mask[0].astype(np.float64), side.outside.rows
        _write(folder / names[-1], list((mask if rows is None else mask[list(rows)]).T))
    start = options.get("initial_weights", {})
    for kind in ("weights", "biases"):
        for layer, values in enumerate(start.get(kind, []), 1):
            names.append(f"{end}_{kind}_{layer}.csv")
            columns = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
            _write(folder / names[-1], list(columns.T))
    if "row_order" in options:
        names.append(f"{end}_row_order.csv")
        lines = [",".join(map(str, epoch)) for epoch in options["row_order"]]
        (folder / names[-1]).write_text("\n".join(lines) + "\n")
    return names


def _write(path: Path, columns: Sequence[np.ndarray[Any, Any]], names: Sequence[str] | None = None) -> None:
    """Columns of numbers, each with as many digits as tell it from its neighbours."""
    import pyarrow as pa
    from pyarrow import csv as table

    with path.open("w", newline="", encoding="utf-8") as file:
        if names is not None:
            csv.writer(file, lineterminator="\n").writerow(names)
    with path.open("ab") as raw:
        numbered = pa.table(columns, names=[str(i) for i in range(len(columns))])
        table.write_csv(numbered, raw, table.WriteOptions(include_header=False))


# Code.


def composed(header: Lines, end: End, side: Given, code: str, why: Mapping[str, str]) -> str:
    """The whole of a recipe. code: the engine's own; why: field of the intervention -> the rule that gives its value.

    Raises ValueError for an intervention that no code is known for.
    """
    say, engine = DIALECTS[side.engine.language], side.engine
    server = engine.runtime == "h2o"
    changes = [*_changes(side, end, why), *_start(side, end, why)]
    named = _names_columns(side)
    imports = say.imports(named, KERAS_BACKENDS.get(engine.runtime), server)
    blocks: list[Lines] = [
        header,
        imports,
        say.rows(named),
        *changes,
        [*comment("H2O's server, on this machine alone"), *say.server_started()] if server else [],
        [*comment(f"What {engine.id} is asked for{_columns_told(side, why)}"), *code.strip().splitlines()],
        _cut(side, why),
        say.server_ended() if server else [],
        say.accuracy(),
    ]
    return "\n\n".join("\n".join(block).strip("\n") for block in blocks if block) + "\n"


def _names_columns(side: Given) -> bool:
    """Whether columns are told by their names, and not by a rule."""
    outside = side.outside
    by_name = outside.columns is not None and outside.columns != side.varying
    return by_name or bool(outside.blanked or outside.rescaled) or "selected" in side.options


def _changes(side: Given, end: End, why: Mapping[str, str]) -> Iterator[Lines]:
    """What is done to the rows, in an order that gives what an intervention gives."""
    say, outside = DIALECTS[side.engine.language], side.outside
    told: dict[str, Lines] = {
        "flipped": say.flipped(outside.flipped) if outside.flipped else [],
        # Before the mask, which is of training alone: the file has its rows in the order of these.
        "rows": say.given_rows(outside.rows) if outside.rows is not None else [],
        "cut": say.with_training_rows() if outside.cut == LARGEST_F1 else [],
        "mask": say.masked(end) if outside.mask is not None else [],
        "blanked": say.blanked(outside.blanked) if outside.blanked else [],
        "columns": _columns(side) if outside.columns is not None else [],
        "transform": say.transformed(outside.transform) if outside.transform else [],
        "factor": say.multiplied(outside.factor) if outside.factor != 1 else [],
        "train_factor": say.alone("train", say.multiplied(outside.train_factor)) if outside.train_factor != 1 else [],
        "test_factor": say.alone("test", say.multiplied(outside.test_factor)) if outside.test_factor != 1 else [],
        "rounding": say.rounded(outside.rounding) if outside.rounding else [],
        "scaling": say.scaled(outside.scaling) if outside.scaling else [],
        "apart": _apart(outside.apart, say) if outside.apart else [],
        "rescaled": say.rescaled(outside.rescaled) if outside.rescaled else [],
        "scaled_rounding": say.rounded(outside.scaled_rounding) if outside.scaled_rounding else [],
        "dtype": say.given_as(outside.dtype) if outside.dtype else [],
        "selected": say.selected(side.options["selected"]) if "selected" in side.options else [],
    }
    unknown = set(outside.identity) - set(told) - ELSEWHERE
    if unknown:
        raise ValueError(f"no code is known for {', '.join(sorted(unknown))}")
    for field, lines in told.items():
        if lines:
            told_why = PREDICTED if field == "cut" else _rule(side, field, why)
            yield [*comment(told_why), *lines]


def _apart(apart: Apart, say: Any) -> Lines:
    sets, kind = apart
    lines: Lines = say.scaled_by_itself(kind) if sets == "each" else say.alone(sets, say.scaled(kind))
    return lines


def _columns(side: Given) -> Lines:
    say, kept = DIALECTS[side.engine.language], side.outside.columns
    assert kept is not None
    if kept == side.varying:
        lines: Lines = say.varying_columns(_names_columns(side))
        return lines
    left_out = [name for name in side.features if name not in set(kept)]
    in_place = kept == tuple(name for name in side.features if name in set(kept))
    shorter: Lines = say.columns_but(left_out) if in_place and len(left_out) < len(kept) else say.columns_of(kept)
    return shorter


def _start(side: Given, end: End, why: Mapping[str, str]) -> Iterator[Lines]:
    say, options = DIALECTS[side.engine.language], side.options
    if "initial_weights" in options:
        layers = len(options["initial_weights"]["weights"])
        rules = [f"{kind}: {why.get(kind, 'its own, as it draws them')}" for kind in ("weights", "biases")]
        yield [*comment(f"Where the network starts. {'; '.join(rules)}"), *say.initial_weights(end, layers)]
    if "row_order" in options:
        yield [*comment(_rule(side, "row_order", why)), *say.row_order(end)]


def _cut(side: Given, why: Mapping[str, str]) -> Lines:
    say, at = DIALECTS[side.engine.language], side.outside.cut
    if at is None:
        return []
    lines: Lines = say.cut_where_f1_is_largest() if at == LARGEST_F1 else say.cut_at(float(at))
    return [*comment(_rule(side, "cut", why)), *lines]


def _columns_told(side: Given, why: Mapping[str, str]) -> str:
    """The rule of the columns that the engine's own code names."""
    if "selected" not in side.options or DIALECTS[side.engine.language].selected(side.options["selected"]):
        return ""
    return f"; selected: {_rule(side, 'selected', why)}"


def _rule(side: Given, field: str, why: Mapping[str, str]) -> str:
    """The rule by which a value was found that the code gives for one draw."""
    known = [why[name] for name in (field, *(["dropped"] if field == "selected" else [])) if name in why]
    if known:
        return "; ".join(known)
    if field != "selected":
        return "Given from outside"
    if side.engine.screen == "neutral":
        return f"The columns of parity's own screen: {side.engine.id} has none"
    return "The columns of the model"
