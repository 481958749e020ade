"""What is known of residues and of IMGT positions before any affinity is measured.

Residues: volume (Zamyatnin 1972), BLOSUM62, and how often a residue of a binding site is a hot
spot. Positions: the share of antibody-antigen complexes in which an IMGT position touches the
antigen, and how deep in the domain it is buried. The tables of hot spots, contacts and burial are
set by hand, to the nearest 0.1 or 0.05: after surveys of contacts (MacCallum et al. 1996; Bogan and
Thorn 1998), the packing of the domain and of its two halves (Chothia et al. 1985, 1998) and the
Vernier zone (Foote and Winter 1992). They are priors, not measurements;
docs/measured/experiments-mutations.md says what had been seen when they were written down.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP, residue_codes

Reals = NDArray[np.float64]
Codes = NDArray[np.int64]

IMGT_COLUMNS: Final = 128
NO_RESIDUE: Final = GAP
"""Code of a gap, of X and of all that is no standard residue."""


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


_HEAVY_BURIAL: Final = {
    4: 0.8, 6: 0.8, 19: 0.8, 21: 1.0, 22: 0.4, 23: 1.0, 24: 0.2, 25: 0.8, 26: 0.3, 27: 0.3, 28: 0.6,
    29: 0.2, 30: 0.8, 39: 1.0, 40: 0.8, 41: 1.0, 42: 0.8, 43: 0.8, 44: 0.6, 46: 0.2, 47: 0.2,
    49: 0.2, 50: 0.8, 51: 0.3, 52: 0.9, 53: 0.9, 54: 1.0, 55: 0.5, 56: 0.9, 67: 0.4, 68: 0.3,
    71: 0.7, 75: 0.4, 76: 0.9, 78: 1.0, 80: 0.7, 82: 0.3, 87: 0.8, 88: 0.3, 89: 1.0, 91: 1.0,
    94: 1.0, 96: 0.2, 98: 0.9, 99: 0.3, 100: 0.9, 101: 0.3, 102: 1.0, 103: 0.9, 104: 1.0, 105: 0.9,
    106: 0.7, 116: 0.5, 118: 0.9, 119: 0.7, 121: 0.9, 124: 0.9, 126: 0.6,
}  # fmt: skip
_LIGHT_BURIAL: Final = {
    2: 0.5, 4: 0.9, 6: 0.8, 11: 0.2, 19: 0.8, 21: 1.0, 23: 1.0, 25: 0.8, 39: 1.0, 40: 0.6, 41: 1.0,
    42: 0.8, 43: 0.6, 44: 0.7, 46: 0.2, 50: 0.8, 52: 0.8, 53: 0.9, 54: 1.0, 55: 0.4, 71: 0.7,
    76: 0.9, 77: 0.3, 78: 0.4, 80: 0.4, 87: 0.9, 89: 1.0, 91: 1.0, 94: 1.0, 98: 0.9, 100: 0.8,
    102: 1.0, 103: 0.8, 104: 1.0, 105: 0.8, 106: 0.7, 118: 0.9, 119: 0.7, 121: 0.9, 124: 0.8,
    126: 0.5,
}  # fmt: skip


@cache
def contact_share(light: bool) -> Reals:
    """Share of complexes in which each IMGT column touches the antigen, shape (129,); [0] is 0."""
    return _by_column(_LIGHT_CONTACT if light else _HEAVY_CONTACT)


@cache
def burial(light: bool) -> Reals:
    """How deep each IMGT column lies inside the Fv, 0 to 1, shape (129,); [0] is 0."""
    return _by_column(_LIGHT_BURIAL if light else _HEAVY_BURIAL)


def _by_column(values: dict[int, float]) -> Reals:
    table = np.zeros(IMGT_COLUMNS + 1)
    for position, value in values.items():
        table[position] = value
    table.setflags(write=False)
    return table


def codes(chain: str) -> Codes:
    """Codes of the residues; :data:`NO_RESIDUE` for a gap, X and anything else."""
    return np.minimum(residue_codes(chain), NO_RESIDUE).astype(np.int64)
