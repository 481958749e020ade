import json
from typing import Any

import pytest

from abag.training.engine.checkpoint import remembered_by
from abag.training.monitors import Monitor, distinct_share
from abag.training.recipe import MonitorConfig


def row(epoch: int, **changed: Any) -> dict[str, Any]:
    healthy = {
        "epoch": epoch,
        "train_loss": 1.0,
        "val_loss": 1.2,
        "prediction_sd": 1.0,
        "label_sd": 1.2,
        "distinct_share": 1.0,
        "recall_strong": 0.6,
    }
    return {**healthy, **changed}


def test_a_healthy_run_is_stable_and_silent() -> None:
    monitor = Monitor(MonitorConfig())
    assert [monitor.epoch(row(e)) for e in range(1, 8)] == [[]] * 7
    verdict = monitor.verdict()
    assert (verdict.status, verdict.reasons) == ("stable", ())
    assert verdict.recall_sd == 0.0


def test_nine_values_for_thousands_of_pairs_are_named() -> None:
    # The predecessor's test predictions: 23,961 rows, nine values.
    monitor = Monitor(MonitorConfig())
    (warning,) = monitor.epoch(row(5, distinct_share=9 / 23961))
    assert "different pairs get the same prediction" in warning
    assert monitor.verdict().status == "unstable"


def test_a_collapse_is_warned_of_once_until_it_passes() -> None:
    monitor = Monitor(MonitorConfig())
    assert monitor.epoch(row(1, prediction_sd=0.01)) == []  # every network starts so
    for epoch in (2, 3):
        monitor.epoch(row(epoch))
    assert "collapsed" in monitor.epoch(row(4, prediction_sd=0.01))[0]
    assert monitor.epoch(row(5, prediction_sd=0.01)) == []
    assert monitor.epoch(row(6)) == []
    assert "collapsed" in monitor.epoch(row(7, prediction_sd=0.01))[0]


def test_the_verdict_is_on_the_epoch_whose_weights_are_kept() -> None:
    monitor = Monitor(MonitorConfig())
    for epoch in range(1, 6):
        monitor.epoch(row(epoch))
    monitor.epoch(row(6, val_loss=9.0, train_loss=0.1))
    assert monitor.verdict(kept_epoch=5).status == "stable"
    assert "overfit" in monitor.verdict(kept_epoch=6).reasons[0]


def test_swinging_recall_makes_a_run_unstable_with_its_sd_by_hand() -> None:
    # v2.6 swung between 18 % and 100 %: sd of equal halves is (1.00 - 0.18) / 2 = 0.41.
    monitor = Monitor(MonitorConfig())
    for epoch in range(1, 11):
        monitor.epoch(row(epoch, recall_strong=1.0 if epoch % 2 else 0.18))
    verdict = monitor.verdict()
    assert verdict.recall_sd == pytest.approx(0.41)
    assert verdict.largest_recall_jump == pytest.approx(0.82)
    assert "swings" in verdict.reasons[0]


def test_a_negative_likelihood_gives_no_overfit_ratio() -> None:
    monitor = Monitor(MonitorConfig())
    assert monitor.epoch(row(4, train_loss=-1.0, val_loss=2.0)) == []


def test_figures_that_are_not_there_are_not_judged() -> None:
    monitor = Monitor(MonitorConfig())
    nothing = dict.fromkeys(row(1), None)
    assert monitor.epoch({**nothing, "epoch": 5}) == []
    assert monitor.verdict().recall_sd is None


def test_a_restored_monitor_goes_on_where_it_was() -> None:
    first = Monitor(MonitorConfig())
    for epoch in range(1, 5):
        first.epoch(row(epoch, prediction_sd=0.01))
    second = Monitor(MonitorConfig())
    vars(second).update(json.loads(json.dumps(remembered_by(first))))
    assert second.epoch(row(5, prediction_sd=0.01)) == []
    assert second.verdict() == first.verdict()


def test_no_epoch_is_no_stable_run() -> None:
    assert Monitor(MonitorConfig()).verdict().status == "unstable"


def test_distinct_share_counts_values_over_inputs() -> None:
    assert distinct_share({"a": 1.0, "b": 1.0, "c": 2.0, "d": 1.0 + 1e-9}) == 0.5
    with pytest.raises(ValueError, match="no predictions"):
        distinct_share({})
