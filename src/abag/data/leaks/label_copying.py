"""The simplest check of a split: predict a test row by copying its nearest training label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

PERMUTATIONS: Final = 20
FEWEST_ROWS: Final = 10
CONFLICT: Final = 0.5
"""Copies of one pair whose labels differ by more than this (pKd) conflict."""


@dataclass(frozen=True, slots=True)
class Copying:
    """Rank correlations of copied labels, and of copies of shuffled labels."""

    rows: int
    """Test rows with a label and a labelled neighbour."""
    spearman: float | None
    """Rank correlation of copied and true labels; None under ten rows or without variation."""
    permuted_mean: float | None
    """Mean of the same over :data:`PERMUTATIONS` shuffles of the training labels."""
    permuted_highest: float | None
    copies: int
    """Rows whose neighbour is the same antibody with the same antigen."""
    copies_in_conflict: int
    """Such rows whose label differs by more than :data:`CONFLICT` from the copied one."""


def labels_of(table: pl.DataFrame) -> pl.DataFrame:
    """Add ``label`` and ``label_is_rank``: pKd where the table has any, else the rank score."""
    has_pkd = "pkd" in table.columns and table["pkd"].count() > 0
    name = "pkd" if has_pkd else "rank_score"
    label = pl.col(name) if name in table.columns else pl.lit(None)
    return table.with_columns(
        label.cast(pl.Float64).alias("label"), pl.lit(not has_pkd).alias("label_is_rank")
    )


def copied_labels(
    test: pl.DataFrame,
    train: pl.DataFrame,
    nearest: Sequence[NDArray[np.intp]],
    generator: np.random.Generator,
) -> pl.DataFrame:
    """True and copied label of each labelled test row, and copies of shuffled labels.

    Neighbours that tie are averaged. ``test`` and ``train`` need ``label`` and ``same_pair``.
    """
    labels = train["label"].to_numpy()
    labelled_rows = np.flatnonzero(np.isfinite(labels.astype(np.float64)))
    shuffled = np.tile(labels.astype(np.float64), (PERMUTATIONS, 1))
    for row in shuffled:
        row[labelled_rows] = generator.permutation(row[labelled_rows])
    train_pairs, test_pairs = train["same_pair"].to_list(), test["same_pair"].to_list()
    rows = []
    for i, truth in enumerate(test["label"].to_list()):
        labelled = (
            nearest[i][np.isin(nearest[i], labelled_rows)] if truth is not None else nearest[i][:0]
        )
        if not labelled.size:
            continue
        is_copy = test_pairs[i] is not None and all(
            train_pairs[j] == test_pairs[i] for j in labelled.tolist()
        )
        copied, permuted = float(labels[labelled].mean()), shuffled[:, labelled].mean(axis=1)
        rows.append((truth, copied, is_copy, permuted.tolist()))
    schema = {
        "truth": pl.Float64(),
        "copied": pl.Float64(),
        "is_copy": pl.Boolean(),
        "permuted": pl.List(pl.Float64()),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def spearman_of_copies(copied: pl.DataFrame) -> Copying:
    """Correlations and counts of the rows of :func:`copied_labels`."""
    truth = copied["truth"].to_numpy()
    permuted = np.array(copied["permuted"].to_list(), dtype=np.float64).reshape(-1, PERMUTATIONS)
    by_chance = [r for r in (_spearman(truth, column) for column in permuted.T) if r is not None]
    copies = copied.filter("is_copy")
    return Copying(
        rows=copied.height,
        spearman=_spearman(truth, copied["copied"].to_numpy()),
        permuted_mean=float(np.mean(by_chance)) if by_chance else None,
        permuted_highest=float(np.max(by_chance)) if by_chance else None,
        copies=copies.height,
        copies_in_conflict=copies.filter(
            (pl.col("truth") - pl.col("copied")).abs() > CONFLICT
        ).height,
    )


def _spearman(truth: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    if truth.size < FEWEST_ROWS or np.ptp(truth) == 0 or np.ptp(values) == 0:
        return None
    from scipy.stats import rankdata

    # As scipy.stats.spearmanr, whose p-value takes longer than all the rest.
    ranks = np.column_stack((rankdata(truth), rankdata(values)))
    return float(np.corrcoef(ranks, rowvar=False)[1, 0])
