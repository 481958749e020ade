"""Offsets between batches (plates, days) that read higher or lower, from variants that they share.

Value = variant + batch + noise. Variants measured in several batches (the parent in its control
wells, repeats, bridging variants) say how far batches stand apart. Offsets are random effects with
mean zero, variances by restricted maximum likelihood (Patterson and Thompson, 1971): few controls
move a batch little, and a batch without controls stays as it is. The first batch is the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_GRID: Final = 25
"""Values tried of each variance, on a logarithmic scale."""
_PRIOR_ROWS: Final = 4.0
_PRIOR_NOISE: Final = 0.15
"""Noise as if seen in four pairs already, as a share of the values' spread: two or three controls
alone say little about it."""


@dataclass(frozen=True, slots=True)
class BatchOffset:
    """How much higher a batch reads than the first one."""

    batch: str
    offset: float
    standard_error: float
    shared_variants: int
    """Variants of the batch that were measured in other batches, too."""
    rows: int


def batch_offsets(
    variants: Sequence[object], batches: Sequence[str], values: Reals
) -> list[BatchOffset]:
    """Offsets of all batches, the first to appear at zero.

    Args:
        variants: The measured variant of each row.
        batches: The batch of each row: its plate or day.
        values: Measured values (rows,), finite.
    """
    names = list(dict.fromkeys(batches))
    keys = {key: number for number, key in enumerate(dict.fromkeys(variants))}
    variant = np.array([keys[key] for key in variants], dtype=np.int64)
    batch = np.array([names.index(name) for name in batches], dtype=np.int64)
    pairs = np.unique(np.stack([variant, batch]), axis=1)
    several = np.flatnonzero(np.bincount(pairs[0], minlength=len(keys)) > 1)
    shared = np.array([np.isin(pairs[0][pairs[1] == j], several).sum() for j in range(len(names))])
    rows = np.bincount(batch, minlength=len(names))
    offset, error = np.zeros(len(names)), np.zeros(len(names))
    used = np.isin(variant, several)
    if used.any():
        spread = float(np.std(values)) or 1.0
        offset, error = _offsets(variant[used], batch[used], values[used], len(names), spread)
    return [
        BatchOffset(name, float(offset[j]), float(error[j]), int(shared[j]), int(rows[j]))
        for j, name in enumerate(names)
    ]


def _offsets(
    variant: NDArray[np.int64], batch: NDArray[np.int64], values: Reals, count: int, spread: float
) -> tuple[Reals, Reals]:
    """Offsets against the first batch and their standard errors, both (count,)."""
    design = np.eye(count)[batch]
    groups = np.unique(variant, return_inverse=True)[1]
    member = np.eye(groups.max() + 1)[groups]
    # Contrasts within variants: what a variant is worth falls out.
    keep = np.eye(len(values)) - member @ (member / member.sum(axis=0)).T
    basis, sizes, _ = np.linalg.svd(keep)
    contrast = basis[:, sizes > 0.5]
    y, z = contrast.T @ values, contrast.T @ design
    noise, between = _variances(y, z, spread)
    inner = z.T @ z / noise + np.eye(count) / between
    covariance = np.linalg.inv(inner)
    effect = covariance @ (z.T @ y) / noise
    against = np.eye(count)
    against[:, 0] -= 1.0
    return against @ effect, np.sqrt(np.diag(against @ covariance @ against.T).clip(0.0))


def _variances(y: Reals, z: Reals, spread: float) -> tuple[float, float]:
    """Variance of noise and of batches that make the contrasts likeliest."""
    grid = np.geomspace(0.01, 3.0, _GRID) * spread
    best, variances = -np.inf, (grid[0], grid[0])
    values, vectors = np.linalg.eigh(z @ z.T)
    turned = (vectors.T @ y) ** 2
    for noise in grid**2:
        guess = -0.5 * _PRIOR_ROWS * (np.log(noise) + (_PRIOR_NOISE * spread) ** 2 / noise)
        for between in grid**2:
            total = noise + between * values.clip(0.0)
            value = guess - 0.5 * float((np.log(total) + turned / total).sum())
            if value > best:
                best, variances = value, (noise, between)
    return float(variances[0]), float(variances[1])
