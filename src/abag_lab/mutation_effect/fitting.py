"""Learning the weights: differences inside assays, with departures of every antibody family.

A row's target is

    y = X b + P (u + c) + o + noise,

X the sums of its changes' features, b the weights of all antibodies, u and c the departures of its
family at a position and of a change there, o the assay's own offset, because the parent's own
measurement may be off. b, u, c and o are normal, b around a first guess. Without u and c a library
of one antibody would teach as much as its rows; with them it teaches as much as its positions do.
A row at a bound counts as its bound or its prediction, whichever is weaker, in turns. The variances
were set on the open part (docs/models/mutation-effect.md); a family is solved once, and leaving
families out costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import scipy.sparse
from scipy.linalg import cho_factor, cho_solve

from abag.model.mutation_effect.features import FEATURES, first_guess
from abag.model.mutation_effect.maturation import MATURED
from abag.model.mutation_effect.memory import FamilyMemory
from abag.model.mutation_effect.model import MutationEffect
from abag.model.mutation_effect.parent import ParentAntibody
from abag.model.mutation_effect.priors import Reals
from abag.model.mutation_effect.repertoire import Repertoire
from abag_lab.mutation_effect.calibration import blind_assays, learn_scale, left_out_coverage
from abag_lab.mutation_effect.design import Design

POWER: Final = 1.5
"""How losses combine, between adding up (1) and the worst alone."""
_GUESS_MEAN: Final = 0.175
_GUESS_SPREAD: Final = 0.25
"""Prior of the size of the first guess as a whole, pKd."""
_FEATURE_SPREAD: Final = 0.01
_MATURATION_SPREAD: Final = 0.6
_POSITION_SPREAD: Final = 0.15
_CHANGE_SPREAD: Final = 0.2
_MEMORY: Final = 2.0
"""Departures that are remembered are drawn to 0 with so many times these spreads."""
_NOISE: Final = 0.6
_OFFSET: Final = 0.4
_RANK_OFFSET: Final = 1.5
_TURNS: Final = 3
_FEWEST_ROWS: Final = 30
"""A family with fewer rows is not remembered."""


@dataclass(frozen=True)
class Family:
    """The assays of one antibody family, solved for everything but the weights.

    ``rows`` (n, F + 6) is X and ``solved`` is the inverse covariance of y - X b, times X.
    """

    name: str
    designs: tuple[Design, ...]
    rows: Reals
    target: Reals
    censored: Any
    factor: Any
    solved: Reals

    @classmethod
    def of(cls, name: str, designs: Sequence[Design], memory: float = 1.0) -> Self:
        """Solve the covariance of one family; ``memory`` multiplies the spread of departures."""
        places = scipy.sparse.block_diag([design.places for design in designs], format="csr")
        position = _same_group(places, [design.labels for design in designs])
        change = _same_group(places, [_change_keys(design) for design in designs])
        assay = np.repeat(np.arange(len(designs)), [len(design.target) for design in designs])
        offset = np.array([_OFFSET if design.absolute else _RANK_OFFSET for design in designs]) ** 2
        covariance = (memory * _POSITION_SPREAD) ** 2 * position
        covariance += (memory * _CHANGE_SPREAD) ** 2 * change
        covariance += np.where(assay[:, None] == assay, offset[assay], 0.0)
        covariance[np.diag_indices_from(covariance)] += _NOISE**2
        rows = np.concatenate([design.rows for design in designs])
        factor = cho_factor(covariance, lower=True)
        return cls(
            name,
            tuple(designs),
            rows,
            np.concatenate([design.target for design in designs]),
            np.concatenate([design.censored for design in designs]),
            factor,
            cho_solve(factor, rows),
        )


def families_of(designs: Sequence[Design], families: Mapping[str, str]) -> list[Family]:
    """Every family of the designs, by the family of each assay."""
    return [
        Family.of(name, [design for design in designs if families[design.name] == name])
        for name in sorted({families[design.name] for design in designs})
    ]


def learn_weights(families: Sequence[Family]) -> Reals:
    """Weights b, shape (F + 6,): of features, in pKd, then of maturation."""
    guess = np.concatenate([first_guess(), np.zeros(len(MATURED))])
    spread = np.concatenate(
        [np.full(len(FEATURES), _FEATURE_SPREAD), np.full(len(MATURED), _MATURATION_SPREAD)]
    )
    prior = np.diag(spread**2) + _GUESS_SPREAD**2 * np.outer(guess, guess)
    mean = _GUESS_MEAN * guess
    normal = np.sum([family.rows.T @ family.solved for family in families], axis=0)
    normal += np.linalg.inv(prior)
    weights = mean
    targets = [family.target for family in families]
    for _ in range(_TURNS):
        right = np.sum(
            [
                family.solved.T @ (target - family.rows @ mean)
                for family, target in zip(families, targets, strict=True)
            ],
            axis=0,
        )
        weights = mean + np.linalg.solve(normal, right)
        targets = [_within_bounds(family, weights) for family in families]
    return np.asarray(weights)


def _within_bounds(family: Family, weights: Reals) -> Reals:
    predicted = family.rows @ weights
    return np.where(family.censored, np.minimum(family.target, predicted), family.target)


def remember(family: Family, weights: Reals, slope: float) -> FamilyMemory | None:
    """The departures of one family from the scaled weights; None of a family of few rows."""
    if len(family.target) < _FEWEST_ROWS:
        return None
    loose = Family.of(family.name, family.designs, _MEMORY)
    scaled = slope * weights
    residual = cho_solve(loose.factor, _within_bounds(loose, scaled) - loose.rows @ scaled)
    largest = max(family.designs, key=lambda design: len(design.target))
    residues = _residues(largest.parent)
    labels = tuple(residues)
    row_of = {label: row for row, label in enumerate(labels)}
    values = np.zeros((len(labels), 22))
    position = np.zeros(len(labels))
    change: dict[tuple[int, int], float] = {}
    amplitude = np.zeros(len(labels))
    start = 0
    for design in family.designs:
        along = design.places.T @ residual[start : start + len(design.target)]
        start += len(design.target)
        for label, code, part, size in zip(
            design.labels.tolist(),
            design.changes.code.tolist(),
            along,
            design.amplitude,
            strict=True,
        ):
            if label in row_of:
                row = row_of[label]
                position[row] += part
                change[row, code] = change.get((row, code), 0.0) + part
                amplitude[row] = size
    values += (amplitude * position * (_MEMORY * _POSITION_SPREAD) ** 2)[:, None]
    for (row, code), part in change.items():
        values[row, code] += amplitude[row] * part * (_MEMORY * _CHANGE_SPREAD) ** 2
    codes = np.array(list(residues.values()), dtype=np.int64)
    values[np.arange(len(codes)), codes] = 0.0
    served = (values / slope).astype(np.float32).astype(np.float64)
    return FamilyMemory(family.name, labels, codes, served)


def _residues(parent: ParentAntibody) -> dict[str, int]:
    return {
        f"{name} {label}": int(code)
        for name, chain in parent.chains
        if chain is not None
        for label, code in zip(chain.labels, chain.residues.tolist(), strict=True)
        if label
    }


def fit(
    designs: Sequence[Design],
    repertoire: Repertoire,
    families: Mapping[str, str],
    clusters: Mapping[str, str],
    training: Mapping[str, Any],
) -> MutationEffect:
    """Learn from all assays, and scale by weights without each assay's own cluster.

    Args:
        designs: what to learn from.
        repertoire: counts of natural residues.
        families: assay name -> antibody family.
        clusters: assay name -> cluster of complexes; it is left out as a whole.
        training: what is written into the artefact about the rows.
    """
    solved_families = families_of(designs, families)
    weights = learn_weights(solved_families)
    assays = blind_assays(designs, clusters, blind_weights(solved_families, clusters), POWER)
    facts = {
        **training,
        "rows": sum(len(design.target) for design in designs),
        "assays": {design.name: clusters[design.name] for design in designs},
        "left_out_coverage_90": left_out_coverage(assays),
    }
    shared, maturation = np.split(weights, [len(FEATURES)])
    scale = learn_scale(assays)
    memories = [remember(family, weights, scale.slope) for family in solved_families]
    return MutationEffect(
        shared,
        maturation,
        tuple(memory for memory in memories if memory is not None),
        repertoire,
        scale,
        facts,
    )


def blind_weights(families: Sequence[Family], clusters: Mapping[str, str]) -> dict[str, Reals]:
    """By cluster, the weights that are learnt without it."""
    return {
        cluster: learn_weights(outside(families, clusters, cluster))
        for cluster in sorted(
            {clusters[design.name] for family in families for design in family.designs}
        )
    }


def outside(families: Sequence[Family], clusters: Mapping[str, str], cluster: str) -> list[Family]:
    """The families of which no assay is in a cluster."""
    return [
        family
        for family in families
        if cluster not in {clusters[design.name] for design in family.designs}
    ]


def _change_keys(assay_design: Design) -> Any:
    return np.char.add(np.char.add(assay_design.labels, " "), assay_design.changes.code.astype(str))


def _same_group(places: scipy.sparse.csr_matrix, keys: Sequence[Any]) -> Reals:
    """Covariance (n, n) of rows through changes that share a key, of unit spread."""
    _, index = np.unique(np.concatenate(keys), return_inverse=True)
    groups = scipy.sparse.csr_matrix(
        (np.ones(len(index)), (np.arange(len(index)), index)), (len(index), int(index.max()) + 1)
    )
    grouped = places @ groups
    return np.asarray((grouped @ grouped.T).toarray())
