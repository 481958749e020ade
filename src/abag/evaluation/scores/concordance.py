"""Censored rows counted rightly: order where it is certain, and broken bounds.

The concordance index is Harrell's C (Harrell et al., JAMA 1982) for interval labels: a pair of
rows counts only if its true order is certain, that is if the lower bound of one is not below the
upper bound of the other and the two are not equal numbers. A pair that the model orders
rightly counts 1, equal predictions count 1/2. Chance is 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abag.data.labels import Labels

Array = NDArray[np.float64]
Positions = NDArray[np.signedinteger]


@dataclass(frozen=True, slots=True)
class BoundViolations:
    """How often and how far predictions break the bounds of censored rows."""

    rows: int
    broken: int
    share: float | None
    mean_amount: float | None
    """Mean distance beyond the bound over the broken rows, in units of the target."""


class Concordance:
    """Concordance of one set of predictions, ready for any row weights.

    Rows are put in the order of their upper bound; the rows that lie surely below row i are the
    first ``_below[i]`` of that order. Counting those of them with a smaller prediction splits the
    prefix into blocks of 1, 2, 4, ... rows, each sorted by prediction, so that n rows cost
    n (log n)^2 once and n log n for each further weighting.
    """

    def __init__(self, labels: Labels, pred: Array) -> None:
        exact = labels.exact
        order = np.lexsort((exact, labels.upper))
        upper = labels.upper[order]
        # Among equal upper bounds, censored rows come first: they lie below an equal number.
        self._order = order
        self._below = np.searchsorted(upper, labels.lower, side="right")
        first = np.searchsorted(upper, labels.lower, side="left")
        numbers = np.concatenate(([0], np.cumsum(exact[order])))
        equal_numbers = numbers[self._below] - numbers[first]
        self._below = self._below - np.where(exact, equal_numbers, 0)
        self._levels = self._plan(pred)

    def _plan(self, pred: Array) -> list[tuple[Positions, ...]]:
        """For each block size: the rows in sorted order, and where each query starts and ends."""
        n = len(pred)
        rank = np.unique(pred, return_inverse=True)[1].astype(np.int64)
        sorted_ranks = rank[self._order]
        plan: list[tuple[Positions, ...]] = []
        for level in range(int(n).bit_length()):
            block = np.arange(n, dtype=np.int64) >> level
            key = block * (n + 1) + sorted_ranks
            within = np.argsort(key, kind="stable")
            queries = np.flatnonzero((self._below >> level) & 1)
            if not len(queries):
                continue
            prefix_block = (self._below[queries] >> (level + 1)) << 1
            start = prefix_block << level
            goal = prefix_block * (n + 1) + rank[queries]
            less = np.searchsorted(key[within], goal, side="left")
            not_more = np.searchsorted(key[within], goal, side="right")
            plan.append((self._order[within], queries, start, less, not_more))
        return plan

    def __call__(self, weights: Array) -> Array:
        """Concordance index (b) under row weights (b, n); NaN where no pair is comparable."""
        won = np.zeros(len(weights))
        for rows, queries, start, less, not_more in self._levels:
            running = _running(weights[:, rows])
            below = running[:, less] - running[:, start]
            equal = running[:, not_more] - running[:, less]
            won += (weights[:, queries] * (below + 0.5 * equal)).sum(axis=1)
        pairs = self.pairs(weights)
        return np.divide(won, pairs, out=np.full_like(won, np.nan), where=pairs > 0)

    def pairs(self, weights: Array) -> Array:
        """Number of comparable pairs (b) under row weights (b, n)."""
        running = _running(weights[:, self._order])
        pairs: Array = (weights * running[:, self._below]).sum(axis=1)
        return pairs


def _running(weights: Array) -> Array:
    """Sums of the first 0, 1, ..., n weights."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def bound_violations(labels: Labels, pred: Array) -> BoundViolations:
    """Share of censored rows whose prediction breaks a bound, and by how much on average."""
    rows = labels.censored
    beyond = np.maximum(labels.lower[rows] - pred[rows], pred[rows] - labels.upper[rows])
    broken = beyond > 0
    return BoundViolations(
        rows=int(rows.sum()),
        broken=int(broken.sum()),
        share=float(broken.mean()) if rows.any() else None,
        mean_amount=float(beyond[broken].mean()) if broken.any() else None,
    )
