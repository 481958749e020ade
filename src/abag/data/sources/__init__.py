"""Published sources, one small adapter each. A new one is a file and a line here."""

from __future__ import annotations

from typing import Final

from abag.data.sources import saaint_db
from abag.data.sources.base import RawTable, Source

SOURCES: Final[dict[str, Source]] = {module.SOURCE.name: module.SOURCE for module in (saaint_db,)}
"""Every adapter by the name of its source."""

__all__ = ["SOURCES", "RawTable", "Source"]
