"""Censored rows as normal scores with a wider noise: truncated-normal imputation.

A row that says only "weaker than 10 uM" is given the mean of its leave-one-out prediction,
truncated at the bound, and the variance of that truncated normal is added to its noise. A few
rounds with fixed hyper-parameters are an expectation-maximisation step of the Tobit likelihood
with the posterior taken row by row: an approximation, but a row far on the right side of its bound
then says nothing, and one on the wrong side is pulled across, as it should be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of each row's target, equal where it is exact, infinite where there is none."""

    lower: Reals
    upper: Reals

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Rows whose target is a number."""
        return np.asarray(self.lower == self.upper)


def truncated(mean: Reals, deviation: Reals, bounds: Bounds) -> tuple[Reals, Reals]:
    """Mean and variance of normals truncated to their bounds; shapes (rows,).

    Johnson, Kotz and Balakrishnan 1994, section 13.10.1. Where the bounds lie so far in a tail
    that the probability between them vanishes, the mean is the nearest bound.
    """
    from scipy.stats import truncnorm

    a = ((bounds.lower - mean) / deviation).clip(-30.0, 30.0)
    b = ((bounds.upper - mean) / deviation).clip(-30.0, 30.0)
    within = b - a > 1e-9
    b = np.where(within, b, a + 1e-6)
    with np.errstate(invalid="ignore"):  # far tails, replaced below
        found, spread = truncnorm.stats(a, b, loc=mean, scale=deviation, moments="mv")
    nearest = np.clip(mean, bounds.lower, bounds.upper)
    sound = np.isfinite(found) & np.isfinite(spread) & within
    return np.where(sound, found, nearest), np.where(sound, spread, 0.0).clip(0.0)
