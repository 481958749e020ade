"""Variants laid on their parent: which residue stands at each of the parent's positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering import first_domain, number_chains
from abag.errors import ModelError
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.scales import codes

DELETED = 21
"""Code of a position of the parent that the variant has not."""


@dataclass(frozen=True, slots=True)
class Variants:
    """Chains of one role on the parent's positions.

    ``residues`` (rows, P): codes 0 to 19, 20 for X, 21 where the residue is missing;
    ``inserted`` (rows, P): residues that the variant has behind position p and the parent has not.
    """

    residues: NDArray[np.uint8]
    inserted: NDArray[np.uint8]


def lay(chains: Sequence[str], parent: ParentChain) -> Variants:
    """Lay chains on a parent: place by place where lengths agree, else by IMGT position.

    Raises:
        ModelError: a chain of another length in which no variable domain is found.
    """
    count = len(parent.residues)
    residues = np.empty((len(chains), count), dtype=np.uint8)
    inserted = np.zeros((len(chains), count), dtype=np.uint8)
    same = np.array([len(chain) == count for chain in chains], dtype=np.bool_)
    if same.any():
        text = "".join(chain for chain in chains if len(chain) == count)
        residues[same] = codes(text).reshape(-1, count)
    others = [chain for chain, equal in zip(chains, same, strict=True) if not equal]
    if others:
        number_chains([parent.sequence, *others])
    for row in np.flatnonzero(~same).tolist():
        residues[row], inserted[row] = _by_position(chains[row], parent)
    return Variants(residues, inserted)


def _by_position(chain: str, parent: ParentChain) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One chain of another length; parts outside the variable domain are not compared."""
    ours, theirs = (_labelled(text) for text in (parent.sequence, chain))
    if not ours or not theirs:
        raise ModelError(
            f"a chain has {len(chain)} residues where the parent has {len(parent.sequence)}, and "
            "no variable domain is found to lay them on each other; give chains of equal length"
        )
    row = parent.residues.astype(np.uint8).copy()
    extra = np.zeros(len(row), dtype=np.uint8)
    for label, (place, _) in ours.items():
        row[place] = codes(theirs[label][1])[0] if label in theirs else DELETED
    behind = next(iter(ours.values()))[0]
    for label, _ in theirs.items():
        if label in ours:
            behind = ours[label][0]
        else:
            extra[behind] += 1
    return row, extra


def _labelled(chain: str) -> dict[str, tuple[int, str]]:
    """IMGT position -> index in the chain and residue."""
    domain = first_domain(chain)
    if domain is None:
        return {}
    return {
        position: (domain.start + i, residue)
        for i, (position, residue) in enumerate(zip(domain.positions, domain.sequence, strict=True))
    }
