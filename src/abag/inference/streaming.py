"""Large tables in pieces, so that memory does not grow with the file.

A piece is a small table file of its own (header and some records), so it is read, checked and
named in messages as every table is; only its line numbers are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from abag.errors import AbagError, Problem, TableError
from abag.files import parquet_height, parquet_rows, scratch_folder, unpacked

if TYPE_CHECKING:
    from abag.data.formats.sequences.pairing import UserPairs

STREAM_BYTES: Final = 2_000_000
"""Tables of more bytes than this are read in pieces."""
KEPT_BYTES: Final = 16_000_000
"""Of tables of more bytes the predictions are not held in memory."""
PIECE_ROWS: Final = 2_000
PIECE_BYTES: Final = 64_000_000
"""A piece ends here at the latest; it is one record only where a quotation mark is not closed."""
MOST_PROBLEMS: Final = 10_000
"""Reading stops after so many faulty rows."""

_PARQUET_MARK: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class TablePart:
    """A part of a table, as a file."""

    path: Path
    offset: int
    """What must be added to its line numbers."""
    fraction_read: float
    """Share of the whole table that is behind its end."""


@contextmanager
def pieces_of(path: Path, rows: int = PIECE_ROWS) -> Iterator[Iterator[TablePart]]:
    """The pieces of a table, one after another, under a temporary folder.

    A piece's file is there until the next one is asked for.
    """
    with scratch_folder() as folder:
        piece = folder / path.name
        with path.open("rb") as stream:
            parquet = stream.read(4) == _PARQUET_MARK
        yield _parquet_pieces(path, piece, rows) if parquet else _text_pieces(path, piece, rows)


def _text_pieces(path: Path, piece: Path, rows: int) -> Iterator[TablePart]:
    size = path.stat().st_size
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: IO[bytes] = unpacked(path, raw) if packed else raw
        header, line = _header(stream)
        first = line
        while record_lines := _records(stream, rows):
            body = b"".join(record_lines)
            if body.strip():
                piece.write_bytes(header + body)
                yield TablePart(piece, line - first, min(raw.tell() / size, 1.0))
            line += len(record_lines)


def _header(stream: IO[bytes]) -> tuple[bytes, int]:
    """The first record that is not blank, with what stands before it, and its lines."""
    lines: list[bytes] = []
    while not b"".join(lines).strip() and (more := _records(stream, 1)):
        lines += more
    return b"".join(lines), len(lines)


def _records(stream: IO[bytes], count: int) -> list[bytes]:
    """Physical lines of at least ``count`` records; no quoted cell is cut through."""
    lines: list[bytes] = []
    quotes = size = 0
    while size < PIECE_BYTES and (line := stream.readline(PIECE_BYTES)):
        lines.append(line)
        size += len(line)
        quotes += line.count(b'"')
        if len(lines) >= count and quotes % 2 == 0:
            break
    return lines


def _parquet_pieces(path: Path, piece: Path, rows: int) -> Iterator[TablePart]:
    total = parquet_height(path)
    for start in range(0, total, rows):
        part = parquet_rows(path, start, start + rows)
        part.write_parquet(piece)
        yield TablePart(piece, start, (start + part.height) / total)


def read_piece(piece: TablePart, path: Path, reader: Callable[[Path], UserPairs]) -> UserPairs:
    """Read one piece of ``path``; line numbers and messages are those of ``path``."""
    import polars as pl

    try:
        pairs = reader(piece.path)
    except AbagError as error:
        raise moved(error, piece, path) from None
    frame = pairs.frame.with_columns(pl.col("source_row") + piece.offset)
    return replace(pairs, frame=frame)


def moved(error: AbagError, piece: TablePart, path: Path) -> AbagError:
    """The same error about ``path`` instead of a piece of it."""
    if isinstance(error, TableError):
        return TableError(
            path, [_moved_problem(p, piece.offset) for p in error.problems], error.mend
        )
    return type(error)(str(error).replace(str(piece.path), str(path)))


def _moved_problem(problem: Problem, offset: int) -> Problem:
    # Faults of the header stand in line 1 of every piece.
    if problem.row is None or problem.row == 1:
        return problem
    return replace(problem, row=problem.row + offset)
