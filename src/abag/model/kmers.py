"""Counts of k-mers (k = 1 to 4) of protein chains as sparse matrices.

Columns: the 20 letters, then the 400 pairs, 8,000 triples and 160,000 quadruples, each in the
order of the numbers that their letters spell in base 20. A k-mer with an unknown residue, or one
that would span two chains, is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LONGEST_K: Final = 4
COLUMNS: Final = sum(20**k for k in range(1, LONGEST_K + 1))

Molecule: TypeAlias = tuple[str, ...]
"""The chains of one molecule; empty for a light chain that is not there."""

_NO_LETTER: Final = len(AMINO_ACIDS)
_CODES: Final = np.full(256, _NO_LETTER, dtype=np.uint8)
_CODES[np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)] = np.arange(len(AMINO_ACIDS))


class KmerTable(NamedTuple):
    """Values of the k-mers that molecules have, a compressed matrix (molecules, COLUMNS).

    Kept as plain arrays, because importing scipy takes longer than predicting a pair.
    """

    pointers: NDArray[np.int64]
    """Shape (molecules + 1,): where the k-mers of each molecule begin."""
    columns: NDArray[np.int32]
    """Column of each k-mer, sorted within a molecule."""
    values: NDArray[np.float64]

    @property
    def molecules(self) -> int:
        """How many there are."""
        return len(self.pointers) - 1

    @property
    def owner(self) -> NDArray[np.int64]:
        """Molecule of each k-mer."""
        return np.repeat(np.arange(self.molecules), np.diff(self.pointers))

    def sparse(self) -> csr_matrix:
        """The same for products of many molecules."""
        from scipy.sparse import csr_matrix

        shape = (self.molecules, COLUMNS)
        return csr_matrix((self.values, self.columns, self.pointers), shape=shape)

    def dense(self, molecule: int) -> NDArray[np.float64]:
        """Values of one molecule in all columns, shape (COLUMNS,)."""
        own = slice(*self.pointers[molecule : molecule + 2])
        row = np.zeros(COLUMNS)
        row[self.columns[own]] = self.values[own]
        return row


def count_kmers(molecules: Sequence[Molecule]) -> KmerTable:
    """Count k-mers of each molecule."""
    letters, owners = _encode(molecules)
    found = [_kmers(letters, owners, k) for k in range(1, LONGEST_K + 1)]
    columns = np.concatenate([column for column, _ in found])
    rows = np.concatenate([row for _, row in found])
    # One sortable number a k-mer occurrence: counting is then a sort.
    keys, counts = np.unique(rows * COLUMNS + columns, return_counts=True)
    pointers = np.searchsorted(keys, np.arange(len(molecules) + 1) * COLUMNS)
    return KmerTable(pointers, (keys % COLUMNS).astype(np.int32), counts.astype(np.float64))


def unit_roots(counts: KmerTable) -> KmerTable:
    """Square roots of the counts, each row of unit length (a row without k-mers stays zero).

    The scalar product of two such rows is the cosine of square-rooted counts (the Bhattacharyya
    coefficient of the two k-mer distributions).
    """
    totals = np.add.reduceat(np.append(counts.values, 0.0), counts.pointers[:-1])
    filled = np.diff(counts.pointers)
    totals[filled == 0] = 1.0
    return counts._replace(values=np.sqrt(counts.values / np.repeat(totals, filled)))


def _encode(molecules: Sequence[Molecule]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Letter codes of all chains in a row, a stop after each, and the molecule of each place."""
    texts = ["".join(f"{chain}*" for chain in molecule) for molecule in molecules]
    letters = _CODES[np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8)]
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    return letters.astype(np.int64), owners


def _kmers(
    letters: NDArray[np.int64], owners: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and molecule of every k-mer of one length."""
    places = len(letters) - k + 1
    if places <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    number = np.zeros(places, dtype=np.int64)
    whole = np.ones(places, dtype=np.bool_)
    for step in range(k):
        letter = letters[step : step + places]
        number = number * 20 + letter
        whole &= letter < _NO_LETTER
    first_column = sum(20**shorter for shorter in range(1, k))
    return number[whole] + first_column, owners[:places][whole]
