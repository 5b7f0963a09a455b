"""NIST's certified least-squares sets through every solver: how many digits of the true coefficients each one gets."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.errors import RequestError
from parity.linear_fits import Solver
from parity.spec.models import Linear
from parity.study.loose_fits import Request, Watch, fits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parity.engines.sheet import Engine

Plain = dict[str, Any]

FOLDER = Path(__file__).parent / "reference" / "nist_strd"
"NIST's own files; their README.md says where they are from."

MOST_DIGITS = 15
"NIST certifies fifteen significant digits: no agreement beyond them can be told."

INTERCEPT = "B0"
"NIST's name of the intercept."

SEED = 0
"For the solvers that visit rows in random order."

OWN_AGE = "Your H2O cluster version is"
"H2O's R client says how old it is as it connects: that is about no fit."

_SERIAL = re.compile(r"\S*[0-9a-f]{16,}\S*")
"A number that a server gave to one job tells nobody anything."
_RANGE = re.compile(r"(Certified Values|Data)\s*\(lines (\d+) to (\d+)\)")
_CERTIFIED = re.compile(r"^\s*(B\d+)\s+(\S+)\s+\S+\s*$")
_TERM = re.compile(r"^(B\d+)(?:\*\(?x(\d*)(?:\*\*(\d+))?\)?)?$")


@dataclass(frozen=True, slots=True, eq=False)
class StRD:
    """One of NIST's Statistical Reference Datasets for linear least squares.

    A column of x is named by its coefficient, as the file names it: B1 is the coefficient of the column B1.
    """

    name: str
    difficulty: str
    "Lower, Average or Higher, in NIST's words."
    x: NDArray[np.float64]
    "(n, p); powers are taken in float64."
    y: NDArray[np.float64]
    "(n,)"
    features: tuple[str, ...]
    intercept: bool
    certified: dict[str, Decimal]
    "Coefficient -> certified value; B0 is the intercept."
    sha256: str
    "Of the file."


@dataclass(frozen=True, slots=True)
class Term:
    """What a coefficient multiplies: a power of one predictor."""

    coefficient: str
    column: int
    "Number of the predictor in the file, from 0."
    power: int
    "0 is the intercept."


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What one solver made of one set."""

    solver: str
    set: str
    digits: dict[str, float]
    "Coefficient -> correct digits, of those that it returned as numbers."
    smallest: float | None
    "Of all coefficients; None where there is no number for each of them."
    verdict: str
    "One sentence where `smallest` is None."
    kind: str
    "digits, left out, not expressible or failed."
    warned: bool
    "Whether the solver itself said that something is amiss."
    messages: tuple[str, ...] = ()


def sets() -> list[StRD]:
    """The eleven sets, the easier ones first, within a level by name."""
    levels = ("Lower", "Average", "Higher")
    return sorted((read(path) for path in FOLDER.glob("*.dat")), key=lambda s: (levels.index(s.difficulty), s.name))


