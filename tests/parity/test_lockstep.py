"""Lockstep names the step and the tensor at which training first goes another way, and calls rounding rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from parity.compare.lockstep import Lockstep, compare
from parity.compare.parting import pattern, suppositions
from parity.compare.reference_network import (
    SGD,
    Adadelta,
    Adam,
    Batch,
    Decaying,
    Network,
    RMSprop,
    Rule,
    State,
    forward,
    glorot_uniform,
    gradients,
    loss,
)

Arrays = tuple[np.ndarray, ...]
RULES: dict[str, Rule] = {
    "sgd": SGD(0.05),
    "momentum": SGD(0.05, 0.9),
    "nesterov": SGD(0.05, 0.9, "nesterov"),
    "adam": Adam(0.01),
    "rmsprop": RMSprop(0.01),
    "adadelta": Adadelta(1.0),
    "decaying": Decaying(SGD(0.05), 0.5),
}
STEPS = 40


def network(output: str = "sigmoid", seed: int = 4) -> Network:
    made = glorot_uniform([9, 8, 8, 1 if output == "sigmoid" else 2], "tanh", output, seed=seed)
    return replace(made, arrays=rounded(made.arrays))


def rounded(arrays: Arrays) -> Arrays:
    return tuple(array.astype(np.float32).astype(np.float64) for array in arrays)


def batches(count: int = STEPS, size: int = 1) -> list[Batch]:
    rng = np.random.default_rng(8)
    x, y = rounded((rng.uniform(size=(30, 9)),))[0], rng.integers(0, 2, 30)
    x[:, 3] = 0
    return [
        (x[[(i * size + k) % 30 for k in range(size)]], y[[(i * size + k) % 30 for k in range(size)]])
        for i in range(count)
    ]


@dataclass
class Fault:
    """What goes another way, from one step on. Each function is given the step, from 1."""

    start: Callable[[Arrays], Arrays] = lambda arrays: arrays
    batch: Callable[[int, Batch], Batch] = lambda step, batch: batch
    activations: Callable[[int, Arrays], Arrays] = lambda step, arrays: arrays
    slopes: Callable[[int, Arrays, Arrays], Arrays] = lambda step, slopes, arrays: slopes
    updates: Callable[[int, Arrays, Arrays], Arrays] = lambda step, updates, arrays: updates
    rule: Callable[[Rule], Rule] = lambda rule: rule


def trained(start: Network, rule: Rule, rows: list[Batch], fault: Fault | None = None) -> list[dict[str, Any]]:
    """A framework of our own, in which every array is rounded to float32 wherever it is kept."""
    fault = fault or Fault()
    current, state, rule = replace(start, arrays=fault.start(start.arrays)), State(), fault.rule(rule)
    trace = [record(current.arrays)]
    for step, each in enumerate(rows, start=1):
        x, y = fault.batch(step, each)
        activations = fault.activations(step, rounded(forward(current, x)))
        slopes = fault.slopes(step, rounded(gradients(current, x, y, activations=activations)), current.arrays)
        updates, state = rule.update(slopes, state)
        state = State(state.steps, {name: rounded(arrays) for name, arrays in state.arrays.items()})
        updates = fault.updates(step, updates, current.arrays)
        told = {"input": x, "target": y, "activations": list(activations), "loss": loss(current, x, y)}
        current = replace(current, arrays=rounded(tuple(a + u for a, u in zip(current.arrays, updates, strict=True))))
        trace.append(record(current.arrays) | told | {"gradients": record(slopes)})
    return trace


def record(arrays: Arrays) -> dict[str, Any]:
    return {"weights": list(arrays[::2]), "biases": list(arrays[1::2])}


def held(fault: Fault | None = None, rule: str = "adam", output: str = "sigmoid", **options: Any) -> Lockstep:
    start, rows = network(output), batches()
    return compare(trained(start, RULES[rule], rows, fault), None, start, RULES[rule], rows, **options)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("rule", RULES)
def test_training_in_float32_follows_the_reference_to_the_last_step(rule: str, output: str):
    found = held(rule=rule, output=output)
    assert found.first is None
    assert found.steps == STEPS
    assert 0 < max(each.excess for each in found.compared) < 1  # there is rounding, and it counts as that


def at(step: int, change: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda now, value, *rest: change(value) if now == step else value


def nth(place: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: tuple(change(a) if k == place else a for k, a in enumerate(arrays))


def one_more(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed.flat[3] *= 1.001
    return changed


FAULTS: dict[str, tuple[Fault, int, str]] = {
    "transposed kernel": (Fault(start=nth(2, lambda a: a.T)), 0, "weights 2"),
    "kernel flipped": (Fault(start=nth(0, lambda a: a[::-1])), 0, "weights 1"),
    "one weight a thousandth larger": (Fault(start=nth(4, one_more)), 0, "weights 3"),
    "biases start at 0.1": (Fault(start=nth(3, lambda a: a + 0.1)), 0, "biases 2"),
    "inputs scaled by n / (n - 1)": (Fault(batch=lambda step, b: (b[0] * 10 / 9, b[1])), 1, "input"),
    "another row at step 7": (Fault(batch=at(7, lambda b: (batches()[11][0], b[1]))), 7, "input"),
    "label flipped at step 5": (Fault(batch=at(5, lambda b: (b[0], 1 - b[1]))), 5, "target"),
    "two columns swapped": (Fault(batch=lambda step, b: (b[0][:, [1, 0, *range(2, 9)]], b[1])), 1, "input"),
    "one unit dropped at step 3": (
        Fault(activations=at(3, nth(1, lambda a: a * (np.arange(8) != 2)))), 3, "activations 2",
    ),
    "float16 in one layer": (
        Fault(activations=lambda step, a: nth(0, lambda h: h.astype(np.float16).astype(float))(a)), 1, "activations 1",
    ),
    "probabilities clipped": (
        Fault(activations=lambda step, a: nth(2, lambda p: np.clip(p, 0.4, 0.6))(a)), 1, "probabilities",
    ),
    "gradient of one layer missing": (
        Fault(slopes=lambda step, g, w: nth(2, np.zeros_like)(g)), 1, "gradient of weights 2",
    ),
    "loss halved in the gradient": (
        Fault(slopes=lambda step, g, w: tuple(a / 2 for a in g)), 1, "gradient of biases 3",
    ),
    "penalty of 0.001": (
        Fault(slopes=lambda step, g, w: tuple(a + 0.001 * b for a, b in zip(g, w, strict=True))),
        1, "gradient of weights 3",
    ),
    "learning rate doubled": (Fault(rule=lambda r: replace(r, learning_rate=0.02)), 1, "update of weights 1"),
    "learning rate a thousandth larger": (
        Fault(rule=lambda r: replace(r, learning_rate=0.01001)), 1, "update of weights 1",
    ),
    "epsilon of 1e-4": (Fault(rule=lambda r: replace(r, epsilon=1e-4)), 1, "update of weights 1"),
    "beta1 of 0.8": (Fault(rule=lambda r: replace(r, beta1=0.8)), 2, "update of weights 1"),
    # Epsilon stands beside the uncorrected root, which beta2 makes larger from the first step on.
    "beta2 of 0.99": (Fault(rule=lambda r: replace(r, beta2=0.99)), 1, "update of weights 1"),
    "decay of the weights": (
        Fault(updates=lambda step, u, w: tuple(a - 0.001 * b for a, b in zip(u, w, strict=True))),
        1, "update of weights 1",
    ),
    "rate of the biases halved": (
        Fault(updates=lambda step, u, w: tuple(a / (1 + k % 2) for k, a in enumerate(u))), 1, "update of biases 1",
    ),
    "an update left out at step 9": (Fault(updates=at(9, lambda u: tuple(a * 0 for a in u))), 9, "update of weights 1"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_parting_is_where_the_fault_was_planted(fault: str):
    planted, step, tensor = FAULTS[fault]
    found = held(planted)
    assert found.first is not None
    assert (found.first.step, found.first.tensor) == (step, tensor)
    assert found.steps == step  # nothing is compared beyond it


def supposed(fault: str, rule: str = "adam") -> list[str]:
    planted, step, _ = FAULTS[fault]
    start, rows = network(), batches()
    first = held(planted, rule).first
    assert first is not None
    return [
        each.what for each in suppositions(first, first.seen[0], start, RULES[rule], rows[: max(step, 1)] + rows[step:])
    ]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("another row at step 7", "it is the row of update 12"),
        ("label flipped at step 5", "the label is the other class"),
        ("float16 in one layer", "every number is one of float16"),
        ("epsilon of 1e-4", "epsilon is 0.0001 and not 1e-07"),
        ("beta1 of 0.8", "beta1 is 0.8 and not 0.9"),
        ("beta2 of 0.99", "beta2 is 0.99 and not 0.999"),
        ("penalty of 0.001", "0.001 times the weights before the step are added"),
        ("decay of the weights", "-0.001 times the weights before the step are added"),
    ],
)
def test_the_change_that_makes_the_same_is_found(fault: str, what: str):
    assert what in supposed(fault)


@pytest.mark.parametrize("fault", ["gradient of one layer missing", "one unit dropped at step 3", "transposed kernel"])
def test_where_no_one_change_makes_the_same_none_is_named(fault: str):
    assert supposed(fault) == []


def test_noise_is_no_penalty_and_signs_are_no_float16():
    rng = np.random.default_rng(3)
    noisy = Fault(slopes=lambda step, g, w: tuple(a * (1 + 1e-4 * rng.normal(size=a.shape)) for a in g))
    signs = Fault(slopes=lambda step, g, w: tuple(np.sign(a) for a in g))
    for fault in (noisy, signs):
        first = held(fault, "sgd").first
        assert first is not None
        assert suppositions(first, first.seen[0], network(), RULES["sgd"], batches()[:1]) == []


def test_bfloat16_is_told_from_float16():
    def shortened(array: np.ndarray) -> np.ndarray:
        bits = array.astype(np.float32).view(np.uint32)
        return (bits >> 16 << 16).view(np.float32).astype(float)

    first = held(Fault(activations=lambda step, a: nth(0, shortened)(a))).first
    assert first is not None
    found = suppositions(first, first.seen[0], network(), RULES["adam"], batches()[:1])
    assert [each.what for each in found] == ["every number is one of bfloat16"]


def test_a_loss_that_is_only_reported_otherwise_hides_no_later_fault():
    start, rows = network(), batches()
    late = Fault(updates=at(9, lambda u: tuple(a * 0 for a in u)))
    trace = trained(start, RULES["adam"], rows, late)
    trace[4]["loss"] *= 2
    first = compare(trace, None, start, RULES["adam"], rows).first
    assert first is not None
    assert (first.step, first.tensor) == (9, "update of weights 1")
    trace = trained(start, RULES["adam"], rows)
    trace[4]["loss"] *= 2
    alone = compare(trace, None, start, RULES["adam"], rows)
    assert alone.first is not None
    assert (alone.first.step, alone.first.tensor, alone.steps) == (4, "loss", STEPS)


def test_the_ratio_of_a_doubled_rate_is_told():
    first = held(FAULTS["learning rate doubled"][0]).first
    assert first is not None
    assert pattern(first.left, first.right, first.tolerance).startswith("is 2 times as large in")


def test_h2os_biases_in_adadelta_are_recognised():
    start, rows = network(), batches()
    trace = trained(start, Adadelta(1.0, biases="average of weights"), rows)
    first = compare(trace, None, start, RULES["adadelta"], rows).first
    assert first is not None
    assert (first.step, first.tensor) == (1, "update of biases 1")
    (found,) = suppositions(first, first.seen[0], start, RULES["adadelta"], rows)
    assert "mean square of the gradients of the weights into its unit" in found.what


def test_two_sides_that_leave_the_reference_together_do_not_part():
    start, rows = network(), batches()
    both = trained(start, replace(RULES["adam"], learning_rate=0.011), rows)  # type: ignore[arg-type, type-var]
    found = compare(both, both, start, RULES["adam"], rows)
    assert found.first is None
    assert found.first_left is not None
    assert found.first_left.tensor == "update of weights 1"
    assert found.first_right is not None


def test_whole_fits_are_compared_at_the_ends_of_epochs():
    start, rows = network(), batches(30)
    trace = trained(start, RULES["adam"], rows)
    found = compare(trace[::10], None, start, RULES["adam"], rows, every=10)
    assert (found.first, found.steps, found.every) == (None, 3, "epoch")
    late = trained(start, RULES["adam"], rows, Fault(updates=at(15, lambda u: tuple(a * 0 for a in u))))
    first = compare(late[::10], None, start, RULES["adam"], rows, every=10).first
    assert first is not None
    assert first.step == 2


def test_a_wrong_shape_and_a_number_that_is_not_finite_are_partings():
    start, rows = network(), batches()
    trace = trained(start, RULES["sgd"], rows)
    trace[4]["weights"] = [trace[4]["weights"][0].T, *trace[4]["weights"][1:]]
    first = compare(trace, None, start, RULES["sgd"], rows).first
    assert first is not None
    assert (first.step, first.tensor) == (4, "weights 1")
    assert pattern(first.left, first.right, first.tolerance).startswith("is its transpose")
    trace = trained(start, RULES["sgd"], rows)
    trace[6]["loss"] = float("nan")
    first = compare(trace, None, start, RULES["sgd"], rows).first
    assert first is not None
    assert (first.step, first.tensor) == (6, "loss")


def test_where_rounding_is_as_large_as_an_update_the_comparison_ends_and_says_so():
    # A huge rate throws the weights about, so that rounding is multiplied at every step.
    start, rule, rows = network(), SGD(3.0), batches(400)
    found = compare(trained(start, rule, rows), None, start, rule, rows)
    assert found.blind
    assert found.first is None
    assert found.steps < 400


def test_what_one_side_does_not_show_is_not_compared():
    start, rows = network(), batches()
    trace = [{name: each[name] for name in ("weights", "biases")} for each in trained(start, RULES["sgd"], rows)]
    found = compare(trace, trained(start, RULES["sgd"], rows), start, RULES["sgd"], rows)
    assert found.first is None
    assert {each.tensor.split(" ")[0] for each in found.compared} == {"weights", "biases", "update"}
