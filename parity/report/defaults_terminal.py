"""A defaults survey in a terminal: one engine's parameters, what differs between two, what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from parity.compare.defaults import worded
from parity.report.terminal import columns

Plain = dict[str, Any]

UNTOLD = "–"
"Stands where nothing tells."

LONGEST = 34
"Characters of a value in a column; the JSON and HTML forms have all of it."


def listing(document: Plain, names: Sequence[str] = ()) -> None:
    """Print every parameter of every table, or those of these native names, and the behaviours."""
    for table in document["tables"]:
        click.echo(f"\n{table['method']} on {table['engine']}  ({_versions(table)})")
        if table["reason"]:
            click.echo(f"  not read: {table['reason']}")
            continue
        shown = [p for p in table["parameters"] if not names or p["name"] in names]
        probed = any(p["probe"] for p in shown)
        head = ["function", "parameter", "declared", "asked", "effective", "canonical", *(["probe"] if probed else [])]
        columns([head, *(_row(p, probed) for p in shown)])
        for behaviour in table["behaviours"] if not names else []:
            click.echo(f"  measured  {behaviour['name']}: {behaviour['value']}  ({behaviour['evidence']})")
        for parameter in shown:
            for line in _disagreements(parameter):
                click.echo(f"  {line}")


def summary(document: Plain) -> None:
    """Print one line for each engine and method: how many parameters, and what is known of them."""
    head = ["engine", "method", "parameters", "asked for", "read back", "canonical", "live", "inert", "behaviours"]
    rows = [head]
    for table in document["tables"]:
        found = table["parameters"]
        kinds = [p["probe"]["kind"] for p in found if p["probe"]]
        counts = [
            len(found),
            sum(p["given"] for p in found),
            sum(bool(p["effective_from"]) for p in found),
            sum(p["canonical"] is not None for p in found),
            kinds.count("live") if kinds else UNTOLD,
            kinds.count("inert") if kinds else UNTOLD,
            len(table["behaviours"]) or UNTOLD,
        ]
        reason = [f"not read: {table['reason']}"] if table["reason"] else []
        rows.append([table["engine"], table["method"], *(reason or map(str, counts))])
    columns([[*row, *[""] * (len(head) - len(row))] for row in rows])


def difference_table(diff: Plain, method: str, width: int) -> None:
    """Print a diff in `width` columns: both values and one sentence a row, then what only one side has."""
    found = diff["differences"]
    click.echo(f"{method}: {diff['left']}  ~  {diff['right']}: {len(found)} differ, {len(diff['agreeing'])} agree\n")
    with_effect = any(row["effect"] is not None for row in found)
    first = max([len(row["what"]) for row in found], default=0) + 2
    value = max((width - first - (10 if with_effect else 0)) // 2, 20)
    head = "".ljust(first) + diff["left"].ljust(value) + diff["right"].ljust(value)
    click.secho((head + ("effect" if with_effect else "")).rstrip(), bold=True)
    for row in found:
        left, right = (_wrapped(_side(row, side), value - 2) for side in ("left", "right"))
        for line in range(max(len(left), len(right))):
            texts = [each[line] if line < len(each) else "" for each in (left, right)]
            what = row["what"] if line == 0 else ""
            size = _effect_words(row) if line == 0 and with_effect else ""
            click.echo((what.ljust(first) + "".join(t.ljust(value) for t in texts) + size).rstrip())
        inert = f" Inert on {' and '.join(row['inert'])}." if row["inert"] else ""
        for text in _wrapped(row["sentence"] + inert, width - 4):
            click.secho(f"    {text}", dim=True)
    if diff["left_open"]:
        _paragraph(f"left to the framework, so not compared: {'; '.join(diff['left_open'])}", width)
    for side in ("left", "right"):
        if diff[f"{side}_only"]:
            _paragraph(f"only {diff[side]} has: {'; '.join(diff[f'{side}_only'])}", width)
        if diff[f"{side}_unnamed"]:
            names = ", ".join(dict.fromkeys(name.split(": ", 1)[1] for name in diff[f"{side}_unnamed"]))
            count = len(diff[f"{side}_unnamed"])
            _paragraph(f"no counterpart in the vocabulary, {diff[side]} ({count}): {names}", width)


def _paragraph(text: str, width: int) -> None:
    for line in _wrapped(text, width):
        click.secho(line, dim=True)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]


def _effect_words(row: Plain) -> str:
    return "measured" if row["measured"] else _size(row["effect"])


def change_list(changes: Plain, before: str, after: str) -> None:
    """Print what has changed between two states, one line each."""
    for version in changes["versions"]:
        click.echo(f"{version['engine']}: {version['package']} {version['before']} -> {version['after']}")
    for change in changes["changes"]:
        methods = ", ".join(change["methods"])
        values = f"{_value(change['before'])} -> {_value(change['after'])}"
        click.echo(f"{change['engine']}  {change['native']}  {change['what']}: {values}  ({methods})")
    for entry in changes["not_compared"]:
        click.echo(f"{entry['what']}: not compared ({entry['reason']})", err=True)
    count = len(changes["changes"])
    click.echo(
        f"{changes['compared']:,} parameters compared, {before} with {after}: "
        + (f"{count} change{'s' * (count != 1)}" if count else "no change")
    )


def _row(parameter: Plain, probed: bool) -> list[str]:
    found = parameter["canonical"]
    canonical = "" if found is None else f"{found['parameter']} = {_cut(_value(found['value']))}"
    declared = "(required)" if parameter["required"] else _cut(_value(parameter["declared"]))
    return [
        parameter["function"],
        parameter["name"],
        declared,
        _cut(_value(parameter["asked"])) if parameter["given"] else "",
        _cut(_value(parameter["effective"])) if parameter["effective_from"] else UNTOLD,
        canonical,
        *([_probe_words(parameter["probe"])] if probed else []),
    ]


def _probe_words(probe: Plain | None) -> str:
    if probe is None:
        return ""
    live = [t for t in probe["trials"] if t["effect"]]
    if probe["kind"] == "live":
        best = max(live, key=lambda t: _number(t["effect"]["probability"]))
        known = "" if probe["matches"] is None else f"; as shipped it is {_value(probe['matches'])}"
        return f"live: {_value(best['value'])} moves predictions by {_size(best['effect']['probability'])}{known}"
    if probe["kind"] == "inert" and probe["gate"]:
        settings = probe["gate"]["settings"]
        return f"inert; live with {' and '.join(f'{name} = {_value(v)}' for name, v in settings.items())}"
    return f"{probe['kind']}: {_cut(probe['reason'], 60)}" if probe["reason"] else str(probe["kind"])


def _disagreements(parameter: Plain) -> list[str]:
    """Where what was asked, what was read back and what the weights say are not one."""
    lines = []
    for trial in (parameter["probe"] or {}).get("trials", []):
        if trial["reset"]:
            said = "and the fit changed" if trial["outcome"] == "differs" else "and the fit is the same"
            asked, told = _value(trial["value"]), _value(trial["read_back"])
            lines.append(f"reset     {parameter['name']}: asked {asked}, read back {told}, {said}")
    return lines


def _side(row: Plain, side: str) -> str:
    """A value and what the framework calls the parameter."""
    native = row[f"{side}_native"].split(": ", 1)[-1]
    return str(row[side]) if row["measured"] or not native else f"{row[side]}  [{native}]"


def _versions(table: Plain) -> str:
    return ", ".join(f"{name} {version}" for name, version in table["versions"].items())


def _value(value: Any) -> str:
    text = worded(value)
    return text if text else '""'


def _cut(text: str, longest: int = LONGEST) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _number(value: Any) -> float:
    return float(value)  # JSON has no infinity: it stands as text


def _size(effect: Any) -> str:
    return "" if effect is None else f"{_number(effect):.2g}"
