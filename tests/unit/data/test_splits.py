"""Splits of small tables whose right division can be seen by eye."""

from __future__ import annotations

import polars as pl
import pytest

from abag.data.splits import Split, Strategy, make_split
from abag.data.splits.assignment import assign_groups, part_targets
from abag.data.splits.positions import (
    changed_positions,
    consensus,
    mutated_positions,
    parse_positions,
    position_blocks,
)
from abag.data.tables import SCHEMA, Measurements
from abag.errors import FileFormatError, SchemaError, SplitError
from abag.files import read_parquet, write_parquet
from synthetic_pairs import complexes_table

ANTIBODIES = {f"H{i}/": f"ab-{i // 2}" for i in range(12)}
ANTIGENS = {f"G{i}": f"ag-{i // 2}" for i in range(12)}


def canonical(rows: list[dict[str, object]]) -> pl.DataFrame:
    columns = {
        "heavy": pl.String, "light": pl.String, "antigen": pl.List(pl.String),
        "structure_id": pl.String, "assay": pl.String, "mutations": pl.String,
    }  # fmt: skip
    table = pl.DataFrame(
        [{"assay": "a", "antigen": ["G0"], "heavy": "H0", **row} for row in rows],
        schema={"record_id": pl.String, **columns},
    )
    assert all(SCHEMA[name] == table.schema[name] for name in table.columns)
    return table.with_columns(
        record_id=pl.format("r{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(3))
    )


def pairs(*chains: tuple[int, int]) -> pl.DataFrame:
    return canonical([{"heavy": f"H{ab}", "antigen": [f"G{ag}"]} for ab, ag in chains])


def split(table: pl.DataFrame, strategy: str, **options: object) -> Split:
    return make_split(
        table, strategy, antibody_labels=ANTIBODIES, antigen_labels=ANTIGENS, **options
    )


def parts_by(made: Split, table: pl.DataFrame, column: pl.Expr) -> list[set[str]]:
    joined = table.select("record_id", key=column).join(made.assignment, on="record_id")
    return [set(group["part"]) for _, group in joined.group_by("key")]


def test_rows_of_one_antigen_cluster_are_never_parted():
    table = pairs(*[(i, i) for i in range(12)], *[(i, 11 - i) for i in range(12)])
    made = split(table, "antigen-cluster", folds=3)
    cluster = pl.col("antigen").list.first().replace(ANTIGENS)
    assert all(len(parts) == 1 for parts in parts_by(made, table, cluster))
    assert made.parts() == {"fold-0": 8, "fold-1": 8, "fold-2": 8}


def test_a_complex_is_its_structure_or_else_its_chains():
    table = canonical(
        [
            {"structure_id": "1abc", "heavy": "H0"},
            {"structure_id": "1abc", "heavy": "H1"},
            {"heavy": "H2"},
            {"heavy": "H2"},
            {"heavy": "H2", "light": "L"},
        ]
    )
    made = split(table, "complex", folds=3)
    groups = dict(made.assignment.select("record_id", "group").iter_rows())
    assert groups["r000"] == groups["r001"] == "1abc"
    assert groups["r002"] == groups["r003"]
    assert len(set(groups.values())) == 3


def test_folds_train_on_all_other_folds():
    table = pairs(*[(0, i) for i in range(10)])
    made = split(table, "random", folds=5)
    tested = []
    for name, train, test in made.fold_tables(table):
        assert train.height == 8
        assert test.height == 2
        assert set(train["record_id"]) | set(test["record_id"]) == set(table["record_id"])
        assert made.left_out(name) == 0
        tested += test["record_id"].to_list()
    assert sorted(tested) == table["record_id"].to_list()


def test_fractions_give_train_val_and_test():
    table = pairs(*[(0, i % 12) for i in range(50)])
    made = split(table, "random", fractions=(0.8, 0.1, 0.1))
    assert made.parts() == {"train": 40, "val": 5, "test": 5}
    [(name, train, test)] = made.fold_tables(table)
    assert (name, train.height, test.height) == ("test", 40, 5)
    assert made.part_table(table, "val").height == 5
    assert made.left_out("test") == 0
    assert "val" not in split(table, "random", fractions=(0.9, 0.0, 0.1)).parts()


def test_both_cold_shares_neither_cluster_and_leaves_straddlers_out():
    # Antibody clusters 0 and 1 bind antigen clusters 0 and 1; row r004 crosses over.
    table = pairs((0, 0), (1, 1), (2, 2), (3, 3), (0, 3))
    made = split(table, "both-cold", folds=2)
    rows = {row["record_id"]: row for row in made.assignment.iter_rows(named=True)}
    assert rows["r000"]["part"] == rows["r001"]["part"] != rows["r002"]["part"]
    assert rows["r004"]["part"] == "train"
    assert rows["r004"]["barred"] == ["fold-0", "fold-1"]
    for name, train, test in made.fold_tables(table):
        assert "r004" not in {*train["record_id"], *test["record_id"]}
        assert made.left_out(name) == 1
    assert "different sides" in made.notes[-1]
    # With three folds the crossing row still trains for the fold that holds neither cluster.
    more = pairs((0, 0), (1, 1), (2, 2), (3, 3), (0, 3), (4, 4), (5, 5))
    made = split(more, "both-cold", folds=3)
    trained = [name for name, train, _ in made.fold_tables(more) if "r004" in train["record_id"]]
    assert len(trained) == 1


def test_both_cold_with_fractions_counts_straddlers_as_unused():
    table = pairs((0, 0), (1, 1), (2, 2), (3, 3), (0, 3))
    made = split(table, "both-cold", fractions=(0.5, 0.0, 0.5))
    assert made.parts() == {"train": 2, "test": 2, "unused": 1}
    assert made.left_out("test") == 1


def test_a_huge_cluster_stays_whole_and_the_summary_says_so():
    table = pairs(*[(0, 0)] * 20, (2, 2), (4, 4), (6, 6), (8, 8))
    made = split(table, "antigen-cluster", folds=5)
    assert max(made.parts().values()) == 20
    assert "ag-0 holds 20 of 24 rows (83%) and stays whole" in made.summary()["notes"][0]
    cold = split(table, "both-cold", folds=5)
    assert "ag-0 holds 20 of 24 rows (83%) and stays whole" in cold.summary()["notes"][0]


def test_position_blocks_are_contiguous_and_never_mutated_in_training():
    single = [{"mutations": f"H:A{position}G"} for position in range(1, 13)]
    double = [{"mutations": "H:A1G;H:A2G"}, {"mutations": "H:A1G;H:A12G"}]
    table = canonical([*single, *double, {"mutations": ""}])
    made = make_split(table, "position-block", folds=3)
    blocks = {}
    for name, train, test in made.fold_tables(table):
        changed = set().union(*(parse_positions(text) for text in test["mutations"]))
        numbers = sorted(position for _, position in changed)
        assert numbers == list(range(numbers[0], numbers[0] + 4))
        trained = set().union(*(parse_positions(text) for text in train["mutations"]))
        assert not changed & trained
        assert "" in set(train["mutations"])
        blocks[name] = numbers
    assert {n for block in blocks.values() for n in block} == set(range(1, 13))
    rows = {row["record_id"]: row for row in made.assignment.iter_rows(named=True)}
    assert len(rows["r013"]["barred"]) == 2  # mutated in the first and in the last block
    assert rows["r012"]["part"].startswith("fold-")  # both mutations in the first block


def test_positions_are_found_without_the_mutations_column():
    table = canonical([{"heavy": heavy} for heavy in ("ACDEF", "ACDEF", "ACDEW", "GCDEF", "ACEF")])
    found = mutated_positions(table)
    assert found[:4] == [set(), set(), {("H", 5)}, {("H", 1)}]
    assert found[4] == {("H", 3)}


def test_consensus_takes_the_commonest_length_and_residue():
    assert consensus(["ACD", "ACE", "ACE", "A"]) == "ACE"
    assert changed_positions("ACDE", "ACDE") == []
    assert changed_positions("ACDE", "ACDEW") == [4]


def test_mutations_are_read_with_chain_and_insertion_code():
    assert parse_positions("H:S33G;L:T97A, H:Y100bA") == {("H", 33), ("L", 97), ("H", 100)}
    assert parse_positions("S33G") == {("H", 33)}
    with pytest.raises(SplitError, match="not like H:S33G"):
        parse_positions("H:S33G;deletion")


def test_blocks_have_the_wanted_shares_and_are_never_empty():
    positions = [frozenset({("H", i)}) for i in range(10)]
    blocks = position_blocks(positions, [8, 1, 1], "a")
    assert [list(blocks.values()).count(i) for i in range(3)] == [8, 1, 1]
    blocks = position_blocks(positions[:3], [98, 1, 1], "a")
    assert list(blocks.values()) == [0, 1, 2]
    with pytest.raises(SplitError, match="assay 'a' has 2 mutated position"):
        position_blocks(positions[:2], [1, 1, 1], "a")


def test_no_part_stays_empty_even_when_large_groups_use_up_the_rows():
    sizes = {"a": 50, "b": 30, "c": 20}
    targets = part_targets(100, fractions=(0.8, 0.1, 0.1))
    assert sorted(assign_groups(sizes, targets, 0).values()) == ["test", "train", "val"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "antigen-cluster", "folds": 7}, "6 antigen clusters, fewer than the 7"),
        ({"strategy": "assay", "folds": 2}, "fewer than two assays: nothing to part"),
        ({"strategy": "random", "folds": 1}, "2 folds or more"),
        ({"strategy": "random", "fractions": (0.8, 0.1, 0.2)}, "sum to 1.1"),
        ({"strategy": "random", "fractions": (1.0, 0.0, 0.0)}, "must be above 0"),
        ({"strategy": "random", "fractions": (0.5, -0.1, 0.6)}, "each 0 to 1"),
        ({"strategy": "random", "folds": 2, "fractions": (0.8, 0.1, 0.1)}, "not both"),
        ({"strategy": "by-antigen"}, "the strategies are random, complex"),
        ({"strategy": "position-block", "folds": 2}, "0 mutated position"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(options, message):
    table = pairs(*[(0, i) for i in range(12)])
    with pytest.raises(SplitError, match=message):
        split(table, **options)


def test_an_empty_table_is_refused():
    with pytest.raises(SplitError, match="no rows"):
        split(pairs((0, 0)).clear(), "random")


def test_a_saved_split_comes_back_and_gives_the_same_bytes(tmp_path):
    table = pairs(*[(i, i) for i in range(12)])
    made = split(table, "both-cold", folds=3, seed=4)
    made.save(tmp_path / "a.parquet")
    split(table.reverse(), "both-cold", folds=3, seed=4).save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    back = Split.load(tmp_path / "a.parquet")
    assert back == made
    assert back.summary() == made.summary()


def test_a_changed_split_file_is_refused(tmp_path):
    table = pairs(*[(i, i) for i in range(12)])
    split(table, "random", folds=2).save(tmp_path / "s.parquet")
    rows, metadata = read_parquet(tmp_path / "s.parquet")
    kept = {"abag.split": metadata["abag.split"]}
    write_parquet(tmp_path / "t.parquet", rows.with_columns(part=pl.lit("fold-0")), kept)
    with pytest.raises(SplitError, match="was changed after it was made"):
        Split.load(tmp_path / "t.parquet")
    write_parquet(tmp_path / "u.parquet", rows)
    with pytest.raises(FileFormatError, match="is not a split"):
        Split.load(tmp_path / "u.parquet")


def test_a_split_refuses_another_table_and_names_the_difference():
    table = pairs(*[(i, i) for i in range(12)])
    made = split(table, "random", folds=2)
    made.require(table.reverse())
    with pytest.raises(SplitError, match=r"lacks 2 rows such as r010, r011"):
        made.require(table.head(10))
    changed = table.with_columns(
        light=pl.when(pl.col("record_id") == "r003").then(pl.lit("L")).otherwise(pl.col("light"))
    )
    with pytest.raises(SplitError, match=r"other chains in 1 row such as r003"):
        next(made.fold_tables(changed))
    extra = pl.concat([table, table.head(1).with_columns(record_id=pl.lit("new"))])
    with pytest.raises(SplitError, match=r"adds 1 row such as new"):
        made.require(extra)


def test_record_ids_must_be_unique():
    table = pairs((0, 0), (1, 1)).with_columns(record_id=pl.lit("r"))
    with pytest.raises(SchemaError, match="more than once"):
        split(table, "random", folds=2)


def test_every_strategy_has_a_name_on_the_command_line():
    assert {"random", "complex", "antibody-cluster", "antigen-cluster", "both-cold", "assay",
            "position-block"} == set(Strategy)  # fmt: skip


def test_measured_values_cannot_change_below_a_split():
    """Half of all pKd raised by 3 after the split was made: the split is of another table."""
    table = pairs((0, 0), (1, 1), (2, 2), (3, 3)).with_columns(pkd=pl.lit(8.0))
    made = split(table, "random", folds=2)
    made.require_labels(Measurements.of(table))
    late = pl.col("record_id").is_in(["r002", "r003"])
    raised = table.with_columns(pkd=pl.when(late).then(pl.col("pkd") + 3.0).otherwise("pkd"))
    with pytest.raises(SplitError, match="other measured values in 2 rows such as r002, r003"):
        made.require_labels(Measurements.of(raised))


@pytest.mark.parametrize(
    "changed",
    [{"pkd": 8.5}, {"pkd": float("nan")}, {"pkd_lower": 8.1}, {"pkd_upper": 7.9},
     {"rank_score": 0.5, "rank_lower": 0.75}, {"rank_lower": 2.0, "rank_upper": 1.0}],
)  # fmt: skip
def test_a_value_outside_of_its_own_bounds_is_refused(changed: dict[str, float]):
    """One flipped bit of a table changed 42 values, which then disagreed with their bounds."""
    table = complexes_table(4).with_columns(
        *(pl.lit(8.0).alias(name) for name in ("pkd", "pkd_lower", "pkd_upper")),
        *(pl.lit(None, pl.Float64).alias(n) for n in ("rank_score", "rank_lower", "rank_upper")),
    )
    Measurements.canonical(table)
    second = pl.col("record_id") == table["record_id"][1]
    wrong = table.with_columns(
        pl.when(second).then(pl.lit(value)).otherwise(name).alias(name)
        for name, value in changed.items()
    )
    with pytest.raises(SchemaError, match=f"in 1 row such as {table['record_id'][1]}"):
        Measurements.canonical(wrong)
