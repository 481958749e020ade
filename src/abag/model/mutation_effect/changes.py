"""Variants laid on their parent, and every change of each, with what is known of it.

Serving and learning both start from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering import number_chains
from abag.errors import ModelError
from abag.model.mutation_effect.features import (
    FEATURES,
    first_guess,
    padded,
    substitution_features,
)
from abag.model.mutation_effect.maturation import (
    germline_share,
    matured_share,
    matured_table,
    ratio_table,
)
from abag.model.mutation_effect.parent import ParentAntibody, ParentChain
from abag.model.mutation_effect.priors import NO_RESIDUE, Codes, Reals, codes
from abag.model.mutation_effect.repertoire import Repertoire

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
    rows_by_positions: dict[tuple[str, ...], list[int]] = {}
    for row, chain in enumerate(chains):
        if not domains[chain] or not domains[parent.sequence]:
            raise ModelError(
                f"a chain has {len(chain)} residues where the parent has {len(parent.sequence)}, "
                "and no variable domain is found to lay them on each other; give chains of equal "
                "length"
            )
        rows_by_positions.setdefault(domains[chain][0].positions, []).append(row)
    residues = np.tile(parent.residues.astype(np.uint8), (len(chains), 1))
    inserted = np.zeros(residues.shape, dtype=np.uint8)
    for positions, members in rows_by_positions.items():
        rows = np.array(members, dtype=np.intp)
        text = "".join(domains[chains[row]][0].sequence for row in members)
        variant_codes = codes(text).reshape(len(rows), len(positions))
        places, index, behind = _columns(parent.labels, positions)
        laid_codes = np.full((len(rows), len(places)), DELETED, dtype=np.uint8)
        laid_codes[:, index >= 0] = variant_codes[:, index[index >= 0]]
        residues[np.ix_(rows, places)] = laid_codes
        inserted[rows] = np.bincount(behind, minlength=len(parent.labels))
    return Variants(residues, inserted)


def _columns(
    labels: Sequence[str], positions: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Places of the parent's domain, for each the index among ``positions`` (-1: it is missing).

    Third, for each of ``positions`` that the parent has not, the place behind which it stands.
    """
    ours = {label: place for place, label in enumerate(labels) if label}
    index_of = {position: i for i, position in enumerate(positions)}
    indices = [index_of.get(label, -1) for label in ours]
    behind, extra = next(iter(ours.values())), []
    for position in positions:
        if position in ours:
            behind = ours[position]
        else:
            extra.append(behind)
    return tuple(
        np.array(column, dtype=np.intp) for column in (list(ours.values()), indices, extra)
    )  # type: ignore[return-value]


CROWDING: Final = 1.0 / 3.0
"""Gains of n equal changes of maturation grow with n^(1 - CROWDING), as losses do by their power
of 1.5."""
_LEAST: Final = 0.05
"""Least weight of a change, where changes are weighted by what they lose."""
_SEVERITY: Final = list(FEATURES).index("severity")


@dataclass(frozen=True, slots=True)
class ChangeTable:
    """What is known of every change of one chain of the parent, before anything is learnt.

    ``features`` (P, 22, F), ``matured`` (P, 22, 6), ``ratios`` (P, 22) and ``weight`` (P, 22), what
    the change counts among others; columns 20 and 21 are X and the missing residue. What is
    learnt is applied here and looked up for variants: a row is the same number in any table.
    """

    chain: ParentChain
    features: Reals
    matured: Reals
    ratios: Reals
    weight: Reals

    @classmethod
    def of(cls, chain: ParentChain, repertoire: Repertoire) -> Self:
        """Of one numbered chain."""
        features = padded(substitution_features(chain, repertoire))
        guess = -(features @ first_guess()) / 2.0
        matured = matured_table(chain, repertoire, guess, -features[:, :, _SEVERITY])
        weight = np.maximum(guess, 0.0) + _LEAST
        return cls(chain, features, matured, ratio_table(chain), weight)

    def effects(self, weights: Reals) -> Reals:
        """Effect of every change (P, 22) by weights (F,), and its fit in a known complex."""
        by_change = np.asarray(self.features @ weights)
        if self.chain.surroundings is not None:
            by_change += padded(self.chain.surroundings.fit[:, :, None])[:, :, 0]
        return by_change


