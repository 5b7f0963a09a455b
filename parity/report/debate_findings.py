"""What nobody guessed: the differences that carry the gap and that no guess of 2017 covers, from an explanation alone.

Nothing is named here. A difference is a finding where it has a share of the gap beyond chance and of the margin or
more, and is covered by no guess (the table is that of parity/debate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from parity.debate import guessed
from parity.report.explain_words import draws_of, effect_words, listed, live, signed

Plain = dict[str, Any]

SHOWN = 3
"Findings that the first sentence names."


def findings(explained: Sequence[Plain], margin: float) -> list[Plain]:
    """Every live difference over all sizes, the largest share first: what it is worth, and who guessed it.

    {"name", "meaning", "left", "right", "how", "found", "guess", "counts", "by_size", "reruns"}; `guess` is the name of
    the guess that covers it, None where nobody guessed it; `counts` whether it is more than chance and more than the
    margin at some size.
    """
    by_name: dict[str, list[tuple[Plain, Plain]]] = {}
    for each in explained:
        for difference in live(each) if each.get("base") else ():
            by_name.setdefault(difference["name"], []).append((each, difference))
    found = [_finding(name, seen, margin) for name, seen in by_name.items()]
    return sorted(found, key=lambda f: (not f["counts"], -_largest(f)))


def _finding(name: str, seen: Sequence[tuple[Plain, Plain]], margin: float) -> Plain:
    covered = guessed()
    by_size = [_at(each, difference, margin) for each, difference in seen]
    largest = max(range(len(seen)), key=lambda k: abs((by_size[k]["share"] or by_size[k]["alone"] or _NOTHING)["mean"]))
    each, difference = seen[largest]
    return {
        "name": name,
        "meaning": difference["meaning"],
        "left": f"{each['left']}: {difference['left']}",
        "right": f"{each['right']}: {difference['right']}",
        "switched": each[difference["switched"]],
        "how": difference["how"],
        "found": difference["found"],
        "evidence": difference["evidence"],
        "guess": covered[name].name if name in covered else None,
        "counts": any(at["counts"] for at in by_size),
        "by_size": by_size,
        "rerun": each["rerun"],
    }


_NOTHING = {"mean": 0.0}


def _at(each: Plain, difference: Plain, margin: float) -> Plain:
    share, alone = difference["share"], difference["alone"]["left"]
    gap = each["base"]["gap"]
    effect = share or alone
    real = effect is not None and draws_of(each) > 1 and effect["accuracy"]["low"] * effect["accuracy"]["high"] > 0
    return {
        "n": each["n"],
        "draws": draws_of(each),
        "share": share and share["accuracy"],
        "log_loss": share and share["log_loss"],
        "alone": alone and alone["accuracy"],
        "of_gap": share["accuracy"]["mean"] / gap["mean"] if share and _is_real(gap) else None,
        "counts": bool(real and abs(effect["accuracy"]["mean"]) >= margin),
    }


def _is_real(gap: Plain) -> bool:
    return gap["low"] is not None and gap["low"] * gap["high"] > 0


def _largest(finding: Plain) -> float:
    return float(max(abs((at["share"] or at["alone"] or _NOTHING)["mean"]) for at in finding["by_size"]))


def unguessed(found: Sequence[Plain]) -> list[Plain]:
    """Those of the findings that count and that nobody guessed."""
    return [each for each in found if each["counts"] and each["guess"] is None]


def nobody_guessed(explained: Sequence[Plain], margin: float) -> str:
    """One sentence: what carries the gap and is no guess of 2017; empty where nothing is known yet."""
    found = unguessed(findings(explained, margin))
    if not found:
        return ""
    told = "; ".join(_named(each) for each in found[:SHOWN])
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"Nobody guessed: {told}{more}."


def _named(finding: Plain) -> str:
    best = max(finding["by_size"], key=lambda at: abs((at["share"] or at["alone"] or _NOTHING)["mean"]))
    measure, what = (best["share"], "of the gap") if best["share"] else (best["alone"], "switched alone")
    return f"{finding['name']} ({effect_words(measure, best['draws'])} {what} at n = {best['n']})"


def share_facts(names: Sequence[str], explained: Sequence[Plain]) -> Iterator[str]:
    """What the explanation says of the differences that a guess covers."""
    for name in names:
        shares = []
        for each in explained:
            known = next((d for d in each.get("differences", ()) if d["name"] == name), None)
            if known is None:
                continue
            if known["share"]:
                shares.append(f"{effect_words(known['share']['accuracy'], draws_of(each))} at n = {each['n']}")
            elif known["status"] != "live":
                shares.append(f"{known['status']} at n = {each['n']}")
        if shares:
            yield f"In the explanation of the gap '{name}' has the share {listed(shares)}."


def kinds_facts(explained: Sequence[Plain]) -> Iterator[str]:
    """How much of the gap is in parameters that a user can read, and how much in what no parameter says."""
    told = []
    for each in explained:
        shares = [d for d in each.get("differences", ()) if d["share"]]
        if shares:
            read = sum(d["share"]["accuracy"]["mean"] for d in shares if d["found"] == "read")
            measured = sum(d["share"]["accuracy"]["mean"] for d in shares if d["found"] != "read")
            gap = each["base"]["gap"]["mean"]
            told.append(f"{signed(read)} and {signed(measured)} of {signed(gap)} at n = {each['n']}")
    if told:
        yield (
            "Of the gap the parameters that can be read on both sides carry, and what no parameter says and had to be "
            f"measured: {'; '.join(told)}."
        )
