import numpy as np
import pytest

from abag.model.assay_gp.rows import Bounds, truncated


def test_half_a_standard_normal_has_the_known_mean_and_variance() -> None:
    bounds = Bounds(np.array([-np.inf]), np.array([0.0]))
    mean, variance = truncated(np.zeros(1), np.ones(1), bounds)
    assert mean[0] == pytest.approx(-np.sqrt(2 / np.pi))
    assert variance[0] == pytest.approx(1 - 2 / np.pi)


def test_a_prediction_far_on_the_right_side_of_its_bound_stays_as_it_is() -> None:
    bounds = Bounds(np.array([-np.inf]), np.array([5.0]))
    mean, variance = truncated(np.array([-3.0]), np.array([0.5]), bounds)
    assert mean[0] == pytest.approx(-3.0)
    assert variance[0] == pytest.approx(0.25)


def test_a_prediction_far_on_the_wrong_side_is_pulled_to_its_bound() -> None:
    bounds = Bounds(np.array([-np.inf]), np.array([0.0]))
    mean, _ = truncated(np.array([50.0]), np.array([1.0]), bounds)
    assert mean[0] == pytest.approx(0.0, abs=0.05)
