"""What a parity.toml expects: a study, the comparisons to make of it, and the differences that are known."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.errors import RequestError, require_keys, unknown

if TYPE_CHECKING:
    from parity.spec.study import Study

Plain = dict[str, Any]

REMOVE = "remove or re-date this entry"
"What is to be done about an expectation that no longer holds; `parity divergences` says the same of its own."

INCONCLUSIVE = ("skip", "fail")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two engines under one method: one comparison."""

    left: str
    right: str
    method: str

    def __str__(self) -> str:
        from parity.report.compared import one_line

        return f"{one_line(self.left)} ~ {one_line(self.right)} [{one_line(self.method)}]"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pairs a table of the file speaks of: those that nothing in it rules out, whichever side is left."""

    engines: tuple[str, ...]
    method: str | None

    def keeps(self, pair: Pair) -> bool:
        """Whether it speaks of a pair."""
        return set(self.engines) <= {pair.left, pair.right} and self.method in (None, pair.method)

    def __str__(self) -> str:
        under = f" under {self.method}" if self.method else ""
        return f"{' and '.join(self.engines) or 'any engine'}{under}"


@dataclass(frozen=True, slots=True)
class Expected:
    """A known difference, after which a comparison must be different, for as long as its versions are installed."""

    id: str
    reason: str
    versions: Mapping[str, str] = dataclasses.field(hash=False)
    "Package -> the versions of which it is known."
    registered: bool
    "Whether it is an entry of parity's own registry, which may name packages of engines that are not in the pair."
    where: Filter

    def outside(self, installed: Mapping[str, str]) -> str:
        """Why it does not speak of what is installed (package -> version); empty where it does."""
        from packaging.specifiers import SpecifierSet

        from parity.engines.environment import comparable

        for package, wanted in self.versions.items():
            found = installed.get(package)
            if found is None and not self.registered:
                return str(unknown("package", package, installed, where=f"versions of {self.id}"))
            if found is not None and not SpecifierSet(wanted).contains(comparable(found), prereleases=True):
                return f"{package} {found} is outside {wanted}"
        return ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """A parity.toml as it was read."""

    study: Study
    pairs: tuple[Pair, ...]
    "The comparisons to make, in the order of methods and engines."
    expected: tuple[Expected, ...]
    inconclusive: str
    "skip or fail: what becomes of a comparison that has too few draws."

    def known(self, pair: Pair) -> tuple[Expected, ...]:
        """The differences that are known of a pair."""
        return tuple(each for each in self.expected if each.where.keeps(pair))


def read_expectations(path: Path) -> Expectations:
    """A parity.toml: a study file with `inconclusive`, [[compare]] and [[expected]].

    Raises RequestError for what no study file may hold, an engine, method or id that there is not, and for an entry
    that speaks of no comparison.
    """
    from parity.spec.study import read_study

    study = read_study(path)
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    inconclusive = document.get("inconclusive", INCONCLUSIVE[0])
    if inconclusive not in INCONCLUSIVE:
        raise unknown("value", str(inconclusive), INCONCLUSIVE, where=f"inconclusive of {path}")
    pairs = every_pair(study)
    if not pairs:
        raise RequestError(f"{path} leaves nothing to compare: no two of its engines are asked for the same method")
    pairs = _chosen(_tables(document, "compare", path), pairs, study, path)
    expected = tuple(_expected(table, study, pairs, where) for table, where in _tables(document, "expected", path))
    return Expectations(study, pairs, expected, inconclusive)


def fitted_by(expectations: Expectations) -> Study:
    """The study with no engine but those of the comparisons: what is to be fitted."""
    needed = {engine for pair in expectations.pairs for engine in (pair.left, pair.right)}
    ordered = tuple(id for name, id in _engines(expectations.study).items() if name == id and id in needed)
    return dataclasses.replace(expectations.study, engines=ordered)


def every_pair(study: Study) -> tuple[Pair, ...]:
    """Every two engines that the study asks for the same method."""
    from itertools import combinations

    from parity.engines.sheet import engine

    smallest = min(study.protocol.sizes)
    pairs = []
    for method in study.methods:
        family = study.specification(method, smallest).family
        asked = dict.fromkeys(_engines(study).values())
        able = [id for id in asked if family in engine(id).fits and study.asks(id, method)]
        pairs += [Pair(left, right, method) for left, right in combinations(able, 2)]
    return tuple(pairs)


def installed_versions(document: Plain) -> dict[str, str]:
    """Package -> version, from the environment of a document; R, Java and python among them."""
    environment = document["environment"]
    r = environment.get("r") or {}
    found = {**environment["packages"], "R": r.get("version"), "Java": environment.get("java")}
    found["python"] = environment.get("python")
    return {package: str(version) for package, version in found.items() if version is not None}


def _engines(study: Study) -> dict[str, str]:
    """What an engine can be called -> its id, in the order in which they are asked for; an own one by its file too."""
    from parity.run import as_asked, wanted_engines

    asked = as_asked(study, (), wanted_engines(study))
    return {engine.id: engine.id for engine in asked} | {Path(e.file).name: e.id for e in asked if e.own}


def _tables(document: Plain, key: str, path: Path) -> list[tuple[Plain, str]]:
    tables = document.get(key, [])
    if not isinstance(tables, list):
        raise RequestError(f"{key} of {path} is a single table; write it in double brackets, as [[{key}]]")
    return [(table, f"[[{key}]] {number} of {path}") for number, table in enumerate(tables, 1)]


def _chosen(tables: Sequence[tuple[Plain, str]], pairs: tuple[Pair, ...], study: Study, path: Path) -> tuple[Pair, ...]:
    """The pairs that [[compare]] names; all of them where there is none."""
    kept: list[Filter] = []
    for table, where in tables:
        require_keys(table, ("left", "right"), ("left", "right", "method"), where)
        kept.append(_filter(table, study, where))
        if len(kept[-1].engines) == 1:
            raise RequestError(f"{where} compares {table['left']} with itself; name two engines")
        if not any(kept[-1].keeps(pair) for pair in pairs):
            raise RequestError(f"{where} names {kept[-1]}, which the study does not ask both for; correct or remove it")
    return tuple(pair for pair in pairs if not kept or any(each.keeps(pair) for each in kept))


def _filter(table: Plain, study: Study, where: str) -> Filter:
    written = [str(table[side]) for side in ("left", "right") if side in table]
    known = _engines(study)
    for engine in written:
        if engine not in known:
            raise unknown("engine", engine, known, where)
    named = tuple(dict.fromkeys(known[engine] for engine in written))
    method = table.get("method")
    if method is not None and method not in study.methods:
        raise unknown("method", str(method), study.methods, where)
    return Filter(named, method)


def _expected(table: Plain, study: Study, pairs: tuple[Pair, ...], where: str) -> Expected:
    from parity.compare.divergences import registry

    require_keys(table, ("id",), ("id", "left", "right", "method", "versions", "reason"), where)
    id, entries, own = table["id"], registry(), {"reason", "versions"} & set(table)
    if id in entries:
        if own:
            kept = " and ".join(sorted(own))
            raise RequestError(f"{where}: '{id}' is an entry of the registry, which has its own {kept}; leave that out")
        entry = entries[id]
        given = _filter(table, study, where)
        # Without others, it speaks of the engines and the method that showed it; the study need not have them.
        speaks_of = Filter(given.engines or (entry.left, entry.right), given.method or entry.method)
        found = Expected(id, entry.summary, entry.versions, True, speaks_of)
    elif not own:
        raise RequestError(
            f"{unknown('divergence', str(id), entries, where)} One of your own needs a 'reason' and 'versions'"
        )
    else:
        require_keys(table, ("reason", "versions"), table, where)
        _require_ranges(table["versions"], where)
        found = Expected(str(id), str(table["reason"]), table["versions"], False, _filter(table, study, where))
    if not any(found.where.keeps(pair) for pair in pairs):
        raise RequestError(
            f"{where}: '{id}' speaks of {found.where}, and no comparison of the file is that; correct its left, right "
            "or method, or remove it"
        )
    return found


def _require_ranges(versions: Any, where: str) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    if not isinstance(versions, dict) or not versions:
        raise RequestError(f"{where}: versions must name a package, as {{ scikit-learn = '>=1.5,<2' }}")
    for package, wanted in versions.items():
        try:
            SpecifierSet(wanted)
        except (InvalidSpecifier, AttributeError, TypeError):
            raise RequestError(f"{where}: versions of {package} are {wanted!r}; write them as '>=1.2,<2'") from None
