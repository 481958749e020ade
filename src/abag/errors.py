"""Every exception a user may see.

Each one is an :class:`AbagError` and a standard error at once, so ``except ValueError`` and
``except AbagError`` both work. A message says what was got, where (file, row, column) and how
to mend it. The command line turns any of them into exit status 2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""A text without control characters (``\x1b`` is spelled out); line break and tab stay."""
    return _CONTROLS.sub(lambda control: ascii(control[0])[1:-1], text)


class AbagError(Exception):
    """Base of all errors that are about the user's input, not about a defect of abag."""

    def __str__(self) -> str:
        """The message, :func:`printable` whatever the user's file put into it."""
        return printable(super().__str__())


class UnitError(AbagError, ValueError):
    """A unit, relation or value that cannot be turned into a binding quantity."""


class SequenceError(AbagError, ValueError):
    """A chain that is not what its column says (alphabet, length, kind)."""


class MutationError(AbagError, ValueError):
    """A mutation that does not fit the parent, or a text that names none."""


class FileFormatError(AbagError, ValueError):
    """A file that cannot be read as what it claims to be."""


class MissingFileError(AbagError, FileNotFoundError):
    """A file or folder that is not there."""


class SchemaError(AbagError, ValueError):
    """A table whose columns or types are not those of the canonical table."""


class SplitError(AbagError, ValueError):
    """A split that cannot be made, or that does not belong to this table."""


class ModelError(AbagError, ValueError):
    """A model that cannot be fitted, saved, loaded or asked for this prediction."""


class EncoderError(AbagError, ValueError):
    """An encoder that cannot read what it is given, or that is not the one that was asked for."""


class OptionError(AbagError, ValueError):
    """A command-line option or argument that is unknown, missing or out of range."""


class CampaignError(AbagError, ValueError):
    """A campaign folder that is not one, or results that do not belong to its open round."""


class ReleaseError(AbagError, ValueError):
    """A release that may not be made, or is not what was released."""


class UnavailableError(AbagError, RuntimeError):
    """A feature that needs something this installation lacks; the message names the mend."""


class BusyError(UnavailableError):
    """A folder or file that another process is writing."""


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 row``, ``2 rows``, ``3 complexes`` (with that ``plural``)."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"


def require_seed(seed: int) -> None:
    """Raise :class:`OptionError` for a seed that no generator takes."""
    if seed < 0:
        raise OptionError(f"the seed is {seed}; give a whole number from 0")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of one place in a user's table."""

    row: int | None
    """Line number in the file (the header is line 1), or None for the whole file."""
    column: str | None
    reason: str
    mend: str = ""

    def __str__(self) -> str:
        """Render as ``row 7, column KD: reason (mend)``."""
        where = [f"row {self.row}"] if self.row is not None else []
        where += [f"column {self.column!r}"] if self.column is not None else []
        head = ", ".join(where)
        text = f"{head}: {self.reason}" if head else self.reason
        return f"{text}. {self.mend}" if self.mend else text


class TableError(AbagError, ValueError):
    """All faults of a table at once."""

    def __init__(
        self, path: Path | str, problems: Sequence[Problem], mend: str = "", shown: int = 20
    ) -> None:
        self.path = Path(path)
        self.problems = tuple(problems)
        self.mend = mend
        lines = [f"{self.path}: {counted(len(self.problems), 'problem')}"]
        lines += [f"  {problem}" for problem in self.problems[:shown]]
        if len(self.problems) > shown:
            lines.append(f"  ... and {len(self.problems) - shown} more")
        if mend:
            lines.append(mend)
        super().__init__("\n".join(lines))


def installed(module: str, advice: str) -> Any:
    """Import an optional module; raises UnavailableError with ``advice`` where it is missing.

    One that is there and cannot be loaded (a library that it needs is missing) says so itself.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UnavailableError(advice) from None
    except ImportError as error:
        raise UnavailableError(f"{module} is installed and cannot be loaded: {error}") from None
