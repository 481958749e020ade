"""What is mended in a chain, what is refused, and that nothing is mended silently."""

from __future__ import annotations

import polars as pl
import pytest

from abag.data.chains import AntibodyCleaner, clean_antigen, clean_pairs, flag_lists
from abag.data.engineered.arms import choose_arm
from abag.errors import OptionError, TableError

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
CH1 = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTVPSSSLGTQTYICNVNHKPS"
    "NTKVDKKVEPKSCDKTHT"
)
CKAPPA = (
    "RTVAAPSVFIFPPSDEQLKSGTASVVCLLNNFYPREAKVQWKVDNALQSGNSQESVTEQDSKDSTYSLSSTLTLSKADYEKHKVYACEVT"
    "HQGLSSPVTKSFNRGEC"
)
LEADER = "MEFGLSWLFLVAILKGVQC"
VHH = (  # caplacizumab building block (public)
    "EVQLVESGGGLVQPGGSLRLSCAASGRTFSYNPMGWFRQAPGKGRELVAAISRTGGSTYYPDSVEGRFTISRDNAKRMVYLQMNSLRAED"
    "TAVYYCAAAGVRAEDGRVRTLPSEYTFWGQGTQVTVSS"
)
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITA"
    "SVNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)
LINKER = "GGGGSGGGGSGGGGS"


def clean(heavy: str | None = None, light: str | None = None, scfv: str | None = None):
    triple = (heavy, light, scfv)
    return AntibodyCleaner().clean([triple])[triple]


def test_a_clean_pair_is_left_alone():
    got = clean(HEAVY, LIGHT)
    assert (got.heavy, got.light, got.flags, got.problem) == (HEAVY, LIGHT, (), None)


def test_swapped_chains_are_put_right_and_flagged():
    got = clean(LIGHT, HEAVY)
    assert (got.heavy, got.light) == (HEAVY, LIGHT)
    assert "chains_swapped" in got.flags


def test_constant_domains_of_a_fab_are_trimmed_and_flagged():
    got = clean(HEAVY + CH1, LIGHT + CKAPPA)
    assert (got.heavy, got.light) == (HEAVY, LIGHT)
    assert "constant_domain_trimmed" in got.flags


def test_a_leader_peptide_and_a_tag_are_trimmed_and_flagged():
    got = clean(LEADER + HEAVY + "GSHHHHHH", LIGHT)
    assert (got.heavy, got.light) == (HEAVY, LIGHT)
    assert {"leader_trimmed", "tail_trimmed"} <= set(got.flags)


@pytest.mark.parametrize("linker", [LINKER, "GSTSGSGKPGSSEGSTKG", ""])
def test_an_scfv_is_parted_in_both_orders(linker: str):
    for chain in (HEAVY + linker + LIGHT, LIGHT + linker + HEAVY):
        for got in (clean(scfv=chain), clean(heavy=chain)):
            assert got.problem is None
            assert got.heavy is not None
            assert got.light is not None
            assert HEAVY.startswith(got.heavy[:100])
            assert LIGHT.startswith(got.light[:95])
            assert "single_chain_parted" in got.flags


def test_a_nanobody_needs_no_light_chain():
    got = clean(VHH)
    assert (got.heavy, got.light, got.problem) == (VHH, None, None)


def test_spelling_is_mended_and_flagged():
    got = clean(HEAVY.lower() + "*", LIGHT[:40] + "--" + LIGHT[40:] + "\n")
    assert (got.heavy, got.light) == (HEAVY, LIGHT)
    assert {"lower_case_mended", "gaps_removed", "stop_codon_trimmed"} <= set(got.flags)


@pytest.mark.parametrize(
    ("heavy", "light", "reason"),
    [
        (HEAVY[:60] + "*" + HEAVY[60:], LIGHT, "stop codon at residue 61"),
        (HEAVY.replace("W", "1"), LIGHT, "no amino acid"),
        ("GAGGTGCAGCTGGTGGAGTCTGGGGGAGGCTTGGTCCAG", LIGHT, "nucleotides"),
        (HEAVY[:50] + "X" * 30 + HEAVY[80:], LIGHT, "unknown residues"),
        (LYSOZYME, LIGHT, "no antibody variable domain in the heavy chain"),
        (HEAVY, HEAVY, "both chains are heavy chains"),
        (LIGHT, None, "only a light chain"),
        (None, None, "no antibody chain"),
        (HEAVY * 20, None, "more than 1500"),
        (HEAVY + LINKER + HEAVY, None, "2 heavy"),
    ],
)
def test_what_cannot_be_mended_is_refused(heavy: str | None, light: str | None, reason: str):
    got = clean(heavy, light)
    assert got.problem is not None
    assert reason in got.problem


def test_a_variable_domain_that_lacks_a_third_is_refused():
    got = clean(HEAVY[35:], LIGHT)
    assert got.problem is not None


