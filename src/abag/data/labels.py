"""True values of measurements: numbers, and bounds of those that are not known to a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labels:
    """True values of n rows, each a number or a bound.

    ``value`` (n) is NaN where the row is censored; ``lower`` and ``upper`` (n) are the bounds,
    infinite where there is none and equal to ``value`` where it is a number. Bounds are strict,
    as ``<`` and ``>`` are: a row with upper bound 6 lies below 6.
    """

    value: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not self.value.shape == self.lower.shape == self.upper.shape or self.value.ndim != 1:
            raise ValueError("value, lower and upper must be one-dimensional and equally long")
        if np.any(self.lower > self.upper):
            row = int(np.argmax(self.lower > self.upper))
            raise ValueError(f"row {row}: lower bound {self.lower[row]} > {self.upper[row]}")

    def __len__(self) -> int:
        return len(self.value)

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Rows whose true value is a number."""
        return ~np.isnan(self.value)

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Rows whose true value is only known to lie inside bounds."""
        return ~self.exact & (np.isfinite(self.lower) | np.isfinite(self.upper))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows with a number or a bound."""
        return self.exact | self.censored

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Labels:
        """The chosen rows, by index or by mask."""
        return Labels(self.value[rows], self.lower[rows], self.upper[rows])

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> Self:
        """Labels that are all plain numbers."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array, array.copy(), array.copy())
