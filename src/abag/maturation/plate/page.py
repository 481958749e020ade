"""The page of a plate: its wells as they lie, and why each is there."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from abag.maturation.plate.wells import COLUMNS, ROWS
from abag.maturation.propose.proposals import Proposals
from abag.pages import Table, page


def plate_page(proposals: Proposals, table: pl.DataFrame) -> str:
    """One self-contained page: the plates by predicted value, and the list with reasons."""
    values = table["predicted"].to_numpy()
    spread = max(float(np.ptp(values)), 1e-9)
    table = table.with_columns(shade=pl.Series((values - values.min()) / spread))
    parts = table.partition_by("plate", as_dict=True, maintain_order=True)
    return page(
        "plate",
        styles=("plate.css",),
        title="The next plate",
        lede=(
            f"{len(proposals.chosen)} variants of {proposals.candidates:,} candidates; the parent "
            f"is predicted at {proposals.parent_predicted:.2f} {proposals.unit}. "
            f"{_expected_hits(proposals)}"
        ),
        notes=proposals.notes,
        plates=[
            (number, {row["well"]: _well_cell(row) for row in part.iter_rows(named=True)})
            for (number,), part in parts.items()
        ],
        rows=ROWS,
        columns=range(1, COLUMNS + 1),
        reasons=_reasons(table),
    )


def _expected_hits(proposals: Proposals) -> str:
    """Expected hits of the plate, beside those of random plates."""
    plates = proposals.expected.plates
    names = {"proposed": "this plate", "random": "random variants", "singles": "single mutants"}
    hits = ", ".join(f"{names[k]} {plate.over_best.mean:.1f}" for k, plate in plates.items())
    return f"Expected better than the best so far: {hits}."


_SHOWN: Final = 3
"""Mutations that a well names; the others are counted."""


def _well_cell(row: dict[str, Any]) -> dict[str, Any]:
    """A well: predicted value, its shade between lowest and highest, and its mutations."""
    changes = [mutation for mutation in row["mutations"].split(";") if mutation]
    more = len(changes) - _SHOWN
    shown = (changes[:_SHOWN] or ["parent"]) + ([f"+{more}"] if more > 0 else [])
    return {
        "predicted": row["predicted"],
        "percent": round(8 + 52 * row["shade"]),
        "mutations": row["mutations"] or "parent",
        "shown": shown,
        "control": row["kind"] == "control",
    }


def _reasons(table: pl.DataFrame) -> Table:
    header = ("name", "mutations", "predicted", "90 % interval", "reason", "Kabat", "humanness",
              "from germline", "liabilities")  # fmt: skip
    rows = []
    for row in table.filter(pl.col("kind") != "replicate").iter_rows(named=True):
        low, high = row["lower_90"], row["upper_90"]
        rows.append((
            row["name"], row["mutations"] or "parent", f"{row['predicted']:.2f}",
            "" if low is None else f"{low:.2f} to {high:.2f}{' (limit)' * bool(row['at_limit'])}",
            row["reason"], row["kabat"],
            "" if row["humanness"] is None else f"{row['humanness']:+.1f}",
            "" if row["germline_distance"] is None else str(row["germline_distance"]),
            row["liabilities"],
        ))  # fmt: skip
    return Table("Why each", header, tuple(rows))
