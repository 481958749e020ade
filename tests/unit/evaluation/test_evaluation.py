import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError, OptionError, SplitError
from abag.evaluation.evaluation import evaluate
from abag.evaluation.held_out import Candidate
from abag.evaluation.reporting.outputs import predictions_table


@pytest.fixture
def candidates(fakes):
    return [
        Candidate("counts-e", fakes.counts_e),
        Candidate("antigen-mean", fakes.reads_antigen, baseline=True),
        Candidate("mean", fakes.mean, baseline=True),
    ]


@pytest.fixture
def evaluation(fakes, candidates):
    table = fakes.table(rows=160, censored=20)
    return evaluate(candidates, table, fakes.split(), resamples=200)


def test_every_row_is_predicted_by_a_model_that_did_not_see_it(fakes):
    seen = {}

    class Looks(fakes.mean):
        def fit(self, table, origin=None):
            self.known = set(table["record_id"])
            return super().fit(table)

        def predict(self, table):
            seen.update({record: record in self.known for record in table["record_id"]})
            return super().predict(table)

    table = fakes.table(rows=40)
    evaluate([Candidate("looks", Looks)], table, fakes.split(), resamples=100)
    assert set(seen) == set(table["record_id"])
    assert not any(seen.values())


def test_the_figure_inside_antigens_differs_from_the_pooled_one(evaluation):
    counts, antigen = evaluation.model("counts-e"), evaluation.model("antigen-mean")
    inside = [m.levels["antigen"].summary["spearman"].mean for m in (counts, antigen)]
    pooled = [m.pooled["spearman"].score.value for m in (counts, antigen)]
    # What an antibody has beside its antigen, only counts-e knows.
    assert inside[0] > 0.7 > 0.3 > inside[1]
    assert pooled[1] > pooled[0]
    assert evaluation.subject.name == "counts-e"


def test_a_model_with_one_value_a_fold_has_no_order_but_has_errors(evaluation):
    mean = evaluation.model("mean")
    reason = "predictions are constant inside every fold"
    assert mean.pooled["spearman"].score.reason == reason
    assert mean.levels["antigen"].summary["spearman"].reason == reason
    assert mean.pooled["rmse"].score.value > 0.5


def test_differences_are_to_the_best_baseline_by_each_metric(evaluation):
    by = {(d.level, d.key): d for d in evaluation.model("counts-e").differences}
    inside = by["antigen", "spearman"]
    assert inside.baseline == "antigen-mean"
    assert inside.better is True
    pooled = by["pooled", "rmse"]
    rmse = [
        evaluation.model(name).pooled["rmse"].score.value
        for name in ("counts-e", "antigen-mean", "mean")
    ]
    assert pooled.baseline == "antigen-mean"
    assert pooled.value == pytest.approx(rmse[0] - min(rmse[1:]))
    assert pooled.better is False
    assert evaluation.model("mean").differences == ()


def test_censored_rows_enter_concordance_and_no_error(evaluation):
    assert (evaluation.rows.exact, evaluation.rows.censored) == (140, 20)
    model = evaluation.model("counts-e")
    assert model.pooled["rmse"].score.n == 140
    assert model.pooled["concordance"].score.n == 160
    assert model.violations.rows == 20
    errors = predictions_table([evaluation]).filter(pl.col("true").is_null())["error"]
    assert errors.null_count() == len(errors) == 60


def test_point_estimates_agree_with_the_table_of_predictions(evaluation):
    table = predictions_table([evaluation]).filter(pl.col("model") == "counts-e")
    assert table.height == 160
    errors = table["error"].drop_nulls().to_numpy()
    rmse = evaluation.model("counts-e").pooled["rmse"]
    assert rmse.score.value == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert rmse.interval.low < rmse.score.value < rmse.interval.high


def test_rows_without_a_label_are_left_out_and_counted(fakes, candidates):
    table = fakes.table(rows=80)
    blank = pl.when(pl.col("record_id").is_in(["r3", "r7"])).then(None)
    columns = ["pkd", "pkd_lower", "pkd_upper"]
    table = table.frame.with_columns(blank.otherwise(pl.col(name)).alias(name) for name in columns)
    found = evaluate(candidates[:1], table, fakes.split(), resamples=100)
    assert (found.rows.exact, found.rows.unlabelled, found.rows.held_out) == (78, 2, 80)
    assert found.held_out.table.height == 78


def test_with_few_antigens_antibodies_are_resampled_and_the_report_is_told(fakes, candidates):
    found = evaluate(candidates, fakes.table(rows=60, antigens=2), fakes.split(), resamples=100)
    assert found.resampling.unit == "antibody"
    assert "only 2 antigen groups" in found.resampling.note


def test_given_antigen_groups_are_kept_together(fakes, candidates):
    table = fakes.table(rows=96)
    keys = [f"cluster {place % 8 // 2}" for place in range(96)]
    found = evaluate(candidates, table, fakes.split(), antigen_keys=keys, resamples=100)
    assert len(found.antigens.names) == 4
    with pytest.raises(OptionError, match="3 antigen groups for a table of 96 rows"):
        evaluate(candidates, table, fakes.split(), antigen_keys=keys[:3])


def test_the_largest_antigen_group_can_be_left_out(fakes, candidates):
    table = fakes.table(rows=120)
    keys = ["spike" if place % 2 else f"other {place % 20}" for place in range(120)]
    found = evaluate(candidates, table, fakes.split(), antigen_keys=keys, resamples=100)
    assert found.model("counts-e").without_largest["rmse"].score.n == 60


def test_ranks_of_different_assays_are_never_pooled(fakes):
    class Ranks(fakes.counts_e):
        target = "rank_score"

    table = fakes.table(rows=80).frame.with_columns(
        rank_score=pl.col("pkd"), rank_lower=pl.col("pkd"), rank_upper=pl.col("pkd"),
        assay=pl.when(pl.int_range(80) < 40).then(pl.lit("one")).otherwise(pl.lit("two")),
    )  # fmt: skip
    found = evaluate(
        [Candidate("ranks", Ranks)], table, fakes.split(), target="rank_score", resamples=100
    )
    model = found.model("ranks")
    assert model.pooled["spearman"].score.reason == "rank scores of different assays share no scale"
    assert list(model.levels) == ["assay"]
    assert model.levels["assay"].summary["spearman"].groups == 2
    assert model.decisions == {}


def test_a_model_of_another_target_is_refused(fakes):
    with pytest.raises(ModelError, match="predicts pkd, not rank_score"):
        evaluate(
            [Candidate("mean", fakes.mean)], fakes.table(40), fakes.split(), target="rank_score"
        )


def test_predictions_that_are_not_finite_are_refused(fakes):
    class Broken(fakes.mean):
        def predict(self, table):
            return np.full(table.height, np.nan)

    with pytest.raises(ModelError, match="16 of them not finite"):
        evaluate([Candidate("broken", Broken)], fakes.table(40), fakes.split())


def test_a_row_that_is_tested_twice_is_refused(fakes):
    class Twice:
        digest = "0"

        def fold_tables(self, table):
            first = np.arange(5)
            yield "a", table.take(first), table
            yield "b", table.take(first), table

    with pytest.raises(SplitError, match="more than one fold"):
        evaluate([Candidate("mean", fakes.mean)], fakes.table(40), Twice())


def test_a_split_without_test_rows_is_refused(fakes):
    class Empty:
        digest = "0"

        def fold_tables(self, table):
            yield "test", table, table.take(np.arange(0))

    with pytest.raises(SplitError, match="no test rows"):
        evaluate([Candidate("mean", fakes.mean)], fakes.table(40), Empty())
