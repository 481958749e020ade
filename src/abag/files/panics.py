"""What a library below prints of its own faults, kept from the user's terminal."""

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
    """Leave out what polars prints of a panic; what else goes to standard error meanwhile follows.

    A panic of Rust is printed before Python gets it as an exception, and no setting stops that.
    """
    with _ONE_AT_A_TIME, _scratch() as kept:
        try:
            own = os.dup(_STANDARD_ERROR)
        except OSError:  # standard error was closed
            yield
            return
        os.dup2(kept.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(own, _STANDARD_ERROR)
            os.close(own)
            kept.seek(0)
            said = kept.read()
            if said and _PANIC not in said:
                os.write(_STANDARD_ERROR, said)


def _scratch() -> Any:
    """A file in memory where the system has such (Linux), which no full disk hinders."""
    if not hasattr(os, "memfd_create"):
        return tempfile.TemporaryFile(buffering=0)
    return os.fdopen(os.memfd_create("panics"), "w+b", buffering=0)