@dataclass(frozen=True, slots=True)
class CodedChanges:
    """The k changes of n rows.

    ``rows``, ``chain`` (0 heavy, 1 light), ``place`` (index in the parent's chain) and ``code`` (21
    for a residue too few or too many) are (k,), as ``inserted``; ``features`` (k, F). Of rows:
    ``matured`` (n, 6) are the sums of features of maturation, times the share of the row.
    """

    count: int
    rows: Codes
    chain: Codes
    place: Codes
    code: Codes
    inserted: NDArray[np.bool_]
    features: Reals
    matured: Reals
    crowd: Reals

    @property
    def mutations(self) -> Codes:
        """Changes of each row, shape (n,)."""
        return np.bincount(self.rows, minlength=self.count)

    def total(self, values: Reals) -> Reals:
        """Sums over the changes of each row of values (k,) or (k, v)."""
        if values.ndim == 1:
            return np.bincount(self.rows, values, minlength=self.count).astype(np.float64)
        return np.stack([self.total(column) for column in values.T], axis=1)


def changes_of(
    tables: Sequence[tuple[int, ChangeTable]], share: float, chains: Sequence[Sequence[str]]
) -> CodedChanges:
    """The changes of variants, whose chains of each table are given in its order.

    Args:
        tables: number of the chain (0 heavy, 1 light) and what is known of its changes.
        share: how far the parent is a germline antibody.
        chains: one list of n chains a table.

    Raises:
        ModelError: a chain cannot be laid on the parent's.
    """
    count = len(chains[0])
    parts = [
        _occurrences(lay(texts, table.chain), table.chain)
        for (_, table), texts in zip(tables, chains, strict=True)
    ]
    rows, place, code, inserted = (np.concatenate([part[i] for part in parts]) for i in range(4))
    chain_numbers = np.repeat([number for number, _ in tables], [len(part[0]) for part in parts])
    features, matured, ratios, weight = (
        np.concatenate(
            [
                getattr(table, name)[part[1], part[2]]
                for (_, table), part in zip(tables, parts, strict=True)
            ]
        )
        for name in ("features", "matured", "ratios", "weight")
    )
    bare = CodedChanges(
        count, rows, chain_numbers, place, code, inserted.astype(np.bool_), features,
        np.zeros((count, 0)), np.ones(count),
    )  # fmt: skip
    squares = np.maximum(bare.total(weight**2), 1e-9)
    crowd = np.maximum(bare.total(weight) ** 2 / squares, 1.0) ** -CROWDING
    maturation_weight = matured_share(bare.total(ratios), share) * crowd
    return CodedChanges(
        count, rows, chain_numbers, place, code, bare.inserted, features,
        bare.total(matured) * maturation_weight[:, None], crowd,
    )  # fmt: skip


def tables_of(
    parent: ParentAntibody, repertoire: Repertoire
) -> tuple[list[tuple[int, ChangeTable]], float]:
    """The tables of the chains that the parent has, and how far it is a germline antibody."""
    tables = [
        (number, ChangeTable.of(chain, repertoire))
        for number, (_, chain) in enumerate(parent.chains)
        if chain is not None
    ]
    return tables, germline_share(parent)


def _occurrences(laid: Variants, chain: ParentChain) -> tuple[Codes, Codes, Codes, Codes]:
    """Row, place, code and whether it is an insertion, of each change of laid chains."""
    changed = (laid.residues != chain.residues) & (laid.residues != NO_RESIDUE)
    rows, places = np.nonzero(changed & (chain.imgt > 0))
    more_rows, behind = np.nonzero(laid.inserted)
    times = laid.inserted[more_rows, behind]
    more_rows, behind = np.repeat(more_rows, times), np.repeat(behind, times)
    return (
        np.concatenate([rows, more_rows]),
        np.concatenate([places, behind]),
        np.concatenate([laid.residues[rows, places], np.full(len(behind), DELETED)]).astype(
            np.int64
        ),
        np.concatenate([np.zeros(len(rows)), np.ones(len(behind))]).astype(np.int64),
    )
