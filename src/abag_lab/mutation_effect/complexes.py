"""Which assays belong together: the same antibody family or the same antigen cluster."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from abag.data.similarity import antibody_clusters, antigen_clusters, cdr_sets
from abag_lab.mutation_effect.assay import VariantAssay

ANTIGEN_IDENTITY = 0.3
"""Influenza haemagglutinins of groups 1 and 2 stand together at this identity."""


def families_and_antigens(
    assays: Sequence[VariantAssay],
) -> tuple[dict[str, str], dict[str, str]]:
    """Antibody family and antigen cluster of each assay, by its name."""
    parents = pl.DataFrame(
        {
            "heavy": [one.parent_heavy for one in assays],
            "light": [one.parent_light or None for one in assays],
        },
        schema={"heavy": pl.String, "light": pl.String},
    )
    sets = cdr_sets(parents)
    clusters = antibody_clusters(sets)
    families = {one.name: clusters[f"{one.parent_heavy}/{one.parent_light}"] for one in assays}
    found = antigen_clusters([list(one.antigen) for one in assays], threshold=ANTIGEN_IDENTITY)
    return families, {one.name: found["/".join(one.antigen)] for one in assays}


def complex_clusters(assays: Sequence[VariantAssay]) -> dict[str, str]:
    """Cluster of each assay, single linkage over families and antigen clusters."""
    families, antigens = families_and_antigens(assays)
    label = {one.name: one.name for one in assays}
    for grouping in (families, antigens):
        for one in assays:
            mates = [o.name for o in assays if grouping[o.name] == grouping[one.name]]
            names = {label[mate] for mate in mates}
            lowest = min(names)
            label = {name: lowest if value in names else value for name, value in label.items()}
    return label
