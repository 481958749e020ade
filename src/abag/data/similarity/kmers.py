"""Shared k-mers of chains, to find the few pairs that are worth an alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.data.similarity.linkage import Components

_LETTERS: Final = 26
_COMMON_RESIDUES: Final = 1.5
"""Real proteins share this many times more k-mers by chance than uniform ones would."""
_ROWS_AT_ONCE: Final = 512


Places = NDArray[np.int64]


def _kmer_sets(chains: Sequence[str], k: int) -> tuple[Places, Places]:
    """Numbers of the distinct k-mers of all chains, in order, and where each chain's begin."""
    text = "".join(chains).encode("ascii")
    letters = (np.frombuffer(text, dtype=np.uint8).astype(np.int64) - ord("A")).clip(
        0, _LETTERS - 1
    )
    owner = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    count = max(letters.size - k + 1, 0)
    codes = owner[:count].copy()
    for i in range(k):
        codes = codes * _LETTERS + letters[i : i + count]
    within = owner[:count] == owner[k - 1 : k - 1 + count]
    found = np.sort(codes[within])
    distinct = found[np.diff(found, prepend=-1) > 0]
    starts = np.searchsorted(distinct, np.arange(len(chains) + 1) * _LETTERS**k)
    return distinct % _LETTERS**k, starts


def kmer_matrix(chains: Sequence[str], k: int) -> Any:
    """Sparse 0/1 matrix ``[chains, 26^k]`` of the k-mers that occur in each chain."""
    from scipy import sparse

    indices, starts = _kmer_sets(chains, k)
    data = np.ones(indices.size, dtype=np.float32)
    return sparse.csr_matrix((data, indices, starts), shape=(len(chains), _LETTERS**k))


def kmer_containment(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float32]:
    """Shared 3-mers as a share of the smaller of the two sets, ``[first, second]``."""
    if not first:
        return np.zeros((0, len(second)), dtype=np.float32)
    (rows, ends), (columns, starts) = _kmer_sets(first, 3), _kmer_sets(second, 3)
    owner = np.repeat(np.arange(len(second)), np.diff(starts))
    shared = np.zeros((len(first), len(second)), dtype=np.float32)
    for row in range(len(first)):
        is_there = np.zeros(_LETTERS**3, dtype=np.bool_)
        is_there[rows[ends[row] : ends[row + 1]]] = True
        shared[row] = np.bincount(owner[is_there[columns]], minlength=len(second))
    smaller = np.minimum.outer(np.diff(ends), np.diff(starts))
    return np.asarray(shared / np.maximum(smaller, 1), dtype=np.float32)


def shares_a_diagonal(first: str, second: str) -> bool:
    """Whether the pair has more equal 2-mers on one diagonal than unrelated chains have.

    A gapless stretch of n residues at identity p holds about n p^2 equal 2-mers; unrelated
    chains hold about n / 300. Asked for are 4 + n / 50 (n: shorter length), within one step of
    the diagonal.
    """
    shorter, longer = sorted((first, second), key=len)
    a, b = _two_mers(shorter), _two_mers(longer)
    i, j = np.nonzero(a[:, None] == b)
    counts = np.bincount(j - i + a.size, minlength=a.size + b.size + 2)
    near = counts[:-2] + counts[1:-1] + counts[2:]
    return bool(near.max(initial=0) >= 4 + len(shorter) / 50)


def _two_mers(chain: str) -> NDArray[np.uint16]:
    letters = np.frombuffer(chain.encode("ascii"), dtype=np.uint8).astype(np.uint16)
    return letters[:-1] * np.uint16(256) + letters[1:]


def alignment_candidates(
    chains: Sequence[str], components: Components, index: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Pairs in different components that share clearly more 3- or 4-mers than chance gives.

    Pairs are numbered by ``index``; those with the largest shared part come first within each
    block of rows, so that one alignment often settles a whole family.
    """
    sizes = np.array([len(chain) for chain in chains], dtype=np.float64)
    labels = np.array([components.find(i) for i in index], dtype=np.intp)
    three, four = kmer_matrix(chains, 3), kmer_matrix(chains, 4)
    for start in range(0, len(chains), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        expected = np.outer(sizes[rows], sizes) * _COMMON_RESIDUES
        shared_three = np.asarray((three[rows] @ three.T).todense(), dtype=np.float64)
        shared_four = np.asarray((four[rows] @ four.T).todense(), dtype=np.float64)
        chosen = shared_three >= np.maximum(3.0, _above_chance(expected / 20.0**3, 3.5))
        chosen |= shared_four >= np.maximum(2.0, _above_chance(expected / 20.0**4, 2.0))
        chosen &= labels[rows][:, None] != labels
        i, j = np.nonzero(chosen)
        keep = i + start < j
        i, j = i[keep], j[keep]
        share = shared_three[i, j] / np.minimum(sizes[i + start], sizes[j])
        for at in np.lexsort((j, i, -share)).tolist():
            yield index[int(i[at]) + start], index[int(j[at])]


def _above_chance(expected: NDArray[np.float64], deviations: float) -> NDArray[np.float64]:
    return np.asarray(expected + deviations * np.sqrt(expected), dtype=np.float64)
