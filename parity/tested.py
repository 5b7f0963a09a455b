"""What the pytest plugin needs once there is something to compare: curves for a hand-written test, and the reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.compare.verdict import Kind
from parity.errors import RequestError

if TYPE_CHECKING:
    from parity.run import Follow
    from parity.spec.study import Study

Plain = dict[str, Any]

AGREE = (Kind.IDENTICAL, Kind.WITHIN_TOLERANCE, Kind.EQUIVALENT)
"Verdicts under which two sides agree."


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Two engines' accuracy curves, compared. True where they agree: `assert found, found.text`."""

    verdict: Kind
    reason: str
    text: str
    "As a failed comparison of a parity.toml is printed."
    pair: Plain
    "The pair as it stands in the document."
    document: Plain

    def __bool__(self) -> bool:
        return self.verdict in AGREE

    def __repr__(self) -> str:
        return f"<{self.pair['left']} ~ {self.pair['right']} [{self.pair['method']}]: {self.verdict}>"


def study_at(study: Study | str | Path, folder: Path) -> Study:
    """A Study as it is, a preset by name, or the study in a file beside the test, else in the working directory."""
    from parity.commands import study_named
    from parity.spec.study import Study, read_study

    if isinstance(study, Study):
        return study
    beside = folder / study
    return read_study(beside) if beside.is_file() else study_named(str(study))


def curves_of(
    study: Study, left: str, right: str, method: str | None, draws: int | None, store: Path, follow: Follow
) -> Curves:
    """Run a study on two engines and compare them under one method: the study's own, where it has only one."""
    from parity.api import curves
    from parity.outcomes import described

    if method is None and len(study.methods) > 1:
        raise RequestError(f"study {study.name} has {len(study.methods)} methods; name one: {', '.join(study.methods)}")
    document = curves(study, (left, right), method=method, draws=draws, store=store, follow=follow)
    (pair,) = document["pairs"]
    return Curves(Kind(pair["verdict"]), pair["reason"], described(document, pair), pair, document)


def write_reports(kept: Mapping[str, Path], wanted: Mapping[str, Path], root: Path) -> list[str]:
    """Write each document as every kind of report that is wanted; returns what is to be said of that, a line each.

    kept: path of a parity.toml -> the file that holds its document. wanted: html or json -> file; where there are
    several documents, each file's name ends in the folder of its parity.toml.
    """
    from parity.report.document import write_text

    found = {name: path for name, path in kept.items() if path.exists()}
    lines = [] if found else ["no comparison was made, so that no report was written"]
    for name, path in sorted(found.items()):
        document = json.loads(path.read_text(encoding="utf-8"))
        for kind, to in wanted.items():
            report = to if len(found) == 1 else to.with_stem(f"{to.stem}-{_folder(Path(name), root)}")
            text = _html(document) if kind == "html" else json.dumps(document, indent=1, allow_nan=False) + "\n"
            try:
                write_text(text, report)
            except OSError as error:
                lines.append(f"{report} could not be written: {error.strerror}; name another --parity-{kind}")
                continue
            lines.append(f"wrote {report}")
    return lines


def _html(document: Plain) -> str:
    from parity.report.study_html import study_html

    return study_html([document])


def _folder(path: Path, root: Path) -> str:
    """The folder of a file below the root of the tests, as part of a file name."""
    parent = path.parent
    inside = parent.relative_to(root).parts if parent.is_relative_to(root) else parent.parts[1:]
    return "-".join(inside) or "root"
