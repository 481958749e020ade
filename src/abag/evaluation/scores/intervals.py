"""Intervals by the cluster bootstrap: clusters of rows are drawn, not rows.

Antibodies against one antigen share its difficulty, so their errors are not independent; drawing
whole clusters keeps that dependence (Field and Welsh, J R Stat Soc B 2007). Intervals are
percentile intervals. With few clusters they come out too narrow, and with fewer than
:data:`FEWEST_CLUSTERS` none is given.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError, counted

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
"""Takes row weights (b, n), gives b values, NaN where undefined."""

FEWEST_CLUSTERS: Final = 5
FEWEST_RESAMPLES: Final = 100
UNDEFINED_ALLOWED: Final = 0.1
"""Share of resamples in which a metric may be undefined before no interval is given."""
_BATCH_ELEMENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of an interval, or the reason why there is none."""

    low: float | None
    high: float | None
    level: float
    resamples: int
    clusters: int
    reason: str | None = None


def require_resamples(resamples: int) -> None:
    """Raise :class:`OptionError` unless an interval can be taken from so many resamples."""
    if resamples < FEWEST_RESAMPLES:
        raise OptionError(
            f"--bootstrap {resamples}: intervals take {FEWEST_RESAMPLES} resamples or more"
        )


class ClusterBootstrap:
    """Resamples of clusters, the same for every metric and model: differences are paired.

    Args:
        clusters: Cluster of each of n rows.
        resamples: Number of resamples.
        seed: Seed of the draws.
        level: Coverage of the intervals.
    """

    def __init__(
        self,
        clusters: Sequence[Hashable] | NDArray[np.generic],
        *,
        resamples: int = 1000,
        seed: int = 0,
        level: float = 0.95,
    ) -> None:
        require_resamples(resamples)
        if not 0.5 <= level < 1.0:
            raise OptionError(f"level {level} is not in [0.5, 1)")
        first_seen = {key: code for code, key in enumerate(dict.fromkeys(clusters))}
        self.codes = np.array([first_seen[key] for key in clusters], dtype=np.intp)
        self.n_clusters = len(first_seen)
        self.resamples, self.level, self.seed = resamples, level, seed
        self.multiplicity = _draws(self.n_clusters, resamples, seed)

    def distribution(self, statistic: Statistic, rows: NDArray[np.bool_] | None = None) -> Array:
        """The statistic in every resample (resamples); ``rows`` chooses rows before weighting."""
        codes = self.codes if rows is None else self.codes[rows]
        batch = max(1, _BATCH_ELEMENTS // max(len(codes), 1))
        parts = [
            statistic(self.multiplicity[start : start + batch][:, codes].astype(np.float64))
            for start in range(0, self.resamples, batch)
        ]
        return np.concatenate(parts)

    def interval(self, distribution: Array) -> Interval:
        """Percentile interval of a distribution over the resamples."""
        return _percentiles(distribution, self.level, self.n_clusters)


def group_interval(
    values: Array,
    clusters: NDArray[np.intp] | None,
    bootstrap: ClusterBootstrap,
    *,
    median: bool = False,
) -> Interval:
    """Interval of the mean (or median) of one value a group, NaN values left out.

    ``clusters`` gives the cluster of each group where every group lies inside one cluster; None
    where groups cross clusters, and then the groups themselves are drawn.
    """
    defined = np.isfinite(values)
    values = values[defined]
    if clusters is None:
        multiplicity = _draws(len(values), bootstrap.resamples, bootstrap.seed)
        units = len(values)
    else:
        multiplicity = bootstrap.multiplicity[:, clusters[defined]]
        units = len(np.unique(clusters[defined]))
    weights = multiplicity.astype(np.float64)
    middle = _weighted_median(values, weights) if median else _weighted_mean(values, weights)
    return _percentiles(middle, bootstrap.level, units)


def _draws(clusters: int, resamples: int, seed: int) -> NDArray[np.int32]:
    """How often each cluster is drawn in each resample: (resamples, clusters)."""
    if clusters == 0:
        return np.zeros((resamples, 0), dtype=np.int32)
    chances = np.full(clusters, 1.0 / clusters)
    counts = np.random.default_rng(seed).multinomial(clusters, chances, size=resamples)
    return np.asarray(counts, dtype=np.int32)


def _percentiles(distribution: Array, level: float, clusters: int) -> Interval:
    resamples = len(distribution)
    if clusters < FEWEST_CLUSTERS:
        return Interval(
            None, None, level, resamples, clusters,
            f"{counted(clusters, 'cluster')}, too few to resample (at least {FEWEST_CLUSTERS})",
        )  # fmt: skip
    finite = distribution[np.isfinite(distribution)]
    if len(finite) < (1 - UNDEFINED_ALLOWED) * resamples:
        return Interval(
            None, None, level, resamples, clusters,
            f"undefined in {resamples - len(finite)} of {resamples} resamples",
        )  # fmt: skip
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, resamples, clusters)


def _weighted_mean(values: Array, weights: Array) -> Array:
    total = weights.sum(axis=1)
    mean: Array = np.full_like(total, np.nan)
    np.divide(weights @ values, total, out=mean, where=total > 0)
    return mean


def _weighted_median(values: Array, weights: Array) -> Array:
    """Median when value i occurs ``weights[:, i]`` times; the mean of the two middle ones."""
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[:, order], axis=1)
    half = running[:, -1:] / 2
    lower = values[order][np.argmax(running >= half, axis=1)]
    upper = values[order][np.argmax(running > half, axis=1)]
    middle: Array = np.where(running[:, -1] > 0, (lower + upper) / 2, np.nan)
    return middle
