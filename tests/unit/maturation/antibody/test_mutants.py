"""Which residues are changed, and into what."""

from __future__ import annotations

import pytest

from abag.antibody.antibody import Antibody
from abag.antibody.mutations import apply_mutations
from abag.errors import OptionError
from abag.maturation.antibody.mutants import choose_sites, mutant_chains, single_mutants, sites_of
from synthetic_pairs import HEAVY, LIGHT


@pytest.fixture(scope="module")
def trastuzumab() -> Antibody:
    return Antibody.of(HEAVY, LIGHT)


def text_of(antibody: Antibody, **asked: object) -> str:
    return "".join(site.residue for site in choose_sites(antibody, **asked))  # type: ignore[arg-type]


def test_everything_is_changed_where_nothing_is_asked(trastuzumab: Antibody):
    sites = choose_sites(trastuzumab)
    assert sites == sites_of(trastuzumab)
    assert len(single_mutants(sites)) == 19 * (len(HEAVY) + len(LIGHT))


@pytest.mark.parametrize(
    ("cdrs", "residues"),
    [
        (["H3"], "SRWGGDGFYAMDY"),
        (["L1,H3"], "SRWGGDGFYAMDYQDVNTA"),
        (["cdr-h2", "HCDR1"], "GFNIKDTYIYPTNGYT"),
    ],
)
def test_cdrs_are_those_of_imgt(trastuzumab: Antibody, cdrs: list[str], residues: str):
    assert text_of(trastuzumab, cdrs=cdrs) == residues


@pytest.mark.parametrize(
    ("positions", "numbering", "residues"),
    [
        (["H:99-102"], "sequential", "WGGD"),
        (["H:107-110"], "imgt", "WGGD"),
        (["H:95-98"], "kabat", "WGGD"),
        (["H:100-100B"], "kabat", "FYA"),
        (["H:52-53"], "kabat", "YPT"),  # 52, 52A, 53
        (["L:30,H:55"], "sequential", "NN"),
    ],
)
def test_positions_are_counted_as_the_user_says(
    trastuzumab: Antibody, positions: list[str], numbering: str, residues: str
):
    assert text_of(trastuzumab, positions=positions, numbering=numbering) == residues


def test_chains_narrow_what_was_chosen(trastuzumab: Antibody):
    assert text_of(trastuzumab, chains=["light"]) == LIGHT
    assert text_of(trastuzumab, cdrs=["H3", "L2"], chains=["L"]) == "SAS"


def test_all_is_every_cdr_of_the_chains_that_are_asked_for(trastuzumab: Antibody):
    both = [f"{chain}{number}" for chain in "HL" for number in (1, 2, 3)]
    assert text_of(trastuzumab, cdrs=["ALL"]) == text_of(trastuzumab, cdrs=both)
    assert text_of(trastuzumab, cdrs=["all,H3"], chains=["L"]) == text_of(
        trastuzumab, cdrs=both[3:]
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cdrs": ["H4"]}, "no such CDR"),
        ({"positions": ["100-110"]}, "names no chain; write H:100-110"),
        ({"positions": ["H:100:110"]}, "cannot be read"),
        ({"positions": ["H:110-100"]}, "turn them round"),
        ({"positions": ["H:118-125"]}, "no position 125 in sequential numbering; it goes from 1"),
        ({"positions": ["H:10"], "numbering": "imgt"}, "no position 10 in imgt numbering"),
        ({"positions": ["H:10"], "numbering": "wolfguy"}, "--numbering wolfguy is not known"),
        ({"chains": ["K"]}, "no such chain"),
        ({"cdrs": ["H3"], "chains": ["L"]}, "no residue is left to change"),
    ],
)
def test_what_the_antibody_has_not_is_named(
    trastuzumab: Antibody, asked: dict[str, object], words: str
):
    with pytest.raises(OptionError, match=words):
        choose_sites(trastuzumab, **asked)  # type: ignore[arg-type]


def test_a_single_domain_has_no_light_chain_to_change():
    alone = Antibody.of(HEAVY)
    for asked in ({"cdrs": ["L1"]}, {"positions": ["L:5"]}, {"chains": ["L"]}):
        with pytest.raises(OptionError, match="has no light chain"):
            choose_sites(alone, **asked)  # type: ignore[arg-type]
    assert text_of(alone, positions=["99-102"]) == "WGGD"


def test_mutants_without_cysteine_neither_add_nor_lose_one(trastuzumab: Antibody):
    sites = choose_sites(trastuzumab, positions=["H:95-97"])  # Y C S
    found = single_mutants(sites, without_cysteine=True)
    assert {(one.wild_type, one.mutant) for one in found if "C" in one.wild_type + one.mutant} == (
        set()
    )
    assert len(found) == 2 * 18


def test_chains_of_mutants_are_those_of_their_mutations(trastuzumab: Antibody):
    mutations = single_mutants(choose_sites(trastuzumab, cdrs=["H3", "L3"]))
    found = mutant_chains(trastuzumab, mutations)
    expected = [apply_mutations(HEAVY, LIGHT, [one]) for one in mutations]
    assert found == expected
    assert str(mutations[0]) == "H:S97A"
    assert mutations[0].imgt == "105"
