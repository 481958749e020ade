"""Pearson, RMSE and bias of models on parts of the rows, and how far they are from kmer-ridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Reals = NDArray[np.float64]

REFERENCE: Final = "kmer-ridge"
_RESAMPLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class PartScore:
    """One model on one part."""

    model: str
    part: str
    rows: int
    clusters: int
    pearson: float
    rmse: float
    bias: float
    rmse_beyond_reference: tuple[float, float] | None = None
    """95 % of the model's RMSE minus that of kmer-ridge, antigen clusters resampled; None of
    kmer-ridge itself."""


def part_scores(
    part: str, rows: pl.DataFrame, models: Sequence[str], seed: int = 0
) -> list[PartScore]:
    """Scores of each model's column on ``rows`` (``measured``, ``cluster`` and the models)."""
    truth = rows["measured"].to_numpy()
    cluster = np.unique(rows["cluster"].to_numpy(), return_inverse=True)[1]
    errors = {model: rows[model].to_numpy() - truth for model in models}
    draws = np.random.default_rng(seed).multinomial(
        int(cluster.max()) + 1, np.full(int(cluster.max()) + 1, 1 / (cluster.max() + 1)), _RESAMPLES
    )
    counts = draws @ _by_cluster(np.ones(len(truth)), cluster)
    resampled = {
        model: np.sqrt(draws @ _by_cluster(error**2, cluster) / np.maximum(counts, 1))
        for model, error in errors.items()
    }
    scores = []
    for model, error in errors.items():
        ends = None
        if model != REFERENCE and REFERENCE in errors:
            low, high = np.quantile(resampled[model] - resampled[REFERENCE], [0.025, 0.975])
            ends = (float(low), float(high))
        scores.append(
            PartScore(
                model,
                part,
                rows.height,
                int(cluster.max()) + 1,
                _pearson(error + truth, truth),
                float(np.sqrt(np.mean(error**2))),
                float(error.mean()),
                ends,
            )
        )
    return scores


def _by_cluster(values: Reals, cluster: NDArray[np.int64]) -> Reals:
    return np.asarray(np.bincount(cluster, weights=values), dtype=np.float64)


def _pearson(predicted: Reals, measured: Reals) -> float:
    if np.ptp(predicted) < 1e-9 or np.ptp(measured) == 0:
        return 0.0
    return float(np.corrcoef(predicted, measured)[0, 1])
