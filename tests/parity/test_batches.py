"""Which cells a worker gets together, and what a batch that fails costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity.compare.referee import accuracy_by_epoch
from parity.data import Data
from parity.engines import sheet
from parity.report.document import study_document
from parity.spec.models import CNN, MLP
from parity.spec.protocol import Draws
from parity.spec.study import PRESETS, Study
from parity.study.batches import batches
from parity.study.cells import Cell, cell, plan
from parity.study.executor import Executor
from parity.study.store import Store
from tests.parity.conftest import DIGITS

NETWORK = MLP(hidden=(2,), activation="relu", epochs=2)

# fit_many fails in the way that an override asks for; fit tells which process it ran in and never fails.
ENGINE = """
import os, signal, time
def defaults(spec, train, options): return []
def translate(spec, options): return {"calls": [], "code": "", "not_expressible": []}
def fit(spec, train, test, options):
    if options["overrides"].get("how") == "both die": os.kill(os.getpid(), signal.SIGKILL)
    return one(test, "one by one", options["seed"])
def one(test, trainer, seed):
    n = len(test["rows"])
    effective = {"trainer": trainer, "process": os.getpid(), "seed": seed}
    return {"probability": [0.9] * n, "label": [1] * n, "messages": [], "seconds": 0.0, "effective": effective}
def fit_many(spec, trains, test, options):
    how = options["overrides"].get("how")
    if how in ("dies", "both die"): os.kill(os.getpid(), signal.SIGKILL)
    if how == "dies together" and len(trains) > 1: os.kill(os.getpid(), signal.SIGKILL)
    if how == "hangs": time.sleep(600)
    if how == "raises": raise RuntimeError("one of them is singular")
    if how == "short": return [one({"rows": [0]}, "many", 0)] * len(trains)
    assert len({len(train["y"]) for train in trains}) == 1
    answers = [one(test, f"many of {len(trains)}", seed) for seed in options["seeds"]]
    if options.get("history"):
        for answer in answers:
            answer["history"] = {"probability": [[0.1] * len(test["rows"]), answer["probability"]], "threshold": 0.5}
    return answers[:-1] if how == "one too few" else answers
