"""Tables on disk: Parquet with a digest of all that it holds, CSV that a spreadsheet may open."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from abag.errors import FileFormatError
from abag.files.panics import without_panics
from abag.files.parquet_pages import require_sound_file, require_sound_pages
from abag.files.reading import opened, require_file
from abag.files.writing import replacing

if TYPE_CHECKING:
    import polars as pl

DIGEST: Final = "abag.digest"
"""Key of a Parquet file's metadata that holds the digest of its values."""
GROUP_ROWS: Final = 2**20
"""Rows of a row group; each has a digest of its own."""
ZSTD: Final = 3
MOST_COLUMNS: Final = 4_096
"""Every column's name is read as a unit, a quantity and a role; tables have tens of them."""
MOST_CELLS: Final = 200_000_000
"""Cells of a Parquet file, which a few bytes can say."""

_FORMULA: Final = r"^'*[=+\-@\uff1d\uff0b\uff0d\uff20]."
_SUSPECT: Final = rf"(?s){_FORMULA}|[\x00-\x1f\x7f-\x9f]|\\x[0-9a-f]{{2}}"


def write_parquet(path: Path, table: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    """Write Parquet (zstd), so that the same table gives the same bytes.

    The file's metadata get a digest of names, types and values, which :func:`read_parquet` checks.
    """
    with replacing(path) as temporary, written_by_polars(path):
        _write_sealed(temporary, table, metadata or {})


def parquet_bytes(table: pl.DataFrame, metadata: dict[str, str] | None = None) -> bytes:
    """As :func:`write_parquet`, the bytes alone."""
    content = io.BytesIO()
    _write_sealed(content, table, metadata or {})
    return content.getvalue()


def _write_sealed(target: Path | BinaryIO, table: pl.DataFrame, metadata: dict[str, str]) -> None:
    # Where pages end depends on how the table is held in memory: it is held in one piece.
    table = table.rechunk()
    table.write_parquet(
        target, compression="zstd", compression_level=ZSTD, row_group_size=GROUP_ROWS,
        metadata=sealed_metadata(_parts(table), metadata),
    )  # fmt: skip


@contextmanager
def written_by_polars(path: Path) -> Iterator[None]:
    """Turn errors of polars while it writes (a full disk and its like) into FileFormatError."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        reason = str(error).rpartition("error: ")[2][:200]
        raise FileFormatError(f"{path} cannot be written: {reason}") from None


def read_parquet(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Read a Parquet file and its key-value metadata.

    Raises:
        FileFormatError: it is damaged, too large, or was changed since :func:`write_parquet`.
    """
    require_file(path)
    with opened(path) as stream:
        return parquet_of(stream, path)


def parquet_of(stream: BinaryIO, path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """:func:`read_parquet` for an open file; ``path`` is for messages."""
    import polars as pl

    with _readable(path):
        content = io.BytesIO(stream.read())
        require_sound_pages(content.getbuffer())
        lazy_table = pl.scan_parquet(content)
        _require_bounds(path, _height(lazy_table), len(lazy_table.collect_schema()))
        table, metadata = lazy_table.collect(), _metadata_of(content)
    digest = metadata.pop(DIGEST, None)
    if digest is not None and digest != sealed_metadata(_parts(table), metadata)[DIGEST]:
        raise FileFormatError(
            f"{path} was changed or damaged after abag wrote it (its digest differs); restore it "
            "from a copy, or make it again"
        )
    return table, metadata


def parquet_rows(source: str | Path, start: int, stop: int) -> pl.DataFrame:
    """Rows of a Parquet file, read without the others; fewer where it ends before.

    ``source`` is a path or an address that polars opens.
    """
    with _readable(source):
        return _scanned(source).slice(start, stop - start).collect()


def parquet_height(source: str | Path) -> int:
    """Number of rows of a Parquet file, as its footer says."""
    with _readable(source):
        return _height(_scanned(source))


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file; raises FileFormatError where it has no footer."""
    import polars as pl

    require_file(path)
    with _readable(path), opened(path) as stream:
        return pl.scan_parquet(io.BytesIO(stream.read())).collect_schema().names()


def file_metadata(path: Path) -> dict[str, str]:
    """Key-value metadata of a Parquet file; raises FileFormatError where it has no footer."""
    require_file(path)
    with _readable(path), opened(path) as stream:
        return _metadata_of(stream)


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Turn errors of Parquet readers into one that names the file."""
    import polars as pl

    faults = (
        pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, TypeError,
        KeyError, OverflowError, MemoryError,
    )  # fmt: skip
    try:
        with without_panics():
            yield
    except faults as error:
        reason = str(error).strip().partition("\n")[0][:200]
        if isinstance(error, pl.exceptions.PanicException):
            reason = "its pages are damaged"  # the message of a panic is about polars' own code
        raise FileFormatError(
            f"{path} is not a readable Parquet file; make it again, or copy it again ({reason})"
        ) from None


def _scanned(source: str | Path) -> pl.LazyFrame:
    """One file: stars and brackets in its name, or ``key=value`` in its folders, mean nothing."""
    import polars as pl

    if (path := Path(source)).is_file():
        require_sound_file(path)
    return pl.scan_parquet(source, glob=False, hive_partitioning=False)


def _height(table: pl.LazyFrame) -> int:
    import polars as pl

    return int(table.select(pl.len()).collect().item())


def _metadata_of(content: BinaryIO) -> dict[str, str]:
    import polars as pl

    content.seek(0)
    metadata = pl.read_parquet_metadata(content)
    return {key: value for key, value in metadata.items() if key != "ARROW:schema"}


def _require_bounds(path: Path, rows: int, columns: int) -> None:
    if columns > MOST_COLUMNS or rows * columns > MOST_CELLS:
        raise FileFormatError(
            f"{path} says that it holds {rows:,} rows of {columns:,} columns; abag reads "
            f"{MOST_COLUMNS:,} columns and {MOST_CELLS:,} cells at most"
        )


def _parts(table: pl.DataFrame) -> list[pl.DataFrame]:
    """The rows of each row group."""
    return [table.slice(at, GROUP_ROWS) for at in range(0, max(table.height, 1), GROUP_ROWS)]


def sealed_metadata(groups: Sequence[pl.DataFrame], metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file of these groups of rows, with the digest of rows and metadata."""
    names = [[name, str(dtype)] for name, dtype in groups[0].schema.items()]
    digests = [digest_of_rows(group) for group in groups if group.height]
    text = json.dumps([names, digests, dict(metadata)], sort_keys=True)
    return {**metadata, DIGEST: hashlib.sha256(text.encode()).hexdigest()}


def digest_of_rows(rows: pl.DataFrame) -> str:
    """SHA-256 of all values of some rows, however polars stores them."""
    digest = hashlib.sha256()
    _digest_columns(digest, rows)
    return digest.hexdigest()


def _digest_columns(digest: Any, rows: pl.DataFrame) -> None:
    import polars as pl
    from polars import selectors

    # Each call of polars costs more than a small table's column: all columns go through at once.
    numeric = selectors.numeric() - selectors.decimal()
    lists = selectors.by_dtype(pl.List)
    nulls = rows.select(pl.all().is_null())
    lengths = rows.select(lists.list.len().fill_null(0).cast(pl.UInt32))
    texts = rows.select((~(numeric | lists)).cast(pl.String).fill_null(""))
    sizes = texts.select(pl.all().str.len_bytes().cast(pl.UInt32))
    for column in rows.get_columns():
        name = column.name
        digest.update(f"{name} {column.dtype} {len(column)}\n".encode())
        digest.update(nulls[name].to_numpy().tobytes())
        if name in lengths.columns:
            digest.update(lengths[name].to_numpy().tobytes())
            _digest_columns(
                digest, column.filter(lengths[name] > 0).explode().rename("item").to_frame()
            )
        elif name in texts.columns:
            digest.update(sizes[name].to_numpy().tobytes())
            digest.update("".join(texts[name]).encode("utf-8", "surrogatepass"))
        else:
            filled = column.fill_null(0) if column.null_count() else column
            digest.update(filled.to_numpy().tobytes())


def write_csv(path: Path, table: pl.DataFrame, *, float_precision: int | None = None) -> None:
    """Write CSV with texts that are safe in spreadsheets and terminals; see :func:`neutral`."""
    with replacing(path) as temporary:
        neutral_table(table).write_csv(temporary, float_precision=float_precision)


def neutral_table(table: pl.DataFrame) -> pl.DataFrame:
    """The table with every text made :func:`neutral`."""
    import polars as pl

    return table.with_columns(_neutral_column(table[name]) for name, dtype in table.schema.items()
                              if dtype == pl.String)  # fmt: skip


def _neutral_column(column: pl.Series) -> pl.Series:
    suspects = column.filter(column.str.contains(_SUSPECT)).unique()
    return column.replace({text: neutral(text) for text in suspects}) if len(suspects) else column


def neutral(text: str) -> str:
    r"""A cell's text that a spreadsheet shows and does not run (the rule of OWASP).

    A text of two signs or more that begins with ``=``, ``+``, ``-`` or ``@`` (or the wide forms of
    these) gets an apostrophe before it; control characters become ``\x1b`` and the like. Nothing
    is lost: :func:`restored` is its inverse.
    """
    text = re.sub(r"\\(x[0-9a-f]{2})", r"\\x5c\1", text)
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match[0]):02x}", text)
    return f"'{text}" if re.match(_FORMULA, text, re.DOTALL) else text


def restored(text: str) -> str:
    """The inverse of :func:`neutral`."""
    if text.startswith("'") and re.match(_FORMULA, text, re.DOTALL):
        text = text[1:]
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), text)
