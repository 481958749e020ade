"""True values with their bounds: what a prediction is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.schema import require_columns
from abag.errors import OptionError

TARGET_COLUMNS: Final[dict[str, tuple[str, str, str]]] = {
    "pkd": ("pkd", "pkd_lower", "pkd_upper"),
    "rank_score": ("rank_score", "rank_lower", "rank_upper"),
}
"""Value, lower and upper bound of each target in the canonical table."""


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
        """Rows that say anything at all."""
        return self.exact | self.censored

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Labels:
        """The chosen rows, by index or by mask."""
        return Labels(self.value[rows], self.lower[rows], self.upper[rows])

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> Self:
        """Labels that are all plain numbers."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array, array.copy(), array.copy())

    @classmethod
    def from_table(cls, table: pl.DataFrame, target: str = "pkd") -> Self:
        """Labels of a canonical table; ``target`` is ``pkd`` or ``rank_score``."""
        if target not in TARGET_COLUMNS:
            raise OptionError(f"target {target!r} is not one of {', '.join(TARGET_COLUMNS)}")
        names = TARGET_COLUMNS[target]
        require_columns(table, list(names), "the table to evaluate on")
        value = _column(table, names[0], np.nan)
        lower = _column(table, names[1], -np.inf)
        upper = _column(table, names[2], np.inf)
        value = np.where(np.isnan(value) & (lower == upper), lower, value)
        exact = ~np.isnan(value)
        lower, upper = np.where(exact, value, lower), np.where(exact, value, upper)
        return cls(value, lower, upper)


def _column(table: pl.DataFrame, name: str, missing: float) -> NDArray[np.float64]:
    return table[name].fill_null(missing).fill_nan(missing).to_numpy().astype(np.float64)
