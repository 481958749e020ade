"""The SAAINT-DB benchmark: one table, three splits, side by side.

A random split, one with structures disjoint and one with antigen clusters disjoint ask three
different questions of the same rows. Their figures are only honest together
(docs/measured/saaint.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.data.leaks.leakage import audit
from abag.data.merging import merge_replicates
from abag.data.similarity import antigen_clusters, cdr_sets
from abag.data.splits import make_split
from abag.data.splits.assignment import part_targets
from abag.data.tables import Measurements
from abag.errors import OptionError
from abag.evaluation.evaluation import Evaluation, evaluate
from abag.evaluation.from_files import BASELINES, audit_png, named_candidate
from abag.evaluation.reporting.outputs import NAMES, EvaluationFiles, put_evaluation
from abag.evaluation.reporting.report import EvaluationSection
from abag.evaluation.scores.intervals import require_resamples
from abag.files import new_result, require_own, write_parquet
from abag_lab.sources.build import source_table

SOURCE: Final = "saaint_db"
ROWS: Final = ("deduplicated", "published")
SPLITS: Final[dict[str, tuple[str, str]]] = {
    "random": (
        "random rows",
        "Random rows: most test antibodies and antigens also stand in the training rows. The "
        "figure shows how well repeats are remembered.",
    ),
    "complex": (
        "structures disjoint",
        "No structure stands on both sides: copies of one complex are kept together, but sibling "
        "antibodies and the same antigens are not.",
    ),
    "antigen-cluster": (
        "antigen clusters disjoint",
        "No test antigen is similar to a training antigen. This is the question of a user with a "
        "new target, and the figure to lead with.",
    ),
}
"""Strategy -> name in the report, and what it asks."""
MODELS: Final = ("pairs", "kmer-ridge")
"""Compared where no model is named; the first leads the report."""
TABLE: Final = "table.parquet"
SPLIT: Final = "split-{}.parquet"
FILES: Final = (*NAMES, TABLE, *(SPLIT.format(strategy) for strategy in SPLITS))
_TITLE: Final = "a benchmark on SAAINT-DB"


@dataclass(frozen=True, slots=True)
class SaaintBenchmark:
    """The evaluation of each split, and the files that were written."""

    rows: str
    distinct: int
    evaluations: tuple[Evaluation, ...]
    files: EvaluationFiles

    def as_json(self) -> dict[str, Any]:
        """Pooled figures with intervals by split and model, for ``--json``."""
        return {
            "rows": self.rows,
            "distinct_pairs": self.distinct,
            "splits": {evaluation.name: _figures(evaluation) for evaluation in self.evaluations},
            "report": str(self.files.report),
            "metrics": str(self.files.metrics),
            "predictions": str(self.files.predictions),
        }


def saaint_table(sources: Path, rows: str = "deduplicated") -> Measurements:
    """Canonical SAAINT-DB rows with a pKd and an antigen.

    ``deduplicated`` merges the rows of one (heavy, light, antigen) triple: symmetry copies count
    once, replicates become their median. ``published`` keeps every row.
    """
    if rows not in ROWS:
        raise OptionError(f"unknown rows {rows!r}; known are {', '.join(ROWS)}")
    table = source_table(sources, SOURCE)
    table = table.filter(pl.col("pkd").is_not_null() & (pl.col("antigen").list.len() > 0))
    measurements = Measurements.canonical(table)
    return merge_replicates(measurements).table if rows == "deduplicated" else measurements


def benchmark_saaint(
    sources: Path,
    out: Path,
    *,
    models: Sequence[str] = MODELS,
    rows: str = "deduplicated",
    folds: int = 10,
    seed: int = 0,
    resamples: int = 1000,
    overwrite: bool = False,
) -> SaaintBenchmark:
    """Cross-validate models under the three splits and write the report of all of them.

    Args:
        sources: Folder with the folder ``saaint_db``.
        out: Folder for metrics.json, test_predictions.csv, report.html, the table and the splits.
        models: Registered models; the first leads the report. Baselines are always beside.
        rows: ``deduplicated`` or ``published``.
        folds: Folds of each split.
        seed: Seed of splits, models and bootstrap.
        resamples: Bootstrap resamples of antigen clusters.
        overwrite: Replace an earlier benchmark in ``out``.

    Raises:
        OptionError: ``out`` holds other files, or an earlier benchmark.
    """
    require_resamples(resamples)
    require_own(out, FILES, _TITLE, overwrite=overwrite)
    candidates = [
        named_candidate(name, {"seed": seed}, baseline=name not in models)
        for name in (*models, *(name for name in BASELINES if name not in models))
    ]
    part_targets(folds, folds)
    table = saaint_table(sources, rows)
    antigens = antigen_clusters(table["antigen"].to_list())
    cdrs = cdr_sets(table)
    sections, splits = [], {}
    for strategy, (name, note) in SPLITS.items():
        split = make_split(table, strategy, folds=folds, seed=seed, antigen_labels=antigens)
        splits[strategy] = split
        audited = audit(table, split, seed=seed, cdrs=cdrs)
        evaluation = evaluate(
            candidates,
            table,
            split,
            name=name,
            antigen_keys=[antigens["/".join(chains)] for chains in table["antigen"]],
            split_facts={"strategy": strategy, "seed": seed, **split.parameters},
            audit=audited.as_json(),
            resamples=resamples,
            seed=seed,
        )
        sections.append(EvaluationSection(evaluation, note, audit_png(audited)))
    with new_result(out, FILES, _TITLE, overwrite=overwrite) as folder:
        write_parquet(folder / TABLE, table.frame)
        for strategy, split in splits.items():
            split.save(folder / SPLIT.format(strategy))
        put_evaluation(sections, folder, f"SAAINT-DB, {rows} rows: three splits side by side")
    evaluations = tuple(section.evaluation for section in sections)
    return SaaintBenchmark(rows, table.height, evaluations, EvaluationFiles.of(out))


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    level = evaluation.leading
    return {
        model.name: {
            **{
                key: {
                    "value": model.pooled[key].score.value,
                    "interval": _interval(model.pooled[key].interval),
                }
                for key in ("pearson", "spearman", "rmse")
            },
            f"spearman_inside_{level}": model.levels[level].summary["spearman"].mean,
        }
        for model in evaluation.models
    }


def _interval(interval: Any) -> list[float] | None:
    if interval is None or interval.low is None:
        return None
    return [interval.low, interval.high]
