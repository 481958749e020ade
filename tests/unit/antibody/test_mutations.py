from dataclasses import FrozenInstanceError

import pytest

from abag.antibody.mutations import (
    Mutation,
    apply_mutations,
    find_mutations,
    fitting_numberings,
    name_of,
    parse_mutations,
)
from abag.antibody.numbering import number_chains
from abag.antibody.numbering.schemes import scheme_positions
from abag.data.mutation_column import read_mutation_column
from abag.errors import MutationError, TableError

# Trastuzumab (PDB 1N8Z), whose Kabat positions are in many papers: H:W95, D98, Y100a, D101; L:N30.
HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPPTF"
    "GQGTKVEIK"
)


def test_one_mutation_is_read_with_its_place_and_imgt_position() -> None:
    (one,) = parse_mutations("H:D102E", HEAVY, LIGHT)
    assert one == Mutation("H", 102, "D", "E")
    assert one.imgt == "110"
    assert str(one) == "H:D102E"
    with pytest.raises(FrozenInstanceError):
        one.place = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    ["L:S50A;H:Y33F", "HY33F+LS50A", "vh:Y33F, vl:S50A", "Y33F L:S50A", "H:Tyr33Phe|L:Ser50Ala"],
)
def test_every_usual_spelling_means_the_same(text: str) -> None:
    names = [str(one) for one in parse_mutations(text, HEAVY, LIGHT)]
    assert names == ["H:Y33F", "L:S50A"]


@pytest.mark.parametrize("text", ["", "WT", "wild type", "wild_type", "Parent", " "])
def test_the_parent_has_no_mutations(text: str) -> None:
    assert parse_mutations(text, HEAVY, LIGHT) == ()


@pytest.mark.parametrize(
    ("text", "scheme", "place"),
    [
        ("H:W95A", "kabat", 99),
        ("H:Y100aF", "kabat", 105),
        ("H:Y100AF", "kabat", 105),
        ("H:D101E", "kabat", 108),
        ("H:P52aA", "chothia", 53),
        ("H:K72cA", "martin", 76),
        ("H:C104A", "imgt", 96),
        ("L:N30A", "kabat", 30),
        ("L:T114A", "imgt", 94),
    ],
)
def test_positions_of_a_scheme_become_places_in_the_chain(
    text: str, scheme: str, place: int
) -> None:
    (one,) = parse_mutations(text, HEAVY, LIGHT, scheme)
    assert one.place == place


def test_kabat_of_trastuzumab_is_that_of_the_papers() -> None:
    (domain,) = number_chains([HEAVY])[HEAVY]
    kabat = dict(zip(scheme_positions(domain, "kabat") or (), domain.sequence, strict=True))
    assert "".join(kabat[p] for p in ("95", "96", "97", "98", "99", "100")) == "WGGDGF"
    assert [kabat[p] for p in ("100A", "100B", "100C", "101", "102")] == list("YAMDY")
    assert [kabat[p] for p in ("52", "52A", "53", "82A", "82B", "82C", "83")] == list("YPTNSLR")


def test_a_wrong_reference_residue_says_what_stands_there_and_which_numbering_fits() -> None:
    with pytest.raises(MutationError, match=r"residue 95 of the heavy chain is Y, not W") as told:
        parse_mutations("H:W95A", HEAVY, LIGHT)
    assert "it would fit kabat or chothia or martin numbering" in str(told.value)


def test_a_mutation_of_the_other_chain_is_told_so() -> None:
    with pytest.raises(MutationError, match="the light chain has A there"):
        parse_mutations("A51G", HEAVY, LIGHT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("H:A333G", "no residue 333, it has 120 residues"),
        ("H:Y33", "names no mutation"),
        ("H:33F", "does not name the parent's residue"),
        ("Q:Y33F", "unknown chain 'Q'"),
        ("H:Y33J", "'J' is no amino acid"),
        ("H:Y33*", "stop codon"),
        ("H:Y33F;H:Y33W", "changes residue 33 of the heavy chain twice"),
    ],
)
def test_a_text_that_cannot_be_a_mutation_is_refused(text: str, words: str) -> None:
    with pytest.raises(MutationError, match=words):
        parse_mutations(text, HEAVY, LIGHT)


def test_a_nanobody_has_no_light_chain_to_change() -> None:
    with pytest.raises(MutationError, match="the parent has none"):
        parse_mutations("L:S50A", HEAVY, None)


