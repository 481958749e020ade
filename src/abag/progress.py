"""Progress on standard error, with time left, for anything that takes more than two seconds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

PROGRESS_FILE: Final = "ABAG_PROGRESS_FILE"
"""Environment variable: a JSON file that says how far a command is, for whoever started it."""
_LOG_SECONDS: Final = 10.0
"""In a log, a task says how far it is this often."""

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
    """Show no new bars and lines inside the block; a bar that is shown already goes on."""
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


def _tell(text: str) -> None:
    """One plain line in place of a bar where standard error is a log."""
    if not _silent and not _hidden and not _is_terminal():
        with suppress(OSError, ValueError, AttributeError):  # closed, full or missing: work goes on
            sys.stderr.write(f"{text}\n")


def say(text: str) -> None:
    """One line on standard error, unless it is silenced."""
    if not _silent:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"{text}\n")


def _is_terminal() -> bool:
    """Whether standard error is a terminal; it may be closed or missing."""
    try:
        return sys.stderr.isatty()
    except (ValueError, AttributeError):
        return False


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` and show how many are done and how long the rest will take."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with task(description, total) as bar:
        for item in items:
            yield item
            bar.advance()


class Task:
    """A bar that is moved by hand."""

    def __init__(self, progress: Progress, description: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=total)
        self._description, self._total, self._done = description, total, 0.0
        self._began = self._logged = self._written = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` more as done."""
        self._progress.advance(self._task, amount)
        self._done += amount
        self._say()

    def describe(self, description: str) -> None:
        """Change the text before the bar."""
        self._progress.update(self._task, description=description)
        self._description = description

    def _say(self) -> None:
        """Write to a log, and to the file that ``ABAG_PROGRESS_FILE`` names, now and then."""
        now = time.monotonic()
        if now - self._logged >= _LOG_SECONDS:
            self._logged = now
            _tell(self._in_words(now))
        if not _hidden and PROGRESS_FILE in os.environ and now - self._written >= 1.0:
            self._written = now
            _write(Path(os.environ[PROGRESS_FILE]), self._facts(now))

    def _seconds_left(self, now: float) -> float | None:
        if not self._total or not self._done:
            return None
        return (now - self._began) * max(self._total - self._done, 0.0) / self._done

    def _in_words(self, now: float) -> str:
        seconds_left, total = self._seconds_left(now), self._total
        counts = f"{self._done:,.0f}" + (f" of {total:,.0f}" if total else "")
        return f"{self._description}: {counts}" + (
            "" if seconds_left is None else f", {seconds_left:,.0f} s left"
        )

    def _facts(self, now: float) -> dict[str, str | float | None]:
        return {
            "description": self._description,
            "done": self._done,
            "total": self._total,
            "seconds": round(now - self._began, 1),
            "seconds_left": self._seconds_left(now),
        }


@contextmanager
def task(description: str, total: float | None) -> Iterator[Task]:
    """A bar of ``total`` units (None where nobody knows) for the length of a ``with`` block."""
    _tell(description)
    with _bars() as progress:
        yield Task(progress, description, total)


def _write(path: Path, facts: dict[str, str | float | None]) -> None:
    """Write for whoever watches from outside; work does not stop where that cannot be done."""
    with suppress(OSError):
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(json.dumps(facts), encoding="utf-8")
        part.replace(path)
