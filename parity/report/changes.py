"""What has changed between two documents: comparison by comparison, in what was asked, and in the environment."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from parity.compare.verdict import FAILURES, Kind
from parity.errors import RequestError
from parity.report.compared import UNCOMPARED, Held, flat, held, one_line, worst_first

Plain = dict[str, Any]

GROUPS = {
    "new": "it fails now and did not before",
    "still": "it fails in both",
    "inconclusive": "it is open now",
    "removed": "it was compared before and is not now",
    "fixed": "it failed before and is fine now",
    "settled": "it was open before and is fine now",
    "added": "it is fine now and was not compared before",
    "unchanged": "it is fine in both",
    "absent": "it is compared in neither",
}
"Every comparison of two documents falls into one of these; what nobody compared is never fixed and never fine."

COUNTED = re.compile(r"(?<!= )\b\d[\d,]* ([a-z]+?)s?\b")
"A count before its noun, as in `100 updates` or `20 draws`; `n = 10` and `draw 3` are names and stay."

ASKED = ("study", "methods", "method", "specification", "n", "draw", "every", "asked")
"Fields of a document that say what was asked for."

Key = tuple[str, str, str]


def changes(old: Plain, new: Plain, names: tuple[str, str] = ("OLD", "NEW")) -> Plain:
    """What a document of kind `diff` holds beside its head. names: of the two documents, for errors.

    {"changes": [{"group", "left", "right", "what", "old", "new", "rerun"}], "common", "asked_changes",
    "environment_changes"}; old and new are {"verdict", "reason", "gap", "tolerance"}, or None where the document lacks
    the comparison. common: how many comparisons were compared in both documents.
    """
    pairs = matched(_named(old, names[0]), _named(new, names[1]), names)
    order = list(GROUPS)
    found = sorted((_change(*pair) for pair in pairs), key=lambda change: order.index(change["group"]))
    return {
        "changes": found,
        "common": sum(_was_compared(c["old"]) and _was_compared(c["new"]) for c in found),
        "asked_changes": _differences(*({k: d[k] for k in ASKED if k in d} for d in (old, new))),
        "environment_changes": _differences(old["environment"], new["environment"]),
    }


def groups(found: Plain) -> dict[str, int]:
    """How many comparisons fell into each group, in the order of the groups, empty ones left out."""
    counted = Counter(change["group"] for change in found["changes"])
    return {group: counted[group] for group in GROUPS if counted[group]}


def matched(
    old: dict[Key, Held], new: dict[Key, Held], names: tuple[str, str] = ("OLD", "NEW")
) -> list[tuple[Held | None, Held | None]]:
    """Comparisons of two documents that ask the same, the worst first; None where a document lacks one.

    The key is left name, right name and what is compared: together they are what a reader calls a comparison, and no
    document repeats them. Those that are called the same to the letter belong together. Of the rest the counts in
    `what` are left out: the same question with more draws or more updates is still the same question.
    """
    rest_old, rest_new = ({k: h for k, h in a.items() if k not in b} for a, b in ((old, new), (new, old)))
    loose_old, loose_new = _loose(rest_old, names[0]), _loose(rest_new, names[1])
    of_new = {key: key for key in new if key in old}
    of_new |= {key: loose_old[loose] for loose, key in loose_new.items() if loose in loose_old}
    pairs: list[tuple[Held | None, Held | None]] = [
        (old[of_new[each.key]] if each.key in of_new else None, each) for each in worst_first(new.values())
    ]
    taken = set(of_new.values())
    return pairs + [(each, None) for each in worst_first(old.values()) if each.key not in taken]


def group_of(old: Kind | None, new: Kind | None) -> str:
    """The group of a comparison with these verdicts; None where a document lacks it."""
    before, now = (None if kind is None or kind in UNCOMPARED else kind for kind in (old, new))
    if now is None:
        return "absent" if before is None else "removed"
    if now in FAILURES:
        return "still" if before in FAILURES else "new"
    if now is Kind.INCONCLUSIVE:
        return "inconclusive"
    if before is None:
        return "added"
    if before in FAILURES:
        return "fixed"
    return "settled" if before is Kind.INCONCLUSIVE else "unchanged"


def title(change: Plain) -> str:
    """What a change is about, on one line."""
    return one_line(f"{change['left']} ~ {change['right']}: {change['what']}")


def verdicts(change: Plain) -> str:
    """Both verdicts, before and now.

    >>> verdicts({"old": {"verdict": "identical"}, "new": None})
    'identical → missing'
    """
    before, now = (change[side]["verdict"] if change[side] else "missing" for side in ("old", "new"))
    return f"{before} → {now}"


def gaps(change: Plain) -> str:
    """Both gaps, before and now; – where there is none."""
    sides = (change["old"] or {}, change["new"] or {})
    before, now = ("–" if side.get("gap") is None else f"{side['gap']:.3g}" for side in sides)
    return before if before == now == "–" else f"{before} → {now}"


def before_and_now(fact: Plain) -> tuple[str, str]:
    """Both values of a fact of what was asked or of the environment."""
    before, now = ("not known" if fact[side] is None else str(fact[side]) for side in ("before", "now"))
    return before, now


def changes_markdown(found: Plain) -> str:
    """The page of a document of kind `diff`; what is fine in both is counted and not listed."""
    from parity.report.markdown import table_cell

    counted = groups(found)
    lines = [f"# From {table_cell(found['old']['file'])} to {table_cell(found['new']['file'])}", ""]
    lines += [", ".join(f"{count} {group}" for group, count in counted.items()) or "No comparison.", ""]
    for group in counted:
        if group in ("unchanged", "absent"):
            continue
        lines += [f"## {group.capitalize()}: {GROUPS[group]}", ""]
        lines += ["| left | right | what | verdict | gap | why |", "|---|---|---|---|---|---|"]
        for change in found["changes"]:
            if change["group"] == group:
                why = (change["new"] or {}).get("reason") or ""
                row = [change["left"], change["right"], change["what"], verdicts(change), gaps(change), why]
                lines.append(f"| {' | '.join(map(table_cell, row))} |")
        lines.append("")
    for heading, field in (("What was asked", "asked_changes"), ("Environment", "environment_changes")):
        if found[field]:
            lines += [f"## {heading}", "", "| what | before | now |", "|---|---|---|"]
            rows = ([each["name"], *before_and_now(each)] for each in found[field])
            lines += [*(f"| {' | '.join(map(table_cell, row))} |" for row in rows), ""]
    return "\n".join(lines)


def _named(document: Plain, name: str) -> dict[Key, Held]:
    """The comparisons of a document by their keys."""
    return _unique(((each.key, each) for each in held(document)), name)


def _loose(comparisons: dict[Key, Held], name: str) -> dict[Key, Key]:
    """Key without counts -> key."""
    return _unique((((key[0], key[1], _uncounted(each.comparison)), key) for key, each in comparisons.items()), name)


def _unique(items: Iterable[tuple[Key, Any]], name: str) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for key, item in items:
        if key in found:
            left, right, what = map(one_line, key)
            raise RequestError(
                f"{name} holds two comparisons of {left} and {right} that are both called '{what}', so that none can "
                "be matched with the other document's; give each a name of its own"
            )
        found[key] = item
    return found


def _uncounted(comparison: Plain) -> str:
    """What is compared, without counts.

    >>> _uncounted({"what": "100 updates from equal weights, n = 10, draw 0"})
    'update from equal weights, n = 10, draw 0'
    """
    return COUNTED.sub(r"\1", comparison["what"])


def _change(old: Held | None, new: Held | None) -> Plain:
    one = new or old
    assert one is not None
    left, right, what = one.key
    return {
        "group": group_of(old.verdict if old else None, new.verdict if new else None),
        "left": left,
        "right": right,
        "what": what,
        "old": old and _state(old),
        "new": new and _state(new),
        "rerun": one.comparison["rerun"],
    }


def _state(each: Held) -> Plain:
    return {name: each.comparison[name] for name in ("verdict", "reason", "gap", "tolerance")}


def _was_compared(state: Plain | None) -> bool:
    return state is not None and state["verdict"] not in UNCOMPARED


def _differences(old: Plain, new: Plain) -> list[dict[str, str | None]]:
    """Facts that are not the same: {"name", "before", "now"}, None where a side does not have it."""
    before, now = dict(flat(old)), dict(flat(new))
    return [
        {"name": name, "before": before.get(name), "now": now.get(name)}
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
