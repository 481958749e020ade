import numpy as np
import pytest

from abag.uncertainty.calibration import ScoreDistribution, signed_scores


def distribution(scores: list[float], clusters: list[str] | None = None) -> ScoreDistribution:
    names = clusters or [str(i) for i in range(len(scores))]
    return ScoreDistribution.of(np.array(scores), names)


def test_nine_rows_give_the_largest_as_the_ninety_per_cent_quantile() -> None:
    # ceil(0.9 (9 + 1)) = 9: the ninth of nine.
    nine = distribution([3.0, 1.0, 2.0, 9.0, 5.0, 4.0, 8.0, 6.0, 7.0])
    assert nine.quantile(0.9) == 9.0
    assert nine.quantile(0.8) == 8.0
    assert nine.quantile(0.5) == 5.0


def test_eight_rows_are_too_few_for_ninety_per_cent() -> None:
    eight = distribution([float(i) for i in range(8)])
    assert eight.quantile(0.9) == float("inf")
    assert eight.quantile(0.88) == 7.0


def test_no_rows_give_no_interval() -> None:
    assert distribution([]).quantile(0.1) == float("inf")


def test_a_large_cluster_does_not_decide_alone() -> None:
    # 900 rows of one cluster with score 9, and 19 clusters of one row with scores 1 to 19 / 10.
    scores = [9.0] * 900 + [0.1 * i for i in range(1, 20)]
    names = ["big"] * 900 + [f"small{i}" for i in range(19)]
    weighed = distribution(scores, names)
    # 20 clusters: each has 1/21; 17 of them reach 0.8.
    assert weighed.quantile(0.8) == pytest.approx(1.7)
    assert distribution(scores).quantile(0.8) == 9.0


def test_shares_leave_one_cluster_of_mass_at_infinity() -> None:
    weighed = distribution([1.0, 2.0, 3.0], ["a", "a", "b"])
    assert weighed.shares.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 3])


def test_intervals_cover_new_clusters_as_often_as_they_say() -> None:
    """Errors with a spread that belongs to the cluster; one cluster holds half of the rows."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        spread = rng.gamma(4.0, 0.25, 31)
        sizes = [60] + [2] * 29
        scores = [
            abs(s * rng.normal()) for s, n in zip(spread, sizes, strict=False) for _ in range(n)
        ]
        names = [f"c{i}" for i, n in enumerate(sizes) for _ in range(n)]
        covered.append(abs(spread[30] * rng.normal()) <= distribution(scores, names).quantile(0.8))
    assert 0.75 <= np.mean(covered) <= 0.88


def test_strata_have_equal_mass_however_many_rows() -> None:
    found = ScoreDistribution.of(np.arange(4.0), ["a", "b", "c", "d"], ["x", "x", "x", "y"])
    assert found.shares.tolist() == pytest.approx([2 / 15, 2 / 15, 2 / 15, 2 / 5])
    assert found.shares.sum() == pytest.approx(4 / 5)


def test_a_bound_counts_with_the_least_error_that_it_allows() -> None:
    predicted = np.array([8.0, 8.0, 4.0, 8.0, 6.0])
    lower = np.array([7.0, -np.inf, -np.inf, 9.0, 5.0])
    upper = np.array([7.0, 6.0, 6.0, np.inf, 7.0])
    scale = np.array([1.0, 2.0, 1.0, 0.5, 1.0])
    below, above = signed_scores(predicted, scale, lower, upper)
    assert below[[0, 1, 3]].tolist() == [1.0, 1.0, -2.0]
    assert above[[0, 1, 3]].tolist() == [-1.0, -1.0, 2.0]
    assert np.isnan(below[[2, 4]]).all()
    assert np.isnan(above[[2, 4]]).all()


def test_an_exact_hit_has_score_zero_and_counts() -> None:
    one = np.array([5.0])
    assert [side.tolist() for side in signed_scores(one, one, one, one)] == [[0.0], [0.0]]
