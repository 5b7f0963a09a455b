"""A user's own engine: one file with the functions of the contract and, in a block of comments, its table."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import symtable
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from parity.engines.sheet import CAPABILITIES, LEEKASSO, OPTIONAL, Engine, read_table, shipped
from parity.errors import RequestError, require_keys

Plain = dict[str, Any]

VARIABLE = "PARITY_OWN_ENGINES"
"Environment variable with the tables of the files named so far, as JSON: worker processes inherit it."

LANGUAGES = {".py": "Python", ".R": "R", ".r": "R"}
"Suffix of an engine file -> the language it is written in."

RUNTIMES = {
    "Python": ("python", "h2o", "keras-jax", "keras-tensorflow", "keras-torch"),
    "R": ("r", "h2o", "r-keras"),
}
"Language -> kinds of worker process that can run it, the usual one first."

KEYS = ("id", "fits", "summary", "runtime", "packages", "capabilities", *OPTIONAL)
"What a table may say; only `fits` must stand there."

R_VERSIONS = ">=4.1,<5"
"The R that an R file needs where its table does not say: the one that parity's own R engines are tested with."

MINIMAL = '# /// parity, then # fits = ["lm"], then # ///, each on a line of its own'

LOADED_AS = "parity_own_engine_"
"Start of the module names that Python engine files are loaded under."

LONGEST_ID = 40
"Characters of an id: it stands in every table and picture."

_ID = re.compile(r"[^\W_][\w-]*")
_OPENS = re.compile(r"#\s*///\s*parity\s*")
_CLOSES = re.compile(r"#\s*///\s*")

# Top-level expressions of a file that is not run. One that runs other files, or that names `fit` in another way than
# as what it assigns, gets the benefit of the doubt.
_R_LOOK = """
found <- tryCatch(parse(commandArgs(TRUE), keep.source = FALSE, encoding = "UTF-8"), error = conditionMessage)
if (is.character(found)) {
  cat("wrong\\n", found, sep = "")
} else {
  gives_fit <- vapply(as.list(found), function(each) {
    assigns <- is.call(each) && is.name(each[[1]]) && as.character(each[[1]]) %in% c("<-", "=", "<<-")
    if (assigns) return(identical(as.character(each[[2]])[1], "fit"))
    any(all.names(each) %in% c("fit", "source", "sys.source", "assign", "eval", "load", "attach"))
  }, NA)
  cat(if (any(gives_fit)) "fit" else "no fit")
}
"""

R_SECONDS = 20.0
"R reads a file in a fifth of a second; a cold network disk has taken ten to start it."


def is_file_name(text: str) -> bool:
    """Whether a name is that of an engine file rather than an engine's id, which has no dot."""
    return Path(text).suffix in LANGUAGES or Path(text).is_file()


def known() -> dict[str, Engine]:
    """The engines whose files have been named, by id."""
    return dict(_decoded(os.environ.get(VARIABLE, "{}")))


def named(text: str) -> Engine:
    """The engine of a file; from now on it is known by its id, here and in the processes that are started from here.

    Raises RequestError for a file that is no engine, and for an id that another engine has.
    """
    path = Path(text).expanduser().resolve()
    where = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else text
    table = _whole(path, where)
    found = read_table(table.pop("id"), table, where, own=True)
    if found.id in shipped():
        raise RequestError(f"{where} has the id '{found.id}', and parity has an engine of that id; give it another")
    tables = {id: each for id, each in json.loads(os.environ.get(VARIABLE, "{}")).items() if each["file"] != str(path)}
    if found.id in tables and Path(tables[found.id]["file"]).is_file():
        other = tables[found.id]["file"]
        raise RequestError(f"{where} has the id '{found.id}', and so has {other}; give one of them another id")
    os.environ[VARIABLE] = json.dumps({**tables, found.id: table}, default=str)
    return found


@functools.cache
def _decoded(text: str) -> dict[str, Engine]:
    return {id: read_table(id, table, table["file"], own=True) for id, table in json.loads(text).items()}


