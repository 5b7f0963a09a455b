"""The pytest plugin: every comparison of a parity.toml is a test, and a `parity` fixture serves hand-written ones.

pytest imports this file at every start, wherever parity is installed: it imports nothing that pytest has not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from parity.expectations import Expectations, Pair
    from parity.spec.study import Study
    from parity.study.cells import Cell
    from parity.study.store import Result
    from parity.tested import Curves

Plain = dict[str, Any]

FILE = "parity.toml"
"The one name that is collected."

REPORTS = ("html", "json")

_documents = pytest.StashKey[dict[str, Path]]()
"Path of a parity.toml -> the file that holds its document until the session ends."


def pytest_addoption(parser: pytest.Parser) -> None:
    """The four options."""
    group = parser.getgroup("parity", "comparisons of R and Python (parity.toml)")
    group.addoption("--parity-html", metavar="FILE", type=Path, help="write the report of the comparisons as one page")
    group.addoption("--parity-json", metavar="FILE", type=Path, help="write their document (schema parity/1)")
    group.addoption("--parity-draws", metavar="N", type=int, help="draws at each size, in place of the file's")
    group.addoption(
        "--parity-store", metavar="FILE", type=Path, help="where fits are kept (default: in pytest's cache folder)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse, before anything is fitted, what could only fail at the end."""
    config.stash[_documents] = {}
    draws = config.getoption("--parity-draws")
    if draws is not None and draws < 1:
        raise pytest.UsageError(f"--parity-draws is {draws}; it must be at least 1")
    for kind in REPORTS:
        path = config.getoption(f"--parity-{kind}")
        if path is not None and not path.absolute().parent.is_dir():
            raise pytest.UsageError(f"--parity-{kind}: there is no folder {path.parent}; make it, or name another file")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of the one name is collected."""
    return ParityFile.from_parent(parent, path=file_path) if file_path.name == FILE else None


class ParityFile(pytest.File):
    """A parity.toml. Its study is fitted when the first of its comparisons is run."""

    _expectations: Expectations
    _document: Plain | None = None
    _failure: str = ""

    def collect(self) -> Iterator[pytest.Item]:
        """One test a comparison; a wrong request is one sentence."""
        from parity.errors import RequestError
        from parity.expectations import read_expectations

        try:
            self._expectations = read_expectations(self.path)
        except RequestError as error:
            raise self.CollectError(f"parity: {error}") from None
        for pair in self._expectations.pairs:
            yield Comparison.from_parent(self, name=str(pair), pair=pair, expectations=self._expectations)

    def document(self) -> Plain:
        """The document of the study, fitted where it has not been; the sentence of a failure is told every time."""
        from parity.errors import NothingCompared, RequestError
        from parity.expectations import fitted_by

        if self._document is None and not self._failure:
            try:
                self._document = _shared_document(self.config, self.path, fitted_by(self._expectations))
            except (RequestError, NothingCompared) as error:
                self._failure = f"parity: {error}"
        if self._document is None:
            pytest.fail(self._failure, pytrace=False)
        return self._document


class Comparison(pytest.Item):
    """Two engines under one method."""

    def __init__(self, *, pair: Pair, expectations: Expectations, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._pair, self._expectations = pair, expectations
        if self.config.pluginmanager.hasplugin("timeout"):
            # The first comparison fits the whole study, of which every cell has a time limit of its own.
            self.add_marker(pytest.mark.timeout(0))

    def runtest(self) -> None:
        """Pass where the two agree, as far as the file asks for that."""
        from parity.errors import NothingCompared
        from parity.outcomes import outcome

        assert isinstance(self.parent, ParityFile)
        document = self.parent.document()
        try:
            found = outcome(document, self._pair, self._expectations)
        except NothingCompared as error:
            pytest.fail(f"parity: {error}", pytrace=False)
        if found.kind == "skipped":
            pytest.skip(found.text)
        if found.kind == "expected":
            pytest.xfail(found.text)
        if found.kind != "passed":
            pytest.fail(found.text, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """A comparison stands at no line of its file."""
        return self.path, None, self.name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A comparison that was skipped says which one it is, and not where in this file that was found."""
    report = yield
    if isinstance(item, Comparison) and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        report.longrepr = (str(item.path), None, f"Skipped: {item.name}: {reason}")  # type: ignore[assignment]
    return report


