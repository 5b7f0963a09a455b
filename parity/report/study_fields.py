"""The fields of documents that the page of a study shows; a document that lacks one is refused in a sentence."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from parity.compare.verdict import Kind
from parity.errors import RequestError

Plain = dict[str, Any]


class _Data(msgspec.Struct):
    name: str
    sha256: str
    rows: int
    features: int


class _Protocol(msgspec.Struct):
    sizes: list[int]
    draws: int


class _Study(msgspec.Struct):
    name: str
    data: _Data
    protocol: _Protocol
    test_rows: int
    methods: dict[str, Any]
    classes: list[Any] | None = None


class _Point(msgspec.Struct):
    n: int
    draws: int
    mean: float
    sd: float | None
    p10: float
    p90: float


class _Curve(msgspec.Struct):
    engine: str
    method: str
    points: list[_Point]


class _Baseline(msgspec.Struct):
    baseline: str
    meaning: str
    points: list[_Point]


class _Cell(msgspec.Struct):
    engine: str
    method: str
    status: str
    reason: str
    trainer: str | None = None


class _NotRun(msgspec.Struct):
    engine: str
    reason: str
    mend: str = ""


class _OneClass(msgspec.Struct):
    n: int
    draw: int
    label: Literal[0, 1]


class _Measure(msgspec.Struct):
    left: float
    right: float
    gap: float
    low: float | None
    high: float | None


class _Size(_Measure, kw_only=True):
    n: int
    draws: int
    missing: int
    p_equivalent: float | None
    p_different: float | None
    p_equivalent_holm: float | None
    p_different_holm: float | None
    check: str
    verdict: Kind
    draws_needed: int | None
    by_probability: _Measure
    log_loss: _Measure | None
    calibration_error: _Measure | None
    left_only: int
    right_only: int
    classes: list[dict[str, _Measure | None]] = []


class _Pair(msgspec.Struct):
    left: str
    right: str
    method: str
    verdict: Kind
    reason: str
    margin: float
    smallest_margin: float | None
    first: int | None
    identical_cells: int
    cells: int
    sizes: list[_Size]
    rerun: str


class _SizeOfClaim(msgspec.Struct):
    n: int
    draws: int
    mean: float
    low: float | None
    high: float | None
    says: str


class _Claim(msgspec.Struct):
    claim: str
    measured: float | None
    interval: tuple[float, float] | None
    verdict: str
    sentence: str
    rule: str
    by_size: list[_SizeOfClaim]


class _StudyDocument(msgspec.Struct):
    study: _Study
    cells: list[_Cell]
    curves: list[_Curve]
    baselines: list[_Baseline]
    not_run: list[_NotRun]
    pairs: list[_Pair] = []
    one_class_draws: list[_OneClass] = []
    claims: list[_Claim] = []


class _Step(msgspec.Struct):
    name: str
    verdict: Kind
    sentence: str
    left: str
    right: str
    tolerance: dict[str, Any] | None
    notes: list[str]


class _Card(msgspec.Struct):
    left: str
    right: str
    method: str
    n: int
    draw: int
    verdict: Kind
    first: str | None
    code: str | None
    steps: list[_Step]
    rerun: str


class _Solvers(msgspec.Struct):
    methods: dict[str, Any]
    cards: list[_Card]


class _Difference(msgspec.Struct):
    what: str
    left: str
    right: str
    left_native: str
    right_native: str
    sentence: str
    effect: float | str | None
    inert: list[str]
    measured: bool


class _Diff(msgspec.Struct):
    left: str
    right: str
    differences: list[_Difference]
    agreeing: list[str]
    left_only: list[str]
    right_only: list[str]
    left_open: list[str]
    left_unnamed: list[str]
    right_unnamed: list[str]


class _Table(msgspec.Struct):
    engine: str
    method: str


class _Defaults(msgspec.Struct):
    tables: list[_Table]
    diffs: list[_Diff]


class _Gap(msgspec.Struct):
    parameter: str
    reason: str


class _Side(msgspec.Struct):
    name: str
    not_expressible: list[_Gap]
    messages: list[str]


class _Supposed(msgspec.Struct):
    what: str


class _Leaves(msgspec.Struct):
    name: str
    pattern: str
    suppositions: list[_Supposed]


class _Parting(msgspec.Struct):
    step: int
    tensor: str
    shape: list[int]
    place: list[int] | None
    values: dict[str, Any]
    tolerance: float | str | None
    leaves: list[_Leaves]
    pattern: str


class _Compared(msgspec.Struct):
    step: int
    tensor: str
    excess: float | str | None


class _Lockstep(msgspec.Struct):
    method: str
    n: int
    draw: int
    every: str
    asked: int
    steps: int
    sides: tuple[_Side, _Side]
    compared: list[_Compared]
    partings: dict[str, _Parting]
    comparisons: tuple[Any]
    rerun: str


SHAPES: dict[str, type[msgspec.Struct]] = {
    "study": _StudyDocument,
    "curves": _StudyDocument,
    "defaults": _Defaults,
    "solvers": _Solvers,
    "lockstep": _Lockstep,
}
"Kind of document -> what a page needs of it."


def require_fields(document: Plain, where: str) -> None:
    """Refuse a document that lacks a field the page shows, or has another type of value in it."""
    try:
        msgspec.convert(document, SHAPES[document["kind"]])
    except msgspec.ValidationError as error:
        raise RequestError(f"the document {where} cannot be shown: {error}; write it anew with --json") from None
