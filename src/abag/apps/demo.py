"""The demonstration: from measurements to a report that can be believed and predictions.

With the published SAAINT-DB at hand it runs on all of it; without, on the package's own small
table of well-known antibodies, which shows the way and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.build import Build, build_table, import_table, load_table
from abag.data.canonical import canonicalise
from abag.data.faults import find_faults
from abag.data.formats import read_measurements
from abag.data.merging import merge_replicates
from abag.data.splits import make_split
from abag.errors import counted
from abag.evaluation.from_files import evaluate_files
from abag.evaluation.saaint import SOURCE, benchmark_saaint
from abag.evaluation.wording import summarise
from abag.files import require_folder, require_folder_name, write_parquet
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
    full: bool
    """Whether it ran on SAAINT-DB rather than on the package's own small table."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "table": str(self.table),
            "report": str(self.report),
            "model": str(self.model),
            "headline": self.headline,
            "full": self.full,
            "predictions": self.predictions.predictions.drop("row")
            .with_columns(measured_pkd=pl.Series(self.measured, dtype=pl.Float64))
            .to_dicts(),
        }


def run_demo(out: Path, sources: Path | None, say: Say) -> Demo:
    """Run every step into the folder ``out`` and tell each one through ``say``."""
    if sources is not None:
        require_folder(sources)
    require_folder_name(out)
    full = sources is not None and (sources / SOURCE).is_dir()
    say(
        "Measurements: SAAINT-DB, affinities of crystallised complexes."
        if full
        else "The published tables are not here (ABAG_DATA_SOURCES): using the package's own small "
        "table of well-known antibodies. It shows the way; its figures mean nothing."
    )
    with as_file(files("abag") / "resources" / "examples" / WELL_KNOWN) as examples:
        raw = read_measurements(examples)
        measured = canonicalise(raw, "user", "own-data").table["pkd"].to_list()
        if full and sources is not None:
            built = build_table(sources, out / "saaint_db.parquet", names=[SOURCE])
        else:
            built = import_table(raw, [examples], out / "well_known.parquet")
        table = _merged(built, out, say)
        if full and sources is not None:
            report, headline = _benchmark(sources, out, say)
        else:
            report, headline = _small_evaluation(table, out, say)
        model = out / "model"
        fitted = fit_model(MODEL, TrainingRows(table), model, overwrite=True)
        say(f"Fitted {fitted.model_id} on all {counted(fitted.training.rows_used, 'row')}.")
        predicted = predict_file(model, examples, out / "predictions.csv")
    return Demo(table, report, model, predicted, tuple(measured), headline, full)


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
    write_parquet(path, merged.table)
    left = counted(merged.summary.rows_out, "distinct measurement")
    say(f"Merged replicates and copies: {left}.")
    return path


def _benchmark(sources: Path, out: Path, say: Say) -> tuple[Path, str]:
    say("Cross-validating under three splits: random, structures disjoint, antigens disjoint.")
    done = benchmark_saaint(sources, out / "evaluation", models=[MODEL], resamples=500)
    for one in done.evaluations:
        pooled = one.model(MODEL).pooled["pearson"].score.value
        figure = "undefined" if pooled is None else f"{pooled:.3f}"
        say(f"  {one.name:<28} pooled Pearson {figure}")
    last = done.evaluations[-1]
    return done.files.report, f"With {last.name}. {summarise(last).headline}."


def _small_evaluation(table: Path, out: Path, say: Say) -> tuple[Path, str]:
    say("Cross-validating with antigens disjoint.")
    split = out / "split.parquet"
    make_split(load_table(table), "antigen-cluster", folds=5).save(split)
    run = evaluate_files(table, split, [MODEL], out / "evaluation", resamples=200)
    return (
        run.files.report,
        f"With antigen clusters disjoint. {summarise(run.evaluation).headline}.",
    )
