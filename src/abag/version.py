"""The version of the package: here, so that every floor may read it."""

from typing import Final

VERSION: Final = "0.2.0"


def is_newer(version: object) -> bool:
    """Whether something was made by a newer abag than this one, or by none that can be told."""
    if version == VERSION:
        return False
    try:
        parts = tuple(int(part) for part in str(version).split("."))
    except ValueError:
        return True
    return len(parts) != 3 or parts > tuple(int(part) for part in VERSION.split("."))
