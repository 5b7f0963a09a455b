"""A document as JUnit XML, the report of tests that GitHub's actions, GitLab and Jenkins read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from parity.compare.verdict import FAILURES, Kind
from parity.report.compared import UNCOMPARED, Held, flat, judged, parting, verdict_and_reason, widest

Plain = dict[str, Any]

SKIPPED = UNCOMPARED | {Kind.INCONCLUSIVE}
"Verdicts of a test that neither passed nor failed."

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"What no XML 1.0 document may hold, not even as a reference (section 2.2): most control characters, lone surrogates."

NOTHING = "nothing was compared"


def junit(document: Plain) -> str:
    """One suite for each method, or for the document's kind where it names none; one case for each comparison.

    A case fails under the verdicts of FAILURES (`error` is an error of its own) and is skipped where its sides were
    not compared or too few draws leave it open. A document in which nothing was compared has a case that fails.
    """
    found = judged(document)
    suites: dict[str, list[Held]] = {}
    for each in found:
        suites.setdefault(each.suite, []).append(each)
    root = ElementTree.Element("testsuites", name="parity")
    seconds = _seconds(document)
    for name, comparisons in suites.items():
        _suite(root, name, comparisons, document, seconds)
    if all(each.verdict in UNCOMPARED for each in found):
        _nothing(root, document)
    for total in ("tests", "failures", "errors"):
        root.set(total, str(sum(int(suite.get(total, 0)) for suite in root)))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def evidence(each: Held, kind: str) -> str:
    """A comparison as a failed test shows it: values, gap, tolerance and its reason, first parting, rerun line."""
    comparison = each.comparison
    left, right = comparison["left"], comparison["right"]
    place, reason = parting(each, kind)
    values = f"{_number(left['value']):<10}{_number(right['value']):<10}gap {_number(comparison['gap'])}"
    why = f" ({comparison['tolerance']['reason']})" if comparison["tolerance"]["reason"] else ""
    facts = [("values", f"{values}   tolerance {_number(comparison['tolerance']['value'])}{why}")]
    if each.pair and (size := widest(each.pair)):
        facts.append(("widest at", f"n = {size['n']}: gap {size['gap']:+.4f}{_interval(size)}, {size['draws']} draws"))
    if place:
        facts.append(("first parts at", place))
    if reason:
        facts.append(("reason", reason))
    if comparison["rerun"]:
        facts.append(("rerun", comparison["rerun"]))
    title = [f"{_line(left['name'])}  ~  {_line(right['name'])}", _line(comparison["what"]), comparison["verdict"]]
    return "\n".join(["   ".join(title), *(f"  {name:<16}{_line(text)}" for name, text in facts)])


def _suite(
    root: ElementTree.Element, name: str, comparisons: Sequence[Held], document: Plain, seconds: dict[str, float]
) -> None:
    verdicts = [each.verdict for each in comparisons]
    failures = sum(verdict in FAILURES and verdict is not Kind.ERROR for verdict in verdicts)
    suite = _open(root, name, document, len(comparisons), failures, verdicts.count(Kind.ERROR), verdicts)
    # Each fit once, though every pair of its engine is compared by it.
    if known := [took for side, took in seconds.items() if side.endswith(f" {name}")]:
        suite.set("time", f"{sum(known):.3f}")
    taken: set[str] = set()
    for each in comparisons:
        title = f"{each.comparison['left']['name']} ~ {each.comparison['right']['name']}: {each.comparison['what']}"
        case = _case(suite, name, _distinct(_line(title), taken))
        sides = [each.comparison[side]["name"] for side in ("left", "right")]
        if known := [seconds[side] for side in sides if side in seconds]:
            case.set("time", f"{sum(known):.3f}")
        _outcome(case, each, document["kind"])


def _open(
    root: ElementTree.Element,
    name: str,
    document: Plain,
    tests: int,
    failures: int,
    errors: int,
    verdicts: Sequence[Kind] = (),
) -> ElementTree.Element:
    """A suite with its counts and the environment as its properties."""
    numbers = {
        "tests": tests,
        "failures": failures,
        "errors": errors,
        "skipped": sum(verdict in SKIPPED for verdict in verdicts),
    }
    suite = ElementTree.SubElement(root, "testsuite", {"name": _line(name), **{k: str(v) for k, v in numbers.items()}})
    if environment := flat(document["environment"]):
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in environment:
            ElementTree.SubElement(properties, "property", name=_line(key), value=_line(value))
    return suite


def _case(suite: ElementTree.Element, name: str, title: str) -> ElementTree.Element:
    # GitLab shows the class name as the suite's; Jenkins reads its part before the last dot as a package.
    return ElementTree.SubElement(suite, "testcase", classname=f"parity.{_line(name)}", name=title)


def _outcome(case: ElementTree.Element, each: Held, kind: str) -> None:
    verdict = each.verdict
    if verdict in SKIPPED:
        message = _line(verdict_and_reason(each.comparison))
        # Jenkins reads the attribute and GitLab the text.
        ElementTree.SubElement(case, "skipped", type=str(verdict), message=message).text = message
    elif verdict in FAILURES:
        element = "error" if verdict is Kind.ERROR else "failure"
        message = _line(verdict_and_reason(each.comparison))
        ElementTree.SubElement(case, element, type=str(verdict), message=message).text = evidence(each, kind)


def _nothing(root: ElementTree.Element, document: Plain) -> None:
    """A suite of one case that fails: a set of comparisons in which nothing was compared is no success."""
    suite = _open(root, document["kind"], document, 1, 1, 0)
    case = _case(suite, document["kind"], NOTHING)
    absent = [f"{e['engine']}: not run ({e['reason']})" for e in document.get("not_run") or ()]
    why = "; ".join(absent) or f"this document of kind {document['kind']} holds no comparison with a verdict"
    rerun = document.get("rerun")
    lines = [NOTHING, *(f"  {line}" for line in absent or [why]), *([f"  rerun           {rerun}"] if rerun else [])]
    failure = ElementTree.SubElement(case, "failure", type=NOTHING, message=_line(f"{NOTHING} ({why})"))
    failure.text = "\n".join(map(_plain, lines))


def _seconds(document: Plain) -> dict[str, float]:
    """What all fits of an engine under a method took, by the name of that side, where the document says it."""
    took: dict[str, float] = {}
    for cell in document.get("cells") or ():
        if cell.get("seconds") is not None:
            side = f"{cell['engine']} {cell['method']}"
            took[side] = took.get(side, 0.0) + cell["seconds"]
    return took


def _distinct(title: str, taken: set[str]) -> str:
    """A name that no other case of the suite has: of two equal ones GitLab shows the first alone."""
    name, count = title, 1
    while name in taken:
        count += 1
        name = f"{title} ({count})"
    taken.add(name)
    return name


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _interval(size: Plain) -> str:
    return "" if size["low"] is None or size["high"] is None else f" [{size['low']:+.4f}, {size['high']:+.4f}]"


def _line(text: Any) -> str:
    return " ".join(_plain(text).split())


def _plain(text: Any) -> str:
    r"""Text with every character that XML forbids written out.

    >>> _plain("a\x1bb")
    'a\\x1bb'
    """
    return FORBIDDEN.sub(lambda match: match.group().encode("unicode_escape").decode(), str(text))
