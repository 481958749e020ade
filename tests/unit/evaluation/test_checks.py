import numpy as np
import polars as pl
import pytest

from abag.evaluation.scores.checks import Spread, collapse_check
from abag.evaluation.scores.metrics import rmse, spearman


def test_one_value_for_all_rows_is_constant():
    check = collapse_check(np.linspace(5, 10, 50), np.full(50, 7.5))
    assert check.verdict is Spread.CONSTANT
    assert check.text.startswith("the model predicts 1 distinct value for 50 rows")
    assert check.slope_true_on_pred is None
    assert check.slope_pred_on_true == 0.0


def test_two_values_for_most_rows_are_a_collapse():
    pred = np.concatenate([np.full(60, 9.0625), np.full(36, 10.3125), np.arange(4.0)])
    check = collapse_check(np.random.default_rng(0).normal(8, 1, 100), pred)
    assert check.verdict is Spread.COLLAPSED
    assert (check.distinct, check.top_two_share) == (6, 0.96)
    assert "the model predicts 6 distinct values for 100 rows" in check.text


def test_truth_with_two_values_may_be_answered_with_two():
    true = np.repeat([5.0, 9.0], 30)
    assert collapse_check(true, np.repeat([5.5, 8.0], 30)).verdict is Spread.SOUND


def test_values_that_differ_beyond_the_sixth_decimal_are_one():
    pred = 7 + 1e-9 * np.arange(30)
    assert collapse_check(np.arange(30.0), pred).distinct == 1


def test_a_tenth_of_the_spread_is_narrow():
    true = np.linspace(5, 11, 40)
    check = collapse_check(true, 8 + 0.1 * (true - 8))
    assert check.verdict is Spread.NARROW
    assert check.sd_ratio == pytest.approx(0.1)
    assert check.slope_true_on_pred == pytest.approx(10.0)
    assert check.slope_pred_on_true == pytest.approx(0.1)


def test_a_calibrated_model_is_sound():
    generator = np.random.default_rng(2)
    pred = generator.normal(8, 1, 4000)
    check = collapse_check(pred + generator.normal(0, 1, 4000), pred)
    assert check.verdict is Spread.SOUND
    assert check.slope_true_on_pred == pytest.approx(1.0, abs=0.06)
    assert check.sd_ratio == pytest.approx(2**-0.5, abs=0.04)


def test_few_rows_prove_nothing():
    assert collapse_check(np.arange(6.0), np.array([1, 1, 1, 2, 2, 2.0])).verdict is Spread.UNKNOWN


@pytest.mark.sources
def test_the_collapse_of_the_predecessor_is_named(sources_dir):
    table = pl.read_csv(sources_dir / "predecessor" / "test_predictions.csv")
    true, pred = table["true"].to_numpy(), table["pred"].to_numpy()
    check = collapse_check(true, pred)
    assert check.verdict is Spread.COLLAPSED
    assert check.text.startswith("the model predicts 9 distinct values for 23,961 rows")
    assert check.top_two_share == pytest.approx(0.954, abs=5e-4)
    real = (true >= 4) & (true != 6.0)
    assert real.sum() == 14_160
    assert spearman(true[real], pred[real]).value == pytest.approx(-0.020, abs=5e-4)
    assert rmse(true[real], pred[real]).value == pytest.approx(1.258, abs=5e-4)
    mean = np.full(14_160, true[real].mean())
    assert rmse(true[real], mean).value == pytest.approx(0.856, abs=5e-4)
