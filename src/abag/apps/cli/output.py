"""How every command speaks: text for people, one JSON object for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from abag.errors import printable


def emit(content: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print ``content`` as one JSON object, or ``text``, on standard output."""
    plain = json.dumps(content, sort_keys=True, allow_nan=False) if as_json else printable(text)
    print(plain, flush=True)


def tell(text: str) -> None:
    """Print a line on standard error, where one is open."""
    with suppress(OSError, ValueError, AttributeError):
        print(printable(text), file=sys.stderr, flush=True)
