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

from abag.data.raw import RawTable
from abag.errors import FileFormatError
from abag.files import read_bytes, require_file

IGG_MOLAR_MASS: Final = 150_000.0
"""g/mol of an IgG; makes ug/mL molar, so that the rank score is a pIC50."""


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
    reader: Callable[[Path], Iterator[RawTable]]
    """Reads the source's folder, one table a file."""


def present(folder: Path, names: Iterable[str]) -> list[Path]:
    """Those of the named files that are in the folder; a complete copy is not required."""
    return [folder / name for name in names if (folder / name).is_file()]


def packed_or_plain(folder: Path, name: str) -> list[Path]:
    """The file ``name.gz`` or, where that is not in the folder, ``name``; none where neither is."""
    return present(folder, (f"{name}.gz", name))[:1]


def read_text_table(path: Path, *, separator: str = ",") -> pl.DataFrame:
    """A published CSV, plain or gzip, every column as text, with ``source_row`` in front.

    Lines may end in a lone carriage return. Cells with line breaks are not counted as lines:
    ``source_row`` numbers records, from 2.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        frame = pl.read_csv(
            io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n")),
            separator=separator,
            infer_schema=False,
            truncate_ragged_lines=True,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} cannot be read as a table: {error}") from None
    return _numbered(frame, 2)


def read_sheet(path: Path, sheet: str, *, header_row: int = 1) -> pl.DataFrame:
    """One sheet of an Excel workbook, every column as text, with ``source_row`` in front.

    ``header_row`` is the line of the header (from 1). Needs fastexcel (calamine).
    """
    import fastexcel

    require_file(path)
    try:
        loaded = fastexcel.read_excel(path).load_sheet(
            sheet, header_row=header_row - 1, dtypes="string"
        )
    except fastexcel.FastExcelError as error:
        raise FileFormatError(f"{path}, sheet {sheet!r}, cannot be read: {error}") from None
    return _numbered(pl.DataFrame(loaded.to_polars()), header_row + 1)


def _numbered(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    return frame.with_row_index("source_row", offset=first).cast({"source_row": pl.Int64})


def listed(*names: str) -> pl.Expr:
    """Expression: the named text columns as one list, without nulls and empty texts."""
    return pl.concat_list([pl.col(name).cast(pl.String) for name in names]).list.filter(
        pl.element().is_not_null() & (pl.element() != "")
    )


def flagged(*always: str, **where: pl.Expr) -> pl.Expr:
    """Expression: the flags ``always``, and the names of those conditions that hold."""
    items = [pl.lit(flag, dtype=pl.String) for flag in (None, *always)]
    items += [flag_if(condition, flag) for flag, condition in where.items()]
    return pl.concat_list(items).list.drop_nulls()


def flag_if(condition: pl.Expr, flag: str) -> pl.Expr:
    """Expression: ``flag`` where the condition holds, else null."""
    return pl.when(condition).then(pl.lit(flag))
