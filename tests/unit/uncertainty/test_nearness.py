import numpy as np
import polars as pl
import pytest

from abag.uncertainty.calibration import Nearness, fit_nearness


def rows(slope: float, verdicts: int = 2, count: int = 4000, seed: int = 0) -> pl.DataFrame:
    """Errors that are exponential with a scale of exp(-slope x antibody identity)."""
    rng = np.random.default_rng(seed)
    near, verdict = rng.uniform(0.0, 1.0, count), rng.integers(verdicts, size=count)
    error = rng.exponential(np.exp(verdict - slope * near))
    signs = rng.choice([-1.0, 1.0], count)
    return pl.DataFrame(
        {
            "prediction": 8.0 + signs * error,
            "lower": 8.0,
            "upper": 8.0,
            "scale": 1.0,
            "verdict": [f"group {i}" for i in verdict],
            "antibody_identity": near,
            "antigen_identity": rng.uniform(0.0, 1.0, count),
        }
    )


def test_the_slope_of_the_errors_is_found() -> None:
    found = fit_nearness(rows(2.0))
    assert found.antibody == pytest.approx(2.0, abs=0.2)
    assert found.antigen == pytest.approx(0.0, abs=0.15)


def test_errors_that_grow_with_nearness_are_not_believed() -> None:
    assert fit_nearness(rows(-2.0)).antibody == 0.0


def test_the_level_of_a_verdict_is_not_taken_for_nearness() -> None:
    assert fit_nearness(rows(0.0, verdicts=4)).antibody == pytest.approx(0.0, abs=0.15)


def test_the_spread_that_a_model_gives_is_divided_out() -> None:
    table = rows(2.0).with_columns(scale=(-2.0 * pl.col("antibody_identity")).exp())
    assert fit_nearness(table).antibody == pytest.approx(0.0, abs=0.15)


def test_censored_and_missing_rows_teach_nothing() -> None:
    table = rows(2.0, count=50)
    assert fit_nearness(table.with_columns(upper=pl.lit(np.inf))) == Nearness()
    assert fit_nearness(table[:0]) == Nearness()


def test_a_perfect_model_has_no_slope_to_learn() -> None:
    perfect = rows(0.0).with_columns(prediction=pl.col("lower"))
    assert fit_nearness(perfect).antibody == pytest.approx(0.0, abs=0.15)


def test_the_scale_shrinks_with_nearness() -> None:
    scale = Nearness(1.0, 0.5).scale(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert scale.tolist() == pytest.approx([1.0, float(np.exp(-1.5))])
