"""What every HTML page is made with: names are escaped, and no script or style runs but the page's own."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    import markupsafe


def page_environment() -> jinja2.Environment:
    """Templates in which a name that is not given is an error, with the filters `csp_hash` and `json_block`."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["csp_hash"] = _csp_hash
    environment.filters["json_block"] = _json_block
    return environment


def _csp_hash(code: str) -> str:
    """A script or style as a Content-Security-Policy names it: no other one runs, whatever the data bring."""
    return f"sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}"


def _json_block(value: Any) -> markupsafe.Markup:
    """Data for a page's script. Nothing in it can end the element that it stands in, or begin another one."""
    import markupsafe

    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)
