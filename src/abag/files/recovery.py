"""Locks of outputs, and clearing up the temporary files of killed processes.

A file or folder ``NAME`` is made under ``.NAME.abag-XXXXXXXX`` beside it, locked by its writer as
long as it lives: locks of the kernel (``flock``) end with their process, however that ends. A
folder that is replaced waits as ``.NAME.abag-old`` until the new one stands. What no process holds
is put back (an old folder without a new one) or removed by the next process.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from abag.errors import BusyError, UnavailableError

try:
    import fcntl
except ImportError:  # Windows, where a second process is not stopped
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS: Final = fcntl is not None
LOCK: Final = ".lock"
"""File in a folder that several processes may write; it names its holder and may stay."""


@contextmanager
def hold(path: Path, target: Path, doing: str, *, needed: bool = False) -> Iterator[IO[str]]:
    """Hold the lock file ``path`` of ``target``, which messages name.

    Raises:
        BusyError: another process holds it.
        UnavailableError: the system has no locks, and one is ``needed``.
        OSError: the lock file cannot be written.
    """
    with path.open("a+", encoding="ascii") as lock:
        try:
            has_lock = take(lock.fileno())
        except BlockingIOError:
            with suppress(OSError, ValueError):
                lock.seek(0)
            holder = lock.read().strip() or "another"
            raise BusyError(
                f"{target} is being {doing} by process {holder}; wait for it, or name another "
                "folder"
            ) from None
        if needed and not has_lock:
            raise UnavailableError(
                f"the file system of {target} has no file locks (Linux and macOS have them on "
                "local disks); name a folder on another disk"
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


_MARK: Final = ".abag-"
_OLD: Final = f"{_MARK}old"
_RANDOM_ENDING: Final = re.compile(r"[A-Za-z0-9_]{8}(\.[^.]*)?")


def temporary_prefix(path: Path) -> str:
    """First letters of the names under which ``path`` is made."""
    return f".{path.name}{_MARK}"


def old_name(path: Path) -> Path:
    """The path of a folder while it is replaced."""
    return path.with_name(f".{path.name}{_OLD}")


def is_temporary(path: Path) -> bool:
    """Whether this is the name of something that is being made."""
    head, mark, tail = path.name.partition(_MARK)
    return head.startswith(".") and bool(mark) and _RANDOM_ENDING.fullmatch(tail) is not None


def is_left_of(path: Path, name: str) -> bool:
    """Whether this is the name of an unfinished, or replaced, ``name``."""
    return path.name.startswith(f".{name}{_MARK}") and is_unfinished(path)


def is_unfinished(path: Path) -> bool:
    """Whether this is the name of something that is being made, or replaced."""
    return is_temporary(path) or (path.name.startswith(".") and path.name.endswith(_OLD))


@contextmanager
def try_hold(path: Path, *, unknown: bool = not HAS_LOCKS) -> Iterator[bool]:
    """Hold a file or folder; False where a living process holds it, or where there is none.

    ``unknown`` is the answer where the file system has no locks.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        try:
            is_held = (take(handle) or unknown) and is_at(handle, path)
        except BlockingIOError:
            is_held = False
        yield is_held
    finally:
        os.close(handle)


def recover(folder: Path) -> None:
    """Put back a folder whose replacement stopped between two renames."""
    if not folder.name or folder.exists():
        return
    old = old_name(folder)
    if not old.is_dir():
        return
    # A living writer whose old folder is put back finds it there, and is refused.
    with try_hold(old, unknown=True) as dead:
        if dead and not folder.exists():
            with suppress(OSError):
                old.rename(folder)


def recover_within(folder: Path) -> None:
    """:func:`recover` every folder inside of this one."""
    for old in folder.glob(f".*{_OLD}"):
        recover(old.with_name(old.name[1:].removesuffix(_OLD)))


def sweep(path: Path) -> None:
    """Remove the temporary files of dead processes that were writing ``path``."""
    with suppress(OSError):
        prefix = temporary_prefix(path)
        for leftover in path.parent.iterdir():
            old = leftover == old_name(path) and path.exists()
            if leftover.name.startswith(prefix) and (old or is_temporary(leftover)):
                _remove_dead(leftover)


def has_other_writer(path: Path, temporary: Path) -> bool:
    """Whether a living process makes ``path`` under another name than ``temporary``."""
    prefix = temporary_prefix(path)
    for leftover in path.parent.iterdir():
        if (
            leftover.name.startswith(prefix)
            and is_temporary(leftover)
            and leftover.name != temporary.name
        ):
            with try_hold(leftover, unknown=True) as dead:
                if not dead and leftover.exists():
                    return True
    return False


@contextmanager
def locked(folder: Path, doing: str = "written") -> Iterator[None]:
    """Hold an existing folder for this process, and clear up the leftovers of dead ones.

    A file system without locks lets every process in.

    Raises:
        BusyError: another process holds it.
        OSError: the folder cannot be written.
    """
    with hold(folder / LOCK, folder, doing):
        recover_within(folder)
        for leftover in list(folder.glob(f".*{_MARK}*")):
            if is_unfinished(leftover):
                _remove_dead(leftover)
        yield


@contextmanager
def undisturbed(folder: Path) -> Iterator[None]:
    """Hold an existing folder, so that nobody replaces it (see ``swapping``) meanwhile.

    Raises:
        BusyError: another process holds it.
    """
    with try_hold(folder, unknown=True) as is_held:
        if not is_held:
            raise BusyError(f"{folder} is being used by another process; wait for it")
        yield


def _remove_dead(leftover: Path) -> None:
    with try_hold(leftover) as dead:
        if not dead:
            return
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
