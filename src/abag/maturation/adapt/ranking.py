"""Rank correlation and its uncertainty, for judging small assays."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.evaluation.scores.kernels import weighted_ranks

Reals = NDArray[np.float64]

_MOST_NUMBERS: Final = 1_000_000
"""Weights that are held at a time, resamples times rows: 8 MB, and a few times that beside."""


def spearman(true: Reals, pred: Reals) -> float | None:
    """Spearman's correlation; None where it is undefined (fewer than 3 rows, or no spread)."""
    if len(true) < 3:
        return None
    (value,) = _weighted_spearman(np.ones((1, len(true))), true, pred)
    return None if np.isnan(value) else float(value)


def spearman_interval(
    true: Reals,
    pred: Reals,
    seed: int = 0,
    resamples: int = 1000,
    variants: NDArray[np.int64] | None = None,
) -> tuple[float, float] | None:
    """95 % bootstrap interval; None where the correlation is undefined.

    Whole variants are drawn: ``variants`` names that of each row (each its own where it is None).
    """
    if spearman(true, pred) is None:
        return None
    names = np.arange(len(true)) if variants is None else variants
    _, variant = np.unique(names, return_inverse=True)
    size = int(variant.max()) + 1
    generator, together = np.random.default_rng(seed), max(1, _MOST_NUMBERS // len(true))
    parts = []
    for start in range(0, resamples, together):
        count = min(together, resamples - start)
        draws = generator.integers(size, size=(count, size)) + size * np.arange(count)[:, None]
        times = np.bincount(draws.ravel(), minlength=count * size).reshape(count, size)
        parts.append(_weighted_spearman(times[:, variant].astype(np.float64), true, pred))
    correlations = np.concatenate(parts)
    low, high = np.quantile(correlations[~np.isnan(correlations)], [0.025, 0.975])
    return float(low), float(high)


def _weighted_spearman(weights: Reals, true: Reals, pred: Reals) -> Reals:
    """Spearman's correlation when row i occurs ``weights[:, i]`` times; NaN where undefined.

    Ranks are halves, so sums of their products are exact in any order.
    """
    total = weights.sum(axis=1)
    x, y = (weighted_ranks(values, weights) - (total[:, None] + 1) / 2 for values in (true, pred))
    occurs = weights > 0
    low, high = np.where(occurs, pred, np.inf).min(1), np.where(occurs, pred, -np.inf).max(1)
    size = np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    scale = 1.0 / np.maximum(total - 1, 1)
    xx, yy, xy = ((weights * a * b).sum(axis=1) * scale for a, b in ((x, x), (y, y), (x, y)))
    undefined = (total < 3) | (xx == 0) | (high - low <= 1e-12 * size)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations: Reals = np.clip(xy / np.sqrt(xx) / np.sqrt(yy), -1.0, 1.0)
    correlations[undefined] = np.nan
    return correlations
