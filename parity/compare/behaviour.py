"""Behaviour that has no parameter, measured: how weights start, when training ends, where labels are cut."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.compare.probes import alike, same
from parity.compare.tolerance import ROUNDING
from parity.probe_data import FORMS, TRAIN, tested
from parity.spec.intervention import cut_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.compare.probes import Probe
    from parity.study.cells import Cell
    from parity.study.explore import Search
    from parity.study.store import Result

Plain = dict[str, Any]

BEHAVIOURS = {
    "initial weights": "Where training starts decides where a network that is not trained to the end stops.",
    "output layer": "Two softmax units have twice the weights of one logistic unit, and take other steps.",
    "initial biases": "Biases that do not start at zero move each unit's threshold.",
    "end of training": "A network that stops earlier has done fewer updates than it was asked for.",
    "updates": "More updates at the same rate take a network further from where it started.",
    "label cut": "Another cut gives other labels to the same probabilities.",
    "columns used": "A column that is left out has no weight and no say.",
    "rows used": "A row that is left out does not pull on the fit.",
    "missing value": "A row or a column can vanish, be filled in, or stop the fit.",
    "order of rows": "A fit that depends on the order of its rows differs between two orders of the same data.",
    "units of columns": "A fit that depends on the columns' units differs between grams and kilograms.",
    "precision": "float32 carries 7 digits, float64 carries 16; long training amplifies the difference.",
    "repeats": "Where two identical runs differ, a difference from another framework may be chance.",
}
"Behaviour -> what a difference in it means. In the order in which differences are likely to matter."

SAME_SHAPE = 0.001
"p-value of the Kolmogorov-Smirnov test below which a distribution is ruled out: a false alarm in a thousand layers."

FEW_WEIGHTS = 20
"Fewer weights than this have no distribution that could be told."


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One behaviour of one engine under one method. value: in words, the same words for every engine."""

    name: str
    value: str
    evidence: str
    "How it was measured, with the numbers."
    facts: tuple[tuple[str, Any], ...] = ()
    "The numbers themselves, by name."


@dataclass(frozen=True, slots=True)
class Look:
    """The fits that behaviours are read from, of one engine and method. None: the engine has no such fit."""

    shipped: tuple[Result, Result]
    forms: dict[str, Result]
    "Form of the training rows -> a repeatable fit to it."
    untrained: Result | None


FitForm = Callable[[str, Plain], "Cell"]
"The cell of this engine and method on a form of the training rows under these observed options."


def look(fit: FitForm, *, network: bool) -> Search[Look]:
    """Ask for the fits that behaviours are read from."""
    shipped = [fit("as-is", {"repeat": 0}), fit("as-is", {"repeat": 1})]
    forms = {form: fit(form, {"repeatable": True, "repeat": 0}) for form in FORMS}
    untrained = [fit("as-is", {"repeatable": True, "untrained": True, "repeat": 0})] if network else []
    results = yield [*shipped, *forms.values(), *untrained]
    return Look(
        (results[shipped[0].key], results[shipped[1].key]),
        {form: results[cell.key] for form, cell in forms.items()},
        results[untrained[0].key] if untrained else None,
    )


def behaviours(seen: Look, asked_epochs: int | None, features: int) -> list[Behaviour]:
    """Everything that these fits tell. asked_epochs: of a network; features: columns that were offered."""
    fitted = seen.shipped[0]
    if fitted.status != "done":
        return []
    found: list[Behaviour] = []
    if seen.untrained is not None and seen.untrained.status == "done":
        found += _initial(seen.untrained)
    if asked_epochs is not None:
        found += _training(fitted, asked_epochs)
    found.append(_cut(fitted))
    found.append(_columns(fitted, features))
    found += _forms(seen)
    found.append(_precision(fitted))
    found.append(_repeats(seen))
    return sorted(found, key=lambda b: list(BEHAVIOURS).index(b.name))


def with_cause(found: list[Behaviour], probes: Sequence[Probe], asked_epochs: int | None) -> list[Behaviour]:
    """Behaviours with what ended training early, where a probe has shown which change lets it go on to the end."""
    if asked_epochs is None:
        return found
    longer = [
        f"{p.name} = {trial.value}"
        for p in probes
        for trial in p.trials
        if trial.effect and not alike(p.in_force, asked_epochs) and (trial.effect.iterations[1] or 0) >= asked_epochs
    ]
    return [
        dataclasses.replace(b, evidence=f"{b.evidence}; every epoch is run with {' or with '.join(longer)}")
        if b.name == "end of training" and b.value.startswith("ended early") and longer
        else b
        for b in found
    ]


