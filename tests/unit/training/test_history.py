"""What a run leaves of its epochs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch")

from abag.training.engine.checkpoint import Progress
from abag.training.history import COLUMNS, draw_history, summary_of, write_history
from abag.training.monitors import Monitor
from abag.training.recipe import MonitorConfig

ROWS = [
    {"epoch": epoch, "train_loss": 1.0 / epoch, "val_loss": loss, "val_spearman": spearman,
     "val_pearson": 0.1, "val_rmse": 1.0, "recall_strong": recall, "prediction_sd": 1.0,
     "label_sd": 1.0, "distinct_share": 1.0, "share_in_range": 1.0, "lr": 0.1 / epoch,
     "seconds": 2.0, "rows_per_second": 10.0 * epoch}
    for epoch, loss, spearman, recall in (
        (1, 0.9, None, 0.2), (2, 0.7, 0.4, 0.9), (3, 0.8, 0.3, 0.1),
    )
]  # fmt: skip


def test_a_summary_names_the_best_epochs_and_the_swings_of_recall() -> None:
    monitor = Monitor(MonitorConfig())
    for row in ROWS:
        monitor.epoch(row)
    summary = summary_of(Progress(step=30, history=ROWS, best_epoch=2, ended="done"), monitor)
    assert summary["total_epochs"] == 3
    assert (summary["best_spearman"], summary["best_spearman_epoch"]) == (0.4, 2)
    assert summary["best_recall"] == 0.9
    assert summary["lowest_loss"] == 0.7
    assert summary["current_learning_rate"] == pytest.approx(0.1 / 3)
    assert summary["largest_recall_jump"] == pytest.approx(0.8)
    # Population sd of 0.2, 0.9 and 0.1.
    assert summary["recall_sd"] == pytest.approx((0.38 / 3) ** 0.5)
    assert summary["status"] == "unstable"
    assert "recall of strong binders swings" in summary["reasons"][0]
    assert summary["seconds"] == 6.0


def test_a_run_without_an_epoch_has_a_summary_too() -> None:
    summary = summary_of(Progress(), Monitor(MonitorConfig()))
    assert summary["best_spearman"] is None
    assert summary["reasons"] == ["no epoch was finished"]


def test_an_undefined_figure_is_an_empty_cell(tmp_path: Path) -> None:
    write_history(tmp_path, ROWS)
    table = pl.read_csv(tmp_path / "training_history.csv")
    assert table.columns == list(COLUMNS)
    assert table["val_spearman"].to_list() == [None, 0.4, 0.3]
    draw_history(tmp_path, ROWS, 2, "title")
    assert (tmp_path / "training_history.png").read_bytes().startswith(b"\x89PNG")
