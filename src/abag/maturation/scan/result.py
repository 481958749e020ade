"""What a scan of single mutants gives: its table, its notes and its summary."""

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
from abag.maturation.antibody.liabilities import (
    Liability,
    find_liabilities,
    new_liabilities,
    worst,
)
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
        """What was mended in the chains, and what the model warns of."""
        found = (*self.parent.notes, *self.effects.notes)
        single = self.parent.antibody.heavy.kind is ChainKind.VHH
        if single and self.table["naturalness"].is_not_null().any():
            return (*found, _VHH_NOTE)
        return found

    @property
    def unmeasured(self) -> pl.DataFrame:
        """Mutants that nobody measured yet: what there is to propose, best first."""
        return self.table.filter(~pl.col("measured"))

    def _repr_html_(self) -> str:
        header = ("mutation", "imgt", "kabat", "delta", "liabilities")
        best = self.table.head(10).select(header).iter_rows(named=True)
        rows = tuple(
            tuple(f"{one[name]:+.2f}" if name == "delta" else str(one[name] or "")
                  for name in header)
            for one in best
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
            "parent_liabilities": [str(one) for one in self.parent_liabilities],
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
    antibody, known = parent.antibody, find_liabilities(parent.antibody)
    added = [new_liabilities(antibody, antibody.variant(*one), known) for one in mutants]
    severities = [worst(found) for found in added]
    delta = effects.delta
    columns = {
        "mutation": pl.Series([str(one) for one in mutations], dtype=pl.String),
        "chain": pl.Series([one.chain for one in mutations], dtype=pl.String),
        "place": pl.Series([one.place for one in mutations], dtype=pl.Int64),
        "imgt": pl.Series([one.imgt or "" for one in mutations], dtype=pl.String),
        "region": pl.Series([region[one.chain, one.place] for one in mutations], dtype=pl.String),
        "wild_type": pl.Series([one.wild_type for one in mutations], dtype=pl.String),
        "mutant": pl.Series([one.mutant for one in mutations], dtype=pl.String),
        "delta": pl.Series(delta, dtype=pl.Float64),
        "delta_lower": _optional(effects.lower),
        "delta_upper": _optional(effects.upper),
        "value": _optional(None if effects.parent_value is None else delta + effects.parent_value),
        "fold_tighter": _optional(10.0**delta if effects.unit == "pKd" else None),
        "naturalness": _optional(natural),
        "structure_log_odds": _optional(log_odds),
        "humanness": _optional(human.of_variants(mutants)),
        "germline_distance": pl.Series(human.germline_distance(mutants), dtype=pl.Int64),
        **{
            scheme: pl.Series(
                [named_in([one], antibody, scheme) for one in mutations], dtype=pl.String
            )
            for scheme in OTHER_SCHEMES
        },
        "measured": pl.Series([one in effects.measured for one in mutants], dtype=pl.Boolean),
        "liabilities": pl.Series(["; ".join(map(str, found)) for found in added], dtype=pl.String),
        "severity": pl.Series([str(s) if s else "" for s in severities], dtype=pl.String),
        "flags": pl.Series(["; ".join(flags) for flags in effects.flags], dtype=pl.String),
        "heavy": pl.Series([heavy for heavy, _ in mutants], dtype=pl.String),
        "light": pl.Series([light for _, light in mutants], dtype=pl.String),
    }
    rows = len(mutations)
    filled = {
        name: pl.Series([None] * rows, dtype=pl.Float64) if values is None else values
        for name, values in columns.items()
    }
    table = pl.DataFrame(filled).sort("delta", descending=True, maintain_order=True)
    return table.with_row_index("rank", offset=1).with_columns(pl.col("rank").cast(pl.Int64))


def _optional(values: Any) -> pl.Series | None:
    return None if values is None else pl.Series(values, dtype=pl.Float64)
