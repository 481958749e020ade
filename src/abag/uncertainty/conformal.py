"""Conformal calibration: how far below and above a prediction must an interval reach?

Scores of rows that the model had not seen are ranked, those of predictions that are too high apart
from those too low; each end of the interval takes the score below which its share lies, with a
unit of mass at infinity for the pair to come (the finite-sample correction). Rows of one unit share
its mass, so that a new *cluster*, not a new row of the largest cluster, is what the interval is
made for (two-layer sampling: Dunn, Wasserman and Ramdas, J Am Stat Assoc 118:2491, 2023; Lee,
Barber and Willett, arXiv 2306.06342). Strata of units have the same mass each, however many units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_ROUNDING: Final = 1e-12


class Scores(NamedTuple):
    """How far each measurement lies below and above its prediction, in units of its scale, (n,).

    Negative on the other side. NaN where a bound cannot tell.
    """

    below: Reals
    above: Reals

    @property
    def either(self) -> Reals:
        """The larger of both: how far off at all. NaN where a bound cannot tell."""
        return np.fmax(self.below, self.above)


def signed_scores(prediction: Reals, scale: Reals, lower: Reals, upper: Reals) -> Scores:
    """Scores of measurements that lie between ``lower`` and ``upper``, equal where exact.

    A censored row on whose allowed side the prediction lies cannot tell how large the error is,
    and its score is NaN; else it counts with the least error that its bound allows.
    """
    exact = lower == upper
    below, above = (prediction - upper) / scale, (lower - prediction) / scale
    outside_low, outside_high = prediction > upper, prediction < lower
    return Scores(
        np.where(exact | outside_low, below, np.where(outside_high, -above, np.nan)),
        np.where(exact | outside_high, above, np.where(outside_low, -below, np.nan)),
    )


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """Sorted scores, each with its share of the mass; what is missing to 1 lies at infinity."""

    scores: Reals
    shares: Reals

    @classmethod
    def of(cls, scores: Reals, units: Sequence[str], strata: Sequence[str] | None = None) -> Self:
        """Weigh strata equally, the units of one equally, and the rows of a unit equally.

        With one stratum and a unit for each row this is the ordinary split-conformal quantile.
        """
        if not len(scores):
            return cls(np.zeros(0), np.zeros(0))
        layer = np.array(strata if strata is not None else [""] * len(scores), dtype=np.str_)
        unit = np.array(units, dtype=np.str_)
        shares = np.zeros(len(scores))
        names = np.unique(layer)
        count = 0
        for name in names:
            inside = layer == name
            _, place, sizes = np.unique(unit[inside], return_inverse=True, return_counts=True)
            shares[inside] = 1.0 / (len(names) * len(sizes) * sizes[place])
            count += len(sizes)
        # One unit of the mass of all lies at infinity: the pair to come.
        shares *= count / (count + 1.0)
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], shares[order])

    def quantile(self, level: float) -> float:
        """Least score with ``level`` of the mass at or below it; infinite where there is none."""
        reached = np.cumsum(self.shares) >= level - _ROUNDING
        return float(self.scores[int(reached.argmax())]) if reached.any() else float("inf")
