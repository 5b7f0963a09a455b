"""The document and the Markdown of `parity robustness`: shares, accuracies, parts of the gaps, and the verdicts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity.compare.referee import point
from parity.compare.verdict import Comparison, Kind
from parity.report.document import document
from parity.report.markdown import table_cell
from parity.robustness import BEYOND, GROUPS, LIMIT, NOT_ASKED, PARTS, SETTLED

if TYPE_CHECKING:
    from parity.compare.diagnosis import Diagnosis
    from parity.robustness import Contender, Links, Measured

Plain = dict[str, Any]
Floats = NDArray[np.float64]

MARGIN = 0.002
"Smallest difference of accuracy that counts: 6 of the 2,956 test rows, a fifth of the margin of a paired claim, as "
"the guess itself says `a little`."

ENOUGH_SIZES = 0.25
"Share of the sizes at which an interval has to lie beyond the margin for `partly`: by chance one in forty does."

RESAMPLES = 4000
"Of the bootstrap: the ends of a 95 % interval then vary by about a hundredth of its width."

SEED = 2017
"Of the bootstrap's generator, so that the same draws give the same intervals."

SHOWN_SIZES = (10, 40, 80)
"Sizes that sentences and tables name where a study has them."

CARRYING = 3
"So many parts are named at most."

SHARES: dict[str, Callable[[Diagnosis], bool]] = {
    "separated": lambda d: d.separation is not None and d.separation.kind != "none",
    "completely separated": lambda d: d.separation is not None and d.separation.kind == "complete",
    "quasi-completely separated": lambda d: d.separation is not None and d.separation.kind == "quasi-complete",
    "rank-deficient": lambda d: d.rank.rank < d.rank.columns,
    "both": lambda d: SHARES["separated"](d) and SHARES["rank-deficient"](d),
    "without a pixel": lambda d: d.p == 0,
}
"What a draw's pixels can be. Separated: some plane parts the classes, so the likelihood has no maximum. Without a "
"pixel: so many tie at the top that R's rule of mean ranks keeps none."


@dataclass(frozen=True, slots=True)
class Span:
    """A mean over draws with its 95 % interval; no interval where a size has one draw."""

    mean: float
    low: float | None
    high: float | None


def spans(by_size: Mapping[int, Floats]) -> dict[int | None, list[Span]]:
    """Mean and percentile bootstrap interval of each column, by size and, under None, over all sizes.

    by_size: n -> (draws, k), the rows of a draw staying together. Draws are drawn again within their size, and every
    size weighs alike (Efron and Tibshirani 1993, An Introduction to the Bootstrap, 13.3).
    """
    generator = np.random.default_rng(SEED)
    means: dict[int | None, Floats] = {}
    drawn: dict[int | None, Floats] = {}
    for size, values in by_size.items():
        # How often each draw comes up in a resample is multinomial: (RESAMPLES, draws).
        often = generator.multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES)
        means[size], drawn[size] = values.mean(axis=0), often @ values / len(values)
    means[None] = np.mean([means[size] for size in by_size], axis=0)
    drawn[None] = np.mean([drawn[size] for size in by_size], axis=0)
    few = {size for size, values in by_size.items() if len(values) < 2}
    found: dict[int | None, list[Span]] = {}
    for n, mean in means.items():
        if n in few or (n is None and few):
            found[n] = [Span(float(m), None, None) for m in mean]
        else:
            low, high = np.quantile(drawn[n], [0.025, 0.975], axis=0)
            found[n] = [Span(*map(float, three)) for three in zip(mean, low, high, strict=True)]
    return found


def wilson(count: int, of: int) -> Plain:
    """A share with Wilson's 95 % interval (Wilson 1927, JASA 22, 209)."""
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(method="wilson")
    # At a share of 0 or 1 rounding takes an end past it.
    low, high = min(interval.low, count / of), max(interval.high, count / of)
    return {"count": count, "share": count / of, "low": float(low), "high": float(high)}


def judged(overall: Span, sizes: Sequence[Span]) -> str:
    """Whether a difference is there. overall: over all sizes; sizes: the same at each.

    supported: overall beyond the margin, and the reverse at no quarter of the sizes. partly: overall beyond and the
    reverse at a quarter, or beyond at a quarter only. refuted: overall wholly below the margin. Else undecided.
    """
    if overall.low is None or overall.high is None:
        return "undecided"
    enough = math.ceil(ENOUGH_SIZES * len(sizes))
    above = sum(span.low is not None and span.low > MARGIN for span in sizes) >= enough
    reverse = sum(span.high is not None and span.high < -MARGIN for span in sizes) >= enough
    if overall.low > MARGIN:
        return "partly" if reverse else "supported"
    if above:
        return "partly"
    return "refuted" if overall.high < MARGIN else "undecided"


