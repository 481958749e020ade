"""How pictures become part of a page: inline SVG in the page's own colours and type.

Figures are drawn in placeholder colours that are replaced by CSS variables, so that one picture
suits light, dark and print. Text stays text. The same figure gives the same bytes.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#0a0001"
FAINT: Final = "#0a0002"
GRID: Final = "#0a0003"
ACCENT: Final = "#0a0004"
SECOND: Final = "#0a0005"
MUTED: Final = "#0a0006"
PAPER: Final = "#0a0007"
_VARIABLES: Final = {
    INK: "--ink", FAINT: "--faint", GRID: "--grid", ACCENT: "--accent", SECOND: "--second",
    MUTED: "--muted", PAPER: "--card",
}  # fmt: skip

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "abag",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}

WIDTH: Final = 4.3
"""Width of a figure in inches: on a phone its text comes out about 10 pixels high."""


@contextmanager
def figure(height: float, rows: int = 1, columns: int = 1, **options: Any) -> Iterator[Any]:
    """A figure of the page's width with ``rows`` x ``columns`` axes; gives (figure, axes)."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        canvas = Figure(figsize=(WIDTH, height), layout="constrained")
        yield canvas, canvas.subplots(rows, columns, **options)


def svg(picture: Figure, description: str) -> str:
    """The figure as an ``<svg>`` element that fills its container, with a text alternative."""
    import matplotlib as mpl

    stream = io.StringIO()
    with mpl.rc_context(_STYLE):
        picture.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r'\n? (?:id="(?:figure|axes|patch|line2d|text|legend|matplotlib\.\w+|xtick|ytick|'
                  r'PathCollection|LineCollection|PolyCollection|FillBetweenPolyCollection)_\d+")',
                  "", text)  # fmt: skip
    text = re.sub(r"(\.\d\d)\d+", r"\1", text)  # hundredths of a point are enough
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, f"var({variable})")
    text = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1var(--font)", text)
    box = re.search(r'viewBox="[^"]*"', text)
    head = f'<svg {box[0] if box else ""} role="img" xmlns:xlink="http://www.w3.org/1999/xlink"'
    label = html.escape(description, quote=True)
    return re.sub(r"<svg[^>]*>", f'{head} aria-label="{label}">', text, count=1).strip()


def empty(axes: Axes, reason: str) -> None:
    """An axes that says why there is nothing to draw."""
    axes.text(
        0.5, 0.5, reason, ha="center", va="center", color=FAINT, transform=axes.transAxes, wrap=True
    )
    axes.set_xticks([])
    axes.set_yticks([])
