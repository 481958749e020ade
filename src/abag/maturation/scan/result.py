"""The result of a scan of single mutants: its table, its notes and its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from abag.antibody.alphabet import ChainKind
from abag.antibody.antibody import Chains
from abag.antibody.numbering.schemes import OTHER_SCHEMES
from abag.maturation.antibody.humanness import Humanness
from abag.maturation.antibody.liabilities import Liability, find_liabilities, new_liabilities, worst
from abag.maturation.antibody.mutants import Site, named_in
from abag.maturation.antibody.parent import Parent
from abag.maturation.scan.effects import Effects, Reals
from abag.pages import Table, notebook
from abag.pictures import written

if TYPE_CHECKING:
    from abag.antibody.mutations import Mutation

FILES: Final = ("scan.csv", "scan.fasta", "heatmap.png", "scan.html", "summary.json")
_VHH_NOTE: Final = (
    "naturalness: the encoder has seen few nanobodies, and takes their hallmark residues (IMGT 42, "
    "49, 50, 52) for unusual; do not let it turn them into those of a VH"
)
SHOWN: Final = 20
"""Mutants named in the summary."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Single mutants of a parent with their effects, best first."""

    parent: Parent
    sites: tuple[Site, ...]
    table: pl.DataFrame
    """One row a mutant; see docs/scan.md for its columns."""
    effects: Effects
    level: float
    parent_liabilities: tuple[Liability, ...]
    folder: Path

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the cleaned chains, and warnings of the model."""
        notes = (*self.parent.notes, *self.effects.notes)
        single = self.parent.antibody.heavy.kind is ChainKind.VHH
        if single and self.table["naturalness"].is_not_null().any():
            return (*notes, _VHH_NOTE)
        return notes

    @property
    def unmeasured(self) -> pl.DataFrame:
        """Mutants that were not measured yet, best first."""
        return self.table.filter(~pl.col("measured"))

    def _repr_html_(self) -> str:
        header = ("mutation", "imgt", "kabat", "delta", "liabilities")
        best = self.table.head(10).select(header).iter_rows(named=True)
        rows = tuple(
            tuple(f"{row[name]:+.2f}" if name == "delta" else str(row[name] or "")
                  for name in header)
            for row in best
        )  # fmt: skip
        title = f"Scan of {self.table.height:,} single mutants"
        return notebook(title, self.notes, Table("Best mutants", header, rows))

    def as_json(self) -> dict[str, Any]:
        """Summary: counts, the best mutants, where the files lie."""
        columns = ["rank", "mutation", "imgt", "kabat", "region", "delta", "delta_lower",
                   "delta_upper", "liabilities"]  # fmt: skip
        table = self.table
        return {
            "antibody": self.parent.name,
            "model_id": self.effects.model_id,
            "unit": self.effects.unit,
            "level": self.level,
            "parent_value": self.effects.parent_value,
            "parent_liabilities": [str(liability) for liability in self.parent_liabilities],
            "residues": len(self.sites),
            "mutants": table.height,
            "better_than_parent": int((table["delta"] > 0).sum()),
            "better_without_new_liability": int(
                ((table["delta"] > 0) & (table["liabilities"] == "")).sum()
            ),
            "measured": int(table["measured"].sum()),
            "best": self.unmeasured.select(columns).head(SHOWN).to_dicts(),
            "notes": list(self.notes),
            "files": {name: str(self.folder / name) for name in written(FILES)},
        }


_TYPES: Final = {
    "place": pl.Int64,
    "germline_distance": pl.Int64,
    "measured": pl.Boolean,
    **dict.fromkeys(
        ("delta", "delta_lower", "delta_upper", "value", "fold_tighter", "naturalness",
         "structure_log_odds", "humanness"), pl.Float64,
    ),
}  # fmt: skip
"""Columns of a scan that are no texts."""


def scan_table(
    parent: Parent,
    sites: Sequence[Site],
    mutations: Sequence[Mutation],
    mutants: Sequence[Chains],
    effects: Effects,
    natural: Reals | None = None,
    log_odds: Reals | None = None,
) -> pl.DataFrame:
    """One row a mutant, best first; equal effects in the order of the chain."""
    human = Humanness.of(*parent.chains)
    region = {(site.chain, site.place): site.region for site in sites}
    antibody, of_parent = parent.antibody, find_liabilities(parent.antibody)
    added = [new_liabilities(antibody, antibody.variant(*chains), of_parent) for chains in mutants]
    delta, value = effects.delta, effects.parent_value
    columns: dict[str, Any] = {
        "mutation": list(map(str, mutations)),
        "chain": [m.chain for m in mutations],
        "place": [m.place for m in mutations],
        "imgt": [m.imgt or "" for m in mutations],
        "region": [region[m.chain, m.place] for m in mutations],
        "wild_type": [m.wild_type for m in mutations],
        "mutant": [m.mutant for m in mutations],
        "delta": delta,
        "delta_lower": effects.lower,
        "delta_upper": effects.upper,
        "value": None if value is None else delta + value,
        "fold_tighter": 10.0**delta if effects.unit == "pKd" else None,
        "naturalness": natural,
        "structure_log_odds": log_odds,
        "humanness": human.of_variants(mutants),
        "germline_distance": human.germline_distance(mutants),
        **{name: [named_in([m], antibody, name) for m in mutations] for name in OTHER_SCHEMES},
        "measured": [chains in effects.measured for chains in mutants],
        "liabilities": ["; ".join(map(str, liabilities)) for liabilities in added],
        "severity": [str(severity or "") for severity in map(worst, added)],
        "flags": ["; ".join(flags) for flags in effects.flags],
        "heavy": [heavy for heavy, _ in mutants],
        "light": [light for _, light in mutants],
    }
    unknown = [None] * len(mutations)
    table = pl.DataFrame(
        [
            pl.Series(name, unknown if values is None else values, _TYPES.get(name, pl.String))
            for name, values in columns.items()
        ]
    ).sort("delta", descending=True, maintain_order=True)
    return table.with_row_index("rank", offset=1).with_columns(pl.col("rank").cast(pl.Int64))
