"""What an adapter is: it turns the files of one published source into raw rows.

An adapter reads, renames and states facts about the source (quantity, unit, licence, censoring
floors, constant chains). It cleans nothing, drops nothing and splits nothing: every row of the
file comes out, bad ones too, so that the canonical step can account for each of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from abag.errors import FileFormatError
from abag.files import read_bytes, require_file

RAW_SCHEMA: Final[dict[str, pl.DataType]] = {
    "source_row": pl.Int64(),
    "antibody_name": pl.String(),
    "antigen_name": pl.String(),
    "heavy": pl.String(),
    "light": pl.String(),
    "scfv": pl.String(),
    "antigen": pl.List(pl.String()),
    "quantity": pl.String(),
    "value": pl.String(),
    "unit": pl.String(),
    "relation": pl.String(),
    "assay": pl.String(),
    "method": pl.String(),
    "temperature_kelvin": pl.Float64(),
    "molar_mass_g_per_mol": pl.Float64(),
    "highest_molar": pl.Float64(),
    "structure_id": pl.String(),
    "mutations": pl.String(),
    "reference": pl.String(),
    "licence": pl.String(),
    "flags": pl.List(pl.String()),
    "problem": pl.String(),
}
"""Columns of a raw table.

``scfv`` holds a chain with both variable domains (scFv, or VH and VL written as one text) to be
parted by numbering; rows fill either it or ``heavy``. ``value`` is the text of the file; a
relation may stand in it (``>10``) or in ``relation``. ``quantity`` and ``unit`` are texts of
:mod:`abag.units`. ``heavy`` and ``light`` may be swapped in the source: the canonical step
finds out. ``highest_molar`` is the highest concentration tested, in mol/L, at which a value that
says that nothing bound is a bound. ``problem`` is a fault that only the adapter can know, such as
chains that do not carry the stated mutation: a row with one is quarantined under that reason.
"""


@dataclass(frozen=True, slots=True)
class RawTable:
    """The rows of one file: ``frame`` in :data:`RAW_SCHEMA`, ``original`` as the file has them."""

    file: str
    frame: pl.DataFrame
    original: pl.DataFrame
    notes: tuple[str, ...] = ()
    """What was left out around the rows, and columns that were not taken by their name alone."""
    parent: tuple[str, str | None] | None = None
    """Heavy and light chain of the antibody that the rows are variants of, where one was found."""

    def __post_init__(self) -> None:
        if self.frame.height != self.original.height:
            raise ValueError(f"{self.file}: {self.frame.height} rows of {self.original.height}")


@dataclass(frozen=True, slots=True)
class Source:
    """One published source: what it is, and how to read its folder."""

    name: str
    """Folder name under ``ABAG_DATA_SOURCES`` and value of the column ``source``."""
    title: str
    licence: str
    """Default licence of its rows (SPDX where one fits, else ``not stated``)."""
    citation: str
    origin: str
    """Where a user obtains the same files."""
    read: Callable[[Path], Iterator[RawTable]]
    """Reads the source's folder, one table a file."""


def read_text_table(
    path: Path, *, separator: str = ",", encoding: str = "utf8", header_row: int = 1
) -> pl.DataFrame:
    """A published CSV, plain or gzip, every column as text, with ``source_row`` in front.

    ``header_row`` is the line of the header (from 1). Cells with line breaks are not counted as
    lines: ``source_row`` numbers records.
    """
    content = read_bytes(path).decode(encoding if encoding != "utf8" else "utf-8-sig")
    try:
        frame = pl.read_csv(
            io.StringIO(content),
            separator=separator,
            infer_schema=False,
            skip_lines=header_row - 1,
            truncate_ragged_lines=True,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} cannot be read as a table: {error}") from None
    return frame.with_row_index("source_row", offset=header_row + 1).with_columns(
        pl.col("source_row").cast(pl.Int64)
    )


def raw_table(file: str, original: pl.DataFrame, **columns: pl.Expr | str | None) -> RawTable:
    """Build a raw table: each keyword is a raw column, an expression over ``original`` or a text.

    ``original`` must hold ``source_row`` (see :func:`read_text_table`). Columns that are not
    named are null. ``antigen`` and ``flags`` may be given as a text (one item) or a list.
    """
    unknown = set(columns) - set(RAW_SCHEMA)
    if unknown:
        raise ValueError(f"not raw columns: {sorted(unknown)}")
    chosen = {"source_row": pl.col("source_row"), **columns}
    expressions = []
    for name, dtype in RAW_SCHEMA.items():
        value = chosen.get(name)
        expression = value if isinstance(value, pl.Expr) else pl.lit(value, dtype=pl.String)
        expressions.append(expression.alias(name).cast(dtype))
    try:
        frame = original.select(expressions)
    except pl.exceptions.ColumnNotFoundError as error:
        name = str(error).splitlines()[0]
        raise FileFormatError(
            f"{file} lacks a column that this source has: {name}; "
            f"it has {', '.join(original.columns[1:11])}. Get the file that the source names"
        ) from None
    return RawTable(file, frame, original)


def listed(*names: str) -> pl.Expr:
    """Expression: the named text columns as one list, without nulls and empty texts."""
    return pl.concat_list([pl.col(name).cast(pl.String) for name in names]).list.filter(
        pl.element().is_not_null() & (pl.element() != "")
    )


def no_antigen() -> pl.Expr:
    """Expression: the empty list of antigen chains, where a source only names the antigen."""
    return pl.lit([], dtype=pl.List(pl.String))


def flagged(**conditions: pl.Expr) -> pl.Expr:
    """Expression: the list of those names whose condition holds."""
    items = [pl.when(condition).then(pl.lit(name)) for name, condition in conditions.items()]
    return pl.concat_list(items).list.drop_nulls()


def read_sheet(path: Path, sheet: str, *, header_row: int | None = 1) -> pl.DataFrame:
    """One sheet of an Excel workbook, every column as text, with ``source_row`` in front.

    ``header_row`` is the line of the header (from 1); without one (None) the columns are named
    ``column_1`` and so on. Needs fastexcel (calamine).
    """
    import fastexcel

    require_file(path)
    try:
        loaded = fastexcel.read_excel(path).load_sheet(
            sheet, header_row=None if header_row is None else header_row - 1, dtypes="string"
        )
    except fastexcel.FastExcelError as error:
        raise FileFormatError(f"{path}, sheet {sheet!r}, cannot be read: {error}") from None
    frame = pl.DataFrame(loaded.to_polars())
    if header_row is None:
        frame.columns = [f"column_{i}" for i in range(1, frame.width + 1)]
    return frame.with_row_index("source_row", offset=(header_row or 0) + 1).with_columns(
        pl.col("source_row").cast(pl.Int64)
    )


def present(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of the named files that are in the folder; a complete copy is not required."""
    return [folder / name for name in names if (folder / name).is_file()]
