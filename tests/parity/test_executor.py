"""One engine's crash costs one cell, a time limit is kept, and nothing is fitted twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from parity.data import Data
from parity.engines import sheet
from parity.spec.protocol import Draws
from parity.spec.study import METHODS
from parity.study import executor
from parity.study.cells import Cell, cell
from parity.study.executor import Executor
from parity.study.processes import died_of
from parity.study.store import Store
from tests.parity.conftest import DIGITS


def run(store: Store, cells: list[Cell], digits: tuple[Data, Draws], **options: float) -> executor.Outcome:
    return Executor(store, DIGITS, *digits, **options).run(cells)


def test_a_finished_cell_is_not_fitted_again(tmp_path: Path, cells: list[Cell], digits: tuple[Data, Draws]):
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        first = run(store, cells[:4], digits)
        again = run(store, cells, digits)
    assert first.fitted == {"done": 4} and first.known == 0
    assert again.fitted == {"done": 2} and again.known == 4


def test_the_same_fit_under_two_methods_is_fitted_once(tmp_path: Path, cells: list[Cell], digits: tuple[Data, Draws]):
    twin = dataclasses.replace(cells[0], method="another-name")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, [cells[0], twin], digits).fitted == {"done": 1}


def test_the_key_covers_what_must_be_the_same(cells: list[Cell], digits: tuple[Data, Draws]):
    data, draws = digits
    engine, spec, draw = cells[0].engine, cells[0].spec, draws.train[0]

    def key(**changed: object) -> str:
        values = {"engine": engine, "method": "m", "spec": spec, "data": data, "test": draws.test, "draw": draw}
        return cell(**{**values, "versions": {"v": "1"}, **changed}).key  # type: ignore[arg-type]

    same = key()
    assert key(method="renamed") == same
    others = [
        key(spec=METHODS["leekasso-glm"]),
        key(versions={"v": "2"}),
        key(data=dataclasses.replace(data, sha256="0")),
        key(test=draws.test[1:]),
        key(draw=draws.train[1]),
        key(draw=dataclasses.replace(draw, rows=draw.rows[::-1])),
        key(draw=dataclasses.replace(draw, seed=draw.seed + 1)),
        key(overrides={"C": 2.0}),
        key(device="gpu"),
    ]
    assert len({same, *others}) == len(others) + 1


DEADLY = """
import os, signal, time
def defaults(family): return []
def translate(spec, options): return {"calls": [], "code": "", "not_expressible": []}
def fit(spec, train, test, options):
    how = options["overrides"].get("how")
    if how == "dies" and train["y"].sum() == DEADLY_ONES: os.kill(os.getpid(), signal.SIGSEGV)
    if how == "always dies": print("libframework: cannot go on", flush=True); os._exit(7)
    if how == "hangs" and train["y"].sum() == DEADLY_ONES: time.sleep(600)
    if how == "lacks": import a_framework_that_is_not_there
    if how == "raises": raise ZeroDivisionError("no variance in column 3")
    if how == "short": return {"probability": [0.5], "label": [1]}
    n = len(test["rows"])
    return {"probability": [0.5] * n, "label": [1] * n, "messages": [], "seconds": 0.0}
"""


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[Cell], digits: tuple[Data, Draws]):
    """Cells of an engine that fails in the way asked for; one of them where the failure depends on the draw."""
    data, draws = digits
    ones = [int(data.y[draw.rows].sum()) for draw in draws.train]
    alone = next(count for count in ones if ones.count(count) == 1)
    path = tmp_path / "deadly_engine.py"
    path.write_text(DEADLY.replace("DEADLY_ONES", str(alone)))
    # An absolute file takes the place of one in the engines' folder, in this process and in its workers.
    folder = tmp_path / "sheet.toml"
    text = sheet.SHEET.read_text().replace('file = "sklearn_engine.py"', f'file = "{path}"')
    folder.write_text(text)
    monkeypatch.setenv("PARITY_SHEET", str(folder))
    sheet._shipped.cache_clear()
    yield lambda how: [
        cell(
            sheet.engine("py-sklearn"), "m", METHODS["leekasso-lm"], data, draws.test, draw, {}, overrides={"how": how}
        )
        for draw in draws.train
    ]
    monkeypatch.undo()
    sheet._shipped.cache_clear()


def test_a_cell_that_kills_its_worker_is_lost_and_the_others_are_fitted(tmp_path, deadly, digits):
    cells = deadly("dies")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits).fitted == {"done": 5, "lost": 1}
        (reason,) = {r.reason for c in cells if (r := store.get(c.key)) is not None and r.status == "lost"}
    assert "its worker died (SIGSEGV)" in reason


def test_a_cell_that_hangs_is_ended_at_its_time_limit(tmp_path, deadly, digits):
    cells = deadly("hangs")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits, cell_seconds=4.0).fitted == {"done": 5, "lost": 1}


def test_a_runtime_that_always_dies_is_given_up_with_its_last_words(tmp_path, deadly, digits):
    cells = deadly("always dies")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits).fitted == {"lost": 6}
        reasons = " ".join(store.get(c.key).reason for c in cells)
    assert "libframework: cannot go on" in reasons


def test_what_a_framework_raises_is_a_result_with_its_words(tmp_path, deadly, digits):
    cells = deadly("raises")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits).fitted == {"raised": 6}
        assert store.get(cells[0].key).reason == "ZeroDivisionError: no variance in column 3"
        assert run(store, cells, digits).known == 6


def test_a_fit_that_lacked_a_package_is_tried_again_once_it_is_there(tmp_path, deadly, digits):
    cells = deadly("lacks")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits).fitted == {"lost": 6}
        assert "a_framework_that_is_not_there" in store.get(cells[0].key).reason
        assert run(store, cells, digits).known == 0


def test_an_answer_of_the_wrong_length_is_never_kept_as_a_fit(tmp_path, deadly, digits):
    cells = deadly("short")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert run(store, cells, digits).fitted == {"lost": 6}
        assert "1 values of probability for" in store.get(cells[0].key).reason


def test_exit_codes_are_said_in_words():
    assert (died_of(-9), died_of(7), died_of(None)) == ("SIGKILL", "exit code 7", "unknown cause")
