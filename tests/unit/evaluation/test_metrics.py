from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from abag.data.labels import Labels
from abag.evaluation.scores import kernels
from abag.evaluation.scores.metrics import (
    Budget,
    budget_measures,
    by_band,
    decision_measures,
    mae,
    pearson,
    r_squared,
    rmse,
    spearman,
)


@pytest.fixture
def pairs():
    generator = np.random.default_rng(1)
    true = np.round(generator.normal(8, 1.5, 200), 1)
    pred = np.round(true + generator.normal(0, 1.2, 200), 1)
    return true, pred


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Imported where it is needed: it imports pandas and pyarrow."""
    from sklearn import metrics

    return metrics


def test_correlations_agree_with_scipy_ties_included(pairs):
    true, pred = pairs
    assert spearman(true, pred).value == pytest.approx(stats.spearmanr(true, pred)[0], abs=1e-12)
    assert pearson(true, pred).value == pytest.approx(stats.pearsonr(true, pred)[0], abs=1e-12)


def test_errors_agree_with_sklearn(pairs, reference):
    true, pred = pairs
    assert rmse(true, pred).value == pytest.approx(reference.root_mean_squared_error(true, pred))
    assert mae(true, pred).value == pytest.approx(reference.mean_absolute_error(true, pred))
    assert r_squared(true, pred).value == pytest.approx(reference.r2_score(true, pred))


def test_decisions_at_one_nanomolar_agree_with_sklearn(pairs, reference):
    true, pred = pairs
    scores = {m.key: m.score(Labels.of(true), pred).value for m in decision_measures(9.0)}
    tight, called = true >= 9, pred >= 9
    assert scores["recall"] == pytest.approx(reference.recall_score(tight, called))
    precision = reference.precision_score(tight, called)
    assert scores["precision"] == pytest.approx(precision)
    assert scores["auroc"] == pytest.approx(reference.roc_auc_score(tight, pred))
    assert scores["enrichment"] == pytest.approx(precision / tight.mean())


def test_the_budget_counts_a_tie_at_its_edge_in_part():
    true = np.array([10.0, 5.0, 9.5, 5.0])
    pred = np.array([9.0, 8.0, 8.0, 7.0])  # the second place is shared by a hit and a miss
    hits, factor = budget_measures(Budget(count=2))
    assert hits.score(Labels.of(true), pred).value == pytest.approx((1 + 0.5) / 2)
    assert factor.score(Labels.of(true), pred).value == pytest.approx(0.75 / 0.5)


@pytest.mark.parametrize(("rows", "expected"), [(300, 3), (150, 2), (20, 1)])
def test_one_percent_is_rounded_up_to_whole_rows(rows, expected):
    true = np.where(np.arange(rows) < expected, 10.0, 5.0)
    hits, _ = budget_measures(Budget(share=0.01))
    assert hits.score(Labels.of(true), -np.arange(rows, dtype=float)).value == 1.0
    one_fewer = np.where(np.arange(rows) < expected - 1, 10.0, 5.0)
    if expected > 1:
        found = hits.score(Labels.of(one_fewer), -np.arange(rows, dtype=float)).value
        assert found == pytest.approx((expected - 1) / expected)


def test_a_budget_beyond_the_table_is_undefined():
    hits, _ = budget_measures(Budget(count=10))
    score = hits.score(Labels.of([9.5, 5.0]), np.array([1.0, 2.0]))
    assert (score.value, score.reason) == (None, "fewer than 10 rows")


def test_constant_predictions_have_no_correlation_and_say_so():
    score = spearman(np.array([5.0, 6.0, 7.0]), np.full(3, 6.1))
    assert (score.value, score.n, score.reason) == (None, 3, "all predictions are equal")
    assert pearson(np.full(3, 6.0), np.arange(3.0)).reason == "all true values are equal"
    assert r_squared(np.full(3, 6.0), np.arange(3.0)).value is None
    assert rmse(np.array([]), np.array([])).reason == "no rows"


def test_predictions_that_differ_by_rounding_only_have_no_pearson():
    pred = 8.0 + 1e-15 * np.array([0.0, 1.0, 2.0, 3.0])
    assert np.ptp(pred) > 0
    assert pearson(np.arange(4.0), pred).reason == "all predictions are equal"


def test_one_class_has_no_auroc():
    auroc = next(m for m in decision_measures() if m.key == "auroc")
    labels = Labels.of([9.1, 9.9])
    assert auroc.score(labels, np.array([1.0, 2.0])).reason == "no row is a true negative"


def test_recall_is_zero_but_precision_undefined_when_nothing_is_called_tight():
    scores = {
        m.key: m.score(Labels.of([9.5, 7.0]), np.array([8.0, 8.5])) for m in decision_measures()
    }
    assert scores["recall"].value == 0.0
    assert scores["precision"].value is None
    assert scores["precision"].reason == "no prediction reaches it"


def test_censored_rows_count_where_their_class_is_certain():
    nan = np.nan
    labels = Labels(
        np.array([9.5, nan, nan, nan]),
        np.array([9.5, 9.0, -np.inf, 5.0]),
        np.array([9.5, np.inf, 6.0, 10.0]),
    )
    recall = decision_measures()[0]
    assert recall.rows(labels).tolist() == [True, True, True, False]
    assert recall.score(labels, np.array([9.2, 8.0, 9.9, 9.9])).value == 0.5


def test_bands_hold_their_lower_edge_and_count_censored_rows_apart():
    nan = np.nan
    labels = Labels(
        np.array([5.9, 6.0, 6.9, 10.0, nan]),
        np.array([5.9, 6.0, 6.9, 10.0, -np.inf]),
        np.array([5.9, 6.0, 6.9, 10.0, 6.0]),
    )
    bands = {band.title: band for band in by_band(labels, np.array([6.9, 7.0, 7.9, 9.0, 7.0]))}
    assert {title: band.n for title, band in bands.items()} == {
        "<6": 1, "6–7": 2, "7–8": 0, "8–9": 0, "9–10": 0, "≥10": 1,
    }  # fmt: skip
    assert bands["<6"].censored == 1
    assert bands["6–7"].bias.value == pytest.approx(1.0)
    assert bands["≥10"].rmse.value == pytest.approx(1.0)
    assert bands["7–8"].mae.reason == "no rows"


@pytest.mark.parametrize("name", ["pearson", "spearman", "rmse", "mae", "r_squared", "bias"])
def test_a_weight_means_the_row_occurs_that_often(pairs, name):
    true, pred = pairs
    weights = np.random.default_rng(3).integers(0, 4, size=(5, len(true)))
    found = getattr(kernels, name)(true, pred, weights.astype(float))
    for line, value in zip(weights, found, strict=True):
        t, p = np.repeat(true, line), np.repeat(pred, line)
        assert value == pytest.approx(getattr(kernels, name)(t, p, np.ones((1, len(t))))[0])


@pytest.mark.parametrize(
    "kernel", [kernels.auroc, kernels.hits_in_top(share=0.1), kernels.enrichment_in_top(count=7)]
)
def test_a_weight_means_the_row_occurs_that_often_for_decisions(pairs, kernel):
    true, pred = pairs
    positive = (true >= 9).astype(float)
    weights = np.random.default_rng(4).integers(0, 4, size=(5, len(true)))
    found = kernel(positive, pred, weights.astype(float))
    for line, value in zip(weights, found, strict=True):
        p, q = np.repeat(positive, line), np.repeat(pred, line)
        assert value == pytest.approx(kernel(p, q, np.ones((1, len(p))))[0])
