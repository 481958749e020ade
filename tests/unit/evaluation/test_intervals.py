import numpy as np
import pytest

from abag.errors import OptionError
from abag.evaluation.scores import kernels
from abag.evaluation.scores.intervals import ClusterBootstrap, group_interval


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    clusters = np.repeat(np.arange(12), 5)
    values = np.random.default_rng(0).normal(size=60)
    low = [
        ClusterBootstrap(clusters, seed=seed).interval(
            ClusterBootstrap(clusters, seed=seed).distribution(
                lambda w: kernels.mae(np.zeros(60), values, w)
            )
        )
        for seed in (1, 1, 2)
    ]
    assert low[0] == low[1]
    assert low[0] != low[2]


def test_every_resample_draws_as_many_clusters_as_there_are():
    bootstrap = ClusterBootstrap(["a", "a", "b", "c", "d", "e"], resamples=200)
    assert bootstrap.multiplicity.shape == (200, 5)
    assert (bootstrap.multiplicity.sum(axis=1) == 5).all()
    assert bootstrap.codes.tolist() == [0, 0, 1, 2, 3, 4]


def test_whole_clusters_give_wider_intervals_than_rows_when_rows_of_a_cluster_agree():
    generator = np.random.default_rng(5)
    error = np.repeat(generator.normal(size=15), 20)
    zeros = np.zeros(300)

    def width(clusters):
        bootstrap = ClusterBootstrap(clusters)
        found = bootstrap.interval(bootstrap.distribution(lambda w: kernels.bias(zeros, error, w)))
        return found.high - found.low

    assert width(np.repeat(np.arange(15), 20)) > 3 * width(np.arange(300))


def test_four_clusters_give_no_interval_but_a_reason():
    bootstrap = ClusterBootstrap([0, 1, 2, 3])
    found = bootstrap.interval(np.zeros(1000))
    assert found.low is None
    assert "4 clusters, too few" in found.reason


def test_a_metric_that_is_undefined_in_many_resamples_has_no_interval():
    bootstrap = ClusterBootstrap(range(8))
    distribution = np.where(np.arange(1000) < 150, np.nan, 1.0)
    assert bootstrap.interval(distribution).reason == "undefined in 150 of 1000 resamples"


def test_batches_do_not_change_the_distribution(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)
    bootstrap = ClusterBootstrap(range(50), resamples=100)

    def once():
        return bootstrap.distribution(lambda w: kernels.rmse(np.zeros(50), values, w))

    whole = once()
    monkeypatch.setattr("abag.evaluation.scores.intervals._BATCH_ELEMENTS", 70)
    assert np.allclose(whole, once())


def test_the_median_over_groups_is_that_of_the_repeated_values():
    bootstrap = ClusterBootstrap(range(7), resamples=100, seed=3)
    values = np.array([0.3, 0.1, np.nan, 0.9, 0.5, 0.2, 0.7])
    found = group_interval(values, np.arange(7), bootstrap, median=True)
    counts = bootstrap.multiplicity
    kept = np.isfinite(values)
    medians = [np.median(np.repeat(values[kept], line[kept])) for line in counts]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(medians, [0.025, 0.975])))


def test_groups_that_cross_clusters_are_drawn_themselves():
    bootstrap = ClusterBootstrap([0, 1, 2], resamples=100)
    found = group_interval(np.linspace(0, 1, 11), None, bootstrap)
    assert found.clusters == 11
    assert 0.2 < found.low < 0.5 < found.high < 0.8


@pytest.mark.parametrize("options", [{"resamples": 10}, {"level": 1.0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        ClusterBootstrap(range(5), **options)
