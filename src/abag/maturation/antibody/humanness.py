"""How usual a variant's residues are in human antibodies, and how far it is from a germline gene.

Both come from tables that the package ships (counts of residues by IMGT position in paired human
antibodies; V genes): no encoder, no torch. Both add up over positions, so that thousands of
variants take milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.antibody.germlines import V_POSITIONS
from abag.model.mutation_effect import load_mutation_effect
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.priors import NO_RESIDUE, codes
from abag.model.mutation_effect.repertoire import LETTERS

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Humanness:
    """Human repertoire and germline of one parent, ready for its variants."""

    parent: Chains
    shares: Mapping[str, Reals]
    """ln(share of each residue) by kind of chain, each of shape (IMGT columns, 20)."""

    @classmethod
    def of(cls, heavy: str, light: str | None = None) -> Self:
        """Of a parent; a chain without a variable domain adds nothing to either figure."""
        repertoire = load_mutation_effect().repertoire
        return cls((heavy, light or None), {k: repertoire.log_shares(k) for k in (*LETTERS, "")})

    def of_variants(self, variants: Sequence[Chains]) -> Reals:
        """Sum of ln(share among human antibodies) less that of the parent, shape (variants,).

        Above 0 the variant is more like human antibodies than its parent; in nats. Insertions
        and residues outside the variable domain count for nothing.
        """
        own = self._human(self.parent)
        return np.array([self._human(one) for one in variants]) - own

    def germline_distance(self, variants: Sequence[Chains]) -> NDArray[np.int64]:
        """Residues that differ from the nearest V gene (human or mouse), shape (variants,).

        The gene is that of the parent's chain where a variant has its length; the CDR3 does not
        count, for no gene alone makes it.
        """
        return np.array([self._distance(one) for one in variants], dtype=np.int64)

    def _human(self, chains: Chains) -> float:
        total = 0.0
        for laid, residues in self._laid(chains):
            inside = (laid.imgt > 0) & ~laid.inserted & (residues < NO_RESIDUE)
            shares = self.shares[laid.kind]
            total += float(shares[laid.imgt[inside], residues[inside]].sum())
        return total

    def _distance(self, chains: Chains) -> int:
        return sum(
            int(
                (
                    (laid.imgt <= V_POSITIONS)
                    & (laid.germline < NO_RESIDUE)
                    & (laid.germline != residues)
                ).sum()
            )
            for laid, residues in self._laid(chains)
        )

    def _laid(self, chains: Chains) -> list[tuple[ParentChain, NDArray[np.int64]]]:
        """Each chain on the positions of the parent's, or on its own where lengths differ."""
        pairs = [(own, one) for own, one in zip(self.parent, chains, strict=True) if own and one]
        return [
            (
                _numbered(own if len(own) == len(one) else one),
                np.asarray(codes(one), dtype=np.int64),
            )
            for own, one in pairs
        ]


@cache
def _numbered(chain: str) -> ParentChain:
    return ParentChain.of(chain)
