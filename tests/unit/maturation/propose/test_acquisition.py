"""Acquisition values worked out by hand, and batches that do not ask the same question twice."""

from __future__ import annotations

import numpy as np
import pytest

from abag.errors import OptionError
from abag.maturation.propose.acquisition import (
    ACQUISITIONS,
    Belief,
    Policy,
    expected_improvement,
    top_set,
    upper_confidence,
)

TWINS = np.array([[1.0, 0.999, 0.0], [0.999, 1.0, 0.0], [0.0, 0.0, 1.0]])
"""Two candidates that all but share their value, and one of its own."""


def believed(mean: list[float], covariance: np.ndarray | None = None, best: float = 0.0) -> Belief:
    found = np.eye(len(mean)) if covariance is None else covariance
    return Belief(np.array(mean), found, 0.01, best)


def test_expected_improvement_is_that_of_the_normal_distribution() -> None:
    mean, deviation = np.array([0.0, 1.0, -1.0, 2.0, -2.0]), np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    found = expected_improvement(mean, deviation, 0.0)
    # phi(0); Phi(1) + phi(1); phi(1) - Phi(-1); the sure gain; no gain
    np.testing.assert_allclose(found, [0.398942, 1.083315, 0.083315, 2.0, 0.0], atol=1e-6)


def test_expected_improvement_agrees_with_draws() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.7, 400_000)
    found = expected_improvement(np.array([0.3]), np.array([0.7]), 0.5)[0]
    assert found == pytest.approx(np.maximum(draws - 0.5, 0.0).mean(), rel=0.01)


def test_an_upper_confidence_bound_adds_deviations() -> None:
    found = upper_confidence(np.array([1.0, 0.0]), np.array([0.5, 2.0]), 1.5)
    np.testing.assert_allclose(found, [1.75, 3.0])


def test_the_top_set_counts_the_draws_in_which_a_candidate_is_among_the_best() -> None:
    draws = np.array([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [4.0, 2.0, 1.0]])
    np.testing.assert_allclose(top_set(draws, 1), [0.75, 0.25, 0.0])
    np.testing.assert_allclose(top_set(draws, 2), [0.75, 0.75, 0.5])
    np.testing.assert_allclose(top_set(draws, 3), 1.0)


def test_greedy_takes_the_largest_means_in_order() -> None:
    batch = Policy("greedy", "none").choose(believed([0.1, 0.9, 0.5, 0.9]), 3)
    assert batch.rows.tolist() == [1, 3, 2]
    np.testing.assert_allclose(batch.values, [0.9, 0.9, 0.5])


@pytest.mark.parametrize("diversity", ["believer", "penalty"])
@pytest.mark.parametrize("acquisition", ["ei", "ucb"])
def test_a_twin_of_what_was_chosen_waits(acquisition: str, diversity: str) -> None:
    covariance = np.eye(4)
    covariance[:3, :3] = TWINS
    belief = believed([1.0, 0.99, 0.8, -2.0], covariance)
    policy = Policy(acquisition, diversity)  # type: ignore[arg-type]
    assert policy.choose(belief, 2).rows.tolist() == [0, 2]
    alone = Policy(acquisition, "none")  # type: ignore[arg-type]
    assert alone.choose(belief, 2).rows.tolist() == [0, 1]


def test_a_believed_measurement_shrinks_the_others_as_conditioning_does() -> None:
    batch = Policy("ucb", "believer", 1.0).choose(believed([1.0, 0.99, -5.0], TWINS), 2)
    left = 1.0 - 0.999**2 / (1.0 + 0.01)
    np.testing.assert_allclose(batch.values, [2.0, 0.99 + np.sqrt(left)], rtol=1e-6)


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_a_batch_holds_each_candidate_once_and_is_the_same_for_the_same_seed(
    acquisition: str,
) -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(20, 6))
    belief = Belief(rng.normal(size=20), root @ root.T + 0.1 * np.eye(20), 0.1, 1.0)
    policy = Policy(acquisition)  # type: ignore[arg-type]
    first, second = policy.choose(belief, 8, seed=3), policy.choose(belief, 8, seed=3)
    assert len(set(first.rows.tolist())) == 8
    assert first.rows.tolist() == second.rows.tolist()
    assert len(policy.choose(belief, 50).rows) == 20


def test_thompson_sampling_chooses_as_often_as_the_posterior_says() -> None:
    belief = believed([0.0, 1.0], 0.25 * np.eye(2))
    first = [int(Policy("thompson").choose(belief, 1, seed).rows[0]) for seed in range(400)]
    # P(f1 > f0) = Phi(1 / sqrt(0.5)) = 0.9214
    assert np.mean(first) == pytest.approx(0.9214, abs=0.04)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"acquisition": "luck"}, "--acquisition: unknown choice 'luck'"),
        ({"diversity": "some"}, "--diversity: unknown choice 'some'"),
        ({"beta": -1.0}, "beta is -1"),
        ({"beta": float("nan")}, "beta is nan"),
    ],
)
def test_an_unknown_policy_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Policy(**values)  # type: ignore[arg-type]


def test_a_covariance_of_another_size_is_refused() -> None:
    with pytest.raises(OptionError, match=r"\(3, 3\) for 2 candidates"):
        believed([0.0, 1.0], TWINS)
