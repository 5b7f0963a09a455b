"""The parts of a recipe in Python around an engine's own code; recipe_r.py has the same functions for R."""

from __future__ import annotations

from collections.abc import Sequence

from parity.explain.recipe_text import listed, quoted

Lines = list[str]

SUFFIX = ".py"
INDENT = "    "
FENCES = ("[", "]")
"Around the elements of a list."

BOTH = "x_train, x_test ="


def imports(named: bool, backend: str | None, server: bool) -> Lines:
    """named: whether columns are told by name; backend: Keras'; server: whether H2O's is started."""
    chosen = [f'os.environ["KERAS_BACKEND"] = "{backend}"  # before Keras is imported'] if backend else []
    return [
        *(["import csv"] if named else []),
        *(["import os"] if chosen or server else []),
        *([""] if named or chosen or server else []),
        *(["import h2o"] if server else []),
        "import numpy as np",
        "",
        *chosen,
    ]


def rows(named: bool) -> Lines:
    """The rows of the draw and those that are scored on, from the current folder."""
    names = ['with open("x_train.csv", newline="") as file:', "    columns = next(csv.reader(file))"]
    return [
        *(names if named else []),
        'x_train = np.loadtxt("x_train.csv", delimiter=",", skiprows=1, ndmin=2)',
        'x_test = np.loadtxt("x_test.csv", delimiter=",", skiprows=1, ndmin=2)',
        'y_train = np.loadtxt("y_train.csv", dtype=int, skiprows=1, ndmin=1)',
        'y_test = np.loadtxt("y_test.csv", dtype=int, skiprows=1, ndmin=1)',
    ]


def initial_weights(end: str, layers: int) -> Lines:
    """(in, out) and (out,) arrays, of each layer one file."""
    each = f"for i in range(1, {layers + 1})"
    return [
        "initial_weights = {",
        f'    "weights": [np.loadtxt(f"{end}_weights_{{i}}.csv", delimiter=",", ndmin=2) {each}],',
        f'    "biases": [np.loadtxt(f"{end}_biases_{{i}}.csv", ndmin=1) {each}],',
        "}",
    ]


def row_order(end: str) -> Lines:
    """Zero-based places, of each epoch one line."""
    return [f'row_order = [[int(place) for place in line.split(",")] for line in open("{end}_row_order.csv")]']


def flipped(places: Sequence[int]) -> Lines:
    """These rows have the other label."""
    return [*listed("places = ", places, FENCES, INDENT), "y_train[places] = 1 - y_train[places]"]


def masked(end: str) -> Lines:
    """Training inputs multiplied number by number."""
    return [f'x_train = x_train * np.loadtxt("{end}_mask.csv", delimiter=",", ndmin=2)']


def blanked(names: Sequence[str]) -> Lines:
    """Columns that are 0."""
    return [
        *listed("blank = ", map(quoted, names), FENCES, INDENT),
        "places = [columns.index(name) for name in blank]",
        "x_train[:, places] = x_test[:, places] = 0",
    ]


def given_rows(places: Sequence[int]) -> Lines:
    """These rows in this order."""
    return [*listed("rows = ", places, FENCES, INDENT), "x_train, y_train = x_train[rows], y_train[rows]"]


def varying_columns(named: bool) -> Lines:
    """Those columns that are not one value in all training rows."""
    names = ["columns = [name for name, varies in zip(columns, kept) if varies]"]
    return [
        "kept = (x_train != x_train[0]).any(axis=0)",
        f"{BOTH} x_train[:, kept], x_test[:, kept]",
        *(names if named else []),
    ]


def columns_but(names: Sequence[str]) -> Lines:
    """All columns but these, as they stand."""
    return [
        *listed("left_out = ", map(quoted, names), FENCES, INDENT),
        *columns_of("[name for name in columns if name not in left_out]"),
    ]


def columns_of(names: Sequence[str] | str) -> Lines:
    """These columns in this order, or those that code gives."""
    chosen = (
        [f"chosen = {names}"] if isinstance(names, str) else listed("chosen = ", map(quoted, names), FENCES, INDENT)
    )
    return [
        *chosen,
        "kept = [columns.index(name) for name in chosen]",
        f"{BOTH} x_train[:, kept], x_test[:, kept]",
        "columns = chosen",
    ]


def transformed(kind: str) -> Lines:
    """Something else of every input."""
    told = {
        "square-root": "np.sqrt({x})",
        "logarithm": "np.log1p({x})",
        "square": "{x} ** 2",
        "above-0": "({x} > 0).astype(float)",
        "above-127": "({x} > 127).astype(float)",
    }
    return [f"{BOTH} {', '.join(told[kind].format(x=x) for x in ('x_train', 'x_test'))}"]


