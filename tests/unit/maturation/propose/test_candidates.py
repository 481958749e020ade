"""The design space and the four ways that lead to candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abag.antibody.antibody import Antibody
from abag.antibody.mutations import apply_mutations, parse_mutations
from abag.errors import OptionError
from abag.maturation.propose.candidates import (
    ENUMERATION,
    ORIGINS,
    SearchSizes,
    combinations,
    crossed,
    find_candidates,
    mutated,
    recombinations,
)
from abag.maturation.propose.design_space import DesignSpace, Genotype
from synthetic_pairs import HEAVY, LIGHT

PARENT = Antibody.of(HEAVY, LIGHT)
SMALL = SearchSizes(10, 60, 10, 40, 2, 40, 10, everything=0)


def worth(variants: Sequence[Genotype]) -> np.ndarray:
    """A made-up score: tryptophans are good, more so in the first places."""
    return np.array(
        [sum((letter == "W") * (200 - place) for _, place, letter in one) for one in variants],
        float,
    )


def test_the_whole_variable_domains_are_free_but_for_their_cysteines() -> None:
    space = DesignSpace.of(PARENT, 2)
    assert len(space.places) == len(HEAVY) + len(LIGHT) - (HEAVY + LIGHT).count("C")
    assert not {letter for _, _, letter in space.substitutions} & {"C"}
    # 18 letters a place: the twenty less cysteine and the residue itself
    assert len(space.substitutions) == 18 * len(space.places)


def test_frozen_positions_never_change() -> None:
    space = DesignSpace.of(PARENT, 2, freeze=["H:1-100", "L:50"])
    places = set(space.places)
    assert ("H", 100) not in places
    assert ("H", 101) in places
    assert ("L", 50) not in places


def test_cdrs_alone_may_be_free() -> None:
    space = DesignSpace.of(PARENT, 2, cdrs=["H3"])
    start = HEAVY.index("SRWGGDGFYAMDY") + 1  # IMGT 105 to 117
    assert space.places == tuple(("H", place) for place in range(start, start + 13))
    everywhere = DesignSpace.of(PARENT, 2, cdrs=["all"])
    assert {chain for chain, _ in everywhere.places} == {"H", "L"}
    assert set(space.places) < set(everywhere.places)


def test_a_variant_is_named_applied_and_read_back() -> None:
    space = DesignSpace.of(PARENT, 3)
    variant = frozenset({("H", 31, "A"), ("L", 30, "Y")})
    heavy, light = space.chains(variant)
    assert space.genotype(heavy, light) == variant
    assert space.name(variant) == f"H:{HEAVY[30]}31A;L:{LIGHT[29]}30Y"
    assert space.genotype(heavy, None) is None


def test_a_measured_indel_is_one_change_and_is_used_whole() -> None:
    text = "H:D102DS;H:F104-;H:Y105-;L:S50A"
    chains = apply_mutations(HEAVY, LIGHT, parse_mutations(text, HEAVY, LIGHT))
    shorter, longer, plain = ("H", 104, "-/-"), ("H", 102, "DS"), ("L", 50, "A")
    measured = DesignSpace.of(PARENT, 4).genotype(*chains)
    assert measured == {shorter, longer, plain}
    space = DesignSpace.of(PARENT, 3, measured=[measured])
    assert space.indels == (longer, shorter)
    assert space.chains(measured) == chains
    assert space.name(measured) == text
    assert space.within(measured) is None  # four places, and three may change
    assert space.limited([shorter, ("H", 105, "W"), plain, longer]) == {shorter, plain}
    assert space.limited([shorter], 1) == frozenset()
    for options in ({"freeze": ["H:105"]}, {"positions": ["H:102-104"]}):
        assert DesignSpace.of(PARENT, 3, measured=[measured], **options).indels == (longer,)
    assert DesignSpace.of(PARENT, 3, measured=[measured], letters="AW").indels == (shorter,)


def test_ends_of_a_construct_are_no_design() -> None:
    measured = DesignSpace.of(PARENT, 4).genotype(HEAVY[1:], f"{LIGHT}R")
    assert measured == {("H", 1, "-"), ("L", 107, "KR")}
    space = DesignSpace.of(PARENT, 3, measured=[measured], untried=True)
    assert space.indels == ()


def test_what_lies_outside_the_space_is_dropped_from_a_measured_variant() -> None:
    space = DesignSpace.of(PARENT, 1, freeze=["L:1-107"])
    assert space.within(frozenset({("H", 31, "A"), ("L", 30, "Y")})) == {("H", 31, "A")}
    assert space.within(frozenset({("H", 31, "A"), ("H", 33, "A")})) is None


def test_positions_that_were_tried_are_free_unless_others_are_asked_for() -> None:
    measured = [frozenset({("H", 31, "A")}), frozenset({("H", 31, "W"), ("L", 30, "Y")})]
    tried = DesignSpace.of(PARENT, 2, measured=measured)
    assert tried.places == (("H", 31), ("L", 30))
    asked = DesignSpace.of(PARENT, 2, measured=measured, positions=["H:33"])
    assert asked.places == (("H", 33),)
    assert len(DesignSpace.of(PARENT, 2, measured=measured, untried=True).places) > 200


def test_letters_may_be_those_that_were_measured_there() -> None:
    measured = [frozenset({("H", 31, "A")}), frozenset({("H", 31, "W"), ("L", 30, "Y")})]
    space = DesignSpace.of(PARENT, 2, measured=measured, letters="measured")
    assert space.substitutions == [("H", 31, "A"), ("H", 31, "W"), ("L", 30, "Y")]
    with pytest.raises(OptionError, match="no measured variant changes these positions"):
        DesignSpace.of(PARENT, 2, measured=measured, letters="measured", positions=["H:50"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"most": 0}, "--max-mutations is 0"),
        ({"freeze": ["Q:1"]}, "--freeze Q:1"),
        ({"freeze": ["H:1-500"]}, "--freeze H:1-500"),
        ({"positions": ["H:30"], "freeze": ["H:30"]}, "no position may change"),
        ({"letters": "AZ"}, "holds Z"),
        ({"cdrs": ["H9"]}, "--cdrs H9"),
        ({"positions": ["H:30"], "numbering": "roman"}, "roman is not known"),
    ],
)
def test_a_space_that_cannot_be_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        DesignSpace.of(PARENT, **({"most": 2} | options))  # type: ignore[arg-type]


def test_candidates_come_by_all_four_ways_and_never_measured_ones() -> None:
    space = DesignSpace.of(PARENT, 3, cdrs=["H1", "H2"])
    measured = [
        frozenset({("H", 31, "W")}),
        frozenset({("H", 30, "W"), ("H", 33, "F")}),
        frozenset({("H", 28, "Y")}),
    ]
    found = find_candidates(space, measured, worth, seed=1, sizes=SMALL)
    assert set(found.origins.values()) == set(ORIGINS) - {ENUMERATION}
    assert not set(measured) & set(found.origins)
    assert frozenset() not in found.origins
    assert all(1 <= len(one) <= 3 for one in found.origins)
    free = set(space.places)
    assert all({change[:2] for change in one} <= free for one in found.origins)
    assert all(len({change[:2] for change in one}) == len(one) for one in found.origins)


def test_guided_search_finds_what_neither_scan_nor_chance_would() -> None:
    space = DesignSpace.of(PARENT, 4, cdrs=["H1", "H2"])
    found = find_candidates(
        space, [], worth, seed=0, sizes=SearchSizes(60, 20, 5, 5, 12, 200, 30, everything=0)
    )
    best = worth([found.ranked()[0]])[0]
    most = sum(sorted((200 - place for _, place in space.places), reverse=True)[:4])
    assert best > 0.97 * most


def test_the_same_seed_gives_the_same_candidates() -> None:
    space = DesignSpace.of(PARENT, 3, cdrs=["H3"])
    first, second = (find_candidates(space, [], worth, 4, SMALL).ranked() for _ in range(2))
    assert first == second


def test_with_one_mutation_allowed_only_the_scan_is_made() -> None:
    space = DesignSpace.of(PARENT, 1, cdrs=["H3"])
    found = find_candidates(space, [frozenset({("H", 100, "A")})], worth)
    assert set(found.origins.values()) == {"scan"}
    assert len(found.origins) == len(space.substitutions) - 1


def test_a_small_space_is_listed_in_full() -> None:
    space = DesignSpace.of(PARENT, 2, positions=["H:30", "H:31", "L:30"], letters="AWY")
    # three letters each, none the parent's: 9 singles and 3 * 9 pairs
    assert space.count() == 36
    assert len(set(space.every_variant())) == 36
    found = find_candidates(space, [frozenset({("H", 30, "A"), ("L", 30, "W")})], worth)
    assert len(found.origins) == 35
    assert set(found.origins.values()) == {"scan", ENUMERATION}


def test_the_count_of_a_space_is_that_of_its_variants() -> None:
    space = DesignSpace.of(PARENT, 3, positions=["H:28-32"], letters="AW")
    assert space.count() == len(space.every_variant()) == 5 * 2 + 10 * 4 + 10 * 8
    gone = frozenset({("H", 30, "-")})
    space = DesignSpace.of(PARENT, 3, positions=["H:28-32"], letters="AW", measured=[gone])
    # With the deletion, 30 has three choices and not two.
    assert space.count() == len(space.every_variant()) == 11 + (6 * 4 + 4 * 6) + (4 * 8 + 6 * 12)


def test_a_space_that_was_measured_in_full_is_refused() -> None:
    space = DesignSpace.of(PARENT, 1, positions=["H:30"], letters="AW")
    measured = [frozenset({("H", 30, letter)}) for letter in "AW"]
    with pytest.raises(OptionError, match="every variant of this design space was measured"):
        find_candidates(space, measured, worth)


variants = st.frozensets(
    st.tuples(st.just("H"), st.integers(1, 6), st.sampled_from("AWY")), max_size=5
).map(lambda one: frozenset({change[:2]: change for change in sorted(one)}.values()))


@given(
    one=variants,
    other=variants,
    most=st.integers(1, 4),
    untried=st.none() | st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_a_child_has_changes_of_its_parents_only_one_a_place_and_within_the_budgets(
    one: Genotype, other: Genotype, most: int, untried: int | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    space = replace(DesignSpace.of(PARENT, most), tried=one, most_untried=untried)
    child = crossed(one, other, space, rng)
    assert child <= one | other
    near = mutated(child, [("H", 2, "Y"), ("H", 9, "A")], space, rng)
    assert len(near ^ child) <= 3
    for found in (child, near):
        assert len({change[:2] for change in found}) == len(found) <= most
        assert untried is None or len(found - one) <= untried


def test_too_few_singles_or_parents_give_no_combination() -> None:
    rng, space = np.random.default_rng(0), DesignSpace.of(PARENT, 3)
    assert combinations([("H", 1, "A")], space, 50, rng) == []
    assert recombinations([frozenset({("H", 1, "A")})], space, 50, rng) == []


def test_what_nobody_measured_enters_one_substitution_at_a_time() -> None:
    measured = [frozenset({("H", place, letter)}) for place in range(28, 34) for letter in "AW"]
    space = DesignSpace.of(PARENT, 4, measured=measured, most_untried=1)
    found = find_candidates(space, measured, worth, seed=1, sizes=SMALL)
    untried = {one: sum(change not in space.tried for change in one) for one in found.origins}
    assert max(untried.values()) == 1
    assert any(count == 0 and len(one) == 4 for one, count in untried.items())
    none = DesignSpace.of(PARENT, 4, measured=measured, most_untried=0)
    only = find_candidates(none, measured, worth, seed=1, sizes=SMALL).origins
    assert {change for one in only for change in one} <= none.tried
    with pytest.raises(OptionError, match="--max-untried is -1"):
        DesignSpace.of(PARENT, 4, most_untried=-1)
