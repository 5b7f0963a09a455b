"""What every HTML page is made with: names are escaped, and no script or style runs but the page's own."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def page_environment() -> jinja2.Environment:
    """Templates in which a name that is not given is an error, with the filter `csp_hash`."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["csp_hash"] = _csp_hash
    return environment


def _csp_hash(code: str) -> str:
    """A script or style as a Content-Security-Policy names it: no other one runs, whatever the data bring."""
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"
