"""The pictures of a report; each function gives one ``<svg>`` element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.evaluation.reporting.drawing import (
    ACCENT,
    FAINT,
    GRID,
    INK,
    MUTED,
    PAPER,
    SECOND,
    empty,
    figure,
    svg,
)
from abag.evaluation.reporting.wording import number
from abag.evaluation.scores.grouping import LevelScores
from abag.evaluation.scores.intervals import Interval
from abag.evaluation.scores.metrics import BandScore
from abag.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MOST_POINTS: Final = 1500
"""Above this many points a parity plot shows density."""
MOST_GROUPS: Final = 30
_NAME: Final = 24
"""Longest group name drawn, in letters."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One value with its interval, for plots of models side by side."""

    name: str
    value: float | None
    interval: Interval | None
    main: bool


@picture
def parity(labels: Labels, pred: Array, unit: str) -> str:
    """True against predicted values; censored rows are arrows from their bound."""
    exact = labels.exact
    with figure(4.4) as (canvas, axes):
        low, high = _limits(labels, pred)
        axes.plot([low, high], [low, high], color=FAINT, linewidth=0.9, zorder=1)
        if exact.sum() > MOST_POINTS:
            _density(axes, labels.value[exact], pred[exact], (low, high))
        else:
            axes.scatter(
                labels.value[exact], pred[exact], s=11, color=ACCENT, alpha=0.45, linewidths=0,
                zorder=2,
            )  # fmt: skip
        _arrows(axes, labels, pred, (high - low) / 30)
        axes.set(xlim=(low, high), ylim=(low, high), xlabel=f"measured {unit}")
        axes.set_ylabel(f"predicted {unit}")
        axes.set_aspect("equal")
        return svg(canvas, f"Predicted against measured {unit} of {exact.sum()} rows")


def _limits(labels: Labels, pred: Array) -> tuple[float, float]:
    values = np.concatenate([labels.lower, labels.upper, pred])
    values = values[np.isfinite(values)]
    margin = 0.04 * max(float(np.ptp(values)), 1e-6)
    return float(values.min() - margin), float(values.max() + margin)


def _density(axes: Axes, x: Array, y: Array, limits: tuple[float, float]) -> None:
    """Hexagons whose opacity grows with the logarithm of their count."""
    from matplotlib.colors import to_rgb

    cells = axes.hexbin(
        x, y, gridsize=38, extent=(*limits, *limits), mincnt=1, linewidths=0.2, zorder=2
    )
    counts = np.asarray(cells.get_array(), dtype=np.float64)
    strength = 0.15 + 0.85 * np.log1p(counts) / np.log1p(counts.max())
    cells.set_array(None)
    cells.set_facecolor([(*to_rgb(ACCENT), value) for value in strength])
    cells.set_edgecolor("none")


def _arrows(axes: Axes, labels: Labels, pred: Array, length: float) -> None:
    """From the bound of a censored row towards where its true value lies."""
    chosen = np.flatnonzero(labels.censored)
    if len(chosen) > MOST_POINTS:
        chosen = chosen[:: int(np.ceil(len(chosen) / MOST_POINTS))]
    for marker, ends, rows in (
        (">", labels.lower, chosen[np.isposinf(labels.upper[chosen])]),
        ("<", labels.upper, chosen[np.isfinite(labels.upper[chosen])]),
    ):
        if not len(rows):
            continue
        towards = length if marker == ">" else -length
        axes.hlines(
            pred[rows], ends[rows], ends[rows] + towards, color=SECOND, alpha=0.5, linewidth=0.9
        )
        axes.scatter(
            ends[rows] + towards, pred[rows], s=12, marker=marker, color=SECOND, alpha=0.6,
            linewidths=0, label="censored: true value lies this way" if marker == "<" else None,
        )  # fmt: skip


@picture
def models(panels: Sequence[tuple[str, Sequence[Mark], float | None]]) -> str:
    """Models side by side: one panel a metric, dots with intervals; a line where chance lies."""
    count = max(len(marks) for _, marks, _ in panels)
    with figure(len(panels) * (0.62 + 0.24 * count), rows=len(panels), squeeze=False) as (
        canvas,
        grid,
    ):
        for axes, (title, marks, chance) in zip(grid[:, 0], panels, strict=True):
            _forest(axes, marks, chance)
            axes.set_title(title)
        words = "; ".join(
            f"{title}: " + ", ".join(f"{m.name} {number(m.value)}" for m in marks)
            for title, marks, _ in panels
        )
        return svg(canvas, words)


