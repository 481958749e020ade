"""Writing so that nothing is ever half-written, and checksums of what was read."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abag.errors import FileFormatError, MissingFileError, OptionError

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it and rename it to ``path``.

    On any exception the temporary file is removed and an earlier ``path`` is left as it was.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder; name a file to write")
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix="".join(path.suffixes[-1:])
        )
    except OSError as error:
        raise FileFormatError(f"{path} cannot be written: {error.strerror}") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_folder_name(path: Path) -> None:
    """Raise :class:`FileFormatError` where a file stands at ``path`` or above it."""
    for place in (path, *path.parents):
        if place.exists():
            if not place.is_dir():
                raise FileFormatError(f"{place} is a file; name a folder")
            return


def make_folder(path: Path) -> None:
    """Make a folder and those above it; raise FileFormatError where that cannot be."""
    require_folder_name(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileFormatError(f"the folder {path} cannot be made: {error.strerror}") from None


def require_other(out: Path, inputs: Iterable[Path]) -> None:
    """Raise :class:`OptionError` when writing ``out`` would overwrite an input."""
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise OptionError(f"--out {out} is a file that is read; name another file")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, so that the same content gives the same bytes."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file, naming the file and the place when it is not JSON."""
    require_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileFormatError(f"{path} is not a JSON file: {error}") from None


def write_parquet(path: Path, table: pl.DataFrame, metadata: dict[str, str] | None = None) -> None:
    """Write Parquet through Arrow (zstd), so that the same table gives the same bytes."""
    import pyarrow.parquet

    arrow = table.to_arrow(compat_level=_arrow_level())
    if metadata:
        kept = dict(arrow.schema.metadata or {})
        arrow = arrow.replace_schema_metadata({**kept, **metadata})
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(arrow, temporary, compression="zstd", version="2.6")


def _arrow_level() -> Any:
    import polars as pl

    return pl.CompatLevel.oldest()


def read_parquet(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Read a Parquet file and its key-value metadata."""
    import polars as pl
    import pyarrow
    import pyarrow.parquet

    require_file(path)
    try:
        metadata = pyarrow.parquet.read_metadata(path).metadata or {}
        table = pl.read_parquet(path)
    except (pyarrow.ArrowInvalid, pl.exceptions.ComputeError, OSError) as error:
        raise FileFormatError(
            f"{path} is not a readable Parquet file; make it again, or copy it again ({error})"
        ) from None
    return table, {k.decode(): v.decode("utf-8", "replace") for k, v in metadata.items()}


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; raises FileFormatError for a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
            return {name: stored.get_tensor(name) for name in stored.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} is damaged ({error})") from None


def keep_previous(last: Path, previous: Path) -> None:
    """Give a file that is about to be replaced its second name; one is whole at every moment."""
    spare = previous.with_name(f".{previous.name}.new")
    spare.unlink(missing_ok=True)
    try:
        os.link(last, spare)
    except OSError:  # a file system without hard links
        last.replace(previous)
        return
    spare.replace(previous)


def require_file(path: Path) -> None:
    """Raise unless ``path`` is a file that holds something."""
    if not path.exists():
        raise MissingFileError(f"there is no file {path}")
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder; name a file inside it")
    if path.stat().st_size == 0:
        raise FileFormatError(f"{path} is empty")


def require_folder(path: Path) -> None:
    """Raise unless ``path`` is a folder."""
    if not path.exists():
        raise MissingFileError(f"there is no folder {path}")
    if not path.is_dir():
        raise FileFormatError(f"{path} is a file; name a folder")


def read_bytes(path: Path) -> bytes:
    """Content of a plain or gzip file; a truncated gzip is named as such."""
    require_file(path)
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, OSError) as error:
        raise FileFormatError(
            f"{path} is a damaged or truncated gzip file ({error}); copy it again"
        ) from None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
