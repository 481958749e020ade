"""Metrics under row weights, for many weightings at once.

Every kernel takes true values (n), predictions (n) and weights (b, n) and gives b values; NaN
marks an undefined one. A weight counts how often a row occurs, so a bootstrap resample is one
line of weights and the plain metric is a line of ones. Rows with equal values share the mean of
their ranks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Kernel = Callable[[Array, Array, Array], Array]

_FLAT = 1e-12
"""Variance below this share of the squared size counts as none: rounding, not signal."""


def pearson(true: Array, pred: Array, weights: Array) -> Array:
    """Product-moment correlation."""
    return _correlation(_standard(true), _standard(pred), weights)


def spearman(true: Array, pred: Array, weights: Array) -> Array:
    """Product-moment correlation of the ranks within each resample."""
    return _correlation(weighted_ranks(true, weights), weighted_ranks(pred, weights), weights)


def rmse(true: Array, pred: Array, weights: Array) -> Array:
    """Root of the mean squared error."""
    root: Array = np.sqrt(_ratio(weights @ (pred - true) ** 2, weights.sum(axis=1)))
    return root


def mae(true: Array, pred: Array, weights: Array) -> Array:
    """Mean absolute error."""
    return _ratio(weights @ np.abs(pred - true), weights.sum(axis=1))


def bias(true: Array, pred: Array, weights: Array) -> Array:
    """Mean of prediction minus true value."""
    return _ratio(weights @ (pred - true), weights.sum(axis=1))


def r_squared(true: Array, pred: Array, weights: Array) -> Array:
    """One minus squared error over squared distance from the mean of the same rows."""
    centred = true - true.mean()
    total = weights.sum(axis=1)
    mean = _ratio(weights @ centred, total)
    spread = weights @ centred**2 - total * mean**2
    spread[spread <= _FLAT * total * max(float(np.max(centred**2)), _FLAT)] = np.nan
    explained: Array = 1.0 - (weights @ (pred - true) ** 2) / spread
    return explained


def auroc(positive: Array, pred: Array, weights: Array) -> Array:
    """Chance that a positive row is predicted above a negative one, ties counting half."""
    groups = _Ties(pred)
    ones = groups.sums(weights * positive)
    zeros = groups.sums(weights * (1.0 - positive))
    below = np.cumsum(zeros, axis=1) - zeros
    wins = (ones * (below + 0.5 * zeros)).sum(axis=1)
    return _ratio(wins, ones.sum(axis=1) * zeros.sum(axis=1))


def recall_at(threshold: float) -> Kernel:
    """Share of the positive rows whose prediction reaches ``threshold``."""

    def kernel(positive: Array, pred: Array, weights: Array) -> Array:
        return _ratio(weights @ (positive * (pred >= threshold)), weights @ positive)

    return kernel


def precision_at(threshold: float) -> Kernel:
    """Share of positives among the rows whose prediction reaches ``threshold``."""

    def kernel(positive: Array, pred: Array, weights: Array) -> Array:
        chosen = (pred >= threshold).astype(np.float64)
        return _ratio(weights @ (positive * chosen), weights @ chosen)

    return kernel


def enrichment_at(threshold: float) -> Kernel:
    """Precision at the threshold over the share of positives among all rows."""
    precision = precision_at(threshold)

    def kernel(positive: Array, pred: Array, weights: Array) -> Array:
        base = _ratio(weights @ positive, weights.sum(axis=1))
        return _ratio(precision(positive, pred, weights), base)

    return kernel


def hits_in_top(*, count: int | None = None, share: float | None = None) -> Kernel:
    """Expected share of positives among the best-predicted rows.

    The budget is ``count`` rows or ``share`` of all rows (at least one). Rows with the prediction
    at the edge of the budget are taken in part, which is the mean over all ways to break the tie.
    """

    def kernel(positive: Array, pred: Array, weights: Array) -> Array:
        groups = _Ties(-pred)
        size = groups.sums(weights)
        total = size.sum(axis=1, keepdims=True)
        budget = np.full_like(total, float(count)) if count is not None else _part(total, share)
        before = np.cumsum(size, axis=1) - size
        chosen = np.clip(budget - before, 0.0, size)
        hits = groups.sums(weights * positive) * np.divide(
            chosen, size, out=np.zeros_like(size), where=size > 0
        )
        hit_share = hits.sum(axis=1) / budget[:, 0]
        return np.where(budget[:, 0] <= total[:, 0], hit_share, np.nan)

    return kernel


def enrichment_in_top(*, count: int | None = None, share: float | None = None) -> Kernel:
    """Share of positives in the budget over the share of positives among all rows."""
    hits = hits_in_top(count=count, share=share)

    def kernel(positive: Array, pred: Array, weights: Array) -> Array:
        base = _ratio(weights @ positive, weights.sum(axis=1))
        return _ratio(hits(positive, pred, weights), base)

    return kernel


def _part(total: Array, share: float | None) -> Array:
    if share is None:
        raise ValueError("name a budget: count or share")
    # The small number keeps 0.01 * 300 = 3.0000000000000004 from becoming 4 rows.
    return np.maximum(np.ceil(share * total - 1e-9), 1.0)


def weighted_ranks(values: Array, weights: Array) -> Array:
    """Mid-ranks (b, n), counted from 1, of ``values`` (n) when row i occurs ``weights[:, i]``."""
    groups = _Ties(values)
    size = groups.sums(weights)
    middle = np.cumsum(size, axis=1) - 0.5 * size + 0.5
    ranks: Array = middle[:, groups.inverse]
    return ranks


class _Ties:
    """Rows grouped by equal value, in ascending order of the value."""

    def __init__(self, values: Array) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        self.starts = np.flatnonzero(first)
        self.inverse = np.empty(len(values), dtype=np.intp)
        self.inverse[self.order] = np.cumsum(first) - 1

    def sums(self, weights: Array) -> Array:
        """Sum of the weights (b, n) in each group (b, groups)."""
        sums: Array = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        return sums


def _correlation(x: Array, y: Array, weights: Array) -> Array:
    """Weighted correlation; ``x`` and ``y`` are (n) or (b, n)."""
    total = weights.sum(axis=1)
    x, y = _centred(x, weights, total), _centred(y, weights, total)
    xx = (weights * x * x).sum(axis=1)
    yy = (weights * y * y).sum(axis=1)
    xy = (weights * x * y).sum(axis=1)
    flat = (xx <= _FLAT * total) | (yy <= _FLAT * total)
    size = np.sqrt(xx * yy)
    size[flat] = np.nan
    clipped: Array = np.clip(xy / size, -1.0, 1.0)
    return clipped


def _standard(values: Array) -> Array:
    """Values moved and scaled to a width of one, so that sums of squares keep their digits."""
    width = float(np.ptp(values))
    standard: Array = (values - values.mean()) / (width if width > 0 else 1.0)
    return standard


def _centred(values: Array, weights: Array, total: Array) -> Array:
    mean = (weights @ values) if values.ndim == 1 else (weights * values).sum(axis=1)
    centred: Array = values - _ratio(mean, total)[:, None]
    return centred


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
