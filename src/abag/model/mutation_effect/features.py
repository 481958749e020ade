"""What is written down of every substitution of a parent, before anything is learnt.

Each feature is turned so that more of it should mean tighter binding; most are losses and so
negative. The scale of each is near 1, so that equal weights are a fair first guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.repertoire import Repertoire
from abag.model.mutation_effect.scales import (
    HOT_SPOT,
    NO_RESIDUE,
    VOLUME,
    Reals,
    blosum62,
    contact_share,
)
from abag.sequences import AMINO_ACIDS


@dataclass(frozen=True, slots=True)
class Sites:
    """Quantities that features are made of; shapes (P, 1) for positions, (P, 20) for letters."""

    contact: Reals
    conserved: Reals
    """1 - entropy / 3 of the repertoire at the position, not below 0."""
    gain: Reals
    """Log share of the new residue minus that of the parent's."""
    severity: Reals
    """(BLOSUM62 of the parent's residue with itself, minus with the new one) / 8."""
    hot_spot: Reals
    lost_volume: Reals
    """Side chain lost, in 40 cubic angstrom."""
    framework: Reals

    @classmethod
    def of(cls, chain: ParentChain, repertoire: Repertoire) -> Self:
        """Of every position of a chain and every residue that could stand there."""
        known = np.minimum(chain.residues, NO_RESIDUE - 1)
        log_shares = repertoire.log_shares(chain.kind)[chain.imgt]
        log_shares[chain.inserted | (chain.imgt == 0)] = np.log(1 / 20)
        own = np.take_along_axis(log_shares, known[:, None], axis=1)
        entropy = -(np.exp(log_shares) * log_shares).sum(axis=1, keepdims=True)
        matrix = blosum62()[known]
        outside = (chain.imgt == 0)[:, None]
        return cls(
            contact=contact_share(chain.light)[chain.imgt][:, None],
            conserved=np.where(outside, 0.0, np.maximum(0.0, 1.0 - entropy / 3.0)),
            gain=log_shares - own,
            severity=(np.take_along_axis(matrix, known[:, None], axis=1) - matrix) / 8.0,
            hot_spot=HOT_SPOT[known][:, None],
            lost_volume=np.maximum(0.0, VOLUME[known][:, None] - VOLUME[None, :]) / 40.0,
            framework=(chain.region == 0).astype(np.float64)[:, None],
        )


def _proline() -> Reals:
    return np.array([[float(letter == "P") for letter in AMINO_ACIDS]])


FEATURES: Final[dict[str, tuple[str, Callable[[Sites], Reals]]]] = {
    "mutation": ("any substitution", lambda s: -np.ones_like(s.severity)),
    "contact": ("at a position that often touches the antigen", lambda s: -s.contact),
    "severity": ("by BLOSUM62", lambda s: -s.severity),
    "contact_severity": ("both", lambda s: -s.contact * s.severity),
    "hot_spot": (
        "severe, at a contact position, of a residue that is often a hot spot",
        lambda s: -s.contact * s.hot_spot * s.severity,
    ),
    "repertoire_loss": (
        "to a residue that is rarer there in human antibodies",
        lambda s: np.minimum(0.0, s.gain) / 3.0,
    ),
    "conserved_severity": (
        "severe, where human antibodies hardly vary",
        lambda s: -s.conserved * s.severity,
    ),
    "proline": ("to proline, twice in framework", lambda s: -_proline() * (1.0 + s.framework)),
    "lost_volume": (
        "a smaller side chain at a contact position",
        lambda s: -s.contact * s.lost_volume,
    ),
}
"""Name -> meaning, and its values (P, 20) or smaller."""


def substitution_features(chain: ParentChain, repertoire: Repertoire) -> Reals:
    """Features of every substitution of a chain, shape (P, 20, features).

    Zero for the parent's own residue, and where the parent has X or another unknown letter.
    """
    sites = Sites.of(chain, repertoire)
    shape = (len(chain.residues), 20)
    table = np.stack(
        [np.broadcast_to(value(sites), shape) for _, value in FEATURES.values()], axis=2
    )
    unknown = chain.residues >= NO_RESIDUE
    table[unknown] = 0.0
    table[np.flatnonzero(~unknown), chain.residues[~unknown]] = 0.0
    return table
