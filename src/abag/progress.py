"""Progress on standard error, with time left, for anything that takes more than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

_silent = False
_hidden = False
_outer: Progress | None = None


def silence(quiet: bool = True) -> None:
    """Switch all progress display off (``--quiet``) or on again."""
    global _silent
    _silent = quiet


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        disable=_silent or not _is_terminal(),
    )


@contextmanager
def hidden() -> Iterator[None]:
    """No bars and lines of what is done inside the block; one that stands already goes on."""
    global _hidden
    before, _hidden = _hidden, True
    try:
        yield
    finally:
        _hidden = before


@contextmanager
def _bars() -> Iterator[Progress]:
    """The bars of an outer task where there is one, so that bars stand below each other."""
    global _outer
    if _hidden:
        from rich.progress import Progress as Bars

        yield Bars(disable=True)
        return
    if _outer is not None:
        yield _outer
        return
    with _progress() as progress:
        _outer = progress
        try:
            yield progress
        finally:
            _outer = None


def _tell(description: str) -> None:
    """One plain line in place of a bar where standard error is a log."""
    if not _silent and not _hidden and not _is_terminal():
        with suppress(OSError, ValueError, AttributeError):  # closed, full or missing: work goes on
            sys.stderr.write(f"{description}\n")


def _is_terminal() -> bool:
    """Whether standard error is a terminal; it may be closed or missing."""
    try:
        return sys.stderr.isatty()
    except (ValueError, AttributeError):
        return False


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` and show how many are done and how long the rest will take."""
    _tell(description)
    with _bars() as progress:
        yield from progress.track(items, description=description, total=total)


class Task:
    """A bar that is moved by hand."""

    def __init__(self, progress: Progress, description: str, total: float) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=total)

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` more as done."""
        self._progress.advance(self._task, amount)

    def describe(self, description: str) -> None:
        """Change the text before the bar."""
        self._progress.update(self._task, description=description)


@contextmanager
def task(description: str, total: float) -> Iterator[Task]:
    """A bar of ``total`` units for the length of a ``with`` block."""
    _tell(description)
    with _bars() as progress:
        yield Task(progress, description, total)
