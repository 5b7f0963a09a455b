"""parity: one specification through two frameworks. What a Python user calls is here, loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.api import curves as curves
    from parity.assertion import assert_parity as assert_parity

_PLACES = {"assert_parity": "parity.assertion", "curves": "parity.api"}
"Public name -> the module that has it. `import parity` itself imports nothing."


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'parity' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_PLACES[name]), name)
