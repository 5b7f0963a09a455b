"""The document of a defaults survey: every native parameter, every behaviour, the diff, and what has changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from parity.compare.probes import in_force
from parity.engines.worker import jsonable
from parity.report.document import SCHEMA

if TYPE_CHECKING:
    from parity.compare.defaults import Diff, Entry
    from parity.compare.lock import Comparison
    from parity.compare.probes import Probe, Trial
    from parity.survey import Found, Survey


def defaults_document(
    survey: Survey,
    entries: dict[Found, tuple[Entry, ...]],
    environment: dict[str, Any],
    *,
    diffs: tuple[Diff, ...] = (),
    changes: Comparison | None = None,
    rerun: str = "",
) -> dict[str, Any]:
    """The document. entries: the rows of each table under their canonical names."""
    tables: list[dict[str, Any]] = [
        {
            "engine": each.engine,
            "method": each.method,
            "versions": {name: version for name, version in each.table.versions.items() if name != "file"},
            "reason": each.table.reason,
            "parameters": [_parameter(entry) for entry in entries[each]],
            "behaviours": [{**asdict(b), "facts": dict(b.facts)} for b in each.behaviours or ()],
        }
        for each in survey.found
    ]
    content = {
        "schema": SCHEMA,
        "kind": "defaults",
        "environment": environment,
        "comparisons": [],
        "counts": dict(Counter(p["probe"]["kind"] for t in tables for p in t["parameters"] if p["probe"])),
        "tables": tables,
        "diffs": [asdict(diff) for diff in diffs],
        "changes": None if changes is None else _changes(changes),
        "not_run": list(survey.not_run),
        "rerun": rerun,
    }
    plain: dict[str, Any] = jsonable(content)
    return plain


def _parameter(entry: Entry) -> dict[str, Any]:
    row, found = entry.row, entry.canonical
    names = ("function", "name", "declared", "required", "declared_from", "given", "asked", "effective")
    return {
        **{name: row[name] for name in (*names, "effective_from", "choices")},
        "in_force": in_force(row),
        "canonical": None if found is None else asdict(found),
        "probe": None if entry.probe is None else _probe(entry.probe),
    }


def _probe(probe: Probe) -> dict[str, Any]:
    return {
        "kind": probe.kind,
        "reason": probe.reason,
        "trials": [_trial(trial) for trial in probe.trials],
        "gate": None if probe.gate is None else asdict(probe.gate),
        "matches": probe.matches,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {**asdict(trial), "reset": trial.reset}


def _changes(found: Comparison) -> dict[str, Any]:
    packages = ("engine", "package", "before", "after")
    return {
        "changes": [asdict(change) for change in found.changes],
        "versions": [dict(zip(packages, each, strict=True)) for each in found.versions],
        "compared": found.compared,
        "not_compared": [{"what": what, "reason": reason} for what, reason in found.not_compared],
    }
