from hypothesis import given, settings
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.mutations import apply_mutations, find_mutations, name_of, parse_mutations
from abag.errors import MutationError

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPPTF"
    "GQGTKVEIK"
)
substitutions = st.dictionaries(
    st.integers(0, len(HEAVY) - 1), st.sampled_from(AMINO_ACIDS), max_size=8
)
edits = st.lists(
    st.tuples(st.integers(0, len(HEAVY)), st.text(AMINO_ACIDS, max_size=3), st.integers(0, 3)),
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(substitutions, st.dictionaries(st.integers(0, 106), st.sampled_from(AMINO_ACIDS)))
def test_a_variant_named_and_read_again_is_the_same(
    heavy: dict[int, str], light: dict[int, str]
) -> None:
    varied = tuple(
        "".join(changed.get(i, letter) for i, letter in enumerate(chain))
        for chain, changed in ((HEAVY, heavy), (LIGHT, light))
    )
    name = name_of(HEAVY, LIGHT, *varied)
    read = parse_mutations(name, HEAVY, LIGHT)
    assert apply_mutations(HEAVY, LIGHT, read) == varied
    assert len(read) == sum(HEAVY[i] != a for i, a in heavy.items()) + sum(
        LIGHT[i] != a for i, a in light.items()
    )


@settings(deadline=None, max_examples=80)
@given(edits)
def test_insertions_and_deletions_come_back_too(changes: list[tuple[int, str, int]]) -> None:
    variant = HEAVY
    for place, inserted, deleted in changes:
        variant = variant[:place] + inserted + variant[place + deleted :]
    found = find_mutations(HEAVY, None, variant, None)
    assert parse_mutations(name_of(HEAVY, None, variant, None), HEAVY, None) == found
    assert apply_mutations(HEAVY, None, found) == (variant, None)


@settings(deadline=None, max_examples=60)
@given(substitutions, st.randoms())
def test_the_order_of_mutations_in_a_text_means_nothing(
    changes: dict[int, str], random: object
) -> None:
    texts = [f"H:{HEAVY[i]}{i + 1}{letter}" for i, letter in changes.items()]
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert parse_mutations(";".join(texts), HEAVY) == parse_mutations("+".join(shuffled), HEAVY)


NAMES = "AlaCysAspGluPheGlyHisIleLysLeuMetAsnProGlnArgSerThrValTrpTyr"
THREE = {letter: NAMES[3 * i : 3 * i + 3] for i, letter in enumerate("ACDEFGHIKLMNPQRSTVWY")}
NOTATIONS = {
    "colon": lambda c, w, n, m: f"{c}:{w}{n}{m}",
    "glued": lambda c, w, n, m: f"{c}{w}{n}{m}",
    "skempi": lambda c, w, n, m: f"{w}{c}{n}{m}",
    "brackets": lambda c, w, n, m: f"{w}{n}({c}){m}",
    "domain": lambda c, w, n, m: f"V{c}-{w}{n}{m}",
    "named": lambda c, w, n, m: f"αHER2-V{c}_{w}{n}{m}",
    "hgvs": lambda c, w, n, m: f"{c}C:p.{THREE[w]}{n}{THREE[m]}",
    "lower": lambda c, w, n, m: f"{c}:{w}{n}{m}".lower(),
}
changed_places = st.lists(
    st.tuples(
        st.sampled_from("HL"), st.integers(1, 106), st.sampled_from(AMINO_ACIDS),
        st.sampled_from(sorted(NOTATIONS)),
    ),
    min_size=1, max_size=6, unique_by=lambda one: one[:2],
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(changed_places, st.sampled_from([";", ", ", "+", "/", " ", " | ", " and ", "&"]))
def test_a_text_is_read_as_it_was_meant_or_asked_for(
    changes: list[tuple[str, int, str, str]], separator: str
) -> None:
    parents = {"H": HEAVY, "L": LIGHT}
    meant, pieces = set(), []
    for chain, place, new, notation in changes:
        old = parents[chain][place - 1]
        if new in ("X", old):
            continue
        meant.add(f"{chain}:{old}{place}{new}")
        pieces.append(NOTATIONS[notation](chain, old, place, new))
    try:
        read = parse_mutations(separator.join(pieces), HEAVY, LIGHT)
    except MutationError as error:
        assert "two readings" in str(error)  # noqa: PT017  asked for is as right as read
        return
    assert {str(one) for one in read} == meant
