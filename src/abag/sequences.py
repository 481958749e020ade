"""The amino-acid alphabet, chain kinds and content hashes. Knows no files and no tables."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

AMINO_ACIDS: Final = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty standard residues, in alphabetical order of their letters."""

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
