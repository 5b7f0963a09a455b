"""Documents of explanations written by hand: one of every status, and one with everything that is awkward."""

from __future__ import annotations

from typing import Any

from tests.parity.defaults_page import HOSTILE

Plain = dict[str, Any]

WORDS_OF_THE_SCHEMA = {"schema", "kind", "level", "found", "status", "switched", "end", "language", "verdict", "sha256"}
"Fields whose values the schema lists: no data come here."

COMMAND = "parity defaults mlp-leek --diff r-h2o py-keras-jax"

R_CODE = """library(h2o)
h2o.init(bind_to_localhost = TRUE)
train <- read.csv("draw_0.csv")
\tmodel <- h2o.deeplearning(x = 1:784, y = 785, train, activation = "Tanh")
cat("`a` & <b> ``` $x$\\n")
"""

PYTHON_CODE = """import keras
model = keras.Sequential([keras.layers.Dense(160, activation="tanh") for _ in range(5)])
print("accuracy <b>&amp;</b>", model)
"""


def effect(mean: float, spread: float | None = 0.004, p: float = 0.0001) -> Plain:
    """An effect; without a spread of one draw, whose interval is the draw."""
    return {"mean": mean, "low": mean - (spread or 0.0), "high": mean + (spread or 0.0), "p": p}


def measure(mean: float, loss: bool = True, **known: Any) -> Plain:
    return {"accuracy": effect(mean, **known), "log_loss": effect(-3 * mean, **known) if loss else None}


def closeness(level: str, left: float, right: float, draws: int = 20, **known: Any) -> Plain:
    gap = right - left
    ends = {"low": gap - 0.002, "high": gap + 0.002} if draws > 1 else {"low": None, "high": None}
    return {
        **{"level": level, "left": left, "right": right, "gap": {"mean": gap, **ends}},
        **{"log_loss": {"mean": -3 * gap, **ends}, "apart": 0.25, "labels": 12, "draws": draws},
        **{"draws_needed": None, **known},
    }


def difference(name: str, share: float | None, **known: Any) -> Plain:
    """A difference that is live, with a share where one is given."""
    loss = known.pop("loss", True)
    spread = known.pop("spread", 0.004)
    return {
        **{"name": name, "left": "0.005, as H2O anneals it", "right": "0.001", "found": "read", "evidence": COMMAND},
        **{"meaning": "The size of a step along the gradient.", "status": "live", "note": "", "switched": "right"},
        "how": f"{name} = 0.005 in the specification",
        "share": None if share is None else measure(share, loss, spread=spread),
        "alone": {
            "left": None,
            "right": None if share is None else measure(-share / 2, loss, spread=spread),
        },
        **{"in_smallest": False, **known},
    }


def without_effect(name: str, status: str, **known: Any) -> Plain:
    off = {"status": status, "switched": None, "how": "", "share": None, "alone": {"left": None, "right": None}}
    return {**difference(name, None), **off, "note": "Adam has no momentum.", **known}


def recipe(**known: Any) -> Plain:
    return {
        **{"end": "right", "language": "Python", "title": "make py-keras-jax agree with r-h2o", "code": PYTHON_CODE},
        **{"draw": 0, "accuracy": 0.9123, "target": 0.9118, "verified": True, "note": "", **known},
    }


