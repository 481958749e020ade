"""Which rows train, choose and test; and every table that cannot be trained on, by its reason."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from abag.data.splits import make_split
from abag.data.splits.split import Split
from abag.errors import ModelError, OptionError, SplitError
from abag.training.engine.rows import TrainingTable, carve, training_rows
from abag.training.recipe import Recipe, load_recipe
from synthetic_pairs import canonical, complexes_table

ANTIGENS = ["MKTAYIAKQR", "GSHMLEDPVE", "WWACDEFGHI", "PQRSTVWYAC", "LLKKDDEEFF"]
THIRDS = {"fractions": (0.6, 0.2, 0.2)}


def table_of(pkd: list[float | None], lower: list[float | None], **columns: list) -> pl.DataFrame:
    upper = pkd
    return canonical({"pkd": pkd, "pkd_lower": lower, "pkd_upper": upper, **columns})


def rows_of(
    table: pl.DataFrame, recipe: Recipe | None = None, holdout: str | None = None, **split
) -> TrainingTable:
    made = make_split(table, split.pop("strategy", "random"), **(split or THIRDS))
    return training_rows(table, made, holdout, recipe or load_recipe("default"))


def parts_of(table: pl.DataFrame, parts: list[str]) -> Split:
    """A split that puts each row where it is told."""
    made = make_split(table, "random", fractions=(0.6, 0.2, 0.2))
    told = dict(zip(table["record_id"], parts, strict=True))
    part = pl.Series([told[record] for record in made.assignment["record_id"]])
    return Split(made.strategy, made.parameters, 0, made.assignment.with_columns(part=part))


def test_the_parts_of_a_split_become_train_val_and_test():
    table = complexes_table(50)
    split = make_split(table, "random", **THIRDS)
    rows = training_rows(table, split, None, load_recipe("default"))
    assert set(rows.record_ids(rows.train)) == split.training_ids("test")
    assert set(rows.record_ids(rows.val)) == split.test_ids("val")
    assert set(rows.record_ids(rows.test)) == split.test_ids("test")
    assert rows.notes == ()
    assert rows.mean_pkd == pytest.approx(float(table[rows.train.tolist()]["pkd"].mean()))


def test_without_a_validation_part_whole_groups_of_the_training_rows_are_set_aside():
    table = complexes_table(120, antigens=12)
    split = make_split(table, "antigen-cluster", fractions=(0.8, 0.0, 0.2))
    rows = training_rows(table, split, None, load_recipe("default"))
    train, val, test = (
        {antigen for (antigen,) in table[part.tolist()]["antigen"].to_list()}
        for part in (rows.train, rows.val, rows.test)
    )
    assert not (train & val) | (train & test) | (val & test)
    assert len(rows.train) + len(rows.val) == len(split.training_ids("test"))
    assert 0.1 <= len(rows.val) / (len(rows.train) + len(rows.val)) <= 0.35
    assert "no validation part" in rows.notes[0]


def test_a_fold_is_tested_by_the_others_and_must_be_named():
    table = complexes_table(60)
    rows = rows_of(table, holdout="fold-2", folds=4)
    assert rows.part == "fold-2"
    with pytest.raises(OptionError, match="--holdout fold-0"):
        rows_of(table, folds=4)
    with pytest.raises(SplitError, match="no test part 'fold-9'"):
        rows_of(table, holdout="fold-9", folds=4)


def test_the_validation_part_cannot_be_tested_on():
    with pytest.raises(OptionError, match="the validation part chooses"):
        rows_of(complexes_table(50), holdout="val")


def test_another_seed_sets_other_groups_aside():
    groups = {f"r{i}": f"g{i // 3}" for i in range(90)}
    first, again, other = carve(groups, 1), carve(groups, 1), carve(groups, 2)
    assert first == again != other
    assert 9 <= len(first) <= 12
    assert all((r in first) == (s in first) for r in groups for s in groups
               if groups[r] == groups[s])  # fmt: skip


def test_a_group_that_holds_most_rows_is_not_set_aside():
    groups = {f"r{i}": "giant" if i < 80 else f"g{i}" for i in range(100)}
    for seed in range(20):
        assert "r0" not in carve(groups, seed)


def test_one_group_alone_cannot_be_divided():
    with pytest.raises(SplitError, match=r"1 group: no validation part .* --val"):
        carve({"a": "g", "b": "g"}, 0)


def test_a_bound_teaches_and_an_empty_label_is_left_out_and_said():
    n = 40
    pkd: list[float | None] = [7.0 + 0.1 * i for i in range(n)]
    lower = list(pkd)
    pkd[0], lower[0] = None, 9.0
    pkd[1], lower[1] = None, None
    table = table_of(pkd, lower)
    rows = training_rows(
        table, parts_of(table, ["train"] * 20 + ["val"] * 10 + ["test"] * 10), None,
        load_recipe("default"),
    )  # fmt: skip
    assert rows.record_ids(rows.train[:2]) == ["r0", "r2"]
    assert np.isnan(rows.labels.value[0])
    assert (rows.labels.lower[0], rows.labels.upper[0]) == (9.0, np.inf)
    assert rows.notes == ("1 row without a pKd or bound left out (rows=all takes assay scales, "
                          "too)",)  # fmt: skip


def test_rows_without_an_antigen_are_left_out_and_said():
    table = complexes_table(50)
    first = pl.when(pl.int_range(pl.len()) == 0).then([]).otherwise(pl.col("antigen"))
    table = table.with_columns(first.cast(pl.List(pl.String)).alias("antigen"))
    assert rows_of(table).notes == ("1 row without an antigen sequence left out",)


def mixed_table(relative: list[float | None]) -> pl.DataFrame:
    """24 rows with a pKd, then rows of the assay `elisa` with a rank score alone."""
    pkd: list[float | None] = [6.0 + 0.2 * i for i in range(24)]
    pkd += [None] * len(relative)
    ranks: list[float | None] = [None] * 24 + relative
    return canonical({
        "pkd": pkd, "pkd_lower": pkd, "pkd_upper": pkd, "rank_score": ranks, "rank_lower": ranks,
        "rank_upper": ranks, "assay": ["spr"] * 24 + ["elisa"] * len(relative),
    })  # fmt: skip


ALL = load_recipe("default", ["rows=all", "network.head.per_assay=true"])
HALVES = ["train"] * 12 + ["val"] * 6 + ["test"] * 6


def test_an_assay_without_pkd_gets_a_scale_of_its_own_and_is_not_tested():
    table = mixed_table([1.0, 3.0, 5.0, 7.0])
    split = parts_of(table, [*HALVES, "train", "train", "val", "test"])
    rows = training_rows(table, split, None, ALL)
    assert rows.assays == ("elisa",)
    assert rows.assay[rows.train].tolist() == [0] * 12 + [1, 1]
    assert rows.labels.value[rows.train[-2:]].tolist() == [1.0, 3.0]
    spread = np.std([6.0 + 0.2 * i for i in range(12)])
    assert rows.assay_scales == (pytest.approx((2.0, 1.0 / spread)),)
    assert not rows.assay[rows.val].any()
    assert not rows.assay[rows.test].any()


def test_without_rows_all_relative_rows_are_left_out():
    table = mixed_table([1.0, 3.0])
    rows = training_rows(table, parts_of(table, [*HALVES, "train", "train"]), None,
                         load_recipe("default"))  # fmt: skip
    assert len(rows.train) == 12
    assert rows.assays == ()


def test_an_assay_of_equal_values_fixes_no_scale():
    table = mixed_table([4.0, 4.0])
    split = parts_of(table, [*HALVES, "train", "train"])
    with pytest.raises(ModelError, match=r"1 assay \(elisa\) are all censored or all equal"):
        training_rows(table, split, None, ALL)


def test_censored_rows_alone_are_refused_and_their_assays_named():
    n = 30
    table = canonical({"pkd": [None] * n, "pkd_lower": [6.0 + i / 10 for i in range(n)],
                       "pkd_upper": [None] * n, "assay": ["kinexa"] * n})  # fmt: skip
    with pytest.raises(ModelError, match=r"all 18 training rows are censored \(assays kinexa\)"):
        rows_of(table)


def test_a_classifier_of_one_class_is_refused():
    low = complexes_table(50).with_columns(
        pl.lit(6.0).alias("pkd") + pl.int_range(pl.len()) / 100
    ).with_columns(pl.col("pkd").alias("pkd_lower"), pl.col("pkd").alias("pkd_upper"))  # fmt: skip
    with pytest.raises(ModelError, match="one class only: no training row surely reaches pKd 9"):
        rows_of(low, load_recipe("v2.7"))
    assert len(rows_of(low, load_recipe("v2.5")).train) == 30


def test_an_empty_part_is_refused_by_its_name():
    table = complexes_table(50)
    unlabelled = table.with_columns(pl.lit(None, pl.Float64).alias(c)
                                    for c in ("pkd", "pkd_lower", "pkd_upper"))  # fmt: skip
    with pytest.raises(SplitError, match=r"training part .* has no row"):
        rows_of(unlabelled)
    empty = parts_of(table, ["train"] * 25 + ["test"] * 25)
    tested = empty.test_ids("test")
    gone = table.with_columns(
        pl.when(pl.col("record_id").is_in(list(tested))).then(None).otherwise(pl.col(c)).alias(c)
        for c in ("pkd", "pkd_lower", "pkd_upper")
    )
    with pytest.raises(SplitError, match="the test part"):
        training_rows(gone, empty, None, load_recipe("default"))


def test_a_validation_part_that_cannot_choose_is_refused():
    table = complexes_table(50)
    split = parts_of(table, ["train"] * 30 + ["val"] + ["test"] * 19)
    with pytest.raises(SplitError, match="1 distinct exact pKd in 1 row, which cannot choose"):
        training_rows(table, split, None, load_recipe("default"))


def test_a_split_of_another_table_is_refused():
    split = make_split(complexes_table(50), "random", **THIRDS)
    with pytest.raises(SplitError, match="made for another table"):
        training_rows(complexes_table(50, seed=3), split, None, load_recipe("default"))
