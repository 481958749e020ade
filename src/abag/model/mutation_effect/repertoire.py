"""Which residues natural human antibodies have at an IMGT position: a small table of counts.

Made from paired human antibodies of the Observed Antibody Space (CC BY 4.0), one row of counts an
IMGT column and chain kind; insertions are left out. The log-odds of two residues at a position say
what the fold and the selection of B cells put up with there, not what an antigen wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering import number_chains
from abag.antibody.numbering.domains import position_number
from abag.model.mutation_effect.parent import KINDS
from abag.model.mutation_effect.priors import IMGT_COLUMNS, NO_RESIDUE, Reals, codes

LETTERS: Final = ("H", "K", "L")
_FLOOR: Final = 1e-3
"""Added to shares before the logarithm: a share below one in a thousand counts as none."""


@dataclass(frozen=True, slots=True)
class Repertoire:
    """Counts of residues, shape (129, 20) for each of H, K and L; row 0 is empty."""

    counts: Mapping[str, Reals]

    @classmethod
    def of(cls, chains: Iterable[str]) -> Self:
        """Count the residues of chains; those without a variable domain count for nothing."""
        counts = {kind: np.zeros((IMGT_COLUMNS + 1, 20)) for kind in LETTERS}
        for domains in number_chains(chains).values():
            for domain in domains[:1]:
                table = counts[KINDS[domain.kind]]
                residues = codes(domain.sequence)
                for position, code in zip(domain.positions, residues, strict=True):
                    if position.isdigit() and code < NO_RESIDUE:
                        table[position_number(position), code] += 1.0
        return cls(counts)

    def log_shares(self, kind: str) -> Reals:
        """Natural logarithm of the share of each residue, shape (129, 20); flat where unknown."""
        if kind not in self.counts:
            return np.full((IMGT_COLUMNS + 1, 20), np.log(1 / 20))
        table = self.counts[kind]
        shares = (table + 0.5) / (table.sum(axis=1, keepdims=True) + 10.0)
        return np.asarray(np.log(shares + _FLOOR))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {f"repertoire.{kind}": self.counts[kind].astype(np.uint32) for kind in LETTERS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        return cls({kind: arrays[f"repertoire.{kind}"].astype(np.float64) for kind in LETTERS})
