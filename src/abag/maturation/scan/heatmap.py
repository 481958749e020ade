"""The static picture of a scan: residues in columns, amino acids in rows, effects as colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.files import replacing
from abag.maturation.scan.result import Scan
from abag.pictures import picture_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from abag.maturation.antibody.mutants import Site

Reals = NDArray[np.float64]

LETTER_GROUPS: Final = (
    ("small and aliphatic", "GAVLIMPC"), ("aromatic", "FWYH"), ("polar", "STNQ"),
    ("charged", "KRDE"),
)  # fmt: skip
LETTERS: Final = "".join(letters for _, letters in LETTER_GROUPS)
COLOURS: Final = ("#a3161f", "#e58267", "#f6f3ee", "#6fa8d6", "#1c4f93")
"""From weaker to tighter; the middle is no change."""
UNSEEN: Final = "position_not_varied_in_training"
_PER_LINE: Final = 62
_LEAST_COLUMNS: Final = 16
_STYLE: Final[Any] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8,
    "axes.linewidth": 0.0,
}  # fmt: skip
_INK, _FAINT, _EMPTY = "#1c2430", "#59636f", "#ffffff"
_CDR, _FRAMEWORK = "#e3b341", "#cfd4da"


@dataclass(frozen=True, slots=True)
class Grid:
    """Effects of a scan laid out: one column a site, one row a letter of :data:`LETTERS`."""

    sites: tuple[Site, ...]
    delta: Reals
    """(20, sites); NaN for the parent's residue and for mutants that were left out."""
    severe: NDArray[np.bool_]
    """(20, sites): whether the mutant adds a liability of high or medium severity."""
    unseen: NDArray[np.bool_]
    """(sites,): whether no training row of the model changed this position."""
    measured: NDArray[np.bool_]
    """(20, sites): whether the mutant was measured already."""

    @property
    def ends(self) -> tuple[float, float]:
        """Effects at which the colours of worse and better end, each side 98 % within.

        Improvements are few and small; their side ends at a quarter of the other's or more.
        """
        known = self.delta[np.isfinite(self.delta)]
        worse, better = -known[known < 0], known[known > 0]
        low = float(np.quantile(worse, 0.98)) if worse.size else 0.0
        high = float(np.quantile(better, 0.98)) if better.size else 0.0
        return -max(low, high / 4, 1e-6), max(high, low / 4, 1e-6)


def grid_of(scanned: Scan) -> Grid:
    """Lay the table of a scan out by site and letter."""
    column = {(site.chain, site.place): i for i, site in enumerate(scanned.sites)}
    delta = np.full((len(LETTERS), len(scanned.sites)), np.nan)
    severe = np.zeros(delta.shape, dtype=np.bool_)
    unseen = np.zeros(len(scanned.sites), dtype=np.bool_)
    measured = np.zeros(delta.shape, dtype=np.bool_)
    columns = ("chain", "place", "mutant", "delta", "severity", "flags", "measured")
    for chain, place, mutant, value, severity, flags, is_measured in scanned.table.select(
        columns
    ).iter_rows():
        cell = LETTERS.index(mutant), column[chain, place]
        delta[cell] = value
        severe[cell] = severity in ("high", "medium")
        unseen[cell[1]] |= UNSEEN in flags
        measured[cell] = is_measured
    return Grid(scanned.sites, delta, severe, unseen, measured)


