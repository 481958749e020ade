"""Rank correlation and its uncertainty, for judging small assays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def spearman(true: Reals, pred: Reals) -> float | None:
    """Spearman's correlation; None where it is undefined (fewer than 3 rows, or no spread)."""
    from scipy.stats import rankdata

    if len(true) < 3 or np.ptp(true) == 0 or np.ptp(pred) <= 1e-12 * max(1.0, np.abs(pred).max()):
        return None
    return float(np.corrcoef(rankdata(true), rankdata(pred))[0, 1])


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
    own = np.arange(len(true)) if variants is None else variants
    order = np.argsort(own, kind="stable")
    _, starts, counts = np.unique(own[order], return_index=True, return_counts=True)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        drawn = rng.integers(len(starts), size=len(starts))
        sizes = counts[drawn]
        inner = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = order[np.repeat(starts[drawn], sizes) + inner]
        value = spearman(true[rows], pred[rows])
        if value is not None:
            found.append(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
