"""The amino-acid alphabet with its codes, chain kinds and content hashes. Knows no files.

A residue has one code everywhere: 0 to 19 in the order of :data:`AMINO_ACIDS`, :data:`GAP` for a
position that a chain does not have, :data:`UNKNOWN` for X and whatever is no standard residue.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AMINO_ACIDS: Final = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty standard residues, in alphabetical order of their letters."""

GAP: Final = 20
"""Code of a gap."""
UNKNOWN: Final = 21
"""Code of X, of rare residues and of whatever is no residue."""
LETTERS: Final = AMINO_ACIDS + "-X"
"""Letter of each code."""
UNKNOWN_RESIDUE: Final = "X"
RARE_RESIDUES: Final = "BJOUZ"
"""Letters of the IUPAC code that mean a rare or ambiguous residue; read as X, with a flag."""

_KNOWN_LETTERS: Final = frozenset(AMINO_ACIDS + UNKNOWN_RESIDUE + RARE_RESIDUES)

MAX_ANTIGEN_RESIDUES: Final = 6_000
MAX_ANTIBODY_RESIDUES: Final = 1_500


class ChainKind(StrEnum):
    """What a chain is."""

    HEAVY = "heavy"
    KAPPA = "kappa"
    LAMBDA = "lambda"
    VHH = "vhh"
    ANTIGEN = "antigen"

    @property
    def is_light(self) -> bool:
        """Whether this is a light-chain kind."""
        return self in (ChainKind.KAPPA, ChainKind.LAMBDA)


def sequence_hash(sequence: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the upper-case sequence."""
    return hashlib.sha256(sequence.upper().encode("ascii")).hexdigest()[:16]


def looks_like_nucleotides(sequence: str) -> bool:
    """Whether a sequence of 30 letters or more is written in A, C, G, T, U and N alone."""
    return len(sequence) >= 30 and not sequence.upper().strip("ACGTUN")


def foreign_letters(sequence: str) -> list[tuple[int, str]]:
    """Positions (from 1) and letters that belong to no amino-acid code."""
    upper = sequence.upper()
    if _KNOWN_LETTERS.issuperset(upper):
        return []
    return [(i, c) for i, c in enumerate(upper, start=1) if c not in _KNOWN_LETTERS]


@cache
def code_of_byte() -> NDArray[np.uint8]:
    """Code of every ASCII byte, shape (256,)."""
    import numpy as np

    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for code, letter in enumerate(AMINO_ACIDS):
        table[ord(letter)] = table[ord(letter.lower())] = code
    table[ord("-")] = GAP
    return table


def residue_codes(text: str) -> NDArray[np.uint8]:
    """Codes of the letters of a chain, shape (letters,); ``-`` is a gap, any other sign is X."""
    import numpy as np

    return code_of_byte()[np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)]
