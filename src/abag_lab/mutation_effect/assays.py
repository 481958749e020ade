"""Assays to learn from: measured variants of one parent on one antigen.

Complexes and libraries stand here, sets of designed, evolved and matured variants in
:mod:`abag_lab.mutation_effect.designed`. Only rows whose licence allows shipping: AB-Bind (by
AttABseq), SKEMPI 2.0, the Phillips landscapes, AlphaBind's AlphaSeq libraries, and those
assays of AbBiBench that are CC BY. The parent of an
AB-Bind complex is put together from its mutants, and a row is used only if it differs from that
parent by exactly the substitutions it states; rows with mutations of the antigen are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.designed import read_designed
from abag_lab.sources.build import source_table
from abag_lab.sources.libraries.partners import read_complex

COMPLEXES: Final = ("attabseq", "skempi_v2")
LIBRARIES: Final[dict[str, tuple[str, str]]] = {
    # assay -> source, entry of complexes.json that holds the parent (or nothing)
    "abbibench/1mlc": ("abbibench", "1mlc"),
    "abbibench/2fjg": ("abbibench", "2fjg"),
    "abbibench/3gbn_h1": ("abbibench", "3gbn_h1"),
    "phillips_cr9114_cr6261/CR9114-H3": ("phillips_cr9114_cr6261", ""),
    "alphabind/trastuzumab-full": ("alphabind", ""),
    "alphabind/trastuzumab-cdr": ("alphabind", ""),
}
"""AbBiBench's 1mhp is not among them: its rows are those of AB-Bind."""
MOST_ROWS: Final = 1_000
"""Rows drawn from one library."""


def read_assays(sources: Path, seed: int = 0) -> list[VariantAssay]:
    """Every assay that may shape a shipped model, from a folder of published sources."""
    assays = list(_complexes(sources))
    tables: dict[str, pl.DataFrame] = {}
    for name, (source, entry) in LIBRARIES.items():
        if source not in tables:
            tables = {source: source_table(sources, source, shippable=True)}
        rows = tables[source].filter(pl.col("assay") == name)
        parent = read_complex(sources / "abbibench", entry).heavy if entry else None
        assays.append(library(name, rows, parent, seed))
    assays.append(_clones(sources))
    assays.extend(assay for assay in read_designed(sources) if assay.shippable)
    return assays


def _clones(sources: Path) -> VariantAssay:
    """Clones of the anti-TIGIT antibody AAB-PP3115, KD by BLI."""
    rows = source_table(sources, "alphabind", shippable=True).filter(
        (pl.col("assay") == "alphabind/aab-pp3115 BLI") & pl.col("pkd").is_not_null()
    )
    parent = rows.filter(pl.col("mutations") == "")
    same_as_parent = (pl.col("heavy") == parent["heavy"][0]) & (
        pl.col("light") == parent["light"][0]
    )
    variants = rows.filter(~same_as_parent)
    return VariantAssay(
        "bli:alphabind/aab-pp3115 BLI",
        str(parent["heavy"][0]),
        str(parent["light"][0]),
        tuple(rows["antigen"][0]),
        variants.select("heavy", "light"),
        (variants["pkd"] - rows.filter(same_as_parent)["pkd"].mean()).to_numpy(),
        np.zeros(variants.height, dtype=np.bool_),
        absolute=True,
        designed=True,
    )


def library(
    name: str,
    rows: pl.DataFrame,
    parent_heavy: str | None,
    seed: int = 0,
    most: int | None = MOST_ROWS,
) -> VariantAssay:
    """One library; without a parent's chain the parent is the row that names no mutations.

    Of more than ``most`` rows so many are drawn, with a fifth of them censored at most; None keeps
    every row, in its order.
    """
    value = pl.coalesce("rank_score", "rank_upper", "rank_lower", "pkd", "pkd_upper", "pkd_lower")
    rows = rows.with_columns(
        value=value, bound=pl.col("pkd").is_null() & pl.col("rank_score").is_null()
    ).filter(pl.col("value").is_not_null())
    light = str(rows["light"].mode().sort()[0] or "")
    if parent_heavy is None:
        wild = rows.filter(pl.col("mutations") == "")
        parent_heavy, light = str(wild["heavy"][0]), str(wild["light"][0] or "")
    lengths = rows["heavy"].str.len_chars()
    parent_heavy = parent_heavy[: int(lengths.max())]  # type: ignore[arg-type]
    parent_rows = rows.filter(
        (pl.col("heavy") == parent_heavy) & (pl.col("light").fill_null("") == light)
    )
    enrichment = rows["quantity"][0] == "enrichment"
    base = _parent_value(rows, parent_rows, enrichment)
    same_length = rows.filter(
        (pl.col("heavy").str.len_chars() == len(parent_heavy))
        & (pl.col("light").fill_null("").str.len_chars() == len(light))
    )
    variants = same_length if most is None else _sampled(same_length, most, seed)
    return VariantAssay(
        name,
        parent_heavy,
        light,
        tuple(rows["antigen"][0]),
        variants.select("heavy", pl.col("light").fill_null("")),
        variants["value"].to_numpy() - base,
        variants["bound"].to_numpy(),
        not enrichment,
    )