def test_deletions_and_insertions_are_named_and_applied() -> None:
    shorter, _ = apply_mutations(HEAVY, LIGHT, parse_mutations("H:G100del;H:W99F", HEAVY, LIGHT))
    assert shorter == HEAVY[:98] + "F" + HEAVY[100:]
    longer, _ = apply_mutations(HEAVY, LIGHT, parse_mutations("H:D102DAS", HEAVY, LIGHT))
    assert longer == HEAVY[:102] + "AS" + HEAVY[102:]
    assert name_of(HEAVY, LIGHT, longer, LIGHT) == "H:D102DAS"
    ends = "M" + HEAVY
    assert name_of(HEAVY, LIGHT, ends, LIGHT) == "H:E1ME"


def test_a_variant_is_named_against_its_parent() -> None:
    variant = HEAVY[:32] + "F" + HEAVY[33:]
    assert name_of(HEAVY, LIGHT, variant, LIGHT) == "H:Y33F"
    assert name_of(HEAVY, LIGHT, HEAVY, LIGHT) == ""
    assert find_mutations(HEAVY, None, variant, None)[0].imgt == "38"


def test_applying_to_another_parent_is_refused() -> None:
    with pytest.raises(MutationError, match="is Y, not A"):
        apply_mutations(HEAVY, LIGHT, [Mutation("H", 33, "A", "G")])


def test_texts_fit_the_numberings_they_were_written_in() -> None:
    assert fitting_numberings("H:Y100aF", HEAVY, LIGHT) == ("kabat", "chothia", "martin")
    assert "sequential" in fitting_numberings("H:Y33F", HEAVY, LIGHT)


def test_a_small_insertion_letter_is_no_inserted_residue() -> None:
    # Residue 100 of the chain is G, and Kabat's 100a is Y: not "G100 and F behind it" in silence.
    for text in ("H:Y100aF", "H:G100aF"):
        with pytest.raises(MutationError, match="has no residue 100A"):
            parse_mutations(text, HEAVY, LIGHT)
    with pytest.raises(MutationError, match="it would fit kabat or chothia or martin"):
        parse_mutations("H:Y100aF", HEAVY, LIGHT)
    assert str(parse_mutations("H:G100GF", HEAVY, LIGHT)[0]) == "H:G100GF"


def test_every_row_that_does_not_fit_is_named_with_its_line() -> None:
    with pytest.raises(TableError) as told:
        read_mutation_column(["H:Y33F", "H:A33G", None, "H:S33G"], HEAVY, LIGHT)
    assert [problem.row for problem in told.value.problems] == [3, 5]
    assert "residue 33 of the heavy chain is Y, not S" in str(told.value)


def test_a_column_that_fits_another_numbering_is_told_so() -> None:
    with pytest.raises(TableError, match="give --numbering kabat"):
        read_mutation_column(["H:W95A", "H:D98E", "H:D101N"], HEAVY, LIGHT)
    assert len(read_mutation_column(["H:W95A", ""], HEAVY, LIGHT, scheme="kabat")) == 2


def test_mixed_numbering_schemes_are_told_so() -> None:
    texts = ["H:W99A", "H:W95A", "H:C104A", "H:D102E", "H:G103A"]
    with pytest.raises(TableError, match=r"mixes numbering schemes: .* in sequential") as told:
        read_mutation_column(texts, HEAVY, LIGHT)
    assert "only in kabat (such as H:W95A)" in str(told.value)
    assert "only in imgt (such as H:C104A)" in str(told.value)


def test_rows_of_no_numbering_question_the_parent() -> None:
    with pytest.raises(TableError, match="is this the parent"):
        read_mutation_column(["H:P1A", "H:P2A"], HEAVY, LIGHT)


def test_one_wrong_row_among_many_is_a_mistake_and_no_other_scheme() -> None:
    texts = [f"H:{HEAVY[i]}{i + 1}{'A' if HEAVY[i] != 'A' else 'G'}" for i in range(90, 110)]
    with pytest.raises(TableError, match="Nearly all rows fit sequential") as told:
        read_mutation_column([*texts, "H:W95A"], HEAVY, LIGHT)
    assert len(told.value.problems) == 1


