"""Several antigens as tasks: the covariance, its gradient, and what sharing is for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.data.tables import Pairs
from abag.errors import ModelError
from abag.model.assay_gp.kernels.kernel import prior_mean
from abag.model.assay_gp.model import AssayGP, AssayGPSettings
from abag.model.assay_gp.objective import KernelChoice, Objective
from abag.model.assay_gp.several import SharedObjective, by_antigen, correlation, fit_antigens
from abag.model.protocol import load_model
from synthetic_pairs import assay_table


def two_antigens(rows: int = 24, opposed: bool = False, seed: int = 0) -> pl.DataFrame:
    """Other variants for the second antigen; its values follow the same rule, or its opposite."""
    first, second = assay_table(rows, seed), assay_table(rows, seed + 100)
    sign = -1.0 if opposed else 1.0
    values = [pl.col(n) * sign for n in ("pkd", "pkd_lower", "pkd_upper", "rank_score")]
    second = second.with_columns(*values, antigen=pl.Series([["CCC"]] * rows))
    return pl.concat(
        [
            first.with_columns(antigen_name=pl.lit("one")),
            second.with_columns(antigen_name=pl.lit("two")),
        ]
    )


def settings(**values: object) -> AssayGPSettings:
    return AssayGPSettings(**values)


def rank(model: AssayGP, test: pl.DataFrame) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(model.predict(test), test["pkd"].to_numpy()).statistic)


def test_the_gradient_of_shares_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    shifts = rng.normal(size=(14, 40))
    term = rng.normal(size=(14, 3))
    single = Objective(
        shifts, [term @ term.T], rng.normal(size=14), np.ones(14),
        KernelChoice(True, True, ("x",), 0.4),
    )  # fmt: skip
    objective = SharedObjective(single, np.array([0, 1, 2] * 4 + [0, 1]), 3)
    theta = objective.mean + rng.normal(0.0, 0.2, len(objective.mean))
    _, gradient = objective(theta)
    for place in range(len(theta)):
        step = np.zeros_like(theta)
        step[place] = 1e-5
        slope = (objective(theta + step)[0] - objective(theta - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=2e-4)


def test_antigens_correlate_by_their_shares() -> None:
    found = correlation(np.array([0.5, -0.8, 1.0]))
    assert np.allclose(np.diag(found), 1.0)
    assert found[0, 1] == pytest.approx(-0.4)
    assert np.linalg.eigvalsh(found).min() > -1e-12


def test_the_posterior_of_an_antigen_is_that_of_the_textbook() -> None:
    shared = fit_antigens(Pairs.of(two_antigens()), settings())
    model = shared.models["two"]
    member = model._mixture.members[0]
    antigens, kernel = member.antigens, member.kernel
    assert antigens is not None
    covariance = kernel.matrix(kernel.training, kernel.training)
    covariance *= antigens.between[np.ix_(antigens.tasks, antigens.tasks)]
    covariance += np.diag(member.noise + 1e-6)
    new = model._letters(assay_table(6, seed=5))
    across = kernel.matrix(new, kernel.training) * antigens.with_predicted
    # The saved weights are those of the rows times their share with this antigen.
    target = covariance @ (member.weights / antigens.with_predicted)
    by_hand = prior_mean(kernel.terms, new) + across @ np.linalg.solve(covariance, target)
    assert np.allclose(member.mean(new), by_hand, atol=1e-6)
    expected = np.diag(kernel.matrix(new, new)) - np.einsum(
        "ij,ji->i", across, np.linalg.solve(covariance, across.T)
    )
    assert np.allclose(member.variance(new), expected, atol=1e-6)


def test_sharing_helps_an_antigen_with_few_rows() -> None:
    table = two_antigens(40)
    few = pl.concat([table.head(40), table.tail(40).head(8)])
    shared = fit_antigens(Pairs.of(few), settings())
    alone = AssayGP(settings()).fit(few.tail(8))
    test = assay_table(120, seed=9)
    assert rank(shared.models["two"], test) > rank(alone, test) + 0.1
    assert min(shared.shares.values()) > 0.5


def test_antigens_that_oppose_each_other_share_nothing() -> None:
    table = two_antigens(40, opposed=True)
    shared = fit_antigens(Pairs.of(table), settings())
    assert shared.shares["one"] * shared.shares["two"] < 0.1
    test = assay_table(80, seed=9)
    assert rank(shared.models["one"], test) > 0.8 > -0.8 > rank(shared.models["two"], test)


def test_a_saved_model_of_one_antigen_stands_on_its_own(tmp_path: Path) -> None:
    model = fit_antigens(Pairs.of(two_antigens()), settings()).models["one"]
    model.save(tmp_path / "m", False)
    back = load_model(tmp_path / "m")
    assert isinstance(back, AssayGP)
    test = assay_table(7, seed=3)
    np.testing.assert_array_equal(model.distribution(test).upper, back.distribution(test).upper)
    assert model.training.rows_used == 24


def test_an_antigen_whose_rows_teach_nothing_is_named() -> None:
    table = two_antigens()
    flat = table.with_columns(
        pkd=pl.when(pl.col("antigen_name") == "two").then(7.0).otherwise(pl.col("pkd"))
    )
    with pytest.raises(ModelError, match="antigen two: all 24 exact rows have the same pkd"):
        fit_antigens(Pairs.of(flat), settings())
    with pytest.raises(ModelError, match="one antigen"):
        fit_antigens(Pairs.of(table.head(24)), settings())


def test_two_antigens_of_one_name_are_told_apart() -> None:
    same = two_antigens().with_columns(antigen_name=pl.lit("x"))
    assert list(by_antigen(Pairs.of(same))) == ["x", "x (2)"]


def test_a_bound_never_counts_as_a_value_of_any_antigen() -> None:
    """Variants of which the file says only that their pKd is below 10 stay weak on both."""
    table = two_antigens(40)
    weak = (pl.int_range(pl.len()) % 3 == 0) & (pl.col("pkd") < 8.0)
    loose = table.with_columns(
        pkd=pl.when(~weak).then("pkd"),
        pkd_lower=pl.when(~weak).then("pkd_lower"),
        pkd_upper=pl.when(weak).then(10.0).otherwise("pkd_upper"),
    )
    found = fit_antigens(Pairs.of(loose), settings(warp=False)).models
    for name, model in found.items():
        asked = table.filter(weak & (pl.col("antigen_name") == name))
        said = model.distribution(asked)
        exact = loose.filter(pl.col("pkd").is_not_null() & (pl.col("antigen_name") == name))
        assert asked.height > 3
        assert said.median.mean() < 8.0
        assert said.deviation.mean() > 1.2 * model.distribution(exact).deviation.mean()
