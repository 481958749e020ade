"""The global model of mutation effects as if a landscape had never been measured.

The shipped model has learnt from some of the benchmark's landscapes. Here it is learnt anew for
each without its cluster: every training assay that is linked to it by an antibody family or an
antigen cluster, directly or through others, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.splits.positions import consensus
from abag.model.mutation_effect import MutationEffect, load_mutation_effect
from abag.model.mutation_effect.features import FEATURES
from abag.progress import task
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import read_assays
from abag_lab.mutation_effect.complexes import complex_clusters, families_and_antigens
from abag_lab.mutation_effect.design import design
from abag_lab.mutation_effect.fitting import POWER, Family, families_of, learn_weights, outside
from abag_lab.mutation_effect.sealed import parts

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BlindPriors:
    """The training assays of the global model, ready to be left out by cluster."""

    shipped: MutationEffect
    assays: tuple[VariantAssay, ...]
    families: tuple[Family, ...]

    @classmethod
    def of(cls, sources: Path) -> Self:
        """Read the training assays from the folder of published sources."""
        shipped = load_mutation_effect()
        with task("reading the training assays of the global model", 1):
            assays = tuple(parts(read_assays(sources))[0])
            designs = [design(assay, shipped.repertoire) for assay in assays]
            families = families_of(designs, families_and_antigens(assays)[0])
        return cls(shipped, assays, tuple(families))

    def without(self, table: pl.DataFrame) -> MutationEffect:
        """The global model learnt without the cluster of an assay's canonical rows.

        It remembers no family.
        """
        return self.model_without(as_assay(table))

    def model_without(self, assay: VariantAssay) -> MutationEffect:
        """The same without the cluster of an assay."""
        weights = learn_weights(self.families_without(assay))
        shared, maturation = np.split(weights, [len(FEATURES)])
        return replace(self.shipped, weights=shared, maturation=maturation, memories=())

    def effects_without(self, assay: VariantAssay) -> Reals:
        """Effects (rows,) of an assay's variants by weights learnt without its cluster."""
        weights = learn_weights(self.families_without(assay))
        return design(assay, self.shipped.repertoire).total(weights, POWER)

    def families_without(self, assay: VariantAssay) -> list[Family]:
        """The families of training assays that no antibody family or antigen links to an assay."""
        others = [other for other in self.assays if other.name != assay.name]
        clusters = complex_clusters([*others, assay])
        return outside(self.families, clusters, clusters[assay.name])


def as_assay(table: pl.DataFrame) -> VariantAssay:
    """Parent (the row without mutations, else the commonest residues) and antigen of an assay."""
    wild = table.filter(pl.col("mutations") == "").head(1)
    rows = wild if wild.height else table
    heavy = consensus(rows["heavy"].to_list())
    light = consensus(_present(rows["light"].to_list()))
    return VariantAssay(
        str(table["assay"][0]),
        heavy,
        light,
        tuple(table["antigen"].to_list()[0] or ()),
        table.select("heavy", pl.col("light").fill_null("")).head(0),
        np.zeros(0),
        np.zeros(0, dtype=np.bool_),
        True,
    )


def _present(chains: Sequence[str | None]) -> list[str]:
    return [chain for chain in chains if chain]
