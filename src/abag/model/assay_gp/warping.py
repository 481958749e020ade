"""Targets as normal scores of their ranks, and back again.

An enrichment or a KD at the edge of an assay's window is far from normal; ranks of the training
rows mapped to normal quantiles are normal by construction, and the order is what the assay knows.
How far apart values lie says a little more: a quarter of the score is the standardised value.
The way back is the monotone piecewise linear curve through the training targets, lengthened at
both ends with the slope of the outer tenth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

VALUE_SHARE: Final = 0.25
"""Share of the standardised value in a score (docs/few-shot.md)."""
_FURTHEST: Final = 3.0
"""Standardised values beyond it count as this much: one outlier shall not rule the scale."""


@dataclass(frozen=True, slots=True)
class Warp:
    """Knots of a monotone curve: ``scores`` (k,) normal scores and ``values`` (k,) targets."""

    scores: Reals
    values: Reals

    @classmethod
    def of(cls, target: Reals) -> Self:
        """From training targets, of which at least two differ; equal targets share their score."""
        from scipy.special import ndtri

        values, counts = np.unique(target, return_counts=True)
        ranks = np.cumsum(counts) - counts / 2
        scores = ndtri(ranks / len(target))
        centre = float((scores * counts).sum() / len(target))
        spread = float(np.sqrt((counts * (scores - centre) ** 2).sum() / len(target)))
        plain = ((values - target.mean()) / target.std()).clip(-_FURTHEST, _FURTHEST)
        normal = (scores - centre) / spread
        return cls((1.0 - VALUE_SHARE) * normal + VALUE_SHARE * plain, values)

    @classmethod
    def plain(cls, target: Reals) -> Self:
        """The straight line: targets less their mean, over their deviation."""
        values = np.array([target.min(), target.max()])
        return cls((values - target.mean()) / target.std(), values)

    def forward(self, target: Reals) -> Reals:
        """Normal scores of targets, training rows or not."""
        return _curve(target, self.values, self.scores)

    def back(self, scores: Reals) -> Reals:
        """Targets of normal scores."""
        return _curve(scores, self.scores, self.values)


def _curve(at: Reals, x: Reals, y: Reals) -> Reals:
    inside = np.interp(at, x, y)
    outer = max(1, len(x) // 10)
    low = (y[outer] - y[0]) / (x[outer] - x[0])
    high = (y[-1] - y[-1 - outer]) / (x[-1] - x[-1 - outer])
    below = y[0] + (at - x[0]) * low
    above = y[-1] + (at - x[-1]) * high
    return np.asarray(np.where(at < x[0], below, np.where(at > x[-1], above, inside)))
