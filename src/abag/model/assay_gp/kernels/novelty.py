"""How much wider intervals must be for variants that are unlike the measured ones.

A random row that is left out has siblings among the others. A change at a new position, or more
changes than any measured variant has, has none: the errors there are those of rows that are left
out together, with every row that changes a stretch of positions, or every row of many changes
(block-wise leave-one-out, in closed form). No row shows how errors grow with changes that nobody
measured: they are taken to grow by :data:`GROWTH` with as many more as were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.model.assay_gp.inducing import InducedPosterior
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.assay_gp.mixture import Mixture
from abag.model.assay_gp.rows import widening_of

Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

_STRETCHES: Final = 5
_FEWEST: Final = 8
"""Rows that must be left to learn from, and be left out in all, for such errors to count."""
WIDEST: Final = 3.0
GROWTH: Final = 0.5
"""Chosen on measured and made-up landscapes (docs/measured/few-shot.md)."""


@dataclass(frozen=True, slots=True)
class Widening:
    """Factors by which deviations are multiplied, for each kind of row."""

    known: float
    new_position: float
    more_mutations: float
    most: int
    """Mutations of the training row that has most."""

    @classmethod
    def of(cls, mixture: Mixture, target: Reals, exact: NDArray[np.bool_]) -> Self:
        """From the training rows' own errors; censored rows, not ``exact``, are left to learn."""
        mean, spread = mixture.left_out(target)
        errors = np.abs(target - mean)[exact] / np.sqrt(spread[exact])
        changed = mixture.rows != mixture.kernel.positions.reference
        counts = changed.sum(axis=1)
        known, most = widening_of(errors), int(counts.max())
        if isinstance(mixture.members[0], InducedPosterior):
            return cls(known, known, known, most)
        stretches, several = (
            _rows_of_stretches(changed, mixture, exact),
            _rows_with_many_mutations(counts, exact),
        )
        fresh = _block_widening(mixture, target, stretches, mixture.beyond[0], known)
        many = _block_widening(mixture, target, several, mixture.beyond[1], known)
        return cls(known, fresh, many, most)

    def of_rows(self, mixture: Mixture, letters: Codes) -> Reals:
        """The factor of each row (rows,)."""
        fresh, more = mixture.unlike(letters)
        factors = np.full(len(letters), self.known)
        factors[fresh] = self.new_position
        counts = (letters != mixture.kernel.positions.reference).sum(axis=1)
        beyond = self.known * (1.0 + GROWTH * (counts / max(self.most, 1) - 1.0))
        beyond = beyond.clip(self.more_mutations, max(WIDEST * self.known, self.more_mutations))
        factors[more] = np.maximum(factors, beyond)[more]
        return factors

    def arrays(self) -> dict[str, Reals]:
        """Arrays to be saved."""
        factors = [self.known, self.new_position, self.more_mutations, float(self.most)]
        return {"widening": np.array(factors)}

    @classmethod
    def from_array(cls, array: Reals) -> Self:
        """The inverse of :meth:`arrays`."""
        known, fresh, many, most = array.tolist()
        return cls(known, fresh, many, int(most))


def _block_widening(
    mixture: Mixture, target: Reals, blocks: Sequence[Rows], shares: Reals, known: float
) -> float:
    """Widening by rows that are left out in blocks; that of ``known`` rows or more."""
    if sum(len(rows) for rows in blocks) < _FEWEST:
        return known
    left_out = mixture.blocks_left_out(target, blocks, shares)
    errors = [
        np.abs(target[rows] - mean) / np.sqrt(spread)
        for rows, (mean, spread) in zip(blocks, left_out, strict=True)
    ]
    return float(np.clip(widening_of(*errors), known, WIDEST * known))


def _rows_of_stretches(
    changed: NDArray[np.bool_], mixture: Mixture, exact: NDArray[np.bool_]
) -> list[Rows]:
    """Exact rows that change a stretch of neighbouring positions, where enough rows do not."""
    blocks = []
    for part in np.array_split(mixture.kernel.shifts.active, _STRETCHES):
        rows = changed[:, part].any(axis=1)
        if (~rows).sum() >= _FEWEST:
            blocks.append(np.flatnonzero(rows & exact))
    return [rows for rows in blocks if len(rows)]


def _rows_with_many_mutations(counts: NDArray[np.int64], exact: NDArray[np.bool_]) -> list[Rows]:
    """Exact rows with more mutations than half of the rows have."""
    rows = counts > np.median(counts)
    return [np.flatnonzero(rows & exact)] if (~rows).sum() >= _FEWEST else []