def _whole(path: Path, where: str) -> Plain:
    """What a file's table says, and what follows where it is silent."""
    language = LANGUAGES.get(path.suffix)
    if language is None:
        raise RequestError(f"engine file {where} is neither Python nor R by its name; it must end in .py or .R")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RequestError(f"engine file {where} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RequestError(f"engine file {where} is not UTF-8 (byte {error.start + 1}); save it so") from None
    table, place = _written(text, where), f"the table of {where}"
    for key, told in (("language", "the file's suffix"), ("file", "the file itself")):
        if key in table:
            raise RequestError(f"{place} has the key '{key}', which {told} tells; leave it out")
    require_keys(table, ["fits"], KEYS, place)
    (_require_python_fit if language == "Python" else _require_r_fit)(path, text, where)
    whole = {
        "summary": f"{language} file {path.name}",
        "runtime": RUNTIMES[language][0],
        "packages": {},
        "capabilities": {},
        **table,
        "id": _id(table.get("id"), path, where),
        "language": language,
        "file": str(path),
    }
    if whole["runtime"] in sum(RUNTIMES.values(), ()) and whole["runtime"] not in RUNTIMES[language]:
        usable = ", ".join(RUNTIMES[language])
        raise RequestError(f"runtime in {place} is '{whole['runtime']}', which cannot run {language}; one of: {usable}")
    if isinstance(whole["capabilities"], dict):
        whole["capabilities"] = {**dict.fromkeys(CAPABILITIES, False), **whole["capabilities"]}
    if isinstance(whole["packages"], dict) and language == "R":
        whole["packages"] = {"R": R_VERSIONS, **whole["packages"]}
    if isinstance(whole["fits"], list) and set(map(str, whole["fits"])) & set(LEEKASSO):
        whole.setdefault("screen", "neutral")
    if isinstance(order := whole.get("order"), str) and path.with_name(order).is_file():
        whole["order"] = str(path.with_name(order))
    return whole


def _written(text: str, where: str) -> Plain:
    """The table of a file, as it is written between `# /// parity` and `# ///`."""
    lines = re.split(r"\r\n|\n|\r", text)
    opening = [number for number, line in enumerate(lines) if _OPENS.fullmatch(line)]
    if len(opening) != 1:
        what = "tables" if opening else "no table"
        count = f"{len(opening)} {what}" if opening else what
        raise RequestError(f"engine file {where} has {count}; write one block of comments: {MINIMAL}")
    first = opening[0] + 1
    closing = next((i for i in range(first, len(lines)) if _CLOSES.fullmatch(lines[i])), len(lines))
    inside = lines[first:closing]
    if closing == len(lines) or not all(line.startswith("#") for line in inside):
        raise RequestError(f"the table of {where}, opened in line {first}, is not closed; write # /// below its end")
    # Blank lines above it and blanks for its number signs: TOML's errors then name the file's own lines and columns.
    try:
        return tomllib.loads("\n" * first + "".join(f" {line[1:]}\n" for line in inside))
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"the table of {where} is not TOML: {error}") from None


def _id(written: Any, path: Path, where: str) -> str:
    """The id that is written, else one made of the file's name. No other character has to be escaped anywhere."""
    id = re.sub(r"\W+", "-", path.stem).strip("-_") if written is None else written
    if not isinstance(id, str) or not _ID.fullmatch(id) or len(id) > LONGEST_ID:
        source = "" if written is not None else ", made of the file's name"
        raise RequestError(
            f'the id of {where} is {id!r}{source}; write id = "…" with letters, digits, hyphens and underscores, '
            f"at most {LONGEST_ID}, a letter or digit first"
        )
    if id == "reference":
        raise RequestError(f"the id of {where} is 'reference', as lockstep calls its own network; write another")
    return id


def _require_python_fit(path: Path, text: str, where: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, where, "exec", dont_inherit=True)
            names = {each.get_name(): each for each in symtable.symtable(text, where, "exec").get_symbols()}
    except (SyntaxError, ValueError) as error:
        what = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        raise RequestError(f"engine file {where} does not parse: {what}") from None
    given = "fit" in names and (names["fit"].is_assigned() or names["fit"].is_imported())
    if not given and not re.search(r"^\s*from\s.+\simport\s+\*", text, re.MULTILINE):
        raise RequestError(f"engine file {where} defines no function fit(spec, train, test, options)")


def _require_r_fit(path: Path, text: str, where: str) -> None:
    said, _, message = _look_of_r(path, text).partition("\n")
    if said == "wrong":
        place = re.search(r":(\d+):\d+: (.*)", message)
        what = f"line {place[1]}: {place[2]}" if place else message.splitlines()[0]
        raise RequestError(f"engine file {where} does not parse: {what}")
    if said == "no fit":
        raise RequestError(f"engine file {where} defines no function fit(spec, train, test, options)")


@functools.cache
def _look_of_r(path: Path, text: str) -> str:
    """What R's parser says of a file: "fit", "no fit", or "wrong" and why; empty where there is no R to ask."""
    import shutil
    import subprocess

    from parity.engines.environment import r

    found = r()
    if found is None:
        return ""
    command = shutil.which(str(Path(found.home, "bin", "Rscript"))) or shutil.which("Rscript") or "Rscript"
    environ = {**os.environ, "R_DEFAULT_PACKAGES": "NULL", "LANGUAGE": "en"}
    asked = [command, "--no-site-file", "--no-init-file", "-e", _R_LOOK, str(path)]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(asked, env=environ, timeout=R_SECONDS, capture_output=True, check=True)
        return done.stdout.decode(errors="replace")
    return ""


