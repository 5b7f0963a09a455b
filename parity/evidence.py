"""Runs the evidence of known divergences again, and looks for differences that none of them accounts for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parity.compare.divergences import Divergence, Finding, in_range, judged
from parity.errors import NothingCompared
from parity.survey import Found, Progress, Survey, diff_of, questions_of, survey

if TYPE_CHECKING:
    from parity.compare.defaults import Diff
    from parity.study.tables import Question

WRAPPERS = (
    ("mlp-leek", "r-keras3", "py-keras-tensorflow"),
    ("mlp-leek", "r-h2o", "py-h2o"),
    ("leekasso-glm", "r-h2o", "py-h2o"),
)
"Method and two languages' wrappers of one framework: whatever differs between them must be in the registry."


def examined(
    entries: Sequence[Divergence],
    *,
    store: Path | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> list[Finding]:
    """The evidence of each entry, run again: as shipped, and with what neutralises it. One survey does for all."""
    asked: dict[tuple[str, str, str], Question] = {}
    not_run: dict[str, str] = {}
    for entry in entries:
        for engine_id in (entry.left, entry.right):
            for overrides in ({}, entry.neutralise.get(engine_id, {})):
                key = (engine_id, entry.method, repr(overrides))
                if key in asked or engine_id in not_run:
                    continue
                try:
                    (asked[key],), _ = questions_of([entry.method], [engine_id], {engine_id: overrides})
                except NothingCompared as error:
                    not_run[engine_id] = str(error)
    common = {"measure": True, "store": store, "jobs": jobs, "progress": progress}
    found = _by_key(asked, survey(list(asked.values()), **common))  # type: ignore[arg-type]
    for names in {entry.probe for entry in entries if entry.probe}:
        # Probing everything would take minutes; the entry says what its row rests on.
        probed = {
            (engine_id, entry.method, "{}"): asked[engine_id, entry.method, "{}"]
            for entry in entries
            if entry.probe == names
            for engine_id in (entry.left, entry.right)
            if engine_id not in not_run
        }
        found |= _by_key(probed, survey(list(probed.values()), probe=True, parameters=names, **common))  # type: ignore[arg-type]
    return [_finding(entry, found, not_run) for entry in entries]


def wrapper_diffs(*, store: Path | None = None, jobs: int = 0) -> dict[tuple[str, str, str], Diff]:
    """The diff of each pair of wrappers that runs here."""
    diffs = {}
    for method, left, right in WRAPPERS:
        try:
            questions, idle = questions_of([method], [left, right])
            found = Survey(survey(questions, measure=True, store=store, jobs=jobs), tuple(idle))
            diffs[method, left, right] = diff_of(found, method, left, right)
        except NothingCompared:
            continue
    return diffs


def _by_key(asked: dict[tuple[str, str, str], Question], found: Iterable[Found]) -> dict[tuple[str, str, str], Found]:
    return dict(zip(asked, found, strict=True))


def _finding(entry: Divergence, found: dict[tuple[str, str, str], Found], not_run: dict[str, str]) -> Finding:
    for engine_id in (entry.left, entry.right):
        if engine_id in not_run:
            return Finding(entry, "not run", not_run[engine_id])

    def sides(overrides: bool) -> Survey:
        keys = [
            (e, entry.method, repr(entry.neutralise.get(e, {}) if overrides else {})) for e in (entry.left, entry.right)
        ]
        return Survey(tuple(found[key] for key in keys))

    versions = {k: v for each in sides(False).found for k, v in each.table.versions.items()}
    if reason := in_range(entry, versions):
        return Finding(entry, "gone", f"{reason}; remove or re-date this entry")
    try:
        shipped = diff_of(sides(False), entry.method, entry.left, entry.right)
        neutralised = diff_of(sides(True), entry.method, entry.left, entry.right) if entry.neutralise else None
    except NothingCompared as error:
        return Finding(entry, "not run", str(error))
    return judged(entry, shipped, neutralised)
