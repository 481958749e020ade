"""Coverage and width of intervals on rows that neither model nor calibration has seen.

    python benchmarks/interval_coverage.py TABLE.parquet [--model kmer-ridge] [--folds 10] \
        [--inner 5] [--splits random complex antigen-cluster] [--set trees=100]

Nested: for each fold of each outer split the model is fitted and calibrated (on inner folds) on
the training rows alone, and then meets the test rows. Prints one line a split and verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from abag.data.build import load_table
from abag.data.similarity import antigen_clusters
from abag.data.splits import make_split
from abag.data.tables import Measurements
from abag.model.protocol import sound_answer, split_assignments
from abag.uncertainty.calibration import DEFAULT_LEVEL
from abag.uncertainty.coverage import Reaches, figures_of
from abag.uncertainty.domain import Verdict
from abag.uncertainty.out_of_fold import labelled_rows
from abag.uncertainty.served import calibrated

OUTER = ("random", "complex", "antigen-cluster")


def nested(
    table: Measurements,
    model: str,
    strategy: str,
    folds: int,
    inner: int,
    settings: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Test rows of all outer folds, and how far their intervals reach."""
    labels = antigen_clusters(table["antigen"].to_list())
    split = make_split(table, strategy, folds=folds, seed=0, antigen_labels=labels)
    parts = []
    for _, train, test in split.fold_tables(table):
        served = calibrated(model, train, settings, folds=inner, seed=1)
        assert served.calibration is not None
        assert served.domain is not None
        predicted, scale = sound_answer(served.model, test)[:2]
        known = served.domain.familiarity(test)
        reaches = served.calibration.reaches(known, scale, DEFAULT_LEVEL)
        parts.append(
            test.select(
                lower=pl.coalesce("pkd", "pkd_lower", pl.lit(-np.inf)),
                upper=pl.coalesce("pkd", "pkd_upper", pl.lit(np.inf)),
                cluster=pl.col("antigen").list.join("/").replace_strict(labels),
                train_mean=pl.lit(train["pkd"].mean()),
            ).with_columns(
                pl.Series("prediction", predicted),
                pl.Series("verdict", [verdict.value for verdict in known.verdicts]),
                pl.Series("below", reaches.below),
                pl.Series("above", reaches.above),
            )
        )
    return pl.concat(parts)


def main() -> None:
    """Print the figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--model", default="kmer-ridge")
    arguments.add_argument("--folds", type=int, default=10)
    arguments.add_argument("--inner", type=int, default=5)
    arguments.add_argument("--splits", nargs="+", default=OUTER)
    arguments.add_argument("--set", nargs="*", default=[], help="settings, as trees=100")
    options = arguments.parse_args()
    settings = split_assignments(options.set)
    table = labelled_rows(load_table(options.table))
    print("| split | verdict | rows | clusters | RMSE | 90 % cover | by cluster | width |")
    print("|---|---|---|---|---|---|---|---|")
    for strategy in options.splits:
        rows = nested(table, options.model, strategy, options.folds, options.inner, settings)
        for verdict in [*Verdict, None]:
            part = rows if verdict is None else rows.filter(pl.col("verdict") == verdict.value)
            if part.is_empty():
                continue
            figures = figures_of(
                part, Reaches(part["below"].to_numpy(), part["above"].to_numpy()), DEFAULT_LEVEL
            )
            width = "-" if figures.width is None else f"{figures.width:.1f}"
            print(
                f"| {strategy} | {verdict or 'all'} | {figures.rows} | {figures.clusters} "
                f"| {figures.rmse:.2f} | {figures.coverage:.1%} "
                f"| {figures.coverage_of_clusters:.1%} | {width} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
