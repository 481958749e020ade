"""Learning the weights: differences inside assays, drawn towards a first guess.

Rows of an assay are divided by its spread, because enrichments and AlphaSeq values have no common
scale, and weighted by n^-1/2 in sum, so that a library of thousands counts more than a complex of
twenty, but not a hundred times more. Each assay has an offset with a prior of its own: the parent's
own measurement may be off. The first guess is that all features, scaled to unit root mean square,
weigh the same; a ridge penalty draws the weights to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from abag.model.mutation_effect.assays import VariantAssay
from abag.model.mutation_effect.features import substitution_features
from abag.model.mutation_effect.model import MutationEffect, Scale
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Codes, Reals
from abag.model.mutation_effect.variants import lay

PENALTY: Final = 3.0
"""Ridge penalty as a multiple of the mean diagonal of the normal equations."""
_OFFSET: Final = 0.3
"""Prior spread of an assay's offset, in its spread."""
_REACH: Final = 4.0
"""Differences are cut to this many pKd (spreads, of an assay without pKd): what lies beyond is a
bound or a placeholder."""
DEPTH: Final = 4.0
"""Where losses level off, pKd."""


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


def design(assay: VariantAssay, repertoire: Repertoire) -> Design:
    """Features of every row of an assay."""
    features: Reals | None = None
    mutations = np.zeros(assay.table.height, dtype=np.int64)
    for name, sequence in (("heavy", assay.parent_heavy), ("light", assay.parent_light)):
        if not sequence:
            continue
        chain = ParentChain.of(sequence)
        table = substitution_features(chain, repertoire)
        padded = np.concatenate([table, np.zeros_like(table[:, :2])], axis=1)
        laid = lay(assay.table[name].to_list(), chain)
        found = laid.total(padded)
        features = found if features is None else features + found
        mutations += laid.mutations(chain)
    if features is None:
        raise ValueError(f"{assay.name}: the parent has no chain")
    reach = _REACH if assay.absolute else _REACH * float(np.std(assay.delta))
    return Design(assay.name, features, assay.delta.clip(-reach, reach), mutations, assay.absolute)


def learn_weights(designs: Sequence[Design], penalty: float = PENALTY) -> Reals:
    """Weights (F,) on the assays' own spread."""
    count = designs[0].features.shape[1]
    normal, right, rows = np.zeros((count, count)), np.zeros(count), 0.0
    for one in designs:
        n = len(one.delta)
        # Whitening of a constant offset of variance _OFFSET^2 beside unit noise.
        share = 1.0 - 1.0 / np.sqrt(1.0 + _OFFSET**2 * n)
        features = one.features - share * one.features.mean(axis=0)
        target = one.delta / one.spread
        target = target - share * target.mean()
        weight = n**-0.5
        normal += weight * features.T @ features
        right += weight * features.T @ target
        rows += weight * n
    size = np.sqrt(np.diag(normal) / rows) + 1e-9
    normal, right = normal / size / size[:, None], right / size
    guess = np.ones(count)
    towards = normal @ guess
    scale = max(float(guess @ right) / float(guess @ towards), 1e-3)
    ridge = penalty * np.trace(normal) / count * np.eye(count)
    learnt = scale * guess + np.linalg.solve(normal + ridge, right - scale * towards)
    return np.asarray(learnt / size)


def learn_scale(designs: Sequence[Design], weights: Sequence[Reals]) -> Scale:
    """Slope and errors from assays in pKd, each under weights that never saw it.

    The slope is the median over assays of the slope through the origin; the deviation is fitted to
    squared errors, each assay weighing the same.
    """
    slopes = []
    for one, vector in zip(designs, weights, strict=True):
        total = one.features @ vector
        if one.absolute and len(total) >= 10 and (total @ total) > 0:
            slopes.append(float(total @ one.delta) / float(total @ total))
    slope = max(float(np.median(slopes)), 0.05)
    bare = Scale(slope, DEPTH, 0.0, 0.0, 0.0)
    rows, squares, shares = [], [], []
    for one, vector in zip(designs, weights, strict=True):
        if not one.absolute:
            continue
        mean = bare.level(one.features @ vector)
        rows.append(np.stack([np.ones_like(mean), mean**2, one.mutations.astype(np.float64)], 1))
        squares.append((one.delta - mean) ** 2)
        shares.append(np.full(len(mean), 1.0 / len(mean)))
    from scipy.optimize import nnls

    root = np.sqrt(np.concatenate(shares))
    found, _ = nnls(np.concatenate(rows) * root[:, None], np.concatenate(squares) * root)
    floor, share, each = np.sqrt(np.maximum(found, [0.04, 0.0, 0.0]))
    return Scale(slope, DEPTH, float(floor), float(share), float(each))


def fit(
    assays: Sequence[VariantAssay],
    repertoire: Repertoire,
    clusters: Mapping[str, str],
    training: Mapping[str, Any],
    penalty: float = PENALTY,
) -> MutationEffect:
    """Fit on all assays; scale and errors come from weights without the assay's own cluster.

    Args:
        assays: what to learn from.
        repertoire: counts of natural residues.
        clusters: assay name -> cluster; a cluster is left out as a whole.
        training: what is written into the artefact about the rows.
        penalty: see :data:`PENALTY`.
    """
    designs = [design(assay, repertoire) for assay in assays]
    blind = {
        cluster: learn_weights([d for d in designs if clusters[d.name] != cluster], penalty)
        for cluster in sorted({clusters[one.name] for one in designs})
    }
    scale = learn_scale(designs, [blind[clusters[one.name]] for one in designs])
    return MutationEffect(learn_weights(designs, penalty), repertoire, scale, dict(training))