def robustness_document(measured: Measured, environment: Plain, rerun: str) -> Plain:
    """The document of kind `robustness`."""
    gaps = [_gap(pair, chains, len(measured.draws.test)) for pair, chains in measured.chains.items() if chains]
    comparisons = [_comparison(gap, rerun).document() for gap in gaps]
    study, (moved, most) = measured.study, measured.unsettled
    content = {
        "study": {
            "name": study.name,
            "data": {"name": measured.data.name, "sha256": measured.data.sha256},
            "sizes": list(study.protocol.sizes),
            "draws": study.protocol.draws,
            "test_rows": len(measured.draws.test),
        },
        "shares": _shares(measured),
        "accuracies": [_accuracy(measured, *key) for key in measured.answers],
        "gaps": gaps,
        "limit": {
            "ridge": LIMIT,
            "beyond": LIMIT * BEYOND,
            "moved": None if math.isnan(moved) else moved,
            "most_moved": None if math.isnan(most) else most,
            "settled": bool(moved <= SETTLED),
        },
        "verdicts": [verdict for gap in gaps for verdict in _verdicts(gap)],
        "rules": {"margin": MARGIN, "enough_sizes": ENOUGH_SIZES, "resamples": RESAMPLES, "settled": SETTLED},
        "not_run": list(measured.not_run),
        "refused": measured.refused,
        "rerun": rerun,
    }
    counts = dict(Counter(comparison["verdict"] for comparison in comparisons))
    return {**document("robustness", environment, content), "comparisons": comparisons, "counts": counts}


def _shares(measured: Measured) -> list[Plain]:
    sizes: list[int | None] = [*measured.study.protocol.sizes, None]
    rows: list[Plain] = []
    for n in sizes:
        found = [d for (size, _), d in measured.diagnoses.items() if n in (size, None)]
        told = {name: wilson(sum(map(holds, found)), len(found)) for name, holds in SHARES.items()}
        rows.append({"n": n, "draws": len(found), **told})
    return rows


def _accuracy(measured: Measured, contender: Contender, pixels: str) -> Plain:
    found = measured.answers[contender, pixels]  # type: ignore[index]
    truth = measured.data.y[measured.draws.test] == 1
    by_size: dict[int, list[float]] = {}
    for (n, _), answer in sorted(found.items()):
        by_size.setdefault(n, []).append(float((answer.label == truth).mean()))
    every = spans({n: np.array(values)[:, None] for n, values in by_size.items()})
    return {
        **asdict(contender),
        "pixels": pixels,
        "points": [asdict(point(n, values)) for n, values in by_size.items()],
        "all": asdict(every[None][0]),
        "fits": len(found),
        "ended_at_cap": sum(answer.converged is False for answer in found.values()),
        "warned": sum(answer.warned for answer in found.values()),
    }


def _gap(pair: tuple[Contender, Contender], chains: Sequence[Links], test_rows: int) -> Plain:
    """One gap of test accuracy, second side minus first, and its parts, which add up to it draw by draw."""
    parts = chains[0].parts
    named = {part: [i] for i, part in enumerate(parts)}
    named |= {name: [i for i, part in enumerate(parts) if part in members] for name, members in GROUPS.items()}
    named["gap"] = list(range(len(parts)))
    named["same pixels"] = [i for i, part in enumerate(parts) if part not in GROUPS["screen"]]
    sizes = list(dict.fromkeys(each.n for each in chains))
    changes = {n: np.array([np.diff(each.right) for each in chains if each.n == n]) / test_rows for n in sizes}
    found = spans({n: np.stack([c[:, i].sum(axis=1) for i in named.values()], axis=1) for n, c in changes.items()})
    columns = list(named)

    def told(name: str) -> Plain:
        column = columns.index(name)
        points = [{"n": n, "draws": len(changes[n]), **asdict(found[n][column])} for n in sizes]
        return {"points": points, "all": asdict(found[None][column])}

    moved = np.mean([each.moved for each in chains], axis=0)
    sides = {"a": pair[0].label, "b": pair[1].label}
    return {
        "left": asdict(pair[0]),
        "right": asdict(pair[1]),
        "draws": len(chains),
        "gap": told("gap"),
        "same_pixels": told("same pixels"),
        "parts": [
            {"part": part, "meaning": PARTS[part].format(**sides), "labels_moved": float(moved[i]), **told(part)}
            for i, part in enumerate(parts)
        ],
        "groups": [{"group": name, "parts": [p for p in parts if p in GROUPS[name]], **told(name)} for name in GROUPS],
    }


