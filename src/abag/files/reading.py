"""Reading files within bounds: plain files, pipes, gzip, JSON, lines among arrays; checksums.

``/dev/stdin``, ``<(...)`` and named pipes can be read only once; their content is kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import stat
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from abag.errors import FileFormatError, MissingFileError
from abag.files.recovery import recover

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNPACKED_BYTES: Final = 128 * 2**20
"""A gzip file may always unpack to this much."""
UNPACKED_RATIO: Final = 40
"""Beyond, it may hold this many times its own size: text of chains packs about 5 to 30 times."""
PLAIN_BYTES: Final = 2 * 2**30
"""A file that is read as a whole may hold this much; `abag screen` reads larger ones in parts."""
SEAL: Final = "content_sha256"
"""Key of a JSON file that holds the digest of all others."""

PIPE_BYTES: Final = 256 * 2**20
"""Most bytes that are taken from a pipe."""

GZIP_MARK: Final = b"\x1f\x8b"
_CHUNK: Final = 2**20


def is_pipe(path: Path) -> bool:
    """Whether ``path`` is there and can be read from start to end only once."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def piped(path: Path) -> bytes:
    """The whole content of a pipe; it is kept, so that several readers may ask for it.

    Raises:
        FileFormatError: it gives more than :data:`PIPE_BYTES`.
    """
    status = path.stat()
    return _content_of_pipe(path, status.st_dev, status.st_ino)


@lru_cache(maxsize=8)
def _content_of_pipe(path: Path, _device: int, _inode: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as stream:
            content = bytearray()
            while more := stream.read(2**20):
                content += more
                if len(content) > PIPE_BYTES:
                    raise FileFormatError(
                        f"{path} gives more than {PIPE_BYTES // 2**20} MB; write it to a file, and "
                        "name the file"
                    )
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from None
    return bytes(content)


def opened(path: Path) -> io.BufferedReader | io.BytesIO:
    """Open a file, or the kept content of a pipe, for reading from its start."""
    return io.BytesIO(piped(path)) if is_pipe(path) else path.open("rb")


def require_file(path: Path) -> None:
    """Raise unless ``path`` is a file, or a pipe such as ``/dev/stdin``, that holds something."""
    if not path.exists():
        raise MissingFileError(f"there is no file {path}")
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder; name a file inside it")
    size = len(piped(path)) if is_pipe(path) else path.stat().st_size
    if size == 0:
        raise FileFormatError(f"{path} is empty")


def require_folder(path: Path) -> None:
    """Raise unless ``path`` is a folder; one whose replacement was cut short is put back."""
    recover(path)
    if not path.exists():
        raise MissingFileError(f"there is no folder {path}")
    if not path.is_dir():
        raise FileFormatError(f"{path} is a file; name a folder")


def read_bytes(path: Path) -> bytes:
    """Content of a plain or gzip file; a truncated or overlarge one is named as such."""
    require_file(path)
    with opened(path) as stream:
        packed = stream.read(2) == GZIP_MARK
        if not packed and stream.seek(0, io.SEEK_END) > PLAIN_BYTES:
            raise FileFormatError(
                f"{path} holds more than {PLAIN_BYTES // 2**20} MB, which are not read at once; "
                "part it, or screen it with `abag screen`"
            )
        stream.seek(0)
        if not packed:
            return stream.read()
        with unpacked(path, stream) as plain:
            return plain.read()


def unpacked(path: Path, stream: BinaryIO) -> BinaryIO:
    """The content of a gzip stream, unpacked as it is read.

    Reading raises :class:`FileFormatError` where the file is damaged, cut short, or unpacks to
    more than :data:`UNPACKED_BYTES` and :data:`UNPACKED_RATIO` times its size.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return io.BufferedReader(_Unpacking(path, stream, max(UNPACKED_BYTES, UNPACKED_RATIO * size)))


class _Unpacking(io.RawIOBase):
    """Unpacks one or several gzip members; never holds more than a chunk."""

    def __init__(self, path: Path, packed: BinaryIO, most: int) -> None:
        self._path, self._packed, self._most = path, packed, most
        self._member = zlib.decompressobj(wbits=31)
        self._waiting, self._n_unpacked = b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._next_part(len(buffer))
        self._n_unpacked += len(content)
        if self._n_unpacked > self._most:
            raise FileFormatError(
                f"{self._path} unpacks to more than {self._most // 2**20} MB; unpack it with "
                "gunzip first where that is right"
            )
        buffer[: len(content)] = content
        return len(content)

    def _next_part(self, most: int) -> bytes:
        try:
            while True:
                if self._member.eof:
                    self._waiting = self._member.unused_data
                    # Members may follow each other, and zeros may fill a file up.
                    self._waiting = self._waiting.lstrip(b"\x00") or self._packed.read(_CHUNK)
                    self._waiting = self._waiting.lstrip(b"\x00")
                    if not self._waiting:
                        return b""
                    self._member = zlib.decompressobj(wbits=31)
                elif not self._waiting:
                    self._waiting = self._packed.read(_CHUNK)
                    if not self._waiting:
                        raise EOFError("it ends before its end mark")
                part = self._member.decompress(self._waiting, most)
                self._waiting = self._member.unconsumed_tail
                if part:
                    return part
        except (EOFError, zlib.error) as error:
            raise FileFormatError(
                f"{self._path} is a damaged or truncated gzip file ({error}); copy it again"
            ) from None


def read_json(path: Path) -> Any:
    """Read a JSON file; a sealed one (see :func:`sealed`) must be unchanged.

    Raises:
        MissingFileError: there is none.
        FileFormatError: it is not JSON, or was changed.
    """
    content = parse_json(read_bytes(path), path)
    seals = [key for key in content if _is_seal(key)] if isinstance(content, dict) else []
    if seals:
        seal = content.pop(SEAL, None)
        if seal != digest_of_json(content):
            raise FileFormatError(
                f"{path} was changed or damaged after it was written (its digest differs); restore "
                "it from a copy"
            )
    return content


def _is_seal(key: str) -> bool:
    """Whether a key is the seal's, or was before one of its letters was damaged."""
    return len(key) == len(SEAL) and sum(a != b for a, b in zip(key, SEAL, strict=True)) < 2


def parse_json(text: str | bytes, source: Path | str) -> Any:
    """Parse JSON; errors name its ``source``. NaN and infinite numbers are not JSON.

    Raises:
        FileFormatError: the text is not JSON, or nested too deeply.
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise FileFormatError(f"{source} is not a JSON file of abag: nested too deeply") from None
    except ValueError as error:
        raise FileFormatError(f"{source} is not a JSON file: {error}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no JSON number that fits")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with the digest of it all, which :func:`read_json` checks and takes away."""
    return {**content, SEAL: digest_of_json(content)}


def digest_of_json(content: Any) -> str:
    """SHA-256 of plain values, whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packed_lines(lines: Iterable[str]) -> NDArray[np.uint8]:
    """Lines of text as an array to be saved among others; no line may contain a line break."""
    import numpy as np

    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)


def unpacked_lines(content: NDArray[Any], count: int = 0) -> list[str]:
    """The inverse of :func:`packed_lines`; ``count`` lines where all are empty, by default none."""
    text = content.astype("uint8").tobytes().decode()
    return text.split("\n") if text or count == 1 else [""] * count
