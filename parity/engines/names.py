"""What engines call the parameters of the glossary: `names.toml`, and one native value in canonical name and unit."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.engines.sheet import Engine
from parity.errors import RequestError, unknown
from parity.spec.vocabulary import GLOSSARY, Context

NAMES = Path(__file__).with_name("names.toml")

_KEYS = ("canonical", "unit", "values")
_QUALIFIED = re.compile(r"(?P<function>.+)\[(?P<setting>[^=\]]+)=(?P<value>[^\]]+)\]\.(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class Canonical:
    """A native parameter in the glossary's terms."""

    parameter: str
    "Name in the glossary."
    unit: str
    "Unit of `value`: the glossary's, or the native one where the context did not suffice to convert it."
    value: Any
    native_unit: str
    "Unit in which the framework takes it."


@dataclass(frozen=True, slots=True)
class Name:
    """One key of `names.toml`."""

    key: str
    parameter: str
    unit: str
    values: dict[str, Any] = field(hash=False)
    "Native word, in lower case without hyphens and underscores -> canonical value."


@dataclass(frozen=True, slots=True)
class Table:
    """The names of one framework."""

    functions: dict[str, str] = field(hash=False)
    "Another name of a function -> the one that keys use."
    names: dict[str, Name] = field(hash=False)


def canonical(
    engine: Engine,
    function: str,
    name: str,
    value: Any,
    context: Context,
    settings: Mapping[str, Any] | None = None,
) -> Canonical | None:
    """A native parameter's canonical name, and its value in canonical words or units; None where it has none.

    function: as in a row of `defaults`; packages before it do not matter. settings: the other native values of the same
    call by name, for parameters whose meaning depends on them, and {"layer": "output"} for an output layer.
    A word without a translation passes in lower case with hyphens; None, "auto" and what is neither a number nor a word
    pass as they are. Of a sequence each element is converted, and one of equal elements stands for that element, but
    for the units of layers.
    """
    found = name_of(engine, function, name, settings or {})
    if found is None:
        return None
    known = GLOSSARY[found.parameter]
    unit = known.unit if known.convertible(found.unit, context) else found.unit

    def converted(each: Any) -> Any:
        # Plain data has no infinity: it comes as its name.
        each = float(each) if each in ("inf", "-inf") else each
        if _word(each) in found.values:
            return found.values[_word(each)]
        if isinstance(each, str):
            return each.lower().replace("_", "-")
        if isinstance(each, int | float) and not isinstance(each, bool) and unit == known.unit:
            return known.to_canonical(each, found.unit, context)
        return each

    if isinstance(value, list | tuple):
        elements = [converted(each) for each in value]
        uniform = len(elements) == 1 or (
            found.parameter != "hidden" and elements and elements.count(elements[0]) == len(elements)
        )
        value = elements[0] if uniform else elements
    else:
        value = converted(value)
    return Canonical(found.parameter, unit, value, found.unit)


@functools.cache
def tables() -> dict[str, Table]:
    """Every table of `names.toml` by name."""
    return read(NAMES)


def read(path: Path) -> dict[str, Table]:
    """The tables of a names file; a RequestError says which file, table and key is wrong and what would be right."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RequestError(f"the table of names {path} cannot be read: {problem}") from None
    result = {}
    for title, table in found.items():
        where = f"[{title}] of {path}"
        if not isinstance(table, dict) or not isinstance(table.get("functions", {}), dict):
            raise RequestError(f"{where} and its functions must be tables")
        names = {key: _read(key, entry, where) for key, entry in table.items() if key != "functions"}
        result[title] = Table(table.get("functions", {}), names)
    return result


def _read(key: str, entry: Any, where: str) -> Name:
    place = f"'{key}' in {where}"
    if isinstance(entry, str):
        parameter, _, unit = entry.partition(" in ")
        entry = {"canonical": parameter, **({"unit": unit} if unit else {})}
    if not isinstance(entry, dict) or "canonical" not in entry or not isinstance(entry.get("values", {}), dict):
        raise RequestError(f'{place} is {entry!r}; write "name", "name in unit" or {{ canonical, unit, values }}')
    for each in entry:
        if each not in _KEYS:
            raise unknown("key", each, _KEYS, place)
    if entry["canonical"] not in GLOSSARY:
        raise unknown("canonical parameter", str(entry["canonical"]), GLOSSARY, place)
    known = GLOSSARY[entry["canonical"]]
    unit = entry.get("unit", known.unit)
    if unit not in (known.unit, *known.units):
        raise unknown("unit", str(unit), [known.unit, *known.units], place)
    return Name(key, known.name, unit, {_word(word): value for word, value in entry.get("values", {}).items()})


def name_of(engine: Engine, function: str, name: str, settings: Mapping[str, Any]) -> Name | None:
    """The key of `names.toml` that stands for a native parameter, if any; arguments as of `canonical`."""
    used = []
    for title in engine.names:
        if title not in tables():
            raise unknown("table of names", title, tables(), f"names of [{engine.id}] in the capability sheet")
        used.append(tables()[title])
    for table in used:
        for called in _called(function, engine.language, table):
            for found in _of_function(table, called, name, settings):
                return found
    return next((table.names[name] for table in used if name in table.names), None)


def _called(function: str, language: str, table: Table) -> Iterator[str]:
    """A function's name without the packages before it: keras3::fit is fit; keras.Model.fit is Model.fit and fit."""
    name = function.rpartition("::")[2]
    while name:
        yield table.functions.get(name, name)
        # In R a dot is part of a name: predict.lm is no lm.
        name = name.partition(".")[2] if language == "Python" else ""


def _of_function(table: Table, function: str, name: str, settings: Mapping[str, Any]) -> Iterator[Name]:
    """A function's own keys for a parameter, those first that depend on a setting in force."""
    for key, found in table.names.items():
        parts = _QUALIFIED.fullmatch(key)
        if parts and (parts["function"], parts["name"]) == (function, name):
            setting = settings.get(parts["setting"])
            if setting is not None and _word(setting) == _word(parts["value"]):
                yield found
    if f"{function}.{name}" in table.names:
        yield table.names[f"{function}.{name}"]


def _word(value: Any) -> str:
    """A value as a word of `values`: frameworks differ in case and punctuation, R and Python in 1 and 1.0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    text = str(value).lower().replace("_", "")
    # The hyphen of a negative number is a sign.
    return text if re.match(r"-?\d", text) else text.replace("-", "")
