"""What may stand where: files to read, folders to write into, and who may be overwritten."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from abag.errors import AbagError, FileFormatError, MissingFileError, OptionError
from abag.files.locks import LOCK
from abag.files.pipes import is_pipe, piped
from abag.files.recovery import is_left_of, recover

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
