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
    assert warp.back(warp.forward(np.array([1.5, 4.0]))) == pytest.approx([1.5, 4.0])
