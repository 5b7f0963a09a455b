"""How long the whole report of a study takes from its store, against reading the cells alone; and how fast it opens.

    python benchmarks/report/run.py [STORE]      default: out/curves.sqlite, as `make pictures` fills it

Every engine, 16 sizes and 20 draws of leek2017 are to take under 10 s, and the page under 1.5 s to load.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

LOADS = 5
"The median of so many loads."


def read_all(store: Path) -> int:
    """Read every cell of the store with its arrays, and do nothing with them."""
    from parity.study.store import Store

    with Store(store) as opened:
        return sum(1 for _ in opened.rows())


def main(store: Path) -> None:
    """Print both times, their ratio, and how long the page takes to load."""
    if not store.exists():
        sys.exit(f"there is no store {store}; make it: parity curves --all --study leek2017 --store {store}")
    started = time.perf_counter()
    cells = read_all(store)
    reading = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "parity.cli", "report", str(store), "--study", "leek2017", "--html", str(page)]
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True)
        whole = time.perf_counter() - started
        print(f"{cells:,} cells: the whole report {whole:.1f} s, reading the cells alone {reading:.1f} s, "
              f"{whole / reading:.1f} times as long; {page.stat().st_size / 1e6:.1f} MB")  # fmt: skip
        loads(page, Path(folder))


def loads(page: Path, folder: Path) -> None:
    """Print the median time from navigation to the load event."""
    from tests.parity.chromium import CHROMIUM, Chromium

    if CHROMIUM is None:
        print("not loaded: there is no Chromium here")
        return
    browser = Chromium(folder / "profile")
    try:
        taken = []
        for _ in range(LOADS):
            browser.open(page)
            browser.until("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
            taken.append(browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
        print(f"loads in {sorted(taken)[LOADS // 2]:.0f} ms (median of {LOADS})")
    finally:
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "out" / "curves.sqlite")
