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
            "heavy": [assay.parent_heavy for assay in assays],
            "light": [assay.parent_light or None for assay in assays],
        },
        schema={"heavy": pl.String, "light": pl.String},
    )
    sets = cdr_sets(parents)
    antibodies = antibody_clusters(sets)
    families = {
        assay.name: antibodies[f"{assay.parent_heavy}/{assay.parent_light}"] for assay in assays
    }
    antigens = antigen_clusters(
        [list(assay.antigen) for assay in assays], threshold=ANTIGEN_IDENTITY
    )
    return families, {assay.name: antigens["/".join(assay.antigen)] for assay in assays}


def complex_clusters(assays: Sequence[VariantAssay]) -> dict[str, str]:
    """Cluster of each assay, single linkage over families and antigen clusters."""
    families, antigens = families_and_antigens(assays)
    label = {assay.name: assay.name for assay in assays}
    for grouping in (families, antigens):
        for assay in assays:
            mates = [other.name for other in assays if grouping[other.name] == grouping[assay.name]]
            names = {label[mate] for mate in mates}
            lowest = min(names)
            label = {name: lowest if value in names else value for name, value in label.items()}
    return label
