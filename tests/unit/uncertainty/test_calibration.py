import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError, OptionError
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.baselines.mean import Mean
from abag.uncertainty.calibration import Calibration
from abag.uncertainty.coverage import figures_of
from abag.uncertainty.domain import Familiarity, Verdict
from abag.uncertainty.out_of_fold import COLUMNS, out_of_fold, predict_with_scale
from synthetic_domain import families_table

TABLE = families_table(120)


@pytest.fixture(scope="module")
def held_out() -> pl.DataFrame:
    return out_of_fold(KmerRidge, TABLE, folds=5)


def rows(**columns: list[object]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    plain: dict[str, object] = {
        "scheme": "complex", "fold": "fold-0", "cluster": "one", "verdict": "in-domain",
        "scale": 1.0, "train_mean": 8.0, "antibody_identity": 1.0, "antigen_identity": 1.0,
    }  # fmt: skip
    filled = {name: [value] * count for name, value in plain.items()} | {
        "record_id": [f"r{i}" for i in range(count)]
    }
    return pl.DataFrame({**filled, **columns}, schema_overrides=COLUMNS).select(*COLUMNS)


def twins(count: int) -> Familiarity:
    """Pairs of which both sides were in training."""
    return Familiarity(np.ones(count), np.ones(count))


FOREIGNER = Familiarity(np.array([0.2]), np.array([1.0]))
"""A new antibody on a known antigen."""


def test_every_scheme_gives_the_rows_of_its_verdicts(held_out: pl.DataFrame) -> None:
    pairs = set(held_out.select("scheme", "verdict").iter_rows())
    known = {"in-domain", "new antibody"}
    assert all((scheme == "complex") == (verdict in known) for scheme, verdict in pairs)
    assert {"in-domain", "neither known"} <= {verdict for _, verdict in pairs}
    assert held_out.filter(pl.col("scheme") == "complex")["record_id"].is_unique().all()


def test_rows_are_predicted_by_models_that_were_not_fitted_on_them(held_out: pl.DataFrame) -> None:
    mean = out_of_fold(Mean, TABLE, folds=5)
    chosen = mean.filter(pl.col("scheme") == "antigen-cluster")
    for (_, fold), part in chosen.group_by("scheme", "fold"):
        clusters = set(part["cluster"])
        others = chosen.filter(pl.col("fold") != fold)
        assert not clusters & set(others["cluster"])
    assert (chosen["prediction"] - chosen["train_mean"]).abs().max() < 1e-12


def test_known_pairs_have_narrower_intervals_than_unknown_ones(held_out: pl.DataFrame) -> None:
    found = Calibration.of(held_out).quantiles(0.8)
    assert found[Verdict.IN_DOMAIN] < found[Verdict.NEITHER]


def test_half_widths_follow_the_verdict_and_the_scale() -> None:
    errors = [0.1 * i for i in range(1, 20)]
    known = rows(
        prediction=[8.0] * 19, lower=[8.0 + e for e in errors], upper=[8.0 + e for e in errors]
    )
    calibration = Calibration.of(known)
    half = calibration.half_widths(twins(2), np.array([1.0, 2.0]), 0.9)
    assert half == pytest.approx([1.8, 3.6])  # the 18th of 19


def test_a_verdict_without_rows_takes_the_interval_of_neither_and_no_error() -> None:
    values = [8.0 + 0.1 * i for i in range(1, 20)]
    calibration = Calibration.of(
        rows(
            verdict=["neither known"] * 19, scheme=["antigen-cluster"] * 19,
            cluster=[f"c{i}" for i in range(19)], prediction=[8.0] * 19, lower=values, upper=values,
        )
    )  # fmt: skip
    assert calibration.half_widths(FOREIGNER, np.ones(1), 0.9) == pytest.approx([1.8])
    assert Verdict.NEW_ANTIBODY not in calibration.figures


def test_a_borrowed_interval_is_not_narrowed_by_nearness() -> None:
    near = [0.5] * 10 + [0.7] * 10
    errors = [2.0, 1.0] * 5 + [0.2, 0.1] * 5
    values = [8.0 + error for error in errors]
    calibration = Calibration.of(
        rows(
            verdict=["neither known"] * 20, scheme=["antigen-cluster"] * 20,
            cluster=[f"c{i}" for i in range(20)], antibody_identity=near, prediction=[8.0] * 20,
            lower=values, upper=values,
        )
    )  # fmt: skip
    assert calibration.nearness.antibody > 0.5
    known_antibody = Familiarity(np.array([1.0]), np.array([0.0]))
    far = Familiarity(np.array([0.6]), np.array([1.0]))
    borrowed = calibration.half_widths(known_antibody, np.ones(1), 0.8)[0]
    usual = calibration.half_widths(far, np.ones(1), 0.8)[0]
    assert borrowed == usual
    own = calibration.quantiles(0.8)[Verdict.NEITHER]
    assert borrowed == pytest.approx(own * calibration.nearness.far)


def test_a_known_antibody_never_narrows_the_interval_on_a_new_antigen() -> None:
    """Small errors on the second antigens of known antibodies, large ones on unknown pairs."""
    small, large = [0.01 * i for i in range(1, 21)], [0.1 * i for i in range(1, 21)]
    values = [8.0 + error for error in (*small, *large)]
    calibration = Calibration.of(
        rows(
            verdict=["new antigen"] * 20 + ["neither known"] * 20,
            scheme=["antigen-cluster"] * 40, cluster=[f"c{i}" for i in range(40)],
            antibody_identity=[0.9] * 20 + [0.5] * 20, prediction=[8.0] * 40,
            lower=values, upper=values,
        )
    )  # fmt: skip
    asked = Familiarity(np.array([1.0, 0.5]), np.array([0.0, 0.0]))
    known, unknown = calibration.half_widths(asked, np.ones(2), 0.9).tolist()
    assert known >= unknown == pytest.approx(1.9)


def test_coverage_is_measured_on_rows_that_did_not_calibrate_it() -> None:
    """One fold errs by up to 0.4 and the other by 3: an interval of the first misses all of it."""
    errors = [0.02 * i for i in range(1, 21)] + [3.0] * 20
    values = [8.0 + error for error in errors]
    found = Calibration.of(
        rows(
            fold=["fold-0"] * 20 + ["fold-1"] * 20, prediction=[8.0] * 40,
            lower=values, upper=values,
        )
    ).figures[Verdict.IN_DOMAIN]  # fmt: skip
    assert found.coverage == 0.5
    # 20 intervals of +- 3 from the fold of large errors, 20 of +- 0.38 from the other.
    assert found.width == pytest.approx(3.0 + 0.38)


@pytest.mark.parametrize(
    ("verdict", "half"),
    [
        ("new antigen", 2.0),  # 10 of 11 antigens err by 2
        ("neither known", 2.0),
        ("in-domain", 0.1),  # 90 of 100 rows err by 0.1
        ("new antibody", 0.1),
    ],
)
def test_antigens_share_the_mass_where_they_are_new_and_rows_where_they_are_known(
    verdict: str, half: float
) -> None:
    """One antigen with 90 rows of small errors, ten with one row of a large error each."""
    values = [8.1] * 90 + [10.0] * 10
    calibration = Calibration.of(
        rows(
            verdict=[verdict] * 100, cluster=["large"] * 90 + [f"c{i}" for i in range(10)],
            prediction=[8.0] * 100, lower=values, upper=values,
        )
    )  # fmt: skip
    assert calibration.quantiles(0.8)[Verdict(verdict)] == pytest.approx(half)


def test_too_few_rows_give_no_end() -> None:
    calibration = Calibration.of(rows(prediction=[8.0] * 3, lower=[8.5] * 3, upper=[8.5] * 3))
    half = calibration.half_widths(twins(1), np.ones(1), 0.9)
    assert np.isinf(half).all()


def test_nothing_to_calibrate_on_is_said() -> None:
    with pytest.raises(ModelError, match="nothing to calibrate on"):
        Calibration.of(pl.DataFrame(schema=COLUMNS))


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_a_level_is_a_share(level: float) -> None:
    known = Calibration.of(rows(prediction=[8.0], lower=[8.0], upper=[8.0]))
    with pytest.raises(OptionError, match=r"such as 0\.9"):
        known.half_widths(twins(1), np.ones(1), level)


def test_censored_rows_are_compatible_or_uncovered_never_covered() -> None:
    table = rows(
        prediction=[8.0, 8.0, 8.0, 8.0],
        lower=[8.5, -np.inf, -np.inf, 8.2],
        upper=[8.5, 9.0, 6.0, np.inf],
    )
    found = figures_of(table, np.full(4, 1.0), 0.9)
    assert (found.rows, found.rows_exact) == (4, 1)
    assert (found.censored_compatible, found.censored_uncovered) == (2, 1)
    assert found.coverage == 1.0
    assert found.rmse == pytest.approx(0.5)


def test_coverage_by_cluster_counts_each_cluster_once() -> None:
    values = [8.0, 8.0, 8.0, 9.0]
    table = rows(cluster=["a", "a", "a", "b"], prediction=[8.0] * 4, lower=values, upper=values)
    found = figures_of(table, np.full(4, 0.5), 0.9)
    assert found.coverage == 0.75
    assert found.coverage_of_clusters == 0.5


def test_a_calibration_is_saved_and_read(held_out: pl.DataFrame) -> None:
    made = Calibration.of(held_out)
    back = Calibration.from_saved(made.as_json(), made.arrays())
    assert back.quantiles(0.9) == made.quantiles(0.9)
    assert back.nearness == made.nearness
    assert back.figures == made.figures


class WithSpread(Mean):
    """A mean that is twice as unsure of antibodies without a light chain."""

    def predict_distribution(self, table: pl.DataFrame) -> tuple[object, object]:
        spread = np.where(table["light"].is_null().to_numpy(), 2.0, 1.0)
        return self.predict(table), spread


def test_the_spread_of_a_model_scales_and_its_predictions_stay() -> None:
    model = WithSpread().fit(TABLE)
    table = TABLE[:2].with_columns(light=pl.Series([None, TABLE["light"][1]]))
    predicted, scale = predict_with_scale(model, table)
    assert predicted.tolist() == model.predict(table).tolist()
    assert scale.tolist() == [2.0, 1.0]


def test_a_table_of_one_antigen_has_no_new_antigens() -> None:
    one = TABLE.with_columns(antigen=pl.lit([TABLE["antigen"][0].to_list()[0]]))
    found = out_of_fold(Mean, one, folds=3)
    assert set(found["scheme"]) == {"complex"}
