"""Counts of residues by region, and the properties that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.sequences import AMINO_ACIDS

Reals = NDArray[np.float64]

_CHARGE: Final = {"K": 1.0, "R": 1.0, "D": -1.0, "E": -1.0, "H": 0.1}
_HYDROPATHY: Final = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (1.8, -4.5, -3.5, -3.5, 2.5, -3.5, -3.5, -0.4, -3.2, 4.5,
         3.8, -3.9, 1.9, 2.8, -1.6, -0.8, -0.7, -0.9, -1.3, 4.2),
        strict=True,
    )
)  # fmt: skip
"""Kyte and Doolittle, J Mol Biol 1982."""
_VOLUME: Final = dict(
    zip(
        AMINO_ACIDS,
        (88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7,
         162.9, 114.1, 112.7, 143.8, 173.4, 89.0, 116.1, 140.0, 227.8, 193.6),
        strict=True,
    )
)  # fmt: skip
"""Cubic angstrom (Zamyatnin, Prog Biophys Mol Biol 1972)."""

PROPERTIES: Final = ("charge", "hydropathy", "aromatic", "positive", "negative", "small", "volume")
"""Charge is a sum; the others are means over the residues."""

UNKNOWN: Final = len(AMINO_ACIDS)
_CODES: Final = np.full(256, UNKNOWN, dtype=np.int64)
_CODES[np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)] = np.arange(UNKNOWN)


def _members(letters: str) -> dict[str, float]:
    return dict.fromkeys(letters, 1.0)


_TABLE: Final = np.array(
    [
        [table.get(letter, 0.0) for letter in AMINO_ACIDS]
        for table in (
            _CHARGE, _HYDROPATHY, _members("FWY"), _members("KR"), _members("DE"),
            _members("GS"), _VOLUME,
        )
    ]
).T  # fmt: skip


def residue_codes(text: str) -> NDArray[np.int64]:
    """Numbers of the letters in the order of ``AMINO_ACIDS``; 20 for anything else."""
    return np.asarray(_CODES[np.frombuffer(text.encode("ascii"), dtype=np.uint8)])


def count_residues(texts: Sequence[str]) -> Reals:
    """Counts of the twenty residues in each text, shape (texts, 20)."""
    codes = residue_codes("".join(texts))
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    size = UNKNOWN + 1
    counts = np.bincount(owners * size + codes, minlength=len(texts) * size)
    return counts.reshape(len(texts), size)[:, :UNKNOWN].astype(np.float64)


def shares(counts: Reals) -> Reals:
    """Counts as shares of their row; zeros where there is nothing."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1.0))


def properties(counts: Reals) -> Reals:
    """:data:`PROPERTIES` of counted residues, shape (..., 7)."""
    # Sums and not ``@``: BLAS may order the terms by the number of rows.
    found = (shares(counts)[..., None] * _TABLE).sum(axis=-2)
    found[..., 0] = (counts * _TABLE[:, 0]).sum(axis=-1)
    return np.asarray(found)


def hydropathy_of(codes: NDArray[np.int64]) -> Reals:
    """Hydropathy of each residue; 0 for an unknown one."""
    return np.append(_TABLE[:, 1], 0.0)[codes]


def charge_of(codes: NDArray[np.int64]) -> Reals:
    """Charge of each residue; 0 for an unknown one."""
    return np.append(_TABLE[:, 0], 0.0)[codes]


def is_aromatic(codes: NDArray[np.int64]) -> Reals:
    """1 for F, W and Y, else 0."""
    return np.append(_TABLE[:, 2], 0.0)[codes]
