"""The recipe: native code that makes one engine agree with the other, run in a fresh process before it is shown."""

from __future__ import annotations

import dataclasses
import platform
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.engines.environment import python_version
from parity.errors import NothingCompared
from parity.explain.bench import turns
from parity.explain.closeness import Closeness, Level
from parity.explain.recipe_rows import DIALECTS, Given, composed, given, write_given, write_rows
from parity.explain.recipe_run import run
from parity.explain.recipe_text import comment
from parity.explain.treatment import ENDS, End, Seen, Switch, Treatment, other
from parity.spec.models import plain
from parity.study.ask import ask

if TYPE_CHECKING:
    from parity.explain.bench import Bench
    from parity.explain.found import Findings
    from parity.spec.protocol import Draw
    from parity.study.store import Result

Plain = dict[str, Any]

SPREADS = 3.0
"A fit that no seed repeats is taken to agree within so many standard deviations of its accuracy over draws."

REPEATS = 2
"Fits of a treated engine beside the one at hand, where that is not what its code gives: do they differ as well?"

EQUAL = 1e-9
"Accuracies are shares of one number of rows: what is closer than this is the same share."

PRINTED = 1e-6
"A recipe prints six digits."


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The switches of one recipe."""

    end: End
    own: tuple[tuple[str, Switch], ...]
    "By name of the difference: those thrown on this side, which the code is for."
    others: tuple[tuple[str, Switch], ...]
    "Those that only the other side takes, thrown there."

    @property
    def switches(self) -> list[Switch]:
        return [switch for _, switch in (*self.own, *self.others)]


@dataclass(frozen=True, slots=True, eq=False)
class _Treated:
    """What a plan makes of both sides, draw by draw."""

    results: tuple[dict[End, Result | None], ...]
    closeness: Closeness | None

    def done(self, place: int) -> bool:
        return all(each is not None and each.status == "done" for each in self.results[place].values())


def recipes(bench: Bench, found: Findings, folder: Path) -> list[Plain]:
    """For each end the code that makes its engine agree with the other, with what a fresh process printed of it.

    The switches are those of the smallest set that closes the gap, or all live ones where there is none, as far as they
    take at that end. folder: where the code and its rows are written, and where it is run. Each is {"end", "language",
    "title", "code", "draw", "accuracy", "target", "treated", "shipped", "changed_there", "verified", "note", "files"};
    accuracy is None where the code gave none, and the note says why.
    """
    plans = [plan for end in ENDS if (plan := _plan(found, end)) is not None]
    if not plans or not found.seen:
        return []
    treated = [_treated(bench, found, plan) for plan in plans]
    place = next((i for i in range(len(found.seen)) if all(each.done(i) for each in treated)), None)
    if place is None:
        return [_without_draw(bench, plan, found) for plan in plans]
    folder.mkdir(parents=True, exist_ok=True)
    seen = found.seen[place]
    files = write_rows(folder, bench.case.data, seen.draw, bench.case.draws.test)
    asked = [_asked(bench, plan, seen, each.results[place]) for plan, each in zip(plans, treated, strict=True)]
    # Each waits for processes of its own, which share nothing.
    with ThreadPoolExecutor(len(plans)) as pool:
        made = list(pool.map(lambda each: _made(each, folder, files, bench.case.device), asked))
    return [_recipe(bench, *each, place) for each in zip(plans, treated, asked, made, strict=True)]


# Which switches, and what they make of both sides.


def _plan(found: Findings, end: End) -> _Plan | None:
    """None where nothing can be switched at that end."""
    names = found.smallest.names if found.smallest is not None else [v.name for v in found.live]
    chosen = [(v.name, v.judged.chosen) for v in found.live if v.name in names]
    own = tuple((name, ways[end]) for name, ways in chosen if end in ways)
    others = tuple((name, ways[other(end)]) for name, ways in chosen if end not in ways)
    return _Plan(end, own, others) if own else None


def _treated(bench: Bench, found: Findings, plan: _Plan) -> _Treated:
    results = bench.both([(plan.switches, each) for each in found.seen])
    pairing = bench.paired(results)
    close = bench.closeness(pairing, bench.tolerances(found.seen)) if pairing.places else None
    return _Treated(tuple(results), close)


def _before(plan: _Plan, seen: Seen, results: dict[End, Result | None]) -> Seen:
    """What is known of a draw when this side is treated: a side that follows takes up what the other has done."""
    order, led = turns(plan.switches), results[other(plan.end)]
    if len(order) == 1 or plan.end not in order[-1] or led is None:
        return seen
    return dataclasses.replace(seen, fitted={**seen.fitted, other(plan.end): led})


# One recipe.


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is to be written and run of a plan."""

    end: End
    seen: Seen
    treatment: Treatment
    side: Given
    header: list[str]
    rules: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What was written, and what a fresh process made of it."""

    code: str
    accuracy: float | None
    why: str
    files: tuple[str, ...] = ()
    gaps: tuple[Plain, ...] = ()
    "What the engine says that it cannot express."


def _asked(bench: Bench, plan: _Plan, seen: Seen, results: dict[End, Result | None]) -> _Asked:
    before = _before(plan, seen, results)
    treatment = bench.treated(plan.end, plan.switches, before)
    side = given(bench.case, plan.end, before.draw, treatment)
    return _Asked(plan.end, before, treatment, side, _header(bench, plan, side, before.draw), _rules(plan, before))


def _made(asked: _Asked, folder: Path, files: Sequence[str], device: str) -> _Made:
    side, engine = asked.side, asked.side.engine
    try:
        translation = ask(engine, "translate", plain(side.spec), side.options)
        code = composed(asked.header, asked.end, side, translation["code"], asked.rules)
    except (NothingCompared, ValueError) as error:
        return _Made("", None, f"There is no code: {str(error).splitlines()[0]}")
    script = f"{asked.end}_like_{other(asked.end)}{DIALECTS[engine.language].SUFFIX}"
    names = (script, *files, *write_given(folder, asked.end, side))
    (folder / script).write_text(code, encoding="utf-8")
    ran = run(folder / script, engine.language, engine.runtime, device)
    return _Made(code, ran.accuracy, ran.why, names, tuple(translation.get("not_expressible") or ()))


def _recipe(bench: Bench, plan: _Plan, treated: _Treated, asked: _Asked, made: _Made, place: int) -> Plain:
    own, yours = treated.results[place][plan.end], treated.results[place][other(plan.end)]
    assert own is not None and yours is not None
    accuracy = None if made.accuracy is None else _share(made.accuracy, len(bench.case.draws.test))
    verified, note = _judged(bench, plan, treated, asked, accuracy, own) if accuracy is not None else (False, made.why)
    return {
        **_named(bench, plan, asked.seen.draw.index),
        "target": bench.fitted(yours).accuracy,
        "treated": bench.fitted(own).accuracy,
        "shipped": bench.fitted(asked.seen.fitted[plan.end]).accuracy,
        "code": made.code,
        "accuracy": accuracy,
        "verified": verified,
        "note": _noted(note, _beyond(made.gaps, asked.treatment), _stays(bench, plan, treated)),
        "files": list(made.files),
    }


def _named(bench: Bench, plan: _Plan, draw: int) -> Plain:
    """A recipe of which nothing but its name is known."""
    one, two = bench.case.side(plan.end), bench.case.side(other(plan.end))
    return {
        **{"end": plan.end, "language": one.engine.language, "title": f"make {one.name} agree with {two.name}"},
        **{"code": "", "draw": draw, "accuracy": None, "target": None, "treated": None},
        **{"shipped": None, "changed_there": [name for name, _ in plan.others]},
        **{"verified": False, "note": "", "files": []},
    }


def _without_draw(bench: Bench, plan: _Plan, found: Findings) -> Plain:
    note = "There is no draw on which both engines could be fitted with these differences switched."
    return {**_named(bench, plan, found.seen[0].draw.index), "note": note}


def _rules(plan: _Plan, seen: Seen) -> dict[str, str]:
    """Field of an intervention -> the rule that gives its value."""
    return {field: f"{name}: {switch.how}" for name, switch in plan.own for field in switch.treat(seen).outside}


def _header(bench: Bench, plan: _Plan, side: Given, draw: Draw) -> list[str]:
    case = bench.case
    one, two = case.side(plan.end), case.side(other(plan.end))
    rows = f"{case.method}, {draw.n} training rows, draw {draw.index}"
    known = {name: version for name, version in one.versions.items() if name != "file" and not name.startswith("rpy2")}
    if side.engine.language == "Python":
        known = {"Python": platform.python_version(), "numpy": python_version("numpy") or "", **known}
    versions = ", ".join(f"{name} {version}" for name, version in known.items())
    lines = comment(f"Makes {one.name} agree with {two.name}: {rows}.")
    lines += ["#", *comment(f"What {one.name} is given of {two.name}:")]
    for name, switch in plan.own:
        lines += comment(f"- {name}: {switch.how}", "  ")
    if plan.others:
        lines += comment(f"What cannot be changed on {one.name}, and is on {two.name} instead:")
        for name, switch in plan.others:
            lines += comment(f"- {name}: {switch.how}", "  ")
    lines += ["#", *comment(f"It reads its rows from the current folder. It was run with {versions}.")]
    return lines


def _stays(bench: Bench, plan: _Plan, treated: _Treated) -> str:
    """What this side's code does not close, over all draws."""
    one, two = bench.case.side(plan.end).name, bench.case.side(other(plan.end)).name
    found = []
    if plan.others:
        *first, last = [f"'{name}'" for name, _ in plan.others]
        names = f"{', '.join(first)} and {last} have" if first else f"{last} has"
        found.append(f"This closes it as far as {one} can be changed; {names} to be changed on {two}.")
    close = treated.closeness
    if close is not None and close.level is Level.DIFFERENT:
        found.append(f"Over {close.gap.draws} draws a gap of {abs(close.gap.mean):.4f} stays.")
    elif close is not None and not close.closed:
        draws = "One draw does" if close.gap.draws == 1 else f"{close.gap.draws} draws do"
        found.append(f"{draws} not tell whether it closes the gap.")
    return " ".join(found)


