"""The one-page Markdown report of a study, from its document alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("report.md.j2")

LONGEST_CELL = 160
"Characters of a reason that a table shows; parity.json has all of it."


def markdown(document: dict[str, Any], pictures: Sequence[dict[str, str]] = ()) -> str:
    """The report as Markdown. pictures: {"title", "file"} with file relative to the report."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = table_cell
    sizes = sorted({p["n"] for curve in [*document["curves"], *document["baselines"]] for p in curve["points"]})
    return environment.from_string(TEMPLATE.read_text()).render(
        study=document["study"],
        pictures=pictures,
        comparisons=document["comparisons"],
        claims=document.get("claims", []),
        sizes=sizes,
        accuracies=[[table_cell(text) for text in row] for row in accuracy_rows(document, sizes)],
        trainers=trainers(document["cells"]),
        not_run=document["not_run"],
        troubles=troubles(document["cells"]),
        environment=sorted(_flat(document["environment"])),
    )


def table_cell(text: Any) -> str:
    """Text that stays inside its table cell and is shown, never interpreted, whatever characters it brings."""
    line = " ".join(str(text).split())
    line = line if len(line) <= LONGEST_CELL else line[: LONGEST_CELL - 1] + "…"
    for character, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'"), ("[", "\\[")):
        line = line.replace(character, shown)
    return line


def accuracy_rows(document: dict[str, Any], sizes: Sequence[int]) -> list[list[str]]:
    """Rows of method, engine and one mean a size; the baselines last."""
    curves = sorted(document["curves"], key=lambda c: (c["method"], c["engine"]))
    named = [(c["method"], c["engine"], c["points"]) for c in curves]
    named += [("baseline", b["baseline"], b["points"]) for b in document["baselines"]]
    rows = []
    for method, engine, points in named:
        means = {p["n"]: f"{p['mean']:.3f}" for p in points}
        rows.append([method, engine, *(means.get(n, "–") for n in sizes)])
    return rows


def trainers(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells that were trained otherwise than by the framework's own fit, counted by engine, method and trainer."""
    counted = Counter((c["engine"], c["method"], c["trainer"]) for c in cells if c.get("trainer"))
    names = ("engine", "method", "trainer")
    return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in counted.items()]


def troubles(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells without a fit, counted by engine, method, status and reason."""
    counted = Counter((c["engine"], c["method"], c["status"], c["reason"]) for c in cells if c["status"] != "done")
    names = ("engine", "method", "status", "reason")
    return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in counted.items()]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    lines = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines.extend(_flat(value, f"{prefix}{name} "))
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append((f"{prefix}{name}", "none" if shown in (None, "") else str(shown)))
    return lines
