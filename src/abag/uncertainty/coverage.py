"""What intervals cover, how wide they are and how large errors are, by verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.uncertainty.domain import Verdict

Reals = NDArray[np.float64]


class Reaches(NamedTuple):
    """How far intervals reach below and above their predictions, pKd, each (n,)."""

    below: Reals
    above: Reals

    def take(self, rows: NDArray[np.bool_]) -> Reaches:
        """The chosen rows, by mask."""
        return Reaches(self.below[rows], self.above[rows])


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Measured on out-of-fold rows of one verdict."""

    rows: int
    """Rows behind the figures, exact and censored."""
    rows_exact: int
    clusters: int
    """Antigen clusters among them."""
    rmse: float | None
    """Root mean squared error of the exact rows, pKd."""
    bias: float | None
    """Mean of predicted minus measured of the exact rows, pKd."""
    rmse_of_mean: float | None
    """The same for predicting the mean of the training rows: without skill the two are equal."""
    within_one: float | None
    """Share of exact rows with an error of at most 1 pKd."""
    level: float
    coverage: float | None
    """Share of exact rows inside an interval that was calibrated on the other folds."""
    coverage_of_clusters: float | None
    """The same, each antigen cluster counted once."""
    censored_compatible: int
    """Censored rows whose interval meets the bound: covered, or not known to be uncovered."""
    censored_uncovered: int
    """Censored rows whose interval lies wholly on the excluded side."""
    width: float | None
    """Mean width of these intervals, pKd."""

    def in_words(self) -> str:
        """One line."""
        if self.rmse is None or self.coverage is None:
            return f"{self.rows} held-out rows, none of them exact"
        width = "without bound" if self.width is None else f"{self.width:.1f} wide"
        return (
            f"{self.rows} held-out rows of {self.clusters} antigen clusters, RMSE {self.rmse:.2f} "
            f"({self.rmse_of_mean:.2f} for the mean), {self.within_one:.0%} within 1 pKd; "
            f"{self.level:.0%} intervals cover {self.coverage:.1%} and are {width}"
        )


def figures_of(rows: pl.DataFrame, reaches: Reaches, level: float) -> GroupFigures:
    """Figures of rows (of one verdict) with intervals that reach so far."""
    lower, upper = rows["lower"].to_numpy(), rows["upper"].to_numpy()
    predicted, mean = rows["prediction"].to_numpy(), rows["train_mean"].to_numpy()
    exact = lower == upper
    error = (predicted - lower)[exact]
    low, high = predicted - reaches.below, predicted + reaches.above
    inside = (low <= lower)[exact] & (lower <= high)[exact]
    excluded = (lower > high) | (upper < low)
    width = high - low
    bounded = np.isfinite(width).all() and rows.height > 0
    by_cluster = pl.DataFrame({"c": rows["cluster"].to_numpy()[exact], "inside": inside})
    means = by_cluster.group_by("c", maintain_order=True).agg(pl.col("inside").mean())["inside"]
    known = len(error) > 0
    return GroupFigures(
        rows=rows.height,
        rows_exact=int(exact.sum()),
        clusters=rows["cluster"].n_unique(),
        rmse=float(np.sqrt(np.mean(error**2))) if known else None,
        bias=float(error.mean()) if known else None,
        rmse_of_mean=float(np.sqrt(np.mean((mean - lower)[exact] ** 2))) if known else None,
        within_one=float(np.mean(np.abs(error) <= 1.0)) if known else None,
        level=level,
        coverage=float(inside.mean()) if known else None,
        coverage_of_clusters=float(means.to_numpy().mean()) if known else None,
        censored_compatible=int((~exact & ~excluded).sum()),
        censored_uncovered=int((~exact & excluded).sum()),
        width=float(width.mean()) if bounded else None,
    )


def group_figures(
    rows: pl.DataFrame, reaches: Reaches, level: float
) -> dict[Verdict, GroupFigures]:
    """Figures of each verdict that has rows."""
    figures = {}
    for verdict in Verdict:
        inside = (rows["verdict"] == verdict.value).to_numpy()
        if inside.any():
            group = rows.filter(pl.Series(inside))
            figures[verdict] = figures_of(group, reaches.take(inside), level)
    return figures
