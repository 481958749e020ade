import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from abag.model.assay_gp.kernels.substitution import distances, embedding
from abag.model.assay_gp.model import AssayGP, AssayGPSettings
from abag.model.assay_gp.objective import JITTER, KernelChoice, Objective, Shifts, inverse_of
from synthetic_pairs import assay_table

ALL = KernelChoice(product=True, linear=True, terms=(), site_spread=0.5)


def small_problem(choice: KernelChoice = ALL) -> tuple[Objective, np.ndarray, Shifts, np.ndarray]:
    rng = np.random.default_rng(3)
    letters = rng.integers(0, 20, (12, 4)).astype(np.uint8)
    shifts = Shifts.of(letters, letters[0])
    feature = rng.normal(size=(12, 2))
    noise = rng.uniform(0.5, 1.0, 12)
    target = rng.normal(size=12)
    made = Objective(shifts.dense(letters), [feature @ feature.T], target, noise, choice)
    return made, letters, shifts, target


def test_the_gradient_is_that_of_finite_differences() -> None:
    objective = small_problem()[0]
    theta = objective.mean + 0.2 * np.random.default_rng(1).normal(size=len(objective.mean))
    numeric = approx_fprime(theta, lambda at: objective(at)[0], 1e-6)
    assert np.allclose(objective(theta)[1], numeric, atol=1e-4)


def test_the_value_is_the_density_of_a_normal_with_the_product_of_substitution_kernels() -> None:
    """At its mean the prior adds nothing, and the kernel can be written out letter by letter."""
    choice = KernelChoice(product=True, linear=False, terms=(), site_spread=0.5)
    rng = np.random.default_rng(3)
    letters = rng.integers(0, 20, (12, 4)).astype(np.uint8)
    shifts = Shifts.of(letters, letters[0])
    target = rng.normal(size=12)
    objective = Objective(shifts.dense(letters), [], target, np.ones(12), choice)
    kernel = np.ones((12, 12))
    for a in range(12):
        for b in range(12):
            for p in range(4):
                kernel[a, b] *= np.exp(-0.5 * distances()[letters[a, p], letters[b, p]])
    whole = 0.6 * kernel + (np.exp(-0.7) + JITTER) * np.eye(12)
    density = multivariate_normal(np.zeros(12), whole).logpdf(target)
    expected = -density - 0.5 * 12 * np.log(2 * np.pi)
    assert objective(objective.mean)[0] == pytest.approx(expected, abs=1e-6)


def test_only_positions_that_vary_are_active() -> None:
    letters = np.array([[0, 1, 2], [0, 1, 3]], dtype=np.uint8)
    shifts = Shifts.of(letters, letters[0])
    assert shifts.active.tolist() == [2]
    assert np.allclose(shifts.dense(letters)[1], embedding()[3] - embedding()[2])


def test_a_second_parents_model_starts_half_way_to_what_the_first_has_found() -> None:
    first = AssayGP().fit(assay_table(60))
    second = AssayGP()
    second.kin = first
    (rich, *_) = second._kernels()
    found = np.array(first._mixture.members[0].kernel.hyper.shared)
    alone = AssayGPSettings().kernels[0]
    rows, terms = 6, len(alone.terms)
    means = [
        Objective(np.zeros((rows, 0)), [np.eye(rows)] * terms, np.zeros(rows), np.ones(rows), one)
        for one in (alone, rich)
    ]
    assert np.allclose(means[1].mean, (means[0].mean + found) / 2.0)


def test_the_inverse_of_a_factor_is_that_of_the_matrix() -> None:
    rng = np.random.default_rng(0)
    matrix = np.cov(rng.normal(size=(9, 40)))
    assert np.allclose(inverse_of(np.linalg.cholesky(matrix)), np.linalg.inv(matrix))
