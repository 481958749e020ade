"""Check a file for faults: a canonical table, or one column of labels of any table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.build import load_table
from abag.data.faults import Fault, check_values, find_faults
from abag.data.faults.fault import FaultKind, Severity
from abag.data.faults.signs import ExpectedChanges
from abag.data.formats import read_table
from abag.data.formats.numbers.redundant import (
    FLAGGED_PKD,
    REFUSED_PKD,
    RateColumns,
    minus_log10,
    pkds,
)
from abag.data.formats.numbers.value_headers import read_rate_header, read_value_header
from abag.data.formats.tables import ROW
from abag.errors import OptionError, Problem, TableError, counted
from abag.units import Quantity, parse_unit, present


def check_file(
    path: Path,
    *,
    others: Path | None = None,
    column: str | None = None,
    unit: str | None = None,
    quantity: str = "KD",
    expected: ExpectedChanges | None = None,
) -> list[Fault]:
    """Faults of a canonical table, or of the labels in ``column`` of a CSV, TSV or Parquet file.

    Args:
        path: The file.
        others: A second canonical table to cross-check a canonical one against.
        column: Header of the labels; without it ``path`` must be a canonical table.
        unit: Unit of the labels.
        quantity: Quantity of the labels.
        expected: What a model expects of substitutions (see :func:`abag.data.faults.find_faults`).

    Raises:
        OptionError: options that do not go together, or an unknown quantity.
        TableError: no such column, or labels that are not numbers.
    """
    if column is None:
        if unit is not None:
            raise OptionError("--unit goes with --column; a canonical table knows its units")
        reference = None if others is None else load_table(others)
        return find_faults(load_table(path), reference, expected=expected)
    if others is not None:
        raise OptionError("--others goes with a canonical table, not with --column")
    if quantity not in list(Quantity):
        raise OptionError(f"unknown quantity {quantity!r}; known are {', '.join(Quantity)}")
    kind, parsed_unit = Quantity(quantity), parse_unit(unit)
    table = read_table(path)
    values = _numbers(path, table, column)
    return [
        *check_values(values.to_numpy(), kind, parsed_unit),
        *_disagreements(table, column, kind, parsed_unit.name),
    ]


def _disagreements(table: pl.DataFrame, column: str, kind: Quantity, unit: str) -> list[Fault]:
    """Other columns that write the same value on another scale, and rates, where rows differ."""
    if not kind.is_absolute:
        return []
    pkd_values = pkds(table[column], kind.value, unit)
    faults = []
    for name, other_values in _second_writings(table, column, kind):
        gaps = [
            abs(pkd - other_pkd) if pkd is not None and other_pkd is not None else 0.0
            for pkd, other_pkd in zip(pkd_values, other_values, strict=True)
        ]
        rows = [str(line) for line, gap in zip(table[ROW], gaps, strict=True) if gap > FLAGGED_PKD]
        if rows:
            message = (
                f"{counted(len(rows), 'row')} of {column!r} and {name} differ by up to "
                f"{max(gaps):.2f} pKd: a wrong unit, or another measurement; `abag data import` "
                "refuses differences of 0.9 and more by row"
            )
            severity = Severity.ERROR if max(gaps) >= REFUSED_PKD else Severity.WARNING
            kind_of = FaultKind.COLUMNS_DISAGREE
            faults.append(
                Fault.of_rows(kind_of, severity, column, rows, len(pkd_values), message, {})
            )
    return faults


def _second_writings(
    table: pl.DataFrame, column: str, kind: Quantity
) -> Iterator[tuple[str, list[float | None]]]:
    """Name and pKd by row of each column (or pair of rates) that should equal ``column``."""
    own_header = read_value_header(column)
    rates: dict[str, tuple[str, str]] = {}
    for name in table.columns:
        rate, header = read_rate_header(name), read_value_header(name)
        if rate is not None and rate.unit is not None:
            rates.setdefault(rate.constant, (name, rate.unit))
        elif (
            header is not None and name not in (ROW, column) and header.quantity is not None
            and header.quantity.is_absolute and header.unit is not None and header.unread is None
            and (own_header is None or header.remarks == own_header.remarks)
        ):  # fmt: skip
            yield repr(name), pkds(table[name], header.quantity.value, header.unit)
    if kind is Quantity.KD and len(rates) == 2:
        (kon, kon_unit), (koff, koff_unit) = rates["kon"], rates["koff"]
        rate_columns = RateColumns(kon, koff, kon_unit, koff_unit)
        yield f"{koff!r} / {kon!r}", minus_log10(rate_columns.kd_molar(table))


def _numbers(path: Path, table: pl.DataFrame, column: str) -> pl.Series:
    """The column as numbers; empty cells are missing, anything else must be a number."""
    if column not in table.columns:
        columns = ", ".join(name for name in table.columns if name != "source_row")
        raise TableError(path, [Problem(1, column, f"no such column; the file has {columns}")])
    texts = pl.Series(column, [present(cell) for cell in table[column]], pl.String)
    numbers = texts.cast(pl.Float64, strict=False)
    finite = numbers.is_finite().fill_null(False)
    not_numbers = table.filter(~finite & texts.is_not_null() & (texts != ""))
    if not_numbers.height:
        problems = [
            Problem(row, column, f"{text[:40]!r} is no finite number")
            for row, text in not_numbers.select("source_row", column).iter_rows()
        ]
        raise TableError(
            path, problems, "Censored values belong in a table for `abag data import`."
        )
    return numbers
