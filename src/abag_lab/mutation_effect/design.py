"""An assay as the fit sees it: its changes, its targets, and which changes share a departure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from abag.model.mutation_effect.changes import CodedChanges, changes_of, tables_of
from abag.model.mutation_effect.features import FEATURES
from abag.model.mutation_effect.parent import ParentAntibody
from abag.model.mutation_effect.priors import Reals, burial, contact_share
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scale import DEPTH, combined, unlevelled
from abag_lab.mutation_effect.assay import VariantAssay

REACH: Final = (-4.0, 3.5)
"""Measured values are cut to this range, pKd: what lies beyond is a bound or a placeholder."""
_DEEPEST: Final = -3.0
"""So deep a loss at most is taken back to before it levelled off, pKd."""
RANK_SPREAD: Final = 0.8
"""Standard deviation that an assay without pKd is scaled to, pKd."""


@dataclass(frozen=True, slots=True)
class Design:
    """One assay of n rows with k changes in all.

    ``delta`` (n,) is as measured, in pKd or scaled as if it were; ``target`` (n,) is the effect
    that levels off to it; a ``censored`` row stands at its bound. ``labels`` (k,) name the position
    of a change (``heavy 111A``) and ``amplitude`` (k,) is how far a family may depart there.
    """

    name: str
    parent: ParentAntibody
    changes: CodedChanges
    target: Reals
    delta: Reals
    censored: NDArray[np.bool_]
    labels: NDArray[np.str_]
    amplitude: Reals
    absolute: bool

    @property
    def rows(self) -> Reals:
        """Sums that a weight multiplies, shape (n, F + 6), as losses of equal changes grow."""
        crowd = self.changes.crowd[:, None]
        return np.concatenate(
            [self.changes.total(self.changes.features) * crowd, self.changes.matured], axis=1
        )

    @property
    def places(self) -> scipy.sparse.csr_matrix:
        """Amplitude of each change (k) in each row (n), as losses of equal changes grow."""
        weight = self.amplitude * self.changes.crowd[self.changes.rows]
        shape = (self.changes.count, len(weight))
        return scipy.sparse.csr_matrix((weight, (self.changes.rows, np.arange(len(weight)))), shape)

    def total(self, weights: Reals, power: float) -> Reals:
        """Combined effect S of every row by weights (F + 6,), without memory of the family."""
        shared, maturation = np.split(weights, [len(FEATURES)])
        return combined(self.changes, self.changes.features @ shared, maturation, power)


def design(assay: VariantAssay, repertoire: Repertoire) -> Design:
    """Every change of every row of an assay."""
    parent = ParentAntibody.of(assay.parent_heavy, assay.parent_light)
    tables, share = tables_of(parent, repertoire)
    chains = [assay.table[("heavy", "light")[number]].to_list() for number, _ in tables]
    changes = changes_of(tables, share, chains)
    labels = np.full(len(changes.rows), "", dtype="U16")
    amplitude = np.zeros(len(changes.rows))
    for number, table in tables:
        in_chain = changes.chain == number
        place = changes.place[in_chain]
        name = ("heavy", "light")[number]
        labels[in_chain] = np.array([f"{name} {position}" for position in table.chain.labels])[
            place
        ]
        imgt = table.chain.imgt[place]
        light = table.chain.light
        amplitude[in_chain] = 0.3 + contact_share(light)[imgt] + 0.7 * burial(light)[imgt]
    scale = 1.0 if assay.absolute else RANK_SPREAD / max(float(np.std(assay.delta)), 1e-6)
    delta = (assay.delta * scale).clip(*REACH)
    return Design(
        assay.name,
        parent,
        changes,
        unlevelled(delta.clip(_DEEPEST), DEPTH),
        delta,
        assay.censored,
        labels,
        amplitude,
        assay.absolute,
    )