def _beyond(gaps: Sequence[Plain], treatment: Treatment) -> str:
    """What the engine says that it cannot express of what is pinned."""
    pinned = [gap for gap in gaps if gap["parameter"] in treatment.spec]
    return " ".join(f"The code does not express {gap['parameter']}: {gap['reason']}." for gap in pinned)


def _noted(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


# Whether it does what it promises.


def _share(printed: float, rows: int) -> float:
    """The share of rows that six printed digits stand for."""
    exact = round(printed * rows) / rows
    return exact if abs(exact - printed) < PRINTED else printed


def _judged(
    bench: Bench, plan: _Plan, treated: _Treated, asked: _Asked, accuracy: float, own: Result
) -> tuple[bool, str]:
    """Whether the code gave what the treated engine gave, and a note where that takes words.

    Where it did not, the engine is asked again: it may give something else each time.
    """
    wanted, name = bench.fitted(own).accuracy, bench.case.side(plan.end).name
    if abs(accuracy - wanted) <= EQUAL:
        return True, ""
    differs = f"A fresh process gives {accuracy:.6f} where {name}, treated alike in this run, gave {wanted:.6f}"
    cells = [bench.case.cell(plan.end, asked.seen.draw, asked.treatment, {"repeat": i}) for i in range(REPEATS)]
    results = bench.fits(cells)
    again = [results[cell.key] for cell in cells if cell.key in results and results[cell.key].status == "done"]
    one = again[0].arrays["probability"] if again else own.arrays["probability"]
    if all(np.array_equal(each.arrays["probability"], one, equal_nan=True) for each in again):
        if again and abs(bench.fitted(again[0]).accuracy - accuracy) <= EQUAL:
            return True, f"{differs}; fitted again, and by itself, it gives what the code gives."
        return False, f"{differs}."
    spread = SPREADS * max(_spread(bench, _own(plan, treated)), _spread(bench, [own, *again]))
    near = abs(accuracy - wanted) <= spread
    return near, (
        f"{differs}. No two of its fits are alike; this is {'within' if near else 'beyond'} {spread:.4f}, {SPREADS:g} "
        "standard deviations of that accuracy over draws and fits."
    )


def _own(plan: _Plan, treated: _Treated) -> list[Result]:
    """The treated side on every draw on which both could be fitted."""
    found = [pair[plan.end] for place, pair in enumerate(treated.results) if treated.done(place)]
    return [each for each in found if each is not None]


def _spread(bench: Bench, results: Sequence[Result]) -> float:
    """Standard deviation of their accuracies; 0 of a single one."""
    accuracies = [bench.fitted(each).accuracy for each in results]
    return statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
