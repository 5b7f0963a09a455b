"""Says what the environment lacks of parity's requirements. Exit 0: nothing.

    .venv/bin/python setup/python_state.py EXTRA,EXTRA    one line for each requirement that is not met
    .venv/bin/python setup/python_state.py --stamp        notes that parity itself was installed from this tree
    .venv/bin/python setup/python_state.py --installed    exit 0: parity and what it imports are here, of whatever date

What is installed is looked up, not remembered: a package that somebody removed is found missing. Only parity's own
metadata (its commands and extras) needs a note, because an editable install is made from pyproject.toml once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAMP = Path(sys.prefix) / "parity-suite.stamp"


def note() -> str:
    """What an editable install depends on: where the tree is, its pyproject.toml, the Python."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{ROOT} {project} {sys.version}\n"


def unmet(extras: list[str]) -> list[str]:
    """The requirements of parity and of the extras that are not installed here in a version that will do."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    return [text for text in texts if not _met(Requirement(text))]


def _met(requirement) -> bool:  # type: ignore[no-untyped-def]
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return bool(requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True))
    except importlib.metadata.PackageNotFoundError:
        return False


def main() -> int:
    if sys.argv[1:] == ["--stamp"]:
        STAMP.write_text(note(), encoding="utf-8")
        return 0
    installed_alone = sys.argv[1:] == ["--installed"]
    try:
        lacking = unmet([] if installed_alone else sys.argv[1].split(","))
    except ImportError:
        lacking = ["packaging"]
    if installed_alone:
        return 1 if lacking or not STAMP.is_file() else 0
    if not STAMP.is_file() or STAMP.read_text(encoding="utf-8") != note():
        lacking.append("parity-suite")
    print(*lacking, sep="\n")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