def _initial(untrained: Result) -> Iterator[Behaviour]:
    layers = [untrained.arrays[f"weights_{i}"] for i in range(_count(untrained, "weights"))]
    biases = [untrained.arrays[f"biases_{i}"] for i in range(_count(untrained, "biases"))]
    measured = [initial_scale(w) for w in layers]
    if not measured:
        return
    hidden, output = measured[:-1], measured[-1]
    words = [_layer_words("hidden layers", hidden)] if hidden else []
    words.append(_layer_words("output", [output]))
    yield Behaviour(
        "initial weights",
        "; ".join(words),
        "the weights of the untrained network, by layer: "
        + ", ".join(f"{m['distribution']} {m['glorot']:.2f} Glorot = {m['he']:.2f} He" for m in measured),
        (("layers", measured),),
    )
    units = output["outputs"]
    yield Behaviour("output layer", f"{units} unit{'s' * (units != 1)}", f"the last weights end in {units}")
    spread = max((float(np.abs(b).max()) for b in biases if b.size), default=0.0)
    every = np.concatenate([np.ravel(b) for b in biases]) if biases else np.zeros(0)
    value = "no biases" if not every.size else _bias_words(biases)
    yield Behaviour(
        "initial biases",
        value,
        f"{every.size} biases of the untrained network, largest {spread:.3g}",
        (("largest", spread),),
    )


def _bias_words(biases: list[NDArray[Any]]) -> str:
    def word(values: NDArray[Any]) -> str:
        spread = values.size == 1 and values.flat[0] not in (0, 1) or np.any(values != values.flat[0])
        return "drawn at random" if spread else f"all {values.flat[0]:g}"

    hidden, output = {word(b) for b in biases[:-1]}, word(biases[-1])
    if hidden <= {output}:
        return output
    return f"hidden layers {' and '.join(sorted(hidden))}; output {output}"


def initial_scale(weights: NDArray[Any]) -> Plain:
    """Distribution and scale of one layer's initial weights, (in, out).

    glorot, he: the half-width of the interval as a multiple of sqrt(6 / (in + out)) and of sqrt(6 / in); for a normal
    distribution the standard deviation as a multiple of the same bounds' uniform one, bound / sqrt(3).
    Glorot and Bengio, AISTATS 2010, eq. 16; He et al., ICCV 2015, eq. 10 (uniform, of that variance).
    """
    from scipy import stats

    values = np.ravel(np.asarray(weights, dtype=np.float64))
    inputs, outputs = weights.shape
    sd, largest = float(values.std()), float(np.abs(values).max())
    bounds = {"glorot": np.sqrt(6 / (inputs + outputs)), "he": np.sqrt(6 / inputs)}
    width = largest * (1 + 1 / len(values))  # the expected largest of N draws within a bound lies 1/N inside it
    shapes = {
        "uniform": stats.uniform(-width, 2 * width),
        "normal": stats.norm(0, sd or 1),
        "truncated normal": stats.truncnorm(-2, 2, scale=(sd or 1) / stats.truncnorm(-2, 2).std()),
    }
    fits = {name: float(stats.kstest(values, shape.cdf).pvalue) for name, shape in shapes.items()}
    best = max(fits, key=lambda name: fits[name])
    name = best if fits[best] >= SAME_SHAPE and sd > 0 else "constant" if sd == 0 else "another shape"
    if len(values) < FEW_WEIGHTS:
        name = "too few to tell"
    half_width = width if name == "uniform" else sd * np.sqrt(3)
    return {
        "distribution": name,
        "inputs": inputs,
        "outputs": outputs,
        "sd": sd,
        "largest": largest,
        **{bound: float(half_width / value) for bound, value in bounds.items()},
    }


def _layer_words(where: str, layers: list[Plain]) -> str:
    names = dict.fromkeys(layer["distribution"] for layer in layers)
    scale = float(np.median([layer["glorot"] for layer in layers]))
    # A tenth tells 1 from 4 and leaves out what a few hundred draws blur.
    return f"{where} {'/'.join(names)}, {scale:.1f} × Glorot's"


def _training(fitted: Result, asked: int) -> Iterator[Behaviour]:
    done, updates = fitted.facts.get("iterations"), fitted.facts.get("updates")
    if done is not None:
        whole = done >= asked - 0.5
        value = "every epoch that was asked for" if whole else f"ended early, after {done:.3g} of {asked} epochs"
        yield Behaviour("end of training", value, f"{done:g} epochs done of {asked}", (("epochs", done),))
    if updates is not None:
        per_epoch = updates / done if done else float("nan")
        yield Behaviour(
            "updates",
            f"{updates:g} ({per_epoch:.3g} an epoch of {TRAIN} rows)",
            f"{updates:g} updates counted by the framework in {done:g} epochs" if done else f"{updates:g} updates",
            (("updates", updates),),
        )


def _cut(fitted: Result) -> Behaviour:
    """Between which probabilities the label changes."""
    probability, label = fitted.arrays["probability"], fitted.arrays["label"]
    low, high = cut_between(probability, label)
    if math.isinf(low) or math.isinf(high):
        return Behaviour("label cut", "one label for every row", f"every test row is labelled {int(label[0])}")
    evidence = f"largest predicted value labelled 0: {low:.6g}; smallest labelled 1: {high:.6g}"
    if low > high:
        return Behaviour("label cut", "no single cut", evidence, (("low", low), ("high", high)))
    at_half = low <= 0.5 <= high
    value = "consistent with 0.5" if at_half else "above 0.5" if low > 0.5 else "below 0.5"
    return Behaviour("label cut", value, evidence, (("low", low), ("high", high)))


