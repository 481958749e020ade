"""A long result in the making: ``OUT.partial`` holds the pieces that are done.

Every piece is a sealed Parquet file that names what it was made from, so that a stopped prediction
goes on from its last whole piece and ends with the bytes of one that was not stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.errors import FileFormatError, MissingFileError, OptionError
from abag.files import (
    LOCK,
    digest_of_json,
    file_metadata,
    locked,
    make_folder,
    read_json,
    read_parquet,
    replacing,
    write_json,
    write_parquet,
)

ABOUT: Final = "about.json"
MADE_FROM: Final = "abag.made_from"


@dataclass(frozen=True)
class PartialResult:
    """The pieces that are done; made by :func:`partial_result`."""

    folder: Path
    made_from: str
    """Digest of table, model and options."""

    def piece(self, number: int) -> pl.DataFrame | None:
        """A piece that is done; None for one that is not, or is damaged."""
        path = self.path_of(number)
        if not path.exists():
            return None
        try:
            frame, notes = read_parquet(path)
        except FileFormatError:
            return None
        return frame if notes.get(MADE_FROM) == self._mark(number) else None

    def keep(self, number: int, frame: pl.DataFrame) -> None:
        """Put a piece on disk."""
        write_parquet(self.path_of(number), frame, {MADE_FROM: self._mark(number)})

    def has(self, number: int) -> bool:
        """Whether a piece is there by its mark; what it holds is checked when it is read."""
        try:
            return _mark_of(self.path_of(number)) == self._mark(number)
        except (FileFormatError, MissingFileError):
            return False

    def keep_bytes(self, number: int, content: bytes) -> None:
        """Put a piece on disk that was made elsewhere, its mark in it."""
        with replacing(self.path_of(number)) as temporary:
            temporary.write_bytes(content)

    def path_of(self, number: int) -> Path:
        """File of a piece."""
        return self.folder / f"{number:06d}.parquet"

    def _mark(self, number: int) -> str:
        return f"{self.made_from} {number}"


@contextmanager
def partial_result(
    out: Path, made_from: Mapping[str, Any], *, resume: bool = False
) -> Iterator[PartialResult]:
    """Hold ``OUT.partial`` for the length of a block; it goes when the block ends well.

    Pieces of the same table, model and options are kept and gone on with. Pieces of others are
    removed, or refused where the user asks to ``resume``.

    Raises:
        BusyError: another process writes the same result.
        OptionError: the folder holds other files, or the pieces of another prediction.
    """
    folder = out.with_name(f"{out.name}.partial")
    make_folder(folder)
    names = {path.name for path in folder.iterdir()}
    if foreign := sorted(
        name for name in names if name not in (ABOUT, LOCK) and not _is_piece(name)
    ):
        raise OptionError(f"{folder} holds other files ({foreign[0]}); give --out another name")
    with locked(folder):
        before = _about(folder)
        if before != made_from:
            differing = sorted(k for k in made_from if (before or {}).get(k) != made_from[k])
            if resume and before is not None:
                raise OptionError(
                    f"{folder} was made with another {', '.join(differing)}; give what it was made "
                    "with, or leave out --resume to start anew"
                )
            for path in folder.iterdir():
                if path.name != LOCK:
                    path.unlink()
            write_json(folder / ABOUT, made_from, seal=True)
        yield PartialResult(folder, digest_of_json(made_from))
        shutil.rmtree(folder)


def _mark_of(path: Path) -> str | None:
    return file_metadata(path).get(MADE_FROM)


def _is_piece(name: str) -> bool:
    return name.startswith(".") or (name[:6].isdigit() and name[6:] == ".parquet")


def _about(folder: Path) -> dict[str, Any] | None:
    if not (folder / ABOUT).exists():
        return None
    try:
        return dict(read_json(folder / ABOUT))
    except (FileFormatError, TypeError, ValueError):
        return None
