from typing import Any

import numpy as np
import polars as pl
import pytest

from abag.data.tables import Pairs, rows_to_predict
from abag.errors import ModelError, OptionError
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.baselines.mean import Mean
from abag.model.protocol import Answer, sound_answer
from abag.uncertainty.calibration import Calibration
from abag.uncertainty.coverage import Reaches, figures_of
from abag.uncertainty.domain import Familiarity, Verdict
from abag.uncertainty.out_of_fold import COLUMNS, SCHEMES, out_of_fold
from synthetic_domain import families_table, knows

TABLE = families_table(120)


@pytest.fixture(scope="module")
def held_out() -> pl.DataFrame:
    return out_of_fold(KmerRidge, TABLE, folds=5)


def rows(**columns: list[object]) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    plain: dict[str, object] = {
        "scheme": "complex", "fold": "fold-0", "cluster": "one",
        "verdict": "variant of a measured pair",
        "kind": "natural",
        "scale": 1.0, "train_mean": 8.0, "antibody_identity": 1.0, "antigen_identity": 1.0,
    }  # fmt: skip
    filled = {name: [value] * count for name, value in plain.items()} | {
        name: [f"r{i}" for i in range(count)] for name in ("record_id", "unit")
    }
    return pl.DataFrame({**filled, **columns}, schema_overrides=COLUMNS).select(*COLUMNS)


def twins(count: int) -> Familiarity:
    """Pairs of which both sides were in training."""
    return knows([1.0] * count, [1.0] * count)


FOREIGNER = knows([0.2], [1.0])
"""A new antibody on a known antigen."""


def test_every_scheme_gives_the_rows_of_its_verdicts(held_out: pl.DataFrame) -> None:
    pairs = set(held_out.select("scheme", "verdict").iter_rows())
    assert all(Verdict(verdict) in SCHEMES[scheme] for scheme, verdict in pairs)
    assert {Verdict.VARIANT.value, Verdict.NEITHER.value} <= {verdict for _, verdict in pairs}
    for scheme in SCHEMES:
        assert held_out.filter(pl.col("scheme") == scheme)["record_id"].is_unique().all()


def test_rows_are_predicted_by_models_that_were_not_fitted_on_them(held_out: pl.DataFrame) -> None:
    mean = out_of_fold(Mean, TABLE, folds=5)
    chosen = mean.filter(pl.col("scheme") == "antigen-cluster")
    for (_, fold), part in chosen.group_by("scheme", "fold"):
        clusters = set(part["cluster"])
        others = chosen.filter(pl.col("fold") != fold)
        assert not clusters & set(others["cluster"])
    assert (chosen["prediction"] - chosen["train_mean"]).abs().max() < 1e-12


def test_known_pairs_have_narrower_intervals_than_unknown_ones(held_out: pl.DataFrame) -> None:
    calibration = Calibration.of(held_out)
    near, far = knows([1.0], [1.0]), knows([0.2], [0.0])
    one, other = (sum(calibration.reaches(k, np.ones(1), 0.7)) for k in (near, far))
    assert one[0] < other[0]


def both_ways(largest: float, count: int = 19) -> list[float]:
    """So many values above 8 and as many below it, the farthest at ``largest``."""
    steps = [largest * i / count for i in range(1, count + 1)]
    return [8.0 + one for one in steps] + [8.0 - one for one in steps]


def test_reaches_follow_the_verdict_and_the_scale() -> None:
    values = both_ways(1.9)
    calibration = Calibration.of(rows(prediction=[8.0] * 38, lower=values, upper=values))
    below, above = calibration.reaches(twins(2), np.array([1.0, 2.0]), 0.9)
    # 95 % of 39 are 38: the 38th of 38 lies at 1.9 on either side.
    assert below == pytest.approx([1.9, 3.8])
    assert above == pytest.approx([1.9, 3.8])


