"""Documents of studies written by hand: a small one with most verdicts, and one of the largest size asked for."""

from __future__ import annotations

from typing import Any

from tests.parity.defaults_page import HOSTILE

Plain = dict[str, Any]

SIZES = (10, 20, 40)
RULE = "margin of accuracy, by two one-sided tests"

WORDS_OF_THE_SCHEMA = {
    "schema",
    "kind",
    "check",
    "verdict",
    "status",
    "sha256",
    "key",
    "family",
    "every",
    "says",
    "mode",
    "date",
}
"Fields whose values the schema lists: no data come here."


def size(n: int, left: float, gap: float, verdict: str, **known: Any) -> Plain:
    measured = {"left": left, "right": left + gap, "gap": gap, "low": gap - 0.002, "high": gap + 0.002}
    return {
        **{"n": n, "draws": 20, "missing": 0, **measured, "sd": 0.005},
        **{"p_equivalent": 0.0004, "p_different": 0.9, "p_equivalent_holm": 0.0012, "p_different_holm": 1.0},
        **{"check": "", "verdict": verdict, "draws_needed": None, "by_probability": dict(measured)},
        **{"log_loss": dict(measured), "calibration_error": None, "left_only": 17, "right_only": 1234},
        "classes": [{"precision": dict(measured), "recall": dict(measured), "f1": None}] * 2,
        **known,
    }


def pair(left: str, right: str, method: str, verdict: str, sizes: list[Plain], **known: Any) -> Plain:
    rerun = f"parity curves {left} {right} --method {method} --study leek2017"
    found: Plain = {
        **{"left": left, "right": right, "method": method, "verdict": verdict, "reason": "", "margin": 0.01},
        **{"smallest_margin": 0.0042, "draws_needed": None, "first": None, "identical_cells": 0},
        **{"cells": 20 * len(sizes), "sizes": sizes, "discordant": [], "rerun": rerun, **known},
    }
    comparison = {
        **{"left": {"name": f"{left} {method}", "value": 0.9}, "right": {"name": f"{right} {method}", "value": 0.9}},
        **{"what": "test accuracy by size", "verdict": verdict, "reason": found["reason"], "gap": 0.0},
        **{"tolerance": {"value": 0.01, "reason": RULE}, "rerun": rerun},
    }
    return {**found, "curves": comparison}


def curve(engine: str, method: str, means: dict[int, float]) -> Plain:
    points = [
        {"n": n, "draws": 20, "mean": mean, "sd": 0.01, "p10": mean - 0.02, "p90": mean + 0.01}
        for n, mean in means.items()
    ]
    return {"engine": engine, "method": method, "points": points}


