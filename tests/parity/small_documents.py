"""Documents written by hand: as parity.json has them, with as few numbers as a test needs."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]

HOSTILE = 'a|b\\|c`d`</td><script>alert(1)</script>*_x_* [l](javascript:1) @octocat #1 \x1b[31m\x00\ud800\uffff\n"&amp;'
"A name that tries to leave its cell, its attribute, its line and its element."


def comparison(
    left: str = "r-stats leekasso-lm",
    right: str = "py-sklearn leekasso-lm",
    what: str = "linear fit, n = 10, draw 0",
    verdict: str = "identical",
    *,
    reason: str = "",
    gap: float | None = None,
    values: tuple[float | None, float | None] = (None, None),
    tolerance: float | None = None,
    why: str = "",
    rerun: str = "",
) -> Plain:
    return {
        "left": {"name": left, "value": values[0]},
        "right": {"name": right, "value": values[1]},
        "what": what,
        "verdict": verdict,
        "reason": reason,
        "gap": gap,
        "tolerance": {"value": tolerance, "reason": why},
        "rerun": rerun,
    }


def document(*comparisons: Plain, kind: str = "solvers", **fields: Any) -> Plain:
    environment = {"parity": "0.1.0", "packages": {"scikit-learn": "1.9.1"}, "gpu": []}
    return {
        "schema": "parity/1",
        "kind": kind,
        "environment": environment,
        "comparisons": list(comparisons),
        "counts": {},
        **fields,
    }


def size(n: int, gap: float, verdict: str = "different: unexplained", **fields: Any) -> Plain:
    return {
        "n": n,
        "draws": 20,
        "missing": 0,
        "left": 0.8,
        "right": 0.8 + gap,
        "gap": gap,
        "sd": 0.01,
        "low": gap - 0.004,
        "high": gap + 0.004,
        "verdict": verdict,
        "draws_needed": None,
        "by_probability": {
            "left": 0.8,
            "right": 0.8 + gap / 2,
            "gap": gap / 2,
            "low": gap - 0.004,
            "high": gap + 0.004,
        },
        "log_loss": None,
        "calibration_error": None,
        "classes": [{"precision": None, "recall": None, "f1": None} for _ in (0, 1)],
        "left_only": 1,
        "right_only": 2,
        **fields,
    }


def pair(
    left: str = "r-stats",
    right: str = "py-sklearn",
    method: str = "leekasso-lm",
    verdict: str = "identical",
    *sizes: Plain,
    reason: str = "",
    draws_needed: int | None = None,
) -> Plain:
    most = max(sizes, key=lambda each: abs(each["gap"]), default=None)
    rerun = f"parity curves {left} {right} --method {method} --study leek2017"
    return {
        "left": left,
        "right": right,
        "method": method,
        "verdict": verdict,
        "reason": reason,
        "margin": 0.01,
        "smallest_margin": None,
        "draws_needed": draws_needed,
        "first": next((each["n"] for each in sizes if each["verdict"].startswith("different")), None),
        "identical_cells": 0,
        "cells": 20 * len(sizes),
        "sizes": list(sizes),
        "discordant": [],
        "rerun": rerun,
        "curves": comparison(
            f"{left} {method}",
            f"{right} {method}",
            "test accuracy by size",
            verdict,
            reason=reason,
            gap=most["gap"] if most else None,
            values=(most["left"], most["right"]) if most else (None, None),
            tolerance=0.01,
            why="margin of accuracy",
            rerun=rerun,
        ),
    }


def study(*pairs: Plain, name: str = "leek2017", **fields: Any) -> Plain:
    methods = list(dict.fromkeys(each["method"] for each in pairs))
    return document(
        kind="study",
        study={
            "name": name,
            "data": {"name": "mnist01", "sha256": "0" * 64, "rows": 14780, "features": 784},
            "protocol": {"sizes": [10, 20], "draws": 20},
            "test_rows": 2956,
            "methods": {method: {} for method in methods},
            "margin": 0.01,
            "classes": None,
        },
        **{
            "cells": [],
            "one_class_draws": [],
            "curves": [],
            "pairs": list(pairs),
            "baselines": [],
            "not_run": [],
            **fields,
        },
    )