def _verdicts(gap: Plain) -> list[Plain]:
    """Is the second side more accurate, and is it so by how the solvers end? One sentence each."""
    left, right = gap["left"]["label"], gap["right"]["label"]
    solver = next(group for group in gap["groups"] if group["group"] == "solver")
    same = f" On the same pixels: {spanned(Span(**gap['same_pixels']['all']))}."
    ends = [part for part in gap["parts"] if part["part"] in GROUPS["solver"]]
    why = " Of it: " + "; ".join(f"{p['meaning']} {spanned(Span(**p['all']))}" for p in ends) + "."
    return [
        verdict(f"{right} is more accurate than {left}", gap["gap"], same + _carried(gap)),
        verdict(f"What {right} gains over {left} comes from where the solvers end", solver, why),
    ]


def verdict(claim: str, measure: Plain, why: str = "") -> Plain:
    """The verdict on a claim that `measure`, {"points", "all"} of a difference, is above 0, as one sentence."""
    overall = Span(**measure["all"])
    points = {p["n"]: Span(p["mean"], p["low"], p["high"]) for p in measure["points"]}
    word = judged(overall, list(points.values()))
    at = ", ".join(f"{spanned(points[n])} at n = {n}" for n in shown_sizes(list(points)))
    few = "; one draw at a size gives no interval" if overall.low is None else ""
    sentence = f"{claim}: {word}. Difference {spanned(overall)} over all sizes; {at}{few}.{why}"
    return {"claim": claim, "verdict": word, "sentence": sentence}


def _carried(gap: Plain) -> str:
    """Which parts carry the gap: those whose interval leaves 0, the largest first."""
    outside = [p for p in gap["parts"] if p["all"]["low"] is not None and p["all"]["low"] * p["all"]["high"] > 0]
    outside.sort(key=lambda part: -abs(part["all"]["mean"]))
    if not outside:
        return " No part of it has an interval that leaves 0."
    told = "; ".join(f"{p['meaning']} ({spanned(Span(**p['all']))})" for p in outside[:CARRYING])
    return f" It is carried by: {told}."


