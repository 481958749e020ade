"""Excel workbooks (.xlsx): the values of one sheet as text, and tables written as a sheet.

Only values are read. A formula, a date in a column of other things (Excel makes dates of names
such as SEPT7), a merged cell, an error and a percentage are refused by their cell: the stored value
differs from the shown one.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.errors import FileFormatError, Problem, counted
from abag.files import scratch_folder

if TYPE_CHECKING:
    import polars as pl
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

WORKBOOK_MARK: Final = b"PK\x03\x04"
_OPEN_DOCUMENT: Final = b"application/vnd.oasis.opendocument"
_NO_WORKBOOK: Final = "is an Excel (.xlsx), Numbers or zip file that cannot be read"
_MEND: Final = "In Excel: copy, paste special, values; or save the sheet as CSV UTF-8"
_MOST_NAMED: Final = 50


_SCALED: Final = re.compile(r"[0#?],+(?![0#?,])")
"""A format such as ``0.0,`` that shows 1500 as 1.5."""


def read_workbook(
    path: Path, content: bytes, sheet: str | None, *, skip_hidden: bool = False
) -> tuple[list[tuple[int, list[str]]], list[Problem], tuple[str, ...]]:
    """Records of a sheet with their row numbers, a problem for each cell that is no value, notes.

    Rows and columns that are hidden (by hand or by a filter) are read with a note, or left out
    with a note where ``skip_hidden`` says so.

    Raises:
        FileFormatError: no workbook, no such sheet, several sheets of which none is named.
    """
    import openpyxl

    if _OPEN_DOCUMENT in content[:200]:
        raise FileFormatError(
            f"{path} is an OpenDocument sheet (.ods); save it as .xlsx or as CSV UTF-8"
        )
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), rich_text=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError) as error:
        raise FileFormatError(
            f"{path} {_NO_WORKBOOK} ({error}); save the sheet as .xlsx or as CSV UTF-8"
        ) from None
    chosen = _choose(path, book, sheet)
    dates = _columns_of_dates(chosen)
    problems: list[Problem] = []
    records = []
    rows, columns = _hidden(chosen)
    for number, row in enumerate(chosen.iter_rows(), start=chosen.min_row):
        shown = row
        if skip_hidden and (rows or columns):
            shown = tuple(c for c in row if number not in rows and c.column not in columns)
        cells = [_text(cell, dates, problems) for cell in shown]
        if any(cells):
            records.append((number, cells))
    for merged in chosen.merged_cells.ranges:
        reason = f"the cells {merged.coord} are merged"
        problems.append(Problem(merged.min_row, None, reason, "Unmerge them and fill each cell"))
    notes = (*_notes_of_hidden(rows, columns, skip_hidden), *_notes_of_struck(chosen))
    return records, problems[:_MOST_NAMED], notes


def _hidden(sheet: Worksheet) -> tuple[set[int], set[int]]:
    """Numbers of the rows and columns that are hidden and hold something."""
    rows = {
        number
        for number, shown in sheet.row_dimensions.items()
        if shown.hidden and any(cell.value is not None for cell in sheet[number])
    }
    columns = {
        number
        for shown in sheet.column_dimensions.values()
        if shown.hidden
        for number in range(shown.min, min(shown.max, sheet.max_column) + 1)
    }
    return rows, columns


def _notes_of_hidden(rows: set[int], columns: set[int], skipped: bool) -> tuple[str, ...]:
    counts = [(len(rows), "hidden row"), (len(columns), "hidden column")]
    listed = " and ".join(counted(count, noun) for count, noun in counts if count)
    if not listed:
        return ()
    were = "was" if len(rows) + len(columns) == 1 else "were"
    if skipped:
        return (f"{listed} of the sheet {were} left out",)
    return (f"{listed} of the sheet {were} read; --map hidden:=skip leaves them out",)


def _notes_of_struck(sheet: Worksheet) -> tuple[str, ...]:
    """Cells that are struck out are read: whoever struck them may have meant that they are void."""
    struck = [
        cell.coordinate
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None and cell.font is not None and cell.font.strike
    ]
    if not struck:
        return ()
    listed = ", ".join(struck[:5]) + (" and others" if len(struck) > 5 else "")
    return (f"{listed}: struck out and read all the same; empty what is void",)


def _choose(path: Path, book: Any, sheet: str | None) -> Worksheet:
    sheets = {w.title: w for w in book.worksheets if w.sheet_state == "visible"}
    listed = ", ".join(map(repr, sheets))
    if sheet is not None:
        if sheet not in sheets:
            raise FileFormatError(f"{path} has no sheet {sheet!r}; it has {listed}")
        return sheets[sheet]
    filled = [w for w in sheets.values() if w.max_row > 1]
    if len(filled) != 1:
        raise FileFormatError(
            f"{path} has {len(filled)} sheets with rows; say which: --map sheet:=NAME ({listed})"
        )
    return filled[0]


def _columns_of_dates(sheet: Worksheet) -> set[int]:
    """Columns in which every cell but the header and titles is a date: they are read as dates."""
    columns = set()
    for column in sheet.iter_cols():
        filled = [cell for cell in column if cell.value is not None]
        dates = sum(cell.is_date for cell in filled)
        if dates and all(cell.is_date for cell in filled[-dates:]) and dates >= len(filled) - 1:
            columns.add(column[0].column)
    return columns


def _text(cell: Cell, dates: set[int], problems: list[Problem]) -> str:
    value = cell.value
    if value is None:
        return ""
    reason = None
    if cell.data_type == "f":
        reason = f"cell {cell.coordinate} holds a formula ({str(value)[:40]})"
    elif cell.data_type == "e" and value != "#N/A":
        reason = f"cell {cell.coordinate} holds the error {value}"
    elif cell.is_date and isinstance(value, datetime.date | datetime.time | datetime.datetime):
        if cell.column in dates:
            return value.isoformat()
        reason = f"cell {cell.coordinate} holds a date ({value}); was it a name or a number?"
    elif isinstance(value, int | float) and "%" in re.sub(r'"[^"]*"', "", cell.number_format):
        reason = f"cell {cell.coordinate} is shown as a percentage"
    elif isinstance(value, int | float) and _SCALED.search(
        re.sub(r'"[^"]*"', "", cell.number_format)
    ):
        reason = f"cell {cell.coordinate} is shown in thousands by its format"
    if reason is not None:
        problems.append(Problem(cell.row, None, reason, _MEND))
        return str(value)
    if cell.data_type == "n":
        return _as_shown(repr(value) if isinstance(value, float) else str(value), cell)
    return _with_raised(value)


def _as_shown(number: str, cell: Cell) -> str:
    """A number with the words and signs that its format shows beside it (``0.0 "nM"``)."""
    before, behind, has_digits = "", "", False
    for quoted, escaped, digits in _IN_FORMAT.findall(cell.number_format.split(";")[0]):
        has_digits = has_digits or bool(digits)
        before, behind = (
            (before, behind + quoted + escaped)
            if has_digits
            else (before + quoted + escaped, behind)
        )
    return f"{before.strip()}{number} {behind.strip()}".strip() if has_digits else number


_IN_FORMAT: Final = re.compile(r'"([^"]*)"|\\(.)|[_*].|\[[^\]]*\]|([0#?]|General)')
_RAISED: Final = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")


def _with_raised(value: Any) -> str:
    """A text with its superscripts: ``1.5x10³`` and ``5²`` are no 1.5x103 and 52."""
    pieces = value if isinstance(value, list) else [value]
    return "".join(
        str(piece).translate(_RAISED)
        if getattr(getattr(piece, "font", None), "vertAlign", None) == "superscript"
        else str(piece)
        for piece in pieces
    )


def write_workbook(path: Path, table: pl.DataFrame | Mapping[str, pl.DataFrame]) -> None:
    """Write a table as the one sheet of a workbook, or several by the names of their sheets.

    Texts stay texts, whatever they look like.

    Lists are joined by ``;``. The same table gives the same bytes: the dates inside are fixed.
    """
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)

    def cells(sheet: Any, values: tuple[Any, ...]) -> Iterator[Any]:
        for value in values:
            plain = ";".join(map(str, value)) if isinstance(value, list) else value
            if isinstance(plain, str):
                cell = WriteOnlyCell(sheet, value=plain)
                cell.data_type = "s"  # never a formula or a number
                cell.number_format = "@"
                yield cell
            else:
                yield plain

    buffer = io.BytesIO()
    with scratch_folder() as folder:
        for name, frame in (table if isinstance(table, Mapping) else {"abag": table}).items():
            sheet = book.create_sheet(name)
            _write_below(folder, sheet)
            sheet.append(list(cells(sheet, tuple(frame.columns))))
            for row in frame.iter_rows():
                sheet.append(list(cells(sheet, row)))
        fixed = datetime.datetime(2000, 1, 1)
        book.properties.created = book.properties.modified = fixed
        book.save(buffer)
    path.write_bytes(_without_times(buffer.getvalue()))


def _write_below(folder: Path, sheet: Any) -> None:
    """Have openpyxl collect the rows of a sheet in ``folder``.

    Its own temporary files would stay behind when the process is killed.
    """
    from openpyxl.worksheet import _writer as writing

    file = str(folder / f"{len(sheet.parent.worksheets)}.xml")
    writing.ALL_TEMP_FILES.append(file)  # openpyxl removes the name from there when it is done
    sheet._writer = writing.WorksheetWriter(sheet, file)
    sheet._writer.write_top()


def _without_times(content: bytes) -> bytes:
    """The archive with one date for all its files, so that the same table gives the same bytes."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2000-01-01T00:00:00Z", data)
            new.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()
