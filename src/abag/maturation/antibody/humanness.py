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
        return np.array([self._log_share(v) for v in variants]) - self._log_share(self.parent)

    def germline_distance(self, variants: Sequence[Chains]) -> NDArray[np.int64]:
        """Residues that differ from the nearest V gene (human or mouse), shape (variants,).

        The gene is that of the parent's chain where a variant has its length; the CDR3 does not
        count, for no gene alone makes it.
        """
        return np.array([self._distance(v) for v in variants], dtype=np.int64)

    def _log_share(self, chains: Chains) -> float:
        total = 0.0
        for numbered, residues in self._positions(chains):
            inside = (numbered.imgt > 0) & ~numbered.inserted & (residues < NO_RESIDUE)
            shares = self.shares[numbered.kind]
            total += float(shares[numbered.imgt[inside], residues[inside]].sum())
        return total

    def _distance(self, chains: Chains) -> int:
        return sum(
            int(
                (
                    (numbered.imgt <= V_POSITIONS)
                    & (numbered.germline < NO_RESIDUE)
                    & (numbered.germline != residues)
                ).sum()
            )
            for numbered, residues in self._positions(chains)
        )

    def _positions(self, chains: Chains) -> list[tuple[ParentChain, NDArray[np.int64]]]:
        """Each chain on the positions of the parent's, or on its own where lengths differ."""
        return [
            (
                _numbered(parent if len(parent) == len(chain) else chain),
                np.asarray(codes(chain), dtype=np.int64),
            )
            for parent, chain in zip(self.parent, chains, strict=True)
            if parent and chain
        ]


@cache
def _numbered(chain: str) -> ParentChain:
    return ParentChain.of(chain)
