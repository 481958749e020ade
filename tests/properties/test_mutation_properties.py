from hypothesis import given, settings
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.mutations import apply_mutations, find_mutations, name_of, parse_mutations

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
