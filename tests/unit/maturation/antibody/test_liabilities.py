"""Liabilities of antibodies about which the facts are published, and of made-up variants."""

from __future__ import annotations

import pytest

from abag.antibody.alphabet import ChainKind
from abag.antibody.antibody import Antibody, NumberedChain
from abag.antibody.numbering import clear_cache, number_chains
from abag.errors import SequenceError
from abag.maturation.antibody.liabilities import (
    Liability,
    LiabilityKind,
    LiabilitySeverity,
    find_liabilities,
    net_charge,
    new_liabilities,
    worst,
)
from synthetic_pairs import HEAVY, LIGHT

# Public variable domains (INN).
CETUXIMAB = (
    "QVQLKQSGPGLVQPSQSLSITCTVSGFSLTNYGVHWVRQSPGKGLEWLGVIWSGGNTDYNTPFTSRLSINKDNSKSQVFFKMNSLQSNDTAIYYC"
    "ARALTYYDYEFAYWGQGTLVTVSA",
    "DILLTQSPVILSVSPGERVSFSCRASQSIGTNIHWYQQRTNGSPRLLIKYASESISGIPSRFSGSGSGTDFTLSINSVESEDIADYYCQQNNNWPTT"
    "FGAGTKLELK",
)
PEMBROLIZUMAB = (
    "QVQLVQSGVEVKKPGASVKVSCKASGYTFTNYYMYWVRQAPGQGLEWMGGINPSNGGTNFNEKFKNRVTLTTDSSTTTAYMELKSLQFDDTAVYYC"
    "ARRDYRFDMGFDYWGQGTTVTVSS",
    "EIVLTQSPATLSLSPGERATLSCRASKGVSTSGYSYLHWYQQKPGQAPRLLIYLASYLESGVPARFSGSGSGTDFTLTISSLEPEDFAVYYCQHSRDL"
    "PLTFGGGTKVEIK",
)


@pytest.fixture(scope="module")
def trastuzumab() -> Antibody:
    return Antibody.of(HEAVY, LIGHT)


def changed(chain: str, place: int, residue: str) -> str:
    """The chain with another residue at a place counted from 1."""
    return chain[: place - 1] + residue + chain[place:]


def heavy_variant(parent: Antibody, *changes: tuple[int, str]) -> Antibody:
    heavy = parent.heavy.sequence
    for place, residue in changes:
        heavy = changed(heavy, place, residue)
    return parent.variant(heavy, LIGHT)


def sites(found: tuple[Liability, ...], kind: LiabilityKind) -> list[tuple[str, int | None, str]]:
    return [(one.chain, one.place, one.motif) for one in found if one.kind == kind]


def test_trastuzumab_has_its_published_degradation_sites(trastuzumab: Antibody):
    # Harris et al., J Chromatogr B 752:233 (2001): Asn30 of the light chain and Asn55 of the
    # heavy chain deamidate, Asp102 of the heavy chain isomerises.
    found = find_liabilities(trastuzumab)
    assert sites(found, LiabilityKind.DEAMIDATION) == [("H", 55, "NG"), ("L", 30, "NT")]
    assert ("H", 102, "DG") in sites(found, LiabilityKind.ISOMERISATION)
    assert {one.severity for one in found if one.motif in ("NG", "DG")} == {LiabilitySeverity.HIGH}
    assert not sites(found, LiabilityKind.GLYCOSYLATION)
    assert not sites(found, LiabilityKind.CYSTEINE)


def test_cetuximab_has_the_sugar_of_its_heavy_framework():
    # Qian et al., Anal Biochem 364:8 (2007): Asn88 of the heavy chain is glycosylated, the
    # sequon at Asn41 of the light chain is there (and stays empty).
    found = find_liabilities(Antibody.of(*CETUXIMAB))
    assert sites(found, LiabilityKind.GLYCOSYLATION) == [("H", 88, "NDT"), ("L", 41, "NGS")]
    assert {one.region for one in found if one.kind == LiabilityKind.GLYCOSYLATION} == {
        "FR3", "FR2",
    }  # fmt: skip


def test_pembrolizumab_has_the_methionine_of_its_cdr3():
    # Met105 of the heavy chain is the oxidation site of the CDRs.
    found = find_liabilities(Antibody.of(*PEMBROLIZUMAB))
    assert ("H", 105, "M") in sites(found, LiabilityKind.OXIDATION)


def test_a_sequon_with_proline_is_none(trastuzumab: Antibody):
    # YPTNGYT -> YPTNGTT makes N-G-T; with proline in the middle it is none.
    sugar = heavy_variant(trastuzumab, (57, "T"))
    assert sites(new_liabilities(trastuzumab, sugar), LiabilityKind.GLYCOSYLATION) == [
        ("H", 55, "NGT")
    ]
    proline = heavy_variant(trastuzumab, (57, "T"), (56, "P"))
    assert not new_liabilities(trastuzumab, proline)


def test_overlapping_motifs_are_each_found(trastuzumab: Antibody):
    # A R I Y P T N G Y T: make N-N-G at 54 to 56.
    found = find_liabilities(heavy_variant(trastuzumab, (54, "N")))
    assert sites(found, LiabilityKind.DEAMIDATION)[:2] == [("H", 54, "NN"), ("H", 55, "NG")]