@picture_file
def draw_heatmap(scanned: Scan, path: Path) -> None:
    """Write the picture as PNG; the same scan gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    grid = grid_of(scanned)
    lines = lines_of(grid.sites)
    widest = max(_LEAST_COLUMNS, *(len(line) for line in lines))
    cell = min(max(5.6 / widest, 0.185), 0.3)
    wide, high = max(6.9, 0.75 + cell * widest), 1.15 + 3.4 * len(lines)
    with mpl.rc_context(_STYLE):
        fig = Figure(figsize=(wide, high), dpi=130)
        cells = fig.add_gridspec(
            len(lines), 1, left=0.6 / wide, right=(0.6 + cell * widest) / wide,
            top=1 - 1.2 / high, bottom=0.5 / high, hspace=0.24,
        )  # fmt: skip
        colours = LinearSegmentedColormap.from_list("effect", list(COLOURS))
        image: Any = None
        for i, line in enumerate(lines):
            image = _draw_line(fig.add_subplot(cells[i]), grid, line, widest, colours)
        _draw_head(fig, scanned, grid, image)
        with replacing(path) as temporary:
            fig.savefig(temporary, format="png", metadata={"Software": None})


def lines_of(sites: tuple[Site, ...]) -> list[list[int]]:
    """Columns of each line of the picture: chains apart, long chains on lines of equal length."""
    lines: list[list[int]] = []
    for chain in dict.fromkeys(site.chain for site in sites):
        columns = [i for i, site in enumerate(sites) if site.chain == chain]
        count = -(-len(columns) // _PER_LINE)
        lines += [part.tolist() for part in np.array_split(np.array(columns), count)]
    return lines


def _draw_head(fig: Any, scanned: Scan, grid: Grid, image: Any) -> None:
    unit = scanned.effects.unit
    high, wide = fig.get_figheight(), fig.get_figwidth()
    name = scanned.parent.name.replace("$", "")
    fig.text(0.25 / wide, 1 - 0.18 / high, f"Single mutants of {name}", fontsize=13,
               fontweight="bold", color=_INK, va="top")  # fmt: skip
    caption = (
        f"Predicted change of {unit} against the parent, by {scanned.effects.model_id}.\n"
        "Each side of the scale has its own end. Dot: the parent's residue. "
        "Corner: adds a liability.\nBlank: left out. Last row: mean of the position."
    )
    caption += " Ring: measured already." if grid.measured.any() else ""
    caption += " Pale: no training row changed this position." if grid.unseen.any() else ""
    fig.text(0.25 / wide, 1 - 0.47 / high, caption, fontsize=8, color=_FAINT, va="top",
               linespacing=1.4)  # fmt: skip
    bar = fig.add_axes((1 - 2.3 / wide, 1 - 0.37 / high, 1.5 / wide, 0.1 / high))
    fig.colorbar(image, cax=bar, orientation="horizontal", extend="both")
    bar.tick_params(labelsize=7, length=0, colors=_FAINT)
    bar.set_xticks([grid.ends[0], 0.0, grid.ends[1]], [f"{x:+.2g}" if x else "0" for x in
                   (grid.ends[0], 0.0, grid.ends[1])])  # fmt: skip
    for x, side, text in ((-0.12, "right", "worse"), (1.12, "left", "better")):
        bar.text(x, 0.5, text, ha=side, va="center", transform=bar.transAxes, color=_INK)
    bar.text(0.5, 1.25, f"Δ {unit}", ha="center", va="bottom", transform=bar.transAxes,
             color=_INK)  # fmt: skip


def _draw_line(axes: Axes, grid: Grid, line: list[int], widest: int, colours: Any) -> Any:
    """One line of columns, 20 rows of letters and one of position means."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import TwoSlopeNorm

    delta = grid.delta[:, line]
    known = np.isfinite(delta)
    means = np.where(
        known.any(axis=0),
        np.where(known, delta, 0.0).sum(axis=0) / known.sum(axis=0).clip(1), np.nan,
    )  # fmt: skip
    edges = np.arange(len(line) + 1)
    shared = {"cmap": colours, "norm": TwoSlopeNorm(0.0, *grid.ends), "edgecolors": _EMPTY,
              "linewidth": 0.5}  # fmt: skip
    image = axes.pcolormesh(edges, np.arange(len(LETTERS) + 1), delta, **shared)
    foot = len(LETTERS) + 0.4
    axes.pcolormesh(edges, np.array([foot, foot + 1.0]), means[None], **shared)
    sites = [grid.sites[i] for i in line]
    dots = [(x + 0.5, LETTERS.index(s.residue) + 0.5) for x, s in enumerate(sites)
           if s.residue in LETTERS]  # fmt: skip
    axes.plot([x for x, _ in dots], [y for _, y in dots], ".", color=_FAINT, markersize=4)
    rows, places = np.nonzero(grid.measured[:, line])
    axes.plot(places + 0.5, rows + 0.5, "o", markerfacecolor="none", markeredgecolor=_INK,
              markeredgewidth=0.8, markersize=4)  # fmt: skip
    corners = [[(x + 0.6, y), (x + 1, y), (x + 1, y + 0.4)]
               for y, x in np.argwhere(grid.severe[:, line]).tolist()]  # fmt: skip
    axes.add_collection(PolyCollection(corners, facecolors=_INK, linewidths=0))
    pale = [[(x, 0), (x + 1, 0), (x + 1, foot + 1), (x, foot + 1)]
            for x in np.flatnonzero(grid.unseen[line]).tolist()]  # fmt: skip
    axes.add_collection(PolyCollection(pale, facecolors=_EMPTY, alpha=0.55, linewidths=0, zorder=3))
    _labels(axes, sites)
    axes.set(xlim=(0, widest), ylim=(foot + 1.05, -2.3))
    return image


def _labels(axes: Axes, sites: list[Site]) -> None:
    numbered = [f"{site.residue} {site.imgt or f'({site.place})'}" for site in sites]
    axes.set_xticks(np.arange(len(sites)) + 0.5, numbered, rotation=90, fontsize=6.3)
    for label, site in zip(axes.get_xticklabels(), sites, strict=True):
        label.set_fontweight("bold" if site.region.startswith("CDR") else "normal")
    axes.set_yticks(
        [*(np.arange(len(LETTERS)) + 0.5), len(LETTERS) + 0.9], [*LETTERS, "mean"], fontsize=6.8
    )
    axes.tick_params(length=0, pad=1.5, colors=_INK)
    end = 0
    for _, letters in LETTER_GROUPS[:-1]:
        end += len(letters)
        axes.plot([0, len(sites)], [end, end], color=_FAINT, linewidth=0.6)
    for first, last, site in stretches(sites):
        cdr = site.region.startswith("CDR")
        colour, weight = (_INK, "bold") if cdr else (_FAINT, "normal")
        axes.fill_between([first + 0.06, last - 0.06], -0.45, -0.25, linewidth=0,
                          color=_CDR if cdr else _FRAMEWORK)  # fmt: skip
        if last - first >= 5 or cdr:
            name = f"{site.chain} {site.region or 'outside'}"
            axes.text((first + last) / 2, -0.7, name, ha="center", va="bottom", fontsize=7,
                      color=colour, fontweight=weight)  # fmt: skip


def stretches(sites: list[Site]) -> list[tuple[int, int, Site]]:
    """First and past-the-last column of each run of neighbours in one region, with its site."""
    runs: list[tuple[int, int, Site]] = []
    for i, site in enumerate(sites):
        if runs:
            first, _, head = runs[-1]
            if (head.chain, head.region) == (site.chain, site.region):
                runs[-1] = (first, i + 1, head)
                continue
        runs.append((i, i + 1, site))
    return runs
