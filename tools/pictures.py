"""Makes the pictures of the README and the documentation again: figures by R, pages as Chromium shows them.

    python tools/pictures.py [NAME]...      NAME: as leek2017 of docs/leek2017.png; without one, all of them

Figures come from `parity reproduce`, whose stores stay in out/, so that a second time nothing is fitted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS, OUT = ROOT / "docs", ROOT / "out"

sys.path.insert(0, str(ROOT))


@dataclass(frozen=True)
class Page:
    """A page that a command writes, and what of it is shown. mark: of the address; size: of the window, in pixels."""

    command: tuple[str, ...]
    size: tuple[int, int]
    mark: str = ""
    fails: bool = False
    "Whether the command ends with 1, as a comparison does that finds a difference."


CURVES = ("curves", "--all", "--study", "leek2017", "--store", str(OUT / "curves.sqlite"), "--quiet")

PAGES = {
    "defaults": Page(("defaults", "mlp-leek", "--diff", "r-h2o", "py-keras-jax", "--quiet"), (1240, 1120)),
    "lockstep": Page(
        (
            *("lockstep", "py-keras-tensorflow", "py-keras-jax", "--method", "mlp-beam", "--quiet"),
            *("--optimizer", "sgd", "--learning-rate", "0.3", "--steps", "60"),
        ),
        (1080, 1010),
        fails=True,
    ),
    "report": Page(CURVES, (1300, 1500), fails=True),
    "report_pair": Page(CURVES, (1300, 1500), "#pair=r-h2o~py-keras-jax~mlp-leek", fails=True),
}

FIGURES = {
    "leek2017": ("leek2017", "figure"),
    "engines": ("leek2017", "engines"),
    "pixels": ("leek2017", "pixels"),
    "beam2017_r": ("beam2017-r", "figure"),
    "beam2017_epochs": ("beam2017-r", "epochs"),
    "beam2017_python": ("beam2017-python", "figure"),
    "beam2017_python_epochs": ("beam2017-python", "epochs"),
}
"Name of a picture -> the preset that draws it, and what it is called there."


def parity(*words: str, fails: bool = False) -> None:
    """Run the command line; a comparison that finds a difference ends with 1."""
    done = subprocess.run([sys.executable, "-m", "parity.cli", *words], cwd=ROOT, check=False)
    if done.returncode not in ((0, 1) if fails else (0,)):
        sys.exit(f"parity {' '.join(words)} ended with {done.returncode}")


def drawn(preset: str, name: str, to: Path) -> None:
    """A figure of a preset."""
    folder = OUT / preset
    parity("reproduce", preset, "--out", str(folder), "--quiet", fails=True)
    shutil.copyfile(folder / f"{name}.png", to)


def guess(to: Path) -> None:
    """The figure on liblinear's robustness."""
    parity("robustness", "--out", str(OUT / "robustness"), "--quiet", fails=True)
    shutil.copyfile(OUT / "robustness" / "robustness.png", to)


def photographed(page: Page, to: Path) -> None:
    """A page as a browser shows it."""
    from tests.parity.chromium import CHROMIUM, Chromium

    if CHROMIUM is None:
        sys.exit("there is no Chromium here, which shows the pages; to mend it: apt-get install -y chromium")
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        parity(*page.command, "--html", str(html), fails=page.fails)
        browser = Chromium(Path(folder) / "profile")
        try:
            browser.screen(*page.size)
            browser.prefer("light")
            browser.open(html, page.mark)
            browser.until("document.fonts.status === 'loaded'")
            to.write_bytes(browser.picture())
        finally:
            browser.close()


def makers() -> dict[str, Callable[[Path], None]]:
    """Name of a picture -> what makes it."""
    made: dict[str, Callable[[Path], None]] = {"liblinear_guess": guess}
    made |= {name: lambda to, of=of: drawn(*of, to) for name, of in FIGURES.items()}
    made |= {name: lambda to, page=page: photographed(page, to) for name, page in PAGES.items()}
    return made


def main(names: list[str]) -> None:
    """Make the named pictures, or all."""
    known = makers()
    for name in names or known:
        if name not in known:
            sys.exit(f"there is no picture '{name}'; these are made here: {', '.join(known)}")
        known[name](DOCS / f"{name}.png")
        print(f"docs/{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