def cell(engine: str, method: str, n: int, draw: int, **known: Any) -> Plain:
    return {
        **{"key": "0" * 64, "engine": engine, "method": method, "n": n, "draw": draw, "ones": n // 2},
        **{"status": "done", "reason": "", "accuracy": 0.9, "accuracy_by_probability": 0.9, "log_loss": 0.3},
        **{"calibration_error": 0.1, "classes": [{"precision": 0.9, "recall": 0.9, "f1": 0.9}] * 2},
        **{"seconds": 0.1, "messages": [], **known},
    }


def study(methods: list[str], sizes: tuple[int, ...] = SIZES) -> Plain:
    return {
        "name": "leek2017",
        "data": {"name": "mnist01", "sha256": "ab" * 32, "rows": 14780, "features": 784},
        "protocol": {"sizes": list(sizes), "draws": 20, "replacement": False, "seed": 2017},
        "test_rows": 2956,
        "methods": {method: {"family": "lm"} for method in methods},
        "mode": "shipped",
        "overrides": {},
        "margin": 0.01,
        "classes": ["zero", "one"],
    }


def small_study() -> Plain:
    """Four engines, two methods; pairs identical, equivalent, different, inconclusive, in error and not run."""
    lm, glm = "leekasso-lm", "leekasso-glm"
    agree = [size(n, 0.9 + n / 1000, 0.0003, "equivalent") for n in SIZES]
    open_size = size(20, 0.9, 0.004, "inconclusive", draws_needed=1450, check="sign flips", missing=3)
    differ = [
        size(10, 0.8, 0.0512, "different: unexplained", p_different=0.00001, p_different_holm=0.00003),
        *agree[1:],
    ]
    same = [size(n, 0.9, 0.0, "identical", low=None, high=None, sd=None, log_loss=None) for n in SIZES]
    why = "beyond the margin at 1 of 3 sizes, first at n = 10: 0.800 and 0.851, gap +0.0512 [+0.0492, +0.0532]"
    no_java = "r-h2o: needs Java 8, not installed"
    means = {10: 0.8, 20: 0.92, 40: 0.95}
    curves = [curve(e, m, means) for m in (lm, glm) for e in ("r-stats", "py-sklearn", "py-statsmodels")]
    return {
        "schema": "parity/1",
        "kind": "study",
        "environment": {
            "parity": "0.1.0",
            "python": "3.11.7",
            "java": "",
            "packages": {"scikit-learn": "1.9.1", "genefilter": "1.80.3"},
            "r": {"version": "4.2.2"},
            "gpu": [],
        },
        "study": study([lm, glm, "mlp-leek"]),
        "cells": [
            cell("r-stats", lm, 10, 0),
            cell("py-sklearn", lm, 10, 0, trainer="batch_loop"),
            cell("py-statsmodels", glm, 10, 0, status="raised", reason="PerfectSeparationError: all fitted"),
            cell("py-statsmodels", glm, 20, 0, status="raised", reason="PerfectSeparationError: all fitted"),
        ],
        "one_class_draws": [{"n": 10, "draw": 7, "label": 1}, {"n": 10, "draw": 9, "label": 1}],
        "curves": curves,
        "pairs": [
            pair("r-stats", "py-sklearn", lm, "different: unexplained", differ, reason=why, first=10),
            pair("r-stats", "py-statsmodels", lm, "identical", same, identical_cells=60, smallest_margin=None),
            pair("py-sklearn", "py-statsmodels", lm, "equivalent", agree),
            pair("r-stats", "py-sklearn", glm, "inconclusive", [agree[0], open_size], draws_needed=1450, reason="open"),
            pair("r-stats", "py-statsmodels", glm, "error", [], reason="py-statsmodels: all fitted", cells=0),
            pair("r-stats", "r-h2o", glm, "not run", [], reason=no_java, smallest_margin=None, cells=0),
        ],
        "baselines": [
            {
                "baseline": "class-prior",
                "meaning": "always the class that is more frequent",
                "points": curve("", "", {10: 0.53})["points"],
            },
            {
                "baseline": "centre-pixel",
                "meaning": "the middle feature, cut half-way",
                "points": curve("", "", means)["points"],
            },
        ],
        "claims": [
            {
                **{"claim": "Networks are near perfect", "measured": 0.9712, "interval": [0.9612, 0.9812]},
                **{
                    "verdict": "partly",
                    "sentence": "At n = 10 the network is right in 97 %.",
                    "rule": "Every size says yes.",
                },
                "by_size": [{"n": 10, "draws": 20, "mean": 0.9712, "low": 0.9612, "high": 0.9812, "says": "open"}],
            }
        ],
        "not_run": [{"engine": "r-h2o", "reason": no_java, "mend": "apt-get install openjdk-17-jre"}],
        "comparisons": [
            {
                **{
                    "left": {"name": f"r-stats {lm}", "value": 0.91},
                    "right": {"name": "published leekasso", "value": 0.93},
                },
                **{"what": "mean accuracy by size", "verdict": "within tolerance", "reason": "", "gap": 0.0162},
                **{"tolerance": {"value": 0.025, "reason": "read off a figure"}, "rerun": ""},
            }
        ],
        "counts": {"within tolerance": 1},
    }


def solvers_beside() -> Plain:
    """A document of kind `solvers` about a pair of the small study, its names the other way round, and a refusal."""
    step = {
        **{"name": "coefficients", "verdict": "different: explained", "code": "rank-deficient-least-squares"},
        **{"sentence": "3 of 11 are NA on the right", "left": "rank 11", "right": "rank 8", "gap": None},
        **{"tolerance": {"value": 1e-6, "reason": "limited by the stopping rule"}, "notes": ["minimum norm"]},
    }
    card = {
        **{"left": "py-sklearn", "right": "r-stats", "method": "leekasso-lm", "n": 10, "draw": 3},
        **{"verdict": "different: explained", "first": "coefficients", "code": step["code"], "steps": [step]},
        "rerun": "parity solvers py-sklearn r-stats --method leekasso-lm --n 10 --draw 3",
    }
    refused = {
        **{"left": {"name": "py-sklearn:newton-cg leekasso-glm", "value": None}},
        **{"right": {"name": "r-stats leekasso-glm", "value": None}, "what": "linear fit, n = 10, draw 3"},
        **{"verdict": "not comparable", "reason": "newton-cg: it takes no such penalty", "gap": None},
        **{"tolerance": {"value": None, "reason": ""}, "rerun": "parity solvers py-sklearn:newton-cg r-stats"},
    }
    return {
        **{"schema": "parity/1", "kind": "solvers", "environment": {}, "study": {"name": "leek2017"}},
        **{"methods": {"leekasso-lm": {}, "leekasso-glm": {}}, "cards": [card], "not_run": [], "counts": {}},
        **{"comparisons": [{**refused, "rerun": card["rerun"]}, refused], "rerun": "parity solvers --all"},
    }


def lockstep_beside() -> Plain:
    """A document of kind `lockstep`: two networks that part at the third update."""
    compared = [
        {"step": step, "tensor": tensor, "gap": 1e-7, "excess": excess, "left_excess": excess, "right_excess": 0.0}
        for step, excess in enumerate((0.0, 0.0004, 0.3, 7.0))
        for tensor in ("logits", "loss", "weights 1")
    ]
    parting = {
        **{"step": 3, "tensor": "weights 1", "shape": [2, 2], "place": [0, 1], "tolerance": 1e-6, "ratio": 1.5},
        **{"values": {"r-keras3": 0.5, "py-sklearn": 0.25, "reference": 0.25}, "pattern": "moves further"},
        "leaves": [{"name": "r-keras3", "pattern": "moves further", "suppositions": [{"what": "the rate is halved"}]}],
    }
    comparison = {
        **{"left": {"name": "r-keras3", "value": 0.5}, "right": {"name": "py-sklearn", "value": 0.25}},
        **{"what": "updates", "verdict": "different: unexplained", "reason": "weights 1", "gap": 0.25},
        **{"tolerance": {"value": 1e-6, "reason": "32 units in the last place"}, "rerun": "parity lockstep"},
    }
    sides = [
        {"name": name, "reason": "", "not_expressible": gaps, "versions": {}, "messages": []}
        for name, gaps in (("r-keras3", []), ("py-sklearn", [{"parameter": "dropout", "reason": "it has none"}]))
    ]
    return {
        **{"schema": "parity/1", "kind": "lockstep", "environment": {}, "study": {"name": "leek2017"}},
        **{"method": "mlp-leek", "specification": {}, "dropout_left_out": 0, "n": 10, "draw": 0, "every": "update"},
        **{"asked": 5, "steps": 3, "blind": False, "resolution": 1e-7, "sides": sides, "compared": compared},
        **{"partings": {"pair": parting}, "comparisons": [comparison], "counts": {}},
        "rerun": "parity lockstep r-keras3 py-sklearn --method mlp-leek",
    }


def hostile_study(value: Any) -> Any:
    """The document with the hostile text behind every name and sentence that comes from data."""
    match value:
        case dict():
            return {
                (name + HOSTILE if "leekasso" in name or name in ("scikit-learn", "mlp-leek") else name): (
                    each if name in WORDS_OF_THE_SCHEMA and not isinstance(each, dict) else hostile_study(each)
                )
                for name, each in value.items()
            }
        case list():
            return [hostile_study(each) for each in value]
        case str() if value:
            return value + HOSTILE
        case other:
            return other


def big_study(engines: int = 10, methods: int = 6, sizes: int = 16, draws: int = 20) -> Plain:
    """A study of so many engines, methods, sizes and draws, with all its cells; most verdicts are among its pairs."""
    names = [f"engine-{k}" for k in range(engines)]
    asked = [f"method-{k}" for k in range(methods)]
    rows = tuple(10 + 5 * k for k in range(sizes))
    words = ("identical", "equivalent", "inconclusive", "different: unexplained", "equivalent")

    def mean(engine: int, method: int, n: int) -> float:
        return 0.99 - 0.3 / (1 + method) / n**0.5 - 0.004 * engine * (10 / n)

    pairs, cells, curves = [], [], []
    for m, method in enumerate(asked):
        for left, name in enumerate(names):
            curves.append(curve(name, method, {n: mean(left, m, n) for n in rows}))
            cells += [cell(name, method, n, draw) for n in rows for draw in range(draws)]
            for right in range(left + 1, engines):
                word = words[(left * 7 + right * 3 + m) % len(words)]
                table = [size(n, mean(left, m, n), mean(right, m, n) - mean(left, m, n), word) for n in rows]
                reason = "" if word in ("identical", "equivalent") else f"{word} at {sizes} of {sizes} sizes"
                discordant = [
                    {"n": n, "draw": d, "left_only": 3, "right_only": 5, "p": 0.7} for n in rows for d in range(draws)
                ]
                pairs.append(pair(name, names[right], method, word, table, reason=reason, discordant=discordant))
    return {
        **small_study(),
        "study": {**study(asked, rows), "classes": None},
        **{"cells": cells, "curves": curves, "pairs": pairs, "not_run": [], "claims": [], "one_class_draws": []},
        "baselines": [
            {
                "baseline": "centre-pixel",
                "meaning": "the middle feature",
                "points": curve("", "", dict.fromkeys(rows, 0.98))["points"],
            }
        ],
    }
