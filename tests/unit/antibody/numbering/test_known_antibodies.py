"""Numbers of antibodies whose IMGT CDRs are published, and of things that are no antibody."""

from __future__ import annotations

import re

import pytest

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering import number_chains
from abag.antibody.soundness import foreign_domain
from abag.errors import SequenceError

TRASTUZUMAB_H = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
TRASTUZUMAB_L = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
ADALIMUMAB_H = (
    "EVQLVESGGGLVQPGRSLRLSCAASGFTFDDYAMHWVRQAPGKGLEWVSAITWNSGHIDYADSVEGRFTISRDNAKNSLYLQMNSLRAED"
    "TAVYYCAKVSYLSTASSLDYWGQGTLVTVSS"
)
ADALIMUMAB_L = (
    "DIQMTQSPSSLSASVGDRVTITCRASQGIRNYLAWYQQKPGKAPKLLIYAASTLQSGVPSRFSGSGSGTDFTLTISSLQPEDVATYYCQR"
    "YNRAPYTFGQGTKVEIK"
)
AVELUMAB_L = (
    "QSALTQPASVSGSPGQSITISCTGTSSDVGGYNYVSWYQQHPGKAPKLMIYDVSNRPSGVSNRFSGSKSGNTASLTISGLQAEDEADYYC"
    "SSYTSSSTRVFGTGTKVTVL"
)
CAPLACIZUMAB_VHH = (
    "EVQLVESGGGLVQPGGSLRLSCAASGRTFSYNPMGWFRQAPGKGRELVAAISRTGGSTYYPDSVEGRFTISRDNAKRMVYLQMNSLRAED"
    "TAVYYCAAAGVRAEDGRVRTLPSEYTFWGQGTQVTVSS"
)
BLV1H12_H = (  # bovine, with an ultralong CDR-H3
    "QVQLRESGPSLVKPSQTLSLTCTASGFSLSDKAVGWVRQAPGKALEWLGSIDTGGSTGYNPGLKSRLSITKDNSKSQVSLSVSSVTTEDS"
    "ATYYCTTVHQETKKSCPDGYSYCYDCGSSCWGWDCCGYDCTCYRYTDSYEYYVDAWGQGLLVTVSS"
)
CH1 = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTVPSSSLGTQTYICNVNHKPS"
    "NTKVDKKVEPKSC"
)
FC = (
    "DKTHTCPPCPAPELLGGPSVFLFPPKPKDTLMISRTPEVTCVVVDVSHEDPEVKFNWYVDGVEVHNAKTKPREEQYNSTYRVVSVLTVLH"
    "QDWLNGKEYKCKVSNKALPAPIEKTISKAKGQPREPQVYTLPPSREEMTKNQVSLTCLVKGFYPSDIAVEWESNGQPENNYKTTPPVLDS"
    "DGSFFLYSKLTVDKSRWQQGNVFSCSVMHEALHNHYTQKSLSLSPGK"
)
CKAPPA = (
    "RTVAAPSVFIFPPSDEQLKSGTASVVCLLNNFYPREAKVQWKVDNALQSGNSQESVTEQDSKDSTYSLSSTLTLSKADYEKHKVYACEVT"
    "HQGLSSPVTKSFNRGEC"
)
LINKER = "GGGGS" * 3
LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITA"
    "SVNCAKKIVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)
TCR_BETA = (  # A6
    "NAGVTQTPKFQVLKTGQSMTLQCAQDMNHEYMSWYRQDPGMGLRLIHYSVGAGITDQGEVPNGYNVSRSTTEDFPLRLLSAAPSQTSVYF"
    "CASRPGLAGGRPEQYFGPGTRLTVTE"
)
TCR_ALPHA = (
    "KEVEQNSGPLSVPEGAIASLNCTYSDRGSQSFFWYRQYSGKSPELIMFIYSNGDKEDGRFTAQLNKASQYVSLLIRDSQPSDSATYLCAV"
    "TTDSWGKLQFGAGTQVVVTP"
)


