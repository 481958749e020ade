"""Small tables, splits and recipes for runs of `abag train`, with an encoder that costs nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from abag.data.splits import make_split
from abag.data.splits.split import Split
from abag.files import write_parquet
from abag.training.recipe import Recipe, load_recipe
from abag.training.setup import Options, Sources
from synthetic_encoder import HashEncoder
from synthetic_pairs import complexes_table

TINY = [
    "network.fusion.width=8", "network.fusion.heads=2", "network.fusion.feed_forward=1",
    "network.head.hidden=[8]", "network.fusion.regions=false", "batch.size=8", "batch.accumulate=2",
    "stopping.epochs=3", "network.antibody.id=hash", "network.antigen.id=hash",
    "adaptation=null",
]  # fmt: skip
QUIET = Options(device="cpu", audit=False, report=False, resamples=100)


def tiny_recipe(*settings: str, name: str = "default") -> Recipe:
    """A recipe that trains in a moment; three epochs of a few steps."""
    return load_recipe(name, [*TINY, *settings])


def write_inputs(
    folder: Path, table: pl.DataFrame | None = None, strategy: str = "random", **options: Any
) -> Sources:
    """A table and a split of it as files."""
    table = complexes_table(48, antigens=5) if table is None else table
    options = options or {"fractions": (0.6, 0.2, 0.2)}
    write_parquet(folder / "table.parquet", table)
    make_split(table, strategy, **options).save(folder / "split.parquet")
    return Sources(folder / "table.parquet", folder / "split.parquet")


def encoders() -> tuple[HashEncoder, HashEncoder]:
    """One for both sides."""
    encoder = HashEncoder()
    return encoder, encoder


def outcome(run: Path) -> dict[str, Any]:
    """What a finished run says that may not depend on how often it was stopped."""
    from safetensors.numpy import load_file

    def bits(name: str) -> dict[str, bytes]:
        return {key: array.tobytes() for key, array in load_file(run / name).items()}

    history = pl.read_csv(run / "training_history.csv").drop("seconds", "rows_per_second")
    metrics = json.loads((run / "metrics.json").read_text())
    return {
        "weights": bits("checkpoint.safetensors"),
        "state": bits("state.safetensors"),
        "history": history.rows(),
        "predictions": (run / "test_predictions.csv").read_text(),
        "val": metrics["val"],
    }


def with_time(seconds: float) -> Options:
    """Stop with a saved state after so long; 0 is one step."""
    return replace(QUIET, seconds=seconds)


def load_split(sources: Sources) -> Split:
    """The split of written inputs."""
    return Split.load(sources.split)
