"""Polars expressions that turn the short form of a library into whole chains.

Published libraries seldom write the whole chain of a variant: they give a CDR, a bit for each
mutated site, or a substitution such as ``A33G``. These expressions put the chain together for a
whole column at once and write the changes from the parent as the canonical table names them.
Positions are counted from 1 along the chain as given, not in an antibody numbering.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

SCFV_LINKER: Final = "GGGGSGGGGSGGGGS"
"""The (G4S)3 linker of the AlphaSeq constructs."""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A heavy chain with one stretch that the library replaces, and its constant light chain."""

    before: str
    parent: str
    after: str
    light: str

    def graft(self, segment: pl.Expr) -> pl.Expr:
        """Expression: the heavy chain with ``segment`` in the place of the parent's stretch."""
        return pl.concat_str([pl.lit(self.before), segment, pl.lit(self.after)])

    def columns(self, segment: pl.Expr) -> dict[str, pl.Expr | str]:
        """Raw columns ``heavy``, ``light`` and ``mutations`` of a library of segments."""
        return {
            "heavy": self.graft(segment),
            "light": self.light,
            "mutations": self.changes(segment),
        }

    def changes(self, segment: pl.Expr) -> pl.Expr:
        """Expression: changes from the parent (``H:D101E``); null where the length differs."""
        return point_changes(segment, self.parent, first=len(self.before) + 1)


TRASTUZUMAB: Final = Scaffold(
    before=(
        "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMN"
        "SLRAEDTAVYYCSR"
    ),
    parent="WGGDGFYAMD",
    after="YWGQGTLVTVSS",
    light=(
        "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFA"
        "TYYCQQHYTTPPTFGQGTKVEIK"
    ),
)
"""Trastuzumab (PDB 1N8Z); the ten residues of CDR-H3 that Mason et al. 2021 varied."""


def point_changes(sequence: pl.Expr, parent: str, *, chain: str = "H", first: int = 1) -> pl.Expr:
    """Expression: substitutions in ``sequence`` as ``H:S33G;H:D54E``, empty for the parent.

    ``first`` is the position of the parent's first residue in the chain. Null where the length
    differs, because an insertion or deletion needs an alignment.
    """
    at = [sequence.str.slice(index, 1) for index in range(len(parent))]
    changed = [
        pl.when(residue != old).then(pl.concat_str([pl.lit(f"{chain}:{old}{first + i}"), residue]))
        for i, (old, residue) in enumerate(zip(parent, at, strict=True))
    ]
    joined = pl.concat_str(changed, separator=";", ignore_nulls=True)
    return pl.when(sequence.str.len_chars() == len(parent)).then(joined)


def join_changes(*changes: pl.Expr) -> pl.Expr:
    """Expression: several lists of changes as one, null where any of them is null."""
    return pl.concat_str(changes, separator=";").str.strip_chars(";")


def from_bits(
    bits: pl.Expr,
    parent: str,
    positions: Sequence[int],
    if_zero: Sequence[str],
    if_one: Sequence[str],
) -> pl.Expr:
    """Expression: ``parent`` with residue ``if_zero[i]`` or ``if_one[i]`` at ``positions[i]``.

    ``bits`` is a text of one 0 or 1 a site, ``positions`` ascend and count from 0.
    """
    parts: list[pl.Expr] = []
    start = 0
    for index, position in enumerate(positions):
        bit = bits.str.slice(index, 1)
        parts.append(pl.lit(parent[start:position]))
        parts.append(
            pl.when(bit == "1").then(pl.lit(if_one[index]))
            .when(bit == "0").then(pl.lit(if_zero[index]))
        )  # fmt: skip
        start = position + 1
    return pl.concat_str([*parts, pl.lit(parent[start:])])


def with_substitution(mutations: pl.Series, parent: str) -> pl.Series:
    """The chains that ``A33G``, ``A33_`` (stop, written ``*``) or ``WT`` make of ``parent``.

    Null where the text is none of these or its first letter is not the parent's residue.
    """
    table = pl.DataFrame({"text": mutations, "parent": parent})
    parts = table["text"].str.extract_groups(r"^([A-Z])(\d+)([A-Z_*])$").struct.unnest()
    table = pl.concat(
        [
            table,
            parts.select(
                pl.nth(0).alias("old"),
                pl.nth(1).cast(pl.Int64).alias("at"),
                pl.nth(2).str.replace("_", "*", literal=True).alias("new"),
            ),
        ],
        how="horizontal",
    )
    wild, at = pl.col("parent"), pl.col("at")
    fits = wild.str.slice(at - 1, 1) == pl.col("old")
    chain = pl.concat_str([wild.str.slice(0, at - 1), pl.col("new"), wild.str.slice(at)])
    return table.select(
        pl.when(pl.col("text") == "WT").then(wild).when(fits).then(chain).alias("heavy")
    )["heavy"]


def chain_list(chains: Iterable[str]) -> pl.Expr:
    """Expression: the same antigen chains in every row."""
    return pl.lit(list(chains), dtype=pl.List(pl.String))


def numbers(*columns: str) -> list[pl.Expr]:
    """Expressions: text columns as numbers, null where they are none."""
    return [pl.col(name).cast(pl.Float64, strict=False) for name in columns]


def number_text(number: pl.Expr) -> pl.Expr:
    """Expression: the shortest text that reads back as the same double."""
    return number.map_elements(repr, return_dtype=pl.String)


def relation_where(*, less: pl.Expr | None = None, about: pl.Expr | None = None) -> pl.Expr:
    """Expression: ``<`` or ``~`` where a condition holds (``<`` first), else ``=``."""
    relation: pl.Expr = pl.lit("=")
    if about is not None:
        relation = pl.when(about).then(pl.lit("~")).otherwise(relation)
    if less is not None:
        relation = pl.when(less).then(pl.lit("<")).otherwise(relation)
    return relation
