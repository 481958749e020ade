"""Inputs that can be read only once: ``/dev/stdin``, ``<(...)``, named pipes."""

from __future__ import annotations

import io
import stat
from functools import lru_cache
from pathlib import Path
from typing import Final

from abag.errors import FileFormatError

PIPE_BYTES: Final = 256 * 2**20
"""Most bytes that are taken from a pipe."""


def is_pipe(path: Path) -> bool:
    """Whether ``path`` is there and can be read from start to end only once."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def piped(path: Path) -> bytes:
    """All of a pipe; it is kept, so that several readers may ask for it.

    Raises:
        FileFormatError: it gives more than :data:`PIPE_BYTES`.
    """
    found = path.stat()
    return _drained(path, found.st_dev, found.st_ino)


@lru_cache(maxsize=8)
def _drained(path: Path, _device: int, _inode: int) -> bytes:
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
    """Open a file, or what a pipe gave, for reading from its start."""
    return io.BytesIO(piped(path)) if is_pipe(path) else path.open("rb")
