"""Scales of the twenty residues, each once and each with its source, and BLOSUM62.

Every scale is an array of 20 numbers in the order of :data:`abag.antibody.alphabet.AMINO_ACIDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS

Reals = NDArray[np.float64]


def scale(values: Mapping[str, float]) -> Reals:
    """Values by letter as an array, shape (20,); 0 for a letter that is not named."""
    array = np.array([values.get(letter, 0.0) for letter in AMINO_ACIDS])
    array.setflags(write=False)
    return array


def membership(letters: str) -> Reals:
    """1 for the named residues, 0 for the others, shape (20,)."""
    return scale(dict.fromkeys(letters, 1.0))


CHARGE: Final = scale({"K": 1.0, "R": 1.0, "D": -1.0, "E": -1.0, "H": 0.1})
"""Elementary charges at pH 7.4. Histidine: pKa 6.5 on a surface, so 1 in 10 is protonated
(Thurlkill et al., Protein Sci 2006)."""

HYDROPATHY: Final = scale({
    "A": 1.8, "R": -4.5, "N": -3.5, "D": -3.5, "C": 2.5, "Q": -3.5, "E": -3.5, "G": -0.4,
    "H": -3.2, "I": 4.5, "L": 3.8, "K": -3.9, "M": 1.9, "F": 2.8, "P": -1.6, "S": -0.8,
    "T": -0.7, "W": -0.9, "Y": -1.3, "V": 4.2,
})  # fmt: skip
"""Kyte and Doolittle, J Mol Biol 157:105 (1982)."""

VOLUME: Final = scale({
    "A": 88.6, "R": 173.4, "N": 114.1, "D": 111.1, "C": 108.5, "Q": 143.8, "E": 138.4, "G": 60.1,
    "H": 153.2, "I": 166.7, "L": 166.7, "K": 168.6, "M": 162.9, "F": 189.9, "P": 112.7, "S": 89.0,
    "T": 116.1, "W": 227.8, "Y": 193.6, "V": 140.0,
})  # fmt: skip
"""Cubic angstrom. Zamyatnin, Prog Biophys Mol Biol 24:107 (1972)."""

HOT_SPOT: Final = scale({
    "Y": 1.0, "W": 1.0, "R": 0.8, "D": 0.8, "F": 0.8, "H": 0.8, "N": 0.6, "K": 0.6, "E": 0.5,
    "M": 0.5, "L": 0.5, "I": 0.5, "G": 0.45, "T": 0.4, "S": 0.35, "P": 0.4, "Q": 0.4, "A": 0.2,
    "V": 0.35, "C": 0.3,
})  # fmt: skip
"""How often a residue of a binding site is a hot spot, set by hand after Bogan and Thorn, J Mol
Biol 280:1 (1998)."""


@cache
def scores_by_letter(name: str) -> Reals:
    """Scores of a published matrix of Biopython by character code, shape (128, 128).

    The ambiguous letters B, Z and X and the stop ``*`` have scores, too; other signs have 0.
    """
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load(name)  # type: ignore[no-untyped-call]
    codes = [ord(letter) for letter in matrix.alphabet]
    scores = np.zeros((128, 128))
    scores[np.ix_(codes, codes)] = matrix
    scores.setflags(write=False)
    return scores


@cache
def substitution_scores(name: str) -> Reals:
    """Scores of the twenty residues (``BLOSUM62``, ``PAM250``), shape (20, 20).

    BLOSUM62 is in half bits, BLOSUM50 and PAM250 in thirds of a bit.
    """
    codes = list(AMINO_ACIDS.encode())
    scores = scores_by_letter(name)[np.ix_(codes, codes)]
    scores.setflags(write=False)
    return scores
