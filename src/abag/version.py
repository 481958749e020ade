"""The version of the package: here, so that every floor may read it."""

from typing import Final

VERSION: Final = "0.2.0"
