"""Which residues of a parent may change, for every command that makes variants of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter


@dataclass(frozen=True)
class FreePositions:
    """Which residues may change."""

    cdrs: Annotated[list[str] | None, Parameter(negative=())] = None
    """Change these IMGT CDRs alone: H3,L1, or all."""
    positions: Annotated[list[str] | None, Parameter(negative=())] = None
    """Change these positions: H:100-110,L:50; with --cdrs, both."""
    numbering: str = "sequential"
    """How positions are counted: sequential, imgt, kabat, chothia, martin or aho."""


EVERYWHERE: Final = FreePositions()
"""All positions may change."""
