"""Merging of replicates: the rule, worked out by hand, and what must hold for any table."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from abag.data.merging import MergeSummary, merge_replicates
from abag.data.tables import SCHEMA
from abag.errors import SchemaError


def row(number: int, value: float | None = 9.0, /, **changes: Any) -> dict[str, Any]:
    """One canonical row; ``lower`` and ``upper`` set bounds in place of an exact pKd."""
    lower, upper = changes.pop("lower", value), changes.pop("upper", value)
    exact = lower is not None and lower == upper
    relation = "=" if exact else (">" if lower is None else "<")
    return {
        "record_id": f"s:f:{number}",
        "source": "s",
        "source_file": "f",
        "source_row": number,
        "heavy": "EVQL",
        "light": None,
        "antigen": ["KVFG"],
        "quantity": "KD",
        "raw_value": f"{value}",
        "raw_unit": "pKd",
        "relation": relation,
        "pkd": lower if exact else None,
        "pkd_lower": lower,
        "pkd_upper": upper,
        "rank_score": lower if exact else None,
        "rank_lower": lower,
        "rank_upper": upper,
        "replicates": 1,
        "assay": "a",
        "licence": "own-data",
        "flags": [],
    } | changes


def table_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA)


def merged_row(*rows: dict[str, Any]) -> dict[str, Any]:
    result = merge_replicates(table_of(*rows)).table.frame
    assert result.height == 1
    return result.row(0, named=True)


def test_replicates_become_their_median_with_their_standard_deviation() -> None:
    found = merged_row(row(2, 8.0), row(3, 8.5), row(4, 8.6))
    assert found["pkd"] == found["pkd_lower"] == found["pkd_upper"] == found["rank_score"] == 8.5
    mean = (8.0 + 8.5 + 8.6) / 3
    sd = math.sqrt(sum((x - mean) ** 2 for x in (8.0, 8.5, 8.6)) / 2)
    assert found["spread"] == pytest.approx(sd)
    assert found["replicates"] == 3
    assert found["record_id"] == "s:f:2"
    assert found["flags"] == ["replicates_merged"]


def test_an_even_number_of_replicates_gives_the_mean_of_the_middle_two() -> None:
    assert merged_row(row(2, 8.0), row(3, 8.2), row(4, 8.6), row(5, 8.9))["pkd"] == (
        pytest.approx(8.4)
    )


def test_symmetry_copies_count_once_and_do_not_shrink_the_spread() -> None:
    copy = {"structure_id": "1abc", "raw_value": "10"}
    made = merge_replicates(
        table_of(row(2, 8.0, **copy), row(3, 8.0, **copy), row(4, 8.0, **copy), row(5, 8.6))
    )
    found = made.table.frame.row(0, named=True)
    assert found["pkd"] == pytest.approx(8.3)
    assert found["replicates"] == 2
    assert found["spread"] == pytest.approx(0.6 / math.sqrt(2))
    assert found["flags"] == ["replicates_merged", "symmetry_copies_merged"]
    assert made.summary == MergeSummary(4, 1, 1, 1, 2, 0, pytest.approx(0.6))


def test_copies_alone_stay_one_measurement_without_a_spread() -> None:
    copy = {"structure_id": "1abc", "raw_value": "10"}
    found = merged_row(row(2, 8.0, **copy), row(3, 8.0, **copy))
    assert (found["replicates"], found["spread"]) == (1, None)
    assert found["flags"] == ["symmetry_copies_merged"]


def test_one_value_from_two_structures_is_two_measurements() -> None:
    found = merged_row(row(2, 8.0, structure_id="1abc"), row(3, 8.0, structure_id="2abc"))
    assert found["replicates"] == 2


def test_replicates_more_than_one_unit_apart_are_flagged_and_keep_their_median() -> None:
    found = merged_row(row(2, 8.0), row(3, 9.5))
    assert found["pkd"] == 8.75
    assert "replicate_conflict" in found["flags"]
    assert "replicate_conflict" not in merged_row(row(2, 8.0), row(3, 9.0))["flags"]


def test_an_exact_value_wins_over_a_bound_that_allows_it() -> None:
    found = merged_row(row(2, None, lower=None, upper=6.0), row(3, 5.5))
    assert (found["pkd"], found["relation"], found["replicates"]) == (5.5, "=", 1)
    assert found["record_id"] == "s:f:3"
    assert "replicate_conflict" not in found["flags"]


def test_an_exact_value_outside_a_bound_is_kept_and_flagged() -> None:
    found = merged_row(row(2, None, lower=None, upper=6.0), row(3, 8.0))
    assert found["pkd"] == 8.0
    assert "replicate_conflict" in found["flags"]


def test_bounds_become_the_tightest_interval_they_allow() -> None:
    found = merged_row(
        row(2, None, lower=None, upper=6.0),
        row(3, None, lower=None, upper=5.0),
        row(4, None, lower=4.0, upper=None),
    )
    assert (found["pkd"], found["pkd_lower"], found["pkd_upper"]) == (None, 4.0, 5.0)
    assert (found["rank_score"], found["rank_lower"], found["rank_upper"]) == (None, 4.0, 5.0)
    assert found["relation"] == ">"
    assert "replicate_conflict" not in found["flags"]


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_bounds_the_tightest_of_each_side_stands(turned: bool) -> None:
    below = [row(i, None, lower=end, upper=None) for i, end in enumerate((3.0, 4.5, 4.0), 2)]
    above = [row(i, None, lower=None, upper=end) for i, end in enumerate((7.0, 5.5, 6.0), 5)]
    rows = [*below, *above]
    found = merged_row(*(reversed(rows) if turned else rows))
    assert (found["pkd_lower"], found["pkd_upper"]) == (4.5, 5.5)
    assert (found["rank_lower"], found["rank_upper"]) == (4.5, 5.5)
    assert found["pkd"] is None


def test_bounds_that_contradict_each_other_are_flagged_and_the_first_is_kept() -> None:
    found = merged_row(row(2, None, lower=None, upper=5.0), row(3, None, lower=7.0, upper=None))
    assert (found["pkd_lower"], found["pkd_upper"]) == (None, 5.0)
    assert "replicate_conflict" in found["flags"]


@pytest.mark.parametrize(
    "change",
    [
        {"heavy": "QVQL"},
        {"light": "DIQM"},
        {"antigen": ["KVFG", "A"]},
        {"assay": "b"},
        {"quantity": "IC50"},
    ],
)
def test_rows_that_differ_in_a_key_are_not_merged(change: dict[str, Any]) -> None:
    assert merge_replicates(table_of(row(2), row(3, **change))).summary.rows_out == 2


def test_antibodies_without_an_antigen_sequence_are_kept_apart_by_its_name() -> None:
    unnamed = {"antigen": []}
    made = merge_replicates(
        table_of(row(2, antigen_name="H1", **unnamed), row(3, antigen_name="H3", **unnamed))
    )
    assert made.summary.rows_out == 2


def test_a_ddg_is_merged_with_those_of_the_same_parent_only() -> None:
    ddg = {"quantity": "ddG", "pkd": None, "pkd_lower": None, "pkd_upper": None}
    made = merge_replicates(
        table_of(
            row(2, -1.0, structure_id="1abc", raw_value="1.4", **ddg),
            row(3, -1.2, structure_id="1abc", raw_value="1.6", **ddg),
            row(4, -1.0, structure_id="2abc", **ddg),
        )
    )
    assert made.table["rank_score"].to_list() == [pytest.approx(-1.1), -1.0]
    assert made.table["pkd"].to_list() == [None, None]
    assert made.table["pkd_lower"].to_list() == [None, None]


def test_absolute_quantities_merge_across_assays_on_request() -> None:
    rows = (row(2, 8.0), row(3, 8.4, assay="b", quantity="dG"), row(4, 7.0, assay="b", heavy="Q"))
    assert merge_replicates(table_of(*rows)).summary.rows_out == 3
    made = merge_replicates(table_of(*rows), across_assays=True)
    assert made.table["pkd"].to_list() == [pytest.approx(8.2), 7.0]


def test_ranks_never_merge_across_assays() -> None:
    rank = {"quantity": "enrichment", "pkd": None, "pkd_lower": None, "pkd_upper": None}
    rows = table_of(row(2, 0.1, **rank), row(3, 0.2, assay="b", **rank))
    assert merge_replicates(rows, across_assays=True).summary.rows_out == 2


def test_two_labels_of_one_pair_that_differ_are_a_conflict() -> None:
    label = {"quantity": "binary", "pkd": None, "pkd_lower": None, "pkd_upper": None}
    assert "replicate_conflict" in merged_row(row(2, 0.0, **label), row(3, 1.0, **label))["flags"]


def test_rows_merged_before_count_with_their_replicates() -> None:
    assert merged_row(row(2, 8.0, replicates=3, spread=0.2), row(3, 8.1))["replicates"] == 4


def test_flags_of_all_rows_are_kept() -> None:
    found = merged_row(row(2, 8.0, flags=["b", "a"]), row(3, 8.1, flags=["c", "a"]))
    assert found["flags"] == ["a", "b", "c", "replicates_merged"]


def test_a_merged_row_stands_where_the_first_of_its_rows_stood() -> None:
    made = merge_replicates(table_of(row(2, heavy="A"), row(3, heavy="C"), row(4, heavy="A")))
    assert made.table["heavy"].to_list() == ["A", "C"]


def test_a_table_without_repeats_comes_back_as_it_is() -> None:
    table = table_of(row(2), row(3, heavy="Q"))
    assert_frame_equal(merge_replicates(table).table.frame, table)
    assert_frame_equal(merge_replicates(table.head(0)).table.frame, table.head(0))


def test_a_table_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(SchemaError, match="lacks the column"):
        merge_replicates(table_of(row(2)).drop("pkd"))


_VALUE = st.integers(min_value=20, max_value=120).map(lambda tenths: tenths / 10)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for number in range(2, draw(st.integers(min_value=0, max_value=12)) + 2):
        value = draw(_VALUE)
        bound = draw(st.sampled_from(["=", "=", "lower", "upper"]))
        rows.append(
            row(
                number,
                value,
                lower=None if bound == "upper" else value,
                upper=None if bound == "lower" else value,
                heavy=draw(st.sampled_from(["EVQL", "QVQL"])),
                light=draw(st.sampled_from([None, "DIQM"])),
                assay=draw(st.sampled_from(["a", "b"])),
                structure_id=draw(st.sampled_from([None, "1abc", "2abc"])),
                flags=draw(st.lists(st.sampled_from(["x", "y"]), unique=True)),
            )
        )
    return table_of(*rows)


@given(tables(), st.booleans())
def test_merging_twice_is_merging_once(table: pl.DataFrame, across: bool) -> None:
    once = merge_replicates(table, across_assays=across)
    twice = merge_replicates(once.table, across_assays=across)
    assert_frame_equal(twice.table.frame, once.table.frame)
    assert twice.summary.rows_out == twice.summary.rows_in


@given(tables(), st.booleans(), st.integers(min_value=0, max_value=2**31))
def test_merging_does_not_depend_on_the_order_of_rows(
    table: pl.DataFrame, across: bool, seed: int
) -> None:
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=seed)
    a = merge_replicates(table, across_assays=across)
    b = merge_replicates(shuffled, across_assays=across)
    assert_frame_equal(a.table.frame.sort("record_id"), b.table.frame.sort("record_id"))
    assert a.summary == b.summary


@given(tables())
def test_every_row_is_accounted_for(table: pl.DataFrame) -> None:
    made = merge_replicates(table)
    summary = made.summary
    assert summary.rows_in == table.height
    assert summary.rows_out == made.table.height
    assert summary.rows_in == summary.rows_out + summary.replicates + summary.copies
    assert set(made.table["record_id"]) <= set(table["record_id"])


@given(tables())
def test_a_merged_pkd_lies_between_its_least_and_greatest_label(table: pl.DataFrame) -> None:
    keys = ["heavy", "light", "assay"]
    span = table.group_by(keys).agg(
        pl.col("pkd").min().alias("least"), pl.col("pkd").max().alias("most")
    )
    joined = merge_replicates(table).table.frame.join(span, on=keys, nulls_equal=True)
    inside = joined.filter(pl.col("pkd").is_not_null())
    assert inside.select(pl.col("pkd").is_between("least", "most").all()).item()
    assert inside.height == span["least"].count()
