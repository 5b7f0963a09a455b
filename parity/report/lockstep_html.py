"""A comparison in lockstep as one self-contained HTML page: a strip for every tensor, a mark for every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parity.report.lockstep import named
from parity.report.page import page_environment

Plain = dict[str, Any]

TEMPLATE = Path(__file__).with_name("lockstep.html.j2")

SHADES = (
    (0.001, "under a thousandth of the tolerance"),
    (0.01, "under a hundredth"),
    (0.1, "under a tenth"),
    (1.0, "within the tolerance"),
    (float("inf"), "outside the tolerance"),
)
"Upper ends of the shades that a gap is drawn in, as shares of its tolerance, and what the legend says."

WIDTH, HEIGHT, LABEL = 760, 15, 190
"Pixels of a strip's marks, of one row, and of its name."

WIDEST = 24
"Pixels of one mark, where there are few."


def lockstep_html(document: Plain) -> str:
    """The page of a document of kind "lockstep". It loads nothing and runs no script."""
    environment = page_environment()
    names = [side["name"] for side in document["sides"]]
    strips = [strip(document, f"{names[0]} and {names[1]}", "excess", "pair")]
    if names[1] != "reference":
        strips += [
            strip(document, f"{names[0]} and the reference", "left_excess", "left"),
            strip(document, f"{names[1]} and the reference", "right_excess", "right"),
        ]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        document=document,
        names=names,
        comparison=document["comparisons"][0],
        parting=document["partings"].get("pair"),
        where=named,
        strips=strips if document["compared"] else [],
        shades=[text for _, text in SHADES],
        tensors=_worst(document),
        settings=_settings(document["specification"]),
        label=LABEL,
        height=HEIGHT,
        width=WIDTH,
    )


def strip(document: Plain, title: str, which: str, parting: str) -> Plain:
    """One strip: rows of marks {x, width, shade, title}, and where the first parting is."""
    compared = document["compared"]
    tensors = _in_order(compared)
    steps = sorted({each["step"] for each in compared})
    column = {step: place for place, step in enumerate(steps)}
    wide = min(WIDTH / max(len(steps), 1), WIDEST)
    rows: dict[str, list[Plain]] = {tensor: [] for tensor in tensors}
    every = document["every"]
    for each in compared:
        if each["tensor"] in rows:
            at = "start" if each["step"] == 0 else f"{every} {each['step']}"
            rows[each["tensor"]].append(
                {
                    "x": round(LABEL + column[each["step"]] * wide, 2),
                    "shade": _shade(each[which]),
                    "title": f"{each['tensor']}, {at}: {_size(each[which])} of the tolerance",
                }
            )
    ticks = [(round(LABEL + (column[step] + 0.5) * wide, 1), step) for step in steps[:: max(1, len(steps) // 10)]]
    first = document["partings"].get(parting)
    return {
        "title": title,
        "first": named(first, every) if first else "",
        "mark": round(max(wide - (0.6 if wide > 3 else 0), 0.5), 2),
        "rows": list(rows.items()),
        "ticks": ticks,
        "depth": len(rows) * HEIGHT + 22,
    }


def _in_order(compared: list[Plain]) -> list[str]:
    """Tensors as training computes them; of the start there are weights and biases alone."""
    later = list(dict.fromkeys(each["tensor"] for each in compared if each["step"] > 0))
    return later or [each["tensor"] for each in compared]


def _shade(excess: float | str | None) -> int:
    value = float("inf") if excess is None else float(excess)
    return next(k for k, (end, _) in enumerate(SHADES) if value <= end)


def _size(excess: float | str | None) -> str:
    return "more than can be said" if excess in (None, "inf") else f"{float(excess):.3g}"


def _worst(document: Plain) -> list[Plain]:
    """For each tensor the step at which it comes closest to its tolerance."""
    found: dict[str, Plain] = {}
    for each in document["compared"]:
        known = found.get(each["tensor"])
        if known is None or _number(each["excess"]) > _number(known["excess"]):
            found[each["tensor"]] = each
    ordered = [found[tensor] for tensor in _in_order(document["compared"])]
    return [{**each, "shown": _size(each["excess"]), "outside": _number(each["excess"]) > 1} for each in ordered]


def _number(excess: float | str | None) -> float:
    return float("inf") if excess is None else float(excess)


def _settings(specification: Plain) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), str(value)) for name, value in specification.items() if value is not None]
