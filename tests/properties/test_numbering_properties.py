"""What holds for any linker, any mutation and any string."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.numbering import IMGT_REGIONS, number_chains

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAED"
    "TAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQ"
    "HYTTPPTFGQGTKVEIK"
)
CDR3_AT = HEAVY.index("SRWGGDGFYAMDY")


def place(position: str) -> tuple[int, int]:
    """Order of IMGT positions: insertions follow 111 and stand before 112, in reverse."""
    digits, letters = re.fullmatch(r"(\d+)([A-Z]*)", position).groups()
    rank = 0 if not letters else 26 * (len(letters) - 1) + ord(letters[0]) - 64
    return int(digits), -rank if digits in ("33", "61", "112") else rank


@settings(max_examples=40)
@given(st.text(alphabet="GSTEKPA", max_size=30), st.booleans())
def test_no_linker_changes_the_domains_of_an_scfv(linker: str, heavy_first: bool):
    parts = (HEAVY, LIGHT) if heavy_first else (LIGHT, HEAVY)
    chain = parts[0] + linker + parts[1]
    domains = number_chains([chain])[chain]
    assert [d.sequence for d in domains] == list(parts)
    for part, domain in zip(parts, domains, strict=True):
        assert domain.positions == number_chains([part])[part][0].positions


@settings(max_examples=40)
@given(st.data())
def test_a_mutated_domain_keeps_order_and_residues(data: st.DataObject):
    letters = list(HEAVY)
    places = st.lists(st.integers(0, len(HEAVY) - 1), max_size=12, unique=True)
    for i in data.draw(places):
        letters[i] = data.draw(st.sampled_from(AMINO_ACIDS + "X"))
    chain = "".join(letters)
    (domain,) = number_chains([chain])[chain]
    assert chain[domain.start : domain.end] == domain.sequence
    assert len(domain.positions) == len(domain.sequence)
    assert list(domain.positions) == sorted(set(domain.positions), key=place)
    assert "".join(domain.region(name) for name in IMGT_REGIONS) == domain.sequence


@settings(max_examples=30)
@given(st.text(alphabet=AMINO_ACIDS, min_size=2, max_size=40))
def test_a_loop_of_any_sequence_is_the_cdr3(loop: str):
    chain = HEAVY[:CDR3_AT] + "AR" + loop + HEAVY[CDR3_AT + 13 :]
    domains = number_chains([chain])[chain]
    assert [(d.start, d.end) for d in domains] == [(0, len(chain))]
    assert len(domains[0].cdr3) == len(loop) + 2


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_taken(text: str):
    assert number_chains([text])[text] == ()