def test_each_end_has_its_own_reach() -> None:
    """Predictions that are too high more often than too low."""
    values = [8.0 - 0.1 * i for i in range(1, 31)] + [8.0 + 0.01 * i for i in range(1, 10)]
    calibration = Calibration.of(rows(prediction=[8.0] * 39, lower=values, upper=values))
    below, above = calibration.reaches(twins(1), np.ones(1), 0.9)
    assert below[0] == pytest.approx(2.9)
    assert above[0] == pytest.approx(0.08)


def test_designed_families_weigh_as_much_as_all_natural_pairs() -> None:
    """A hundred natural pairs with small errors, twenty families of designs far too high."""
    values = [8.0 - 0.001 * i for i in range(100)] + [6.0] * 20
    calibration = Calibration.of(
        rows(
            prediction=[8.0] * 120, lower=values, upper=values,
            kind=["natural"] * 100 + ["designed"] * 20,
        )
    )  # fmt: skip
    assert calibration.reaches(twins(1), np.ones(1), 0.8).below[0] == pytest.approx(2.0)


def test_a_verdict_without_rows_takes_the_interval_of_neither_and_no_error() -> None:
    values = both_ways(1.9)
    calibration = Calibration.of(
        rows(
            verdict=["neither known"] * 38, scheme=["antigen-cluster"] * 38,
            cluster=[f"c{i}" for i in range(38)], prediction=[8.0] * 38, lower=values, upper=values,
        )
    )  # fmt: skip
    assert calibration.reaches(FOREIGNER, np.ones(1), 0.9).above == pytest.approx([1.9])
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
    known_antibody, far = knows([1.0], [0.0]), knows([0.6], [1.0])
    borrowed = calibration.reaches(known_antibody, np.ones(1), 0.8).above[0]
    usual = calibration.reaches(far, np.ones(1), 0.8).above[0]
    assert borrowed == usual
    own = calibration.ends.above[Verdict.NEITHER].quantile(0.9)
    assert borrowed == pytest.approx(own * calibration.nearness.far)


def test_a_known_antibody_never_narrows_the_interval_on_a_new_antigen() -> None:
    """Small errors on the second antigens of known antibodies, large ones on unknown pairs."""
    small, large = [0.01 * i for i in range(1, 21)], [0.1 * i for i in range(1, 21)]
    values = [8.0 + error for error in (*small, *large)]
    calibration = Calibration.of(
        rows(
            verdict=[Verdict.NEW_ANTIGEN.value] * 20 + ["neither known"] * 20,
            scheme=["antigen-cluster"] * 40, cluster=[f"c{i}" for i in range(40)],
            antibody_identity=[0.9] * 20 + [0.5] * 20, prediction=[8.0] * 40,
            lower=values, upper=values,
        )
    )  # fmt: skip
    asked = knows([1.0, 0.5], [0.0, 0.0])
    known, unknown = calibration.reaches(asked, np.ones(2), 0.9).above.tolist()
    assert known >= unknown == pytest.approx(2.0)


def test_coverage_is_measured_on_rows_that_did_not_calibrate_it() -> None:
    """One fold errs by up to 0.4 and the other by 3: an interval of the first misses all of it."""
    errors = [0.02 * i for i in range(1, 21)] + [3.0] * 20
    values = [8.0 + error for error in errors]
    found = Calibration.of(
        rows(
            fold=["fold-0"] * 20 + ["fold-1"] * 20, prediction=[8.0] * 40,
            lower=values, upper=values,
        )
    ).figures[Verdict.VARIANT]  # fmt: skip
    assert found.coverage == 0.5
    assert found.bias == pytest.approx(-(0.21 + 3.0) / 2)
    # 20 intervals up to 3 from the fold of large errors, 20 up to 0.4 from the other.
    assert found.width == pytest.approx((3.0 + 0.4) / 2)


