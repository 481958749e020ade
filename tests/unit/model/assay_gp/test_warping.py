import numpy as np
import pytest

from abag.model.assay_gp.warping import Warp


def test_scores_are_standardised_and_keep_the_order() -> None:
    target = np.array([3.0, -50.0, 7.0, 7.5, 900.0])
    scores = Warp.of(target).forward(target)
    assert np.argsort(scores).tolist() == np.argsort(target).tolist()
    assert scores.mean() == pytest.approx(0.0, abs=1e-12)
    assert 0.9 < scores.std() <= 1.0


def test_a_wider_gap_between_values_is_a_wider_gap_between_scores() -> None:
    even = Warp.of(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).scores
    uneven = Warp.of(np.array([1.0, 2.0, 2.1, 4.0, 5.0])).scores
    assert even[2] - even[1] > uneven[2] - uneven[1] > 0


def test_one_outlier_does_not_rule_the_scale() -> None:
    target = np.random.default_rng(0).normal(8.0, 1.0, 50)
    target[7] = 1e6
    scores = Warp.of(target).forward(target)
    assert scores.max() < 3.0
    assert np.delete(scores, 7).std() > 0.6


def test_equal_targets_share_one_score() -> None:
    target = np.array([7.0, 7.0, 7.0, 8.0, 9.0])
    assert len(set(Warp.of(target).forward(target)[:3])) == 1


def test_the_way_back_is_the_inverse_inside_and_outside_the_training_range() -> None:
    target = np.random.default_rng(0).normal(8.0, 2.0, 40)
    warp = Warp.of(target)
    values = np.linspace(target.min() - 3, target.max() + 3, 100)
    assert np.allclose(warp.back(warp.forward(values)), values)


def test_two_distinct_targets_suffice() -> None:
    warp = Warp.of(np.array([1.0, 2.0, 2.0]))
    assert warp.back(warp.forward(np.array([1.5, 2.5]))) == pytest.approx([1.5, 2.5])


def test_predictions_end_one_range_beyond_what_was_measured() -> None:
    warp = Warp.of(np.array([-2.0, -1.0, 0.5, 1.0, 2.0]))
    far = np.array([-1e9, 0.0, 1e9])
    assert warp.back(far)[[0, 2]].tolist() == [-6.0, 6.0]
    assert warp.limited(far).tolist() == [True, False, True]


def test_a_pkd_stays_within_physics_and_three_beyond_alike_ones() -> None:
    wide = Warp.of(np.array([1.0, 5.0, 9.0, 14.0]), "pkd")
    assert (wide.lowest, wide.highest) == (0.0, 16.0)
    alike = Warp.of(np.array([7.9, 8.0, 8.1]), "pkd")
    assert (alike.lowest, alike.highest) == pytest.approx((4.9, 11.1))


def test_an_outlier_does_not_set_the_slope_beyond_it() -> None:
    """Twenty values within one unit and one far above: a score more is no such step again."""
    target = np.append(np.linspace(7.0, 8.0, 20), 12.0)
    warp = Warp.of(target)
    step = warp.back(warp.scores[-1:] + 0.5)[0] - 12.0
    assert step <= 1.01 * target.std()


def test_a_bound_far_below_a_floor_has_a_score_near_the_floor() -> None:
    """Values that differ in the sixth digit make a steep curve, which must not go on."""
    warp = Warp.of(np.array([6.0, 6.000001, 6.000002, 7.0, 8.0]))
    assert warp.forward(np.array([2.0]))[0] >= warp.scores[0] - 3.0
    assert warp.forward(np.array([-np.inf]))[0] == -np.inf