"""


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: tuple[Data, Draws]):
    """Makes cells of an engine that offers fit_many: three draws of 20 rows and three of 30."""
    file = tmp_path / "many_engine.py"
    file.write_text(ENGINE)
    text = sheet.SHEET.read_text().replace('file = "sklearn_engine.py"', f'file = "{file}"\nmany = ["mlp"]')
    (tmp_path / "sheet.toml").write_text(text)
    monkeypatch.setenv("PARITY_SHEET", str(tmp_path / "sheet.toml"))
    sheet._shipped.cache_clear()
    data, draws = digits

    def make(how: str = "well", history: int = 0, spec: MLP = NETWORK) -> list[Cell]:
        engine, given = sheet.engine("py-sklearn"), {"overrides": {"how": how}, "history": history}
        return [cell(engine, "m", spec, data, draws.test, draw, {}, **given) for draw in draws.train]  # type: ignore[arg-type]

    yield make
    monkeypatch.undo()
    sheet._shipped.cache_clear()


Make = Callable[..., list[Cell]]


def trainers(store: Store, cells: list[Cell]) -> list[str]:
    found = [store.get(cell.key) for cell in cells]
    return [each.facts["effective"]["trainer"] for each in found if each is not None and each.status == "done"]


def test_each_size_is_split_over_the_jobs_and_large_sizes_go_first(networks: Make):
    made = batches(networks(), set(), (), jobs=2)
    assert [(batch.cells[0].draw.n, len(batch.cells)) for batch in made] == [(30, 2), (30, 1), (20, 2), (20, 1)]
    assert all(batch.many for batch in made)
    assert {cell.key for batch in made for cell in batch.cells} == {cell.key for cell in networks()}


def test_cells_of_another_specification_or_other_overrides_are_no_part_of_a_batch(networks: Make):
    cells = [*networks(), *networks(spec=dataclasses.replace(NETWORK, epochs=3)), *networks("otherwise")]
    for batch in batches(cells, set(), (), jobs=1):
        assert len(batch.cells) == 3
        assert len({str(cell.spec) + str(cell.identity["overrides"]) for cell in batch.cells}) == 1


def test_cells_that_failed_together_or_that_no_fit_many_takes_go_one_by_one(networks: Make, cells: list[Cell]):
    together = networks()
    alone = {cell.key for cell in together[:3]}
    made = batches([*together, *cells], alone, (together[0].key,), jobs=1)
    assert [(len(batch.cells), batch.many) for batch in made] == [(3, True), (1, False), (1, True), (1, True)] + [
        (1, False)
    ] * 6


def test_every_cell_of_a_batch_gets_a_result_and_is_announced(tmp_path: Path, networks: Make, digits):
    cells, told = networks(), []
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        outcome = Executor(store, DIGITS, *digits, jobs=1).run(cells, lambda cell, result: told.append(cell.key))
        assert trainers(store, cells) == ["many of 3"] * 6
        seeds = [store.get(cell.key).facts["effective"]["seed"] for cell in cells]  # type: ignore[union-attr]
    assert outcome.fitted == {"done": 6} and sorted(told) == sorted(cell.key for cell in cells)
    assert seeds == [cell.draw.seed for cell in cells]


@pytest.mark.parametrize("how", ["dies", "hangs", "raises", "short", "one too few"])
def test_a_batch_that_fails_costs_no_cell(tmp_path: Path, networks: Make, digits, how: str):
    cells = networks(how)[:3]
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        outcome = Executor(store, DIGITS, *digits, jobs=2, cell_seconds=5.0).run(cells)
        assert outcome.fitted == {"done": 3}
        assert trainers(store, cells) == ["one by one"] * 3
        for cell in cells:  # what it lacks, such as its accuracy after every epoch, has a reason that can be read
            messages = store.get(cell.key).facts["messages"]  # type: ignore[union-attr]
            assert any("fitted by itself, since fit_many" in message for message in messages)


def test_a_cell_whose_batch_failed_still_goes_to_fit_many_by_itself(tmp_path: Path, networks: Make, digits):
    cells = networks("dies together")[:3]
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert Executor(store, DIGITS, *digits, jobs=1).run(cells).fitted == {"done": 3}
        assert trainers(store, cells) == ["many of 1"] * 3


def test_a_runtime_that_dies_alone_as_well_is_given_up(tmp_path: Path, networks: Make, digits):
    cells = networks("both die")
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        assert Executor(store, DIGITS, *digits, jobs=2).run(cells).fitted == {"lost": 6}


def test_the_labels_after_every_epoch_are_stored_as_bits_and_scored_by_the_referee(tmp_path: Path, networks, digits):
    cells, (data, draws) = networks(history=1), digits
    study = Study(name="s", data=DIGITS, protocol=PRESETS["leek2017"].protocol, methods={"m": NETWORK})
    with Store(tmp_path / "s.sqlite", writing=True) as store:
        Executor(store, DIGITS, data, draws, jobs=1).run(cells)
        document = study_document(study, data, draws, cells, store, [], [], {})
        packed = store.get(cells[0].key).arrays["history"]
    truth = data.y[draws.test]
    assert packed.shape == (2, -(-len(truth) // 8)) and packed.dtype == np.uint8
    assert document["cells"][0]["accuracy_by_epoch"] == [pytest.approx((truth == v).mean()) for v in (0, 1)]


def test_accuracy_by_epoch_counts_no_bit_of_the_filling():
    truth = np.array([1, 0, 1, 0, 1, 0, 1, 0, 1], dtype=np.int8)
    labels = np.array([truth, 1 - truth, np.zeros(9)])
    found = accuracy_by_epoch(np.packbits(labels == 1, axis=1), truth)
    assert found == [1.0, 0.0, pytest.approx(4 / 9)]


def test_a_history_is_part_of_a_cell_only_where_it_is_asked_for(networks: Make, digits: tuple[Data, Draws]):
    data, draws = digits
    without, with_it = networks()[0], networks(history=1)[0]
    assert "history" not in without.identity and with_it.identity["history"] == 1
    assert without.key != with_it.key
    study = Study(name="s", data=DIGITS, protocol=PRESETS["leek2017"].protocol, methods={"m": NETWORK}, history=True)
    asked = {made.engine.id for made in plan(study, data, draws, {"py-keras-jax": {}, "py-keras-torch": {}}, "cpu")}
    assert asked == {"py-keras-jax", "py-keras-torch"}
    for made in plan(study, data, draws, {"py-keras-jax": {}, "py-keras-torch": {}}, "cpu"):
        assert made.identity["history"] == 1
    cnn = CNN(image=(8, 8), filters=((2,),), hidden=(4,), activation="relu", epochs=1)
    rare = dataclasses.replace(study, methods={"m": cnn})
    # One look at a test row by convolutions costs as much as one update.
    assert {made.identity["history"] for made in plan(rare, data, draws, {"py-keras-jax": {}})} == {5}
