"""CSV, TSV and Parquet tables of a user: every cell as text, every row with its line number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.content import PARQUET_MARK, decode, text_lines
from abag.data.formats.sheets.excel import WORKBOOK_MARK, read_workbook
from abag.data.formats.sheets.headline import Sheet, sheet_of
from abag.errors import FileFormatError, OptionError, Problem, TableError, counted
from abag.files import MOST_COLUMNS, parquet_of, read_bytes

ROW: Final = "source_row"
GIVEN_ROW: Final = "source_row_given"
"""Name that a user's own column ``source_row`` gets, since abag adds one."""

NO_DELIMITER: Final = "\x1f"
"""Parts a table of one column; no text of a table holds it."""
_MUTATIONS: Final = re.compile("mutations?|mutants?", re.IGNORECASE)
DELIMITERS: Final[dict[str, str]] = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SHOWN_PLACES: Final = 20
MAX_CELL_CHARACTERS: Final = 100_000
"""A longer cell counts as a fault (most often a quotation mark that is never closed)."""

_SNIFFED_CHARACTERS: Final = 200_000
_COMMENT: Final = re.compile(r"#[^,;\t|]*")
"""A line of a comment; a header such as ``#Pdb;Mutation`` has a delimiter."""
_SEP_LINE: Final = re.compile(r"\s*\"?sep=([^\s\"]|\t)\"?[;,\t]*[ ]*(?:\r\n|\r|\n)", re.IGNORECASE)
"""The line by which Excel names the delimiter of a CSV file."""


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    hidden: str | None = None,
) -> pl.DataFrame:
    """Read CSV, TSV, Parquet (plain or gzip) or an Excel sheet, every column as text.

    The first column, ``source_row`` (Int64), is the physical line on which the record starts; the
    header is line 1 where nothing stands before it. In Parquet, which has no lines, the first row
    is 2. An empty cell is null. A list in Parquet becomes its items joined by ``/``.

    Args:
        path: The file.
        encoding: Encoding of a text that is not UTF-8 (a name that Python knows).
        sheet: Sheet of a workbook that has several.
        hidden: ``skip`` leaves out rows and columns that a workbook hides.

    Raises:
        MissingFileError: There is no such file.
        FileFormatError: The file as a whole is not a table (a folder, empty, an old Excel file,
            UTF-16 without ``encoding``, truncated gzip, no delimiter in the header).
        TableError: All faults of the header and of the rows' shapes at once.
    """
    return read_noted(path, encoding=encoding, sheet=sheet, hidden=hidden)[0]


