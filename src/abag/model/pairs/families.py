"""Families of the measured pairs: a parent and its variants on one antigen, and weights of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.antigens import ANTIGEN_THRESHOLD
from abag.model.pairs.measured import MeasuredPairs
from abag.model.pairs.relatives import MOST_OF_A_VARIANT

DESIGNED: Final = 5
"""A family of so many variants is a parent and what was designed from it."""

Reals = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Families:
    """For each of n measured pairs its family, the parent in it, and what changed from there.

    The parent of a family is the pair from which the others differ by the fewest changes in all:
    variants differ from their parent less than from one another. A pair alone is its own parent.
    """

    family: Places
    parent: Places
    """Number of the parent's pair."""
    changes: Places
    cdr_changes: Places

    @classmethod
    def of(cls, measured: MeasuredPairs) -> Self:
        """Link all pairs that are relatives of each other; what is linked is a family."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        first, second, changes = measured.links()
        count = len(measured.pairs.pkd)
        graph = coo_matrix((np.ones(len(first)), (first, second)), (count, count))
        family = connected_components(graph, directed=False)[1].astype(np.int64)
        total = np.bincount(first, changes, count) if len(first) else np.zeros(count)
        parent = _parents(family, total / np.maximum(np.bincount(first, minlength=count), 1))
        return cls(family, parent, *_changes(measured, parent))

    @property
    def designed(self) -> NDArray[np.bool_]:
        """Which pairs belong to a family of a parent and its designed variants, shape (n,)."""
        changed = np.bincount(self.family[self.changes > 0], minlength=int(self.family.max()) + 1)
        return np.asarray(changed[self.family] >= DESIGNED)

    @property
    def root(self) -> Places:
        """The parent of each pair's family; a sibling that arose apart from it is its own."""
        is_sibling = self.changes - self.cdr_changes > MOST_OF_A_VARIANT
        return np.where(is_sibling, np.arange(len(self.parent)), self.parent)

    @property
    def variants(self) -> NDArray[np.bool_]:
        """Which pairs are variants of another pair, shape (n,)."""
        return np.asarray(self.parent != np.arange(len(self.parent)))


def _parents(family: Places, distance: Reals) -> Places:
    """The pair with the least mean distance to its relatives, ties to the first."""
    order = np.lexsort((np.arange(len(family)), distance))
    first: dict[int, int] = {}
    for row in order.tolist():
        first.setdefault(int(family[row]), row)
    return np.array([first[int(number)] for number in family], dtype=np.int64)


def _changes(measured: MeasuredPairs, parent: Places) -> tuple[Places, Places]:
    laid, antibody_of = measured.laid, measured.pairs.antibody
    total, cdr = np.zeros((2, len(parent)), dtype=np.int64)
    for number in np.unique(parent).tolist():
        rows = np.flatnonzero(parent == number)
        variants, parents = (laid.take(antibody_of[at]) for at in (rows, np.array([number])))
        changes = measured.layout.changes(variants, parents)
        total[rows], cdr[rows] = changes.total[:, 0], changes.cdr[:, 0]
    return total, cdr


def antigen_groups(measured: MeasuredPairs) -> Places:
    """Number of the cluster of each measured antigen (single linkage, as the splits link them)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    if not measured.antigens:
        return np.zeros(0, dtype=np.int64)
    linked = csr_matrix(measured.between_antigens >= ANTIGEN_THRESHOLD)
    return np.asarray(connected_components(linked, directed=False)[1], dtype=np.int64)
