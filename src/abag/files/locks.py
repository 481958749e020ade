"""Locks of the kernel (``flock``): they end with their process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from abag.errors import BusyError, UnavailableError

try:
    import fcntl
except ImportError:  # Windows, where nobody stops a second process
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS: Final = fcntl is not None
LOCK: Final = ".lock"
"""File in a folder that several processes may write; it names its holder and may stay."""


@contextmanager
def hold(path: Path, what: Path, doing: str, *, needed: bool = False) -> Iterator[IO[str]]:
    """Hold the lock file ``path``; ``what`` is named in messages.

    Raises:
        BusyError: another process holds it.
        UnavailableError: the system has no locks, and one is ``needed``.
        OSError: the lock file cannot be written.
    """
    with path.open("a+", encoding="ascii") as lock:
        try:
            taken = take(lock.fileno())
        except BlockingIOError:
            with suppress(OSError, ValueError):
                lock.seek(0)
            holder = lock.read().strip() or "another"
            raise BusyError(
                f"{what} is being {doing} by process {holder}; wait for it, or name another folder"
            ) from None
        if needed and not taken:
            raise UnavailableError(
                f"the file system of {what} has no file locks (Linux and macOS have them on local "
                "disks); name a folder on another disk"
            )
        with suppress(OSError):  # a full disk: the lock holds without the name of its holder
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        try:
            yield lock
        finally:
            with suppress(OSError):
                lock.truncate(0)


def take(handle: int) -> bool:
    """Lock an open file or folder; False where there are no locks.

    Raises:
        BlockingIOError: another process holds it.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
