"""How near what was measured comes to a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Places = NDArray[np.int64]


class Nearest(NamedTuple):
    """How near the measured pairs come to each of n rows; every array has shape (n,)."""

    antibody: Reals
    """Largest CDR identity to a measured antibody, 0 to 1."""
    antigen: Reals
    """Largest identity to a measured antigen, 0 to 1."""
    kin: Places
    """Number of that antibody; -1 where nothing was measured."""
    site: Places
    """Number of that antigen; -1 where nothing was measured."""
    relative: Places
    """Number of the measured pair of which the row is a variant; -1 without one."""
    relative_antigen: Reals
    """Identity of its antigen to the row's; 0 without one."""
    changes: Places
    """Residues that differ from the relative; 0 without one."""
    cdr_changes: Places
    """Those of them that stand in CDRs."""

    def take(self, rows: NDArray[np.bool_]) -> Nearest:
        """The chosen rows, by mask."""
        chosen: list[Any] = [one[rows] for one in self]
        return Nearest(*chosen)

    @classmethod
    def joined(cls, parts: Sequence[Nearest]) -> Nearest:
        """The rows of several tables below each other."""
        joined: list[Any] = [np.concatenate(one) for one in zip(*parts, strict=True)]
        return cls(*joined)
