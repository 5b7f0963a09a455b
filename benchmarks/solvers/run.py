"""Wall time of every pair of linear fits at n = 10, from nothing and from the store."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

DRAWS = 5


def seconds(cache: str) -> float:
    """Of one `parity solvers --all`; 1 is its exit code where two of the solvers part."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "parity.cli", "solvers", "--all", "--n", "10", "--draws", str(DRAWS), "--quiet"]
    code = subprocess.run(command, env={**os.environ, "PARITY_CACHE": cache}).returncode
    if code not in (0, 1):
        raise SystemExit(code)
    return time.perf_counter() - started


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = seconds(folder), seconds(folder)
    print(f"all pairs, {DRAWS} draws: from nothing {cold:.1f} s, from the store {warm:.1f} s, ratio {warm / cold:.3f}")