def _sampled(rows: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    exact, bound = rows.filter(~pl.col("bound")), rows.filter(pl.col("bound"))
    exact = exact.sample(min(most, exact.height), seed=seed)
    bound = bound.sample(min(exact.height // 4, bound.height), seed=seed)
    return pl.concat([exact, bound])


def _parent_value(rows: pl.DataFrame, parent_rows: pl.DataFrame, enrichment: bool) -> float:
    """Value of the parent: that of its own rows.

    Without such a row 0 for an enrichment, which is counted from the parent, and else the 95th
    percentile, because most mutations weaken.
    """
    if not parent_rows.height and enrichment:
        return 0.0
    values = (parent_rows if parent_rows.height else rows)["value"].to_numpy()
    return float(values.mean() if parent_rows.height else np.quantile(values, 0.95))


def _complexes(sources: Path) -> Iterator[VariantAssay]:
    """AB-Bind and SKEMPI, one assay a structure; values of one variant are averaged."""
    ab_bind, skempi = (source_table(sources, name, shippable=True) for name in COMPLEXES)
    wild = skempi.filter((pl.col("mutations") == "") & pl.col("pkd").is_not_null())
    bases = wild.group_by("structure_id", "reference").agg(base=pl.col("pkd").mean())
    differences = skempi.join(bases, on=["structure_id", "reference"], how="inner").with_columns(
        value=pl.col("pkd") - pl.col("base"), bound=pl.lit(False)
    )
    changes = ab_bind.with_columns(
        value=pl.coalesce("rank_score", "rank_upper", "rank_lower"),
        bound=pl.col("rank_score").is_null(),
    )
    columns = ["structure_id", "heavy", "light", "antigen", "mutations", "value", "bound"]
    for (name,), rows in changes.group_by(["assay"], maintain_order=True):
        structure = rows["structure_id"][0]
        variants = rows.select(columns)
        if not str(name).rpartition(":")[2].startswith("hm_"):
            same_structure = differences.filter(pl.col("structure_id") == structure).select(columns)
            variants = pl.concat([variants, same_structure])
        assay = _complex_assay(str(name), variants)
        if assay is not None:
            yield assay


def _complex_assay(name: str, rows: pl.DataFrame) -> VariantAssay | None:
    heavy, light = (_commonest(rows[chain].fill_null("").to_list()) for chain in ("heavy", "light"))
    stated = rows.filter(
        pl.Series(
            [
                _carries(row["heavy"], row["light"] or "", heavy, light, row["mutations"])
                for row in rows.iter_rows(named=True)
            ],
            dtype=pl.Boolean,
        )
        & pl.col("value").is_not_null()
    ).with_columns(pl.col("light").fill_null(""))
    if not stated.height:
        return None
    merged = stated.group_by("heavy", "light", maintain_order=True).agg(
        exact=pl.col("value").filter(~pl.col("bound")).mean(),
        any=pl.col("value").mean(),
        bound=pl.col("bound").all(),
        antigen=pl.col("antigen").first(),
    )
    return VariantAssay(
        name,
        heavy,
        light,
        tuple(merged["antigen"][0]),
        merged.select("heavy", "light"),
        merged.select(pl.coalesce("exact", "any"))["exact"].to_numpy(),
        merged["bound"].to_numpy(),
        True,
    )


def _commonest(chains: Sequence[str]) -> str:
    """The commonest residue of each place among the chains of the commonest length."""
    length = Counter(map(len, chains)).most_common(1)[0][0]
    columns = zip(*(chain for chain in chains if len(chain) == length), strict=True)
    return "".join(Counter(column).most_common(1)[0][0] for column in columns)


def _carries(heavy: str, light: str, parent: str, partner: str, mutations: str | None) -> bool:
    """Whether a mutant differs from the parent by the substitutions it states, and no others."""
    stated = sorted(
        (item[0], item[2], item[-1]) for item in (mutations or "").split(";") if len(item) > 3
    )
    if not stated or {chain for chain, _, _ in stated} - {"H", "L"}:
        return False
    if len(heavy) != len(parent) or len(light) != len(partner):
        return False
    substitutions = sorted(
        (role, before, after)
        for role, old, new in (("H", parent, heavy), ("L", partner, light))
        for before, after in zip(old, new, strict=True)
        if before != after
    )
    return substitutions == stated
