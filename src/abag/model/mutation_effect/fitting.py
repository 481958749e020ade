"""Learning the weights: differences inside assays, drawn towards a first guess.

Rows of an assay are divided by its spread, because enrichments and AlphaSeq values have no common
scale. An assay of n rows has the weight sqrt(min(n, 400)): a library of thousands counts more than
a complex of twenty, but not a hundred times more. Each assay has an offset with a prior of its own,
because the parent's own measurement may be off. A ridge penalty draws the weights to the first
guess, scaled as a whole to fit; how strongly, and how much crowding, is chosen by leaving out whole
clusters of complexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from abag.model.mutation_effect.assays import VariantAssay
from abag.model.mutation_effect.features import first_guess, substitution_features
from abag.model.mutation_effect.model import MutationEffect, Scale
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Codes, Reals
from abag.model.mutation_effect.variants import lay

PENALTIES: Final = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
CROWDINGS: Final = (0.0, 0.25, 0.5)
MOST_WEIGHT: Final = 400
_OFFSET: Final = 0.3
"""Prior spread of an assay's offset, in its spread."""
_REACH: Final = 4.0
"""Differences are cut to this many pKd (spreads, of an assay without pKd): what lies beyond is a
bound or a placeholder."""
DEPTH: Final = 4.0
"""Where losses level off, pKd."""
_TRUSTED_ROWS: Final = 100.0
"""An assay of so many rows has half the say of an endless one when choices are scored."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen by leaving clusters out: the ridge penalty, and the crowding."""

    penalty: float
    crowding: float


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


class NormalEquations:
    """X'X and X'y of every assay at one crowding, so that leaving some out costs nothing."""

    def __init__(self, designs: Iterable[Design], crowding: float) -> None:
        self._parts: dict[str, tuple[Reals, Reals]] = {}
        for one in designs:
            n = len(one.delta)
            # Whitening of a constant offset of variance _OFFSET^2 beside unit noise.
            share = 1.0 - 1.0 / np.sqrt(1.0 + _OFFSET**2 * n)
            features = one.crowded(crowding)
            features = features - share * features.mean(axis=0)
            target = one.delta / one.spread
            target = target - share * target.mean()
            weight = np.sqrt(min(n, MOST_WEIGHT)) / n
            self._parts[one.name] = (
                weight * features.T @ features,
                weight * features.T @ target,
            )

    def weights(self, names: Iterable[str], penalty: float) -> Reals:
        """Weights (F,), in spreads of an assay, learnt from the named assays."""
        chosen = [self._parts[name] for name in names]
        normal = np.sum([one for one, _ in chosen], axis=0)
        right = np.sum([one for _, one in chosen], axis=0)
        guess = first_guess()
        towards = normal @ guess
        guess = guess * max(float(guess @ right) / float(guess @ towards), 1e-3)
        ridge = penalty * np.eye(len(guess))
        return np.asarray(guess + np.linalg.solve(normal + ridge, right - normal @ guess))


def blind_scores(
    designs: Sequence[Design], clusters: Mapping[str, str], choice: Choice
) -> dict[str, float]:
    """Spearman's correlation in each assay, from weights that never saw its cluster."""
    equations = NormalEquations(designs, choice.crowding)
    found = {}
    for one in designs:
        others = [d.name for d in designs if clusters[d.name] != clusters[one.name]]
        weights = equations.weights(others, choice.penalty)
        found[one.name] = _spearman(one.delta, one.crowded(choice.crowding) @ weights)
    return found


def choose(designs: Sequence[Design], clusters: Mapping[str, str]) -> tuple[Choice, float]:
    """The most cautious choice that is no worse than the best by more than chance.

    Every choice is scored in each cluster by weights that never saw it. Of those whose mean lies
    within one standard error of the paired difference from the best one's, the one with the
    largest penalty is taken (one-standard-error rule), and of several the best of them. Returns it
    with its mean.
    """
    tried = []
    for penalty, crowding in product(PENALTIES, CROWDINGS):
        choice = Choice(penalty, crowding)
        scores = blind_scores(designs, clusters, choice)
        tried.append((choice, cluster_scores(designs, clusters, scores)))
    _, best = max(tried, key=lambda one: float(one[1].mean()))
    near = [
        (choice.penalty, float(scores.mean()), choice)
        for choice, scores in tried
        if (best - scores).mean() <= (best - scores).std() / np.sqrt(len(best))
    ]
    _, mean, choice = max(near, key=lambda one: one[:2])
    return choice, mean


