import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from abag.data.labels import Labels
from abag.evaluation.scores import kernels
from abag.evaluation.scores.intervals import ClusterBootstrap
from abag.evaluation.scores.metrics import (
    BUDGETS,
    REGRESSION,
    budget_measures,
    concordance,
    decision_measures,
    spearman,
)

PKD = st.floats(2, 14).map(lambda value: round(value, 2))


@st.composite
def pairs(draw, least=3, most=40):
    size = draw(st.integers(least, most))
    return draw(arrays(float, size, elements=PKD)), draw(arrays(float, size, elements=PKD))


@st.composite
def censored(draw):
    true, pred = draw(pairs())
    kinds = draw(arrays(int, len(true), elements=st.integers(0, 2)))
    value = np.where(kinds == 0, true, np.nan)
    lower = np.where(kinds == 1, -np.inf, true)
    upper = np.where(kinds == 2, np.inf, true)
    return Labels(value, lower, upper), pred


@given(censored(), st.randoms(use_true_random=False))
def test_metrics_do_not_depend_on_the_order_of_rows(rows, random):
    labels, pred = rows
    order = np.array(random.sample(range(len(pred)), len(pred)))
    measures = [*REGRESSION, *decision_measures()]
    measures += [measure for budget in BUDGETS for measure in budget_measures(budget)]
    for measure in measures:
        before = measure.score(labels, pred)
        after = measure.score(labels.take(order), pred[order])
        assert (before.n, before.reason) == (after.n, after.reason)
        if before.value is not None:
            assert after.value == pytest.approx(before.value, abs=1e-9)
    here, there = concordance(labels, pred), concordance(labels.take(order), pred[order])
    assert here.reason == there.reason
    if here.value is not None:
        assert there.value == pytest.approx(here.value, abs=1e-12)


@given(pairs())
def test_spearman_and_concordance_see_only_the_order_of_predictions(rows):
    true, pred = rows
    plain, bent = spearman(true, pred), spearman(true, np.exp(pred / 2))
    assert (plain.value is None) == (bent.value is None)
    if plain.value is not None:
        assert bent.value == pytest.approx(plain.value, abs=1e-12)
        assert spearman(true, -pred).value == pytest.approx(-plain.value, abs=1e-12)
    assert concordance(Labels.of(true), pred) == concordance(Labels.of(true), np.exp(pred / 2))


@given(censored())
def test_turning_predictions_round_turns_concordance_round(rows):
    labels, pred = rows
    there, back = concordance(labels, pred).value, concordance(labels, -pred).value
    if there is not None:
        assert there + back == pytest.approx(1.0)
        assert 0.0 <= there <= 1.0


@given(pairs())
def test_no_metric_is_ever_nan(rows):
    true, pred = rows
    for measure in [*REGRESSION, *decision_measures()]:
        score = measure.score(Labels.of(true), pred)
        assert (score.value is None) == (score.reason is not None)
        assert score.value is None or np.isfinite(score.value)


@given(pairs())
def test_errors_are_zero_only_for_the_truth_and_grow_with_a_shift(rows):
    true, pred = rows
    ones = np.ones((1, len(true)))
    assert kernels.rmse(true, true, ones)[0] == 0.0
    assert kernels.rmse(true, pred, ones)[0] >= kernels.mae(true, pred, ones)[0] - 1e-12
    assert kernels.mae(true, true + 2.0, ones)[0] == pytest.approx(2.0)


@given(pairs(least=30), st.integers(6, 12), st.integers(0, 5))
def test_an_interval_of_a_mean_error_holds_the_estimate(rows, clusters, seed):
    true, pred = rows
    assume(np.ptp(pred - true) > 0)
    bootstrap = ClusterBootstrap(np.arange(len(true)) % clusters, resamples=400, seed=seed)
    found = bootstrap.interval(bootstrap.distribution(lambda w: kernels.bias(true, pred, w)))
    estimate = float(np.mean(pred - true))
    assert found.low - 1e-9 <= estimate <= found.high + 1e-9


def test_intervals_cover_the_true_mean_of_clustered_rows_about_as_often_as_they_say():
    generator = np.random.default_rng(11)
    covered = 0
    for trial in range(200):
        shared = np.repeat(generator.normal(0, 1, 40), 5)
        error = shared + generator.normal(0, 0.5, 200)
        bootstrap = ClusterBootstrap(np.repeat(np.arange(40), 5), resamples=300, seed=trial)
        found = bootstrap.interval(
            bootstrap.distribution(lambda w, e=error: kernels.bias(np.zeros(200), e, w))
        )
        covered += found.low <= 0.0 <= found.high
    # Rows taken as independent would cover about 65 %.
    assert 0.88 <= covered / 200 <= 0.99
