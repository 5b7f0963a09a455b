"""The one-page Markdown report of a study, from its document alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parity.report.compared import flat, one_line, verdict_and_reason, widest

TEMPLATE = Path(__file__).with_name("report.md.j2")

LONGEST_CELL = 160
"Characters of a reason that a table shows; parity.json has all of it."

LONGEST_COMMAND = 1000
"Characters of a command that a table shows. A longer one is left out, as half a command is none."

NOTICEABLE = 0.05
"Gap of log loss, calibration error, precision, recall or F1 from which the report names it: five times the usual "
"margin of accuracy. A log loss moves so far where every probability of the true class falls by a twentieth."

MEASURES = {"log_loss": "log loss", "calibration_error": "calibration error"}
"Fields of a size of a pair that are shown where they part noticeably."

OF_A_CLASS = {"precision": "precision", "recall": "recall", "f1": "F1"}
"The same of the scores of each class of a cell."

# A backslash before any of these shows it as it is (CommonMark 0.31, section 2.4).
_ACTIVE = re.compile(r"[\\|*\[]|(?<=\S)~|~(?=\S)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# GitHub notifies whom a comment names and links the issue that it numbers: a mark that is not seen parts the two.
_CALLED = re.compile(r"([@#])(?=\w)")


def markdown(document: dict[str, Any], pictures: Sequence[dict[str, str]] = ()) -> str:
    """The report as Markdown. pictures: {"title", "file"} with file relative to the report."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = table_cell
    environment.filters["code"] = code
    sizes = sorted({p["n"] for curve in [*document["curves"], *document["baselines"]] for p in curve["points"]})
    page = environment.from_string(TEMPLATE.read_text()).render(
        study=document["study"],
        pictures=pictures,
        comparisons=document["comparisons"] if document.get("kind") != "curves" else [],
        claims=document.get("claims", []),
        agreement=agreement(document),
        sizes=sizes,
        accuracies=[[table_cell(text) for text in row] for row in accuracy_rows(document, sizes)],
        trainers=trainers(document["cells"]),
        not_run=document["not_run"],
        troubles=troubles(document["cells"]),
        environment=sorted(flat(document["environment"])),
    )
    return page + "".join(_further(document))


def _further(document: dict[str, Any]) -> Iterator[str]:
    """Sections on what a reproduced experiment measures beside its curves."""
    if document.get("standing"):
        from parity.report.standing import standing_markdown

        yield standing_markdown(document["standing"])
    if document.get("single_pixel"):
        from parity.report.single_pixel import pixels_markdown

        yield pixels_markdown(document["single_pixel"])
    if document.get("robustness"):
        from parity.report.robustness import robustness_markdown

        yield "\n" + robustness_markdown(document["robustness"], whole=False)


def table_cell(text: Any) -> str:
    """Text that stays inside its table cell and is shown, never interpreted, whatever characters it brings."""
    line = one_line(text)
    return escaped(line if len(line) <= LONGEST_CELL else line[: LONGEST_CELL - 1] + "…")


def escaped(line: str) -> str:
    """A line of text as Markdown that shows it, in a table's cell as well."""
    for character, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        line = line.replace(character, shown)
    return _CALLED.sub("\\1&#8203;", _ACTIVE.sub(r"\\\g<0>", line))


def code(text: Any) -> str:
    """A command in a table's cell, as it is to be typed."""
    line = one_line(text)
    if len(line) > LONGEST_COMMAND:
        return "too long for a table"
    if not line or re.search(r"[`|\\]", line):
        # No fence holds a pipe or a backtick in a table; references to characters are text wherever they stand.
        shown = (c if c.isalnum() or c == " " or not c.isascii() else f"&#{ord(c)};" for c in line)
        return f"<code>{''.join(shown)}</code>"
    return f"`{line}`"


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


def agreement(document: dict[str, Any]) -> dict[str, Any] | None:
    """What the section on the pairs of engines shows; None where the document has no pairs."""
    pairs = document.get("pairs")
    if not pairs:
        return None
    verdicts = Counter(pair["verdict"] for pair in pairs)
    return {
        "counts": ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()),
        "margins": sorted({pair["margin"] for pair in pairs}),
        "pairs": [[pair["left"], pair["right"], pair["method"], *_pair_row(pair)] for pair in pairs],
        "apart": list(apart(document)),
        "noticeable": NOTICEABLE,
        "one_class": one_class(document),
    }


def interval(values: dict[str, Any]) -> str:
    """An interval with its signs; – where a single draw gives none."""
    return "–" if values["low"] is None or values["high"] is None else f"{values['low']:+.4f} to {values['high']:+.4f}"


def needed(pair: dict[str, Any]) -> str:
    """Draws a size that would settle a pair; – where it is settled or cannot be known."""
    from parity.compare.equivalence import MOST_DRAWS

    draws = pair["draws_needed"]
    if draws is None:
        return "–"
    return f"over {MOST_DRAWS:,}" if draws >= MOST_DRAWS else str(draws)


def apart(document: dict[str, Any]) -> Iterator[list[str]]:
    """Measures beside accuracy that part noticeably, each at the size where most, with an interval that leaves 0.

    Rows of left, right, method, measure, n, both values, gap, interval.
    """
    names = document["study"].get("classes") or [0, 1]
    for pair in document["pairs"]:
        found = {told: {s["n"]: s[m] for s in pair["sizes"] if s[m]} for m, told in MEASURES.items()}
        found |= {
            f"{told} of class {names[label]}": {s["n"]: s["classes"][label][m] for s in pair["sizes"]}
            for label in (0, 1)
            for m, told in OF_A_CLASS.items()
        }
        for measure, by_size in found.items():
            beyond = {n: v for n, v in by_size.items() if v and abs(v["gap"]) > NOTICEABLE and _leaves_zero(v)}
            if beyond:
                n, v = max(beyond.items(), key=lambda item: abs(item[1]["gap"]))
                numbers = [f"{v['left']:.3f}", f"{v['right']:.3f}", f"{v['gap']:+.4f}", interval(v)]
                yield [pair["left"], pair["right"], pair["method"], measure, str(n), *numbers]


def one_class(document: dict[str, Any]) -> list[str]:
    """Draws that held one class only, a sentence for each size and class."""
    names = document["study"].get("classes") or [0, 1]
    found: dict[tuple[int, int], list[int]] = {}
    for each in document.get("one_class_draws") or ():
        found.setdefault((each["n"], each["label"]), []).append(each["draw"])
    return [
        f"n = {n}: draw{'s' * (len(draws) != 1)} {', '.join(map(str, draws))} held class {names[label]} only"
        for (n, label), draws in found.items()
    ]


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


def _pair_row(pair: dict[str, Any]) -> list[str]:
    """Verdict, largest gap with its size and interval, the gap there of probabilities cut at 0.5, draws needed."""
    size = widest(pair)
    if size is None:
        return [verdict_and_reason(pair["curves"]), "–", "–", "–", "–", needed(pair)]
    cut = f"{size['by_probability']['gap']:+.4f}"
    return [pair["verdict"], f"{size['gap']:+.4f}", str(size["n"]), interval(size), cut, needed(pair)]


def _leaves_zero(values: dict[str, Any]) -> bool:
    return values["low"] is not None and values["high"] is not None and bool(values["low"] * values["high"] > 0)
