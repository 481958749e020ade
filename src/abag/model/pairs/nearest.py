"""How near what was measured comes to a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Places = NDArray[np.int64]

FRAMEWORK_CHANGES: Final = 4
"""Designed variants change CDRs and leave the frameworks; antibodies of one germline that arose
apart differ by more (of 152 natural pairs with over ten changes 2 did not)."""
MOST_OF_A_VARIANT: Final = 6
"""Humanising and repairing change half a dozen residues of frameworks; of 25 measured relatives
with more 23 arose apart, each with mutations of its own."""


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

    @property
    def is_sibling(self) -> NDArray[np.bool_]:
        """Whether the relative arose apart from the row's antibody.

        Nobody changed one into the other, and what changes cost says nothing of the two.
        """
        return np.asarray(self.changes - self.cdr_changes > MOST_OF_A_VARIANT)

    def take(self, rows: NDArray[np.bool_]) -> Nearest:
        """The chosen rows, by mask."""
        chosen: list[Any] = [one[rows] for one in self]
        return Nearest(*chosen)

    @classmethod
    def joined(cls, parts: Sequence[Nearest]) -> Nearest:
        """The rows of several tables below each other."""
        joined: list[Any] = [np.concatenate(one) for one in zip(*parts, strict=True)]
        return cls(*joined)
