"""The rows that may shape the shipped model of pairs, and the sealed part of them.

Natural pairs of SAAINT-DB; variants of SKEMPI 2.0 and of the published sets under licences that
allow shipping. Whole antigen clusters are sealed by a hash, before any trial: a cluster is sealed
when SHA-256 of its antigens is divisible by five. The spike, half of all rows, is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from abag.data.merging import merge_replicates
from abag.data.similarity import antigen_clusters
from abag.data.tables import antigen_key
from abag_lab.door.wellknown import with_names
from abag_lab.sources.build import source_table

NATURAL: Final = ("saaint_db",)
COMPLEXES: Final = ("skempi_v2",)
VARIANTS: Final = (
    "igdesign_open",
    "hie2023_efficient_evolution",
    "rosace2023_tnf",
    "kirby2024_magmaseq",
)
"""Sources of designed variants that give the antigen's sequence."""
_ALSO_CLUSTERED: Final = ("biomap", "skempi_v2", "attabseq", "hutchinson2023_d441")
MOST_VARIANTS: Final = 60
"""Measured variants of one assay that are kept, and half as many censored ones: a family of a
thousand says no more of its level than one of sixty."""
SALT: Final = "abag-door-1"
SEALED_SHARE: Final = 5


def door_rows(sources: Path, seed: int = 0) -> pl.DataFrame:
    """Canonical rows with ``cluster`` (antigen cluster) and ``sealed``."""
    read_source = partial(source_table, sources, shippable=True)
    natural = pl.concat([read_source(name) for name in NATURAL])
    complexes = pl.concat([_without_antigen_mutants(read_source(name)) for name in COMPLEXES])
    variants = pl.concat([read_source(name) for name in VARIANTS if (sources / name).is_dir()])
    rows = pl.concat([natural, complexes, _thinned(variants, seed)])
    known = pl.any_horizontal(pl.col("pkd", "pkd_lower", "pkd_upper").is_not_null())
    rows = merge_replicates(rows.filter(known & (pl.col("antigen").list.len() > 0))).table.frame
    rows = with_names(rows)
    return with_seal(rows, [source_table(sources, n)["antigen"] for n in _ALSO_CLUSTERED])


def with_seal(rows: pl.DataFrame, others: Sequence[pl.Series] = ()) -> pl.DataFrame:
    """Add the antigen cluster of each row, and whether it is sealed.

    ``others`` are antigens of further tables that were clustered with them when the seal was made;
    they link clusters, and are in their hashes.
    """
    antigen_columns = [rows["antigen"], *others]
    labels = antigen_clusters(
        chains for column in antigen_columns for chains in column.to_list() if chains
    )
    members: dict[str, list[str]] = {}
    for key, name in labels.items():
        members.setdefault(name, []).append(key)
    rows = rows.with_columns(cluster=antigen_key().replace_strict(labels, return_dtype=pl.String))
    largest = rows["cluster"].mode().sort()[0]
    sealed = [name for name, keys in members.items() if name != largest and is_sealed(keys)]
    return rows.with_columns(sealed=pl.col("cluster").is_in(sealed))


def is_sealed(antigens: list[str]) -> bool:
    """Whether the hash of a cluster's antigens puts it into the sealed part."""
    text = f"{SALT}|{'|'.join(sorted(antigens))}"
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % SEALED_SHARE == 0


def seal_digest(rows: pl.DataFrame) -> str:
    """SHA-256 of the sealed antigens: what was set aside, in 64 digits."""
    keys = rows.filter("sealed").select(antigen_key().alias("key"))["key"].unique().sort()
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def _without_antigen_mutants(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose antigen is that of the complex's wild type."""
    wild = (
        rows.filter(pl.col("mutations") == "")
        .group_by("structure_id")
        .agg(wild=antigen_key().first())
    )
    joined = rows.join(wild, on="structure_id", how="left", maintain_order="left")
    return joined.filter(antigen_key() == pl.col("wild")).drop("wild")


def _thinned(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """At most :data:`MOST_VARIANTS` exact rows of an assay and half as many bounds; all parents."""
    parts = []
    for _, assay in rows.group_by("assay", maintain_order=True):
        parents = assay.filter(pl.col("mutations") == "")
        others = assay.filter(pl.col("mutations").is_null())
        exact, bounds = (
            others.filter(pl.col("pkd").is_not_null()),
            others.filter(pl.col("pkd").is_null()),
        )
        limits = (MOST_VARIANTS, MOST_VARIANTS // 2)
        parts += [
            parents,
            *(
                rows_of_kind.sample(min(n, rows_of_kind.height), seed=seed)
                for rows_of_kind, n in zip((exact, bounds), limits, strict=True)
            ),
        ]
    return pl.concat(parts)
