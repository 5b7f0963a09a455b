"""The capability sheet: `engines.toml` read into frozen values. Standard library only, so that it reads in no time."""

from __future__ import annotations

import functools
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.errors import RequestError, require_keys, unknown

PACKAGE = Path(__file__).resolve().parents[1]
"Folder of the package parity."

SHEET = Path(__file__).with_name("engines.toml")

SHEET_VARIABLE = "PARITY_SHEET"
"Environment variable that names another sheet; its engines' files may be absolute paths."

FOLDERS = {"Python": "python", "R": "r_scripts"}
"Language of an engine -> the folder that its file is in."

FAMILIES = {
    "lm": "least squares on 0 and 1",
    "glm": "logistic regression",
    "liblinear": "L2-penalised logistic regression by LIBLINEAR",
    "linear": "a linear model with its objective pinned: aligned mode",
    "mlp": "dense feed-forward network",
    "cnn": "convolutional network",
}
"What an engine can fit."

LEEKASSO = ("lm", "glm", "liblinear")
"The families of a Leekasso, whose columns are screened."

RUNTIMES = ("h2o", "keras-jax", "keras-tensorflow", "keras-torch", "python", "r", "r-keras")
"Kinds of worker process; engines of one runtime share them."

SCREENS = {
    "own": "the engine chooses the pixels of a Leekasso itself",
    "neutral": "the specification's screen chooses them",
}

CAPABILITIES = {
    "initial_weights": "takes the weights that training starts from",
    "row_order": "takes the order in which rows are visited",
    "batch_size": "takes the number of rows in one update",
    "gradients": "gives the gradient of its loss",
    "float64": "computes in double precision",
    "gpu": "can run on a GPU",
    "deterministic": "can repeat a fit bit for bit",
}

_REQUIRED = ("language", "file", "runtime", "fits", "summary", "packages", "capabilities")
OPTIONAL = ("screen", "names", "solvers", "without", "order", "output", "many", "history")
"Keys that a table may have."

_KEYS = (*_REQUIRED, *OPTIONAL)
_RANGE = re.compile(r"\s*(==|>=|<=|!=|<|>)\s*\d+(\.\d+)*\s*(,\s*(==|>=|<=|!=|<|>)\s*\d+(\.\d+)*\s*)*")


@dataclass(frozen=True, slots=True)
class Engine:
    """One framework, reached from one language."""

    id: str
    language: str
    "R or Python."
    file: str
    "Name of its file in the folder of its language; the whole path of a user's own."
    runtime: str
    "The kind of worker process that it runs in."
    fits: tuple[str, ...]
    "Families of specifications."
    screen: str | None
    "own or neutral; None for an engine that fits no Leekasso."
    summary: str
    packages: dict[str, str] = field(hash=False)
    "What must be installed -> the version range that the suite has been tested with."
    capabilities: dict[str, bool | str] = field(hash=False)
    "Capability -> True, False, or a reason in words."
    names: tuple[str, ...] = ()
    "Tables of names.toml that tell what its native parameters are called in the glossary."
    history: dict[str, int] = field(default_factory=dict, hash=False)
    "Family whose probabilities it gives after every epoch -> of every k-th test row, since a look takes its time."
    solvers: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    "Name of an algorithm -> the native arguments that choose it, where an engine has several for one objective."
    without: tuple[str, ...] = ()
    "Python packages that its framework loads where it finds them, and that no fit needs."
    many: tuple[str, ...] = ()
    "Families of which its file fits several draws better at once than one by one (fit_many)."
    order: str | None = None
    "File in python/ whose row_order(n, epochs, seed) tells the order in which it visits rows, where nobody can set it."
    output: str | None = None
    "The one output layer for two classes that its networks have, sigmoid or softmax, where it leaves no choice."
    own: bool = False
    "Whether it is a user's own file, which brings its table along."

    @property
    def reference(self) -> str:
        """What a user writes to name it: its id, or the path of the file of an own one."""
        return os.path.relpath(self.file) if self.own else self.id


def shipped() -> dict[str, Engine]:
    """Every engine of the sheet by id, in the sheet's order."""
    return dict(_shipped())


def engines() -> dict[str, Engine]:
    """Every engine of the sheet by id, in the sheet's order, and after them a user's own that have been named."""
    from parity.engines import own_engine

    return {**_shipped(), **own_engine.known()}


def engine(name: str) -> Engine:
    """The engine of that id, or that a file describes; a RequestError names the nearest one where there is none.

    The file of an own engine makes its id known, here and in the processes that are started from here.
    """
    from parity.engines import own_engine

    known = engines()
    if name in known:
        return known[name]
    if own_engine.is_file_name(name):
        return own_engine.named(name)
    raise unknown("engine", name, known)


def called(text: str) -> str:
    """What a user names an engine by, with the id in place of a file: ENGINE:ALGORITHM keeps its algorithm.

    Whatever is no file passes as it is.
    """
    from parity.engines.own_engine import LANGUAGES

    if Path(text).suffix in LANGUAGES:
        return engine(text).id
    file, colon, algorithm = text.rpartition(":")
    return f"{engine(file).id}:{algorithm}" if colon and Path(file).suffix in LANGUAGES else text


def reference(id: str) -> str:
    """What a command line names an engine by: its id, or the path of an own engine's file."""
    known = engines()
    return known[id].reference if id in known else id