class _Fresh(SourceFileLoader):
    """Loads a file as it stands: compiled code is kept by size and second, and a mended digit changes neither."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def module(path: Path) -> ModuleType:
    """A Python engine file, loaded."""
    import importlib.util

    # Files of one name in two folders are two engines.
    name = f"{LOADED_AS}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    with neighbours(path.parent):
        spec.loader.exec_module(loaded)
    return loaded


_kept: dict[Path, dict[str, ModuleType]] = {}
"Folder -> the modules that were imported from it."


@contextlib.contextmanager
def neighbours(folder: Path) -> Iterator[None]:
    """Let a file import what lies beside it, as a script may.

    Outside, these modules are out of sight: the `common.py` of another engine's folder is another module.
    """
    before = set(sys.modules)
    writing = sys.dont_write_bytecode
    sys.modules.update(_kept.get(folder, {}))
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writing
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = sys.modules[name].__dict__.get("__file__")
            if isinstance(file, str) and Path(file).is_relative_to(folder) and not name.startswith(LOADED_AS):
                _kept.setdefault(folder, {})[name] = sys.modules.pop(name)


def completed(functions: Plain, sheet: Engine) -> Plain:
    """The functions of an own engine, with what its author may leave out.

    `fit` may return {"probability"} alone. A missing `defaults` or `translate` says that it is missing, to the command
    that needs it.
    """
    path = Path(sheet.file)
    if not callable(functions.get("fit")):
        raise ValueError(f"{path.name} defines no function fit(spec, train, test, options)")

    def beside(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(*arguments: Any) -> Any:
            with neighbours(path.parent) if sheet.language == "Python" else contextlib.nullcontext():
                return function(*arguments)

        return called

    def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            started = time.perf_counter()
            given = beside(functions["fit"])(spec, train, test, options)
            seconds = time.perf_counter() - started
        said = [f"{each.category.__name__}: {each.message}" for each in caught]
        return whole_answer(given, spec, said, seconds)

    left_out = {
        "translate": f"{path.name} has no function translate(spec, options), so nothing tells its native calls",
        "defaults": f"{path.name} has no function defaults(spec, train, options), so nothing tells its parameters",
    }
    asked = {
        name: beside(functions[name]) if name in functions else _refusing(sentence)
        for name, sentence in left_out.items()
    }
    more = {name: beside(functions[name]) for name in functions if name not in (*left_out, "fit")}
    return {**asked, **more, "fit": fit}


def _refusing(sentence: str) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:
        raise ValueError(sentence)

    return refuse


def whole_answer(given: Any, spec: Plain, messages: list[str], seconds: float) -> Plain:
    """What an own `fit` returned, as the contract wants it.

    A missing label is cut where the specification says, at one half where it says nothing. Raises ValueError for an
    answer without probabilities and for labels that are not 0 or 1.
    """
    import numpy as np

    from parity.engines.contract import answer

    if not isinstance(given, dict) or given.get("probability") is None:
        got = f"the names {', '.join(map(str, given))}" if isinstance(given, dict) else f"a {type(given).__name__}"
        raise ValueError(f"fit must return `probability` by that name, and returned {got}")
    probability = _numbers(given["probability"], "probability")
    if given.get("label") is not None:
        label = _numbers(given["label"], "label")
        if not np.isin(label, (0, 1)).all():
            odd = next(value for value in label if value not in (0, 1))
            raise ValueError(f"fit returned the label {odd:g}; a label is 0 or 1, where 1 is the second class")
    elif np.isnan(probability).any():
        place = int(np.flatnonzero(np.isnan(probability))[0]) + 1
        raise ValueError(f"fit returned no number as `probability` of test row {place}, and no `label`")
    else:
        threshold = spec.get("threshold")
        label = probability > (0.5 if threshold is None else threshold)
    own = given.get("messages") or []
    return {
        **answer(probability=probability, label=label.astype(int)),
        "seconds": seconds,
        **{name: value for name, value in given.items() if name not in ("probability", "label")},
        "messages": [*([own] if isinstance(own, str) else own), *messages],
    }


def _numbers(values: Any, name: str) -> Any:
    """One number a row. A vector with names comes out of R as a dict, a factor of 0 and 1 as text."""
    import numpy as np

    listed = list(values.values()) if isinstance(values, dict) else values
    try:
        return np.asarray(listed, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"fit returned a `{name}` that is not one number a test row") from None
