"""A library of antibodies: files anywhere, divided into shards before any work begins.

A shard is a stretch of one file: bytes of a text, rows of a Parquet file. Where it begins and ends
depends on the content and on the number of rows a shard, on nothing else. No antibody is cut
through: chains of one name (FASTA) or of one cell (AIRR) that stand next to each other stay
together.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from abag.errors import FileFormatError, MissingFileError, OptionError
from abag.files import parquet_height, unpacked

SHARD_ROWS: Final = 10_000
"""Records of a shard: some seconds of work, which are lost with a worker that ends."""
_ENDINGS: Final = (".csv", ".tsv", ".txt", ".parquet", ".fasta", ".fa", ".faa", ".airr")
_HEAD_BYTES: Final = 20_000
_LONGEST_RECORD: Final = 1_000_000
"""Bytes after which a quotation mark is taken for one that was never closed."""
PARQUET: Final = "Parquet"
_READ_IN_PART: Final = ("s3://", "gs://", "gcs://", "az://", "abfs://", "abfss://", "http")


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """One file of a library."""

    path: str
    """Where it is: a local path, or whatever fsspec opens."""
    name: str
    """Its name below the library's folder; the same wherever the library lies."""
    kind: str
    """``Parquet``, or a value of :class:`abag.data.formats.reading.FileKind`."""
    size: int
    digest: str
    """SHA-256 of the content; of a remote Parquet file the version that its storage gives."""
    header: int = 0
    """Bytes up to the first record of a table."""
    packed: bool = False
    """Whether it is gzip; positions are those of the unpacked content."""


@dataclass(frozen=True, slots=True)
class LibraryShard:
    """A stretch of a file."""

    file: LibraryFile
    start: int
    stop: int
    """Bytes, or rows of a Parquet file."""
    line: int
    """Lines (of a Parquet file: rows) before its first record."""
    records: int


def plan_library(paths: Sequence[str], rows: int = SHARD_ROWS) -> list[LibraryShard]:
    """Divide the files of a library into shards of about ``rows`` records.

    Args:
        paths: Files and folders, local or such as ``s3://bucket/library``; their order counts, in
            a folder that of the names.
        rows: Records of a shard; the last of a file may be smaller.

    Raises:
        MissingFileError: there is no such file, or no file of a library in a folder.
        FileFormatError: a file is empty, no table, FASTA or AIRR, or cannot be read.
        OptionError: fewer than one row a shard.
    """
    if rows < 1:
        raise OptionError(f"--shard-rows {rows}: give a number of rows, 1 or more")
    files = [file for path in paths for file in _files(path)]
    names = [name for _, name in files]
    shards: list[LibraryShard] = []
    for path, name in files:
        if sum(path == other for other, _ in files) > 1:
            raise OptionError(f"{path} is given twice")
        file_shards = _plan_file(path, name if names.count(name) == 1 else path, rows)
        if not file_shards:
            raise FileFormatError(f"{path} holds no records")
        shards += file_shards
    return shards


def opened_file(path: str) -> IO[bytes]:
    """A file, local or remote, to read at any place.

    Raises:
        MissingFileError, FileFormatError: it is not there, or cannot be read.
    """
    import fsspec

    try:
        stream: IO[bytes] = fsspec.open(path, "rb").open()
    except FileNotFoundError:
        raise MissingFileError(
            f"there is no file {path}; on a cluster a library must be readable from every node"
        ) from None
    except (OSError, ValueError, ImportError) as error:
        raise FileFormatError(f"{path} cannot be read: {str(error)[:300]}") from None
    return stream


def parquet_source(path: str) -> str:
    """The path that polars opens: it reads addresses that it knows in part; others are fetched."""
    import fsspec

    if "://" not in path or path.startswith(_READ_IN_PART):
        return path
    return str(fsspec.open_local(f"simplecache::{path}"))


def _files(argument: str) -> Iterator[tuple[str, str]]:
    """Paths and names of the files of one argument."""
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(argument)
        if not system.exists(root):
            raise MissingFileError(f"there is no file or folder {argument}")
        if not system.isdir(root):
            yield argument, root.rpartition("/")[2]
            return
        paths = sorted(system.find(root))
    except (OSError, ValueError, ImportError) as error:
        if isinstance(error, MissingFileError):
            raise
        raise FileFormatError(f"{argument} cannot be read: {str(error)[:300]}") from None
    prefix = root.rstrip("/") + "/"
    names = [path.removeprefix(prefix) for path in paths]
    library = [name for name in names if _is_library(name)]
    if not library:
        listed = ", ".join(_ENDINGS)
        raise MissingFileError(f"{argument} holds no file of a library ({listed}, plain or .gz)")
    for name in library:
        yield system.unstrip_protocol(prefix + name) if "://" in argument else prefix + name, name


