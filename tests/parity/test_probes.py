"""Probes on an engine whose parameters behave in ways that are known because they are written below."""

from __future__ import annotations

import json

import pytest

from parity.compare.probes import alike, alternatives
from tests.parity.conftest import Parity

ENGINE = '''
"""A model p = sigmoid(strength * (mean pixel - centre) + decay) with switches that put others out of force."""
import numpy as np
from parity.engines.contract import answer, option, recorded, row

NAMES = {
    "strength": 2.0, "centre": 30.0, "solver": "plain", "momentum": 0.5, "adaptive": True, "rate": 0.25,
    "damping": 1.0, "verbose": 0, "refused": 1.0, "unread": None, "early": False, "holdout": 0.1,
}
CHOICES = {"solver": ["plain", "sgd"]}


def defaults(spec, train, options):
    used = {**NAMES, **option(options, "overrides", {})}
    told = {**used, "rate": 0.125 if used["adaptive"] else used["rate"]}
    return [row("Model", "x", required=True, declared_from="here")] + [
        row("Model", n, declared=v, declared_from="here", effective=told[n], effective_from="the model",
            choices=CHOICES.get(n), override=True)
        for n, v in NAMES.items()
    ]


def translate(spec, options):
    return {"calls": [], "code": "", "not_expressible": [], "added": []}


@recorded
def fit(spec, train, test, options):
    used = {**NAMES, **option(options, "overrides", {})}
    if used["refused"] != 1.0:
        raise ValueError("refused must be 1")
    decay = used["momentum"] if used["solver"] == "sgd" else 0.0
    if used["solver"] == "sgd" and used["momentum"] != 0.5:
        decay *= used["damping"]
    rate = 0.125 if used["adaptive"] else used["rate"]
    shift = used["holdout"] if used["early"] is True else 0.0
    x = np.nan_to_num(test["x"]).mean(axis=1)
    p = 1 / (1 + np.exp(-(used["strength"] * (x - used["centre"]) / 50 + decay + rate + shift)))
    told = {**used, "rate": rate}
    weights = {"weights": [np.full((train["x"].shape[1], 1), decay + rate + shift)], "biases": [np.zeros(1)]}
    return answer(probability=p, label=(p > 0.3).astype(int), parameters=weights, effective=told, iterations=7)
'''

SHEET = """
[py-planted]
language = "Python"
file = "{file}"
runtime = "python"
fits = ["mlp"]
summary = "planted"
packages = {{}}
[py-planted.capabilities]
initial_weights = false
row_order = false
batch_size = false
gradients = false
float64 = true
gpu = false
deterministic = true
"""


@pytest.fixture(scope="module")
def planted(parity: Parity, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Parameter -> what the product says of it."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "planted.py").write_text(ENGINE)
    (folder / "engines.toml").write_text(SHEET.format(file=folder / "planted.py"))
    run = parity(
        *("defaults", "mlp-leek", "--engine", "py-planted", "--probe", "--measure", "--json", folder / "out.json"),
        PARITY_SHEET=str(folder / "engines.toml"),
        PARITY_CACHE=str(folder / "cache"),
    )
    assert run.returncode == 0, run.stderr
    (table,) = json.loads((folder / "out.json").read_text())["tables"]
    return {
        **{p["name"]: p for p in table["parameters"]},
        "behaviours": {b["name"]: b["value"] for b in table["behaviours"]},
        "printed": {"text": run.stdout},
    }


def test_a_parameter_that_moves_the_fit_is_live_with_the_size_of_its_effect(planted: dict[str, dict]) -> None:
    probe = planted["strength"]["probe"]
    assert probe["kind"] == "live"
    assert 0.01 < probe["trials"][0]["effect"]["probability"] <= 1


def test_an_inert_parameter_comes_with_the_setting_that_wakes_it(planted: dict[str, dict]) -> None:
    for name, settings in [("momentum", {"solver": "sgd"}), ("holdout", {"early": True})]:
        assert planted[name]["probe"]["kind"] == "inert"
        assert planted[name]["probe"]["gate"]["settings"] == settings


def test_a_parameter_behind_two_settings_comes_with_both(planted: dict[str, dict]) -> None:
    gate = planted["damping"]["probe"]["gate"]
    assert planted["damping"]["probe"]["kind"] == "inert"
    assert gate["settings"]["solver"] == "sgd" and set(gate["settings"]) == {"solver", "momentum"}


def test_a_parameter_without_any_effect_is_inert_without_a_gate(planted: dict[str, dict]) -> None:
    for name in ("verbose", "unread"):
        assert planted[name]["probe"]["kind"] == "inert"
        assert planted[name]["probe"]["gate"] is None


def test_a_refused_value_is_shown_with_the_message(planted: dict[str, dict]) -> None:
    probe = planted["refused"]["probe"]
    assert (probe["kind"], probe["reason"]) == ("raises", "ValueError: refused must be 1")


def test_a_silent_reset_is_told_by_asking_reading_back_and_looking_at_the_fit(planted: dict[str, dict]) -> None:
    rate = planted["rate"]["probe"]
    assert rate["kind"] == "inert" and rate["gate"]["settings"] == {"adaptive": False}
    assert all(t["reset"] and t["read_back"] == 0.125 and t["outcome"] == "same" for t in rate["trials"])
    assert "asked 0.0125, read back 0.125, and the fit is the same" in planted["printed"]["text"]
    assert not any(t["reset"] for t in planted["strength"]["probe"]["trials"])


def test_behaviour_is_read_from_the_fits(planted: dict[str, dict]) -> None:
    told = planted["behaviours"]
    assert told["repeats"] == "bit for bit"
    assert told["end of training"] == "ended early, after 7 of 20 epochs"
    assert told["label cut"] == "below 0.5"
    assert told["missing value"] == "its row is dropped"
    assert told["order of rows"] == "no effect"
    assert told["units of columns"] == "changes the fit"


def test_alternatives_leave_out_the_value_in_force() -> None:
    row = {"effective_from": "x", "effective": 0.005, "given": False, "declared": None, "choices": None}
    values = alternatives(row)
    assert len(values) > 2 and not any(alike(v, 0.005) for v in values)
    words = alternatives({**row, "effective": "Tanh", "choices": ["Tanh", "Rectifier"]})
    assert words == ["Rectifier"]