def test_an_antigen_loses_its_terminal_tag_only():
    tagged = clean_antigen(LYSOZYME + "HHHHHH")
    assert (tagged.sequence, tagged.flags) == (LYSOZYME, ("tag_trimmed",))
    peptide = clean_antigen("SLRHHHHHHA")
    assert peptide.sequence == "SLRHHHHHHA"


def test_an_antigen_longer_than_any_domain_is_refused():
    problem = clean_antigen("ACDEFGHIKL" * 1000).problem
    assert problem is not None
    assert "10000 residues" in problem


def test_variants_of_one_parent_are_numbered_by_proxy_with_the_same_result():
    variants = [HEAVY[:98] + a + HEAVY[99:] for a in "ACDEFGHIKLMNPQRSTVWY"]
    triples = [(variant, LIGHT, None) for variant in variants]
    fast = AntibodyCleaner().clean(triples)
    slow = AntibodyCleaner(by_proxy=False).clean(triples)
    assert fast == slow


def test_a_frame_keeps_its_order_and_says_when_the_antigen_is_unknown():
    frame = pl.DataFrame(
        {
            "row": [1, 2, 3],
            "heavy": [VHH, HEAVY, LYSOZYME],
            "light": [None, LIGHT, None],
            "scfv": [None, None, None],
            "antigen": [[LYSOZYME, ""], [], None],
        },
        schema_overrides={"scfv": pl.String, "antigen": pl.List(pl.String)},
    )
    got = clean_pairs(frame)
    assert got["row"].to_list() == [1, 2, 3]
    assert got["antigen"].to_list() == [[LYSOZYME], [], []]
    assert got["chain_flags"].to_list() == [[], ["antigen_unknown"], ["antigen_unknown"]]
    assert got["chain_problem"].to_list()[:2] == [None, None]
    assert "no antibody variable domain" in got["chain_problem"][2]


def test_an_scfv_parted_at_its_linker_is_numbered_as_if_it_were_not():
    variants = [HEAVY[:98] + a + HEAVY[99:] + LINKER + LIGHT for a in "ADEFGHIKLMNPQRSTVWY"]
    triples = [(None, None, variant) for variant in variants]
    fast = AntibodyCleaner().clean(triples)
    slow = AntibodyCleaner(by_proxy=False).clean(triples)
    assert fast == slow


def test_lists_of_flags_keep_their_order_and_empty_ones() -> None:
    flags = [("b", "a"), (), ("b", "a"), ("a",)]
    column = flag_lists(flags)
    assert column.dtype == pl.List(pl.String)
    assert column.to_list() == [["b", "a"], [], ["b", "a"], ["a"]]
    assert flag_lists([]).to_list() == []


LONG_LINKER = "GGGGSGGGGSGGGGSGGGGS"
OTHER_HEAVY = (
    "EVQLVESGGGLVQPGRSLRLSCAASGFTFDDYAMHWVRQAPGKGLEWVSAITWNSGHIDYADSVEGRFTISRDNAKNSLYLQMNSLRAED"
    "TAVYYCAKVSYLSTASSLDYWGQGTLVTVSS"
)
OTHER_LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQGIRNYLAWYQQKPGKAPKLLIYAASTLQSGVPSRFSGSGSGTDFTLTISSLQPEDVATYYCQR"
    "YNRAPYTFGQGTKVEIK"
)


@pytest.mark.parametrize(
    ("heavy", "light", "counts"),
    [
        (HEAVY + CH1 + LONG_LINKER + HEAVY + CH1, LIGHT, "2 heavy and 1 light"),
        (
            HEAVY + "ASTKGP" + OTHER_HEAVY + CH1,
            LIGHT + "TVAAP" + OTHER_LIGHT,
            "2 heavy and 2 light",
        ),
        (HEAVY + CH1 + LINKER + OTHER_HEAVY + LINKER + OTHER_LIGHT, LIGHT, "2 heavy and 2 light"),
        (VHH + LINKER + HEAVY + CH1, LIGHT, "2 heavy and 1 light"),
        (HEAVY + LINKER + OTHER_LIGHT, LIGHT, "1 heavy and 2 light"),
        (HEAVY, LIGHT + LONG_LINKER + OTHER_LIGHT, "1 heavy and 2 light"),
        (VHH + LINKER + VHH[:-1] + "T", None, "2 heavy and 0 light"),
    ],
)
def test_no_domain_of_a_construct_is_dropped_in_silence(
    heavy: str, light: str | None, counts: str
) -> None:
    problem = clean(heavy, light).problem
    assert problem is not None
    assert counts in problem
    assert ("--arm" in problem) == counts.startswith("2 heavy")


def test_a_light_domain_given_twice_is_one() -> None:
    got = clean(HEAVY + LINKER + LIGHT, LIGHT)
    assert (got.heavy, got.light, got.problem) == (HEAVY, LIGHT, None)


