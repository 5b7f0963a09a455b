"""The verdicts: constants with one-line meanings, the same in the terminal, JSON, pytest and reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a comparison can end in."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within tolerance"
    EQUIVALENT = "equivalent"
    DIFFERENT_EXPLAINED = "different: explained"
    DIFFERENT_UNEXPLAINED = "different: unexplained"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"
    NOT_RUN = "not run"
    ERROR = "error"


MEANINGS = {
    Kind.IDENTICAL: "the same, bit for bit",
    Kind.WITHIN_TOLERANCE: "the gap is within a tolerance that has a stated reason",
    Kind.EQUIVALENT: "two one-sided tests reject a gap of the stated margin or more",
    Kind.DIFFERENT_EXPLAINED: "a gap, and the named differences that cause it",
    Kind.DIFFERENT_UNEXPLAINED: "a gap that no named difference accounts for",
    Kind.INCONCLUSIVE: "too few draws to say; the number that would settle it is given",
    Kind.NOT_COMPARABLE: "the two do not answer the same question",
    Kind.NOT_RUN: "one side could not be run here, for the reason given",
    Kind.ERROR: "one side failed while it ran",
}

FAILURES = {Kind.DIFFERENT_EXPLAINED, Kind.DIFFERENT_UNEXPLAINED, Kind.ERROR}
"Verdicts that make a comparison fail."

WORST_FIRST = (
    Kind.DIFFERENT_UNEXPLAINED,
    Kind.DIFFERENT_EXPLAINED,
    Kind.ERROR,
    Kind.INCONCLUSIVE,
    Kind.NOT_COMPARABLE,
    Kind.NOT_RUN,
    Kind.WITHIN_TOLERANCE,
    Kind.EQUIVALENT,
    Kind.IDENTICAL,
)
"Of several verdicts the first of these is the one to look at."


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two values, the gap between them, the tolerance with its reason, and the line that reproduces it."""

    left: str
    right: str
    what: str
    "What is compared, in the field's words."
    verdict: Kind
    reason: str = ""
    left_value: float | None = None
    right_value: float | None = None
    gap: float | None = None
    tolerance: float | None = None
    tolerance_reason: str = ""
    rerun: str = ""

    def document(self) -> dict[str, Any]:
        """As it stands in parity.json."""
        return {
            "left": {"name": self.left, "value": self.left_value},
            "right": {"name": self.right, "value": self.right_value},
            "what": self.what,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "gap": self.gap,
            "tolerance": {"value": self.tolerance, "reason": self.tolerance_reason},
            "rerun": self.rerun,
        }
