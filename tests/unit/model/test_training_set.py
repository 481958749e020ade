import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError, SchemaError
from abag.model.training_set import TrainingDomain, TrainingSet
from synthetic_pairs import canonical, complexes_table

CHAINS = ("heavy", "light", "antigen")


def test_censored_rows_are_counted_and_left_out() -> None:
    table = canonical(
        {
            "pkd": [7.0, None, None, 9.0],
            "pkd_lower": [7.0, None, None, 9.0],
            "pkd_upper": [7.0, 5.0, None, 9.0],
        }
    )
    rows = TrainingSet.of(table, "pkd")
    summary = rows.summary()
    assert rows.target.tolist() == [7.0, 9.0]
    assert (summary.rows, summary.rows_exact, summary.rows_censored) == (4, 2, 1)
    assert summary.rows_without_target == 1
    assert (summary.target_mean, summary.target_sd) == (8.0, 1.0)


def test_without_exact_rows_the_other_target_is_proposed() -> None:
    table = canonical({"pkd": [None, None], "rank_score": [0.1, 0.2]})
    with pytest.raises(ModelError, match="--set target=rank_score"):
        TrainingSet.of(table, "pkd")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SchemaError, match="antigen"):
        TrainingSet.of(complexes_table(5).drop("antigen"), "pkd")


def test_the_digest_ignores_order_and_sees_values() -> None:
    table = complexes_table(10)
    digest = TrainingSet.of(table, "pkd").summary().digest
    assert TrainingSet.of(table.reverse(), "pkd").summary().digest == digest
    moved = table.with_columns(pl.col("pkd") + 1e-9)
    assert TrainingSet.of(moved, "pkd").summary().digest != digest


def test_a_sample_is_the_same_for_a_seed_and_keeps_the_order() -> None:
    rows = TrainingSet.of(complexes_table(50), "pkd")
    one, again, other = rows.sample(10, 3), rows.sample(10, 3), rows.sample(10, 4)
    assert one.pairs["record_id"].to_list() == again.pairs["record_id"].to_list()
    assert one.pairs["record_id"].to_list() != other.pairs["record_id"].to_list()
    assert one.pairs["source_row"].is_sorted()
    assert (one.summary().rows_used, one.summary().rows_exact) == (10, 50)
    assert rows.sample(50, 0) is rows


def test_the_domain_knows_whole_antibodies_and_antigens() -> None:
    table = complexes_table(12)
    domain = TrainingDomain.of(table[:6])
    assert domain.knows_antibody(table[:6]).all()
    swapped = table[:6].with_columns(light=pl.lit("DIQ"))
    assert not domain.knows_antibody(swapped).any()
    unknown = table[:2].with_columns(antigen=pl.Series([["AAA"], []], dtype=pl.List(pl.String)))
    assert domain.knows_antigen(unknown).tolist() == [False, False]
    assert np.array_equal(TrainingDomain.from_arrays(domain.arrays()).antibodies, domain.antibodies)