@pytest.mark.parametrize(
    ("heavy", "light", "arms"),
    [
        (HEAVY + "ASTKGP" + OTHER_HEAVY + CH1, LIGHT + "TVAAP" + OTHER_LIGHT,
         [(HEAVY, LIGHT), (OTHER_HEAVY, OTHER_LIGHT)]),
        (HEAVY + CH1 + LINKER + OTHER_HEAVY + LINKER + OTHER_LIGHT, LIGHT,
         [(HEAVY, LIGHT), (OTHER_HEAVY, OTHER_LIGHT)]),
        (HEAVY + CH1 + LONG_LINKER + OTHER_HEAVY + CH1, LIGHT,
         [(HEAVY, LIGHT), (OTHER_HEAVY, LIGHT)]),
        (VHH + LINKER + HEAVY + CH1, LIGHT, [(VHH, None), (HEAVY, LIGHT)]),
    ],
)  # fmt: skip
def test_an_arm_can_be_chosen(heavy: str, light: str, arms: list[tuple[str, str | None]]) -> None:
    row = {"source_row": 2, "heavy": heavy, "light": light, "scfv": None, "flags": []}
    schema = {"scfv": pl.String, "flags": pl.List(pl.String)}
    frame = pl.DataFrame([row], schema_overrides=schema)
    for number, (wanted_heavy, wanted_light) in enumerate(arms, start=1):
        got = choose_arm(frame, number, "a.csv").row(0, named=True)
        assert got["heavy"].startswith(wanted_heavy[:110])
        assert (got["light"] or "")[:95] == (wanted_light or "")[:95]
        assert got["flags"] == [f"arm_{number}_chosen"]
    with pytest.raises(TableError, match="there are 2"):
        choose_arm(frame, 3, "a.csv")
    with pytest.raises(OptionError, match="counted from 1"):
        choose_arm(frame, 0, "a.csv")


DAMAGED = {
    "without_trp41": HEAVY[:33] + "RSPGSPPRRGWRLPG" + HEAVY[48:],
    "without_cys104": HEAVY.replace("YYCSR", "YYSSR"),
    "without_cys23": HEAVY.replace("LSCAA", "LSSAA"),
    "without_j_segment": HEAVY[:96] + "SAGEETASMLWTTGARELWSPSP",
    "cdr3_empty": HEAVY[:96] + HEAVY[109:],
    "cdr3_cut_short": HEAVY[:98] + HEAVY[109:],
    # A base lost before a stretch of a framework and won back behind it; no conserved residue.
    "framework_unlike_germlines": HEAVY[:67] + "GSPSALTLPRTRPTWT" + HEAVY[83:],
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_domain_is_flagged_alone_and_among_sound_siblings(fault: str) -> None:
    damaged = DAMAGED[fault]
    siblings = [(HEAVY[:98] + a + HEAVY[99:], LIGHT, None) for a in "ADEFG"]
    alone = clean(damaged, LIGHT)
    cleaner = AntibodyCleaner()
    cleaner.clean(siblings)
    among = cleaner.clean([(damaged, LIGHT, None)])[damaged, LIGHT, None]
    assert f"heavy_{fault}" in alone.flags
    assert set(alone.flags) == set(among.flags)
    assert not any(
        "heavy" in flag for one in cleaner.clean(siblings).values() for flag in one.flags
    )


@pytest.mark.parametrize("column", ["scfv", "heavy"])
@pytest.mark.parametrize(
    "chain",
    [
        HEAVY + LINKER + LIGHT[:25] + LIGHT[75:],
        HEAVY + LINKER + LIGHT[:45],
        LIGHT[:40] + LIGHT[85:] + LINKER + HEAVY,
        HEAVY + CH1 + LINKER + LIGHT[50:],
    ],
    ids=["lost loops", "cut off", "light chain first", "behind a constant domain"],
)
def test_an_scfv_with_a_damaged_half_is_no_vhh(column: str, chain: str):
    got = clean(**{column: chain})
    assert got.heavy is None
    assert "part of a further variable domain" in got.problem or "a whole one" in got.problem


def test_siblings_with_few_changes_keep_their_proxy_and_sound_domains_have_no_flag():
    cleaner = AntibodyCleaner()
    humanised = HEAVY.replace("RFTISADTSKNTAYLQMNSL", "RATLTVDKSSSTAYMELSSL")
    got = cleaner.clean([(HEAVY, LIGHT, None), (humanised, LIGHT, None)])
    assert {one.flags for one in got.values()} == {()}


def test_a_framework_that_lost_its_beginning_is_flagged():
    assert "heavy_framework_incomplete" in clean(HEAVY[12:], LIGHT).flags
    assert clean(HEAVY[3:], LIGHT).flags == ()
