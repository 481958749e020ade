"""Names are no chains, chains are no names, and groups at the ends of peptides are no residues."""

from __future__ import annotations

import random

import pytest

from abag.antibody.alphabet import (
    AMINO_ACIDS,
    name_log_odds,
    not_residues,
    reads_as_chain,
    without_end_groups,
)
from abag.data.chains import clean_antigen


@pytest.mark.parametrize(
    "name",
    ["Streptavidin", "STREPTAVIDIN", "streptavidin", "Mesothelin", "MESOTHELIN", "Hemagglutinin",
     "Fetalin", "PARATHYRIN", "EGFR", "TIGIT", "CEACAM", "mCherry", "eGFP", "TNFalpha",
     "human serum albumin", "Spike RBD", "Vascular endothelial growth factor receptor",
     "PENTRAXIN", "keratinase"],
)  # fmt: skip
def test_a_name_never_becomes_an_antigen(name: str) -> None:
    assert "name" in str(clean_antigen(name).problem) or "words" in str(clean_antigen(name).problem)
    assert not reads_as_chain(name)


@pytest.mark.parametrize(
    "peptide",
    ["SIINFEKL", "DYKDDDDK", "YPYDVPDYA", "EQKLISEEDL", "RIQRGPGRAFVTIGKIGNMRQAHCN", "GILGFVFTL",
     "DAEFRHDSGYEVHHQK", "ELDKWA", "NWFDIT"],
)  # fmt: skip
def test_an_epitope_stays_an_antigen(peptide: str) -> None:
    chain = clean_antigen(peptide)
    assert (chain.sequence, chain.problem) == (peptide, None)


def test_spaces_between_all_letters_say_that_they_are_residues() -> None:
    assert clean_antigen("P E P T I D E").sequence == "PEPTIDE"
    assert clean_antigen("PEPTIDE").problem is not None


def test_random_peptides_are_hardly_ever_taken_for_names() -> None:
    rng = random.Random(5)
    drawn = ["".join(rng.choices(AMINO_ACIDS, k=rng.randint(8, 30))) for _ in range(3000)]
    assert sum(name_log_odds(peptide) > -2.0 for peptide in drawn) <= 15
    assert sum(not_residues(peptide) is not None for peptide in drawn) <= 15


@pytest.mark.parametrize(
    ("written", "residues"),
    [("Ac-RIQRGPG", "RIQRGPG"), ("Ac-RIQRGPG-OH", "RIQRGPG"), ("Biotin-Ahx-RIQRGPG", "RIQRGPG"),
     ("pEIQRGPG", "EIQRGPG"), ("RIQRGPG-amide", "RIQRGPG"), ("H-RIQRGPG-NH2", "RIQRGPG"),
     ("RIQRGPGNH2", "RIQRGPG"), ("AcRIQRGPG", "RIQRGPG"), ("FITC-RIQRGPG-COOH", "RIQRGPG")],
)  # fmt: skip
def test_groups_at_the_ends_of_a_peptide_are_taken_off_with_a_flag(
    written: str, residues: str
) -> None:
    assert without_end_groups(written) == (residues, True)
    assert "end_groups_removed" in clean_antigen(written).flags


@pytest.mark.parametrize(
    ("written", "reason"),
    [("EVQLVESnanGGGLVQPGGSLRLSC", "'nan', a mark of a missing value, at residue 8"),
     ("EVQLVESNaNGGGLVQPGGSLRLSC", "'NaN', a mark"), ("EVQLVESNoneGGGLV", "'None', a mark"),
     ("Glu-Val-Gln-Leu", "three-letter code"), ("AC-RIQRGPG", "'AC-' at its end"),
     ("H-RIQRGPG", "'H-' at its end"), ("RIQpSGPGRAF", "'pS', a modified residue")],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(written: str, reason: str) -> None:
    assert reason in str(clean_antigen(written).problem)


def test_gaps_of_an_alignment_are_no_groups() -> None:
    chain = clean_antigen("EVQL--VESGGGLVQPGGSLRL")
    assert (chain.sequence, chain.flags) == ("EVQLVESGGGLVQPGGSLRL", ("gaps_removed",))


@pytest.mark.parametrize("word", ["wildtype", "ragweed", "skipped", "irrelevant", "halflife"])
def test_words_of_the_laboratory_in_amino_acid_letters_are_no_residues(word: str) -> None:
    for text in (word, word.upper(), word.title()):
        assert not_residues(text) is not None
