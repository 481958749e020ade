"""Keeps the panic messages of polars off the user's terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

_STANDARD_ERROR: Final = 2
_PANIC: Final = b"panicked at"
_ONE_AT_A_TIME: Final = RLock()


@contextmanager
def without_panics() -> Iterator[None]:
    """Drop what polars prints of a panic; other output to standard error follows at the end.

    A panic of Rust is printed before Python gets it as an exception, and no setting stops that.
    """
    with _ONE_AT_A_TIME, _memory_file() as capture:
        try:
            terminal = os.dup(_STANDARD_ERROR)
        except OSError:  # standard error was closed
            yield
            return
        os.dup2(capture.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(terminal, _STANDARD_ERROR)
            os.close(terminal)
            capture.seek(0)
            printed = capture.read()
            if printed and _PANIC not in printed:
                os.write(_STANDARD_ERROR, printed)


def _memory_file() -> Any:
    """A file in memory where the system has such (Linux), so that a full disk does not matter."""
    if not hasattr(os, "memfd_create"):
        return tempfile.TemporaryFile(buffering=0)
    return os.fdopen(os.memfd_create("panics"), "w+b", buffering=0)
