from collections import Counter
from math import sqrt

import numpy as np

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.pair_similarity import COLUMNS, count_kmers, unit_roots


def plain_counts(chains: tuple[str, ...]) -> Counter[str]:
    """K-mers counted one by one, letters outside the alphabet skipped."""
    found: Counter[str] = Counter()
    for chain in chains:
        for k in range(1, 5):
            for start in range(len(chain) - k + 1):
                kmer = chain[start : start + k]
                if set(kmer) <= set(AMINO_ACIDS):
                    found[kmer] += 1
    return found


def column(kmer: str) -> int:
    number = 0
    for letter in kmer:
        number = number * 20 + AMINO_ACIDS.index(letter)
    return sum(20**k for k in range(1, len(kmer))) + number


def test_counts_agree_with_counting_one_by_one() -> None:
    molecules = [("ACACAC",), (), ("MKXTW", "WW"), ("G",), ("XXXX",)]
    counts = count_kmers(molecules).sparse().toarray()
    assert counts.shape == (5, COLUMNS)
    for row, chains in enumerate(molecules):
        expected = plain_counts(chains)
        assert counts[row].sum() == expected.total()
        assert {column(k): n for k, n in expected.items()} == {
            int(c): int(counts[row, c]) for c in np.flatnonzero(counts[row])
        }


def test_no_kmer_spans_two_chains() -> None:
    assert count_kmers([("AC", "DE")]).dense(0)[column("CD")] == 0
    assert count_kmers([("ACDE",)]).dense(0)[column("CD")] == 1


def test_the_scalar_product_is_the_cosine_of_square_rooted_counts() -> None:
    one, other = ("EVQLVESGG",), ("EVKLVESGA",)
    roots = unit_roots(count_kmers([one, other])).sparse()
    a, b = plain_counts(one), plain_counts(other)
    expected = sum(sqrt(a[k] * b[k]) for k in a) / sqrt(a.total() * b.total())
    assert np.isclose((roots @ roots.T).toarray()[0, 1], expected, rtol=1e-13)


def test_a_molecule_without_residues_is_a_row_of_zeros() -> None:
    roots = unit_roots(count_kmers([("AAA",), (), ("CCC",), ()])).sparse()
    assert np.allclose((roots @ roots.T).diagonal(), [1.0, 0.0, 1.0, 0.0])
