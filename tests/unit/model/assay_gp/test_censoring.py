"""Bounds count as bounds: in the moments of a row, and where hyper-parameters are chosen."""

import numpy as np
import polars as pl
import pytest

from abag.model.assay_gp.censoring import Bounds, RowNormals, truncated
from abag.model.assay_gp.model import AssayGP
from synthetic_pairs import assay_table


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


def test_a_bound_that_a_row_keeps_anyway_says_nothing() -> None:
    bounds = Bounds(np.array([-np.inf, 1.0]), np.array([5.0, 1.0]))
    said = RowNormals.before(bounds)
    again = said.after(np.array([-3.0, 0.0]), np.array([0.25 + said.extra[0], 1.0]), bounds)
    assert again.extra[0] > 100 * 0.25
    assert (again.target[1], again.extra[1]) == (1.0, 0.0)


def test_a_normal_in_the_place_of_a_bound_gives_the_truncated_moments() -> None:
    """Half a standard normal: N(0, 1) times the normal must have its mean and variance."""
    bounds = Bounds(np.array([-np.inf]), np.array([0.0]))
    before = RowNormals.before(bounds)
    said = before.after(np.zeros(1), 1.0 + before.extra, bounds)
    variance = 1.0 / (1.0 + 1.0 / said.extra[0])
    assert variance == pytest.approx(1 - 2 / np.pi)
    assert said.target[0] * variance / said.extra[0] == pytest.approx(-np.sqrt(2 / np.pi))


@pytest.mark.parametrize("bound", [8.5, 10.0, 12.0])
def test_the_noise_is_that_of_the_exact_rows_however_far_the_bounds_lie(bound: float) -> None:
    """Effects add up without noise; of the weak half the file says only that they are below."""
    table = assay_table(60)
    weak = pl.col("pkd") < table["pkd"].median()
    loose = table.with_columns(
        pkd=pl.when(~weak).then("pkd"), pkd_lower=pl.when(~weak).then("pkd_lower"),
        pkd_upper=pl.when(weak).then(bound).otherwise("pkd_upper"),
    )  # fmt: skip
    known = AssayGP(warp=False).fit(table)._mixture.noise
    assert AssayGP(warp=False).fit(loose)._mixture.noise < known + 0.1
