"""``abag.read_table``: a user's measurements in Python, read as the commands read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from abag.data.canonical import canonicalise
from abag.data.formats.columns import raw_table_of
from abag.data.formats.content import FileKind, file_kind
from abag.data.formats.explaining import TableReading, explain_table
from abag.data.formats.layouts import recognise
from abag.data.formats.mapping import ColumnMapping, mapping_from_texts
from abag.data.formats.reading import read_measurements
from abag.data.formats.sheets.frames import Tabular, as_text
from abag.data.formats.tables import read_noted
from abag.data.raw import RawTable
from abag.data.tables import OWN_DATA, USER
from abag.errors import FileFormatError, TableError


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A user's measurements as the commands read them: rows in = ``rows`` + ``set_aside``."""

    rows: pl.DataFrame
    """Canonical rows (see docs/data-contract.md)."""
    set_aside: pl.DataFrame
    """Rows that could not be read, each with its line and all its reasons."""
    notes: tuple[str, ...]


def read_table(
    table: Path | str | Tabular,
    *,
    mapping: Sequence[str] = (),
    unit: str | None = None,
    quantity: str | None = None,
    set_aside: bool = False,
) -> OwnTable:
    """Read measurements from a file or from a table in memory, as ``abag data import`` does.

    Args:
        table: A file (CSV, TSV, Excel, Parquet), a polars (lazy, too) or pandas frame, or a list
            of dictionaries.
        mapping: ``heavy=VH`` (a column) and ``assay:=run7`` (a value for every row).
        unit: Unit of the values, where neither their header nor a column says it.
        quantity: Quantity of the values, likewise.
        set_aside: Set rows with problems aside instead of refusing the table.

    Raises:
        TableError: faults of the header, or of rows unless ``set_aside``; all at once.
        AbagError: the file cannot be read.
    """
    raw = _raw(table, mapping, unit, quantity)
    canonical = canonicalise(raw, USER, OWN_DATA)
    if canonical.quarantine.height and not set_aside:
        mend = "Correct these rows, or give set_aside=True."
        raise TableError(raw.file, canonical.problems(), mend)
    return OwnTable(canonical.table, canonical.quarantine, raw.notes)


def _raw(
    table: Path | str | Tabular, mapping: Sequence[str], unit: str | None, quantity: str | None
) -> RawTable:
    if isinstance(table, str | Path):
        return read_measurements(Path(table), mapping=mapping, unit=unit, quantity=quantity)
    column_mapping = mapping_from_texts(mapping, unit=unit, quantity=quantity)
    return raw_table_of(Path("the table"), as_text(table), column_mapping)


def explain_file(
    path: Path,
    mapping: Sequence[str] = (),
    *,
    unit: str | None = None,
    quantity: str | None = None,
    with_values: bool = True,
) -> TableReading:
    """Explain what each column of a file of measurements is taken for; nothing is written.

    A table that is to be predicted needs no values.

    Raises:
        AbagError: the file is no table.
    """
    kind = file_kind(path)
    if kind is not FileKind.TABLE:
        raise FileFormatError(
            f"{path} is {kind}, which is read as such and not by the names of columns; --explain "
            "is for tables (explain the table of --labels)"
        )
    column_mapping: ColumnMapping = mapping_from_texts(mapping, unit=unit, quantity=quantity)
    table, notes = read_noted(path, **column_mapping.constants.reading)
    table, column_mapping, layout_notes = recognise(table, column_mapping)
    return explain_table(table, column_mapping, (*notes, *layout_notes), with_values=with_values)
