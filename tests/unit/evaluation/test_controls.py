import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.evaluation.controls import permuted_labels, shuffled_antigen


@pytest.fixture
def parts(fakes):
    table = fakes.table(rows=240)
    return table.take(np.arange(160)), table.take(np.arange(160, 240))


def test_a_model_that_learns_falls_to_chance_with_permuted_labels(fakes, parts):
    control = permuted_labels(fakes.reads_antigen, *parts, seed=1)
    assert control.actual.value > 0.6
    assert abs(control.control_mean) < 0.5 * control.actual.value
    assert "with permuted labels" in control.text


def test_value_and_bounds_move_together(fakes):
    seen = []

    class Looks(fakes.mean):
        def fit(self, table, origin=None):
            seen.append(table)
            return super().fit(table)

    train = fakes.table(rows=40, censored=10)
    permuted_labels(Looks, train, fakes.table(rows=40), repeats=1)
    shuffled = seen[1]
    assert shuffled["heavy"].equals(train["heavy"])
    assert not shuffled["pkd"].equals(train["pkd"])
    columns = ["pkd", "pkd_lower", "pkd_upper"]
    assert shuffled.select(*columns).sort(columns).equals(train.select(*columns).sort(columns))
    assert shuffled.filter(pl.col("pkd").is_null())["pkd_upper"].to_list() == [6.0] * 10


def test_other_antigens_ruin_a_model_that_reads_the_antigen(fakes, parts):
    control = shuffled_antigen(fakes.reads_antigen, *parts)
    assert control.actual.value > 0.6
    assert control.control_mean < 0.3


def test_other_antigens_leave_a_model_that_ignores_the_antigen_as_it_was(fakes, parts):
    control = shuffled_antigen(fakes.counts_e, *parts)
    assert [score.value for score in control.control] == [control.actual.value] * 3


def test_every_antigen_is_replaced_by_another_and_rows_of_one_stay_together(fakes, parts):
    tables = []

    class Looks(fakes.mean):
        def predict(self, table):
            tables.append(table)
            return super().predict(table)

    shuffled_antigen(Looks, *parts, repeats=1)
    before, after = tables
    pairs = set(
        zip(
            map(tuple, before["antigen"].to_list()),
            map(tuple, after["antigen"].to_list()),
            strict=True,
        )
    )
    assert len(pairs) == 8
    assert all(old != new for old, new in pairs)
    assert before.frame.columns == after.frame.columns


def test_one_antigen_cannot_be_shuffled(fakes):
    one = fakes.table(rows=20, antigens=1)
    with pytest.raises(ModelError, match="needs two distinct antigens, not 1"):
        shuffled_antigen(fakes.mean, one, one)