def read_noted(
    path: Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    hidden: str | None = None,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """As :func:`read_table`, with notes on the lines around the table that were left out."""
    content = read_bytes(path)
    if content.startswith(PARQUET_MARK):
        return _parquet(path, content), ()
    if content.startswith(WORKBOOK_MARK):
        records, problems, book_notes = read_workbook(
            path, content, sheet, skip_hidden=hidden == "skip"
        )
        if not records:
            raise FileFormatError(f"{path} is empty")
        headed = sheet_of(records)
        below_header = [p for p in problems if p.row is None or p.row >= headed.header_line]
        return _frame(path, headed, below_header, ","), (*book_notes, *headed.notes)
    if sheet is not None or hidden is not None:
        raise OptionError(
            f"{path} is no Excel workbook and has no sheets; leave "
            + ("sheet out" if sheet is not None else "hidden out")
        )
    return _parse(path, decode(path, content, encoding))


def _parse(path: Path, text: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    declared = _SEP_LINE.match(text)
    delimiter = declared[1] if declared else find_delimiter(path, text)
    records, problems = _read_records(text, delimiter)
    if declared:
        records = records[1:]
    if not records:
        raise FileFormatError(f"{path} has no header")
    sheet = sheet_of(records)
    return _frame(path, sheet, problems, delimiter), sheet.notes


def _frame(path: Path, sheet: Sheet, problems: list[Problem], delimiter: str) -> pl.DataFrame:
    header, rows = sheet.header, sheet.rows
    problems = [
        *_header_problems(header, sheet.header_line),
        *_ragged_row_problems(header, rows, sheet.lines, delimiter),
        *sheet.problems,
        *problems,
    ]
    if problems:
        raise TableError(path, problems)
    if not rows:
        raise FileFormatError(f"{path} has a header but no rows")
    columns = zip(*rows, strict=True)
    frame = pl.DataFrame(
        [pl.Series(ROW, sheet.lines, pl.Int64)]
        + [
            pl.Series(GIVEN_ROW if name == ROW else name, map(_bare, cells), pl.String)
            for name, cells in zip(header, columns, strict=True)
        ]
    )
    _refuse_huge_cells(path, frame)
    return frame.with_columns(pl.col(pl.String).replace("", None))


def _bare(cell: str) -> str:
    """A cell without ``="..."``, by which programs keep Excel from changing it."""
    return cell[2:-1] if len(cell) > 2 and cell.startswith('="') and cell.endswith('"') else cell


class _QuotingError(Exception):
    """Quotation that cannot be read, in the record that starts on ``line``."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each starts; blank lines are not records."""
    reader = csv.reader(text_lines(text), delimiter=delimiter, strict=True)
    start = 1
    try:
        for record in reader:
            if len(record) > 1 or (record and record[0].strip()):
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        raise _QuotingError(start, _quoting_reason(str(error))) from None


def _quoting_reason(error: str) -> str:
    if "field larger" in error:
        return f"a cell holds more than {csv.field_size_limit():,} characters"
    if "unexpected end" in error:
        return "a quotation mark is opened and never closed"
    return f"quotation marks cannot be read ({error})"


def _read_records(text: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    records: list[tuple[int, list[str]]] = []
    problems: list[Problem] = []
    try:
        records.extend(_records(text, delimiter))
    except _QuotingError as error:
        mend = 'Close each quoted cell, and write a " inside it as ""; reading stopped here'
        problems.append(Problem(error.line, None, str(error), mend))
    return records, problems


def find_delimiter(path: Path, text: str) -> str:
    """The delimiter that parts the header into the most columns; agreeing rows break a tie.

    Raises :class:`FileFormatError` when none parts the header.
    """
    names = [d for d in DELIMITERS if d != "\t"]
    order = ["\t", *names] if ".tsv" in path.suffixes else [",", "\t", *names[1:]]
    widths = {delimiter: _widths(text, delimiter) for delimiter in order}
    widest = max((max(counts) for counts in widths.values() if counts), default=0)
    if widest > MOST_COLUMNS:
        raise FileFormatError(
            f"{path} has a line of more than {MOST_COLUMNS:,} columns; "
            "leave out those that are no measurements"
        )
    splitting = [d for d in order if widths[d] and widths[d][0] > 1]
    if not splitting and _is_list_of_mutations(text):
        return NO_DELIMITER
    if not splitting:
        # Lines of an instrument may stand before the header, and a text below the rows.
        last = {d: next((width for width in reversed(widths[d]) if width > 2), 0) for d in order}
        later = [d for d in order if last[d] and widths[d].count(last[d]) > 1]
        if later:
            return max(later, key=lambda d: last[d])
        first = next((line.strip() for line in text_lines(text) if line.strip()), None)
        if first is None:
            raise FileFormatError(f"{path} is empty")
        if not any(widths.values()):
            raise TableError(path, [Problem(1, None, f"quotation marks cannot be read: {first!r}")])
        spaces = "; it seems to be parted by spaces" if len(first.split()) > 2 else ""
        raise FileFormatError(
            f"{path}: row 1, the header, holds a single column ({first[:80]!r}){spaces}. "
            "Part the columns by comma, tab, semicolon or bar"
        )
    return max(splitting, key=lambda d: (widths[d][0], len(set(widths[d])) == 1))


def _is_list_of_mutations(text: str) -> bool:
    """Whether a text is one column of mutations, whose cells may hold delimiters."""
    first = next((line for line in text_lines(text) if line.strip()), "")
    return _MUTATIONS.fullmatch(first.strip().strip('"')) is not None


def _widths(text: str, delimiter: str) -> list[int]:
    """Number of fields of the header and of the first records, up to the first fault."""
    head = text[:_SNIFFED_CHARACTERS]
    widths: list[int] = []
    with suppress(_QuotingError):
        for _, record in _records(head, delimiter):
            if not _COMMENT.fullmatch(",".join(record)):
                widths.append(len(record))
    # The last record may have been cut through.
    return widths[:-1] if len(head) < len(text) and len(widths) > 1 else widths


def _header_problems(header: Sequence[str], line: int = 1) -> list[Problem]:
    problems = []
    empty = [position for position, name in enumerate(header, start=1) if not name]
    if empty:
        places = ", ".join(map(str, empty[:_SHOWN_PLACES])) + (
            ", ..." if empty[_SHOWN_PLACES:] else ""
        )
        problems.append(
            Problem(
                line,
                None,
                f"no name above column number {places} of {len(header)}",
                "Name it, or leave it out (pandas: to_csv(..., index=False))",
            )
        )
    positions_of: dict[str, list[int]] = {}
    for position, name in enumerate(header, start=1):
        positions_of.setdefault(name, []).append(position)
    for name, same_name in positions_of.items():
        if name and len(same_name) > 1:
            places = ", ".join(map(str, same_name[:_SHOWN_PLACES]))
            more = (
                f" and {len(same_name) - _SHOWN_PLACES:,} more"
                if len(same_name) > _SHOWN_PLACES
                else ""
            )
            reason = f"columns number {places}{more} have the same name"
            problems.append(Problem(line, name, reason, "Rename or remove all but one"))
    if ROW in header and GIVEN_ROW in header:
        problems.append(
            Problem(line, ROW, f"{ROW} is added by abag", "Remove or rename the column")
        )
    return problems


def _ragged_row_problems(
    header: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[int], delimiter: str
) -> list[Problem]:
    width = len(header)
    problems = []
    for line, row in zip(lines, rows, strict=True):
        if len(row) != width:
            hint = _other_delimiter(row, delimiter)
            mend = hint or "Quote cells that hold a delimiter, and fill missing cells"
            reason = f"{counted(len(row), 'field')}, but the header has {width}"
            problems.append(Problem(line, None, reason, mend))
    return problems


def _other_delimiter(row: Sequence[str], delimiter: str) -> str:
    if len(row) == 1:
        for candidate, name in DELIMITERS.items():
            if candidate != delimiter and candidate in row[0]:
                return f"The header is parted by {DELIMITERS[delimiter]}, this row by {name}"
    return ""


def _refuse_huge_cells(path: Path | str, frame: pl.DataFrame) -> None:
    problems = []
    for name in frame.columns[1:]:
        size = frame[name].str.len_chars()
        for row in (size > MAX_CELL_CHARACTERS).arg_true():
            reason = f"a cell of {size[row]:,} characters (at most {MAX_CELL_CHARACTERS:,})"
            mend = "Look for a quotation mark that is never closed"
            problems.append(Problem(frame[ROW][row], name, reason, mend))
    if problems:
        raise TableError(path, problems)


def _parquet(path: Path, content: bytes) -> pl.DataFrame:
    frame, _ = parquet_of(io.BytesIO(content), path)
    if frame.height == 0:
        raise FileFormatError(f"{path} has columns but no rows")
    return text_frame(path, frame, first_row=2)


def text_frame(path: Path | str, frame: pl.DataFrame, *, first_row: int) -> pl.DataFrame:
    """A typed table with every column as text and its rows numbered from ``first_row``."""
    if GIVEN_ROW not in frame.columns and ROW in frame.columns:
        frame = frame.rename({ROW: GIVEN_ROW})
    problems = _header_problems([name.strip() for name in frame.columns])
    texts = []
    for name in frame.columns:
        try:
            texts.append(_as_text(frame[name]).alias(name.strip()))
        except pl.exceptions.PolarsError:
            reason = f"values of type {frame[name].dtype} cannot be written as text"
            problems.append(Problem(1, name, reason, "Remove the column or store it as text"))
    if problems:
        raise TableError(path, problems)
    rows = pl.Series(ROW, range(first_row, frame.height + first_row), pl.Int64)
    numbered = pl.DataFrame([rows, *texts])
    _refuse_huge_cells(path, numbered)
    return numbered.with_columns(pl.col(pl.String).replace("", None))


def _as_text(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.List):
        return column.cast(pl.List(pl.String)).list.join("/", ignore_nulls=True)
    return column.cast(pl.String)