def _columns(fitted: Result, features: int) -> Behaviour:
    parameters = fitted.facts.get("parameters") or {}
    if "coefficients" in parameters:
        offered = {k: v for k, v in parameters["coefficients"].items() if k != "(intercept)"}
        used = sum(v is not None for v in offered.values())
        value = "all" if used == len(offered) else f"{used} of {len(offered)}"
        return Behaviour("columns used", value, f"{used} of {len(offered)} screened columns have a coefficient")
    shape = parameters.get("shapes", {}).get("weights_0")
    if shape is None:
        return Behaviour("columns used", "not told", "the engine returned no weights")
    value = "all" if shape[0] == features else f"{shape[0]} of {features}: constant columns are left out"
    return Behaviour("columns used", value, f"the first layer has {shape[0]} inputs for {features} columns")


def _forms(seen: Look) -> Iterator[Behaviour]:
    base = seen.forms["as-is"]
    if base.status != "done":
        return

    def gap(form: str, reference: Result = base) -> float:
        fitted = seen.forms[form]
        before = reference.arrays["probability"][tested("as-is")]
        return float(np.max(np.abs(fitted.arrays["probability"][tested(form)] - before)))

    def done(form: str) -> bool:
        return seen.forms[form].status == "done"

    if done("reversed"):
        yield _dependence("order of rows", gap("reversed"), "the rows in the opposite order")
    if done("other-units"):
        yield _dependence("units of columns", gap("other-units"), "each column times a power of two, in both sets")
    if done("without-first"):
        moved = gap("without-first")
        value = "the row left out counted" if moved > 0 else "the row left out did not count"
        yield Behaviour("rows used", value, f"without the first row predictions move by up to {moved:.3g}")
    missing = seen.forms["missing"]
    if missing.status == "raised":
        yield Behaviour("missing value", "the fit is refused", _line(missing.reason))
    elif missing.status == "done" and np.isnan(missing.arrays["probability"]).all():
        yield Behaviour("missing value", "every prediction becomes missing", "no prediction is a number")
    elif missing.status == "done" and _columns_of(missing) != _columns_of(base):
        lost = ", ".join(sorted(_columns_of(base) - _columns_of(missing)))
        yield Behaviour("missing value", "its column is screened out", f"{lost} is no longer among the columns")
    elif missing.status == "done":
        dropped = done("without-first") and gap("missing", seen.forms["without-first"]) < ROUNDING.value
        ignored = gap("missing") < ROUNDING.value
        value = (
            "its row is dropped"
            if dropped
            else "the fit is the same"
            if ignored
            else "the row is used, with something in the gap"
        )
        yield Behaviour(
            "missing value", value, f"with one value missing predictions move by up to {gap('missing'):.3g}"
        )


def _columns_of(fitted: Result) -> set[str]:
    """The columns of a linear model; none of a network, which has all."""
    return set((fitted.facts.get("parameters") or {}).get("coefficients", {}))


def _dependence(name: str, moved: float, change: str) -> Behaviour:
    value = "no effect" if moved < ROUNDING.value else "changes the fit"
    return Behaviour(name, value, f"{change}: predictions move by up to {moved:.3g}", (("moved", moved),))


def _precision(fitted: Result) -> Behaviour:
    """float32 where every parameter of a kind is a float32 number: of doubles hardly one is."""
    single: dict[str, bool] = (fitted.facts.get("parameters") or {}).get("float32", {})
    if not single:
        return Behaviour("precision", "not told", "the engine returned no parameters")
    kinds = {name.rpartition("_")[0] or name for name in single}
    words = {
        kind: "float32" if all(v for name, v in single.items() if name.startswith(kind)) else "float64"
        for kind in sorted(kinds, reverse=True)
    }
    value = "; ".join(f"{kind} {word}" for kind, word in words.items())
    if len(set(words.values())) == 1:
        (value,) = set(words.values())
    return Behaviour("precision", value, f"arrays of float32 numbers: {sum(single.values())} of {len(single)}")


def _repeats(seen: Look) -> Behaviour:
    first, second = seen.shipped
    if second.status != "done":
        return Behaviour("repeats", "the second run failed", _line(second.reason))
    if same(first, second):
        return Behaviour("repeats", "bit for bit", "two identical runs agree in predictions, labels and parameters")
    moved = float(np.max(np.abs(first.arrays["probability"] - second.arrays["probability"])))
    return Behaviour("repeats", "two identical runs differ", f"same seed, predictions differ by up to {moved:.3g}")


def _line(text: str) -> str:
    return text.splitlines()[0][:200]


def _count(result: Result, kind: str) -> int:
    return sum(name.startswith(f"{kind}_") for name in result.arrays)