def read(path: Path) -> StRD:
    """One of NIST's files; a RequestError says what is not as in theirs."""
    content = path.read_bytes()
    lines = content.decode("ascii").splitlines()
    try:
        terms, certified = _model(lines), _certified(lines)
        written = table(lines)
        difficulty = next(line.split()[0] for line in lines if "Level of Difficulty" in line)
        stated = next(int(line.split()[0]) for line in lines if line.rstrip().endswith("Observations"))
    except (KeyError, IndexError, StopIteration, ValueError) as error:
        raise RequestError(f"{path} is not one of NIST's files for linear least squares: {error}") from error
    if [term.coefficient for term in terms] != list(certified):
        raise RequestError(f"{path}: the model has other coefficients than the certified ones")
    if len(written) != stated:
        raise RequestError(f"{path} states {stated} observations and has {len(written)}")
    rows = np.array([[float(value) for value in row] for row in written])
    design = [rows[:, 1 + term.column] ** term.power for term in terms if term.power]
    return StRD(
        name=path.stem,
        difficulty=difficulty,
        x=np.column_stack(design),
        y=rows[:, 0],
        features=tuple(term.coefficient for term in terms if term.power),
        intercept=any(not term.power for term in terms),
        certified=certified,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def table(lines: Sequence[str]) -> list[list[Decimal]]:
    """The rows of a file as they are written, the response first."""
    return [[Decimal(value) for value in line.split()] for line in _part(lines, "Data")]


def _part(lines: Sequence[str], name: str) -> Sequence[str]:
    """The lines that the head of a file gives for its certified values or its data."""
    found = {part: (int(first), int(last)) for part, first, last in _RANGE.findall("\n".join(lines[:12]))}
    first, last = found[name]
    return lines[first - 1 : last]


def _certified(lines: Sequence[str]) -> dict[str, Decimal]:
    matches = (_CERTIFIED.match(line) for line in _part(lines, "Certified Values"))
    return {match[1]: Decimal(match[2]) for match in matches if match}


def _model(lines: Sequence[str]) -> list[Term]:
    """The terms of the model's formula; dots stand for the powers between those that are written."""
    formula = next(line for line in lines if re.match(r"\s*y\s*=", line)).split("=")[1]
    terms: list[Term] = []
    skipped = False
    for text in (part.strip() for part in formula.split("+")):
        if text == "e":  # the error
            continue
        if text == "...":
            skipped = True
            continue
        match = _TERM.match(text)
        if match is None:
            raise ValueError(f"the model has the term '{text}'")
        name, column, power = match[1], match[2], match[3]
        term = Term(name, int(column or 1) - 1, 0 if column is None else int(power or 1))
        if skipped:
            terms += [Term(f"B{k}", term.column, k) for k in range(terms[-1].power + 1, term.power)]
        terms.append(term)
        skipped = False
    return terms


def exact(
    x: Iterable[Sequence[float | Fraction | Decimal]], y: Iterable[float | Fraction | Decimal], intercept: bool
) -> list[Fraction]:
    """Least squares in rational arithmetic, by the normal equations: without rounding they lose nothing.

    x: n rows of p numbers, taken as exactly what they are. Returns the intercept, where there is one, and p
    coefficients. Raises ZeroDivisionError where the columns depend on each other.
    """
    rows = [[*([Fraction(1)] if intercept else []), *(Fraction(value) for value in row)] for row in x]
    response = [Fraction(value) for value in y]
    width = len(rows[0])
    system = [
        [sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(width)]
        + [sum((row[i] * value for row, value in zip(rows, response, strict=True)), Fraction(0))]
        for i in range(width)
    ]
    # A Gram matrix of independent columns has no zero among its pivots, in whichever order.
    for pivot in range(width):
        system[pivot] = [value / system[pivot][pivot] for value in system[pivot]]
        for other in range(width):
            if other != pivot and system[other][pivot]:
                factor = system[other][pivot]
                system[other] = [a - factor * b for a, b in zip(system[other], system[pivot], strict=True)]
    return [row[-1] for row in system]


def correct_digits(found: float | Fraction, certified: Decimal) -> float:
    """Log relative error, -log10(|found - certified| / |certified|), from 0 to 15; absolute where certified is 0.

    As in McCullough (1998), "Assessing the Reliability of Statistical Software: Part I", Am. Stat. 52, 358.

    >>> correct_digits(1.01, Decimal(1))
    2.0
    """
    truth = Fraction(certified)
    error = abs(Fraction(found) - truth) / (abs(truth) or 1)
    if error == 0:
        return float(MOST_DIGITS)
    digits = math.log10(error.denominator) - math.log10(error.numerator)
    return round(min(max(digits, 0.0), float(MOST_DIGITS)), 2)


def best_possible(data: StRD) -> Score:
    """What no rounding at all would give: the data themselves, and their powers, are rounded to float64 before.

    Where a decimal of the file has no float64, an exact solution of what the solvers are given is not the certified
    one.
    """
    solution = exact(data.x.tolist(), data.y.tolist(), data.intercept)
    digits = {
        name: correct_digits(value, data.certified[name]) for name, value in zip(data.certified, solution, strict=True)
    }
    return Score("exact arithmetic", data.name, digits, min(digits.values()), "", "digits", False)


def solvers_of(engines: Iterable[Engine]) -> list[Solver]:
    """Each engine as it solves by itself, then with each of its algorithms."""
    return [Solver(engine, name) for engine in engines for name in ("", *engine.solvers)]


def scores(
    solvers: Sequence[Solver],
    data: Sequence[StRD],
    *,
    jobs: int = 1,
    watch: Watch = lambda request, done, wanted: None,
) -> list[Score]:
    """Every solver on every set, in that order."""
    pairs = [(solver, each) for solver in solvers for each in data]
    answers = fits([request(solver, each) for solver, each in pairs], jobs=jobs, watch=watch)
    return [score(solver.name, each, answer) for (solver, each), answer in zip(pairs, answers, strict=True)]


def request(solver: Solver, data: StRD) -> Request:
    """The fit of one set: squares without a penalty, and the first row to predict, as something has to be."""
    features = list(data.features)
    return Request(
        solver.engine.id,
        Linear(loss="squares", intercept="free" if data.intercept else "none"),
        {"x": data.x, "y": data.y, "features": features},
        {"x": data.x[:1], "features": features},
        {"seed": SEED, "selected": features, "overrides": solver.overrides},
    )


def score(solver: str, data: StRD, answer: Plain | str) -> Score:
    """What an answer of `loose_fits.fits` is worth."""
    if isinstance(answer, str):
        return Score(solver, data.name, {}, None, _SERIAL.sub("…", answer), "failed", True)
    if answer["not_expressible"]:
        gap = answer["not_expressible"][0]
        return Score(solver, data.name, {}, None, str(gap["reason"]), "not expressible", True)
    told = answer.get("messages") or []
    # A single message comes out of R as a bare string.
    messages = tuple(text for text in ([told] if isinstance(told, str) else told) if OWN_AGE not in text)
    warned = bool(messages) or answer.get("converged") is False
    found = dict(answer["parameters"]["coefficients"])
    if data.intercept:
        found[INTERCEPT] = found["(intercept)"]
    # Infinity arrives as text; a Python engine's NaN as None, as R's NA does.
    values = {name: float(found[name]) for name in data.certified if found.get(name) is not None}
    digits = {name: correct_digits(v, data.certified[name]) for name, v in values.items() if math.isfinite(v)}
    absent = [name for name in data.certified if name not in values]
    infinite = [name for name, value in values.items() if not math.isfinite(value)]
    if absent:
        verdict = f"leaves {', '.join(absent)} out (rank tolerance)"
        return Score(solver, data.name, digits, None, verdict, "left out", True, messages)
    if infinite:
        verdict = f"returned no finite number for {', '.join(infinite)}"
        return Score(solver, data.name, digits, None, verdict, "failed", True, messages)
    return Score(solver, data.name, digits, min(digits.values()), "", "digits", warned, messages)
