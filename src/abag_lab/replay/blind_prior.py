"""The global model of mutation effects as if a landscape had never been measured.

The shipped model has learnt from some of the benchmark's landscapes. Here it is learnt anew for
each without its cluster: every training assay that is linked to it by an antibody family or an
antigen cluster, directly or through others, is left out, from the choice of settings, too.
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
from abag.progress import task
from abag_lab.mutation_effect.assays import VariantAssay, read_assays
from abag_lab.mutation_effect.complexes import complex_clusters
from abag_lab.mutation_effect.design import Design, design
from abag_lab.mutation_effect.fitting import NormalEquations, choose

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BlindPriors:
    """The training assays of the global model, ready to be left out by cluster."""

    shipped: MutationEffect
    assays: tuple[VariantAssay, ...]
    designs: tuple[Design, ...]

    @classmethod
    def of(cls, sources: Path) -> Self:
        """Read the training assays from the folder of published sources."""
        shipped = load_mutation_effect()
        with task("reading the training assays of the global model", 1):
            assays = tuple(read_assays(sources))
            designs = tuple(design(one, shipped.repertoire) for one in assays)
        return cls(shipped, assays, designs)

    def without(self, table: pl.DataFrame) -> MutationEffect:
        """The global model learnt without the cluster of an assay's canonical rows."""
        weights, _ = self.weights_without(table)
        return replace(self.shipped, weights=weights)

    def weights_without(self, table: pl.DataFrame) -> tuple[Reals, tuple[str, ...]]:
        """Weights, and the names of the training assays that were left out."""
        own = _as_assay(table)
        others = [one for one in self.assays if one.name != own.name]
        clusters = complex_clusters([*others, own])
        kept = [
            one
            for one in self.designs
            if one.name != own.name and clusters[one.name] != clusters[own.name]
        ]
        choice, _ = choose(kept, clusters)
        names = [one.name for one in kept]
        weights = NormalEquations(kept).weights(names, choice.penalty)
        return weights, tuple(one.name for one in self.designs if one.name not in set(names))


def _as_assay(table: pl.DataFrame) -> VariantAssay:
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