@pytest.mark.parametrize(
    ("chain", "kind", "cdrs"),
    [
        (TRASTUZUMAB_H, ChainKind.HEAVY, ("GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY")),
        (TRASTUZUMAB_L, ChainKind.KAPPA, ("QDVNTA", "SAS", "QQHYTTPPT")),
        (ADALIMUMAB_H, ChainKind.HEAVY, ("GFTFDDYA", "ITWNSGHI", "AKVSYLSTASSLDY")),
        (ADALIMUMAB_L, ChainKind.KAPPA, ("QGIRNY", "AAS", "QRYNRAPYT")),
        (AVELUMAB_L, ChainKind.LAMBDA, ("SSDVGGYNY", "DVS", "SSYTSSSTRV")),
        (CAPLACIZUMAB_VHH, ChainKind.VHH, ("GRTFSYNP", "ISRTGGST", "AAAGVRAEDGRVRTLPSEYTF")),
    ],
)
def test_published_cdrs_are_found(chain: str, kind: ChainKind, cdrs: tuple[str, str, str]):
    (domain,) = number_chains([chain])[chain]
    assert domain.kind is kind
    assert (domain.cdr1, domain.cdr2, domain.cdr3) == cdrs
    assert (domain.start, domain.end, domain.sequence) == (0, len(chain), chain)


def test_the_positions_of_trastuzumab_are_those_of_imgt():
    (domain,) = number_chains([TRASTUZUMAB_H])[TRASTUZUMAB_H]
    # VH: no residue at 10 and 73; CDR1 and CDR2 of 8 residues leave 31-34 and 60-61 empty.
    empty = {10, 31, 32, 33, 34, 60, 61, 73}
    assert list(domain.positions) == [str(i) for i in range(1, 129) if i not in empty]


def test_insertions_of_a_long_loop_stand_between_111_and_112():
    (domain,) = number_chains([ADALIMUMAB_H])[ADALIMUMAB_H]
    loop = [p for p in domain.positions if 105 <= int(p[:3].rstrip("ABC") or 0) <= 117]
    assert loop[6:8] == ["111", "112A"]
    assert len(loop) == 14


def test_a_bovine_ultralong_loop_is_one_domain():
    (domain,) = number_chains([BLV1H12_H])[BLV1H12_H]
    assert domain.kind is ChainKind.HEAVY
    assert domain.cdr3 == BLV1H12_H[BLV1H12_H.index("TTVHQ") : BLV1H12_H.index("WGQG")]
    assert (domain.start, domain.end) == (0, len(BLV1H12_H))
    assert len(set(domain.positions)) == len(domain.sequence)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (TRASTUZUMAB_H + CH1, [("heavy", 0, 120)]),
        (TRASTUZUMAB_H + CH1 + FC, [("heavy", 0, 120)]),
        (TRASTUZUMAB_L + CKAPPA, [("kappa", 0, 107)]),
        (TRASTUZUMAB_H + LINKER + TRASTUZUMAB_L, [("heavy", 0, 120), ("kappa", 135, 242)]),
        (TRASTUZUMAB_L + LINKER + TRASTUZUMAB_H, [("kappa", 0, 107), ("heavy", 122, 242)]),
        (TRASTUZUMAB_H + TRASTUZUMAB_L, [("heavy", 0, 120), ("kappa", 120, 227)]),
        (TRASTUZUMAB_L + TRASTUZUMAB_H, [("kappa", 0, 107), ("heavy", 107, 227)]),
        (AVELUMAB_L + LINKER + ADALIMUMAB_H, [("lambda", 0, 110), ("heavy", 125, 246)]),
        ("MGWSCIILFLVATATGVHS" + TRASTUZUMAB_H, [("heavy", 19, 139)]),
        (TRASTUZUMAB_H + "HHHHHH", [("heavy", 0, 120)]),
        (CAPLACIZUMAB_VHH + LINKER + CAPLACIZUMAB_VHH, [("vhh", 0, 128), ("vhh", 143, 271)]),
        (BLV1H12_H + LINKER + TRASTUZUMAB_L, [("heavy", 0, 156), ("kappa", 171, 278)]),
    ],
    ids=[
        "Fab heavy", "IgG heavy", "Fab light", "scFv HL", "scFv LH", "HL no linker",
        "LH no linker", "scFv lambda", "leader", "tag", "bivalent VHH", "ultralong scFv",
    ],
)  # fmt: skip
def test_the_variable_domains_of_a_longer_chain_are_found(
    chain: str, expected: list[tuple[str, int, int]]
):
    assert [(d.kind.value, d.start, d.end) for d in number_chains([chain])[chain]] == expected