@pytest.mark.parametrize(
    "text",
    ["YH33F", "Y33(H)F", "p.Tyr33Phe", "p.(Tyr33Phe)", "VH-Y33F", "HC-Y33F", "VH:Y33F", "VH Y33F",
     "αHER2-VH_Y33F", "anti-HER2-HC_Y33F", "Heavy chain: Y33F", "heavy_Y33F", "TYR33PHE",
     "H:Y38F (IMGT)", "Y33F (Kabat)", "Y33F [Chothia]", "Y33→F", "y33f",
     "H_Y33F", "Y33->F", "Y40F (AHo)"],
)  # fmt: skip
def test_every_notation_of_one_mutation_is_read(text: str) -> None:
    assert [str(one) for one in parse_mutations(text, HEAVY, LIGHT)] == ["H:Y33F"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("YH33F,SL50A", ["H:Y33F", "L:S50A"]),
        ("D98W (Kabat), Y33F", ["H:Y33F", "H:D102W"]),
        ("VH: Y33F, D102E; VL: S50A", ["H:Y33F", "H:D102E", "L:S50A"]),
        ("VL: S50A, H91Y", ["L:S50A", "L:H91Y"]),
        ("Y33F_D102E", ["H:Y33F", "H:D102E"]),
        ("Y33F-D102E", ["H:Y33F", "H:D102E"]),
        ("Y33F and D102E", ["H:Y33F", "H:D102E"]),
        ("Y33F & L:S50A", ["H:Y33F", "L:S50A"]),
        ("delG100, W99F", ["H:W99F", "H:G100-"]),
        ("p.Gly100del", ["H:G100-"]),
        ("αHER2-VH_Y33F/αHER2-VL_S50A", ["H:Y33F", "L:S50A"]),
    ],
)
def test_lists_of_mutations_are_parted(text: str, names: list[str]) -> None:
    assert [str(one) for one in parse_mutations(text, HEAVY, LIGHT)] == names


@pytest.mark.parametrize(
    "text",
    ["WT", "wild-type", "WT (parent)", "WT antibody", "parental", "Parent mAb", "native", "p.="],
)
def test_the_parent_is_known_by_all_its_names(text: str) -> None:
    assert parse_mutations(text, HEAVY, LIGHT) == ()


WITH_TYR_AT_100 = HEAVY[:99] + "Y" + HEAVY[100:]


@pytest.mark.parametrize(
    ("text", "heavy", "words"),
    [
        ("Y100AF", WITH_TYR_AT_100, "H:Y100AF and H:Y105F .kabat 100A.*--numbering kabat"),
        ("Y33F;Y100AF", WITH_TYR_AT_100, "two readings"),
        ("L:S50A|Q3E", HEAVY, "L:Q3E and H:Q3E; name the chain"),
        ("L:S50A,Y33F", HEAVY, "H:Y33F fits the heavy chain alone; name the chain"),
        ("nan", HEAVY, "names no mutation"),
        ("improved", HEAVY, "names no mutation"),
        ("YA33F", HEAVY, "unknown chain 'Y'"),
    ],
)
def test_two_readings_that_fit_are_asked_for(text: str, heavy: str, words: str) -> None:
    with pytest.raises(MutationError, match=words):
        parse_mutations(text, heavy, LIGHT)


def test_kabat_named_settles_what_was_asked() -> None:
    for text, scheme in (("Y100AF", "kabat"), ("Y100AF (Kabat)", "sequential")):
        (one,) = parse_mutations(text, WITH_TYR_AT_100, LIGHT, scheme)
        assert str(one) == "H:Y105F"
    # SKEMPI's chain behind the residue and a chain before it: both may fit.
    heavy = HEAVY[:32] + "L" + HEAVY[33:]
    light = LIGHT[:32] + "H" + LIGHT[33:]
    with pytest.raises(MutationError, match="H:L33F and L:H33F"):
        parse_mutations("HL33F", heavy, light)
    assert str(parse_mutations("HL33F", heavy, LIGHT)[0]) == "H:L33F"


def test_places_counted_from_0_are_told() -> None:
    places = (32, 54, 98, 101, 57)
    texts = [f"H:{HEAVY[i]}{i}{'A' if HEAVY[i] != 'A' else 'G'}" for i in places]
    with pytest.raises(TableError, match="counted from 0: add 1"):
        read_mutation_column(texts, HEAVY, LIGHT)
    texts = [f"H:{HEAVY[i]}{i + 20}{'A' if HEAVY[i] != 'A' else 'G'}" for i in places]
    with pytest.raises(TableError, match="19 more than here"):
        read_mutation_column(texts, HEAVY, LIGHT)
