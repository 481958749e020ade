"""An assay as the fit sees it: its distinct changes, which row has which, and the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from abag.model.mutation_effect.combination import combine
from abag.model.mutation_effect.features import FEATURES, padded, substitution_features
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Codes, Reals
from abag.model.mutation_effect.variants import Variants, lay
from abag_lab.mutation_effect.assays import VariantAssay

_REACH: Final = 4.0
"""Differences are cut to this many pKd (spreads, of an assay without pKd): what lies beyond is a
bound or a placeholder."""


@dataclass(frozen=True, slots=True)
class Design:
    """One assay of n rows, with u distinct changes that occur k times in all.

    ``changes`` (u, F) are features of the changes; ``rows`` (k,) and ``which`` (k,) say in which
    row each occurs. ``features`` (n, F) are their sums, ``delta`` (n,) the targets, and
    ``mutations`` (n,) the numbers of changes.
    """

    name: str
    changes: Reals
    rows: Codes
    which: Codes
    features: Reals
    delta: Reals
    mutations: Codes
    absolute: bool

    @classmethod
    def of_singles(cls, name: str, features: Reals, delta: Reals, *, absolute: bool) -> Self:
        """Rows with one change each, of the features (n, F)."""
        every = np.arange(len(delta), dtype=np.int64)
        return cls(name, features, every, every, features, delta, np.ones_like(every), absolute)

    @property
    def spread(self) -> float:
        """Standard deviation of the targets."""
        return max(float(np.std(self.delta)), 0.1)

    def combined(self, weights: Reals, power: float) -> Reals:
        """Combined effect of the changes of every row, shape (n,)."""
        effects = (self.changes @ weights)[self.which]
        lost, gained = (
            np.bincount(self.rows, one, minlength=len(self.delta)).astype(np.float64)
            for one in (np.maximum(-effects, 0.0) ** power, np.maximum(effects, 0.0))
        )
        return combine(lost, gained, power)


def design(assay: VariantAssay, repertoire: Repertoire) -> Design:
    """Every change of every row of an assay, with its features."""
    count = assay.table.height
    mutations = np.zeros(count, dtype=np.int64)
    features = np.zeros((count, len(FEATURES)))
    tables, rows, which, offset = [], [], [], 0
    for name, sequence in (("heavy", assay.parent_heavy), ("light", assay.parent_light)):
        if not sequence:
            continue
        chain = ParentChain.of(sequence)
        table = padded(substitution_features(chain, repertoire))
        laid = lay(assay.table[name].to_list(), chain)
        features += laid.total(table)
        mutations += laid.mutations(chain)
        row, change = _occurrences(laid, chain)
        rows.append(row)
        which.append(change + offset)
        tables.append(table.reshape(-1, len(FEATURES)))
        offset += len(tables[-1])
    reach = _REACH if assay.absolute else _REACH * float(np.std(assay.delta))
    used, index = np.unique(np.concatenate(which), return_inverse=True)
    return Design(
        assay.name,
        np.concatenate(tables)[used],
        np.concatenate(rows),
        index,
        features,
        assay.delta.clip(-reach, reach),
        mutations,
        assay.absolute,
    )


def _occurrences(laid: Variants, chain: ParentChain) -> tuple[Codes, Codes]:
    """Row and number (place times 22, plus code) of each change of laid chains."""
    rows, places = np.nonzero(laid.residues != chain.residues)
    change = places * 22 + laid.residues[rows, places]
    more_rows, behind = np.nonzero(laid.inserted)
    times = laid.inserted[more_rows, behind]
    return (
        np.concatenate([rows, np.repeat(more_rows, times)]),
        np.concatenate([change, np.repeat(behind * 22 + 21, times)]),
    )
