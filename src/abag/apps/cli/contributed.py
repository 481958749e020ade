"""Commands that other installed packages add: the entry-point group ``abag.commands``.

An entry point names a mapping from a command's name to its import path and its line of help. A
name of two words ("data build") stands under the first. The product imports no such package: what
is not installed is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from cyclopts import App

GROUP: Final = "abag.commands"


@cache
def _contributed() -> dict[str, tuple[str, str]]:
    by_name: dict[str, tuple[str, str]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        added: Mapping[str, tuple[str, str]] = point.load()
        by_name |= added
    return by_name


def add_contributed(app: App, under: str = "") -> None:
    """Add the commands that stand under the command ``under`` (at the top without it)."""
    for name, (path, text) in _contributed().items():
        group, _, last = name.rpartition(" ")
        if group == under:
            app.command(path, name=last, help=text)
