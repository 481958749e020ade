"""What is remembered of a measured family serves that family, and no other antibody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.mutation_effect import MutationEffect, ParentAntibody, load_mutation_effect
from abag.model.mutation_effect.memory import FamilyMemory, nearest_memory
from abag_lab.sources.libraries.variants import TRASTUZUMAB

HEAVY = TRASTUZUMAB.before + TRASTUZUMAB.parent + TRASTUZUMAB.after
LIGHT = TRASTUZUMAB.light
OTHER = (
    "QVQLVQSGAEVKKPGASVKVSCKASGYTFTSYGISWVRQAPGQGLEWMGWISAYNGNTNYAQKLQGRVTMTTDTSTSTAYMELRSLRSDDTAVYYCAR"
    "DRYYDSSGPFDIWGQGTMVTVSS"
)
W99 = HEAVY.index("WGGDG")


def remembered(**departures: float) -> FamilyMemory:
    """Trastuzumab's family, with a departure for residues at W99 of the heavy chain."""
    parent = ParentAntibody.of(HEAVY, LIGHT)
    labels, residues = [], []
    for name, chain in parent.chains:
        assert chain is not None
        labels += [f"{name} {label}" for label in chain.labels if label]
        residues += [
            code for code, label in zip(chain.residues.tolist(), chain.labels, strict=True) if label
        ]
    assert parent.heavy is not None
    values = np.zeros((len(labels), 22))
    row = labels.index(f"heavy {parent.heavy.labels[W99]}")
    for letter, value in departures.items():
        values[row, AMINO_ACIDS.index(letter)] = value
    return FamilyMemory("trastuzumab", tuple(labels), np.array(residues), values)


@pytest.fixture(scope="module")
def bare() -> MutationEffect:
    return replace(load_mutation_effect(), memories=())


def mutated(chain: str, residue: str, place: int = W99) -> str:
    return chain[:place] + residue + chain[place + 1 :]


def delta(model: MutationEffect, parent: str, chain: str, light: str | None = LIGHT) -> float:
    table = pl.DataFrame({"heavy": [chain], "light": [light]})
    return float(model.delta(parent, light, table)[0])


def test_a_remembered_residue_departs_by_what_is_remembered(bare: MutationEffect):
    model = replace(bare, memories=(remembered(Y=0.4, A=-2.0),))
    assert delta(model, HEAVY, mutated(HEAVY, "A")) < delta(bare, HEAVY, mutated(HEAVY, "A")) - 0.5
    assert delta(model, HEAVY, mutated(HEAVY, "Y")) > delta(bare, HEAVY, mutated(HEAVY, "Y"))
    assert delta(model, HEAVY, mutated(HEAVY, "F")) == delta(bare, HEAVY, mutated(HEAVY, "F"))


def test_a_parent_of_the_family_with_another_residue_counts_from_its_own(bare: MutationEffect):
    model = replace(bare, memories=(remembered(A=-2.0),))
    mutant = mutated(HEAVY, "A")
    assert delta(model, mutant, HEAVY) > delta(bare, mutant, HEAVY) + 0.5


def test_another_antibody_is_not_touched(bare: MutationEffect):
    model = replace(bare, memories=(remembered(A=-2.0, Y=-2.0),))
    chain = mutated(OTHER, "A", OTHER.index("DRYYD") + 3)
    assert delta(model, OTHER, chain) == delta(bare, OTHER, chain)


def test_a_family_needs_four_fifths_of_the_cdr_residues():
    memories = (remembered(A=-2.0),)
    near = ParentAntibody.of(mutated(HEAVY, "Y"), LIGHT)
    far = ParentAntibody.of(OTHER, LIGHT)
    assert nearest_memory(memories, near) is memories[0]
    assert nearest_memory(memories, ParentAntibody.of(HEAVY)) is memories[0]
    assert nearest_memory(memories, far) is None
    assert nearest_memory((), near) is None