def multiplied(factor: float) -> Lines:
    """All inputs by one number."""
    return [f"{BOTH} x_train * {factor!r}, x_test * {factor!r}"]


def rounded(kind: str) -> Lines:
    """Inputs in a shorter format."""
    return [f"{BOTH} [x.astype(np.{kind}).astype(float) for x in (x_train, x_test)]"]


def scaled(kind: str) -> Lines:
    """Both sets of rows, by what the training rows tell."""
    if kind == "divide-by-255":
        return [f"{BOTH} x_train / 255, x_test / 255"]
    if kind == "centre":
        return ["mean = x_train.mean(axis=0)", f"{BOTH} x_train - mean, x_test - mean"]
    told = {
        "standardize": "x_train.mean(axis=0), x_train.std(axis=0)",
        "standardize-n-1": "x_train.mean(axis=0), x_train.std(axis=0, ddof=1)",
        "unit-range": "x_train.min(axis=0), np.ptp(x_train, axis=0)",
    }
    return [
        f"least, spread = {told[kind]}",
        "spread[spread == 0] = 1  # a constant column keeps its scale",
        f"{BOTH} (x_train - least) / spread, (x_test - least) / spread",
    ]


def scaled_by_itself(kind: str) -> Lines:
    """Each set of rows by what it tells itself."""
    if kind == "centre":
        return [f"{BOTH} [x - x.mean(axis=0) for x in (x_train, x_test)]"]
    told = {
        "standardize": "x.mean(axis=0), x.std(axis=0)",
        "standardize-n-1": "x.mean(axis=0), x.std(axis=0, ddof=1)",
        "unit-range": "x.min(axis=0), np.ptp(x, axis=0)",
    }
    return [
        "def by_itself(x):",
        f"{INDENT}least, spread = {told[kind]}",
        f"{INDENT}spread[spread == 0] = 1  # a constant column keeps its scale",
        f"{INDENT}return (x - least) / spread",
        "",
        "",
        f"{BOTH} by_itself(x_train), by_itself(x_test)",
    ]


def alone(sets: str, lines: Lines) -> Lines:
    """What is done to the training or the test rows alone leaves the others as they were."""
    other = {"train": "x_test", "test": "x_train"}[sets]
    return [f"as_it_was = {other}", *lines, f"{other} = as_it_was"]


def rescaled(factors: Sequence[tuple[str, float]]) -> Lines:
    """Columns by name, each with what it is multiplied by."""
    return [
        *listed("factors = ", [f"{quoted(name)}: {times!r}" for name, times in factors], ("{", "}"), INDENT),
        "times = np.array([factors.get(name, 1) for name in columns])",
        f"{BOTH} x_train * times, x_test * times",
    ]


def given_as(kind: str) -> Lines:
    """Inputs in a shorter type."""
    return [f"{BOTH} x_train.astype(np.{kind}), x_test.astype(np.{kind})"]


def selected(names: Sequence[str]) -> Lines:
    """The columns that a model is to have in place of a screen's: the engine's own code starts from these alone."""
    return columns_of(names)


def server_started() -> Lines:
    """A server of H2O's that nothing beyond this machine reaches, and that is no other session's."""
    return [
        'h2o.init(ip="127.0.0.1", bind_to_localhost=True, name=f"recipe-{os.getpid()}", verbose=False)',
        "h2o.no_progress()",
    ]


def server_ended() -> Lines:
    """Its end."""
    return ["h2o.cluster().shutdown()"]


def with_training_rows() -> Lines:
    """The training rows behind those that are predicted."""
    return ["n_test = len(x_test)", "x_test = np.concatenate([x_test, x_train])"]


def cut_at(threshold: float) -> Lines:
    """Labels by a cut."""
    return [f"label = (np.asarray(probability) > {threshold!r}).astype(int)"]


def cut_where_f1_is_largest() -> Lines:
    """Labels by the cut of the training rows; they stand last, and of several cuts the highest counts."""
    return [
        "on_train, probability = np.asarray(probability)[n_test:], np.asarray(probability)[:n_test]",
        "cuts, ones = np.unique(on_train)[::-1], y_train == 1",
        "f1 = [2 * (ones & (on_train >= cut)).sum() / ((on_train >= cut).sum() + ones.sum()) for cut in cuts]",
        "label = (probability >= cuts[np.argmax(f1)]).astype(int)",
    ]


def accuracy() -> Lines:
    """The share of right labels, on the last line that is printed."""
    return ["accuracy = np.mean(np.asarray(label) == y_test)", 'print(f"{accuracy:.6f}")']
