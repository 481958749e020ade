import numpy as np
import pytest

from abag.antibody.alphabet import GAP, LETTERS, UNKNOWN, residue_codes
from abag.antibody.residues import substitution_scores
from abag.model.assay_gp.kernels.substitution import (
    correlation,
    distances,
    embedding,
    matrix_distance,
)


def test_distances_are_those_of_the_published_substitution_scores() -> None:
    """d(L, I) : d(L, D) is ((5 + 5) / 2 - 2) : ((5 + 8) / 2 + 4) by BLOSUM50."""
    found = matrix_distance("BLOSUM50")
    leucine, isoleucine, aspartate = (LETTERS.index(letter) for letter in "LID")
    assert found[leucine, isoleucine] / found[leucine, aspartate] == pytest.approx(3.0 / 10.5)


def test_the_embedding_keeps_the_mean_of_both_matrices_exactly() -> None:
    expected = (matrix_distance("BLOSUM50") + matrix_distance("PAM250")) / 2
    assert np.allclose(distances()[:20, :20], expected, atol=1e-9)


def test_two_residues_stand_one_apart_on_average() -> None:
    assert distances()[:20, :20].sum() / (20 * 19) == pytest.approx(1.0)


def test_a_gap_is_further_from_every_residue_than_the_average_pair() -> None:
    assert distances()[GAP, :20].min() > 1.5


def test_unknown_stands_in_the_middle_of_the_residues() -> None:
    assert np.allclose(embedding()[UNKNOWN], embedding()[:20].mean(axis=0), atol=1e-12)


def test_the_correlation_of_a_letter_with_itself_is_one() -> None:
    assert np.array_equal(np.diag(correlation(0.7)), np.ones(22))


def test_letters_are_numbered_and_rare_ones_are_unknown() -> None:
    assert residue_codes("ACY-XBU").tolist() == [0, 1, 19, GAP, UNKNOWN, UNKNOWN, UNKNOWN]


def test_blosum_is_symmetric_with_tryptophan_at_fifteen() -> None:
    found = substitution_scores("BLOSUM50")
    assert np.array_equal(found, found.T)
    assert found[LETTERS.index("W"), LETTERS.index("W")] == 15