def _forest(axes: Axes, marks: Sequence[Mark], chance: float | None) -> None:
    if chance is not None:
        axes.axvline(chance, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
    for row, mark in enumerate(marks):
        colour = ACCENT if mark.main else MUTED
        if mark.value is None:
            axes.text(
                0.03, row, "undefined", color=FAINT, va="center", fontsize=8.5,
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            continue
        if (ends := _ends(mark.interval)) is not None:
            axes.hlines(row, *ends, color=colour, linewidth=2.2)
        axes.plot(
            mark.value, row, "o", color=colour, markersize=6.5, markeredgecolor=PAPER,
            markeredgewidth=1.0,
        )  # fmt: skip
    axes.set_yticks(range(len(marks)), [mark.name for mark in marks])
    for label, mark in zip(axes.get_yticklabels(), marks, strict=True):
        label.set_color(INK if mark.main else FAINT)
        label.set_fontweight("bold" if mark.main else "normal")
    axes.set_ylim(len(marks) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


@picture
def groups(level: LevelScores, key: str, title: str) -> str:
    """One metric in every group, sorted, with the number of rows; the largest groups if many."""
    scored = [group for group in level.groups if group.scores[key].value is not None]
    largest = sorted(scored, key=lambda group: -group.scores[key].n)[:MOST_GROUPS]
    shown = sorted(largest, key=lambda group: group.scores[key].value or 0.0)
    with figure(0.9 + 0.19 * max(len(shown), 6)) as (canvas, axes):
        if not shown:
            empty(axes, level.summary[key].reason or "nothing to show")
            return svg(canvas, f"{title}: nothing to show")
        values = [group.scores[key].value or 0.0 for group in shown]
        sizes = np.array([group.scores[key].n for group in shown], dtype=np.float64)
        places = np.arange(len(shown))
        axes.hlines(places, 0.0, values, color=GRID, linewidth=1.4)
        axes.scatter(values, places, s=12 + 60 * np.sqrt(sizes / sizes.max()), color=ACCENT,
                     alpha=0.85, linewidths=0, zorder=3)  # fmt: skip
        axes.axvline(0.0, color=FAINT, linewidth=0.9)
        mean = level.summary[key].mean
        if mean is not None:
            axes.axvline(mean, color=SECOND, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.set_yticks(places, [f"{_short(g.name)}  n {g.scores[key].n}" for g in shown])
        axes.set(ylim=(-0.7, len(shown) - 0.3), xlabel=f"{title} (dashed: mean over all groups)")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        return svg(canvas, f"{title} in {len(shown)} groups")


@picture
def bands(scores: Sequence[BandScore], unit: str) -> str:
    """RMSE and mean error by band of the true value, with the number of rows."""
    shown = [band for band in scores if band.n]
    with figure(2.7) as (canvas, axes):
        if not shown:
            empty(axes, "no row has a value that is a number")
            return svg(canvas, "Errors by band: nothing to show")
        places = np.arange(len(shown))
        axes.bar(
            places - 0.19, [b.rmse.value for b in shown], 0.36, color=ACCENT, alpha=0.9,
            label="RMSE",
        )  # fmt: skip
        axes.bar(
            places + 0.19, [b.bias.value for b in shown], 0.36, color=SECOND, alpha=0.9,
            label="mean of predicted − measured",
        )  # fmt: skip
        axes.axhline(0.0, color=FAINT, linewidth=0.9)
        axes.set_xticks(places, [f"{band.title}\nn {band.n}" for band in shown])
        axes.set(xlabel=f"measured {unit}", ylabel=unit)
        axes.margins(y=0.2)
        axes.legend(loc="upper center", ncols=2)
        axes.grid(visible=False, axis="x")
        return svg(canvas, "RMSE and mean error by band of the measured value")


@picture
def residuals(true: Array, pred: Array, unit: str) -> str:
    """Predicted minus measured: against the prediction, and as a histogram."""
    error = pred - true
    with figure(4.6, rows=2, height_ratios=(1.5, 1)) as (canvas, (above, below)):
        if len(true) > MOST_POINTS:
            chosen = np.linspace(0, len(true) - 1, MOST_POINTS).astype(np.intp)
        else:
            chosen = np.arange(len(true))
        above.scatter(pred[chosen], error[chosen], s=9, color=ACCENT, alpha=0.4, linewidths=0)
        above.axhline(0.0, color=FAINT, linewidth=0.9)
        above.set(xlabel=f"predicted {unit}", ylabel="predicted − measured")
        below.hist(error, bins=31, color=ACCENT, alpha=0.9)
        below.axvline(0.0, color=FAINT, linewidth=0.9)
        below.axvline(float(error.mean()), color=SECOND, linewidth=1.2, linestyle=(0, (3, 2)))
        below.set(
            xlabel=f"predicted − measured (dashed: mean {number(float(error.mean()))})",
            ylabel="rows",
        )
        return svg(canvas, f"Residuals of {len(true)} rows; mean {error.mean():.2f}")


@picture
def across_splits(
    names: Sequence[str], panels: Sequence[tuple[str, Sequence[Sequence[Mark]]]]
) -> str:
    """The same models on several splits: one panel a metric, one place a split."""
    with figure(2.8 * len(panels), rows=len(panels), squeeze=False) as (canvas, grid):
        for axes, (title, by_split) in zip(grid[:, 0], panels, strict=True):
            for x, marks in enumerate(by_split):
                _dodged(axes, x, marks)
            axes.axhline(0.0, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
            axes.set_xticks(range(len(names)), [fill(name, 14) for name in names])
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_title(title)
            axes.grid(visible=False, axis="x")
        return svg(canvas, "; ".join(title for title, _ in panels) + f" on {', '.join(names)}")


def _dodged(axes: Axes, x: int, marks: Sequence[Mark]) -> None:
    offsets = np.linspace(-0.28, 0.28, len(marks)) if len(marks) > 1 else np.zeros(1)
    for mark, offset in zip(marks, offsets, strict=True):
        if mark.value is None:
            continue
        colour = ACCENT if mark.main else MUTED
        if (ends := _ends(mark.interval)) is not None:
            axes.vlines(x + offset, *ends, color=colour,
                        linewidth=2.2)  # fmt: skip
        axes.plot(x + offset, mark.value, "o", color=colour, markersize=6,
                  markeredgecolor=PAPER)  # fmt: skip
        if mark.main:
            axes.annotate(number(mark.value), (x + offset, mark.value), xytext=(6, 0),
                          textcoords="offset points", va="center", fontweight="bold")  # fmt: skip


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    if interval is None or interval.low is None or interval.high is None:
        return None
    return interval.low, interval.high


def _short(name: str) -> str:
    # matplotlib reads a dollar sign as the start of a formula.
    name = name.replace("$", "")
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
