"""What becomes of a comparison in a test: passed, skipped, failed or failed as expected, with the text for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parity.compare.verdict import FAILURES, Kind
from parity.errors import NothingCompared
from parity.report.compared import UNCOMPARED

if TYPE_CHECKING:
    from parity.expectations import Expectations, Expected, Pair

Plain = dict[str, Any]

CLOSER = {"lm": "solvers", "glm": "solvers", "liblinear": "solvers", "linear": "solvers", "mlp": "lockstep"}
"Family of a method -> the command that goes one rung further down; no command takes a convolutional network apart."


@dataclass(frozen=True, slots=True)
class Outcome:
    """One of passed, skipped, failed or expected, and the text for it."""

    kind: str
    text: str = ""


def outcome(document: Plain, pair: Pair, expectations: Expectations) -> Outcome:
    """What a document of kind "curves" says of a pair, against what is expected of it.

    Raises NothingCompared where no comparison of the file was made.
    """
    from parity.expectations import installed_versions

    found = {(each["left"], each["right"], each["method"]): each for each in document["pairs"]}
    chosen = [found[each.left, each.right, each.method] for each in expectations.pairs]
    if all(Kind(each["verdict"]) in UNCOMPARED for each in chosen):
        reasons = dict.fromkeys(each["reason"] for each in chosen)
        raise NothingCompared(f"none of the {len(chosen)} comparisons could be made ({'; '.join(reasons)})")
    one = found[pair.left, pair.right, pair.method]
    return judged(document, one, expectations.known(pair), installed_versions(document), expectations.inconclusive)


def judged(
    document: Plain, pair: Plain, known: Sequence[Expected], installed: Mapping[str, str], inconclusive: str
) -> Outcome:
    """The same for one pair of the document, with the differences that are known of it."""
    from parity.expectations import REMOVE

    verdict, ids = Kind(pair["verdict"]), ", ".join(each.id for each in known)
    if verdict in UNCOMPARED:
        return Outcome("skipped", f"{verdict} ({pair['reason']})")
    if verdict is Kind.ERROR:
        return Outcome("failed", described(document, pair))
    stale = [f"'{each.id}': {why}" for each in known if (why := each.outside(installed))]
    if stale:
        return Outcome("failed", f"stale expectation {'; '.join(stale)}; {REMOVE}\n{described(document, pair)}")
    if verdict is Kind.INCONCLUSIVE:
        told = described(document, pair) if inconclusive == "fail" else f"{verdict} ({pair['reason']})"
        return Outcome("failed" if inconclusive == "fail" else "skipped", told)
    if verdict in FAILURES:
        if not known:
            return Outcome("failed", described(document, pair))
        return Outcome("expected", f"{Kind.DIFFERENT_EXPLAINED} ({ids}): {'; '.join(each.reason for each in known)}")
    if known:
        said = f"expected to be different ({ids}), and the two are {verdict}; {REMOVE}"
        return Outcome("failed", f"{said}\n{described(document, pair)}")
    return Outcome("passed")


def described(document: Plain, pair: Plain) -> str:
    """A pair as it is read in a failed test: both values, gap, tolerance, where they first part, and what to run."""
    from parity.assertion import card
    from parity.compare.curves import shown
    from parity.compare.equivalence import Paired
    from parity.report.compared import Held, parting, widest

    sizes, draws = pair["sizes"], document["study"]["protocol"]["draws"]
    counted = f"{len(sizes)} size{'s' * (len(sizes) != 1)}, {draws} draw{'s' * (draws != 1)}"
    head = f"{pair['left']}  ~  {pair['right']}   {pair['method']}, {counted}"
    facts = []
    if size := widest(pair):
        gap = shown(Paired(size["draws"], size["gap"], size["sd"], size["low"], size["high"]))
        facts.append(("accuracy", f"{size['left']:.4f}   {size['right']:.4f}   gap {gap} at n = {size['n']}"))
    if pair["reason"]:
        facts.append(("because", pair["reason"]))
    tolerance = pair["curves"]["tolerance"]
    facts.append(("tolerance", f"{tolerance['value']:g} ({tolerance['reason']})"))
    where, _ = parting(Held(pair["curves"], pair["method"], pair), document["kind"])
    if where:
        first = next(size for size in sizes if size["n"] == pair["first"])
        alone = f"test rows that one side alone has right: {first['left_only']:,} and {first['right_only']:,}"
        facts.append(("first parts at", f"{where}; {alone}"))
    facts.append(("rerun", pair["rerun"]))
    if where and (closer := _closer(document, pair)):
        facts.append(("look closer", closer))
    return card(head, pair["verdict"], facts)


def _closer(document: Plain, pair: Plain) -> str:
    """The command that takes the first draw at the first different size apart; empty where there is none."""
    family = document["study"]["methods"][pair["method"]]["family"]
    _, _, left, right, *words = shlex.split(pair["rerun"])  # parity curves A B: an own engine is named by its file
    if family not in CLOSER or "--study" not in words:
        return ""
    study = words[words.index("--study") + 1]
    asked = ["--method", pair["method"], "--study", study, "--n", str(pair["first"])]
    return shlex.join(["parity", CLOSER[family], left, right, *asked])
