"""What may stand where: files and pipes to read, folders to write into, who may be overwritten.

``/dev/stdin``, ``<(...)`` and named pipes can be read only once; what they gave is kept.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

from abag.errors import AbagError, FileFormatError, MissingFileError, OptionError
from abag.files.recovery import LOCK, is_left_of, recover

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


_LITTER: Final = frozenset({LOCK, ".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files of the system and of the lock, which no rule about foreign files counts."""
_SHOWN: Final = 3


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


def require_folder_name(path: Path) -> None:
    """Raise :class:`FileFormatError` where a file stands at ``path`` or above it."""
    recover(path)
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


def require_other(outs: Path | Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise :class:`OptionError` when writing one of ``outs`` would overwrite an input."""
    inputs = list(inputs)
    for out in [outs] if isinstance(outs, Path) else outs:
        for path in inputs:
            if out.exists() and path.exists() and out.samefile(path):
                raise OptionError(
                    f"{out} would be written, and it is a file that is read; give --out another "
                    "name"
                )


def require_own(
    folder: Path,
    known: Collection[str],
    what: str,
    *,
    overwrite: bool,
    error: type[AbagError] = OptionError,
) -> None:
    """Raise unless a result made of the files ``known`` may be written to ``folder``.

    Files of another kind are never touched; an earlier result is replaced only when ``overwrite``
    is said.

    Args:
        folder: new, empty, or of an earlier result.
        known: names that such a result has.
        what: the result in words: "an evaluation".
        overwrite: whether an earlier one may be replaced.
        error: class of what is raised.
    """
    require_folder_name(folder)
    if not folder.exists():
        return
    # What a kill left of a part goes with the part.
    found = {
        path.name for path in folder.iterdir()
        if path.name not in _LITTER and not any(is_left_of(path, name) for name in known)
    }  # fmt: skip
    if foreign := sorted(found - set(known)):
        shown = ", ".join(foreign[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
        raise error(
            f"{folder} holds other files than {what} ({shown}); it is left as it is: name a new "
            "folder"
        )
    if found and not overwrite:
        raise error(f"{folder} exists and holds {what}; name a new folder, or add --overwrite")