def test_one_more_cysteine_is_free_and_two_may_pair(trastuzumab: Antibody):
    free = new_liabilities(trastuzumab, heavy_variant(trastuzumab, (105, "C")))
    assert [(one.place, one.severity) for one in free if one.motif == "C"] == [
        (105, LiabilitySeverity.HIGH)
    ]
    two = new_liabilities(trastuzumab, heavy_variant(trastuzumab, (33, "C"), (105, "C")))
    assert [one.severity for one in two if one.motif == "C"] == [LiabilitySeverity.MEDIUM] * 2


def test_a_lost_canonical_cysteine_is_named(trastuzumab: Antibody):
    lost = new_liabilities(trastuzumab, heavy_variant(trastuzumab, (22, "S")))
    assert [(one.imgt, one.motif, one.severity) for one in lost] == [
        ("23", "S for C", LiabilitySeverity.HIGH)
    ]


def test_a_milder_motif_at_the_same_site_is_not_new(trastuzumab: Antibody):
    milder = heavy_variant(trastuzumab, (56, "S"))  # NG -> NS at 55
    assert not new_liabilities(trastuzumab, milder)
    assert worst(new_liabilities(milder, trastuzumab)) is LiabilitySeverity.HIGH


def test_framework_residues_oxidise_without_a_word(trastuzumab: Antibody):
    assert not new_liabilities(trastuzumab, heavy_variant(trastuzumab, (20, "M")))
    assert new_liabilities(trastuzumab, heavy_variant(trastuzumab, (58, "M")))


def test_charge_follows_henderson_and_hasselbalch():
    assert net_charge("KRDE") == pytest.approx(0.0, abs=2e-3)
    assert net_charge("H", ph=6.0) == pytest.approx(0.5)
    assert net_charge("D", ph=3.65) == pytest.approx(-0.5)
    assert net_charge("KKKX", ph=7.4) == pytest.approx(3.0, abs=0.01)


def test_positive_cdrs_are_flagged_and_blamed_on_the_variant_that_adds_charge(
    trastuzumab: Antibody,
):
    # CDRs of trastuzumab: 2 positive, 4 negative, 1 histidine: -1.96. Five more lysines: +3.04.
    first = [(53, "K"), (54, "K"), (57, "K"), (104, "K")]
    within = heavy_variant(trastuzumab, *first)
    # The Fv (parent: +3.1) is out of range by then, the CDRs (+2.04) are not.
    assert [one.region for one in new_liabilities(trastuzumab, within)] == ["Fv"]
    beyond = heavy_variant(trastuzumab, *first, (105, "K"))
    (charge,) = (one for one in new_liabilities(trastuzumab, beyond) if one.region == "CDRs")
    assert charge.motif == "+3.0 at pH 7.4"
    more = heavy_variant(trastuzumab, *first, (105, "K"), (106, "R"))
    assert any(one.region == "CDRs" for one in new_liabilities(beyond, more))
    assert not any(one.region == "CDRs" for one in new_liabilities(more, beyond))


def test_a_hydrophobic_loop_is_a_patch(trastuzumab: Antibody):
    greasy = heavy_variant(trastuzumab, (101, "L"), (102, "I"), (103, "V"), (105, "L"))
    (patch,) = (
        one for one in new_liabilities(trastuzumab, greasy) if one.kind == LiabilityKind.HYDROPHOBIC
    )
    assert patch.motif == "LIVFL"
    # (1.06 + 1.38 + 1.08 + 1.19 + 1.06) / 5 = 1.154
    assert patch.excess == pytest.approx(1.154 - 1.06)


def test_a_cdr3_of_twenty_five_residues_is_long():
    loop = "SR" + "GYSTGYSTGYSTGYSTGYSTG" + "DY"
    long = Antibody.of(HEAVY.replace("SRWGGDGFYAMDY", loop), LIGHT)
    (found,) = (one for one in find_liabilities(long) if one.kind == LiabilityKind.LONG_CDR_H3)
    assert found.excess == len(loop) - 22
    assert found.motif == loop


def test_a_single_domain_has_no_charge_of_the_fv(trastuzumab: Antibody):
    alone = Antibody.of(HEAVY)
    assert list(alone.chains) == ["H"]
    assert {one.chain for one in find_liabilities(alone)} == {"H"}


def test_a_variant_of_the_same_length_takes_the_positions_of_its_parent(
    trastuzumab: Antibody,
):
    clear_cache()
    variant = heavy_variant(trastuzumab, (102, "A"))
    assert variant.heavy.positions is trastuzumab.heavy.positions
    longer = trastuzumab.variant(HEAVY.replace("WGGDG", "WGGAADG"), LIGHT)
    assert longer.heavy.positions == number_chains([longer.heavy.sequence])[
        longer.heavy.sequence
    ][0].positions  # fmt: skip


def test_residues_outside_the_domain_have_no_position():
    chain = NumberedChain.of("MKHLWFFLLLVAAPRWVLS" + HEAVY)
    assert chain.positions[:19] == ("",) * 19
    assert chain.positions[19] == "1"
    assert chain.kind == ChainKind.HEAVY
    tagged = Antibody.of(HEAVY + "GGGSNGTHHHHHH", LIGHT)
    tag = [one for one in find_liabilities(tagged) if one.region == ""]
    assert [one.motif for one in tag] == ["NGT", "NG"]
    assert str(tag[0]).endswith("(outside the domain, high)")


def test_what_is_no_antibody_is_refused():
    with pytest.raises(SequenceError, match="no antibody variable domain"):
        Antibody.of("MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ")
