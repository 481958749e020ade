"""What is known of residues and of IMGT positions before any affinity is measured.

Residues: hydropathy (Kyte and Doolittle 1982), volume (Zamyatnin 1972), formal charge, BLOSUM62,
and how often a residue of a binding site is a hot spot. Positions: the share of antibody-antigen
complexes in which an IMGT position touches the antigen. The last two are set by hand, to the
nearest 0.05, after what contact surveys agree on (MacCallum et al. 1996; Bogan and Thorn 1998):
they are priors, not measurements, and nothing was fitted to choose them.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.sequences import AMINO_ACIDS

Reals = NDArray[np.float64]
Codes = NDArray[np.int64]

IMGT_COLUMNS: Final = 128
NO_RESIDUE: Final = 20
"""Code of a gap, of X and of whatever is no standard residue."""


def _scale(values: dict[str, float]) -> Reals:
    return np.array([values.get(letter, 0.0) for letter in AMINO_ACIDS])


HYDROPATHY: Final = _scale({
    "A": 1.8, "R": -4.5, "N": -3.5, "D": -3.5, "C": 2.5, "Q": -3.5, "E": -3.5, "G": -0.4,
    "H": -3.2, "I": 4.5, "L": 3.8, "K": -3.9, "M": 1.9, "F": 2.8, "P": -1.6, "S": -0.8,
    "T": -0.7, "W": -0.9, "Y": -1.3, "V": 4.2,
})  # fmt: skip
VOLUME: Final = _scale({
    "A": 88.6, "R": 173.4, "N": 114.1, "D": 111.1, "C": 108.5, "Q": 143.8, "E": 138.4, "G": 60.1,
    "H": 153.2, "I": 166.7, "L": 166.7, "K": 168.6, "M": 162.9, "F": 189.9, "P": 112.7, "S": 89.0,
    "T": 116.1, "W": 227.8, "Y": 193.6, "V": 140.0,
})  # fmt: skip
"""Cubic angstrom."""
CHARGE: Final = _scale({"D": -1.0, "E": -1.0, "K": 1.0, "R": 1.0, "H": 0.3})
HOT_SPOT: Final = _scale({
    "Y": 1.0, "W": 1.0, "R": 0.8, "D": 0.8, "F": 0.8, "H": 0.8, "N": 0.6, "K": 0.6, "E": 0.5,
    "M": 0.5, "L": 0.5, "I": 0.5, "G": 0.45, "T": 0.4, "S": 0.35, "P": 0.4, "Q": 0.4, "A": 0.2,
    "V": 0.35, "C": 0.3,
})  # fmt: skip

_HEAVY_CONTACT: Final = {
    1: 0.05, 2: 0.05, 3: 0.05, 27: 0.05, 28: 0.1, 29: 0.2, 30: 0.2, 35: 0.35, 36: 0.55, 37: 0.4,
    38: 0.65, 40: 0.25, 52: 0.2, 55: 0.55, 56: 0.1, 57: 0.65, 58: 0.4, 59: 0.6, 60: 0.55, 61: 0.5,
    62: 0.55, 63: 0.4, 64: 0.5, 65: 0.2, 66: 0.45, 67: 0.1, 68: 0.05, 69: 0.1, 80: 0.05, 82: 0.1,
    83: 0.1, 84: 0.1, 85: 0.1, 106: 0.05, 107: 0.4, 108: 0.5, 109: 0.55, 110: 0.6, 111: 0.65,
    112: 0.65, 113: 0.6, 114: 0.55, 115: 0.35, 116: 0.1, 117: 0.1,
}  # fmt: skip
_LIGHT_CONTACT: Final = {
    1: 0.1, 2: 0.1, 3: 0.05, 27: 0.15, 28: 0.15, 29: 0.25, 30: 0.3, 31: 0.4, 32: 0.4, 33: 0.4,
    34: 0.4, 35: 0.4, 36: 0.4, 37: 0.4, 38: 0.55, 40: 0.15, 52: 0.1, 55: 0.35, 56: 0.4, 57: 0.15,
    65: 0.2, 66: 0.35, 67: 0.1, 68: 0.15, 69: 0.2, 83: 0.1, 84: 0.1, 106: 0.1, 107: 0.55, 108: 0.5,
    109: 0.45, 110: 0.45, 111: 0.5, 112: 0.5, 113: 0.45, 114: 0.45, 115: 0.25, 116: 0.45, 117: 0.05,
}  # fmt: skip


@cache
def contact_share(light: bool) -> Reals:
    """Share of complexes in which each IMGT column touches the antigen, shape (129,); [0] is 0."""
    found = np.zeros(IMGT_COLUMNS + 1)
    for position, share in (_LIGHT_CONTACT if light else _HEAVY_CONTACT).items():
        found[position] = share
    found.setflags(write=False)
    return found


@cache
def blosum62() -> Reals:
    """BLOSUM62, half bits, shape (20, 20)."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")  # type: ignore[no-untyped-call]
    found = np.array([[float(matrix[a][b]) for b in AMINO_ACIDS] for a in AMINO_ACIDS])
    found.setflags(write=False)
    return found


_CODES: Final = np.full(256, NO_RESIDUE, dtype=np.int64)
for _number, _letter in enumerate(AMINO_ACIDS):
    _CODES[ord(_letter)] = _number


def codes(chain: str) -> Codes:
    """Numbers of the residues in the order of ``AMINO_ACIDS``; 20 for anything else."""
    letters = np.frombuffer(chain.upper().encode("ascii", "replace"), dtype=np.uint8)
    return np.asarray(_CODES[letters])
