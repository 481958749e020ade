"""The picture of an explanation: one bar a position, CDRs shaded, contacts marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.files import replacing
from abag.inference.explaining.explanation import Explanation
from abag.pictures import picture_file

_BAR, _CDR_BAR, _SHADE, _CONTACT = "#8a94a6", "#c2571a", "#fbeee4", "#1f5f8b"
_LABELLED: Final = 8
_APART: Final = 4
"""Residues between two labels, so that they do not stand in each other."""


@picture_file
def draw(explanation: Explanation, path: Path) -> None:
    """Write a PNG, the same bytes for the same explanation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chains = explanation.positions["chain"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(12.0, 2.9 * len(chains) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(chains), 1, squeeze=False, sharey=True)[:, 0]
    positions = explanation.positions.with_columns(pl.col("importance").fill_null(0.0))
    top = max(positions["importance"].to_list(), default=0.0) * 1.25 or 1.0
    for panel, chain in zip(panels, chains, strict=True):
        _panel(panel, positions.filter(pl.col("chain") == chain), chain, top)
    unit = "pKd" if explanation.prediction.pkd is not None else "rank score"
    panels[0].set_title(
        f"Mean absolute change of the predicted {unit} when a residue is replaced "
        f"({explanation.prediction.model_id})",
        fontsize=10,
        loc="left",
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


def _panel(panel: Any, rows: pl.DataFrame, chain: str, top: float) -> None:
    positions, importance = rows["position"].to_list(), rows["importance"].to_list()
    regions = rows["region"].to_list()
    for region in ("CDR1", "CDR2", "CDR3"):
        inside = [number for number, name in zip(positions, regions, strict=True) if name == region]
        if inside:
            panel.axvspan(min(inside) - 0.5, max(inside) + 0.5, color=_SHADE, zorder=0)
            middle = (min(inside) + max(inside)) / 2.0
            panel.text(middle, top * 0.97, region, ha="center", va="top", fontsize=8)
    colours = [_CDR_BAR if name.startswith("CDR") else _BAR for name in regions]
    panel.bar(positions, importance, color=colours, width=0.85, zorder=2)
    touching = rows.filter(pl.col("contact").fill_null(False))["position"].to_list()
    if touching:
        panel.plot(
            touching, [-0.03 * top] * len(touching), "^", color=_CONTACT, markersize=4,
            label="touches the antigen", clip_on=False,
        )  # fmt: skip
        panel.legend(loc="upper left", fontsize=8, frameon=False)
    labelled: list[int] = []
    for row in rows.sort("importance", descending=True)[:_LABELLED].iter_rows(named=True):
        if any(abs(row["position"] - position) < _APART for position in labelled):
            continue
        labelled.append(row["position"])
        panel.annotate(
            f"{row['residue']}{row['imgt']}", (row["position"], row["importance"]),
            ha="center", va="bottom", fontsize=7,
        )  # fmt: skip
    panel.set_xlim(0.0, max(positions) + 1.0)
    panel.set_ylim(-0.06 * top, top)
    panel.set_ylabel(f"{chain} chain", fontsize=9)
    panel.set_xlabel("residue of the variable domain (named: IMGT position)", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
