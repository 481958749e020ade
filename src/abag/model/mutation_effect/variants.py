"""Variants laid on their parent: which residue stands at each of the parent's positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering import number_chains
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
    others = np.flatnonzero(~same)
    if len(others):
        laid = _by_position([chains[row] for row in others.tolist()], parent)
        residues[others], inserted[others] = laid.residues, laid.inserted
    return Variants(residues, inserted)


def _by_position(chains: Sequence[str], parent: ParentChain) -> Variants:
    """Chains of other lengths; parts outside the variable domain are not compared."""
    domains = number_chains([parent.sequence, *chains])
    alike: dict[tuple[str, ...], list[int]] = {}
    for row, chain in enumerate(chains):
        if not domains[chain] or not domains[parent.sequence]:
            raise ModelError(
                f"a chain has {len(chain)} residues where the parent has {len(parent.sequence)}, "
                "and no variable domain is found to lay them on each other; give chains of equal "
                "length"
            )
        alike.setdefault(domains[chain][0].positions, []).append(row)
    residues = np.tile(parent.residues.astype(np.uint8), (len(chains), 1))
    inserted = np.zeros(residues.shape, dtype=np.uint8)
    for positions, members in alike.items():
        rows = np.array(members, dtype=np.intp)
        text = "".join(domains[chains[row]][0].sequence for row in members)
        theirs = codes(text).reshape(len(rows), len(positions))
        places, found, behind = _columns(parent.labels, positions)
        mine = np.full((len(rows), len(places)), DELETED, dtype=np.uint8)
        mine[:, found >= 0] = theirs[:, found[found >= 0]]
        residues[np.ix_(rows, places)] = mine
        inserted[rows] = np.bincount(behind, minlength=len(parent.labels))
    return Variants(residues, inserted)


def _columns(
    labels: Sequence[str], positions: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Places of the parent's domain, for each the index among ``positions`` (-1: it is missing).

    Third, for each of ``positions`` that the parent has not, the place behind which it stands.
    """
    ours = {label: place for place, label in enumerate(labels) if label}
    index = {position: i for i, position in enumerate(positions)}
    found = [index.get(label, -1) for label in ours]
    behind, extra = next(iter(ours.values())), []
    for position in positions:
        if position in ours:
            behind = ours[position]
        else:
            extra.append(behind)
    return tuple(np.array(one, dtype=np.intp) for one in (list(ours.values()), found, extra))  # type: ignore[return-value]
