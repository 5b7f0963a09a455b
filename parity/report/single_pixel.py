"""How many pairs of digits one pixel separates: what stands in parity.json, and the claims about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from parity.report.markdown import table_cell
from parity.report.rebuttal import LEVEL, Span, above, entry, verdict
from parity.single_pixel import SIDE

if TYPE_CHECKING:
    from parity.single_pixel import Pair

Plain = dict[str, Any]

SEPARABLE = (0.9, 0.95, 0.8)
"Shares of test rows labelled right from which two digits are called separable, the first of them in the first place. "
"0.9: one error in ten, where the lower panel of the rebuttal's figure begins. 0.95: half as many. 0.8: one in five, "
"under which a single pixel would still do far better than chance (0.5)."

SEPARABLE_AUC = 0.9
"The same for the area under the ROC curve, Robinson's own measure: from here a discrimination is called outstanding "
"(Hosmer and Lemeshow 2000, Applied Logistic Regression, 5.2.4)."

MOST = 0.5
"Most pairs: more than half of them."

MEASURES = {"accuracy": "accuracy", "best_auc": "area under the ROC curve"}


def pixels_content(pairs: Sequence[Pair], data: str, train_rows: int, test_rows: int) -> Plain:
    """The pairs with their intervals, and the share of them that is separable at each level.

    `low` and `high` hold for one pair, `outer` for all at once (Bonferroni): Wilson's for an accuracy, DeLong's error
    with a normal quantile for an AUC.
    """
    from scipy.stats import norm
    from statsmodels.stats.proportion import proportion_confint

    told: list[Plain] = []
    alphas = (1 - LEVEL, (1 - LEVEL) / max(len(pairs), 1))
    for pair in pairs:
        inner, outer = (proportion_confint(pair.right, pair.test_rows, alpha, "wilson") for alpha in alphas)
        error = [float(norm.isf(alpha / 2)) * pair.best_auc_error for alpha in alphas]
        told.append(
            {
                "digits": list(pair.digits),
                **_place(pair.pixel),
                **{"cut": pair.cut, "above": pair.above, "train_accuracy": pair.train_accuracy},
                **{"right": pair.right, "test_rows": pair.test_rows},
                "accuracy": {"value": pair.accuracy, **_ends(inner, outer)},
                "auc": pair.auc,
                "best_auc": {
                    **_place(pair.auc_pixel),
                    "value": pair.best_auc,
                    **_ends(*((pair.best_auc - e, pair.best_auc + e) for e in error)),
                },
            }
        )
    levels = [*(("accuracy", level) for level in SEPARABLE), ("best_auc", SEPARABLE_AUC)]
    return {
        **{"data": data, "train_rows": train_rows, "test_rows": test_rows, "image": [SIDE, SIDE]},
        "pairs": told,
        "shares": [_share(told, measure, level) for measure, level in levels] if told else [],
    }


def pixel_claims(content: Plain) -> list[Plain]:
    """Whether most pairs of digits are separable by a single pixel, at every level."""
    return [_judged(content, share) for share in content["shares"]]


def claims_not_run(reason: str) -> list[Plain]:
    """The same claims where the data set is not there."""
    made = []
    for measure, level in (("accuracy", SEPARABLE[0]), ("best_auc", SEPARABLE_AUC)):
        claim = _claim(measure, level)
        made.append(entry(claim, None, "not run", f"{claim}: not run ({reason}).", RULE))
    return made


RULE = (
    "The pixel and its cut are chosen on training rows and judged on test rows. A pair is above the level where "
    f"its {LEVEL:.0%} interval (Wilson's for an accuracy, by DeLong's error for an area), widened by Bonferroni's rule "
    "for the number of pairs, lies above it, and below where that lies below; the interval of the share runs from the "
    "pairs that are above to those that are not below. "
    f"Supported where it lies above {MOST:g}, refuted where it lies below, undecided otherwise."
)


def matrix(content: Plain) -> list[list[str]]:
    """A square table: accuracies above the diagonal, areas under the ROC curve below it, in per cent."""
    digits = sorted({digit for pair in content["pairs"] for digit in pair["digits"]})
    values = {}
    for pair in content["pairs"]:
        a, b = pair["digits"]
        values[a, b], values[b, a] = pair["accuracy"]["value"], pair["best_auc"]["value"]
    rows = [["", *map(str, digits)]]
    rows += [[str(a), *(f"{100 * values[a, b]:.1f}" if a != b else "–" for b in digits)] for a in digits]
    return rows


def pixels_markdown(content: Plain) -> str:
    """The pairs as a section of a report."""
    lines = ["", "## One pixel for every pair of digits", ""]
    if "not_run" in content:
        return "\n".join([*lines, f"Not run: {table_cell(content['not_run'])}.", ""])
    header, *rows = matrix(content)
    lines += [
        f"The best pixel of each pair, chosen on {content['train_rows']:,} rows of {content['data']} and judged on "
        f"{content['test_rows']:,} others. Above the diagonal: test rows labelled right, in per cent. Below it: area "
        "under the ROC curve, in per cent, of the pixel whose area is the largest.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join([f"**{row[0]}**", *row[1:]]) + " |" for row in rows),
        "",
        extremes(content),
        "",
    ]
    return "\n".join(lines)


def extremes(content: Plain) -> str:
    """The easiest, the middle and the hardest pair in one sentence."""
    pairs = sorted(content["pairs"], key=lambda pair: -float(pair["accuracy"]["value"]))
    if len(pairs) == 1:
        return f"{_shown(pairs[0])}."
    easy, middle, hard = pairs[0], pairs[len(pairs) // 2], pairs[-1]
    return f"Easiest: {_shown(easy)}. In the middle: {_shown(middle)}. Hardest: {_shown(hard)}."


def _shown(pair: Plain) -> str:
    a, b = pair["digits"]
    right = pair["accuracy"]
    return (
        f"{a} and {b}, {right['value']:.3f} [{right['low']:.3f}, {right['high']:.3f}] by row {pair['row']}, "
        f"column {pair['column']}"
    )


def _claim(measure: str, level: float) -> str:
    return f"Robinson: most pairs of digits are separable by a single pixel ({MEASURES[measure]} above {level:g})"


def _judged(content: Plain, share: Plain) -> Plain:
    span = Span(share["share"], share["pairs"], share["low"], share["high"], (share["low"], share["high"]))
    word = verdict([above(span, MOST)])
    claim = _claim(share["measure"], share["level"])
    values = sorted(pair[share["measure"]]["value"] for pair in content["pairs"])
    sentence = (
        f"{claim}: {word}. {share['count']} of {share['pairs']} pairs; {share['above']} whose interval lies above and "
        f"{share['below']} whose interval lies below. Median {values[len(values) // 2]:.3f}, from {values[0]:.3f} to "
        f"{values[-1]:.3f}. Chosen on {content['train_rows']:,} rows of {content['data']}, judged on "
        f"{content['test_rows']:,} others."
    )
    return entry(claim, span, word, sentence, RULE)


def _share(pairs: Sequence[Plain], measure: str, level: float) -> Plain:
    """Share of the pairs above a level, from those that surely are to those that may be."""
    over = sum(pair[measure]["outer"][0] > level for pair in pairs)
    under = sum(pair[measure]["outer"][1] < level for pair in pairs)
    count = sum(pair[measure]["value"] > level for pair in pairs)
    return {
        **{"measure": measure, "level": level, "pairs": len(pairs), "count": count, "above": over, "below": under},
        **{"share": count / len(pairs), "low": over / len(pairs), "high": 1 - under / len(pairs)},
    }


def _place(pixel: int) -> Plain:
    return {"pixel": pixel, "row": pixel // SIDE, "column": pixel % SIDE}


def _ends(inner: Sequence[float], outer: Sequence[float]) -> Plain:
    """Ends of an interval, which rounding or a normal quantile may have put outside 0 and 1."""
    (low, high), wide = ([min(1.0, max(0.0, float(end))) for end in ends] for ends in (inner, outer))
    return {"low": low, "high": high, "outer": wide}
