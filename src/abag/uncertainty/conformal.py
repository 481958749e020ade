"""Conformal calibration: how large an error, in units of its scale, must an interval allow for.

Scores of rows that the model had not seen are ranked; the interval takes the score below which
the wanted share lies, with a unit of mass at infinity for the pair to come (the finite-sample
correction). Rows of one cluster share its mass, so that a new *cluster*, not a new row of the
largest cluster, is what the interval is made for (two-layer sampling: Dunn, Wasserman and Ramdas,
J Am Stat Assoc 118:2491, 2023; Lee, Barber and Willett, arXiv 2306.06342).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_ROUNDING: Final = 1e-12


def compatibility_scores(prediction: Reals, scale: Reals, lower: Reals, upper: Reals) -> Reals:
    """Least error that each measurement allows, in units of the scale, shape (n,).

    ``lower`` and ``upper`` bound the measured value: equal where it is exact, infinite on the open
    side of a bound. A censored row on whose allowed side the prediction lies cannot tell how large
    the error is; its score is NaN and it takes no part.
    """
    error = np.maximum(np.maximum(lower - prediction, prediction - upper), 0.0)
    silent = (lower < upper) & (error == 0.0)
    return np.where(silent, np.nan, error / scale)


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """Sorted scores, each with its share of the mass; what is missing to 1 lies at infinity."""

    scores: Reals
    shares: Reals

    @classmethod
    def of(cls, scores: Reals, clusters: Sequence[str]) -> Self:
        """Weigh K clusters equally, and the rows of a cluster equally among themselves.

        With a cluster for each row this is the ordinary split-conformal quantile.
        """
        if not len(scores):
            return cls(np.zeros(0), np.zeros(0))
        _, place, sizes = np.unique(
            np.array(clusters, dtype=np.str_), return_inverse=True, return_counts=True
        )
        shares = 1.0 / ((len(sizes) + 1.0) * sizes[place])
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], np.asarray(shares[order], dtype=np.float64))

    def quantile(self, level: float) -> float:
        """Least score with ``level`` of the mass at or below it; infinite where there is none."""
        reached = np.cumsum(self.shares) >= level - _ROUNDING
        return float(self.scores[int(reached.argmax())]) if reached.any() else float("inf")
