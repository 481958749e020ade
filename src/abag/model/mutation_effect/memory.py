"""Effects that were measured in an antibody family before, by position and by residue.

The weights hold for every antibody. A family with measurements of its own departs from them, by a
value for each position and one for each change, both drawn to 0. They serve variants of the same
family only: of a parent that shares 80 % of the residues of its CDRs with the family's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from abag.antibody.numbering.domains import LOOPS, position_number
from abag.model.mutation_effect.parent import (
    ParentAntibody,
    ParentChain,
)
from abag.model.mutation_effect.priors import NO_RESIDUE, Codes, Reals

SAME_FAMILY: Final = 0.8
"""Identity over the IMGT positions of the CDRs that either of two antibodies has."""


@dataclass(frozen=True, slots=True)
class FamilyMemory:
    """Departures of one family, pKd before :class:`Scale`.

    ``labels`` are its n positions (``heavy 111A``); ``residues`` (n,) are the codes of its parent
    and ``values`` (n, 22) the departure of each residue there, 0 for the parent's own; column 21
    is the missing residue.
    """

    name: str
    labels: tuple[str, ...]
    residues: Codes
    values: Reals

    def identity(self, parent: ParentAntibody) -> float:
        """Share of equal residues over the CDR positions of either, of the parent's chains."""
        chain_names = {name for name, chain in parent.chains if chain is not None}
        residue_at = dict(zip(self.labels, self.residues.tolist(), strict=True))
        parent_residues = cdr_residues(parent)
        cdr_labels = {
            label for label in residue_at if label.split()[0] in chain_names and in_cdr(label)
        }
        union = cdr_labels | set(parent_residues)
        same = sum(residue_at.get(label) == code for label, code in parent_residues.items())
        return same / len(union) if union else 0.0

    def table(self, name: str, chain: ParentChain) -> Reals:
        """Departures of every change of a chain, shape (P, 22); 0 where the family says nothing."""
        departures = np.zeros((len(chain.residues), 22))
        index_of = {label: i for i, label in enumerate(self.labels)}
        for place, position in enumerate(chain.labels):
            i = index_of.get(f"{name} {position}")
            parent_residue = int(chain.residues[place])
            if i is None or not position or parent_residue >= NO_RESIDUE:
                continue
            departures[place] = self.values[i] - self.values[i, parent_residue]
        departures[:, NO_RESIDUE] = 0.0
        return departures


def nearest_memory(
    memories: tuple[FamilyMemory, ...], parent: ParentAntibody
) -> FamilyMemory | None:
    """The family that the parent belongs to, if there is one."""
    candidates = [(memory.identity(parent), memory.name, memory) for memory in memories]
    best = max(candidates, default=None, key=lambda candidate: candidate[:2])
    return best[2] if best is not None and best[0] >= SAME_FAMILY else None


def cdr_residues(parent: ParentAntibody) -> dict[str, int]:
    """``heavy 111A`` -> code of the residue, of all CDR positions."""
    return {
        f"{name} {label}": int(code)
        for name, chain in parent.chains
        if chain is not None
        for label, code, region in zip(
            chain.labels, chain.residues.tolist(), chain.region.tolist(), strict=True
        )
        if region > 0
    }


@cache
def in_cdr(label: str) -> bool:
    """Whether ``heavy 111A`` lies in a CDR; cached, since every parent needs all labels."""
    return LOOPS[position_number(label.split()[1])] > 0
