"""The order of the test files: those that take longest first, so that none of them ends long after all others."""

from __future__ import annotations

import pytest

LONGEST = (
    "test_keras_trace.py",
    "test_leek2017.py",
    "test_aligned.py",
    "test_kill.py",
    "test_defaults.py",
    "test_planted.py",
    "test_divergences.py",
    "test_explain.py",
    "test_keras_fast.py",
    "test_keras_engine.py",
)
"Each takes more than a minute: `make test PYTEST_ARGS=--durations=60`."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files come first, and within a file the tests as they stand."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))
