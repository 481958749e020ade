"""What every split must hold, for any table."""

from __future__ import annotations

import polars as pl
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from abag.data.splits import Split, make_split
from abag.data.splits.assignment import assign_groups
from abag.errors import SplitError

GROUPED = {
    "random": "record_id",
    "complex": "structure_id",
    "assay": "assay",
    "antibody-cluster": "antibody",
    "antigen-cluster": "antigen_cluster",
}
ROWS = st.lists(
    st.tuples(*[st.integers(0, 9)] * 4), min_size=8, max_size=60
)  # antibody, antigen, structure, assay


def tabled(rows: list[tuple[int, int, int, int]]) -> pl.DataFrame:
    # The first rows differ in everything, so that two parts can always be made.
    rows = [*((i, i, i, i) for i in range(10)), *rows]
    return pl.DataFrame(
        {
            "record_id": [f"r{i:03d}" for i in range(len(rows))],
            "heavy": [f"H{row[0]}" for row in rows],
            "light": [None] * len(rows),
            "antigen": [[f"G{row[1]}"] for row in rows],
            "structure_id": [f"{row[2]}abc" for row in rows],
            "assay": [f"assay {row[3]}" for row in rows],
            "antibody": [f"ab-{row[0] // 2}" for row in rows],
            "antigen_cluster": [f"ag-{row[1] // 2}" for row in rows],
        },
        schema_overrides={"light": pl.String, "antigen": pl.List(pl.String)},
    )


def made(table: pl.DataFrame, strategy: str, seed: int, **options: object) -> Split:
    return make_split(
        table,
        strategy,
        seed=seed,
        antibody_labels={f"H{i}/": f"ab-{i // 2}" for i in range(10)},
        antigen_labels={f"G{i}": f"ag-{i // 2}" for i in range(10)},
        **options,
    )


def made_or_rejected(table: pl.DataFrame, strategy: str, seed: int, **options: object) -> Split:
    """Crossing rows can draw every antibody cluster to one side; both-cold refuses such tables."""
    try:
        return made(table, strategy, seed, **options)
    except SplitError as error:
        if strategy != "both-cold" or "without rows" not in str(error):
            raise
        reject()


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9), folds=st.integers(2, 5), name=st.sampled_from([*GROUPED]))
def test_folds_are_disjoint_complete_and_keep_groups_whole(rows, seed, folds, name):
    table = tabled(rows)
    split = made(table, name, seed, folds=folds)
    tested = [split.test_ids(part) for part in split.test_parts]
    assert len(tested) == folds
    assert sum(map(len, tested)) == table.height == len(set().union(*tested))
    for part in split.test_parts:
        assert not split.training_ids(part) & split.test_ids(part)
    joined = table.join(split.assignment, on="record_id")
    assert joined.group_by(GROUPED[name]).agg(pl.col("part").n_unique())["part"].max() == 1
    largest = table.group_by(GROUPED[name]).len()["len"].max()
    assert max(map(len, tested)) <= table.height / folds + largest


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9), folds=st.booleans())
def test_both_cold_never_shares_a_cluster_across_the_line(rows, seed, folds):
    # Antibody i binds antigen i, and the rows of the example cross over.
    table = tabled(rows)
    options = {"folds": 3} if folds else {"fractions": (0.6, 0.2, 0.2)}
    split = made_or_rejected(table, "both-cold", seed, **options)
    for part in split.test_parts:
        train = table.filter(pl.col("record_id").is_in(list(split.training_ids(part))))
        test = table.filter(pl.col("record_id").is_in(list(split.test_ids(part))))
        for cluster in ("antibody", "antigen_cluster"):
            assert not set(train[cluster]) & set(test[cluster])
        if folds:
            assert train.height + test.height + split.left_out(part) == table.height


@settings(max_examples=40, deadline=None)
@given(
    rows=ROWS,
    seed=st.integers(0, 9),
    name=st.sampled_from([*GROUPED, "both-cold"]),
    fractions=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(rows, seed, name, fractions, order):
    table = tabled(rows)
    options = {"fractions": (0.6, 0.2, 0.2)} if fractions else {"folds": 3}
    places = list(range(table.height))
    order.shuffle(places)
    again = made_or_rejected(table[places], name, seed, **options)
    assert again == made(table, name, seed, **options)
    assert again.digest == made(table, name, seed, **options).digest


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, seeds=st.lists(st.integers(0, 10_000), min_size=2, max_size=2, unique=True))
def test_another_seed_gives_another_split(rows, seeds):
    table = tabled(rows)
    first, second = (made(table, "random", seed, folds=3) for seed in seeds)
    assert first.digest != second.digest
    assert first.table_digest == second.table_digest
    assert first.assignment["part"].to_list() != second.assignment["part"].to_list()


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 1000), min_size=3, max_size=40), seed=st.integers(0, 99))
def test_no_fold_is_larger_than_the_mean_and_one_group(sizes, seed):
    groups = {f"g{i}": size for i, size in enumerate(sizes)}
    parts = assign_groups(groups, dict.fromkeys(["a", "b", "c"], sum(sizes) / 3), seed)
    filled = {part: sum(groups[g] for g, p in parts.items() if p == part) for part in "abc"}
    assert set(parts) == set(groups)
    assert min(filled.values()) > 0
    assert max(filled.values()) <= sum(sizes) / 3 + max(sizes)
