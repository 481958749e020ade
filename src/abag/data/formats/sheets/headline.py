"""Finds the header of a sheet, and leaves out lines around it that are no rows of the table.

Instruments and spreadsheets write lines of their own before the header (a title, a date), records
of commas alone, empty columns at the right, and a nameless column of row numbers. These are left
out with a note; a row of the table never is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from abag.errors import Problem
from abag.files.reading import GZIP_MARK
from abag.units import is_unit

_LOOKED_AT: Final = 40
_HEAD_BYTES: Final = 20_000
_LONGEST_NAME: Final = 60
_NUMBER: Final = re.compile(r"[<>~=≤≥]?\s*[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?\s*%?")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Records with the line on which each starts; the first is the header."""

    header: list[str]
    header_line: int
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Lines that look like the header of a second table."""


def sheet_of(records: Sequence[tuple[int, list[str]]]) -> Sheet:
    """Find the header among records that are not blank, and leave out lines that are no rows."""
    index = _header_index(records)
    notes = []
    if index:
        lines = [str(line) for line, _ in records[:index]]
        shown = lines[0] if index == 1 else f"{lines[0]} to {lines[-1]}"
        notes.append(f"line {shown} before the header left out")
    line, header = records[index]
    if _is_group_line(header) and index + 1 < len(records):
        # IEDB: a line of groups, then the fields of each.
        index += 1
        line, fields = records[index]
        header = [
            f"{group.strip()} - {name.strip()}" for group, name in zip(header, fields, strict=False)
        ]
    elif _is_above_another(records[index : index + 3]):
        index += 1
        line, fields = records[index]
        notes.append(f"line {records[index - 1][0]}, which groups columns, left out")
        header = _under_groups(header, fields)
    body = [record for record in records[index + 1 :] if any(cell.strip() for cell in record[1])]
    header, body = _with_units(header, body, notes)
    body, problems = _rows_of_one_table(header, _without_footnotes(body, len(header), notes), notes)
    while header and not header[0].strip() and not any("".join(c[:1]).strip() for _, c in body):
        header, body = header[1:], [(number, cells[1:]) for number, cells in body]
    width = _width(header, [cells for _, cells in body])
    header = [name.strip() for name in header[:width]]
    rows = [_without_empty_end(cells, width) for _, cells in body]
    lines_of_rows = [number for number, _ in body]
    if header and not header[0] and _is_row_count(rows):
        header, rows = header[1:], [cells[1:] for cells in rows]
        notes.append("the first column, row numbers without a name, left out")
    return Sheet(header, line, rows, lines_of_rows, tuple(notes), tuple(problems))


_Records: TypeAlias = list[tuple[int, list[str]]]
_UNCLEAR_ALONE: Final = frozenset({"sequence", "seq", "name", "id", "chain", "amino acid sequence"})
_FOOTNOTE: Final = re.compile(
    r"[*†‡§¶]+\s*[A-Za-z]+\s|\(?[a-z1-9]\)\s*\w|(?:foot)?notes?\b\s*[:.]"
    r"|(?:n\.?[bda]\.?|n/[ad]|wt|kd|ka|spr|bli|sd|sem|n\.?d\.?b\.?)\s*[:=,]\s*\w+\s"
    r"|(?:abbreviations?|legend|source|remarks?)\b\s*[:.]?|(?:all )?(?:values|data|errors) \w+ ",
    re.IGNORECASE,
)
"""Beginnings of lines of text below a table: ``* measured at 25 °C``, ``NB: no binding``."""
_TYPES: Final = frozenset({"aa", "string", "str", "text", "float", "int", "unit", "units", "-"})


def _with_units(header: list[str], body: _Records, notes: list[str]) -> tuple[list[str], _Records]:
    """The header with the units of a line below it, where that line holds units alone."""
    if len(body) < 2:
        return header, body
    line, cells = body[0]
    filled = [cell.strip().strip("()[]") for cell in cells if cell.strip()]
    units = [cell for cell in filled if is_unit(cell)]
    if not units or any(c.lower() not in _TYPES for c in filled if c not in units):
        return header, body
    notes.append(f"line {line} is read as units of the columns")
    below = [cell.strip().strip("()[]") for cell in cells]
    below += [""] * (len(header) - len(below))
    with_units = [
        f"{name.strip()} ({unit})" if unit in units else name
        for name, unit in zip(header, below, strict=False)
    ]
    return with_units, body[1:]


def _is_above_another(records: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether a record with gaps or repeats stands above names for every column, and rows."""
    if len(records) < 3:
        return False
    (_, groups), (_, names), (_, row) = records
    words = [cell.strip() for cell in groups if cell.strip()]
    return (
        1 < len(words) <= len(groups) == len(names)
        and (len(words) < len(groups) or len(set(words)) < len(words))
        and _could_be_header(words := list(dict.fromkeys(words)))
        and _could_be_header(names)
        and not _could_be_header(row)
        and any(_NUMBER.fullmatch(cell.strip()) for cell in row)
    )