@pytest.mark.parametrize(
    ("verdict", "reach"),
    [
        (Verdict.NEW_ANTIGEN, 2.0),  # 10 of 11 antigens err by 2
        (Verdict.NEITHER, 2.0),
        (Verdict.VARIANT, 0.1),  # 90 of 100 rows err by 0.1
        (Verdict.NEW_ANTIBODY, 0.1),
    ],
)
def test_antigens_share_the_mass_where_they_are_new_and_rows_where_they_are_known(
    verdict: Verdict, reach: float
) -> None:
    """One antigen with 90 rows of small errors, ten with one row of a large error each."""
    values = [8.1] * 90 + [10.0] * 10
    calibration = Calibration.of(
        rows(
            verdict=[verdict.value] * 100, cluster=["large"] * 90 + [f"c{i}" for i in range(10)],
            prediction=[8.0] * 100, lower=values, upper=values,
        )
    )  # fmt: skip
    assert calibration.ends.above[verdict].quantile(0.8) == pytest.approx(reach)


def test_too_few_rows_give_no_end() -> None:
    calibration = Calibration.of(rows(prediction=[8.0] * 3, lower=[8.5] * 3, upper=[8.5] * 3))
    assert np.isinf(calibration.reaches(twins(1), np.ones(1), 0.9)).all()


def test_nothing_to_calibrate_on_is_said() -> None:
    with pytest.raises(ModelError, match="nothing to calibrate on"):
        Calibration.of(pl.DataFrame(schema=COLUMNS))


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, float("nan"), "0.9", None])
def test_a_level_is_a_share(level: Any) -> None:
    known = Calibration.of(rows(prediction=[8.0], lower=[8.0], upper=[8.0]))
    with pytest.raises(OptionError, match=r"such as 0\.9"):
        known.reaches(twins(1), np.ones(1), level)


def test_censored_rows_are_compatible_or_uncovered_never_covered() -> None:
    table = rows(
        prediction=[8.0, 8.0, 8.0, 8.0],
        lower=[8.5, -np.inf, -np.inf, 8.2],
        upper=[8.5, 9.0, 6.0, np.inf],
    )
    found = figures_of(table, Reaches(np.full(4, 1.0), np.full(4, 1.0)), 0.9)
    assert (found.rows, found.rows_exact) == (4, 1)
    assert (found.censored_compatible, found.censored_uncovered) == (2, 1)
    assert found.coverage == 1.0
    assert found.rmse == pytest.approx(0.5)


def test_coverage_by_cluster_counts_each_cluster_once() -> None:
    values = [8.0, 8.0, 8.0, 9.0]
    table = rows(cluster=["a", "a", "a", "b"], prediction=[8.0] * 4, lower=values, upper=values)
    found = figures_of(table, Reaches(np.full(4, 0.5), np.full(4, 0.5)), 0.9)
    assert found.coverage == 0.75
    assert found.coverage_of_clusters == 0.5


def test_a_calibration_is_saved_and_read(held_out: pl.DataFrame) -> None:
    made = Calibration.of(held_out)
    back = Calibration.from_saved(made.as_json(), made.arrays())
    asked = knows([1.0, 0.2], [1.0, 0.0])
    one, other = (c.reaches(asked, np.ones(2), 0.7) for c in (back, made))
    assert np.array_equal(one, other)
    assert back.nearness == made.nearness
    assert back.figures == made.figures


class WithSpread(Mean):
    """A mean that is twice as unsure of antibodies without a light chain."""

    def answer(self, table: Pairs | pl.DataFrame) -> Answer:
        spread = np.where(
            rows_to_predict(table, self.inputs)["light"].is_null().to_numpy(), 2.0, 1.0
        )
        return super().answer(table)._replace(spread=spread)


def test_the_spread_of_a_model_scales_and_its_predictions_stay() -> None:
    model = WithSpread().fit(TABLE)
    table = TABLE[:2].with_columns(light=pl.Series([None, TABLE["light"][1]]))
    predicted, scale = sound_answer(model, table)[:2]
    assert predicted.tolist() == model.predict(table).tolist()
    assert scale.tolist() == [2.0, 1.0]


def test_a_table_of_one_antigen_has_no_new_antigens() -> None:
    one = TABLE.with_columns(antigen=pl.lit([TABLE["antigen"][0].to_list()[0]]))
    found = out_of_fold(Mean, one, folds=3)
    assert "antigen-cluster" not in set(found["scheme"])
