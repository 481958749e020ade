"""CDR identity of antibodies, and clusters by it.

The identity of two antibodies is 1 - D / L: D is the sum over the CDRs of the Levenshtein
distance between the two loops, L the sum of the longer lengths of each pair of loops. All six
CDRs count (IMGT); when one of the two has no light chain (VHH, heavy only) the three heavy ones
do, because the missing half cannot show that the antibodies differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.numbering import NumberedDomain, number_chains
from abag.data.similarity.linkage import cluster_names, linked_components
from abag.data.tables import Pairs, antibody_key
from abag.errors import SplitError

CDR_THRESHOLD: Final = 0.8
"""Default CDR identity of one antibody cluster.

Clonotypes are defined by 80 % or more of CDR-H3 identity, and an affinity-matured or engineered
variant keeps at least that share of its parent's 45 to 60 CDR residues; unrelated human
antibodies of one germline pair stay below it because their CDR3s differ.
"""

_FEWEST_OF_A_LIBRARY: Final = 16
_VARIED: Final = 4
"""A loop with more distinct forms than one per so many rows is bounded by its length alone."""
_ROUNDING: Final = 1e-5
"""Identities are single precision."""

Loops = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class CdrSet:
    """The IMGT CDRs 1 to 3 of an antibody; ``light`` is None for VHH and heavy only."""

    heavy: Loops
    light: Loops | None

    @property
    def key(self) -> str:
        """The loops as one text."""
        return "|".join((*self.heavy, *(self.light or ())))


def cdr_sets(table: Pairs | pl.DataFrame) -> dict[str, CdrSet]:
    """CDRs of every distinct antibody of a canonical table, by its ``antibody_key``.

    A chain in which no variable domain is found stands in whole for its CDR3: it then is close
    to itself and its point mutants only.
    """
    pairs = table.select("heavy", "light", key=antibody_key()).unique("key").sort("key")
    chains = sorted({chain for name in ("heavy", "light") for chain in pairs[name] if chain})
    domains = number_chains(chains)
    return {
        key: CdrSet(
            _loops(heavy, domains[heavy], light=False),
            _loops(light, domains[light], light=True) if light else None,
        )
        for key, heavy, light in zip(pairs["key"], pairs["heavy"], pairs["light"], strict=True)
    }


def _loops(chain: str, domains: Sequence[NumberedDomain], light: bool) -> Loops:
    for domain in domains:
        if domain.kind.is_light == light:
            return domain.cdr1, domain.cdr2, domain.cdr3
    return "", "", chain


class CdrTable:
    """CDRs of many antibodies, coded so that each distinct loop is compared once."""

    def __init__(self, sets: Sequence[CdrSet]) -> None:
        columns = [[s.heavy[i] for s in sets] for i in range(3)]
        columns += [[s.light[i] if s.light else "" for s in sets] for i in range(3)]
        self.loops: list[list[str]] = []
        codes = []
        for column in columns:
            distinct = sorted(set(column))
            index = {loop: i for i, loop in enumerate(distinct)}
            self.loops.append(distinct)
            codes.append([index[loop] for loop in column])
        self.codes = np.array(codes, dtype=np.intp).reshape(6, len(sets))
        lengths = [[len(loop) for loop in column] for column in columns]
        self.lengths = np.array(lengths, dtype=np.uint16).reshape(6, len(sets))
        self.has_light = np.array([s.light is not None for s in sets], dtype=np.bool_)

    def distances(
        self, other: CdrTable, loop: int, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Edit distance and longer length of one loop, ``[rows, columns]``.

        One row where the loop is the same in all of them, as in a library.
        """
        distinct, i, j = self._compared(other, loop, rows, columns)
        same_loop = len(distinct) == 1
        longer = np.maximum.outer(
            self.lengths[loop][rows[:1] if same_loop else rows], other.lengths[loop][columns]
        )
        distance = distinct.take(j, axis=1)
        return distance if same_loop else distance.take(i, axis=0), longer

    def _compared(
        self, other: CdrTable, loop: int, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint16], NDArray[np.intp], NDArray[np.intp]]:
        """Edit distances of the distinct loops, and the indices of rows and columns among them."""
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        mine, i = np.unique(self.codes[loop][rows], return_inverse=True)
        theirs, j = np.unique(other.codes[loop][columns], return_inverse=True)
        distinct = process.cdist(
            [self.loops[loop][code] for code in mine],
            [other.loops[loop][code] for code in theirs],
            scorer=Levenshtein.distance,
            dtype=np.uint16,
        )
        return distinct, i, j

    def nearest(
        self, other: CdrTable, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Largest CDR identity of antibodies ``rows`` to another table, and the nearest one there.

        Ties go to the first.
        """
        columns = self._in_reach(other, rows)
        identities = self.identities(other, rows, columns)
        best = identities.argmax(axis=1)
        return identities[np.arange(len(rows)), best], columns[best]

    def _in_reach(self, other: CdrTable, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Antibodies of another table that may be the nearest one of any of ``rows``.

        The rows of a library share loops. Their distances, and the lengths of the other loops,
        bound the identity of all rows to an antibody. Where this bound is below the identity of
        every row to some other antibody, the antibody is nearest to no row.
        """
        columns = np.arange(len(other.has_light), dtype=np.intp)
        if len(rows) < _FEWEST_OF_A_LIBRARY or len(np.unique(self.has_light[rows])) > 1:
            return columns
        distance, longer = np.zeros((2, len(columns)))
        for loop in range(6):
            lengths, theirs = (
                self.lengths[loop][rows].astype(float),
                other.lengths[loop].astype(float),
            )
            if _VARIED * len(np.unique(self.codes[loop][rows])) > len(rows):
                least = np.maximum(lengths.min() - theirs, theirs - lengths.max()).clip(0.0)
            else:
                distinct, _, j = self._compared(other, loop, rows, columns)
                least = distinct.min(axis=0)[j]
            counts = loop < 3 or other.has_light & self.has_light[rows[0]]
            distance += least * counts
            longer += np.maximum(lengths.max(), theirs) * counts
        bound = 1.0 - distance / longer.clip(1.0)
        likely = bound.argmax(keepdims=True)
        return np.flatnonzero(bound >= self.identities(other, rows, likely).min() - _ROUNDING)

    def identities(
        self, other: CdrTable, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """CDR identity of antibodies ``rows`` of this and ``columns`` of another table."""
        both_have_light = self.has_light[rows][:, None] & other.has_light[columns]
        shape, all_have = (len(rows), len(columns)), bool(both_have_light.all())
        distance, longer = np.zeros((2, *shape), dtype=np.uint16)
        for loop in range(6 if both_have_light.any() else 3):
            d, n = self.distances(other, loop, rows, columns)
            if loop >= 3 and not all_have:
                d, n = d * both_have_light, n * both_have_light
            distance += d
            longer += n
        return _identity(distance, longer)

    def h3_identities(
        self, other: CdrTable, rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Identity of CDR-H3 alone."""
        distance, longer = self.distances(other, 2, rows, columns)
        return np.broadcast_to(_identity(distance, longer), (len(rows), len(columns)))


def _identity(distance: NDArray[np.uint16], longer: NDArray[np.uint16]) -> NDArray[np.float32]:
    share = np.divide(distance, np.maximum(longer, 1), dtype=np.float32)
    return np.asarray(np.subtract(np.float32(1.0), share, out=share))


def antibody_clusters(
    sets: Mapping[str, CdrSet], threshold: float = CDR_THRESHOLD
) -> dict[str, str]:
    """Single-linkage clusters at a CDR identity: cluster name (``ab-...``) of each key.

    Two antibodies with identity of at least ``threshold`` are always in one cluster. Cost: see
    :func:`abag.data.similarity.linkage.linked_components`; 5,000 unrelated antibodies take
    seconds, 65,000 variants of one parent less than a minute, 65,000 unrelated ones hours.
    """
    require_threshold(threshold)
    if not sets:
        return {}
    distinct = {loops.key: loops for loops in sets.values()}
    keys = sorted(distinct)
    coded = CdrTable([distinct[key] for key in keys])

    def linked(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
        # float32 holds an identity to 6e-8; equal fractions must not fall under the threshold.
        return coded.identities(coded, rows, columns) >= np.float32(threshold - 1e-6)

    names = cluster_names(keys, linked_components(len(keys), linked, "antibodies"), "ab-")
    return {key: names[loops.key] for key, loops in sets.items()}


def require_threshold(threshold: float) -> None:
    """Raise :class:`SplitError` unless ``threshold`` is an identity above 0 and up to 1."""
    if not 0.0 < threshold <= 1.0:
        raise SplitError(
            f"the identity threshold is {threshold}; give a fraction above 0 and up to 1, "
            "for example 0.8"
        )
