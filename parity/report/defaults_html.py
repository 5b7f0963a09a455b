"""The defaults survey as one self-contained HTML page, from its document alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.compare.behaviour import BEHAVIOURS
from parity.compare.probes import alike
from parity.report.page import page_environment

Plain = dict[str, Any]

TEMPLATE = Path(__file__).with_name("defaults.html.j2")

DIGITS = 7
"Significant digits of a value: float32 carries no more, and the cell's title has the rest."

LONGEST_VALUE = 120
"Characters of a value that are in sight at once; a click shows what is longer."

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"What HTML forbids or UTF-8 cannot carry, and what names in data may contain all the same."

NO_PROBE = "none"
"What the table calls the kind of a parameter that no probe has tried."

COLUMNS = {
    "engine": (9, ""),
    "method": (9, ""),
    "function": (10.5, "The framework's function or class"),
    "parameter": (10.5, "Its native name"),
    "declared": (7, "What the signature says"),
    "asked": (7, "What the translation of the method sets"),
    "effective": (7, "What was in force: read back from the fitted object"),
    "canonical name": (9.5, "The name that all engines share"),
    "canonical value": (9.5, "The value in force, in the canonical unit"),
    "probe": (5.5, "Whether changing it alone changes the fit; none where no probe has run"),
    "effect": (5.5, "Largest change of a predicted value that changing it alone has shown"),
    "why": (14, "What makes an inert one inert, what one left to the framework amounts to, or why there is no answer"),
    "flag": (11, "Where asked, read back and result disagree"),
    "evidence": (16, "Where the values are from, and what was tried"),
}
"Column of the big table -> width in rem, and what its head explains. The page's script knows columns by these names."


@dataclass(frozen=True, slots=True)
class Shown:
    """One value on the page. title: what it cannot show, on hover; key: what it is sorted by where not by its text."""

    text: str
    title: str = ""
    key: str = ""
    absent: bool = False


def defaults_html(document: dict[str, Any]) -> str:
    """The page of a document of kind "defaults"; it loads nothing, and holds every fact without its script too."""
    environment = page_environment()
    environment.filters["size"] = _size
    environment.filters["value"] = shown
    tables = document["tables"]
    answered = [table for table in tables if not table["reason"]]
    rows = [_row(table, parameter) for table in answered for parameter in table["parameters"]]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        methods=_distinct(t["method"] for t in tables),
        engines=_engines(tables),
        silent=[table for table in tables if table["reason"]],
        not_run=document["not_run"],
        rerun=document.get("rerun", ""),
        diffs=document["diffs"],
        changes=document["changes"],
        matrices=_matrices(answered),
        columns=COLUMNS,
        rows=rows,
        choices={name: _distinct(row[name].text for row in rows) for name in ("engine", "method", "function", "probe")},
        longest=LONGEST_VALUE,
    )
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", page)


def shown(value: Any) -> Shown:
    """A native value as a reader wants it: seven digits, short lists; text that reads as another type in quotes.

    >>> shown(0.004999999888241291).text, shown([160, 160, 160]).text, shown(True).text, shown("true").text
    ('0.005', '3 × 160', 'true', '"true"')
    """
    text, exact = _worded(value), json.dumps(value, ensure_ascii=False)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Shown(
        text,
        title=exact if isinstance(value, list | float) and exact not in (text, f"{text}.0") else "",
        key=repr(value) if is_number else "",
    )


def _worded(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.{DIGITS}g}"
        case []:
            return "[]"
        case [first, _, *_] if all(each == first and type(each) is type(first) for each in value):
            return f"{len(value)} × {_worded(first)}"
        case list():
            return ", ".join(map(_worded, value))
        case str() if value.lower() in ("", "none", "true", "false", "required") or _reads_as_number(value):
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case other:
            return str(other)


def _reads_as_number(text: str) -> bool:
    try:
        # JSON has no infinity, so the document carries one as the word, which needs no quotes.
        return math.isfinite(float(text))
    except ValueError:
        return False


def _absent(why: str) -> Shown:
    return Shown("—", why, absent=True)


def _row(table: Plain, parameter: Plain) -> Plain:
    """The cells of one native parameter, by column, and whether the two filters of the page let it through."""
    probe, canonical = parameter["probe"], parameter["canonical"]
    required = Shown("required", "It has no default: the framework insists on a value")
    unknown = _absent("Nothing tells what was in force")
    flags = list(_flags(parameter))
    kind = probe["kind"] if probe else NO_PROBE
    return {
        "engine": Shown(table["engine"]),
        "method": Shown(table["method"]),
        "function": Shown(parameter["function"]),
        "parameter": Shown(parameter["name"]),
        "declared": required if parameter["required"] else shown(parameter["declared"]),
        "asked": shown(parameter["asked"]) if parameter["given"] else _absent("Not asked for: left to the framework"),
        "effective": shown(parameter["effective"]) if parameter["effective_from"] else unknown,
        "canonical name": Shown(canonical["parameter"]) if canonical else _absent("The vocabulary has no word for it"),
        "canonical value": shown(canonical["value"]) if canonical else _absent("It has no canonical name"),
        "unit": canonical["unit"] if canonical else "",
        "probe": Shown(kind, "" if probe else "No probe has run"),
        "effect": _effect(probe),
        "why": _why(table, parameter),
        "flag": flags,
        "sources": list(_sources(parameter)),
        "trials": [_tried(trial) for trial in probe["trials"]] if probe else [],
        "differs": _departs(parameter),
    }


def _departs(parameter: Plain) -> bool:
    """Whether what was in force, as far as anything tells, is not what the signature says."""
    known = parameter["effective_from"] or parameter["given"]
    return bool(known) and not parameter["required"] and not alike(parameter["in_force"], parameter["declared"])


def _effect(probe: Plain | None) -> Shown:
    ran = [t for t in probe["trials"] if t["outcome"] in ("differs", "same")] if probe else []
    if not ran:
        return _absent("No changed fit has ended" if probe else "No probe has run")
    largest = max((float(t["effect"]["probability"]) for t in ran if _has_size(t["effect"])), default=None)
    if largest is None and any(t["outcome"] == "differs" for t in ran):
        return _absent("The fits differ; by how much, nothing tells")
    return Shown(_size(largest or 0.0), key=repr(largest or 0.0).replace("inf", "Infinity"))


def _has_size(effect: Plain | None) -> bool:
    return effect is not None and effect["probability"] is not None


def _size(number: Any) -> str:
    """A measured change, to three digits: what a change of the last one means, nothing asks.

    >>> _size(0.0312345), _size("inf"), _size(None)
    ('0.0312', '∞', 'not told')
    """
    if number is None:
        return "not told"
    return "∞" if math.isinf(float(number)) else f"{float(number):.3g}"


def _why(table: Plain, parameter: Plain) -> Shown:
    probe = parameter["probe"]
    if not probe:
        return _absent("No probe has run")
    if probe["reason"]:
        return Shown(probe["reason"])
    if probe["matches"] is not None:
        return Shown(f"left to the framework it fits, bit for bit, as with {_worded(probe['matches'])}")
    if probe["kind"] != "inert":
        return _absent("It needs no reason: changing it alone changes the fit")
    gate = probe["gate"]
    if gate is None:
        return _absent("No second change was found under which it has an effect")
    # Overrides go by bare name; where two functions have one of that name, the probed one is what the override sets.
    rows = sorted(table["parameters"], key=lambda p: p["probe"] is not None)
    in_force = {p["name"]: p["in_force"] for p in rows}
    now = [f"{name} is {_worded(in_force[name])}" for name in gate["settings"] if name in in_force]
    live = [f"{name} = {_worded(value)}" for name, value in gate["settings"].items()]
    is_now = f" while {' and '.join(now)}" if now else ""
    size = _size(gate["effect"]["probability"])
    return Shown(f"inert{is_now}; live with {' and '.join(live)} (effect {size})")


def _flags(parameter: Plain) -> Iterable[str]:
    probe, asked, effective = parameter["probe"], parameter["asked"], parameter["effective"]
    # Words are no disagreement: asked for is `x_train` or an optimizer's maker, read back the type of what it became.
    numbers = parameter["given"] and parameter["effective_from"] and _is_numeric(asked) and _is_numeric(effective)
    if numbers and not alike(asked, effective):
        yield f"asked {_worded(asked)}, read back {_worded(effective)}"
    became = {"differs": "the result changed", "same": "the result is the same"}
    for trial in probe["trials"] if probe else ():
        if trial["reset"]:
            told = f"asked {_worded(trial['value'])}, read back {_worded(trial['read_back'])}"
            yield f"{told}; {became.get(trial['outcome'], trial['outcome'])}"


def _is_numeric(value: Any) -> bool:
    return all(map(_is_numeric, value)) if isinstance(value, list) else isinstance(value, int | float)


def _sources(parameter: Plain) -> Iterable[str]:
    canonical = parameter["canonical"]
    yield f"declared: {parameter['declared_from']}"
    if parameter["effective_from"]:
        yield f"effective: {parameter['effective_from']}"
    if parameter.get("choices"):
        yield f"choices: {', '.join(map(_worded, parameter['choices']))}"
    if canonical and canonical.get("native_unit", canonical["unit"]) != canonical["unit"]:
        yield f"the framework takes it as: {canonical['native_unit']}"


def _tried(trial: Plain) -> str:
    parts = []
    if effect := trial["effect"]:
        parts.append(f"predictions by up to {_size(effect['probability'])}")
        if effect["accuracy"] is not None:
            parts.append(f"accuracy by {float(effect['accuracy']):+.3g}")
        before, after = effect["iterations"]
        if before is not None or after is not None:
            parts.append(f"iterations {_worded(before)} → {_worded(after)}")
    if trial["told"]:
        parts.append(f"read back {_worded(trial['read_back'])}")
    if trial["message"]:
        parts.append(f"said “{trial['message']}”")
    return f"{_worded(trial['value'])}: {'; '.join([trial['outcome'], *parts])}"


def _engines(tables: Sequence[Plain]) -> list[Plain]:
    """Every engine that was asked, with its versions and methods, and the count of its native parameters."""
    found: dict[str, Plain] = {}
    for table in tables:
        entry = found.setdefault(table["engine"], {"name": table["engine"], "versions": {}, "methods": [], "count": 0})
        entry["versions"] |= table["versions"]
        entry["methods"].append(table["method"])
        entry["count"] += len(table["parameters"])
    return list(found.values())


def _matrices(tables: Sequence[Plain]) -> list[Plain]:
    """One matrix a method: its engines, and a row for each behaviour that any of them was measured for."""
    matrices = []
    for method in _distinct(t["method"] for t in tables):
        columns = {t["engine"]: {b["name"]: b for b in t["behaviours"]} for t in tables if t["method"] == method}
        columns = {engine: found for engine, found in columns.items() if found}
        names = _distinct(name for found in columns.values() for name in found)
        order = {name: place for place, name in enumerate(BEHAVIOURS)}
        rows = []
        for name in sorted(names, key=lambda n: order.get(n, len(order))):
            cells = [found.get(name) for found in columns.values()]
            values = {cell["value"] if cell else None for cell in cells}
            alike_everywhere = len(values) == 1 and len(cells) > 1
            rows.append(
                {"name": name, "meaning": BEHAVIOURS.get(name, ""), "cells": cells, "is_alike": alike_everywhere}
            )
        if rows:
            matrices.append({"method": method, "engines": list(columns), "rows": rows})
    return matrices


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
