"""How every command speaks: text for people, one JSON object for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def emit(content: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print ``content`` as one JSON object, or ``text``, on standard output."""
    print(json.dumps(content, sort_keys=True, allow_nan=False) if as_json else text, flush=True)
