"""A comparison in lockstep as a person reads it in a terminal: the first difference on top, then what still agreed."""

from __future__ import annotations

import shutil
from typing import Any

import click

from parity.report.lockstep import named
from parity.report.terminal import paragraph

Plain = dict[str, Any]


def print_lockstep(document: Plain) -> None:
    """The document of kind `lockstep`: verdict, first parting with both values, the step before it, rerun line."""
    width = min(shutil.get_terminal_size((120, 40)).columns, 140)
    (comparison,) = document["comparisons"]
    names = [side["name"] for side in document["sides"]]
    click.echo(f"{names[0]}  ~  {names[1]}   {document['method']}, {comparison['what']}   {comparison['verdict']}")
    parting = document["partings"].get("pair")
    if parting:
        _parting(parting, document, width)
    elif comparison["reason"]:
        paragraph("", comparison["reason"], width)
    if document["compared"] and not parting:
        share = document["resolution"]
        told = f"{document['steps']} of {document['asked']} {document['every']}s; by the last of them rounding is "
        paragraph("compared", f"{told}{share:.2g} of the typical number of a gradient", width)
    for which, name in (("left", names[0]), ("right", names[1])):
        alone = document["partings"].get(which)
        if alone and not parting and name != "reference":
            paragraph("together", f"{name} leaves the reference at {named(alone, document['every'])}", width)
    for side in document["sides"]:
        for gap in side["not_expressible"]:
            paragraph("not expressible", f"{side['name']}: {gap['parameter']} ({gap['reason']})", width)
        for message in side["messages"]:
            paragraph("said", f"{side['name']}: {message}", width)
    if document["dropout_left_out"]:
        share = document["dropout_left_out"]
        paragraph("left out", f"dropout of {share:g}: masks are drawn, and each framework draws its own", width)
    paragraph("rerun", document["rerun"], width)


def _parting(parting: Plain, document: Plain, width: int) -> None:
    paragraph("first parts at", named(parting, document["every"]), width)
    for side in parting["leaves"]:
        paragraph("leaves", f"the reference: {side['name']} {side['pattern']}", width)
        for supposed in side["suppositions"]:
            paragraph("because", f"{supposed['what']}: so changed, the reference gives the same", width)
    if not parting["leaves"]:
        paragraph("looks", f"the left side {parting['pattern']}", width)
    if parting["values"]:
        values = ", ".join(f"{name} {_shown(value)}" for name, value in parting["values"].items())
        where = f"at {tuple(parting['place'])} of {tuple(parting['shape'])}: " if parting["place"] else ""
        ratio = f", ratio {parting['ratio']:.6g}" if parting.get("ratio") is not None else ""
        paragraph("largest", f"{where}{values}{ratio}, tolerance {_shown(parting['tolerance'])}", width)
    before = [c for c in document["compared"] if c["step"] < parting["step"]]
    if before:
        last = max(c["step"] for c in before)
        of_last = [c for c in before if c["step"] == last]
        worst = max(of_last, key=lambda c: c["excess"] or 0.0)
        where = "the start" if last == 0 else f"{document['every']} {last}"
        least = f"{worst['tensor']} least: {worst['excess']:.2g} of its tolerance"
        paragraph("before it", f"{where}: all {len(of_last)} tensors agree, {least}", width)
    of_step = [c for c in document["compared"] if c["step"] == parting["step"]]
    names = [c["tensor"] for c in of_step]
    place = names.index(parting["tensor"])
    if names[:place]:
        paragraph("agree still", ", ".join(names[:place]), width)
    paragraph("after it", after(of_step[place + 1 :], parting["tensor"]), width)


def after(rest: list[Plain], tensor: str) -> str:
    """What became of the tensors of the same step that are computed after the first one outside its tolerance."""
    outside = [c["tensor"] for c in rest if c["excess"] is None or float(c["excess"]) > 1]
    if outside:
        return f"{len(outside)} of {len(rest)} further tensors of the step are outside too, first {outside[0]}"
    if tensor == "loss":
        return (
            f"all {len(rest)} further tensors of the step agree: what is reported differs, not what is learnt from it"
        )
    return f"all {len(rest)} further tensors of the step agree"


def _shown(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.9g}"
