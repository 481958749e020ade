"""What an explanation of a prediction holds: a table of positions, and its reading in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from abag.antibody.numbering.schemes import OTHER_SCHEMES
from abag.errors import counted
from abag.inference.prediction import Prediction

if TYPE_CHECKING:
    from abag.inference.explaining.contacts import Agreement

SCHEMA: Final[dict[str, Any]] = {
    "chain": pl.String(),
    "position": pl.Int64(),
    "imgt": pl.String(),
    "region": pl.String(),
    "residue": pl.String(),
    "importance": pl.Float64(),
    "mean_change": pl.Float64(),
    "lowest_change": pl.Float64(),
    "lowest_to": pl.String(),
    "highest_change": pl.Float64(),
    "highest_to": pl.String(),
    "contact": pl.Boolean(),
    "distance_angstrom": pl.Float64(),
    **dict.fromkeys(OTHER_SCHEMES, pl.String()),
}
"""Columns of the positions. ``position`` counts residues of the variable domain from 1; changes are
in units of the prediction (pKd), substitute minus original; contact and distance need a structure.
"""

_SHOWN: Final = 10


@dataclass(frozen=True)
class Explanation:
    """A prediction and what each position of the antibody does to it."""

    prediction: Prediction
    positions: pl.DataFrame
    """Columns :data:`SCHEMA`, heavy chain first."""
    substitutes: str
    agreement: Agreement | None = None
    """How well importance and contacts of a structure agree."""

    def share_of_cdrs(self) -> float:
        """Share of the summed importance that stands in CDRs, 0 to 1."""
        total = float(self.positions["importance"].sum())
        inside = self.positions.filter(pl.col("region").str.starts_with("CDR"))
        return float(inside["importance"].sum()) / total if total else 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "prediction": self.prediction.as_json(),
            "substitutes": self.substitutes,
            "share_of_cdrs": self.share_of_cdrs(),
            "agreement": None if self.agreement is None else self.agreement.as_json(),
            "positions": self.positions.to_dicts(),
        }

    def in_words(self) -> str:
        """A few lines: the prediction, the ten positions with most importance, the agreement."""
        mutated = self.positions.filter(pl.col("importance").is_not_null())
        top = mutated.sort("importance", descending=True, maintain_order=True)[:_SHOWN]
        lines = [
            self.prediction.in_words(),
            "",
            "importance of each residue, and what replacing it does "
            f"({counted(len(self.substitutes), 'residue')} tried); "
            f"{self.share_of_cdrs():.0%} of the importance in the CDRs:",
        ]
        lines += [
            f"  {row['chain']:<5} {row['residue']}{row['imgt']:<5} {row['region']:<5} "
            f"{row['importance']:.3f}   from {row['lowest_change']:+.2f} ({row['lowest_to']}) "
            f"to {row['highest_change']:+.2f} ({row['highest_to']})"
            for row in top.iter_rows(named=True)
        ]
        if self.agreement is not None:
            lines += ["", self.agreement.in_words()]
        return "\n".join(lines)