def read(path: Path) -> dict[str, Engine]:
    """The engines of a sheet file; a RequestError says which file, table and key is wrong and what would be right."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise RequestError(f"the capability sheet {path} cannot be read: {problem}") from None
    return {id: read_table(id, table, str(path)) for id, table in tables.items()}


def checkout() -> Path | None:
    """Root of the source tree that parity runs from; None where it is installed from a wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "r_scripts").is_dir() else None


def engine_folder(language: str) -> Path:
    """Folder of a language's engine files: inside an installed wheel, or beside the package in a checkout."""
    folder = FOLDERS[language]
    installed = PACKAGE / "engine_files" / folder
    return installed if installed.is_dir() else PACKAGE.parent / folder


def engine_file(engine: Engine) -> Path:
    """Path of the engine's file; a RequestError where the sheet names a file that is not there."""
    path = engine_folder(engine.language) / engine.file
    if not path.is_file():
        raise RequestError(f"engine {engine.id} has no file: {path} does not exist; the sheet is {SHEET}")
    return path


def language_of(engine: Engine, package: str) -> str:
    """R, Python or system: where a package of the sheet comes from.

    An R engine may need Python packages as well: those that a Python engine of the sheet also names. Where R and
    Python have packages of one name, the sheet writes R's with -r at its end.
    """
    if package in ("R", "Java"):
        return "system"
    by_python = any(package in other.packages for other in _shipped().values() if other.language == "Python")
    return "Python" if engine.language == "Python" or by_python else "R"


@functools.cache
def _shipped() -> dict[str, Engine]:
    return read(Path(os.environ.get(SHEET_VARIABLE, SHEET)))


def read_table(id: str, table: Any, file: str, *, own: bool = False) -> Engine:
    """The engine that a table of a file describes; a RequestError says which key is wrong and what would be right."""
    where = f"the table of {file}" if own else f"[{id}] of {file}"
    if not isinstance(table, dict):
        raise RequestError(f"'{id}' of {file} is not a table; an engine is written as [{id}]")
    require_keys(table, _REQUIRED, _KEYS, where)
    for key in ("language", "file", "runtime", "summary"):
        if not isinstance(table[key], str):
            raise RequestError(f"{key} in {where} is {table[key]!r}; it must be a text")
    _one_of("language", table["language"], FOLDERS, where)
    _one_of("runtime", table["runtime"], RUNTIMES, where)
    if not isinstance(table["fits"], list) or not table["fits"]:
        raise RequestError(f"fits in {where} is {table['fits']!r}; write a list of: {', '.join(FAMILIES)}")
    for family in table["fits"]:
        _one_of("family", family, FAMILIES, where)
    screen = table.get("screen")
    if screen is not None:
        _one_of("screen", screen, SCREENS, where)
    elif set(table["fits"]) - {"mlp", "cnn", "linear"}:
        raise RequestError(f"{where} fits a Leekasso and lacks the key 'screen' ({' or '.join(SCREENS)})")
    for key, what in (("names", "tables of names.toml"), ("without", "Python packages"), ("many", "families")):
        listed = table.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise RequestError(f"{key} in {where} is {listed!r}; write a list of {what}")
    for family in table.get("many", []):
        if family not in ("mlp", "cnn") or family not in table["fits"] or table["runtime"] == "h2o":
            raise RequestError(
                f"many in {where} names {family!r}; it is for networks that the engine fits, and not on H2O"
            )
    return Engine(
        id=id,
        language=table["language"],
        file=table["file"],
        runtime=table["runtime"],
        fits=tuple(table["fits"]),
        screen=screen,
        summary=table["summary"],
        packages=_packages(table["packages"], where),
        capabilities=_capabilities(table["capabilities"], where),
        names=tuple(table.get("names", [])),
        history=_history(table.get("history", {}), where),
        solvers=_solvers(table.get("solvers", {}), where),
        without=tuple(table.get("without", [])),
        many=tuple(table.get("many", [])),
        order=table.get("order"),
        output=table.get("output"),
        own=own,
    )


def _packages(table: Any, where: str) -> dict[str, str]:
    if not isinstance(table, dict):
        raise RequestError(f"packages in {where} must be a table of name = version range")
    for name, wanted in table.items():
        if not isinstance(wanted, str) or not _RANGE.fullmatch(wanted):
            raise RequestError(f"package {name} in {where} has the version range {wanted!r}; write it as '>=1.2,<2'")
    return dict(table)


def _solvers(table: Any, where: str) -> dict[str, dict[str, Any]]:
    if not isinstance(table, dict) or not all(isinstance(arguments, dict) for arguments in table.values()):
        raise RequestError(f"solvers in {where} must be a table of name = {{ argument = value }}")
    return dict(table)


def _history(table: Any, where: str) -> dict[str, int]:
    if not isinstance(table, dict) or not all(isinstance(k, int) and k >= 1 for k in table.values()):
        raise RequestError(f"history in {where} must be a table of family = k, for every k-th test row")
    for family in table:
        _one_of("family", family, FAMILIES, where)
    return dict(table)


def _capabilities(table: Any, where: str) -> dict[str, bool | str]:
    if not isinstance(table, dict):
        raise RequestError(f"capabilities in {where} must be a table")
    for name, value in table.items():
        _one_of("capability", name, CAPABILITIES, where)
        if not isinstance(value, bool | str):
            raise RequestError(f"capability {name} in {where} is {value!r}; write true, false or a reason in words")
    for name in CAPABILITIES:
        if name not in table:
            raise RequestError(f"capabilities in {where} lack '{name}': {CAPABILITIES[name]}")
    return dict(table)


def _one_of(what: str, given: Any, known: Any, where: str) -> None:
    if given not in known:
        raise unknown(what, str(given), known, where)
