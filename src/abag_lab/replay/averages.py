"""A figure of several seeds: its mean, and how far it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over seeds and its 95 % interval by Student's t (none with one seed)."""

    mean: float
    lower: float | None
    upper: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """From one value a seed."""
        from scipy.stats import t

        mean, count = float(np.mean(values)), len(values)
        if count < 2:
            return cls(mean, None, None, count)
        reach = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
        return cls(mean, mean - reach, mean + reach, count)