@pytest.mark.parametrize(
    "chain",
    ["", "X", TRASTUZUMAB_H[:40], LYSOZYME, TCR_ALPHA, TCR_BETA, CH1 + FC, CKAPPA, "G" * 10_000],
    ids=["empty", "one", "piece", "lysozyme", "TCRA", "TCRB", "constant", "CK", "10,000 G"],
)
def test_what_is_no_antibody_gives_no_domain(chain: str):
    assert number_chains([chain]) == {chain: ()}


def test_a_vhh_beside_a_light_chain_is_a_heavy_domain():
    chain = CAPLACIZUMAB_VHH + LINKER + TRASTUZUMAB_L
    assert [d.kind.value for d in number_chains([chain])[chain]] == ["heavy", "kappa"]


def test_missing_first_residues_keep_the_numbers_of_the_rest():
    (whole,) = number_chains([TRASTUZUMAB_H])[TRASTUZUMAB_H]
    (cut,) = number_chains([TRASTUZUMAB_H[9:]])[TRASTUZUMAB_H[9:]]
    assert cut.positions == whole.positions[9:]


def test_a_chain_cut_inside_its_j_segment_keeps_its_last_residues():
    for left_off in (3, 5, 6, 8, 9):
        chain = TRASTUZUMAB_H[:-left_off]
        (domain,) = number_chains([chain])[chain]
        assert domain.end == len(chain)
        assert domain.positions[-1] == str(128 - left_off)


def test_unknown_residues_keep_their_place():
    chain = TRASTUZUMAB_H[:30] + "XXX" + TRASTUZUMAB_H[33:]
    (domain,) = number_chains([chain])[chain]
    assert domain.cdr1 == "GFNIXXXY"[:4] + chain[29:33]
    assert domain.sequence == chain


def test_lower_case_is_read_as_upper_case():
    chain = TRASTUZUMAB_H.lower()
    assert number_chains([chain])[chain] == number_chains([TRASTUZUMAB_H])[TRASTUZUMAB_H]


def test_a_chain_that_hmmer_cannot_take_is_refused():
    with pytest.raises(SequenceError, match="100001 residues"):
        number_chains(["A" * 100_001])


def test_every_domain_here_has_the_anchors_of_imgt():
    chains = [TRASTUZUMAB_H, TRASTUZUMAB_L, ADALIMUMAB_H, ADALIMUMAB_L, AVELUMAB_L, BLV1H12_H]
    for (domain,) in number_chains(chains).values():
        at = dict(zip(domain.positions, domain.sequence, strict=True))
        anchors = "".join(at[p] for p in ("23", "41", "104", "118", "119", "121"))
        assert re.fullmatch("CWC[WF]GG", anchors)


@pytest.mark.parametrize(
    ("chain", "kind", "cdrs", "begin", "behind"),
    [
        (TRASTUZUMAB_L[:49] + TRASTUZUMAB_L[60:], ChainKind.KAPPA,
         ("QDVNTA", "", "QQHYTTPPT"), "55", "75"),
        (TRASTUZUMAB_H[:49] + TRASTUZUMAB_H[68:], ChainKind.HEAVY,
         ("GFNIKDTY", "", "SRWGGDGFYAMDY"), "54", "77"),
    ],
)  # fmt: skip
def test_a_domain_without_its_second_loop_stays_one_domain(
    chain: str, kind: ChainKind, cdrs: tuple[str, str, str], begin: str, behind: str
):
    (found,) = number_chains([chain])[chain]
    assert (found.kind, found.start, found.end) == (kind, 0, len(chain))
    assert tuple(found.region(name) for name in ("CDR1", "CDR2", "CDR3")) == cdrs
    assert found.positions[48:50] == (begin, behind)


def test_a_t_cell_receptor_is_told_by_name():
    assert foreign_domain(TCR_BETA) == "the beta chain of a T-cell receptor, and no antibody"
    assert foreign_domain(TCR_ALPHA) == "the alpha chain of a T-cell receptor, and no antibody"
    assert foreign_domain(LYSOZYME) == ""
