"""The published figure comes out again, and engines that should agree do."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from parity.data import Data, Source, load
from parity.engines.environment import missing
from parity.engines.sheet import engine, engines
from parity.run import run_study
from parity.spec.models import MLP, Leekasso, plain
from parity.spec.protocol import Draws, Protocol, make_draws
from parity.spec.study import Study, preset
from parity.study.ask import ask
from parity.study.store import Store
from tests.parity.conftest import DIGITS, Parity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def needs(*engine_ids: str) -> pytest.MarkDecorator:
    """Skip, with the reason, where an engine does not run."""
    gaps = [f"{i} needs {g.package}" for i in engine_ids for g in missing(engine(i)) if g.blocking]
    return pytest.mark.skipif(bool(gaps), reason="; ".join(gaps))


def results(study: Study, store: Path) -> dict[tuple[str, str, int, int], Any]:
    """(engine, method, n, draw) -> stored result of a fresh run."""
    run = run_study(study, store)
    with Store(store) as opened:
        return {
            (c["engine"], c["method"], c["n"], c["draw"]): opened.get(c["key"])
            for c in run.document["cells"]
            if c["status"] == "done" or pytest.fail(f"{c['engine']} {c['method']}: {c['reason']}")
        }


@needs("r-stats", "r-h2o")
def test_the_original_pair_lies_within_the_tolerance_of_the_published_curves(parity: Parity, tmp_path: Path):
    done = parity("reproduce", "leek2017", "--engine", "r-stats", "--engine", "r-h2o", "--out", "o", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "o" / "parity.json").read_text())
    assert {c["left"]["name"]: c["verdict"] for c in document["comparisons"]} == {
        "r-stats leekasso-lm": "within tolerance",
        "r-h2o mlp-leek": "within tolerance",
    }
    assert all(c["gap"] <= 0.025 for c in document["comparisons"])
    for name in ("figure.png", "figure.svg", "engines.png", "engines.svg"):
        assert (tmp_path / "o" / name).stat().st_size > 20_000
    assert (tmp_path / "o" / "figure.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    report = (tmp_path / "o" / "report.md").read_text()
    assert "![The figure of 2017, drawn again](figure.png)" in report
    again = parity("reproduce", "leek2017", "--engine", "r-stats", "--engine", "r-h2o", "--out", "o", cwd=tmp_path)
    assert "nothing to fit, 240 were in the store" in again.stdout


def test_a_quick_run_is_one_draw_at_four_sizes_and_judges_nothing(parity: Parity, tmp_path: Path):
    done = parity("reproduce", "leek2017", "--quick", "--engine", "py-sklearn", "--out", "o", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "o" / "parity.json").read_text())
    assert {(c["n"], c["draw"]) for c in document["cells"]} == {(10, 0), (35, 0), (60, 0), (85, 0)}
    assert {c["verdict"] for c in document["comparisons"]} == {"not run"}


@needs("r-h2o")
def test_an_original_engine_that_ran_and_failed_is_an_error_and_fails_the_run(parity: Parity, tmp_path: Path):
    words = ["reproduce", "leek2017", "--quick", "--engine", "r-h2o", "--engine", "py-sklearn", "--out", "o"]
    done = parity(*words, cwd=tmp_path, JAVA_TOOL_OPTIONS="-Xmx64m")
    assert done.returncode == 1, done.stderr
    verdicts = {c["left"]["name"]: c for c in json.loads((tmp_path / "o" / "parity.json").read_text())["comparisons"]}
    assert verdicts["r-h2o mlp-leek"]["verdict"] == "error"
    assert "H2O server" in verdicts["r-h2o mlp-leek"]["reason"]


@needs("r-stats", "py-statsmodels")
def test_lm_and_ols_have_the_same_coefficients_on_full_rank_draws_and_the_same_pixels():
    data = load(Source("mnist01"))
    draws = make_draws(preset("leek2017").protocol, data)
    checked = 0
    for draw in [d for d in draws.train if d.n >= 60][::6]:
        rows, test_rows = draw.rows, draws.test[:50]
        train = {"x": data.x[rows].astype(float), "y": data.y[rows].astype(int), "features": list(data.features)}
        test = {"x": data.x[test_rows].astype(float), "features": list(data.features), "rows": test_rows}
        spread = [i for i in np.argsort(-train["x"].std(axis=0))[:10] if train["x"][:, i].std() > 0]
        design = np.column_stack([np.ones(len(rows)), train["x"][:, spread]])
        assert np.linalg.matrix_rank(design) == 11
        options = {"selected": [data.features[i] for i in spread]}
        spec = plain(Leekasso(model="lm"))
        fits = [ask(engine(i), "fit", spec, train, test, options) for i in ("r-stats", "py-statsmodels")]
        left, right = (fit["parameters"]["coefficients"] for fit in fits)
        assert left.keys() == right.keys() and len(left) == 11
        for name in left:
            assert left[name] == pytest.approx(right[name], rel=1e-8)
        # NumPy's SVD is the third opinion.
        expected = np.linalg.lstsq(design, train["y"], rcond=None)[0]
        assert left["(intercept)"] == pytest.approx(expected[0], rel=1e-7)
        checked += 1
    assert checked >= 3


@needs("r-h2o", "py-h2o")
def test_both_h2o_clients_get_equal_probabilities_from_the_same_rows_seed_and_settings(tmp_path: Path):
    study = dataclasses.replace(
        preset("leek2017"),
        protocol=Protocol(sizes=(20, 60), draws=2),
        methods={k: v for k, v in preset("leek2017").methods.items() if k == "mlp-leek"},
        engines=("r-h2o", "py-h2o"),
        overrides={i: {"reproducible": True} for i in ("r-h2o", "py-h2o")},
    )
    fitted = results(study, tmp_path / "s.sqlite")
    for n, draw in ((20, 0), (20, 1), (60, 0), (60, 1)):
        left, right = fitted["r-h2o", "mlp-leek", n, draw], fitted["py-h2o", "mlp-leek", n, draw]
        np.testing.assert_array_equal(left.arrays["probability"], right.arrays["probability"])
        np.testing.assert_array_equal(left.arrays["label"], right.arrays["label"])
    assert not np.array_equal(
        fitted["r-h2o", "mlp-leek", 20, 0].arrays["probability"],
        fitted["r-h2o", "mlp-leek", 20, 1].arrays["probability"],
    )


def test_every_engine_that_runs_here_fits_every_method_that_it_lists(tmp_path: Path, digits: tuple[Data, Draws]):
    data, _ = digits
    small = MLP(hidden=(8, 8), activation="relu", dropout=0.5, output="sigmoid", loss="cross-entropy", epochs=2)
    methods = {**{f"leekasso-{m}": Leekasso(model=m) for m in ("lm", "glm", "liblinear")}, "mlp": small}  # type: ignore[arg-type]
    study = Study(name="all", data=DIGITS, protocol=Protocol(sizes=(40,), draws=1), methods=methods)
    run = run_study(study, tmp_path / "s.sqlite")
    idle = {entry["engine"] for entry in run.document["not_run"]}
    running = [e for e in engines().values() if e.id not in idle]
    expected = {(e.id, m) for e in running for m, spec in methods.items() if spec.family in e.fits}
    done = {(c["engine"], c["method"]): c for c in run.document["cells"] if c["status"] == "done"}
    troubles = [(c["engine"], c["method"], c["reason"]) for c in run.document["cells"] if c["status"] != "done"]
    assert not troubles
    assert done.keys() == expected
    for (engine_id, method), cell in done.items():
        assert 0 <= cell["accuracy"] <= 1
        if method.startswith("leekasso"):
            assert cell["selected"] and set(cell["selected"]) <= set(data.features), (engine_id, method)
            assert cell["accuracy"] > 0.9, (engine_id, method)


@needs("py-h2o")
def test_nothing_listens_beyond_loopback_while_h2o_runs(tmp_path: Path):
    study = Study(
        name="listen",
        data=DIGITS,
        protocol=Protocol(sizes=(40,), draws=6),
        methods={"leekasso-glm": Leekasso(model="glm")},
        engines=("py-h2o",),
    )
    heard: set[str] = set()
    me = psutil.Process()

    def listen(*_: object) -> None:
        for process in [me, *me.children(recursive=True)]:
            for connection in process.net_connections("inet"):
                if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE) and connection.laddr:
                    heard.add(connection.laddr.ip)

    run_study(study, tmp_path / "s.sqlite", follow=lambda cells: listen)
    assert heard, "the server itself was not seen, so this test looked in the wrong place"
    assert {address.removeprefix("::ffff:") for address in heard} == {"127.0.0.1"}
