"""Compares columns that repeat a value: KD from its rates, and values on two scales.

KD = koff / kon. Where a row has both, or KD beside pKd, they are compared: a difference of more
than 0.3 pKd (twofold; rounding and steady-state fits stay below) is flagged, one of 0.9 or more
(eightfold, as a wrong unit makes) refuses the row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import polars as pl

from abag.data.formats.numbers.cell_texts import Notes, map_cells
from abag.errors import UnitError
from abag.units import Dimension, Relation, is_missing, parse_unit, parse_value
from abag.units.bounds import convert

FLAGGED_PKD: Final = 0.3
REFUSED_PKD: Final = 0.9
RATES_DIFFER: Final = "kd_differs_from_rates"
COLUMNS_DIFFER: Final = "value_columns_differ"
FROM_RATES: Final = "kd_from_rates"


@dataclass(frozen=True, slots=True)
class RateColumns:
    """The columns of both rate constants, each with its unit."""

    kon: str
    koff: str
    kon_unit: str
    koff_unit: str

    def kd_molar(self, table: pl.DataFrame) -> list[float | None]:
        """Dissociation constant in mol/L of each row; None where a rate is no exact number."""
        on = _rate(table[self.kon], self.kon_unit, Dimension.ON_RATE)
        off = _rate(table[self.koff], self.koff_unit, Dimension.OFF_RATE)
        return [
            k_off / k_on if k_on and k_off else None for k_on, k_off in zip(on, off, strict=True)
        ]


def _rate(column: pl.Series, unit: str, dimension: Dimension) -> list[float | None]:
    def parse(cell: str | None) -> float | None:
        if cell is None or is_missing(cell):
            return None
        try:
            written = parse_value(cell)
            parsed_unit = parse_unit(written.unit_text or unit)
        except UnitError:
            return None
        exact = written.relation is Relation.EQUAL and parsed_unit.dimension is dimension
        return written.number * parsed_unit.scale if exact and written.number > 0 else None

    return map_cells(column, parse)


def kd_texts(kds: list[float | None]) -> pl.Series:
    """KD as cells of a column in mol/L."""
    return pl.Series([None if kd is None else f"{kd:.6g}" for kd in kds], dtype=pl.String)


def compare(
    pkd: list[float | None], other_pkd: list[float | None], names: tuple[str, str], flag: str,
    notes: Notes,
) -> None:  # fmt: skip
    """Flag or refuse the rows whose two pKd differ; None is not compared."""
    flags: list[str | None] = []
    problems: list[str | None] = []
    for first, second in zip(pkd, other_pkd, strict=True):
        gap = abs(first - second) if first is not None and second is not None else 0.0
        flags.append(flag if gap > FLAGGED_PKD else None)
        message = (
            f"{names[0]} is pKd {first:.2f}, but {names[1]} is pKd {second:.2f}" if gap else None
        )
        problems.append(message if gap >= REFUSED_PKD else None)
    notes.flag(flags)
    notes.refuse(problems)


def pkds(
    column: pl.Series,
    quantity: str | pl.Series | None,
    unit: str | pl.Series | None,
) -> list[float | None]:
    """PKd of each exact cell; None for bounds and unreadable cells."""
    cache: dict[tuple[str | None, str | None, str | None], float | None] = {}
    values: list[float | None] = []
    quantities = quantity if isinstance(quantity, pl.Series) else [quantity] * len(column)
    units = unit if isinstance(unit, pl.Series) else [unit] * len(column)
    for key in zip(column, quantities, units, strict=True):
        if key not in cache:
            cache[key] = _pkd(*key)
        values.append(cache[key])
    return values


def _pkd(cell: str | None, quantity: str | None, unit: str | None) -> float | None:
    try:
        bounds = convert(cell, quantity, unit)
    except UnitError:
        return None
    return bounds.lower if bounds.lower == bounds.upper else None


def minus_log10(kds: list[float | None]) -> list[float | None]:
    """PKd of dissociation constants in mol/L."""
    return [None if kd is None else -math.log10(kd) for kd in kds]
