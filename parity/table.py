"""A user's CSV or Parquet file with a label column, read as numbers or refused in one sentence."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.errors import RequestError, unknown


def read_table(path: Path, label: str) -> tuple[NDArray[Any], NDArray[Any], Sequence[str], str]:
    """Values (n, p), labels (n,), feature names and the file's name."""
    import pandas as pd

    if not path.exists():
        raise RequestError(f"there is no file {path}")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except pd.errors.EmptyDataError as error:
        raise RequestError(f"{path} is empty; a header line and one row an example are needed") from error
    except (OSError, ValueError, EOFError, zlib.error) as error:  # parser errors are ValueErrors or OSErrors
        reason = str(error).strip().splitlines()[0]
        raise RequestError(f"{path} is not a readable {path.suffix.lstrip('.') or 'table'} file: {reason}") from error
    frame.columns = [str(column) for column in frame.columns]
    if label not in frame.columns:
        raise unknown("label column", label, frame.columns, where=str(path))
    if frame.empty:
        raise RequestError(f"{path} has no rows; at least two of each class are needed")
    if frame[label].isna().any():
        row = int(np.flatnonzero(frame[label].isna())[0])
        raise RequestError(f"{path} row {row + 1} has no label; drop or label that row first")
    features = frame.drop(columns=label)
    if features.columns.empty:
        raise RequestError(f"{path} has no column beside '{label}'; at least one feature is needed")
    for column in features.columns:
        if not pd.api.types.is_numeric_dtype(features[column]):
            _refuse_text(path, column, features[column])
    return features.to_numpy(dtype=float), frame[label].to_numpy(), list(features.columns), path.name


def _refuse_text(path: Path, column: str, values: Any) -> None:
    import pandas as pd

    bad = np.flatnonzero(pd.to_numeric(values, errors="coerce").isna())
    row = int(bad[0]) if len(bad) else 0
    value = values.iloc[row]
    raise RequestError(
        f"{path} row {row + 1}, column '{column}' is {value!r}, which is not a number; encode or drop that column first"
    )
