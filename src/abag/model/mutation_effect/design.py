"""An assay as the fit sees it: features, targets, and counts of mutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from abag.model.mutation_effect.assays import VariantAssay
from abag.model.mutation_effect.features import first_guess, substitution_features
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Codes, Reals
from abag.model.mutation_effect.variants import lay

_REACH: Final = 4.0
"""Differences are cut to this many pKd (spreads, of an assay without pKd): what lies beyond is a
bound or a placeholder."""


@dataclass(frozen=True, slots=True)
class Design:
    """One assay as the fit sees it: features (rows, F), targets and counts of mutations (rows,)."""

    name: str
    features: Reals
    delta: Reals
    mutations: Codes
    absolute: bool

    @property
    def spread(self) -> float:
        """Standard deviation of the targets."""
        return max(float(np.std(self.delta)), 0.1)

    def crowded(self, crowding: float) -> Reals:
        """Features divided by the number of mutations to a power."""
        return self.features / np.maximum(self.mutations, 1)[:, None] ** crowding


def design(assay: VariantAssay, repertoire: Repertoire) -> Design:
    """Features of every row of an assay."""
    mutations = np.zeros(assay.table.height, dtype=np.int64)
    features = np.zeros((assay.table.height, len(first_guess())))
    for name, sequence in (("heavy", assay.parent_heavy), ("light", assay.parent_light)):
        if sequence:
            chain = ParentChain.of(sequence)
            table = substitution_features(chain, repertoire)
            padded = np.concatenate([table, np.zeros_like(table[:, :2])], axis=1)
            laid = lay(assay.table[name].to_list(), chain)
            features += laid.total(padded)
            mutations += laid.mutations(chain)
    reach = _REACH if assay.absolute else _REACH * float(np.std(assay.delta))
    return Design(assay.name, features, assay.delta.clip(-reach, reach), mutations, assay.absolute)