def shown_sizes(sizes: Sequence[int]) -> list[int]:
    """The sizes that sentences and tables name: the usual ones, else the first, the middle and the last."""
    usual = [n for n in SHOWN_SIZES if n in sizes]
    if len(usual) == len(SHOWN_SIZES) or not sizes:
        return usual
    return list(dict.fromkeys([sizes[0], sizes[len(sizes) // 2], sizes[-1]]))


def spanned(span: Span) -> str:
    """A difference with its interval."""
    ends = "" if span.low is None or span.high is None else f" [{span.low:+z.4f}, {span.high:+z.4f}]"
    return f"{span.mean:+z.4f}{ends}"


def _comparison(gap: Plain, rerun: str) -> Comparison:
    overall, points = Span(**gap["gap"]["all"]), gap["gap"]["points"]
    word = judged(overall, [Span(p["mean"], p["low"], p["high"]) for p in points])
    parts = overall.low is not None and overall.high is not None and (overall.low > 0 or overall.high < 0)
    narrow = overall.low is not None and overall.high is not None and max(-overall.low, overall.high) < MARGIN
    kinds = {"supported": Kind.DIFFERENT_EXPLAINED, "partly": Kind.DIFFERENT_EXPLAINED, "undecided": Kind.INCONCLUSIVE}
    kind = Kind.EQUIVALENT if narrow else kinds.get(word, Kind.DIFFERENT_EXPLAINED if parts else Kind.INCONCLUSIVE)
    return Comparison(
        left=f"{gap['left']['engine']} {gap['left']['method']}",
        right=f"{gap['right']['engine']} {gap['right']['method']}",
        what="test accuracy, paired by draw",
        verdict=kind,
        reason=f"{spanned(overall)} over {gap['draws']} draws",
        gap=overall.mean,
        tolerance=MARGIN,
        tolerance_reason="smallest difference of accuracy that counts",
        rerun=rerun,
    )


def robustness_markdown(found: Plain, picture: str | None = None, *, whole: bool = True) -> str:
    """The study as Markdown: a page of its own, or where not `whole` a section of another page."""
    head = "#" if whole else "##"
    study, limit = found["study"], found["limit"]
    lines = [
        f"{head} Is liblinear more robust?",
        "",
        'In 2017 the rebuttal guessed: "The Python version uses liblinear, which I would guess is a little more robust '
        'than the default solvers in R". '
        f"Measured on {study['data']['name']}: {study['draws']} draw{'s' * (study['draws'] != 1)} at each of "
        f"n = {', '.join(map(str, study['sizes']))}, ten screened pixels, {study['test_rows']:,} test rows.",
        "",
        *(f"- {v['sentence']}" for v in found["verdicts"]),
        *([""] if found["verdicts"] else ["No pair of engines ran, so the guess is left open.", ""]),
        *([f"![Draws, accuracies and the parts of the gap]({picture})", ""] if picture else []),
        f"{head}# What the ten pixels leave open",
        "",
        "Share of draws with Wilson's 95 % interval. Separated classes have no maximum of the likelihood: R's glm and "
        "every other solver without a penalty then end where they give up. Without a pixel: all of more than ten "
        "tied at the top, and R's `rank(p) <= 10` keeps none of them.",
        "",
        *_table(_share_rows(found)),
        f"{head}# Mean test accuracy",
        "",
        "Own: the pixels that each engine screens itself. Same: those of the neutral screen for all. In brackets the "
        "10 % quantile over the draws. Cap: fits that report no convergence. Warned: fits with a message, the screen's "
        "among them.",
        "",
        *_table(_accuracy_rows(found)),
    ]
    for gap in found["gaps"]:
        lines += _gap_lines(gap, head, whole)
    if limit["moved"] is not None:
        lines += [
            f"No ridge is taken as {limit['ridge']:g} times the ridge of C. With {limit['beyond']:g} times it "
            f"{limit['moved']:.4%} of the test labels move on average, and {limit['most_moved']:.2%} in the draw where "
            f"most do: {'settled' if limit['settled'] else 'not settled'}.",
            "",
        ]
    rules = found["rules"]
    lines += [
        f"Verdicts: supported where the 95 % interval over all sizes lies above {rules['margin']:g}; refuted where it "
        f"lies below; partly where sizes disagree (a share of {rules['enough_sizes']:g} of them at least); undecided "
        f"otherwise. Intervals: bootstrap over the draws of each size, {rules['resamples']:,} resamples.",
        "",
    ]
    for entry in found["not_run"]:
        if whole or entry["reason"] != NOT_ASKED:  # a section stands in a report of what was asked for
            lines.append(f"- {entry['engine']}: not run ({table_cell(entry['reason'])})")
    for why, count in found["refused"].items():
        lines.append(f"- {count} without an answer: {table_cell(why)}")
    return "\n".join([*lines, "", f"Rerun: `{found['rerun']}`", ""])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *rest = ["| " + " | ".join(map(table_cell, row)) + " |" for row in rows]
    return [head, "|---" * len(rows[0]) + "|", *rest, ""]


def _share_rows(found: Plain) -> list[list[str]]:
    names = [name for name in SHARES if name != "quasi-completely separated"]
    rows = [["n", "draws", *names]]
    for row in found["shares"]:
        told = (row[name] for name in names)
        cells = [f"{t['share']:.0%} ({t['low']:.0%} to {t['high']:.0%})" for t in told]
        rows.append(["all" if row["n"] is None else str(row["n"]), str(row["draws"]), *cells])
    return rows


def _accuracy_rows(found: Plain) -> list[list[str]]:
    sizes = shown_sizes(found["study"]["sizes"])
    rows = [["fit", "pixels", *(f"n = {n}" for n in sizes), "all sizes", "cap", "warned"]]
    for entry in found["accuracies"]:
        points = {p["n"]: f"{p['mean']:.4f} ({p['p10']:.3f})" for p in entry["points"]}
        counts = [f"{entry[name]} of {entry['fits']}" for name in ("ended_at_cap", "warned")]
        cells = [*(points.get(n, "–") for n in sizes), f"{entry['all']['mean']:.4f}", *counts]
        rows.append([f"{entry['label']} ({entry['engine']})", entry["pixels"], *cells])
    return rows


def _gap_lines(gap: Plain, head: str, whole: bool) -> list[str]:
    left, right = gap["left"]["label"], gap["right"]["label"]
    entries = [(part["meaning"], part) for part in gap["parts"]]
    entries += [("sum: the gap", gap["gap"]), ("on the same pixels", gap["same_pixels"])]
    sizes = [p["n"] for p in gap["gap"]["points"]]
    rows = [["what changes", "all sizes", *(f"n = {n}" for n in shown_sizes(sizes)), "labels moved a draw"]]
    for name, entry in entries:
        at = {p["n"]: spanned(Span(p["mean"], p["low"], p["high"])) for p in entry["points"]}
        moved = f"{entry['labels_moved']:.1f}" if "labels_moved" in entry else ""
        rows.append([name, spanned(Span(**entry["all"])), *(at[n] for n in shown_sizes(sizes)), moved])
    lines = [f"{head}# From {left} to {right}", "", *_table(rows)]
    if whole:
        by_size = [["n", *(part["part"] for part in gap["parts"]), "gap"]]
        for i, n in enumerate(sizes):
            points = [entry["points"][i] for entry in (*gap["parts"], gap["gap"])]
            by_size.append([str(n), *(spanned(Span(p["mean"], p["low"], p["high"])) for p in points)])
        lines += ["By size, the parts in the same order:", "", *_table(by_size)]
    return lines
