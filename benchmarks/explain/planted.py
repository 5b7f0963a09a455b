"""Engines with hidden changes, explained blind: does `parity explain` name what was planted, and nothing else?

    python benchmarks/explain/planted.py [--seed S] [--count N] [--only ID]... [--draws D] [--budget SECONDS]
                                         [--done FILE.jsonl] [--json FILE]
    python benchmarks/explain/planted.py --null [the same options]

A plant is a copy of a shipped engine with one to three changes inside its `fit` (tests/parity/plants.py); the seed
chooses them, and the explainer is given the two engines and nothing else. Which of the changes are live is measured
here, by fitting each plant with and without it. --null explains pairs between which nothing differs. Every explanation
starts from an empty store. One finished line a pair goes to --done; a run that finds some there goes on after them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # tests/ lies beside benchmarks/ and is not installed

from parity.data import Source, load
from parity.engines.own_engine import VARIABLE
from parity.engines.sheet import Engine, engine
from parity.errors import NothingCompared
from parity.explain.bench import Bench, draw_of
from parity.explain.closeness import EXACT
from parity.explain.treatment import ENDS, Case, Side
from parity.run import able
from parity.spec.models import Mode
from parity.spec.protocol import Protocol, make_draws
from parity.spec.study import METHODS, Study
from parity.study.executor import Executor
from parity.study.store import Store
from tests.parity.conftest import fitting
from tests.parity.plant_kinds import SIZES, SLOTS
from tests.parity.plants import Plant, plants, write

Plain = dict[str, Any]
T = TypeVar("T")

DRAWS = 10
"Draws that an explanation is sought on; as many again verify it. More would tell smaller effects, and take longer."

PLANTS, NULLS = 30, 40

GOALS = {"equal": 26 / PLANTS, "contained": 29 / PLANTS}
"Shares of the plants whose smallest set is to equal, and to contain, the live changes."

NULL_GOAL = 2 / NULLS
"Share of the pairs without a difference for which a cause may be named."

ALIGNED = (
    ("r-stats", "py-statsmodels", "leekasso-lm", (40, 80)),
    ("r-stats", "py-sklearn", "leekasso-lm", (40, 80)),
    ("py-sklearn", "py-statsmodels", "leekasso-lm", (40, 80)),
    ("r-keras3", "py-keras-tensorflow", "mlp-leek", (10, 40)),
)
"""Pairs that are equal in aligned mode, and the sizes at which they are. Of least squares those of full rank. Two
networks are equal where they draw one start: R's Keras is Python's."""

SYNONYMS: dict[str, dict[str, str]] = {
    "columns": {"screened columns": "what is left out of a Leekasso is one of its screened columns"},
    "end of training": {"epochs": "fewer epochs are an earlier end"},
    "iterations": {"end of training": "a solver that stops after two iterations ends early"},
    "learning_rate": {"optimizer": "the rate is one of the optimizer's constants, which are switched together"},
    "precision": {"digits of coefficients": "float16 weights of a linear model are its coefficients"},
    "order of rows": {"shuffle": "what of the order a framework has an argument for"},
}
"Planted change -> other names for the same thing, and why they are."


@dataclass(frozen=True, slots=True)
class Pair:
    """Two engines to explain, and what was planted in the second."""

    id: str
    engines: tuple[str, str]
    method: str
    n: int
    mode: Mode = "shipped"
    plant: Plant | None = None

    @property
    def told(self) -> Plain:
        """What tells whether a finished line is of this pair."""
        changes = [] if self.plant is None else [[change.kind, change.value] for change in self.plant.changes]
        left, right = self.engines
        return {
            "id": self.id, "left": left, "right": right if self.plant is None else self.id, "method": self.method,
            "n": self.n, "mode": self.mode, "changes": changes,
        }  # fmt: skip


def study_of(mode: Mode) -> Study:
    """The zeros and ones, by the methods of 2017."""
    drawn = Protocol(sizes=SIZES, draws=DRAWS)
    return Study(name="planted", data=Source("mnist01"), protocol=drawn, methods=dict(METHODS), mode=mode)


def planted_pairs(seed: int, count: int, folder: Path) -> Iterator[Pair]:
    """A shipped engine and its plant, of each plant."""
    for plant in plants(seed, count):
        path = write(plant, folder)
        yield Pair(plant.id, (plant.engine, str(path)), plant.method, plant.n, plant=plant)


def null_pairs(count: int, folder: Path) -> Iterator[Pair]:
    """Pairs between which nothing differs: half are engines and their unchanged copies, half are aligned ones."""
    aligned = [(pair, n) for *pair, sizes in ALIGNED for n in sizes]
    for number in range(count):
        if number % 2 == 0:
            slot, n = _turn(SLOTS, number // 2), _turn(SIZES, number // 2)
            plant = Plant(f"copy-{number + 1:02}", slot.engine, slot.method, n, ())
            yield Pair(plant.id, (slot.engine, str(write(plant, folder))), slot.method, n, plant=plant)
        else:
            (left, right, method), n = _turn(aligned, number // 2)
            # The same pair again has other draws.
            yield Pair(f"pair-{number + 1:02}", (left, right), method, n + number // 2 // len(aligned), "aligned")


def _turn(options: Sequence[T], number: int) -> T:
    return options[number % len(options)]


def live_changes(pair: Pair, draws: int, folder: Path) -> list[bool]:
    """Of each change of a plant, whether it moves a prediction beyond rounding on the draws, the others being there."""
    assert pair.plant is not None
    # All are named before the first worker starts: it inherits the table of what it is to load.
    right = engine(pair.engines[1])
    twins = [engine(str(write(pair.plant.without(i), folder))) for i in range(len(pair.plant.changes))]
    running, idle = able([right, *twins])
    if idle:
        raise NothingCompared(f"{idle[0]['engine']} does not run here: {idle[0]['reason']}")
    study = study_of(pair.mode)
    data = load(study.data)
    drawn = make_draws(dataclasses.replace(study.protocol, sizes=(pair.n,), draws=draws), data)
    spec = study.specification(pair.method, pair.n)
    with (
        Store(folder / f"{pair.id}-live.sqlite", writing=True) as store,
        Executor(store, study.data, data, drawn).held() as executor,
    ):
        fits = fitting(store, executor)

        def case(left: Engine) -> Case:
            one, two = (Side(end, each, running[each.id]) for end, each in zip(ENDS, (left, right), strict=True))
            return Case(pair.method, spec, study.mode, data, drawn, study.margin, one, two)

        return [differ(Bench(case(twin), fits)) for twin in twins]


def differ(bench: Bench) -> bool:
    """Whether two sides differ beyond rounding."""
    case = bench.case
    cells = {end: [case.cell(end, draw) for draw in case.draws.train] for end in ENDS}
    results = bench.fits([cell for each in cells.values() for cell in each])
    seen = [
        draw_of(case, draw, {end: results[cells[end][place].key] for end in ENDS}, {})
        for place, draw in enumerate(case.draws.train)
    ]
    (pairing,) = bench.run([()], seen)
    if not pairing.places:
        raise NothingCompared("; ".join(dict.fromkeys(pairing.failed)))
    return bench.closeness(pairing, bench.tolerances(seen)).level > EXACT


def explained(pair: Pair, draws: int, budget: float | None, folder: Path) -> Plain:
    """The explanation of a pair, from an empty store, and the seconds that it took."""
    from parity.api import explain

    started = time.perf_counter()
    document = explain(
        study_of(pair.mode),
        pair.engines,
        method=pair.method,
        sizes=(pair.n,),
        draws=draws,
        budget=budget,
        store=folder / f"{pair.id}.sqlite",
    )
    (found,) = document["explanations"]
    if found["status"] == "interrupted":
        raise KeyboardInterrupt
    return {**found, "seconds": time.perf_counter() - started}


def finished(pair: Pair, draws: int, budget: float | None, folder: Path) -> Plain:
    """One line of the table as plain data. What goes wrong is an answer as well, and not the right one."""
    # One variable has the tables of all files named so far, and may not hold those of thirty plants and their twins.
    os.environ[VARIABLE] = "{}"
    line: Plain = {**pair.told, "draws": draws, "live": [], "names": None, "differences": {}, "seconds": 0.0}
    try:
        if pair.plant is not None:
            line["live"] = live_changes(pair, draws, folder)
        found = explained(pair, draws, budget, folder)
    except Exception as error:  # the next pair may fare better, and the table says what happened to this one
        return {**line, "status": f"{type(error).__name__}: {error}"}
    smallest = found["smallest"]
    return {
        **line,
        "status": found["status"],
        "base": found["base"]["level"],
        "names": None if smallest is None else smallest["names"],
        "differences": {each["name"]: each["status"] for each in found["differences"]},
        "sentence": found["sentence"],
        "seconds": found["seconds"],
    }


def of_planted(name: str, kinds: Sequence[str]) -> str:
    """The planted change that a found name stands for; the name itself where it is none of these."""
    known = (kind for kind in kinds if name == kind or name in SYNONYMS.get(kind, {}))
    return name if name in kinds else next(known, name)


def judged(line: Plain) -> Plain:
    """What a line amounts to: whether the set found equals, and contains, the live changes, and calls no inert one."""
    kinds = [kind for kind, _ in line["changes"]]
    wanted = {kind for kind, live in zip(kinds, line["live"], strict=False) if live}
    found = {of_planted(name, kinds) for name in line["names"] or ()}
    # Without a set nothing was found; where nothing is live there need not be any.
    answered = "base" in line and (line["names"] is not None or not wanted)
    return {
        "equal": answered and found == wanted,
        "contained": answered and found >= wanted,
        "inert": len(kinds) - len(wanted),
        "inert named": len(found & (set(kinds) - wanted)),
        "named": bool(found),
    }


def shown(line: Plain) -> str:
    """One row of the Markdown table."""
    kinds = [kind for kind, _ in line["changes"]]
    status = {of_planted(name, kinds): told for name, told in line["differences"].items()}
    planted = [
        f"{kind} {_short(value)} ({'live' if live else 'inert'}; {status.get(kind, 'not listed')})"
        for (kind, value), live in zip(line["changes"], line["live"] or [None] * len(kinds), strict=True)
    ]
    found = "none" if line["names"] is None else ", ".join(line["names"]) or "nothing"
    if "base" not in line or line["status"] != "complete":
        found += f" ({line['status']})"
    verdict = judged(line)
    pair = line["left"] if line["changes"] or line["id"].startswith("copy") else f"{line['left']} ~ {line['right']}"
    marks = [("yes" if verdict[name] else "no") for name in ("equal", "contained")]
    cells = [line["id"], pair, line["method"], line["n"], "; ".join(planted) or "nothing", found, *marks]
    return f"| {' | '.join(map(str, cells))} | {line['seconds']:.0f} |"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


HEAD = """\
| id | engine | method | n | planted (measured here; by the explainer) | smallest set | equal | contains | seconds |
|---|---|---|---|---|---|---|---|---|"""


def summary(lines: Sequence[Plain], null: bool) -> tuple[list[str], Plain]:
    """The counts against the goals, in words and as plain data."""
    verdicts, n = [judged(line) for line in lines], len(lines)
    if null:
        named = sum(each["named"] for each in verdicts)
        failed = sum("base" not in line for line in lines)
        words = [
            f"{named} of {n} pairs without a difference were given a cause; the goal is at most {NULL_GOAL * n:.0f}."
        ]
        words += [f"{failed} of them could not be explained at all."] if failed else []
        return words, {"pairs": n, "named": named, "failed": failed, "goal": NULL_GOAL * n}
    counts = {name: sum(each[name] for each in verdicts) for name in ("equal", "contained", "inert", "inert named")}
    words = [
        f"The smallest set equals the live planted changes in {counts['equal']} of {n} plants; "
        f"the goal is {GOALS['equal'] * n:.0f}.",
        f"It contains them in {counts['contained']} of {n}; the goal is {GOALS['contained'] * n:.0f}.",
        f"{counts['inert']} planted changes move nothing; {counts['inert named']} of them were named.",
    ]
    return words, {"plants": n, **counts, "goals": {name: goal * n for name, goal in GOALS.items()}}


def main() -> None:
    """The table, one line as soon as it is known, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int)
    parser.add_argument("--only", action="append", default=[], help="id of a plant or pair")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--budget", type=float, help="seconds for each explanation")
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--done", type=Path, help="finished lines, as JSON: read first, then added to")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    done: list[Plain] = []
    if asked.done is not None and asked.done.exists():
        done = [json.loads(text) for text in asked.done.read_text(encoding="utf-8").splitlines()]
    lines = []
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="planted-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        pairs = (
            null_pairs(asked.count or NULLS, place)
            if asked.null
            else planted_pairs(asked.seed, asked.count or 30, place)
        )
        for pair in pairs:
            if asked.only and pair.id not in asked.only:
                continue
            same = {**json.loads(json.dumps(pair.told)), "draws": asked.draws}
            line = next((each for each in done if same.items() <= each.items()), None)
            if line is None:
                line = finished(pair, asked.draws, asked.budget, place)
                if asked.done is not None:
                    with asked.done.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
            lines.append(line)
            print(shown(line), flush=True)
    words, counts = summary(lines, asked.null)
    print("", *words, sep="\n")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"counts": counts, "lines": lines}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
