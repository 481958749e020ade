"""The table and the picture of a loss curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from abag.files import replacing, write_csv
from abag.pictures import picture_file


def write_curve(run: Path, curve: Sequence[dict[str, float]]) -> None:
    """Write ``loss_curve.csv``."""
    names = ["step", "epoch", "tokens", "seconds", "learning_rate", "gradient_norm", "loss"]
    frame = pl.DataFrame(
        [{name: row.get(name) for name in (*names, "held_out_loss")} for row in curve],
        schema=dict.fromkeys((*names, "held_out_loss"), pl.Float64()),
    ).with_columns(pl.col("step", "epoch", "tokens").cast(pl.Int64))
    write_csv(run / "loss_curve.csv", frame)


@picture_file
def draw_curve(
    path: Path, curve: Sequence[dict[str, float]], baselines: dict[str, float] | None = None
) -> None:
    """Draw training and held-out loss (nats a hidden residue) against tokens seen, as PNG.

    ``baselines`` are held-out perplexities by name, drawn as level lines.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    million_tokens = [row["tokens"] / 1e6 for row in curve]
    axes.plot(
        million_tokens, [row["loss"] for row in curve], lw=0.8, color="#9db4c0", label="training"
    )
    measured = [row for row in curve if row.get("held_out_loss") is not None]
    axes.plot(
        [row["tokens"] / 1e6 for row in measured],
        [row["held_out_loss"] for row in measured],
        marker="o",
        ms=3,
        color="#1f4e5f",
        label="held-out sample, every hidden residue masked",
    )
    for name, perplexity in (baselines or {}).items():
        axes.axhline(math.log(perplexity), ls=":", lw=0.9, color="#8a5a44")
        axes.annotate(
            name,
            (million_tokens[-1] if million_tokens else 1.0, math.log(perplexity)),
            fontsize=7,
            ha="right",
            va="bottom",
            color="#8a5a44",
        )
    axes.set_xlabel("tokens seen (millions)")
    axes.set_ylabel("loss (nats a hidden residue)")
    axes.legend(frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
