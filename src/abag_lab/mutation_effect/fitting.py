"""Learning the weights: differences inside assays, drawn towards a first guess.

Rows of an assay are divided by its spread, because enrichments and AlphaSeq values have no common
scale. An assay of n rows has the weight sqrt(min(n, 400)): a library of thousands counts more than
a complex of twenty, but not a hundred times more. Each assay has an offset with a prior of its own,
because the parent's own measurement may be off. A ridge penalty draws the weights to the first
guess, scaled as a whole to fit, with effects added up; how strongly is chosen by
leaving out whole clusters of complexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from abag.model.mutation_effect.features import first_guess
from abag.model.mutation_effect.model import MutationEffect
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import Reals
from abag_lab.mutation_effect.calibration import blind_assays, learn_scale, left_out_coverage
from abag_lab.mutation_effect.design import Design

PENALTIES: Final = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)
POWERS: Final = (1.5,)
"""How losses combine. Set by hand between adding up and the worst alone: complexes left out prefer
4, libraries of many changes 1, and neither by much (docs/experiments-mutations.md)."""
MOST_WEIGHT: Final = 400
_OFFSET: Final = 0.3
"""Prior spread of an assay's offset, in its spread."""
_TRUSTED_ROWS: Final = 100.0
"""An assay of so many rows has half the say of an endless one when choices are scored."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen by leaving clusters out: the ridge penalty, and how losses combine."""

    penalty: float
    power: float


class NormalEquations:
    """X'X and X'y of every assay, effects added up, so that leaving some out costs nothing."""

    def __init__(self, designs: Iterable[Design]) -> None:
        self._parts: dict[str, tuple[Reals, Reals]] = {}
        for one in designs:
            n = len(one.delta)
            # Whitening of a constant offset of variance _OFFSET^2 beside unit noise.
            share = 1.0 - 1.0 / np.sqrt(1.0 + _OFFSET**2 * n)
            features = one.features - share * one.features.mean(axis=0)
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
    designs: Sequence[Design],
    clusters: Mapping[str, str],
    choice: Choice,
    equations: NormalEquations | None = None,
) -> dict[str, float]:
    """Spearman's correlation in each assay, from weights that never saw its cluster."""
    equations = equations or NormalEquations(designs)
    found = {}
    for one in designs:
        others = [d.name for d in designs if clusters[d.name] != clusters[one.name]]
        weights = equations.weights(others, choice.penalty)
        found[one.name] = _spearman(one.delta, one.combined(weights, choice.power))
    return found


def choose(designs: Sequence[Design], clusters: Mapping[str, str]) -> tuple[Choice, float]:
    """The most cautious choice that is no worse than the best by more than chance.

    Every choice is scored in each cluster by weights that never saw it. Of those whose mean lies
    within one standard error of the paired difference from the best one's, the one with the
    largest penalty is taken (one-standard-error rule), and of several the best of them. Returns it
    with its mean.
    """
    equations = NormalEquations(designs)
    tried = []
    for penalty, power in product(PENALTIES, POWERS):
        choice = Choice(penalty, power)
        scores = blind_scores(designs, clusters, choice, equations)
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
    equations = NormalEquations(designs)
    blind = {
        cluster: equations.weights(
            [one.name for one in designs if clusters[one.name] != cluster], choice.penalty
        )
        for cluster in sorted({clusters[one.name] for one in designs})
    }
    assays = blind_assays(designs, clusters, blind, choice.power)
    facts = {
        **training,
        "rows": sum(len(one.delta) for one in designs),
        "assays": {one.name: clusters[one.name] for one in designs},
        "penalty": choice.penalty,
        "left_out_spearman": round(score, 4),
        "left_out_coverage_90": left_out_coverage(assays),
    }
    weights = equations.weights([one.name for one in designs], choice.penalty)
    return MutationEffect(weights, repertoire, learn_scale(assays), facts)


def _spearman(true: Reals, found: Reals) -> float:
    from scipy.stats import rankdata

    if len(true) < 3 or np.ptp(true) == 0 or np.ptp(found) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(true), rankdata(found))[0, 1])
