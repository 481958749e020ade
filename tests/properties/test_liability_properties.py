"""What holds of liabilities and single mutants whatever the variant."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.antibody import Antibody
from abag.maturation.antibody.liabilities import (
    LiabilityKind,
    find_liabilities,
    net_charge,
    new_liabilities,
    worst,
)
from abag.maturation.antibody.mutants import mutant_chains, single_mutants, sites_of
from synthetic_pairs import HEAVY, LIGHT

CHANGES = st.dictionaries(
    st.integers(0, len(HEAVY) + len(LIGHT) - 1), st.sampled_from(AMINO_ACIDS + "X"), max_size=12
)


@cache
def parent() -> Antibody:
    return Antibody.of(HEAVY, LIGHT)


def variant(changes: dict[int, str]) -> Antibody:
    letters = list(HEAVY + LIGHT)
    for place, letter in changes.items():
        letters[place] = letter
    text = "".join(letters)
    return parent().variant(text[: len(HEAVY)], text[len(HEAVY) :])


@given(CHANGES)
def test_what_a_variant_adds_is_what_it_has(changes: dict[int, str]):
    changed = variant(changes)
    added = new_liabilities(parent(), changed)
    assert set(added) <= set(find_liabilities(changed))
    assert not new_liabilities(changed, changed)
    assert (worst(added) is None) == (not added)


@given(CHANGES)
def test_every_motif_is_spelled_where_it_is_said_to_stand(changes: dict[int, str]):
    changed = variant(changes)
    for one in find_liabilities(changed):
        if one.place is None or " for " in one.motif:
            continue
        chain = changed.chains[one.chain]
        assert chain.sequence[one.place - 1 :].startswith(one.motif)
        assert chain.positions[one.place - 1] == one.imgt
        assert chain.regions[one.place - 1] == one.region


@given(CHANGES)
def test_sequons_are_all_found(changes: dict[int, str]):
    changed = variant(changes)
    expected = [
        (letter, i + 1)
        for letter, chain in changed.chains.items()
        for i, (a, b, c) in enumerate(
            zip(chain.sequence, chain.sequence[1:], chain.sequence[2:], strict=False)
        )
        if a == "N" and b != "P" and c in "ST"
    ]
    found = [
        (one.chain, one.place)
        for one in find_liabilities(changed)
        if one.kind == LiabilityKind.GLYCOSYLATION
    ]
    assert found == expected


@given(st.text(AMINO_ACIDS, max_size=60), st.floats(2.0, 12.0))
def test_charge_adds_up_and_falls_with_ph(residues: str, ph: float):
    half = len(residues) // 2
    parts = net_charge(residues[:half], ph) + net_charge(residues[half:], ph)
    assert abs(net_charge(residues, ph) - parts) < 1e-9
    assert net_charge(residues, ph + 0.5) <= net_charge(residues, ph) + 1e-12


@given(st.sets(st.integers(0, len(HEAVY) + len(LIGHT) - 1), min_size=1, max_size=6))
def test_a_single_mutant_differs_in_its_one_residue(places: set[int]):
    sites = [site for i, site in enumerate(sites_of(parent())) if i in places]
    mutations = single_mutants(sites)
    assert len(mutations) == 19 * len(places)
    for one, (heavy, light) in zip(mutations, mutant_chains(parent(), mutations), strict=True):
        both = (heavy + (light or ""), HEAVY + LIGHT)
        changed = [i for i, (new, old) in enumerate(zip(*both, strict=True)) if new != old]
        assert changed == [one.place - 1 + (len(HEAVY) if one.chain == "L" else 0)]
