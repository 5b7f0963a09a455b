"""Whether the compiled loop is Keras: it has to end where `model.fit` ends, from the same seed on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from parity.engines.contract import Plain, beside, option

starts, loop = beside(__file__, "keras_fast_start"), beside(__file__, "keras_fast_loop")
# One copy: it has to know the arguments that it made.
nets, native = starts.nets, starts.nets.native

CHECK_UPDATES = 40
"Updates of the check at least: each weight has then been through its rule, and each mask been drawn, dozens of times."

ROUNDINGS = 32.0
"As in parity.compare.perturbation: an update rounds each number some dozens of times, a perturbation once."


class Check(NamedTuple):
    """How far the loop and `model.fit` part."""

    updates: int
    gap: float
    "Largest difference of a weight."
    within: bool
    "Whether every array lies within what rounding moves it by."

    @property
    def words(self) -> str:
        """What is said of it in an answer and in a message."""
        return f"model.fit over {self.updates} updates (largest gap {self.gap:.2g})"


CHECKS: dict[tuple[Any, ...], Check] = {}
"By specification, overrides and the shapes that a loop is compiled for, for as long as the process lives."


def checked(
    fit: Callable[[Plain, Plain, Plain, Plain], Plain], key: str, spec: Plain, train: Plain, test: Plain, options: Plain
) -> Check:
    """The check of a compiled loop, made once in a process: as many epochs as CHECK_UPDATES need, by both.

    What an array may be off by is ROUNDINGS times what one unit in the last place of every input and first weight moves
    it by in the loop itself, and at least as much as one unit in its own last place.
    """
    import numpy as np

    options = {**options, "seed": nets.seed_of(options) or 0, "weights": True}
    arguments = nets.arguments_mlp(spec, options)
    x, x_test = native.scaled(spec, train["x"], test["x"])
    shape = loop.shape_of(key, starts.batch_size(arguments), x, spec["epochs"])
    made = (key, *shape, bool(option(options, "history")))
    if made in CHECKS:
        return CHECKS[made]
    steps = -(-len(train["y"]) // starts.batch_size(arguments))
    short = {**spec, "epochs": min(spec["epochs"], -(-CHECK_UPDATES // steps))}
    few = {"x": test["x"][:1], "features": test["features"], "rows": test["rows"][:1]}
    found = fit(short, train, few, options)["parameters"]
    theirs = [array for pair in zip(found["weights"], found["biases"], strict=True) for array in pair]
    # Not looked at here, but with it the loop is the one that the fits run.
    every = option(options, "history")
    watched = x_test[::every] if every else None
    start = starts.started(arguments, x, train["y"], options["seed"], option(options, "initial_weights"))
    unit, rng = np.finfo(start.weights[0].dtype).eps, np.random.default_rng(0)

    def trained(move: Callable[[Any], Any]) -> list[Any]:
        begun = start._replace(weights=[move(array) for array in start.weights])
        batch, inputs = starts.batch_size(arguments), move(x.astype(start.weights[0].dtype))
        arrays: list[Any] = loop.trained(key, batch, begun, inputs, train["y"], short["epochs"], watched)[0]
        return arrays

    def moved(array: Any) -> Any:
        return array * (1 + unit * rng.choice([-1, 1], size=array.shape)).astype(array.dtype)

    ours, others = trained(lambda array: array), trained(moved)
    gaps = [np.abs(a - b).max() for a, b in zip(theirs, ours, strict=True)]
    allowed = [ROUNDINGS * max(np.abs(a - b).max(), unit * np.abs(a).max()) for a, b in zip(ours, others, strict=True)]
    # A gap that is no number is not within anything.
    within = all(bool(gap <= most) for gap, most in zip(gaps, allowed, strict=True))
    CHECKS[made] = Check(steps * short["epochs"], float(max(gaps)), within)
    return CHECKS[made]