def _is_library(name: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return not hidden and name.lower().removesuffix(".gz").endswith(_ENDINGS)


def _plan_file(path: str, name: str, rows: int) -> list[LibraryShard]:
    with opened_file(path) as stream:
        head = stream.read(_HEAD_BYTES)
        if not head:
            raise FileFormatError(f"{path} is empty")
        stream.seek(0)
        if head.startswith(b"PAR1"):
            return _parquet_shards(path, name, stream, rows)
        packed = head.startswith(b"\x1f\x8b")
        return _text_shards(path, name, stream, rows, packed)


def _parquet_shards(path: str, name: str, stream: IO[bytes], rows: int) -> list[LibraryShard]:
    count = parquet_height(parquet_source(path))
    size = stream.seek(0, io.SEEK_END)
    file = LibraryFile(path, name, PARQUET, size, _version(path, stream))
    return [
        LibraryShard(file, start, min(start + rows, count), start, min(rows, count - start))
        for start in range(0, count, rows)
    ]


def _version(path: str, stream: IO[bytes]) -> str:
    """Version of the content: its digest; remote, what the storage gives."""
    import fsspec

    if "://" in path:
        system, root = fsspec.core.url_to_fs(path)
        return str(system.ukey(root))
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def _text_shards(
    path: str, name: str, raw: IO[bytes], rows: int, packed: bool
) -> list[LibraryShard]:
    from abag.data.formats.content import FileKind, kind_of_head

    size = raw.seek(0, io.SEEK_END)
    raw.seek(0)
    stream: IO[bytes] = unpacked(Path(path), raw) if packed else raw  # type: ignore[arg-type]
    head = stream.read(_HEAD_BYTES)
    kind = kind_of_head(head)
    if kind is FileKind.STRUCTURE or head.startswith(b"PK"):
        raise FileFormatError(
            f"{path} is no library: give a Parquet or text table, FASTA or AIRR rearrangements"
        )
    raw.seek(0)
    stream = unpacked(Path(path), raw) if packed else raw  # type: ignore[arg-type]
    digest = hashlib.sha256()
    lines = _hashed(stream, digest)
    key: _Key = _no_key
    if kind is FileKind.FASTA:
        above, records, key = b"", _fasta_records(lines), _antibody_name
    else:
        above, first = _header(lines)
        records = _table_records(lines)
        if kind is FileKind.AIRR:
            key = _cell_key(first)
    header = len(above)
    cuts = list(_cuts(records, key, rows, header, above.count(b"\n")))
    file = LibraryFile(path, name, kind.value, size, digest.hexdigest(), header, packed)
    return [LibraryShard(file, *cut) for cut in cuts]


def _hashed(stream: IO[bytes], digest: Any) -> Iterator[bytes]:
    for line in stream:
        digest.update(line)
        yield line


def _header(lines: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Everything up to the first record of a table, and the header itself."""
    above = b""
    for line in lines:
        above += line
        if line.strip() and above.count(b'"') % 2 == 0:
            return above, line
    return above, b""


_Record = tuple[int, int, bytes]
"""Bytes and lines of a record, and its first line; a blank line has its lines below 0."""
_Key = Callable[[bytes], bytes]
"""From the first line of a record the name that it shares with the records of its antibody; empty
where it has none."""


def _no_key(_: bytes) -> bytes:
    return b""


def _fasta_records(lines: Iterator[bytes]) -> Iterator[_Record]:
    """Records with their headers; lines before the first header belong to it."""
    size = count = 0
    header = b""
    for line in lines:
        if line.startswith(b">"):
            if header:
                yield size, count, header
                size = count = 0
            header = line
        size += len(line)
        count += 1
    if size:
        yield size, count, header


def _antibody_name(header: bytes) -> bytes:
    """The name of the antibody whose chain stands below a header of FASTA."""
    from abag.data.formats.sequences.fasta_names import chain_label

    text = header[1:].decode("utf-8", "replace").strip()
    return chain_label(text)[0].encode() if text else b""


def _table_records(lines: Iterator[bytes]) -> Iterator[_Record]:
    """Records of a table; a quoted cell may hold line breaks."""
    size = count = quotes = 0
    first = b""
    for line in lines:
        first = first or line
        size += len(line)
        count += 1
        quotes += line.count(b'"')
        if quotes % 2 and size < _LONGEST_RECORD:
            continue
        yield size, count if first.strip() else -count, first
        size = count = quotes = 0
        first = b""
    if size:
        yield size, count, first


def _cell_key(header: bytes) -> _Key:
    """The key of an AIRR table: the cell that a line names."""
    delimiter = max((b"\t", b",", b";"), key=header.count)
    names = [name.strip(b' "\r\n').lower() for name in header.split(delimiter)]
    column = next((n for n in (b"cell_id", b"barcode", b"clone_id") if n in names), None)
    if column is None:
        return _no_key
    column_index = names.index(column)

    def key(line: bytes) -> bytes:
        cells = line.split(delimiter)
        return cells[column_index].strip() if column_index < len(cells) else b""

    return key


def _cuts(
    records: Iterator[_Record], key: _Key, rows: int, start: int, line: int
) -> Iterator[tuple[int, int, int, int]]:
    """Start, stop, lines before, and records of each shard."""
    stop, lines, shard_records, last = start, line, 0, b""
    for size, count, first in records:
        if shard_records >= rows and not (key(last) and key(last) == key(first)):
            yield start, stop, line, shard_records
            start, line, shard_records = stop, lines, 0
        stop += size
        lines += abs(count)
        if count > 0:
            shard_records += 1
            last = first
    if shard_records:
        yield start, stop, line, shard_records
