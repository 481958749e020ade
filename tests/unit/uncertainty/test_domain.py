import numpy as np
import polars as pl
import pytest

from abag.data.similarity import cdr_sets
from abag.data.similarity.neighbours import nearest_rows
from abag.uncertainty.domain import DomainIndex, Verdict
from synthetic_antibodies import made_up_antibodies
from synthetic_domain import families_table, substituted
from synthetic_pairs import HEAVY, assay_table, random_chain

TABLE = families_table(60)
RNG = np.random.default_rng(7)
STRANGE = made_up_antibodies(30, seed=9)[29]


def pair(heavy: str, light: str | None, antigen: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"heavy": [heavy], "light": [light], "antigen": [antigen]},
        schema={"heavy": pl.String, "light": pl.String, "antigen": pl.List(pl.String)},
    )


def test_a_pair_is_known_when_it_was_measured_together() -> None:
    index = DomainIndex.of(TABLE)
    row = TABLE.row(0, named=True)
    near, homologue = (substituted(RNG, row["antigen"][0], n) for n in (5, 28))
    far = random_chain(RNG, 80)
    cases = [
        (row["heavy"], row["light"], [near], Verdict.VARIANT),
        (row["heavy"], row["light"], [homologue], Verdict.NEW_ANTIGEN),
        (*STRANGE, [homologue], Verdict.NEW_ANTIBODY),
        (row["heavy"], row["light"], [far], Verdict.NEW_ANTIGEN),
        (*STRANGE, [far], Verdict.NEITHER),
    ]
    for heavy, light, antigen, verdict in cases:
        assert index.familiarity(pair(heavy, light, antigen)).verdicts == [verdict]


def test_identities_are_those_of_the_audit() -> None:
    train, test = TABLE[:40], TABLE[40:]
    found = DomainIndex.of(train).familiarity(test)
    expected = nearest_rows(test, train, cdr_sets(TABLE))
    assert found.antibody == pytest.approx(expected.antibody)
    assert found.antigen == pytest.approx(expected.antigen)


def test_one_known_chain_of_a_complex_makes_the_antigen_known() -> None:
    index = DomainIndex.of(TABLE)
    row = TABLE.row(3, named=True)
    asked = pair(row["heavy"], row["light"], [random_chain(RNG, 70), row["antigen"][0]])
    assert index.familiarity(asked).verdicts == [Verdict.VARIANT]


def test_a_domain_of_a_known_chain_is_known() -> None:
    index = DomainIndex.of(TABLE)
    row = TABLE.row(3, named=True)
    asked = pair(row["heavy"], row["light"], [row["antigen"][0][10:60]])
    assert index.familiarity(asked).antigen[0] == 1.0


def test_a_pair_without_an_antigen_has_a_new_one() -> None:
    row = TABLE.row(3, named=True)
    found = DomainIndex.of(TABLE).familiarity(pair(row["heavy"], row["light"], []))
    assert found.verdicts == [Verdict.NEW_ANTIGEN]
    assert found.antigen.tolist() == [0.0]


def test_a_lone_heavy_chain_is_compared_by_its_heavy_loops() -> None:
    row = TABLE.row(3, named=True)
    found = DomainIndex.of(TABLE).familiarity(pair(row["heavy"], None, row["antigen"].copy()))
    assert found.antibody.tolist() == [1.0]


def test_the_answer_does_not_depend_on_the_batch() -> None:
    whole = DomainIndex.of(TABLE[:30]).familiarity(TABLE[30:])
    for place in (0, 7, 19):
        one = DomainIndex.of(TABLE[:30]).familiarity(TABLE[30 + place : 31 + place])
        assert one.antibody[0] == whole.antibody[place]
        assert one.antigen[0] == whole.antigen[place]


def test_an_index_is_saved_and_read() -> None:
    table = pl.concat(
        [TABLE, TABLE[:1].with_columns(light=pl.lit(None, pl.String), heavy=pl.lit(HEAVY))]
    )
    index = DomainIndex.of(table)
    back = DomainIndex.from_arrays(index.arrays())
    assert back.measured.antibodies == index.measured.antibodies
    assert back.measured.antigens == index.measured.antigens
    for one, other in zip(back.familiarity(table).near, index.familiarity(table).near, strict=True):
        assert np.array_equal(one, other)


def test_an_antibody_measured_on_one_antigen_is_not_known_on_another_that_others_bind() -> None:
    """Trastuzumab on lysozyme: both were measured, never together."""
    (h1, l1), (h2, l2) = TABLE.select("heavy", "light").row(0), STRANGE
    one, other = random_chain(RNG, 80), random_chain(RNG, 80)
    index = DomainIndex.of(pl.concat([pair(h1, l1, [one]), pair(h2, l2, [other])]))
    assert index.familiarity(pair(h1, l1, [one])).verdicts == [Verdict.VARIANT]
    crossed = index.familiarity(pair(h1, l1, [other]))
    assert crossed.verdicts == [Verdict.NEW_ANTIGEN]
    kin = int(crossed.near.kin[0])
    assert [index.measured.antigens[i] for i in index.measured.antigens_of(kin)] == [(one,)]


def test_an_empty_table_knows_nothing() -> None:
    empty = DomainIndex.from_arrays(DomainIndex.of(TABLE[:0]).arrays())
    assert empty.familiarity(TABLE[:1]).verdicts == [Verdict.NEITHER]


def test_a_variant_is_as_near_alone_as_in_its_library() -> None:
    library = assay_table(120)
    rows = DomainIndex.of(TABLE).familiarity(library).antibody
    for place in range(0, library.height, 17):
        alone = DomainIndex.of(TABLE).familiarity(library[place])
        assert alone.antibody[0] == rows[place]
