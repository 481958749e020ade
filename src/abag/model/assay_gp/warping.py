"""Targets as normal scores of their ranks, and back again.

An enrichment or a KD at the edge of an assay's window is far from normal; ranks of the training
rows mapped to normal quantiles are normal by construction, and the order is what the assay knows.
How far apart values lie matters where effects add up: half of the score is the standardised value.
The way back is the monotone piecewise linear curve through the training targets. Beyond them it
goes on with the slope of the outer tenth, no steeper than :data:`_STEEPEST`, and it ends at the
limits: the range of the training targets once more on either side (3 pKd at least), within what
physics allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

VALUE_SHARE: Final = 0.5
"""Share of the standardised value in a score (docs/measured/few-shot.md)."""
PHYSICS: Final = {"pkd": (0.0, 16.0)}
"""Values of a target that a binding measurement can have at all."""
_FURTHEST: Final = 3.0
"""Standardised values beyond it count as this much: one outlier shall not rule the scale."""
_INNER: Final = (0.05, 0.95)
"""Quantiles of the targets that set the scale of values, with half their range on either side."""
_STEEPEST: Final = 2.0
"""Steepest way on beyond the training targets, in their standard deviations a unit of score."""
_BEYOND: Final = 3.0
"""Scores of bounds beyond the training targets are at most this far from theirs."""
_LEAST_MARGIN: Final = {"pkd": 3.0}
"""Variants that all bind alike say nothing of one that lost its binding: 3 pKd are left open."""


@dataclass(frozen=True, slots=True)
class Warp:
    """Knots of a monotone curve: ``scores`` (k,) normal scores and ``values`` (k,) targets.

    ``deviation`` is the standard deviation of the training targets; predictions stay between
    ``lowest`` and ``highest``.
    """

    scores: Reals
    values: Reals
    deviation: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, target: Reals, kind: str = "rank_score") -> Self:
        """From training targets, of which at least two differ; equal targets share their score.

        ``kind`` names the target, whose physics limits the predictions.
        """
        from scipy.special import ndtri

        values, counts = np.unique(target, return_counts=True)
        ranks = np.cumsum(counts) - counts / 2
        scores = ndtri(ranks / len(target))
        centre = float((scores * counts).sum() / len(target))
        spread = float(np.sqrt((counts * (scores - centre) ** 2).sum() / len(target)))
        low, high = np.quantile(target, _INNER)
        within = np.clip(target, low - (high - low) / 2, high + (high - low) / 2)
        within = within if within.std() > 0 else target
        plain = ((values - within.mean()) / within.std()).clip(-_FURTHEST, _FURTHEST)
        normal = (scores - centre) / spread
        scores = (1.0 - VALUE_SHARE) * normal + VALUE_SHARE * plain
        return cls(scores, values, float(target.std()), *_limits(target, kind))

    @classmethod
    def plain(cls, target: Reals, kind: str = "rank_score") -> Self:
        """The straight line: targets less their mean, over their deviation."""
        values = np.array([target.min(), target.max()])
        scores = (values - target.mean()) / target.std()
        return cls(scores, values, float(target.std()), *_limits(target, kind))

    def forward(self, target: Reals) -> Reals:
        """Normal scores of targets or bounds, training rows or not; infinite bounds stay."""
        finite = np.where(np.isfinite(target), target, 0.0)
        low, high = self._slopes()
        scores = _curve(finite, self.values, self.scores, 1.0 / low, 1.0 / high)
        scores = scores.clip(self.scores[0] - _BEYOND, self.scores[-1] + _BEYOND)
        return np.where(np.isfinite(target), scores, target)

    def back(self, scores: Reals) -> Reals:
        """Targets of normal scores, within the limits."""
        return self._unlimited(scores).clip(self.lowest, self.highest)

    def limited(self, scores: Reals) -> NDArray[np.bool_]:
        """Scores whose target would lie beyond the limits."""
        targets = self._unlimited(scores)
        return np.asarray((targets < self.lowest) | (targets > self.highest))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        limits = np.array([self.deviation, self.lowest, self.highest])
        return {"warp.scores": self.scores, "warp.values": self.values, "warp.limits": limits}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        deviation, lowest, highest = arrays["warp.limits"].tolist()
        return cls(arrays["warp.scores"], arrays["warp.values"], deviation, lowest, highest)

    def _unlimited(self, scores: Reals) -> Reals:
        return _curve(scores, self.scores, self.values, *self._slopes())

    def _slopes(self) -> tuple[float, float]:
        """Targets a unit of score, beyond either end."""
        x, y, steepest = self.scores, self.values, _STEEPEST * self.deviation
        outer = max(1, len(x) // 10)
        low = (y[outer] - y[0]) / (x[outer] - x[0])
        high = (y[-1] - y[-1 - outer]) / (x[-1] - x[-1 - outer])
        return min(float(low), steepest), min(float(high), steepest)


def _curve(at: Reals, x: Reals, y: Reals, low: float, high: float) -> Reals:
    """Piecewise linear through (x, y), with slopes ``low`` and ``high`` beyond its ends."""
    below, above = y[0] + (at - x[0]) * low, y[-1] + (at - x[-1]) * high
    inside = np.interp(at, x, y)
    return np.where(at < x[0], below, np.where(at > x[-1], above, inside))


def _limits(target: Reals, kind: str) -> tuple[float, float]:
    """How far predictions reach beyond the training targets, within what physics allows."""
    low, high = float(target.min()), float(target.max())
    margin = max(high - low, _LEAST_MARGIN.get(kind, 0.0))
    least, most = PHYSICS.get(kind, (-np.inf, np.inf))
    # A measured value beyond physics is the user's; predictions may reach as far, no further.
    return max(low - margin, min(least, low)), min(high + margin, max(most, high))
