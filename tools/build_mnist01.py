"""Build parity/mnist/mnist01.npy.xz, the zeros and ones of MNIST, from the four IDX files.

    python tools/build_mnist01.py FOLDER

FOLDER holds the four files of http://yann.lecun.com/exdb/mnist/, gunzipped or not.
"""

import argparse
import hashlib
import io
import lzma
from pathlib import Path

import numpy as np

from parity.data import MNIST_FILES, read_mnist

TARGET = Path(__file__).resolve().parents[1] / "parity" / "mnist" / "mnist01.npy.xz"


def build(folder: Path) -> bytes:
    """Rows of label 0 or 1 in file order, train then test; one (14780, 785) uint8 array, the label first."""
    parts = []
    for part in ("train", "test"):
        pixels, labels = read_mnist(folder, part)
        keep = labels <= 1
        parts.append(np.column_stack([labels[keep], pixels[keep]]))
    table = np.concatenate(parts).astype(np.uint8)
    if table.shape != (14_780, 785):
        raise SystemExit(f"expected 14,780 rows of 785 values, found {table.shape}")
    buffer = io.BytesIO()
    np.save(buffer, table)
    return lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=f"holds {', '.join(f.name for f in MNIST_FILES.values())}")
    content = build(parser.parse_args().folder)
    TARGET.write_bytes(content)
    print(f"{TARGET.name}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
