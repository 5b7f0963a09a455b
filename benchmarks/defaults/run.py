"""Wall time of the whole table of defaults, from cold and from the cache: `python benchmarks/defaults/run.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time


def seconds(cache: str) -> float:
    """Of one `parity defaults`: every engine that runs here, under every method."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "parity.cli", "defaults", "--quiet"]
    subprocess.run(command, env={**os.environ, "PARITY_CACHE": cache}, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = seconds(folder), seconds(folder)
    print(f"cold {cold:.1f} s, from the cache {warm:.2f} s, ratio {warm / cold:.3f}")
