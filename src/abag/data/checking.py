"""Check a file for faults: a canonical table, or one column of labels of any table."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from abag.data.build import load_table
from abag.data.faults import Fault, check_values, find_faults
from abag.data.formats import read_table
from abag.errors import OptionError, Problem, TableError
from abag.units import Quantity, parse_unit, present


def check_file(
    path: Path,
    *,
    others: Path | None = None,
    column: str | None = None,
    unit: str | None = None,
    quantity: str = "KD",
) -> list[Fault]:
    """Faults of a canonical table, or of the labels in ``column`` of a CSV, TSV or Parquet file.

    Args:
        path: The file.
        others: A second canonical table to cross-check a canonical one against.
        column: Header of the labels; without it ``path`` must be a canonical table.
        unit: Unit that the labels are said to be in.
        quantity: Quantity that the labels are said to be.

    Raises:
        OptionError: options that do not go together, or an unknown quantity.
        TableError: no such column, or labels that are not numbers.
    """
    if column is None:
        if unit is not None:
            raise OptionError("--unit goes with --column; a canonical table knows its units")
        return find_faults(load_table(path), None if others is None else load_table(others))
    if others is not None:
        raise OptionError("--others goes with a canonical table, not with --column")
    if quantity not in list(Quantity):
        raise OptionError(f"unknown quantity {quantity!r}; known are {', '.join(Quantity)}")
    values = _numbers(path, column)
    return check_values(values.to_numpy(), Quantity(quantity), parse_unit(unit))


def _numbers(path: Path, column: str) -> pl.Series:
    """The column as numbers; empty cells are missing, anything else must be a number."""
    table = read_table(path)
    if column not in table.columns:
        known = ", ".join(name for name in table.columns if name != "source_row")
        raise TableError(path, [Problem(1, column, f"no such column; the file has {known}")])
    texts = pl.Series(column, [present(cell) for cell in table[column]], pl.String)
    numbers = texts.cast(pl.Float64, strict=False)
    finite = numbers.is_finite().fill_null(False)
    wrong = table.filter(~finite & texts.is_not_null() & (texts != ""))
    if wrong.height:
        problems = [
            Problem(row, column, f"{text[:40]!r} is no finite number")
            for row, text in wrong.select("source_row", column).iter_rows()
        ]
        raise TableError(
            path, problems, "Censored values belong in a table for `abag data import`."
        )
    return numbers
