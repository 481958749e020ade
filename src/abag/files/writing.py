"""Writing files and whole folders under temporary names, renamed when complete.

Also checks of outputs: where folders may be made, and which files may be overwritten.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from abag.errors import AbagError, BusyError, FileFormatError, OptionError
from abag.files.reading import sealed
from abag.files.recovery import (
    LOCK,
    has_other_writer,
    is_left_of,
    is_temporary,
    old_name,
    recover,
    sweep,
    take,
    temporary_prefix,
    undisturbed,
)

_LITTER: Final = frozenset({LOCK, ".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files of the system and of the lock, which no rule about foreign files counts."""
_SHOWN: Final = 3


def require_folder_name(path: Path) -> None:
    """Raise :class:`FileFormatError` where a file stands at ``path`` or above it."""
    recover(path)
    for ancestor in (path, *path.parents):
        if ancestor.exists():
            if not ancestor.is_dir():
                raise FileFormatError(f"{ancestor} is a file; name a folder")
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
    names: Collection[str],
    result: str,
    *,
    overwrite: bool,
    error: type[AbagError] = OptionError,
) -> None:
    """Raise unless a result made of the files ``names`` may be written to ``folder``.

    Files of another kind are never touched; an earlier result is replaced only with ``overwrite``.

    Args:
        folder: new, empty, or of an earlier result.
        names: file names of such a result.
        result: the result in words: "an evaluation".
        overwrite: whether an earlier one may be replaced.
        error: class of the error.
    """
    require_folder_name(folder)
    if not folder.exists():
        return
    # Temporary files of a killed writer count as the file that it was writing.
    existing = {
        path.name for path in folder.iterdir()
        if path.name not in _LITTER and not any(is_left_of(path, name) for name in names)
    }  # fmt: skip
    if foreign := sorted(existing - set(names)):
        listed = ", ".join(foreign[:_SHOWN]) + (", ..." if len(foreign) > _SHOWN else "")
        raise error(
            f"{folder} holds other files than {result} ({listed}); it is left as it is: name a new "
            "folder"
        )
    if existing and not overwrite:
        raise error(f"{folder} exists and holds {result}; name a new folder, or add --overwrite")