class Parity:
    """What the fixture `parity` offers to hand-written tests."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config, self._folder = config, folder

    def assert_parity(self, a: Any, b: Any, **options: Any) -> None:
        """parity.assert_parity."""
        __tracebackhide__ = True
        from parity.assertion import assert_parity

        assert_parity(a, b, **options)

    def curves(self, study: Study | str | Path, left: str, right: str, *, method: str | None = None) -> Curves:
        """Run a study (a preset, a study file beside the test or in the working directory, or a Study) on two engines.

        The result has the verdict and is true where the two agree: `assert found, found.text`.
        """
        from parity.tested import curves_of, study_at

        config = self._config
        asked = study_at(study, self._folder)
        with _Line(config, asked.reference or asked.name) as follow, _Alone(config) as store:
            return curves_of(asked, left, right, method, config.getoption("--parity-draws"), store, follow)


@pytest.fixture
def parity(request: pytest.FixtureRequest) -> Parity:
    """assert_parity(a, b, …) for two results, and curves(study, left, right) for two engines under one study."""
    return Parity(request.config, request.path.parent)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports, once: where tests were spread over processes, by the one that spread them."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["parity"] = {name: str(path) for name, path in config.stash[_documents].items()}
        return
    from contextlib import suppress

    lines: list[str] = []
    kept = config.stash[_documents]
    wanted = {kind: path for kind in REPORTS if (path := config.getoption(f"--parity-{kind}")) is not None}
    if wanted:
        from parity.tested import write_reports

        lines = write_reports(kept, wanted, config.rootpath)
    for path in kept.values():
        with suppress(OSError):
            path.unlink()
    config.stash[_lines] = lines


_lines = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say where the reports are."""
    for line in config.stash.get(_lines, []):
        terminalreporter.write_line(f"parity: {line}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Learn from a process of pytest-xdist where the documents of its comparisons are."""
    told = getattr(node, "workeroutput", {}).get("parity", {})
    node.config.stash[_documents].update({name: Path(path) for name, path in told.items()})


def _store(config: pytest.Config) -> Path:
    """The file that fits are kept in."""
    given = config.getoption("--parity-store")
    if given is not None:
        return Path(given).absolute()
    cache = getattr(config, "cache", None)
    if cache is not None:
        return Path(cache.mkdir("parity")) / "store.sqlite"
    from parity.study.tables import cache_folder  # pytest was told to keep no cache (-p no:cacheprovider)

    return cache_folder() / "pytest.sqlite"


class _Alone:
    """The store, while no other process of these tests has it: a context manager."""

    def __init__(self, config: pytest.Config) -> None:
        from filelock import FileLock

        self._path = _store(config)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(f"{self._path}.pytest.lock")

    def __enter__(self) -> Path:
        self._lock.acquire()
        return self._path

    def __exit__(self, *error: object) -> None:
        self._lock.release()


def _shared_document(config: pytest.Config, path: Path, study: Study) -> Plain:
    """The document of a study: made by the first process of the session that needs it, read by the others."""
    import hashlib
    import json
    import os

    from parity.api import curves
    from parity.report.document import write

    worker = getattr(config, "workerinput", {})
    session = worker.get("testrunuid") or f"{os.getpid()}"
    with _Line(config, study.reference or study.name) as follow, _Alone(config) as store:
        mark = hashlib.sha256(f"{session} {path}".encode()).hexdigest()[:16]
        kept = store.with_name(f"{store.name}.{mark}.json")
        config.stash[_documents][str(path)] = kept
        if kept.exists():
            shared: Plain = json.loads(kept.read_text(encoding="utf-8"))
            return shared
        document = curves(study, draws=config.getoption("--parity-draws"), store=store, follow=follow)
        write(document, kept)
        return document


class _Line:
    """One line of pytest's terminal while a study is fitted; its count moves where the terminal can do that."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        self._terminal: Any = config.pluginmanager.getplugin("terminalreporter")
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        self._name = name
        self._open = False

    def __enter__(self) -> Callable[[Sequence[Cell]], Callable[[Cell, Result], object]]:
        return self._follow

    def __exit__(self, *error: object) -> None:
        if self._open:
            self._say(None)

    def _follow(self, cells: Sequence[Cell]) -> Callable[[Cell, Result], object]:
        done, moves = 0, bool(self._terminal and self._terminal.isatty)
        if cells and self._terminal and self._terminal.verbosity >= 0:
            self._say(f"parity: {self._name}, {len(cells):,} cells to fit")

        def tell(cell: Cell, result: Result) -> None:
            nonlocal done
            done += 1
            if moves and self._open:
                doing = f"{cell.engine.id} {cell.method} n={cell.draw.n}"
                self._say(f"parity: {self._name}, {done:,} of {len(cells):,} cells fitted, {doing}")

        return tell

    def _say(self, text: str | None) -> None:
        """Put the text in place of the line; None ends it."""
        from contextlib import nullcontext

        from parity.report.compared import one_line

        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            if text is None:
                self._terminal.write("\n")
            elif self._open:
                self._terminal.rewrite(one_line(text), erase=True)
            else:
                self._terminal.ensure_newline()
                self._terminal.write(one_line(text), flush=True)
                self._open = True
