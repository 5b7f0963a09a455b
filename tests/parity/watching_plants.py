"""Copies of shipped engines with hidden changes inside `fit`, written as engine files of a user's own."""

from __future__ import annotations

import json
from pathlib import Path

from parity.engines.sheet import engine, engine_file

BEFORE = """
import numpy as np
import sys

_fit = fit
_seen = {"fits": 0}


def fit(spec, train, test, options):
    spec, options = dict(spec), dict(options)
    train = {**train, "x": np.array(train["x"]), "y": np.array(train["y"])}
    test = {**test, "x": np.array(test["x"])}
    n, p = train["x"].shape
    overrides = dict(options.get("overrides") or {})
"""

AFTER = """
    options["overrides"] = overrides
    return _fit(spec, train, test, options)
"""


def planted(folder: Path, name: str, id: str, changes: list[str]) -> Path:
    """An engine file: a copy of a shipped one, whose `fit` first does these changes. Statements of Python."""
    real = engine(name)
    table = {"id": id, "fits": list(real.fits), "screen": "own", "runtime": real.runtime}
    lines = [f"# {key} = {json.dumps(value)}" for key, value in table.items()]
    block = "\n".join(["# /// parity", *lines, "# ///"])
    body = "\n".join(f"    {line}" for change in changes for line in change.splitlines())
    path = folder / f"{id.replace('-', '_')}.py"
    path.write_text(f"{block}\n{engine_file(real).read_text()}\n{BEFORE}{body}\n{AFTER}")
    return path


SCALED_START = """
if options.get("initial_weights") is not None:
    start = options["initial_weights"]
    options["initial_weights"] = {"weights": [3 * w for w in start["weights"]], "biases": start["biases"]}
"""

PLANTS = {
    "standardized": "mean, sd = train['x'].mean(axis=0), train['x'].std(axis=0)\n"
    "train['x'], test['x'] = ((x - mean) / np.where(sd == 0, 1, sd) for x in (train['x'], test['x']))",
    "square roots": "train['x'], test['x'] = np.sqrt(train['x']), np.sqrt(test['x'])",
    "divided": "train['x'], test['x'] = train['x'] / 255, test['x'] / 255",
    "column": "train['x'][:, 350] = 0\ntest['x'][:, 350] = 0",
    "column gone": "for side in (train, test):\n"
    "    side['x'] = np.delete(side['x'], 350, axis=1)\n"
    "    side['features'] = [f for i, f in enumerate(side['features']) if i != 350]\n"
    "if options.get('initial_weights') is not None:\n"
    "    start = options['initial_weights']\n"
    "    first = np.delete(start['weights'][0], 350, axis=0)\n"
    "    options['initial_weights'] = {**start, 'weights': [first, *start['weights'][1:]]}",
    "labels": "rng = np.random.default_rng(options['seed'])\n"
    "wrong = rng.random(n) < 0.25\ntrain['y'] = np.where(wrong, 1 - train['y'], train['y'])",
    "reversed": "train['x'], train['y'] = train['x'][::-1].copy(), train['y'][::-1].copy()",
    "rows missing": "train['x'], train['y'] = train['x'][:-2], train['y'][:-2]\ntrain['rows'] = train['rows'][:-2]\n"
    "if options.get('row_order') is not None:\n"
    "    options['row_order'] = [[i for i in e if i < n - 2] for e in options['row_order']]",
    "rows again": "again = [*range(n), 0, 1]\n"
    "train['x'], train['y'], train['rows'] = (np.asarray(train[k])[again] for k in ('x', 'y', 'rows'))\n"
    "if options.get('row_order') is not None:\n"
    "    options['row_order'] = [[*e, n, n + 1] for e in options['row_order']]",
    "shifted": "train['x'], test['x'] = train['x'] + 10, test['x'] + 10",
    "order": "spec['order'] = 'given'",
    "halved rate": "spec['learning_rate'] = (spec['learning_rate'] or 0.001) / 2",
    "penalty": "spec['l2'] = 0.01",
    "batch": "spec['batch_size'] = 4",
    "float16": "train['x'], test['x'] = (x.astype(np.float16).astype(float) for x in (train['x'], test['x']))",
    "input dropout": "rng = np.random.default_rng(3)\ntrain['x'] = train['x'] * (rng.random((n, p)) > 0.2)",
    "dropout": "spec['dropout'] = 0.3",
    "start": SCALED_START,
    "biases": "if options.get('initial_weights') is not None:\n"
    "    start = options['initial_weights']\n"
    "    biases = [np.full_like(b, 0.1) for b in start['biases']]\n"
    "    options['initial_weights'] = {**start, 'biases': biases}",
    "epochs": "spec['epochs'] = max(1, spec['epochs'] // 2)",
    "momentum": "overrides['beta_1'] = 0.5",
}
"What is done before the framework is asked, by name."
