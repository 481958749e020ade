import numpy as np
import pytest

from abag.data.splits import make_split
from abag.data.tables import Measurements
from abag.evaluation.evaluation import evaluate
from abag.evaluation.held_out import Candidate
from abag.evaluation.reporting.outputs import evaluation_content
from abag.evaluation.reporting.report import EvaluationSection, render_report
from abag.evaluation.reporting.risk_figure import risk_in_words
from abag.evaluation.scores.risk_coverage import fold_familiarity, risk_coverage
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.baselines.mean import Mean
from synthetic_domain import families_table, knows

ALL = np.ones(20, dtype=np.bool_)


def test_rows_of_which_neither_side_is_known_are_given_up_first() -> None:
    error = np.array([0.1] * 5 + [1.0] * 5 + [2.0] * 5 + [3.0] * 5)
    known = knows(
        [0.9] * 5 + [0.5] * 5 + [0.9] * 5 + [0.5] * 5, [0.9] * 10 + [0.1] * 10
    )  # a variant, known antigen, known antibody, neither known
    curve = risk_coverage(error, ALL, known, np.ones(20))
    assert curve is not None
    by_coverage = dict(zip(np.round(curve.coverage, 2), curve.rmse, strict=True))
    assert by_coverage[1.0] == pytest.approx(np.sqrt((0.01 + 1 + 4 + 9) / 4))
    assert by_coverage[0.75] == pytest.approx(np.sqrt((0.01 + 1 + 4) / 3))
    assert by_coverage[0.5] == pytest.approx(np.sqrt((0.01 + 1) / 2))
    assert by_coverage[0.25] == pytest.approx(0.1)
    assert curve.area == pytest.approx(curve.area_of_oracle)
    assert [one.rmse for one in curve.verdicts] == pytest.approx([0.1, 1.0, 2.0, 3.0])
    assert "The error falls as rows are given up." in risk_in_words(curve, "pKd")


def test_within_a_verdict_the_model_says_which_it_is_least_sure_of() -> None:
    error = np.linspace(0.1, 2.0, 20)
    known = knows([0.9] * 20, [0.9] * 20)
    curve = risk_coverage(error, ALL, known, error)
    backwards = risk_coverage(error, ALL, known, -error + 3.0)
    assert curve is not None
    assert backwards is not None
    assert curve.area == pytest.approx(curve.area_of_oracle)
    assert backwards.area > curve.area_of_chance
    assert "does not lower the error" in risk_in_words(backwards, "pKd")


def test_without_a_spread_nearness_decides() -> None:
    error = np.linspace(2.0, 0.1, 20)
    known = knows(np.linspace(0.8, 1.0, 20).tolist(), [0.9] * 20)
    curve = risk_coverage(error, ALL, known, np.ones(20))
    assert curve is not None
    assert curve.area == pytest.approx(curve.area_of_oracle)


def test_censored_rows_take_no_part_and_few_rows_give_no_curve() -> None:
    exact = np.arange(20) < 9
    known = knows([0.9] * 20, [0.9] * 20)
    assert risk_coverage(np.full(20, np.nan), exact, known, np.ones(20)) is None
    error = np.where(np.arange(20) < 12, 1.0, np.nan)
    curve = risk_coverage(error, np.arange(20) < 12, known, np.ones(20))
    assert curve is not None
    assert curve.rows == 12
    assert set(curve.rmse) == {1.0}


def test_a_very_large_fold_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Measurements.of(families_table(30))
    train, test = table.take(np.arange(20)), table.take(np.arange(20, 30))
    assert fold_familiarity(train, test, "pkd") is not None
    monkeypatch.setattr("abag.evaluation.scores.risk_coverage.MOST_COMPARISONS", 10)
    assert fold_familiarity(train, test, "pkd") is None


def test_metrics_and_report_hold_the_curve() -> None:
    table = families_table(80)
    split = make_split(table, "random", folds=4)
    done = evaluate(
        [Candidate("ours", KmerRidge), Candidate("mean", Mean, baseline=True)],
        table, split, resamples=100,
    )  # fmt: skip
    content = evaluation_content(done)["models"]["ours"]["risk_coverage"]
    assert content["coverage"][0] == 1.0
    pooled = np.sqrt(np.mean((done.held_out.predictions["ours"] - done.labels.value) ** 2))
    assert content["rmse"][0] == pytest.approx(pooled)
    page = render_report([EvaluationSection(done)], "title")
    assert "Abstaining" in page
    assert "share of the rows that is answered" in page
