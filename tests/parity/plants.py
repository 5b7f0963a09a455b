"""Plants: copies of shipped engines with one to three hidden changes, chosen by a seed, and the files that they are.

A plant's `defaults` and `translate` tell the story of the engine that it copies; only its `fit` has changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from parity.engines.sheet import SHEET, engine, engine_folder
from tests.parity.plant_kinds import KINDS, METHODS, NAMED, SIZES, Kind, Slot

T = TypeVar("T")

MOST = 3
"Changes of one plant."

SUFFIXES = {"Python": ".py", "R": ".R"}

UNCOPIED = ("language", "file", "summary", "many", "order")
"""Keys of the sheet that a plant does not take over: the file tells the first three. Its `fit` counts, not fit_many."""

PYTHON = """\
{table}

from parity.engines.contract import beside
from plant_changes import changed

shipped = beside(__file__, "{file}")
defaults, translate = shipped.defaults, shipped.translate
fit = changed(shipped.fit, {changes})
"""

R = """\
{table}

source({file}, local = TRUE)
hidden <- new.env()
source("plant_changes.R", local = hidden)
fit <- hidden$changed(fit, list({changes}))
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One hidden change: a kind's name and one of its values."""

    kind: str
    value: Any

    @property
    def words(self) -> str:
        """Name and value."""
        return f"{self.kind} ({', '.join(map(str, self.value)) if isinstance(self.value, list) else self.value})"


@dataclass(frozen=True, slots=True)
class Plant:
    """A copy of an engine with hidden changes, and the method and size at which it is compared with the engine."""

    id: str
    "It tells nothing."
    engine: str
    method: str
    n: int
    changes: tuple[Change, ...]
    "In the order of KINDS, which is that in which they act."

    def without(self, number: int) -> Plant:
        """The same with one change fewer, under another id."""
        kept = self.changes[:number] + self.changes[number + 1 :]
        # A hyphen would have the id of the plant stand in that of its twin, and its file count for the twin's.
        return dataclasses.replace(self, id=f"{self.id}x{number + 1}", changes=kept)

    @property
    def unchanged(self) -> Plant:
        """The same without any change, under another id."""
        return dataclasses.replace(self, id=f"{self.id}x0", changes=())


def plants(seed: int, count: int) -> list[Plant]:
    """Plants chosen by the seed alone, as evenly as can be over engines, their methods, sizes and kinds of change.

    The first change of each can be live; whatever stands beside it need not.
    """
    taken: Counter[tuple[str, str]] = Counter()

    def least(what: str, options: Sequence[T]) -> T:
        """What has been taken least often; between equals the seed decides."""
        # No library's random numbers: the plants of a seed are the same in every version of all of them.
        turn = f"{seed} {taken.total()}"
        ranks = {repr(each): hashlib.sha256(f"{turn} {each!r}".encode()).digest() for each in options}
        chosen = min(options, key=lambda each: (taken[what, repr(each)], ranks[repr(each)]))
        taken[what, repr(chosen)] += 1
        return chosen

    found = []
    for number in range(1, count + 1):
        engine_id = least("engine", list(METHODS))
        slot, n = Slot(engine_id, least(engine_id, METHODS[engine_id])), least("size", SIZES)
        changes: dict[str, Any] = {}
        for _ in range(least("number of changes", range(1, MOST + 1))):
            aspects = {NAMED[name].aspect for name in changes}
            free = [kind.name for kind in KINDS if kind.aspect not in aspects and _values(kind, slot, n, not changes)]
            if free:
                name = least("kind", free)
                changes[name] = least(name, _values(NAMED[name], slot, n, not changes))
        ordered = tuple(Change(kind.name, changes[kind.name]) for kind in KINDS if kind.name in changes)
        found.append(Plant(f"plant-{number:02}", slot.engine, slot.method, n, ordered))
    return found


def _values(kind: Kind, slot: Slot, n: int, live: bool) -> list[Any]:
    """The values that can be planted in a slot; live: those that can be live there by themselves."""
    possible = (each for each in kind.settings if each.can_be_planted(slot, n))
    return [each.value for each in possible if not live or each.can_be_live(slot, n)]


def write(plant: Plant, folder: Path) -> Path:
    """Write a plant's file and the code of the changes beside it; returns the path of the file."""
    copied = engine(plant.engine)
    suffix = SUFFIXES[copied.language]
    source = Path(__file__).with_name(f"plant_changes{suffix}")
    shutil.copyfile(source, folder / source.name)
    path = folder / f"{plant.id}{suffix}"
    calls = [(NAMED[change.kind].change.__name__, change.value) for change in plant.changes]
    if copied.language == "Python":
        text = PYTHON.format(table=_table(plant), file=Path(copied.file).stem, changes=calls)
    else:
        listed = ", ".join(f'list("{name}", {_in_r(value)})' for name, value in calls)
        shipped = json.dumps(str(engine_folder("R") / copied.file))
        text = R.format(table=_table(plant), file=shipped, changes=listed)
    path.write_text(text, encoding="utf-8")
    return path


def _table(plant: Plant) -> str:
    """The block of comments that makes a file an engine: the sheet's table of the engine that it copies."""
    sheet: dict[str, Any] = tomllib.loads(SHEET.read_text(encoding="utf-8"))[plant.engine]
    told = {"id": plant.id, **{key: value for key, value in sheet.items() if key not in UNCOPIED}}
    return "\n".join(["# /// parity", *(f"# {key} = {_in_toml(value)}" for key, value in told.items()), "# ///"])


def _in_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_in_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _in_r(value: Any) -> str:
    match value:
        case dict():
            return f"list({', '.join(f'{key} = {_in_r(each)}' for key, each in value.items())})"
        case list():
            return f"c({', '.join(map(_in_r, value))})"
        case int():
            return f"{value}L"
        case _:
            return json.dumps(value)
