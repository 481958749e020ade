"""The quick way (one profile) and the full way (all profiles) must tell the same."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from abag.antibody.numbering import clear_cache, number_chains, numbered_ahead, search
from abag.antibody.numbering.anarci import imgt_positions, load_profiles
from abag.antibody.numbering.chains import FirstLook, align_regular_chains
from abag.antibody.numbering.domains import choose_domains, is_vhh
from abag.antibody.numbering.search import find_sites
from abag.errors import SequenceError

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
BROKEN = HEAVY[:60] + HEAVY[66:]  # six residues of FR3 are lost
MIXED = [HEAVY, LIGHT, HEAVY + LIGHT, BROKEN, "ACDEFGHIK", "", LIGHT[4:], HEAVY + "GS" * 40]


def by_all_profiles(chains: list[str], monkeypatch: pytest.MonkeyPatch):
    module = importlib.import_module("abag.antibody.numbering.chains")
    clear_cache()
    with monkeypatch.context() as patch:
        patch.setattr(module, "align_regular_chains", lambda chains, threads: FirstLook({}, {}))
        answer = number_chains(chains)
    clear_cache()
    return answer


def test_one_profile_numbers_as_all_profiles_do(monkeypatch: pytest.MonkeyPatch):
    full = by_all_profiles(MIXED, monkeypatch)
    for chain, domains in number_chains(MIXED).items():
        told = [(d.kind, d.start, d.end, d.positions) for d in domains]
        assert told == [(d.kind, d.start, d.end, d.positions) for d in full[chain]]


def test_a_damaged_domain_is_left_to_the_profiles_of_its_type():
    look = align_regular_chains([HEAVY, LIGHT, BROKEN, "ACD"], threads=1)
    assert set(look.settled) == {HEAVY, LIGHT}
    assert look.types == {BROKEN: ("H",)}


def test_a_chain_gets_the_same_answer_alone_and_in_a_batch():
    clear_cache()
    together = number_chains(MIXED)
    for chain in MIXED:
        clear_cache()
        assert number_chains([chain], threads=1)[chain] == together[chain]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_chains_of_the_next_part_are_numbered_while_one_is_worked_on(
    threads: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    alone = {chain: number_chains([chain])[chain] for chain in MIXED}
    clear_cache()
    chains = importlib.import_module("abag.antibody.numbering.chains")
    seen = []
    for part in numbered_ahead([MIXED[:2], MIXED[2:5], MIXED[5:]], list):
        seen += part
        assert number_chains(part) == {chain: alone[chain] for chain in part}
    assert seen == MIXED
    assert set(MIXED) <= set(chains._cache)


def test_what_is_wrong_with_a_chain_of_the_next_part_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with pytest.raises(SequenceError, match="limit"):
        list(numbered_ahead([[HEAVY], ["A" * 100_001]], list))


def test_answers_come_in_the_order_of_first_appearance():
    assert list(number_chains([LIGHT, HEAVY, LIGHT])) == [LIGHT, HEAVY]


def test_a_repeated_chain_is_not_searched_again(monkeypatch: pytest.MonkeyPatch):
    first = number_chains([HEAVY])[HEAVY]
    module = importlib.import_module("abag.antibody.numbering.chains")
    monkeypatch.setattr(module, "align_regular_chains", None)
    assert number_chains([HEAVY])[HEAVY] is first


def test_profiles_whose_cysteines_are_out_of_place_are_not_used():
    for profile in load_profiles():
        consensus = profile.hmm.consensus.upper()
        assert (consensus[22], consensus[103]) == ("C", "C"), profile.species
    assert len(load_profiles()) == 27


def test_the_screen_points_at_the_second_cysteine():
    (sites,) = find_sites([HEAVY + "GGGGS" + LIGHT])
    assert [(site.chain_type, site.cysteine) for site in sites] == [("H", 95), ("K", 212)]
    assert find_sites(["", "ACD"]) == [[], []]


def test_the_screen_finds_what_a_look_at_every_window_finds(monkeypatch: pytest.MonkeyPatch):
    letters = "ACDEFGHIKLMNPQRSTVWYX"
    changed = [
        "".join(letters[i % 21] if i % k == 0 else own for i, own in enumerate(HEAVY + LIGHT))
        for k in range(1, 40)
    ]
    found = find_sites(changed)
    monkeypatch.setattr(search, "_candidate_windows", lambda codes, count: np.arange(count))
    assert found == find_sites(changed)
    assert {len(sites) for sites in found} >= {0, 1, 2}


def test_tasks_of_one_chain_find_what_tasks_of_all_find(monkeypatch: pytest.MonkeyPatch):
    chains = [HEAVY, LIGHT, HEAVY + "GGGGS" + LIGHT, HEAVY[:60] + HEAVY[70:]]
    together = number_chains(chains)
    clear_cache()
    monkeypatch.setattr("abag.antibody.numbering.search._FEWEST_OF_A_TASK", 1)
    monkeypatch.setattr("abag.antibody.numbering.search._MOST_OF_A_TASK", 1)
    assert number_chains(chains) == together


def test_a_hit_below_the_threshold_is_no_domain():
    assert choose_domains([]) == []


def test_an_alignment_with_every_column_filled_keeps_the_columns_as_numbers():
    assert imgt_positions(1, "m" * 128) == tuple(str(i) for i in range(1, 129))


def test_a_loop_too_long_for_the_scheme_has_no_numbers():
    assert imgt_positions(1, "m" * 110 + "i" * 200 + "m" * 18) is None


@pytest.mark.parametrize(
    ("residues", "expected"),
    [("VGLW", False), ("FERG", True), ("YQRL", True), ("FGLF", True), ("VGLF", False)],
)
def test_two_hallmark_residues_make_a_vhh(residues: str, expected: bool):
    assert is_vhh(("42", "49", "50", "52"), residues) is expected