@contextmanager
def replacing(path: Path, *, apart: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it and rename it to ``path``.

    On any exception the temporary file is removed and an earlier ``path`` stays as it was.
    Leftovers of a killed process are removed. Inside the block of another ``replacing`` or
    :func:`swapping`, ``path`` itself is yielded: the outer block renames it. ``apart`` gives a path
    in a temporary folder, for libraries that make temporary files of their own beside it.
    """
    if any(is_temporary(ancestor) for ancestor in (path, *path.parents)):
        yield path
        return
    make_folder(path.parent)
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder; name a file to write")
    sweep(path)
    try:
        handle, temporary = _new_folder(path) if apart else _new_file(path)
    except OSError as error:
        raise FileFormatError(f"{path} cannot be written: {error.strerror}") from None
    try:
        take(handle)
        yield temporary
        _flush(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        if apart:
            shutil.rmtree(temporary.parent, ignore_errors=True)
        os.close(handle)


def _new_file(path: Path) -> tuple[int, Path]:
    suffix = path.suffix if "." not in path.suffix[1:] else ""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path), suffix=suffix)
    return handle, Path(name)


def _new_folder(path: Path) -> tuple[int, Path]:
    folder = tempfile.mkdtemp(dir=path.parent, prefix=temporary_prefix(path))
    return os.open(folder, os.O_RDONLY), Path(folder) / path.name


@contextmanager
def replacing_together(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """:func:`replacing` for files that belong together: all are whole before the first is renamed.

    Raises:
        BusyError: another process writes one of them, so that files of both would be mixed.
    """
    with ExitStack() as stack:
        temporaries = tuple(stack.enter_context(replacing(path)) for path in paths)
        for path, temporary in zip(paths, temporaries, strict=True):
            if path != temporary and has_other_writer(path, temporary):
                raise BusyError(f"{path} is being written by another process; wait for it")
        yield temporaries


@contextmanager
def swapping(folder: Path) -> Iterator[Path]:
    """Yield a new folder; when the block ends well, it takes the place of ``folder``.

    An earlier folder stands until the new one is whole, and is put back by whoever asks for it
    next where a kill falls between the two renames (see :mod:`abag.files.recovery`). A folder that
    cannot be renamed, such as a mounted disk, gets its files one by one. Inside the block of
    another ``swapping``, ``folder`` itself is made and yielded.

    A folder that people stand in (the working directory) is not renamed under them.

    Raises:
        BusyError: another process replaces the same folder, or made it meanwhile.
        FileFormatError: it cannot be written.
    """
    if any(is_temporary(path) for path in (folder, *folder.parents)):
        folder.mkdir(exist_ok=True)
        yield folder
        return
    folder = folder.resolve()
    make_folder(folder.parent)
    sweep(folder)
    replaced = folder.is_dir() and any(folder.iterdir())
    new = _folder_beside(folder)
    handle = os.open(new, os.O_RDONLY)
    try:
        take(handle)
        yield new
        for path in new.rglob("*"):
            if path.is_file():
                _flush(path)
        new.chmod(0o755)
        if new.parent == folder:
            _move_in(new, folder)
        else:
            _exchange(new, folder, replaced)
    except OSError as error:
        if isinstance(error, BusyError | FileFormatError):
            raise
        raise FileFormatError(
            f"{folder} cannot be written: {error.strerror or error}; what it held is whole"
        ) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        os.close(handle)


@contextmanager
def new_result(
    folder: Path,
    names: Collection[str],
    result: str,
    *,
    overwrite: bool,
    error: type[AbagError] = OptionError,
) -> Iterator[Path]:
    """:func:`swapping` for a result that consists of files of these names.

    Raises:
        OptionError, or another ``error``: see :func:`require_own`.
    """
    require_own(folder, names, result, overwrite=overwrite, error=error)
    with swapping(folder) as new:
        yield new


def _folder_beside(folder: Path) -> Path:
    prefix = temporary_prefix(folder)
    try:
        working_folder = Path.cwd()
        stays = folder.is_mount() or folder == working_folder or folder in working_folder.parents
        beside = folder if stays else folder.parent
        return Path(tempfile.mkdtemp(dir=beside, prefix=prefix))
    except OSError as error:
        if folder.is_dir() and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            with suppress(OSError):
                return Path(tempfile.mkdtemp(dir=folder, prefix=prefix))
        raise FileFormatError(f"{folder} cannot be written: {error.strerror}") from None


def _exchange(new: Path, folder: Path, replaced: bool) -> None:
    """Rename ``new`` to ``folder``; an earlier one that is replaced is held and set aside."""
    old = old_name(folder)
    try:
        with undisturbed(folder) if replaced else nullcontext():
            if replaced:
                folder.rename(old)
            new.rename(folder)
            _flush_folder(folder.parent)
    except OSError as error:
        if isinstance(error, BusyError):
            raise
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise BusyError(
                f"{folder} was made by another process meanwhile; name another folder, or add "
                "--overwrite"
            ) from None
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        _move_in(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def _move_in(new: Path, folder: Path) -> None:
    """Move the files of ``new`` into ``folder`` one by one; its earlier files are removed."""
    new_names = {path.name for path in new.iterdir()} | {new.name, LOCK}
    for path in sorted(new.iterdir()):
        target = folder / path.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        path.rename(target)
    for path in folder.iterdir():
        if path.name not in new_names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _flush(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _flush_folder(folder: Path) -> None:
    """Flush renames to disk; some file systems cannot, and need not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, *, seal: bool = False) -> None:
    """Write JSON with sorted keys, so that the same content gives the same bytes.

    ``seal`` adds the digest that :func:`abag.files.reading.read_json` checks; files that abag
    reads back are sealed.
    """
    content = sealed(content) if seal else content
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


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
    spare.unlink(missing_ok=True)  # a rename between two names of one file does nothing
