"""Reads the cells of one column: each distinct text once, with a flag or a problem for its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import polars as pl

from abag.errors import UnitError
from abag.units import Dimension, is_missing, parse_unit, parse_value, plain, temperature_kelvin

Parsed = TypeVar("Parsed")
DECIMAL_COMMA: Final = "comma"
POINT_IN_DOUBT: Final = "point_may_part_thousands"


class Notes:
    """Flags and problems of each row of a table, gathered while its columns are read."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._flags: list[list[str]] = [[] for _ in range(rows)]
        self._problems: list[list[str]] = [[] for _ in range(rows)]

    def flag(self, flags: Iterable[str | None]) -> None:
        """Add a flag to each row that has one."""
        for row, flag in zip(self._flags, flags, strict=True):
            if flag is not None and flag not in row:
                row.append(flag)

    def refuse(self, problems: Iterable[str | None]) -> None:
        """Add a problem to each row that has one."""
        for row, problem in zip(self._problems, problems, strict=True):
            if problem is not None:
                row.append(problem)

    @property
    def flags(self) -> pl.Expr:
        """The flags as a raw column."""
        if not any(self._flags):
            return pl.lit(pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, self._rows))
        return pl.lit(pl.Series(self._flags, dtype=pl.List(pl.String)))

    @property
    def problem(self) -> pl.Expr:
        """The problems as a raw column; null where there is none."""
        texts = ["; ".join(row) or None for row in self._problems]
        return pl.lit(pl.Series(texts, dtype=pl.String))


def map_cells(column: pl.Series, parse: Callable[[str | None], Parsed]) -> list[Parsed]:
    """``parse`` of every cell; each distinct text is parsed once."""
    parsed = {cell: parse(cell) for cell in column.unique(maintain_order=True)}
    return [parsed[cell] for cell in column]


_POINT_OF_A_NUMBER: Final = re.compile(r"\d\s*\.|(?<![A-Za-z])\.\s*\d")


def with_point(column: pl.Series, decimal: str | None, notes: Notes) -> pl.Series:
    """Numbers with a decimal comma (where that is declared) written with a point.

    A cell that has a point as well could be read in two ways, and is refused.
    """
    if decimal != DECIMAL_COMMA:
        return column

    def problem(cell: str | None) -> str | None:
        if cell is None or not _POINT_OF_A_NUMBER.search(cell) or is_missing(cell):
            return None
        return (
            f"{cell!r} has a point although the decimal sign is said to be a comma: it may part "
            "thousands"
        )

    notes.refuse(map_cells(column, problem))
    return column.str.replace_all(",", ".", literal=True)


_WITH_THREE: Final = re.compile(r"[<>~≤≥=]{0,2}\s*[1-9]\d{0,2}\.\d{3}")
_WHOLE: Final = re.compile(r"[<>~≤≥=]{0,2}\s*\d+")


def points_among_thousands(column: pl.Series, decimal: str | None) -> list[str | None]:
    """A flag for each number whose point may part thousands (``1.200`` beside ``850``).

    That is so where every number is whole or has three figures behind its point, as no instrument
    rounds; a decimal sign that is declared settles it.
    """
    cells = [cell.strip() for cell in column.drop_nulls().unique() if not is_missing(cell)]
    numbers_ = [cell for cell in cells if re.search(r"\d", cell)]
    doubtful = [cell for cell in numbers_ if _WITH_THREE.fullmatch(cell)]
    integers = [cell for cell in numbers_ if _WHOLE.fullmatch(cell)]
    hundreds = any(len(cell.lstrip("<>~≤≥= ")) == 3 for cell in integers)
    if decimal or not doubtful or not hundreds or len(doubtful) + len(integers) < len(numbers_):
        return [None] * len(column)
    return map_cells(
        column,
        lambda cell: POINT_IN_DOUBT if cell and _WITH_THREE.fullmatch(cell.strip()) else None,
    )


def texts(
    column: pl.Series, parse: Callable[[str | None], tuple[str | None, str | None]], notes: Notes
) -> pl.Expr:
    """A column of names or ids, each in one spelling; restored ones are flagged."""
    parsed = map_cells(column, parse)
    notes.flag(flag for _, flag in parsed)
    return pl.lit(pl.Series([text for text, _ in parsed], dtype=pl.String))


def kelvins(column: pl.Series, *, celsius: bool, notes: Notes) -> pl.Expr:
    """Temperatures in kelvin; other texts become null with a flag."""

    def parse(cell: str | None) -> tuple[float | None, str | None]:
        if cell is None or is_missing(cell):
            return None, None
        kelvin = temperature_kelvin(cell, celsius=celsius)
        return kelvin, None if kelvin is not None else "temperature_unreadable"

    parsed = map_cells(column, parse)
    notes.flag(flag for _, flag in parsed)
    return pl.lit(pl.Series([kelvin for kelvin, _ in parsed], dtype=pl.Float64))


def numbers(column: pl.Series, flag: str, notes: Notes) -> pl.Expr:
    """Plain numbers; other texts become null with ``flag``."""

    def parse(cell: str | None) -> tuple[float | None, str | None]:
        if cell is None or is_missing(cell):
            return None, None
        try:
            written = parse_value(cell)
        except UnitError:
            return None, flag
        return (None, flag) if written.unit_text else (written.number, None)

    parsed = map_cells(column, parse)
    notes.flag(mark for _, mark in parsed)
    return pl.lit(pl.Series([number for number, _ in parsed], dtype=pl.Float64))


def molar(cell: str | None, unit: str | None) -> float | None:
    """A concentration in mol/L; None for an empty cell.

    Raises :class:`UnitError` for a text that is no positive concentration.
    """
    if cell is None or is_missing(cell):
        return None
    written = parse_value(cell)
    parsed_unit = parse_unit(written.unit_text or unit)
    if parsed_unit.dimension is not Dimension.MOLAR or not written.number > 0:
        raise UnitError(f"{plain(cell)!r} is no concentration such as 10 uM")
    return written.number * parsed_unit.scale


def molars(column: pl.Series, unit: str | None, notes: Notes) -> pl.Expr:
    """The highest concentration tested of each row, in mol/L."""

    def parse(cell: str | None) -> tuple[float | None, str | None]:
        try:
            return molar(cell, unit), None
        except UnitError as error:
            return None, f"highest concentration: {error}"

    parsed = map_cells(column, parse)
    notes.refuse(problem for _, problem in parsed)
    return pl.lit(pl.Series([value for value, _ in parsed], dtype=pl.Float64))
