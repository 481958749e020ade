"""The antibodies of one shard; a record that cannot be read costs a line, not the shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.choices import Choices
from abag.data.formats.columns import PAIRS_SCHEMA
from abag.data.formats.content import FileKind
from abag.data.formats.reading import read_pairs
from abag.errors import FileFormatError, Problem, TableError
from abag.files import parquet_rows, scratch_folder
from abag.inference.inputs import ROW
from abag.inference.streaming import TablePart, read_piece
from abag.screening.library import PARQUET, LibraryFile, LibraryShard, opened_file, parquet_source

_ROUNDS: Final = 200
"""Faults of the records' shape and of their content are found one after the other."""


@dataclass(frozen=True, slots=True)
class ShardRecords:
    """The antibodies of a shard, and the records that could not be read.

    ``pairs`` are a table as :func:`abag.inference.inputs.read_pairs` makes it; ``unread`` are the
    records that are in none of its rows, each with its line in the file and the reason.
    """

    pairs: pl.DataFrame
    unread: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class LibraryReading:
    """How the files of a library are read: columns and choices of the user."""

    mapping: tuple[str, ...] = ()
    choices: Choices = field(default_factory=Choices)
    antigen_unknown: bool = False
    """Whether a table may be without antigens."""


def read_shard(shard: LibraryShard, reading: LibraryReading) -> ShardRecords:
    """Read the records of a shard.

    Raises:
        MissingFileError: its file is not there.
        FileFormatError, TableError: the file as a whole cannot be read (its header, its columns),
            or is not what it was when the shards were made.
    """
    with scratch_folder() as folder:
        part_path = folder / Path(shard.file.name).name.removesuffix(".gz")
        if shard.file.kind == PARQUET:
            _read_rows(shard).write_parquet(part_path)
            piece = TablePart(part_path, shard.start, 0.0)
        else:
            header = _read_bytes(shard.file, 0, shard.file.header)
            body = _read_bytes(shard.file, shard.start, shard.stop)
            part_path.write_bytes(header + body)
            piece = TablePart(part_path, shard.line - header.count(b"\n"), 0.0)
        return _readable_records(piece, shard.file, reading)


def _read_bytes(file: LibraryFile, start: int, stop: int) -> bytes:
    with opened_file(file.path) as stream:
        stream.seek(start)
        content = stream.read(stop - start)
    if len(content) < stop - start:
        raise _shorter_error(file)
    return content


def _read_rows(shard: LibraryShard) -> pl.DataFrame:
    rows = parquet_rows(parquet_source(shard.file.path), shard.start, shard.stop)
    if rows.height != shard.stop - shard.start:
        raise _shorter_error(shard.file)
    return rows


def _shorter_error(file: LibraryFile) -> FileFormatError:
    return FileFormatError(
        f"{file.path} is shorter than when the screen began; restore it, or give --out a new name"
    )


def _readable_records(piece: TablePart, file: LibraryFile, reading: LibraryReading) -> ShardRecords:
    """Read a piece; records with faults are blanked until the others can be read."""
    path, unread = Path(file.path), list[Problem]()
    for _ in range(_ROUNDS):
        try:
            pairs = read_piece(
                piece,
                path,
                lambda place: read_pairs(
                    place,
                    reading.mapping,
                    choices=reading.choices,
                    antigen_unknown=reading.antigen_unknown,
                ),
            )
        except TableError as error:
            faulty = _faulty_records(error.problems, piece, file)
            if not faulty:
                raise
            unread += faulty
            if not _blank_records(piece, [int(p.row or 0) - piece.offset for p in faulty], file):
                return ShardRecords(pl.DataFrame(schema=PAIRS_SCHEMA), _first_by_line(unread))
            continue
        problems = [
            p if p.row is None else Problem(p.row + piece.offset, p.column, p.reason, p.mend)
            for p in pairs.problems
        ]
        frame = pairs.frame.filter(~pl.col(ROW).is_in([p.row for p in unread]))
        return ShardRecords(frame, _first_by_line([*unread, *problems]))
    raise FileFormatError(f"{path}: more than {_ROUNDS} kinds of faults in one shard; mend it")


def _faulty_records(
    problems: Sequence[Problem], piece: TablePart, file: LibraryFile
) -> list[Problem]:
    """Problems that are each of one record; empty where one of them is of the whole file."""
    above = piece.offset if file.kind == FileKind.FASTA.value else max(piece.offset + 1, 1)
    rows = [problem.row for problem in problems]
    if not rows or any(row is None or row <= above for row in rows):
        return []
    return list(problems)


def _first_by_line(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The first reason of each line, in the order of the lines."""
    first: dict[int | None, Problem] = {}
    for problem in problems:
        first.setdefault(problem.row, problem)
    return tuple(sorted(first.values(), key=lambda p: p.row or 0))


def _blank_records(piece: TablePart, rows: Sequence[int], file: LibraryFile) -> bool:
    """Take the records at these lines of a piece away; False where nothing is left.

    The other records keep their lines.
    """
    if file.kind == PARQUET:
        frame = pl.read_parquet(piece.path).with_row_index("_row", offset=2)
        faulty = pl.col("_row").is_in(list(rows))
        frame.select(pl.when(~faulty).then(pl.exclude("_row"))).write_parquet(piece.path)
        return True
    lines = piece.path.read_bytes().splitlines(keepends=True)
    for row in rows:
        for line_index in _lines_of(lines, row - 1, file):
            lines[line_index] = b"\n"
    piece.path.write_bytes(b"".join(lines))
    above = b"".join(lines)[: file.header].count(b"\n")
    return any(line.strip() for line in lines[above:])


def _lines_of(lines: Sequence[bytes], line_index: int, file: LibraryFile) -> range:
    """The lines of the record that holds line ``line_index``; of a table, that line."""
    if file.kind != FileKind.FASTA.value:
        return range(line_index, min(line_index + 1, len(lines)))
    first = line_index
    while first > 0 and not lines[first].startswith(b">"):
        first -= 1
    last = line_index + 1
    while last < len(lines) and not lines[last].startswith(b">"):
        last += 1
    return range(first, last)
