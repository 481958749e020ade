"""Features of every substitution of a parent, fixed before anything is learnt.

Each feature is turned so that more of it should mean tighter binding; most are losses and so
negative. Beside each stands a first guess of its weight, which learning starts from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from abag.antibody.residues import HOT_SPOT, VOLUME, membership, substitution_scores
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.priors import (
    NO_RESIDUE,
    Reals,
    burial,
    contact_share,
)
from abag.model.mutation_effect.repertoire import Repertoire


@dataclass(frozen=True, slots=True)
class Sites:
    """Quantities that features are made of; shapes (P, 1) for positions, (P, 20) for letters."""

    contact: Reals
    burial: Reals
    gain: Reals
    """Log share of the new residue in human antibodies minus that of the parent's, / 3."""
    severity: Reals
    """(BLOSUM62 of the parent's residue with itself, minus with the new one) / 8."""
    hot_spot: Reals
    lost_volume: Reals
    """Side chain lost, in 40 cubic angstrom."""
    framework: Reals

    @classmethod
    def of(cls, chain: ParentChain, repertoire: Repertoire) -> Self:
        """Of every position of a chain and every residue that could stand there."""
        known = np.minimum(chain.residues, NO_RESIDUE - 1)[:, None]
        log_shares = repertoire.log_shares(chain.kind)[chain.imgt]
        log_shares[chain.inserted | (chain.imgt == 0)] = np.log(1 / 20)
        matrix = substitution_scores("BLOSUM62")[known[:, 0]]
        touched, deep = (table(chain.light)[chain.imgt] for table in (contact_share, burial))
        if chain.surroundings is not None:
            touched = chain.surroundings.contact_beside(touched)
            deep = chain.surroundings.burial_beside(deep)
        return cls(
            contact=touched[:, None],
            burial=deep[:, None],
            gain=(log_shares - np.take_along_axis(log_shares, known, axis=1)) / 3.0,
            severity=(np.take_along_axis(matrix, known, axis=1) - matrix) / 8.0,
            hot_spot=HOT_SPOT[known],
            lost_volume=np.maximum(0.0, VOLUME[known] - VOLUME[None, :]) / 40.0,
            framework=(chain.region == 0).astype(np.float64)[:, None],
        )


class Feature(NamedTuple):
    """Meaning, first guess of the weight, and values (P, 20) or smaller."""

    meaning: str
    guess: float
    value: Callable[[Sites], Reals]


FEATURES: Final[dict[str, Feature]] = {
    "severity": Feature("severe by BLOSUM62", 1.0, lambda s: -s.severity),
    "buried_severity": Feature("severe, inside the domain", 2.0, lambda s: -s.burial * s.severity),
    "contact_severity": Feature(
        "severe, where the antigen is often touched", 2.0, lambda s: -s.contact * s.severity
    ),
    "hot_spot": Feature(
        "the same, of a residue that is often a hot spot",
        0.5,
        lambda s: -s.contact * s.hot_spot * s.severity,
    ),
    "lost_volume": Feature(
        "a smaller side chain at a contact", 0.5, lambda s: -s.contact * s.lost_volume
    ),
    "contact": Feature("any change at a contact", 0.5, lambda s: -s.contact),
    "repertoire_loss": Feature(
        "a residue that is rarer there in human antibodies",
        0.75,
        lambda s: np.minimum(0.0, s.gain),
    ),
    "to_proline": Feature(
        "twice in framework", 0.3, lambda s: -membership("P") * (1.0 + s.framework)
    ),
    "to_cysteine": Feature("a free cysteine", 0.3, lambda _: -membership("C")),
    "to_acidic": Feature("aspartate or glutamate, a gain", 0.3, lambda _: membership("DE")),
}
"""Name -> feature; the order is that of every array of features."""


def first_guess() -> Reals:
    """First guesses of the weights, shape (features,)."""
    return np.array([feature.guess for feature in FEATURES.values()])


def substitution_features(chain: ParentChain, repertoire: Repertoire) -> Reals:
    """Features of every substitution of a chain, shape (P, 20, features).

    Zero for the parent's own residue, where the parent has X or another unknown letter, and outside
    the variable domain (linkers, tags, constant domains), of which nothing is known.
    """
    sites = Sites.of(chain, repertoire)
    shape = (len(chain.residues), 20)
    table = np.stack(
        [np.broadcast_to(feature.value(sites), shape) for feature in FEATURES.values()], axis=2
    )
    unknown = (chain.residues >= NO_RESIDUE) | (chain.imgt == 0)
    table[unknown] = 0.0
    table[np.flatnonzero(~unknown), chain.residues[~unknown]] = 0.0
    return table


def padded(table: Reals) -> Reals:
    """A table (P, 20, F) with X, of which nothing is known, and deletions: (P, 22, F).

    A deletion counts as the mean substitution at its position.
    """
    unknown = np.zeros_like(table[:, :1])
    return np.concatenate([table, unknown, table.sum(axis=1, keepdims=True) / 19.0], axis=1)
