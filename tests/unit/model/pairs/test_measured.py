"""Which measured pair a pair is a variant of, and what families the measured pairs make."""

import numpy as np
import pytest

from abag.model.pairs.families import Families
from abag.model.pairs.measured import NONE, MeasuredPairs
from synthetic_domain import substituted
from synthetic_pairs import HEAVY, LIGHT, random_chain
from synthetic_variants import H3, table, variants

RNG = np.random.default_rng(3)
ANTIGEN = random_chain(RNG, 120)
OTHER = random_chain(RNG, 120)
MEASURED = MeasuredPairs.of(table([(HEAVY, LIGHT, ANTIGEN, 9.0), (HEAVY, LIGHT, OTHER, 6.0)]))


def test_a_point_mutant_has_one_change_from_its_measured_parent() -> None:
    near = MEASURED.nearest(table([(variants(1)[0], LIGHT, ANTIGEN, 0.0)]))
    assert MEASURED.pairs.pkd[near.relative].tolist() == [9.0]
    assert (near.changes.tolist(), near.cdr_changes.tolist()) == ([1], [1])


def test_the_whole_loop_turned_to_alanine_is_still_a_variant_of_it() -> None:
    bare = HEAVY[:H3] + "A" * 9 + HEAVY[H3 + 9 :]
    near = MEASURED.nearest(table([(bare, LIGHT, ANTIGEN, 0.0)]))
    assert near.relative[0] != NONE
    assert near.cdr_changes[0] >= 7


def test_the_relative_is_the_one_on_the_same_antigen() -> None:
    near = MEASURED.nearest(table([(HEAVY, LIGHT, OTHER, 0.0)]))
    assert MEASURED.pairs.pkd[near.relative].tolist() == [6.0]


def test_a_homologue_of_the_antigen_is_not_the_antigen() -> None:
    homologue = substituted(RNG, ANTIGEN, 42)
    near = MEASURED.nearest(table([(HEAVY, LIGHT, homologue, 0.0)]))
    assert near.relative.tolist() == [NONE]
    assert near.antibody.tolist() == [1.0]


def test_an_antibody_without_its_light_chain_is_no_variant() -> None:
    assert MEASURED.nearest(table([(HEAVY, None, ANTIGEN, 0.0)])).relative.tolist() == [NONE]


def test_missing_residues_at_the_ends_are_no_changes() -> None:
    near = MEASURED.nearest(table([(HEAVY[2:-1], LIGHT, ANTIGEN, 0.0)]))
    assert near.changes.tolist() == [0]


@pytest.mark.parametrize("count", [6, 12])
def test_the_parent_of_a_family_is_the_one_that_differs_least_from_all(count: int) -> None:
    rows = [(heavy, LIGHT, ANTIGEN, 8.0) for heavy in variants(count)]
    measured = MeasuredPairs.of(table([*rows, (HEAVY, LIGHT, ANTIGEN, 9.0)]))
    families = Families.of(measured)
    assert np.unique(families.family).size == 1
    assert set(measured.pairs.pkd[families.parent]) == {9.0}
    assert families.designed.all()
    assert families.changes[families.variants].tolist() == [1] * count


def test_the_antigens_of_an_antibody_are_those_of_its_variants_too() -> None:
    measured = MeasuredPairs.of(
        table([(HEAVY, LIGHT, ANTIGEN, 9.0), (variants(1)[0], LIGHT, OTHER, 7.0)])
    )
    assert [measured.antigens[i] for i in measured.antigens_of(0)] == [(ANTIGEN,), (OTHER,)]


def test_an_index_is_saved_and_read() -> None:
    back = MeasuredPairs.from_arrays(MEASURED.arrays())
    asked = table([(heavy, LIGHT, ANTIGEN, 0.0) for heavy in variants(3)])
    for one, other in zip(back.nearest(asked), MEASURED.nearest(asked), strict=True):
        assert np.array_equal(one, other)