def cluster_scores(
    designs: Sequence[Design], clusters: Mapping[str, str], scores: Mapping[str, float]
) -> Reals:
    """Mean score of each cluster, an assay of n rows weighing n / (n + 100)."""
    means = []
    for cluster in sorted({clusters[one.name] for one in designs}):
        members = [one for one in designs if clusters[one.name] == cluster]
        weights = np.array([len(m.delta) / (len(m.delta) + _TRUSTED_ROWS) for m in members])
        values = np.array([scores[m.name] for m in members])
        means.append(float(weights @ values / weights.sum()))
    return np.array(means)


def learn_scale(designs: Sequence[Design], weights: Sequence[Reals], crowding: float) -> Scale:
    """Slope and errors from assays in pKd, each under weights that never saw it.

    The slope is the median over assays of the slope through the origin; the deviation is fitted to
    squared errors by non-negative least squares, each assay weighing the same.
    """
    from scipy.optimize import nnls

    slopes = []
    pairs = [(d, d.crowded(crowding) @ w) for d, w in zip(designs, weights, strict=True)]
    pairs = [(one, total) for one, total in pairs if one.absolute]
    for one, total in pairs:
        if len(total) >= 10 and float(total @ total) > 0:
            slopes.append(float(total @ one.delta) / float(total @ total))
    bare = Scale(max(float(np.median(slopes)), 0.05), DEPTH, crowding, 0.0, 0.0, 0.0)
    rows, squares, shares = [], [], []
    for one, total in pairs:
        # ``total`` holds the crowding already.
        mean = bare.level(total)
        rows.append(np.stack([np.ones_like(mean), mean**2, one.mutations.astype(np.float64)], 1))
        squares.append((one.delta - mean) ** 2)
        shares.append(np.full(len(mean), 1.0 / len(mean)))
    root = np.sqrt(np.concatenate(shares))
    found, _ = nnls(np.concatenate(rows) * root[:, None], np.concatenate(squares) * root)
    floor, share, each = np.sqrt(np.maximum(found, [0.04, 0.0, 0.0]))
    return Scale(bare.slope, DEPTH, crowding, float(floor), float(share), float(each))


def fit(
    designs: Sequence[Design],
    repertoire: Repertoire,
    clusters: Mapping[str, str],
    training: Mapping[str, Any],
) -> MutationEffect:
    """Choose, learn from all assays, and scale by weights without each assay's own cluster.

    Args:
        designs: what to learn from.
        repertoire: counts of natural residues.
        clusters: assay name -> cluster; a cluster is left out as a whole.
        training: what is written into the artefact about the rows.
    """
    choice, score = choose(designs, clusters)
    equations = NormalEquations(designs, choice.crowding)
    blind = [
        equations.weights(
            [d.name for d in designs if clusters[d.name] != clusters[one.name]], choice.penalty
        )
        for one in designs
    ]
    scale = learn_scale(designs, blind, choice.crowding)
    weights = equations.weights([one.name for one in designs], choice.penalty)
    facts = {
        **training,
        "rows": sum(len(one.delta) for one in designs),
        "assays": {one.name: clusters[one.name] for one in designs},
        "penalty": choice.penalty,
        "left_out_spearman": round(score, 4),
    }
    return MutationEffect(weights, repertoire, scale, facts)


def _spearman(true: Reals, found: Reals) -> float:
    from scipy.stats import rankdata

    if len(true) < 3 or np.ptp(true) == 0 or np.ptp(found) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(true), rankdata(found))[0, 1])
