import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.evaluation.controls import (
    germline_distance,
    permuted_labels,
    shuffled_antigen,
    skill_controls,
)
from synthetic_pairs import HEAVY, LIGHT


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


def test_skill_that_needs_no_antigen_stays_when_antigens_are_exchanged() -> None:
    measured = np.arange(40.0)
    found = skill_controls(measured, measured, measured, np.zeros(40))
    assert found is not None
    assert found.antigens_shuffled == pytest.approx(1.0)
    assert found.germline_held_fixed is None


def test_skill_that_is_germline_distance_alone_goes_when_it_is_held_fixed() -> None:
    rng = np.random.default_rng(0)
    distance = rng.normal(size=400)
    measured = distance + 0.3 * rng.normal(size=400)
    matured = distance + 0.3 * rng.normal(size=400)
    informed = measured + 0.3 * rng.normal(size=400)
    one = skill_controls(measured, matured, None, distance)
    other = skill_controls(measured, informed, None, distance)
    assert one is not None
    assert other is not None
    assert one.spearman > 0.8
    assert abs(one.germline_held_fixed or 0.0) < 0.15
    assert (other.germline_held_fixed or 0.0) > 0.4


def test_a_germline_chain_has_a_smaller_distance_than_a_mutated_one() -> None:
    mutated = HEAVY[:20] + "WWW" + HEAVY[23:]
    table = pl.DataFrame({"heavy": [HEAVY, mutated], "light": [LIGHT, None]})
    heavy_alone = pl.DataFrame(
        {"heavy": [HEAVY, mutated], "light": [None, None]}, schema_overrides={"light": pl.String}
    )
    whole, alone = germline_distance(table), germline_distance(heavy_alone)
    assert alone[1] == alone[0] + 3 or alone[1] == alone[0] + 2
    assert whole[0] > alone[0]
