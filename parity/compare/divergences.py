"""The registry of known divergences, and whether the evidence of an entry still holds."""

from __future__ import annotations

import datetime
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from parity.compare.behaviour import BEHAVIOURS
from parity.engines.environment import comparable
from parity.engines.sheet import engine
from parity.errors import RequestError, require_keys, unknown
from parity.spec.study import method_named
from parity.spec.vocabulary import GLOSSARY

if TYPE_CHECKING:
    from parity.compare.defaults import Diff

Plain = dict[str, Any]

REGISTRY = Path(__file__).with_name("divergences.toml")

_REQUIRED = ("summary", "method", "left", "right", "what", "says", "versions", "neutralise", "seen")
_KEYS = (*_REQUIRED, "probe")


@dataclass(frozen=True, slots=True)
class Divergence:
    """One thing that two engines do differently as shipped."""

    id: str
    summary: str
    method: str
    left: str
    right: str
    what: str
    "A canonical parameter or a behaviour."
    says: tuple[str, str]
    "What the row of the diff says on the left and on the right."
    versions: dict[str, str] = field(hash=False)
    neutralise: dict[str, Plain] = field(hash=False)
    "Engine id -> native arguments after which the row is gone."
    cannot: str
    "Why nothing neutralises it, in words; empty where something does."
    probe: tuple[str, ...]
    seen: datetime.date

    @property
    def command(self) -> str:
        """The command line that shows it."""
        probing = ["--probe", *(word for name in self.probe for word in ("--parameter", name))] if self.probe else []
        return shlex.join(["parity", "defaults", self.method, "--diff", self.left, self.right, *probing])


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of an entry's evidence: `holds`, or why not, or why it could not be looked at."""

    divergence: Divergence
    verdict: str
    "holds, gone, or not run."
    detail: str


def registry(path: Path = REGISTRY) -> dict[str, Divergence]:
    """The entries of a registry file by id; a RequestError names the entry, the key and what would be right."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RequestError(f"the registry {path} cannot be read: {problem}") from None
    return {id: _divergence(id, table, f"[{id}] of {path}") for id, table in tables.items()}


def in_range(entry: Divergence, versions: dict[str, str]) -> str:
    """Why the entry does not speak of these versions (package -> version); empty where it does."""
    for package, wanted in entry.versions.items():
        found = versions.get(package)
        if found is not None and not SpecifierSet(wanted).contains(comparable(found), prereleases=True):
            return f"{package} {found} is outside {wanted}"
    return ""


def judged(entry: Divergence, shipped: Diff, neutralised: Diff | None) -> Finding:
    """Whether the evidence holds: the row says what the entry says, and is gone once neutralised."""
    row = next((d for d in shipped.differences if d.what == entry.what), None)
    if row is None:
        return _gone(entry, f"{entry.left} and {entry.right} no longer differ in {entry.what}")
    if (row.left, row.right) != entry.says:
        return _gone(entry, f"{entry.what} now says '{row.left}' and '{row.right}'")
    if neutralised is not None and entry.what not in neutralised.agreeing:
        still = next((d for d in neutralised.differences if d.what == entry.what), None)
        says = f"it says '{still.left}' and '{still.right}'" if still else "it cannot be compared"
        return _gone(entry, f"what neutralised it no longer does: {says}")
    return Finding(entry, "holds", f"{entry.what}: '{row.left}' and '{row.right}'")


def unregistered(diff: Diff, method: str, known: dict[str, Divergence]) -> list[str]:
    """Rows of a diff between two wrappers of one framework that no entry accounts for."""
    told = {e.what for e in known.values() if (e.method, e.left, e.right) == (method, diff.left, diff.right)}
    return [d.what for d in diff.differences if d.what not in told]


def _gone(entry: Divergence, why: str) -> Finding:
    return Finding(entry, "gone", f"{why}; remove or re-date this entry")


def _divergence(id: str, table: Any, where: str) -> Divergence:
    require_keys(table, _REQUIRED, _KEYS, where)
    method_named(table["method"], where=where)
    if table["what"] not in {*GLOSSARY, *BEHAVIOURS}:
        raise unknown("parameter or behaviour", str(table["what"]), [*GLOSSARY, *BEHAVIOURS], where)
    remedy = table["neutralise"]
    for side in (table["left"], table["right"], *(remedy if isinstance(remedy, dict) else ())):
        engine(side)
    for package, wanted in table["versions"].items():
        try:
            SpecifierSet(wanted)
        except InvalidSpecifier:
            raise RequestError(f"{where}: versions of {package} are {wanted!r}; write them as '>=1.2,<2'") from None
    if not isinstance(table["seen"], datetime.date):
        raise RequestError(f"{where}: seen is {table['seen']!r}; write a date as 2026-11-21")
    left, right = table["says"]
    return Divergence(
        id=id,
        summary=table["summary"],
        method=table["method"],
        left=table["left"],
        right=table["right"],
        what=table["what"],
        says=(left, right),
        versions=dict(table["versions"]),
        neutralise=dict(remedy) if isinstance(remedy, dict) else {},
        cannot=remedy if isinstance(remedy, str) else "",
        probe=tuple(table.get("probe", ())),
        seen=table["seen"],
    )