def explanation(n: int = 10, **known: Any) -> Plain:
    """A gap of 0.21 that three live differences make and two close."""
    rerun = f"parity explain r-h2o py-keras-jax --method mlp-leek --n {n} --draws 20"
    return {
        **{"left": "r-h2o", "right": "py-keras-jax", "method": "mlp-leek", "n": n, "draws": 20, "margin": 0.01},
        **{"status": "complete", "status_note": ""},
        "sentence": "r-h2o makes one update an epoch and starts wider: the number of updates and the initial weights "
        "make 0.2040 of the gap of 0.2100, and with both switched the two are equivalent on fresh draws.",
        "base": closeness("different", 0.7612, 0.9712),
        "all_switched": closeness("within tolerance", 0.7612, 0.7612, apart=3e-7),
        "smallest": {
            "names": ["updates", "initial weights"],
            "searched": closeness("equivalent", 0.7652, 0.7672),
            "fresh": closeness("equivalent", 0.7701, 0.7693),
            "fresh_base": closeness("different", 0.7701, 0.9688),
        },
        "differences": [
            difference("training.rate", -0.0301, left="0.005", right="0.001"),
            difference("updates", 0.1502, in_smallest=True, found="measured", evidence="10 updates of 20 rows"),
            difference("initial weights", 0.0902, in_smallest=True, found="measured", switched="left"),
            without_effect("momentum", "inert"),
            without_effect("stopping.patience", "not taken", note="read again, the difference is still there"),
            without_effect("end of training", "consequence", found="measured", evidence="2 epochs of 20"),
            without_effect("order of rows", "not reached", found="lockstep", evidence="parity lockstep"),
        ],
        "interactions": [{"first": "updates", "second": "training.rate", "accuracy": effect(0.0123)}],
        "remainder": {**measure(-0.0003, spread=0.0004, p=0.4), "look": ""},
        "scatter": {"left": 0.0213, "right": None},
        "recipe": [
            recipe(),
            recipe(end="left", language="R", title="make r-h2o agree with py-keras-jax", code=R_CODE, verified=False),
        ],
        **{"rerun": rerun, "failed": [], "seconds": 123.4, "inside": 110.2, "cells": 1812, **known},
    }


def document(*explanations: Plain, **known: Any) -> Plain:
    """The document of these explanations."""
    comparison = {
        **{"left": {"name": "r-h2o mlp-leek", "value": 0.7612}, "right": {"name": "py-keras-jax", "value": 0.9712}},
        **{"what": "test accuracy, n = 10", "verdict": "different: explained", "reason": "updates, initial weights"},
        **{"gap": 0.21, "tolerance": {"value": 0.01, "reason": "margin of accuracy"}, "rerun": "parity explain"},
    }
    return {
        **{"schema": "parity/1", "kind": "explanation"},
        "environment": {
            **{"parity": "0.1.0", "python": "3.11.7", "packages": {"keras": "3.15.0", "h2o": "3.44.0.3"}},
            **{"r": {"version": "4.2.2"}, "gpu": []},
        },
        "study": {
            **{"name": "leek2017", "protocol": {"sizes": [10], "draws": 20, "replacement": False, "seed": 2017}},
            "data": {"name": "mnist01", "sha256": "ab" * 32, "rows": 14780, "features": 784},
            **{"test_rows": 2956, "methods": {"mlp-leek": {"family": "mlp"}}, "mode": "shipped", "overrides": {}},
            **{"margin": 0.01, "classes": None},
        },
        "explanations": list(explanations) or [explanation()],
        "rerun": "parity explain r-h2o py-keras-jax --method mlp-leek --n 10 --draws 20",
        **{"comparisons": [comparison], "counts": {"different: explained": 1}, **known},
    }


def not_run() -> Plain:
    return {
        **{"left": "r-h2o", "right": "py-keras-jax", "method": "mlp-leek", "n": 20},
        **{"not_run": "r-h2o: needs Java 8, not installed", "rerun": "parity explain r-h2o py-keras-jax --n 20"},
    }


def interrupted() -> Plain:
    """Stopped before any share was known."""
    return explanation(
        status="interrupted",
        status_note="interrupted before shares and the smallest set; the same command goes on from here",
        sentence="",
        smallest=None,
        differences=[difference("updates", None), difference("initial weights", None, switched="left")],
        **{"interactions": [], "remainder": None, "recipe": [], "failed": ["r-h2o: java.lang.OutOfMemoryError"]},
    )


def first_look() -> Plain:
    """A budget that was enough for the base fits alone."""
    note = "the budget ended before everything but the first look; it would take about 9 minutes"
    return {
        **interrupted(),
        **{"status": "budget", "status_note": note, "differences": [], "all_switched": None, "failed": []},
    }


