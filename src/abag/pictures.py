"""Whether pictures can be drawn: matplotlib comes with an extra, and no number needs it.

Without it a page says in the place of a picture what would draw it, and a picture that would be a
file of its own is left out; the command says so on standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from html import escape
from importlib.util import find_spec
from typing import Final, ParamSpec

from abag.progress import say

P = ParamSpec("P")

NO_PICTURE: Final = (
    "no picture: matplotlib is not installed; pip install matplotlib, or abag with its extra: "
    "'.[figures]' in a clone, 'abag[figures]' of a wheel"
)


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def picture(draw: Callable[P, str]) -> Callable[P, str]:
    """Decorate a function that gives a picture as markup: without matplotlib, a sentence."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> str:
        return draw(*args, **kwargs) if can_draw() else f"<p>{escape(NO_PICTURE)}</p>"

    return drawn


def picture_file(draw: Callable[P, None]) -> Callable[P, None]:
    """Decorate a function that writes a picture: without matplotlib, a line that there is none."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        if can_draw():
            draw(*args, **kwargs)
        else:
            say(NO_PICTURE)

    return drawn


def written(names: Iterable[str]) -> tuple[str, ...]:
    """The files of a result that are written: without matplotlib, no picture."""
    return tuple(name for name in names if can_draw() or not name.endswith(".png"))
