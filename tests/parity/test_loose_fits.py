"""Rows of no study: answers come in the order of the requests, and one that fails costs no other."""

from __future__ import annotations

import multiprocessing
import os
import time
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from parity.engines.environment import missing
from parity.engines.sheet import engine, engines
from parity.spec.models import Linear
from parity.study.loose_fits import Request, fits, kept

FEATURES = ["a", "b"]
X = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 3.0], [6.0, 8.0]])
SQUARES = Linear(loss="squares")

RUNNING = [
    one.id
    for one in engines().values()
    if "linear" in one.fits and "squares" not in one.solvers and not any(gap.blocking for gap in missing(one))
]
"Engines with a least squares fit without a penalty that run here; LIBLINEAR has none."

needs_sklearn = pytest.mark.skipif(any(g.blocking for g in missing(engine("py-sklearn"))), reason="no scikit-learn")


class Deadly:
    """Rows that end the process that looks at them."""

    def __getitem__(self, columns: Any) -> Any:
        os._exit(7)


class Endless:
    """Rows that never come."""

    def __getitem__(self, columns: Any) -> Any:
        time.sleep(600)


def asked(engine_id: str, slope: float = 2.0, *, x: Any = X, spec: Linear = SQUARES, **options: Any) -> Request:
    """A fit to y = slope * a - b + 0.5, which no rows of class labels could have."""
    train = {"x": x, "y": X @ [slope, -1.0] + 0.5, "features": FEATURES}
    return Request(engine_id, spec, train, {"x": X[:1], "features": FEATURES}, options)


def slope_of(answer: Any) -> float:
    return answer["parameters"]["coefficients"]["a"]


@pytest.mark.slow
def test_every_engine_fits_a_real_response_and_answers_in_the_order_of_the_requests():
    assert RUNNING
    requests = [asked(name, slope) for slope in (2.0, -3.25) for name in RUNNING]
    seen: list[tuple[int, int]] = []
    answers = fits(requests, watch=lambda request, done, wanted: seen.append((done, wanted)))
    for request, answer in zip(requests, answers, strict=True):
        # The first two rows differ by 1 in a and by -1 in b.
        slope = request.train["y"][1] - request.train["y"][0] - 1.0
        assert slope_of(answer) == pytest.approx(slope, rel=1e-9), request.engine
        assert answer["parameters"]["coefficients"]["(intercept)"] == pytest.approx(0.5, rel=1e-8)
        assert np.ravel(answer["probability"]) == pytest.approx(request.train["y"][:1], rel=1e-8)
    assert seen == [(k, len(requests)) for k in range(1, len(requests) + 1)]


@pytest.mark.slow
@needs_sklearn
def test_a_worker_that_dies_or_hangs_costs_its_fit_and_not_the_rest():
    requests = [asked("py-sklearn", 1.0), asked("py-sklearn", x=Deadly()), asked("py-sklearn", 3.0)]
    requests += [asked("py-sklearn", x=Endless()), asked("py-sklearn", 4.0)]
    # Loading scikit-learn takes 2 s, and twice that where others work beside it.
    answers = fits(requests, seconds=12.0)
    assert [slope_of(answers[k]) for k in (0, 2, 4)] == pytest.approx([1.0, 3.0, 4.0])
    assert answers[1] == "its worker died (exit code 7)"
    assert answers[3] == "took longer than 12 s and was ended"


@needs_sklearn
def test_what_cannot_be_fitted_is_a_sentence_and_what_cannot_be_expressed_a_list():
    lasso = Linear(loss="squares", l1=0.1)
    requests = [
        asked("py-sklearn", overrides={"no_such_argument": 1}),
        asked("py-sklearn", spec=lasso, overrides={"estimator": "LinearRegression"}),
        asked("py-sklearn", spec=lasso),
    ]
    wrong, gaps, right = fits(requests, jobs=2)
    assert isinstance(wrong, str) and "no_such_argument" in wrong
    assert [gap["parameter"] for gap in gaps["not_expressible"]] == ["l1"] and "parameters" not in gaps
    assert right["not_expressible"] == [] and abs(slope_of(right)) < 2.0


def test_no_request_starts_nothing():
    assert fits([]) == []


class Telling:
    """Rows that say in which process they are looked at."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getitem__(self, columns: Any) -> Any:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        raise ValueError("it was told")


@needs_sklearn
@pytest.mark.parametrize("together", [False, True])
def test_workers_are_kept_from_one_call_to_the_next_where_that_is_asked_for(tmp_path, together):
    told = tmp_path / "processes"
    with kept() if together else nullcontext():
        for _ in range(2):
            fits([asked("py-sklearn", x=Telling(str(told)))])
        (last,) = fits([asked("py-sklearn", 3.0)])
    assert slope_of(last) == pytest.approx(3.0)
    first, second = dict.fromkeys(told.read_text().split()), multiprocessing.active_children()
    assert len(first) == (1 if together else 2)
    assert not {int(pid) for pid in first} & {child.pid for child in second}, "a worker outlived its block"


@needs_sklearn
def test_a_kept_worker_that_dies_costs_its_fit_alone():
    with kept():
        (lost,) = fits([asked("py-sklearn", x=Deadly())])
        (found,) = fits([asked("py-sklearn", 3.0)])
    assert lost == "its worker died (exit code 7)"
    assert slope_of(found) == pytest.approx(3.0)
