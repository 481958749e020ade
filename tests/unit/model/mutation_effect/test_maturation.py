"""Changes that maturation chose are gains; the same number of random ones are losses."""

from __future__ import annotations

import numpy as np
import polars as pl

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect import ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.maturation import (
    MORE,
    ONE_NUCLEOTIDE,
    germline_share,
    matured_share,
    nucleotide_ratios,
)
from abag_lab.sources.libraries.variants import TRASTUZUMAB

GERMLINE_HEAVY = (
    "EVQLLESGGGLVQPGGSLRLSCAASGFTFSSYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQMNSLRAEDTAVYYCAK"
    "DRGYSSGWYFDYWGQGTLVTVSS"
)
"""IGHV3-23 as it stands in the germline."""
GERMLINE_LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQSISSYLNWYQQKPGKAPKLLIYAASSLQSGVPSRFSGSGSGTDFTLTISSLQPEDFATYYCQQSYSTPLTF"
    "GGGTKVEIK"
)
"""IGKV1-39."""


def test_one_nucleotide_is_told_from_more():
    ratios = nucleotide_ratios()
    serine, asparagine, tryptophan = (AMINO_ACIDS.index(letter) for letter in "SNW")
    assert ratios[serine, asparagine] == ONE_NUCLEOTIDE  # AGC, AAC
    assert ratios[asparagine, tryptophan] == MORE
    np.testing.assert_array_equal(ratios, ratios.T)


def test_only_an_antibody_of_germline_residues_is_a_germline_parent():
    assert germline_share(ParentAntibody.of(GERMLINE_HEAVY, GERMLINE_LIGHT)) == 1.0
    heavy = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
    assert germline_share(ParentAntibody.of(heavy, TRASTUZUMAB.light)) == 0.0


def test_a_parent_that_is_not_germline_has_no_matured_rows():
    assert matured_share(np.array([50.0]), 0.0).tolist() == [0.0]


def delta(changes: dict[int, str], parent: str = GERMLINE_HEAVY) -> float:
    chain = "".join(changes.get(i, letter) for i, letter in enumerate(parent))
    table = pl.DataFrame({"heavy": [chain], "light": [GERMLINE_LIGHT]})
    return float(load_mutation_effect().delta(parent, GERMLINE_LIGHT, table)[0])


def test_matured_changes_are_worth_more_to_a_germline_parent_than_to_another():
    # S31N, Y32F, S53N and S57T are single nucleotides.
    matured = {30: "N", 31: "F", 52: "N", 56: "T"}
    # The same positions of an antibody that has left its germline in framework 1 and 3.
    mutated = "".join(
        {4: "V", 12: "K", 22: "T", 73: "D", 75: "T", 77: "S"}.get(i, letter)
        for i, letter in enumerate(GERMLINE_HEAVY)
    )
    assert germline_share(ParentAntibody.of(mutated, GERMLINE_LIGHT)) == 0.0
    assert delta(matured) > delta(matured, mutated) + 0.2


def test_changes_of_several_nucleotides_are_not_taken_for_maturation():
    assert delta({30: "N", 31: "F", 52: "N", 56: "T"}) > delta({30: "K", 31: "F", 52: "N", 56: "W"})
    assert delta({30: "W", 31: "K", 52: "E", 56: "W"}) < -0.5
