"""The demonstration: from measurements to a report and predictions.

It runs on the package's own small table of well-known antibodies: it shows the way, and its figures
prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.build import Build, import_table, load_table
from abag.data.canonical import canonicalise
from abag.data.faults import find_faults
from abag.data.formats import read_measurements
from abag.data.merging import merge_replicates
from abag.data.splits import make_split
from abag.errors import counted
from abag.evaluation.from_files import evaluate_files
from abag.evaluation.reporting.wording import summarise
from abag.files import require_folder_name, write_parquet
from abag.inference.tables import PredictedFile, predict_file
from abag.model.fitting import TrainingRows, fit_model

Say = Callable[[str], None]
MODEL: Final = "kmer-ridge"
WELL_KNOWN: Final = "well_known.csv"


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the outputs of the demonstration lie, and its sentences."""

    table: Path
    report: Path
    model: Path
    predictions: PredictedFile
    measured: tuple[float | None, ...]
    """Measured pKd of each predicted pair."""
    headline: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "table": str(self.table),
            "report": str(self.report),
            "model": str(self.model),
            "headline": self.headline,
            "predictions": self.predictions.predictions.drop("row")
            .with_columns(measured_pkd=pl.Series(self.measured, dtype=pl.Float64))
            .to_dicts(),
        }


def run_demo(out: Path, say: Say) -> Demo:
    """Run every step into the folder ``out`` and tell each one through ``say``."""
    require_folder_name(out)
    say("Measurements: the package's own table of well-known antibodies. It shows the way.")
    with as_file(files("abag") / "resources" / "examples" / WELL_KNOWN) as examples:
        raw = read_measurements(examples)
        measured = canonicalise(raw, "user", "own-data").table["pkd"].to_list()
        built = import_table(raw, [examples], out / "well_known.parquet")
        table = _merged(built, out, say)
        report, headline = _small_evaluation(table, out, say)
        model = out / "model"
        fitted = fit_model(MODEL, TrainingRows(table), model, overwrite=True)
        say(f"Fitted {fitted.model_id} on all {counted(fitted.training.rows_used, 'row')}.")
        predicted = predict_file(model, examples, out / "predictions.csv")
    return Demo(table, report, model, predicted, tuple(measured), headline)


def _merged(built: Build, out: Path, say: Say) -> Path:
    (summary,) = built.summaries
    say(
        f"Canonical table: rows in {summary.rows_in} = kept {summary.kept} + quarantined "
        f"{summary.quarantined} (each with its reason)."
    )
    rows = load_table(built.table)
    faults = find_faults(rows)
    for fault in faults[:5]:
        say(f"  found: {fault.message}")
    merged = merge_replicates(rows)
    path = out / f"{built.table.stem}.merged.parquet"
    write_parquet(path, merged.table.frame)
    left = counted(merged.summary.rows_out, "distinct measurement")
    say(f"Merged replicates and copies: {left}.")
    return path


def _small_evaluation(table: Path, out: Path, say: Say) -> tuple[Path, str]:
    say("Cross-validating with antigens disjoint.")
    split = out / "split.parquet"
    make_split(load_table(table), "antigen-cluster", folds=5).save(split)
    run = evaluate_files(table, split, [MODEL], out / "evaluation", resamples=200, overwrite=True)
    return (
        run.files.report,
        f"With antigen clusters disjoint. {summarise(run.evaluation).headline}.",
    )
