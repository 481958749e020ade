"""What needs no network: letter frequencies, a trigram model and IMGT position profiles.

Each gives a distribution over the twenty residues at a hidden place, from training chains only
and from what the network sees too: other hidden residues stay hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, UNKNOWN, residue_codes

RESIDUES: Final = len(AMINO_ACIDS)
BOUNDARY: Final = RESIDUES
HIDDEN: Final = UNKNOWN
"""Symbol of a residue that is masked or unknown."""

Probabilities = NDArray[np.float64]


def symbols(chain: str) -> NDArray[np.intp]:
    """Letters as 0 to 19, anything else as :data:`HIDDEN`."""
    return residue_codes(chain).astype(np.intp)


def unigram(chains: Iterable[str]) -> Probabilities:
    """Frequencies of the twenty residues, with one count added to each."""
    counts = np.ones(RESIDUES)
    for chain in chains:
        codes = symbols(chain)
        counts += np.bincount(codes[codes < RESIDUES], minlength=RESIDUES)
    return np.asarray(counts / counts.sum())


@dataclass(frozen=True)
class Trigram:
    """Interpolated trigrams with Witten-Bell weights, read from both sides of a hidden residue.

    P(c | a b) = (n(abc) + t(ab) P(c | b)) / (n(ab) + t(ab)), t: number of distinct successors
    (Witten and Bell, IEEE Trans Inf Theory 37:1085, 1991). ``conditional[a, b, c]`` holds it, also
    for a hidden ``a`` (the bigram) or ``b`` (the unigram).
    """

    conditional: Probabilities

    @classmethod
    def fit(cls, chains: Iterable[str]) -> Trigram:
        """Count chains, their ends included."""
        size = HIDDEN + 1
        triples = np.zeros((size, size, size))
        for chain in chains:
            codes = symbols(chain)
            padded = np.concatenate([[BOUNDARY, BOUNDARY], codes, [BOUNDARY, BOUNDARY]])
            np.add.at(triples, (padded[:-2], padded[1:-1], padded[2:]), 1)
        triples = triples[:HIDDEN, :HIDDEN, :HIDDEN]
        pairs, singles = triples.sum(axis=0), triples.sum(axis=(0, 1)) + 1
        first = singles / singles.sum()
        second = _interpolated(pairs, first[None, :])
        conditional = np.empty((size, size, HIDDEN))
        conditional[:HIDDEN, :HIDDEN] = _interpolated(triples, second[None])
        conditional[HIDDEN, :HIDDEN] = second
        conditional[:, HIDDEN] = first
        return cls(conditional)

    def probabilities(self, shown: NDArray[np.intp], places: NDArray[np.intp]) -> Probabilities:
        """Distributions ``[places, 20]`` of one chain; ``shown`` has :data:`HIDDEN` at places.

        Proportional to the probability of the three trigrams that hold the residue; those with
        another hidden residue are shortened or left out.
        """
        ends = np.array([BOUNDARY, BOUNDARY])
        padded = np.concatenate([ends, shown, ends])
        index = np.asarray(places) + 2
        before2, before1, after1, after2 = (padded[index + k] for k in (-2, -1, 1, 2))
        table, candidates = self.conditional, np.arange(RESIDUES)
        result = table[before2, before1, :RESIDUES].copy()
        next_shown = after1 < HIDDEN
        result[next_shown] *= table[before1[next_shown, None], candidates, after1[next_shown, None]]
        two_shown = next_shown & (after2 < HIDDEN)
        result[two_shown] *= table[candidates, after1[two_shown, None], after2[two_shown, None]]
        return np.asarray(result / result.sum(axis=1, keepdims=True))


def _interpolated(counts: Probabilities, lower: Probabilities) -> Probabilities:
    total = counts.sum(axis=-1, keepdims=True)
    distinct = (counts > 0).sum(axis=-1, keepdims=True)
    weight = np.maximum(total + distinct, 1)
    mixed = (counts + distinct * lower) / weight
    return np.asarray(np.where(total > 0, mixed, lower))


@dataclass(frozen=True)
class PositionFrequencies:
    """Residue frequencies at each IMGT position of one chain type."""

    rows: dict[int, Probabilities]
    fallback: Probabilities

    @classmethod
    def fit(cls, chains: Sequence[str], positions: Sequence[Sequence[int]]) -> PositionFrequencies:
        """Count aligned chains; one pseudo-count a position, spread as the letters are."""
        fallback = unigram(chains)
        counts: dict[int, Probabilities] = {}
        for chain, codes in zip(chains, positions, strict=True):
            for letter, code in zip(symbols(chain).tolist(), codes, strict=True):
                row = counts.setdefault(code, np.zeros(RESIDUES))
                if letter < RESIDUES:
                    row[letter] += 1
        rows = {code: (row + fallback) / (row.sum() + 1) for code, row in counts.items()}
        return cls(rows, fallback)

    def probabilities(self, codes: Sequence[int]) -> Probabilities:
        """Distributions ``[codes, 20]``; unseen positions get the letter frequencies."""
        distributions = [self.rows.get(code, self.fallback) for code in codes]
        return np.array(distributions).reshape(-1, RESIDUES)
