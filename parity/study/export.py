"""A store as one Parquet table, for whoever wants to look at the cells with their own tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from parity.study.store import Store

SCALARS = ("key", "engine", "method", "n", "draw", "status", "identity", "facts", "finished")
ARRAYS = {"probability": np.float64, "label": np.int8, "train_rows": np.int64}


def export_parquet(store: Path, out: Path) -> int:
    """Write one row a cell and return their number. identity and facts are JSON text; arrays are lists."""
    import pyarrow as pa
    from pyarrow import parquet

    with Store(store) as opened:
        records = list(opened.rows())
    columns: dict[str, pa.Array] = {name: pa.array([r[name] for r in records]) for name in SCALARS}
    for name, kind in ARRAYS.items():
        values = [r["arrays"][name].astype(kind) if name in r["arrays"] else None for r in records]
        columns[name] = pa.array(values, type=pa.list_(pa.from_numpy_dtype(kind)))
    partial = out.with_suffix(out.suffix + ".part")
    parquet.write_table(pa.table(columns), partial)
    partial.replace(out)
    return len(records)
