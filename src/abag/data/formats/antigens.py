"""An antigen as a user names it on the command line: letters, or a file of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from abag.errors import OptionError


def given_antigen(texts: Sequence[str]) -> list[str]:
    """Chains of one antigen that a user gives as letters, or as FASTA files of it.

    Raises:
        MissingFileError: a text that names a file which is not there.
        OptionError: a file with several antigens.
    """
    chains: list[str] = []
    for text in texts:
        path = Path(text)
        if text.strip().isalpha() and not _is_file(path):
            chains.append(text)
            continue
        if not _is_file(path) and not _NAMES_A_FILE.search(text):
            chains.append(text)  # refused later, as a chain
            continue
        found = _read(path)
        if len(found) > 1:
            raise OptionError(
                f"{path} has {len(found)} antigens ({', '.join(list(found)[:4])}); give a file "
                "with one, its chains joined by / in one record"
            )
        chains += next(iter(found.values()))
    return chains


def given_antigens(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Antigens by name, each text the letters of one, or a FASTA file of one or several.

    Raises:
        MissingFileError: a text that names a file which is not there.
        OptionError: two antigens of one name.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for number, text in enumerate(texts, start=1):
        path = Path(text)
        if _is_file(path) or _NAMES_A_FILE.search(text):
            found += _read(path).items()
        else:
            found.append((f"antigen {number}", (text,)))
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"two antigens have the name {twice[0]}; give each its own")
    return dict(found)


_NAMES_A_FILE: Final = re.compile(r"\.(?:fa|fasta|faa|txt)(?:\.gz)?$|[\\/]", re.IGNORECASE)


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    from abag.data.formats.sequences.fasta import read_antigens

    return read_antigens(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a chain is longer than the name of a file may be
        return False
