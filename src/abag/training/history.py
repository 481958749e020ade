"""What a run leaves of its epochs: a table, a picture, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median_high
from typing import Any, Final

import polars as pl

from abag.files import replacing, write_csv, write_json
from abag.pictures import picture_file
from abag.training.engine.checkpoint import Progress
from abag.training.monitors import Monitor

COLUMNS: Final = (
    "epoch", "train_loss", "val_loss", "val_spearman", "val_pearson", "val_rmse", "recall_strong",
    "prediction_sd", "label_sd", "distinct_share", "share_in_range", "lr", "seconds",
    "rows_per_second",
)  # fmt: skip


def write_history(run: Path, history: Sequence[dict[str, Any]]) -> None:
    """Write ``training_history.csv``; an undefined figure is an empty cell."""
    schema = {name: pl.Int64() if name == "epoch" else pl.Float64() for name in COLUMNS}
    rows = [{name: row.get(name) for name in COLUMNS} for row in history]
    write_csv(run / "training_history.csv", pl.DataFrame(rows, schema=schema))


def summary_of(progress: Progress, monitor: Monitor) -> dict[str, Any]:
    """Key figures of a run over its epochs, and whether it was stable."""
    history = progress.history
    spearman = _best(history, "val_spearman")
    status = monitor.verdict(progress.best_epoch or None)
    rates = [row["rows_per_second"] for row in history]
    return {
        "total_epochs": len(history),
        "total_steps": progress.step,
        "kept_epoch": progress.best_epoch,
        "best_spearman": spearman["val_spearman"] if spearman else None,
        "best_spearman_epoch": spearman["epoch"] if spearman else None,
        "best_recall": (_best(history, "recall_strong") or {}).get("recall_strong"),
        "lowest_loss": (_best(history, "val_loss", highest=False) or {}).get("val_loss"),
        "current_learning_rate": history[-1]["lr"] if history else None,
        "seconds": sum(row["seconds"] for row in history),
        "rows_per_second": median_high(rates) if rates else None,
        "ended": progress.ended,
        **status.as_json(),
    }


def write_summary(run: Path, progress: Progress, monitor: Monitor) -> dict[str, Any]:
    """Write ``training_summary.json``."""
    content = summary_of(progress, monitor)
    write_json(run / "training_summary.json", content)
    return content


@picture_file
def draw_history(run: Path, history: Sequence[dict[str, Any]], best_epoch: int, title: str) -> None:
    """Draw ``training_history.png``: losses, correlations, recall and spread over the epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=110, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = (
        ("loss", (("train_loss", "training"), ("val_loss", "validation"))),
        ("correlation", (("val_spearman", "Spearman"), ("val_pearson", "Pearson"))),
        ("share", (("recall_strong", "recall of strong binders"),
                   ("distinct_share", "distinct predictions"),
                   ("share_in_range", "inside [4, 14]"))),
        ("pKd", (("val_rmse", "RMSE"), ("prediction_sd", "sd of predictions"),
                 ("label_sd", "sd of labels"))),
    )  # fmt: skip
    epochs = [row["epoch"] for row in history]
    for axes, (label, lines) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for (key, name), colour in zip(lines, COLOURS, strict=False):
            values = [float("nan") if row.get(key) is None else row[key] for row in history]
            axes.plot(epochs, values, label=name, color=colour, lw=1.4, marker="o", ms=2.5)
        if best_epoch:
            axes.axvline(best_epoch, color="#999999", lw=0.9, ls=":")
        axes.set(xlabel="epoch (dotted: kept)", ylabel=label)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    with replacing(run / "training_history.png") as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


COLOURS: Final = ("#0072B2", "#D55E00", "#009E73")
"""Of Okabe and Ito (2008), which colour-blind readers can tell apart."""


def _best(
    history: Sequence[dict[str, Any]], key: str, highest: bool = True
) -> dict[str, Any] | None:
    known = [row for row in history if row.get(key) is not None]
    if not known:
        return None
    return max(known, key=lambda row: row[key] if highest else -row[key])