def _under_groups(groups: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names of columns; those unclear alone (``sequence``) with their group before them."""
    group = ""
    combined = []
    for above, name in zip(groups, names, strict=True):
        group = above.strip() or group
        is_clear = name.strip().lower() not in _UNCLEAR_ALONE
        combined.append(name if is_clear or not group else f"{group} {name.strip()}")
    return combined


def _without_footnotes(body: _Records, width: int, notes: list[str]) -> _Records:
    """The records without the lines of text below the last row."""
    end = len(body)
    while end > 1:
        filled = [cell.strip() for cell in body[end - 1][1] if cell.strip()]
        text = ", ".join(filled)
        is_text = (
            len(filled) == 1 and len(text.split()) > 4 and len(body[end - 1][1][0].strip()) > 0
        )
        if not (len(filled) <= max(1, width // 2) and (is_text or _FOOTNOTE.match(text))):
            break
        end -= 1
    if end < len(body):
        lines = ", ".join(str(line) for line, _ in body[end:][:5])
        notes.append(f"line {lines} left out: a text below the table")
    return body[:end]


def _rows_of_one_table(
    header: Sequence[str], body: _Records, notes: list[str]
) -> tuple[_Records, list[Problem]]:
    """Records that are rows: comments and repeats of the header are left out, with a note.

    Another header below is a problem: the rows behind it belong to a second table.
    """
    names = [name.strip() for name in header]
    keys = {name.lower() for name in names if name}
    rows: _Records = []
    left_out: dict[str, list[str]] = {}
    problems = []
    for line, cells in body:
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) == 1 and filled[0].startswith("#") and len(names) > 1:
            left_out.setdefault("a comment", []).append(str(line))
        elif len(filled) > 1 and [cell.strip() for cell in cells[: len(names)]] == names:
            left_out.setdefault("the header once more", []).append(str(line))
        elif _could_be_header(filled) and 2 * sum(c.lower() in keys for c in filled) >= len(filled):
            reason = "it looks like the header of a second table"
            mend = "Put each table into a file or sheet of its own"
            problems.append(Problem(line, None, reason, mend))
        else:
            rows.append((line, cells))
    if not rows and not problems:
        return body, []  # then the line that was taken for the header is none
    notes += [f"line {', '.join(lines[:5])} left out: {kind}" for kind, lines in left_out.items()]
    return rows, problems


def starts_with_its_header(path: Path) -> bool:
    """Whether the first line of a file seems to be its header: such a file can be read in pieces.

    A workbook, a line ``sep=;`` and lines of an instrument before the header need the whole file.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith((GZIP_MARK, b"PAR1")):
        return True
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    if head.startswith(b"PK") or not lines or lines[0].strip(' "').lower().startswith("sep="):
        return False
    marks = [max(line.count(mark) for mark in ",;\t|") for line in lines[:_LOOKED_AT]]
    return marks[0] > 0 and marks[0] >= min(marks[1:2] or [0])


def _header_index(records: Sequence[tuple[int, list[str]]]) -> int:
    """The first record that could be a header, if all before it are sparse; else the first."""
    widest = max((_filled(cells) for _, cells in records[:_LOOKED_AT]), default=0)
    for index, (_, cells) in enumerate(records[:_LOOKED_AT]):
        filled = _filled(cells)
        if _could_be_header(cells) and filled >= max(2, widest):
            return index
        if filled >= widest or filled > max(2, widest // 2) or not cells[0].strip():
            break
    return 0


def _is_group_line(cells: Sequence[str]) -> bool:
    """Whether a record is the first of IEDB's two header lines: names of groups, each repeated."""
    names = [cell.strip() for cell in cells]
    return {"Epitope", "Assay"} <= set(names) and len(set(names)) < len(names) and all(names)


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _could_be_header(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return (
        len(names) > 1
        and all(names)
        and len(set(names)) == len(names)
        and all(len(name) <= _LONGEST_NAME and not _NUMBER.fullmatch(name) for name in names)
    )


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The header's columns without those at its right that are empty in every record."""
    width = len(header)
    while width and not header[width - 1].strip():
        if any(len(cells) >= width and cells[width - 1].strip() for cells in rows):
            return len(header)
        width -= 1
    return width


def _without_empty_end(cells: list[str], width: int) -> list[str]:
    """A record without empty fields beyond the header's columns."""
    end = len(cells)
    while end > width and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _is_row_count(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first column numbers the rows from 0 or 1."""
    first = [cells[0].strip() if cells else "" for cells in rows]
    return bool(first) and any(
        first == [str(number) for number in range(start, start + len(first))] for start in (0, 1)
    )
