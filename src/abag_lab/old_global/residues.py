"""Counts of residues by region, and the properties that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, residue_codes
from abag.antibody.residues import CHARGE, HYDROPATHY, VOLUME, membership

Reals = NDArray[np.float64]

PROPERTIES: Final = ("charge", "hydropathy", "aromatic", "positive", "negative", "small", "volume")
"""Charge is a sum; the others are means over the residues."""

_RESIDUES: Final = len(AMINO_ACIDS)

_TABLE: Final = np.stack(
    [CHARGE, HYDROPATHY, *(membership(group) for group in ("FWY", "KR", "DE", "GS")), VOLUME],
    axis=1,
)


def count_residues(texts: Sequence[str]) -> Reals:
    """Counts of the twenty residues in each text, shape (texts, 20)."""
    # Gaps and X are counted together, behind the residues, and cut off.
    codes = np.minimum(residue_codes("".join(texts)), _RESIDUES).astype(np.int64)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    size = _RESIDUES + 1
    counts = np.bincount(owners * size + codes, minlength=len(texts) * size)
    return counts.reshape(len(texts), size)[:, :_RESIDUES].astype(np.float64)


def shares(counts: Reals) -> Reals:
    """Counts as shares of their row; zeros where there is nothing."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1.0))


def properties(counts: Reals) -> Reals:
    """:data:`PROPERTIES` of counted residues, shape (..., 7)."""
    # Sums and not ``@``: BLAS may order the terms by the number of rows.
    averages = (shares(counts)[..., None] * _TABLE).sum(axis=-2)
    averages[..., 0] = (counts * _TABLE[:, 0]).sum(axis=-1)
    return np.asarray(averages)


def trait(name: str, codes: NDArray[np.int64]) -> Reals:
    """One of :data:`PROPERTIES` of each residue (``aromatic`` is 0 or 1); 0 for an unknown one."""
    return np.append(_TABLE[:, PROPERTIES.index(name)], 0.0)[codes]
