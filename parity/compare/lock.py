"""parity.lock: the defaults of every engine as they were, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.compare.probes import alike
from parity.errors import RequestError

if TYPE_CHECKING:
    from parity.study.tables import Table

Plain = dict[str, Any]

SCHEMA = "parity-lock/1"

ABSENT = "(no such parameter)"
"Stands for the value of a parameter that one of the two does not have."


@dataclass(frozen=True, slots=True)
class Change:
    """One native parameter whose default is not what it was."""

    engine: str
    methods: tuple[str, ...]
    native: str
    "Function and parameter."
    what: str
    "declared, effective, or parameter (it came or went)."
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of the same engines. not_compared: engine and method -> reason."""

    changes: tuple[Change, ...]
    versions: tuple[tuple[str, str, str, str], ...]
    "(engine, package, before, after) of every package whose version is another."
    compared: int
    "Native parameters that both states have."
    not_compared: tuple[tuple[str, str], ...]


def frozen(tables: Iterable[Table]) -> Plain:
    """The lock of these tables, as plain data."""
    engines: Plain = {}
    for table in tables:
        if table.reason:
            continue
        versions = {name: version for name, version in table.versions.items() if name != "file"}
        entry = engines.setdefault(table.engine, {"versions": versions, "methods": {}})
        entry["methods"][table.method] = {
            f"{row['function']}: {row['name']}": {
                **({} if row["required"] else {"declared": row["declared"]}),
                **({"effective": row["effective"]} if row["effective_from"] else {}),
            }
            for row in table.rows
        }
    return {"schema": SCHEMA, "engines": engines}


def dumped(lock: Plain) -> str:
    """The lock as JSON with one line a parameter, so that a version control's diff shows what has changed."""
    engines = []
    for engine, entry in sorted(lock["engines"].items()):
        methods = []
        for method, natives in sorted(entry["methods"].items()):
            lines = [f"     {json.dumps(native)}: {json.dumps(values)}" for native, values in natives.items()]
            methods.append(f"    {json.dumps(method)}: {{\n" + ",\n".join(lines) + "\n    }")
        versions = json.dumps(entry["versions"], sort_keys=True)
        engines.append(
            f'  {json.dumps(engine)}: {{\n   "versions": {versions},\n   "methods": {{\n'
            + ",\n".join(methods)
            + "\n   }\n  }"
        )
    return f'{{\n "schema": {json.dumps(lock["schema"])},\n "engines": {{\n' + ",\n".join(engines) + "\n }\n}\n"


def read_lock(path: Path) -> Plain:
    """The lock in a file; a RequestError says what is wrong with one that is none."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RequestError(f"there is no lock {path}; `parity defaults --lock` writes one") from None
    except (OSError, ValueError) as error:
        raise RequestError(
            f"the lock {path} cannot be read: {error}; write it anew with `parity defaults --lock`"
        ) from None
    schema = lock.get("schema") if isinstance(lock, dict) else None
    if schema != SCHEMA:
        raise RequestError(
            f"the lock {path} has the schema {schema!r} and this parity reads {SCHEMA!r}; "
            "write it anew with `parity defaults --lock`, or use the parity that wrote it"
        )
    engines = lock.get("engines")
    if not isinstance(engines, dict):
        raise RequestError(f"the lock {path} has no engines; write it anew with `parity defaults --lock`")
    for engine, entry in engines.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("methods"), dict) or "versions" not in entry:
            raise RequestError(f"the lock {path} is damaged at engine '{engine}'; write it anew with --lock")
    return dict(lock)


def compared(before: Plain, after: Plain, reasons: Sequence[tuple[str, str]] = ()) -> Comparison:
    """What is different in `after`. Engines and methods that only one of them has are not compared, and named."""
    changes: dict[tuple[str, str, str, str, str], list[str]] = {}
    values: dict[tuple[str, str, str, str, str], tuple[Any, Any]] = {}
    missing, count = [*reasons], 0
    told = {name for name, _ in reasons}
    for engine, old in before["engines"].items():
        new = after["engines"].get(engine, {"methods": {}})
        for method, natives in old["methods"].items():
            if method not in new["methods"]:
                if not told & {engine, f"{engine} {method}"}:
                    missing.append((f"{engine} {method}", "it is in the first state only"))
                continue
            for native, what, was, now in _changed(natives, new["methods"][method]):
                key = (engine, native, what, json.dumps(was), json.dumps(now))
                changes.setdefault(key, []).append(method)
                values[key] = (was, now)
            count += len(natives.keys() & new["methods"][method].keys())
    return Comparison(
        tuple(Change(key[0], tuple(methods), key[1], key[2], *values[key]) for key, methods in changes.items()),
        tuple(_versions(before, after)),
        count,
        tuple(missing),
    )


def _changed(old: Plain, new: Plain) -> Iterator[tuple[str, str, Any, Any]]:
    for native in dict.fromkeys([*old, *new]):
        if native not in new or native not in old:
            there = (old.get(native) or new.get(native) or {}).get("declared", "no default")
            yield (native, "parameter", *((there, ABSENT) if native in old else (ABSENT, there)))
            continue
        for what in ("declared", "effective"):
            was, now = (side[native].get(what, ABSENT) for side in (old, new))
            if not alike(was, now):
                yield native, what, was, now


def _versions(before: Plain, after: Plain) -> Iterator[tuple[str, str, str, str]]:
    for engine, old in before["engines"].items():
        new = after["engines"].get(engine)
        for package, version in old["versions"].items() if new else ():
            now = new["versions"].get(package)
            if now != version:
                yield engine, package, str(version), str(now)