def nothing() -> Plain:
    """Two sides that are the same, bit for bit, and what they declare otherwise does nothing."""
    same = closeness("identical", 0.9401, 0.9401, apart=0.0, labels=0)
    return explanation(
        **{"sentence": "Nothing differs: every prediction is the same, bit for bit.", "base": same},
        **{"all_switched": same, "smallest": None, "interactions": [], "remainder": None, "recipe": []},
        differences=[without_effect(f"parameter {k}", "inert") for k in range(9)],
    )


def one_draw() -> Plain:
    """One draw and predicted values that are no probabilities: no interval, no log loss."""
    alone: Plain = {"draws": 1, "log_loss": None}
    share = {"loss": False, "spread": None}
    return explanation(
        **{"draws": 1, "base": closeness("open", 0.865, 0.898, draws_needed=12_000, **alone)},
        **{"all_switched": closeness("open", 0.865, 0.868, draws_needed=38, apart="inf", **alone), "smallest": None},
        differences=[difference("aliased columns", 0.03, **share)],
        interactions=[],
        remainder={"accuracy": effect(0.003, None, 1.0), "log_loss": None, "look": "parity lockstep a b"},
        recipe=[],
    )


def many(n: int = 40) -> Plain:
    """Twelve live differences: negative ones, one larger than the gap, names that are long or Chinese."""
    names = [
        "learning rate",
        "initial weights of every layer, as they are before the first update and after the seed was set",
        "学习率的衰减和每一层的初始权重以及它们的比例",
        "a_name_without_any_space_that_is_longer_than_every_column_of_every_table_in_this_report",
        *(f"difference {k}" for k in range(5, 13)),
    ]
    shares = [0.31, -0.12, 0.05, -0.04, 0.02, -0.015, 0.012, 0.008, -0.006, 0.003, 0.001, 0.0]
    found = [difference(name, share, in_smallest=share > 0.04) for name, share in zip(names, shares, strict=True)]
    found[0]["left"] = "a value that takes a whole line " * 6
    found[0]["alone"] = {"left": measure(0.2), "right": measure(-0.1)}
    gap = sum(shares) - 0.02
    parts = [
        {"name": "labels", "left": "as they are given", "right": "row 3 with the other label", "evidence": "targets"},
        {"name": "learning_rate", "left": "0.001", "right": "0.0005", "evidence": "updates against their gradients"},
    ]
    return explanation(
        n,
        base=closeness("different", 0.7, 0.7 + gap),
        all_switched=closeness("different", 0.7, 0.7 - 0.02),
        smallest=None,
        differences=found,
        interactions=[
            {"first": names[1], "second": names[3], "accuracy": effect(-0.05)},
            {"first": names[0], "second": names[2], "accuracy": effect(0.02)},
            {"first": names[4], "second": names[5], "accuracy": effect(0.01)},
        ],
        remainder={**measure(-0.02), "look": "parity lockstep r-h2o py-keras-jax --method mlp-leek"},
        remaining={"draw": 7, "compared": ["rows", "labels", "learning_rate"], "parts": parts},
        recipe=[],
    )


def every_kind() -> dict[str, Plain]:
    """A document of every kind of explanation, by name."""
    return {
        "closed": document(explanation()),
        "not run": document(not_run()),
        "interrupted": document(interrupted()),
        "first look": document(first_look()),
        "nothing": document(nothing()),
        "one draw": document(one_draw()),
        "many": document(many()),
        "sizes": document(explanation(10), not_run(), many(40), {**nothing(), "n": 80}),
        "pairs": document(explanation(), {**one_draw(), "left": "r-stats", "right": "py-sklearn"}),
    }


def hostile(value: Any) -> Any:
    """The document with the hostile text behind every name and sentence that comes from data."""
    match value:
        case dict():
            return {
                (name + HOSTILE if name == "keras" else name): (
                    each if name in WORDS_OF_THE_SCHEMA and isinstance(each, str) else hostile(each)
                )
                for name, each in value.items()
            }
        case list():
            return [hostile(each) for each in value]
        case str() if value and value != "inf":
            return value + HOSTILE
        case other:
            return other
