"""The posterior by way of inducing variants against the exact one."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.model.assay_gp.inducing import InducedPosterior, inducing_rows
from abag.model.assay_gp.model import AssayGP
from abag.model.protocol import load_model
from synthetic_pairs import assay_table


def noisy(rows: int, seed: int = 0) -> pl.DataFrame:
    table = assay_table(rows, seed)
    error = np.random.default_rng(seed + 50).normal(0.0, 0.4, rows)
    values = table["pkd"] + pl.Series(error)
    return table.with_columns(pkd=values, pkd_lower=values, pkd_upper=values)


def test_with_every_row_inducing_it_is_the_exact_posterior() -> None:
    table = noisy(60)
    exact = AssayGP(hyper_rows=40).fit(table)._mixture.members[0]
    kernel, letters = exact.kernel, exact.kernel.training
    target = np.random.default_rng(1).normal(size=60)
    noise = np.full(60, 0.3)
    right = type(exact).of(kernel, target, noise)
    found = InducedPosterior.induced(kernel, letters, target, noise)
    new = AssayGP(hyper_rows=40).fit(table)._letters(noisy(20, seed=3))
    np.testing.assert_allclose(found.mean(new), right.mean(new), atol=2e-3)
    np.testing.assert_allclose(found.variance(new), right.variance(new), atol=2e-3)
    for one, other in zip(found.left_out(target), right.left_out(target), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-3)


def test_fewer_inducing_variants_than_rows_hardly_change_predictions() -> None:
    table, test = noisy(600), noisy(200, seed=7)
    exact = AssayGP(hyper_rows=100).fit(table)
    few = AssayGP(hyper_rows=100, exact_rows=500, inducing=250).fit(table)
    assert isinstance(few._mixture.members[0], InducedPosterior)
    one, other = exact.distribution(test), few.distribution(test)
    assert np.corrcoef(one.median, other.median)[0, 1] > 0.995
    width = (other.upper - other.lower) / (one.upper - one.lower)
    assert 0.9 < float(np.median(width)) < 1.1


def test_every_row_is_learnt_from_and_remembered() -> None:
    table = noisy(600)
    few = AssayGP(hyper_rows=100, exact_rows=500, inducing=100).fit(table)
    assert few.training.rows_used == 600
    assert len(few.training_chains()) == 600
    assert len(few._mixture.kernel.training) == 100


def test_a_saved_model_gives_the_same_answers(tmp_path: Path) -> None:
    few = AssayGP(hyper_rows=50, exact_rows=100, inducing=60).fit(noisy(120))
    few.save(tmp_path / "m", False)
    back = load_model(tmp_path / "m")
    assert isinstance(back, AssayGP)
    test = noisy(9, seed=5)
    one, other = few.distribution(test), back.distribution(test)
    np.testing.assert_array_equal(one.lower, other.lower)
    np.testing.assert_array_equal(few.joint(test).covariance, back.joint(test).covariance)
    assert np.allclose(np.sqrt(np.diag(few.joint(test).covariance)),
                       one.deviation * few._widening.known)  # fmt: skip


def test_censored_rows_are_learnt_from_too() -> None:
    table = noisy(200)
    weak = table["pkd"] < 7.5
    masked = table.with_columns(
        pkd=pl.when(weak).then(None).otherwise(pl.col("pkd")),
        pkd_lower=pl.when(weak).then(None).otherwise(pl.col("pkd_lower")),
        pkd_upper=pl.when(weak).then(7.5).otherwise(pl.col("pkd_upper")),
    )
    few = AssayGP(hyper_rows=50, exact_rows=100, inducing=80).fit(masked)
    test = noisy(100, seed=9)
    low = few.predict(test.filter(pl.col("pkd") < 7.0)).mean()
    assert low < few.predict(test.filter(pl.col("pkd") > 8.0)).mean() - 0.5


@pytest.mark.parametrize("count", [40, 150])
def test_inducing_variants_hold_every_mutation_while_there_is_room(count: int) -> None:
    rng = np.random.default_rng(0)
    letters = rng.integers(0, 3, size=(500, 12)).astype(np.uint8)
    letters[rng.random((500, 12)) < 0.9] = 0
    chosen = inducing_rows(letters, np.zeros(12, dtype=np.uint8), count, seed=3)
    assert len(chosen) == len(set(chosen.tolist())) == count
    for place in range(12):
        assert set(letters[:, place]) == set(letters[chosen, place])
