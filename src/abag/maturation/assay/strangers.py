"""Rows that are no variants of the antibody that the others are: a control, or another parent.

A row is far where its residues differ from the parent's in :data:`LEAST` or more places and in
twice as many as those of any nearer row: a library of many changes has no such gap. Far rows that
are near each other are variants of another parent; the others are strangers. Where most rows are
far and not near each other, they are designs, and nothing is parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.splits.positions import consensus

Counts = NDArray[np.int64]
Chains = tuple[str, str]

LEAST: Final = 20
"""Fewest places in which another antibody differs; matured variants of one seldom reach it."""
FEWEST_VARIANTS: Final = 5
"""Variants that make a family of their own."""
_LEADERS: Final = 30
"""Far rows that are tried as the centre of another family."""


@dataclass(frozen=True, slots=True)
class SheetFamilies:
    """The rows of each parent, largest family first, and the rows that belong to none.

    ``aside`` has a column ``reason`` beside the canonical ones.
    """

    rows: tuple[pl.DataFrame, ...]
    aside: pl.DataFrame


def part_families(table: pl.DataFrame, *, keep_strangers: bool = False) -> SheetFamilies:
    """Divide canonical rows of one assay by the antibody that they are variants of.

    With ``keep_strangers`` all of them count as variants of one.
    """
    undivided = SheetFamilies((table,), _with_reasons(table.clear(), []))
    if table.is_empty() or keep_strangers:
        return undivided
    parent = _parent_chains(table)
    far = _beyond_gap(differences(table, parent))
    near_rows, far_rows = table.filter(~pl.Series(far)), table.filter(pl.Series(far))
    others, lone = _other_families(far_rows)
    families = [part for part in (near_rows, *others) if _variant_count(part) >= FEWEST_VARIANTS]
    if not far.any() or not families or lone.height > max(part.height for part in families):
        return undivided
    families.sort(key=lambda part: -part.height)
    record_ids = pl.concat(families)["record_id"].implode()
    strangers = table.filter(~pl.col("record_id").is_in(record_ids))
    main = _parent_chains(families[0])
    return SheetFamilies(tuple(families), _with_reasons(strangers, _reasons(strangers, main)))


def differences(table: pl.DataFrame, parent: Chains) -> Counts:
    """Residues of each row's chains that differ from the parent's, (rows,); edits where lengths do.

    A chain that is missing differs in all residues.
    """
    heavy, light = (
        _edit_distances(table[name].fill_null("").to_list(), chain)
        for name, chain in zip(("heavy", "light"), parent, strict=True)
    )
    return heavy + light


def _edit_distances(chains: Sequence[str], parent: str) -> Counts:
    from rapidfuzz.distance import Hamming, Levenshtein

    distances = {
        chain: (Hamming if len(chain) == len(parent) else Levenshtein).distance(chain, parent)
        for chain in set(chains)
    }
    return np.array([distances[chain] for chain in chains], dtype=np.int64)


def _parent_chains(table: pl.DataFrame) -> Chains:
    """The row without mutations, the first of the commonest; else the commonest residues."""
    wild = table.filter(pl.col("mutations") == "").select("heavy", pl.col("light").fill_null(""))
    if wild.height:
        heavy, light = wild.group_by(pl.all(), maintain_order=True).len().sort(
            "len", descending=True, maintain_order=True
        ).row(0)[:2]  # fmt: skip
        return str(heavy), str(light)
    light = table["light"].fill_null("").to_list()
    paired = [chain for chain in light if chain]
    return consensus(table["heavy"].to_list()), consensus(
        paired if 2 * len(paired) > len(light) else []
    )


def _beyond_gap(apart: Counts) -> NDArray[np.bool_]:
    """Rows behind the first gap of their distances from the parent."""
    steps = np.unique(apart)
    for near, far in zip(steps[:-1].tolist(), steps[1:].tolist(), strict=True):
        if far >= max(LEAST, 2 * near):
            return np.asarray(apart >= far)
    return np.full(len(apart), bool(len(steps) and steps[0] >= LEAST))


def _other_families(far_rows: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Families among far rows, and those that belong to none."""
    families = []
    while _variant_count(far_rows) >= FEWEST_VARIANTS:
        leaders = far_rows.unique(["heavy", "light"], maintain_order=True)[:_LEADERS]
        neighbours = [
            differences(far_rows, (heavy, light or "")) < LEAST
            for heavy, light in leaders.select("heavy", "light").iter_rows()
        ]
        members = pl.Series(max(neighbours, key=lambda rows: int(rows.sum())))
        if _variant_count(far_rows.filter(members)) < FEWEST_VARIANTS:
            break
        families.append(far_rows.filter(members))
        far_rows = far_rows.filter(~members)
    return families, far_rows


def _variant_count(table: pl.DataFrame) -> int:
    return table.select("heavy", "light").n_unique()


def _reasons(strangers: pl.DataFrame, parent: Chains) -> list[str]:
    reasons = []
    for heavy, light in strangers.select("heavy", pl.col("light").fill_null("")).iter_rows():
        parts = [
            f"no {name} chain, and the parent has one" if not chain
            else f"{_edit_distances([chain], wild)[0]} of {len(wild)} residues of the {name} chain"
            for name, chain, wild in zip(("heavy", "light"), (heavy, light), parent, strict=True)
            if wild
        ]  # fmt: skip
        if light and not parent[1]:
            parts.append("a light chain, and the parent has none")
        reasons.append("far from the parent: " + ", ".join(parts))
    return reasons


def _with_reasons(table: pl.DataFrame, reasons: list[str]) -> pl.DataFrame:
    return table.with_columns(reason=pl.Series(reasons, dtype=pl.String))
