"""Releases on this machine: the folder they were pulled into, and the model behind a name.

A release is a folder with ``release.json`` and, below ``model``, a saved model. ``abag pull`` puts
it into ``SHELF/NAME/REVISION``; the shelf is ``~/.cache/abag/models``, or the folder that the
variable ``ABAG_MODELS`` names.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from abag.errors import MissingFileError, OptionError
from abag.files import is_temporary

VARIABLE: Final = "ABAG_MODELS"
RELEASE: Final = "release.json"
MODEL: Final = "model"
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NESTED: Final = "--"
"""Stands for the slash of ``organisation/name`` in the name of a folder."""


@dataclass(frozen=True, slots=True)
class ShelfName:
    """``name@revision``, the revision where one was given."""

    name: str
    revision: str | None = None

    @classmethod
    def read(cls, text: str) -> ShelfName:
        """Read ``name``, ``name@revision`` or ``organisation/name@revision``.

        Raises:
            OptionError: the text is neither.
        """
        name, _, revision = text.partition("@")
        parts = [*name.split("/"), *([revision] if "@" in text else [])]
        if len(name.split("/")) > 2 or not all(_PLAIN.fullmatch(part) for part in parts):
            raise OptionError(
                f"{text!r} is no name of a release; give NAME@REVISION, such as pairs@0.2.0"
            )
        return cls(name, revision or None)

    def __str__(self) -> str:
        """As it is given to ``--model``."""
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def folder_name(self) -> str:
        """The name as one part of a path."""
        return self.name.replace("/", _NESTED)


def shelf() -> Path:
    """Where pulled releases lie."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "abag" / "models"


def shelved() -> dict[ShelfName, Path]:
    """Every release that was pulled, by name and revision."""
    found = {}
    for folder in sorted(shelf().glob(f"*/*/{RELEASE}")):
        revision, name = folder.parent, folder.parent.parent
        if not is_temporary(revision):
            key = ShelfName(name.name.replace(_NESTED, "/"), revision.name)
            found[key] = revision
    return found


def located(model: Path | str) -> Path:
    """The folder of a saved model: itself, the one inside a release, or a pulled one by name.

    Raises:
        MissingFileError: nothing of this name is here.
        OptionError: several revisions were pulled, and none is named.
    """
    folder = Path(model)
    if folder.is_dir():
        return folder / MODEL if (folder / RELEASE).is_file() else folder
    if folder.exists():
        return folder
    try:
        asked = ShelfName.read(str(model))
    except OptionError:
        raise MissingFileError(f"there is no folder {folder}") from None
    known = shelved()
    fits = [
        one for one in known if one.name == asked.name and asked.revision in (None, one.revision)
    ]
    if not fits:
        raise MissingFileError(
            f"there is no folder {folder}, and no release of that name was pulled; `abag models` "
            f"lists those that were, `abag pull {asked}` fetches one"
        )
    if len(fits) > 1:
        raise OptionError(f"{asked} was pulled more than once: name {' or '.join(map(str, fits))}")
    return known[fits[0]] / MODEL
