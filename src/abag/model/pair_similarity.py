"""K-mer cosines (k = 1 to 4) between pairs to be predicted and the pairs of a training set.

Distinct chains are counted once. The training side is kept as sparse counts, never as text.
Columns: the 20 letters, then the 400 pairs, 8,000 triples and 160,000 quadruples, each in the
order of the numbers that their letters spell in base 20. A k-mer with an unknown residue, or one
that would span two chains, is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.tables import Pairs

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
        entries = slice(*self.pointers[molecule : molecule + 2])
        row = np.zeros(COLUMNS)
        row[self.columns[entries]] = self.values[entries]
        return row


def count_kmers(molecules: Sequence[Molecule]) -> KmerTable:
    """Count k-mers of each molecule."""
    letters, owners = _encode(molecules)
    kmers = [_kmers(letters, owners, k) for k in range(1, LONGEST_K + 1)]
    columns = np.concatenate([column for column, _ in kmers])
    rows = np.concatenate([row for _, row in kmers])
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
    unbroken = np.ones(places, dtype=np.bool_)
    for step in range(k):
        letter = letters[step : step + places]
        number = number * 20 + letter
        unbroken &= letter < _NO_LETTER
    first_column = sum(20**shorter for shorter in range(1, k))
    return number[unbroken] + first_column, owners[:places][unbroken]


Reals = NDArray[np.float64]
_CELLS_OF_A_CHUNK: Final = 350_000
"""Rows of a chunk times training rows: 3 MB for each matrix in memory."""
_BLOCK: Final = 128
"""Molecules that are multiplied at once, so that their part of the counts stays in the cache."""
_FEW: Final = 16
"""Fewer molecules are compared without scipy, whose import takes longer."""


class Cosines(NamedTuple):
    """Cosines of heavy, light and antigen, each of shape (rows, training rows), 0 to 1.

    ``light`` and ``antigen`` have shape (1, training rows) where all rows have the same one. A
    molecule that is not there has cosine 0 to every other; ``has_light`` and ``has_antigen``, of
    shape (rows,), say whether it is there.
    """

    heavy: Reals
    light: Reals
    antigen: Reals
    has_light: NDArray[np.bool_]
    has_antigen: NDArray[np.bool_]


@dataclass(frozen=True)
class MoleculeIndex:
    """K-mer counts of the distinct molecules of a training set, and which row has which."""

    counts: KmerTable
    place: NDArray[np.int64]
    """Shape (training rows,): row of ``counts`` that belongs to each training row."""

    @classmethod
    def of(cls, molecules: Sequence[Molecule]) -> Self:
        """Count each distinct molecule once."""
        distinct, index_of_row = _distinct(molecules)
        return cls(count_kmers(distinct), index_of_row)

    @cached_property
    def _roots(self) -> KmerTable:
        return unit_roots(self.counts)

    @cached_property
    def _owner(self) -> NDArray[np.int64]:
        return self.counts.owner

    @cached_property
    def _by_kmer(self) -> csr_matrix:
        return self._roots.sparse().T.tocsr()

    @cached_property
    def _in_training(self) -> NDArray[np.bool_]:
        """Whether any training row has each k-mer, shape (k-mers,)."""
        return np.asarray(np.diff(self._by_kmer.indptr) > 0)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether each training row has a molecule with k-mers, shape (training rows,)."""
        return np.asarray((np.diff(self.counts.pointers) > 0)[self.place])

    def cosines(self, molecules: Sequence[Molecule]) -> Reals:
        """Cosines of each molecule to each training row, shape (molecules, training rows)."""
        return self.distinct_cosines(molecules, keep_one=False)

    def distinct_cosines(self, molecules: Sequence[Molecule], *, keep_one: bool = True) -> Reals:
        """As :meth:`cosines`; where all molecules are the same one, one row (``keep_one``)."""
        distinct, index_of_row = _distinct(molecules)
        roots = unit_roots(count_kmers(distinct))
        # Either way a cell is the sum of its terms in the order of the k-mers: it has the same
        # digits beside any other rows.
        products = self._one_by_one(roots) if len(distinct) < _FEW else self._in_blocks(roots)
        if len(distinct) == len(molecules) or (keep_one and len(distinct) == 1):
            return np.asarray(products)
        return np.asarray(products[index_of_row])

    def _one_by_one(self, roots: KmerTable) -> Reals:
        training, products = self._roots, np.empty((roots.molecules, self.counts.molecules))
        for molecule in range(roots.molecules):
            terms = training.values * roots.dense(molecule)[training.columns]
            products[molecule] = np.bincount(self._owner, terms, self.counts.molecules)
        return products.take(self.place, axis=1)

    def _in_blocks(self, roots: KmerTable) -> Reals:
        """Products with each training row; a block is dense in the k-mers that it shares with any.

        Terms of zero are added where a molecule lacks a k-mer, which changes no sum.
        """
        products = np.empty((roots.molecules, len(self.place)))
        number = np.zeros(COLUMNS, dtype=np.int64)
        for start in range(0, len(products), _BLOCK):
            size = min(_BLOCK, roots.molecules - start)
            bounds = roots.pointers[start : start + size + 1]
            indices = roots.columns[bounds[0] : bounds[-1]]
            shared = self._in_training[indices]
            columns = indices[shared]
            used = np.zeros(COLUMNS, dtype=np.bool_)
            used[columns] = True
            kmers = np.flatnonzero(used)
            number[kmers] = np.arange(len(kmers))
            owner = np.repeat(np.arange(size), np.diff(bounds))[shared]
            dense = np.zeros((len(kmers), size))
            dense[number[columns], owner] = roots.values[bounds[0] : bounds[-1]][shared]
            block = self._by_kmer[kmers].T @ dense
            products[start : start + _BLOCK] = block.take(self.place, axis=0).T
        return products

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Arrays to be saved, under a name."""
        return {
            f"{name}.pointers": self.counts.pointers.astype(np.int64),
            f"{name}.columns": self.counts.columns.astype(np.int32),
            f"{name}.counts": self.counts.values.astype(np.uint16),
            f"{name}.place": self.place.astype(np.int64),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        counts = arrays[f"{name}.counts"].astype(np.float64)
        pointers, columns = (arrays[f"{name}.{part}"] for part in ("pointers", "columns"))
        return cls(KmerTable(pointers, columns, counts), arrays[f"{name}.place"])


@dataclass(frozen=True)
class PairSimilarity:
    """The heavy chains, light chains and antigens of a training set.

    Chains are cut to their first ``heavy_residues`` and ``light_residues``, so that constant
    domains count for nothing; antigens are whole.
    """

    heavy: MoleculeIndex
    light: MoleculeIndex
    antigen: MoleculeIndex
    heavy_residues: int
    light_residues: int

    @classmethod
    def of(cls, frame: Pairs, heavy_residues: int, light_residues: int) -> Self:
        """Count the chains of a frame with ``heavy``, ``light`` and ``antigen``."""
        heavy, light, antigen = _molecules(frame, heavy_residues, light_residues)
        return cls(
            MoleculeIndex.of(heavy),
            MoleculeIndex.of(light),
            MoleculeIndex.of(antigen),
            heavy_residues,
            light_residues,
        )

    @property
    def rows(self) -> int:
        """Number of training rows."""
        return len(self.heavy.place)

    def cosines(self, frame: Pairs) -> Cosines:
        """Cosines of each row of ``frame`` to each training row."""
        heavy, light, antigen = _molecules(frame, self.heavy_residues, self.light_residues)
        return Cosines(
            self.heavy.cosines(heavy),
            self.light.distinct_cosines(light),
            self.antigen.distinct_cosines(antigen),
            np.array([bool(molecule) for molecule in light], dtype=np.bool_),
            np.array([bool(molecule) for molecule in antigen], dtype=np.bool_),
        )

    def chunks(self, frame: Pairs) -> Iterator[Pairs]:
        """Cut a frame so that memory does not grow with its rows."""
        size = max(16, min(2048, _CELLS_OF_A_CHUNK // max(1, self.rows)))
        for start in range(0, frame.height, size):
            yield frame.slice(start, size)

    def in_chunks(self, frame: Pairs, compute: Callable[[Cosines], Reals]) -> Reals:
        """Join what ``compute`` gives for the cosines of each chunk, along the first axis."""
        parts = [compute(self.cosines(chunk)) for chunk in self.chunks(frame)]
        return np.concatenate(parts)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            **self.heavy.arrays("heavy"),
            **self.light.arrays("light"),
            **self.antigen.arrays("antigen"),
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], heavy_residues: int, light_residues: int
    ) -> Self:
        """The inverse of :meth:`arrays`."""
        heavy, light, antigen = (
            MoleculeIndex.from_arrays(name, arrays) for name in ("heavy", "light", "antigen")
        )
        return cls(heavy, light, antigen, heavy_residues, light_residues)


def _distinct(molecules: Sequence[Molecule]) -> tuple[list[Molecule], NDArray[np.int64]]:
    places: dict[Molecule, int] = {}
    place = [places.setdefault(molecule, len(places)) for molecule in molecules]
    return list(places), np.array(place, dtype=np.int64)


def _molecules(
    frame: Pairs, heavy_residues: int, light_residues: int
) -> tuple[list[Molecule], list[Molecule], list[Molecule]]:
    heavy: list[Molecule] = [(chain[:heavy_residues],) for chain in frame["heavy"]]
    light: list[Molecule] = [(chain[:light_residues],) if chain else () for chain in frame["light"]]
    antigen: list[Molecule] = [tuple(chains or ()) for chains in frame["antigen"].to_list()]
    return heavy, light, antigen
