"""Positions of a numbered domain in the other schemes that papers use: Kabat, Chothia, Martin, AHo.

The schemes are defined by where they put the gaps and insertions of each loop, so they follow from
an alignment to the IMGT columns; ANARCI has the rules (Dunbar and Deane, Bioinformatics 2016).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering.anarci import COLUMNS, DELETE, INSERT, MATCH
from abag.antibody.numbering.domains import NumberedDomain

OTHER_SCHEMES: Final = ("kabat", "chothia", "martin", "aho")
SCHEMES: Final = ("imgt", *OTHER_SCHEMES)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TYPES: Final = {ChainKind.KAPPA: "K", ChainKind.LAMBDA: "L"}


def scheme_positions(domain: NumberedDomain, scheme: str) -> tuple[str, ...] | None:
    """Position of every residue of a domain (``"100A"``), or None where the scheme has no place.

    Args:
        domain: an IMGT-numbered domain.
        scheme: one of :data:`SCHEMES`.
    """
    if scheme == "imgt":
        return domain.positions
    return _converted(domain.positions, _TYPES.get(domain.kind, "H"), scheme)


@lru_cache(maxsize=4_096)
def _converted(positions: tuple[str, ...], chain: str, scheme: str) -> tuple[str, ...] | None:
    from anarci.anarci import number_sequence_from_alignment

    try:
        numbering, _, _ = number_sequence_from_alignment(
            _state_vector(positions), "A" * len(positions), scheme=scheme, chain_type=chain
        )
    except (AssertionError, IndexError):
        return None
    found = tuple(
        f"{number}{insertion.strip()}" for (number, insertion), letter in numbering if letter != "-"
    )
    return found if len(found) == len(positions) else None


def _state_vector(positions: tuple[str, ...]) -> list[tuple[tuple[int, str], int | None]]:
    """ANARCI's form of an alignment; an insertion bears the column behind it."""
    vector: list[tuple[tuple[int, str], int | None]] = []
    column = 1
    for residue, position in enumerate(positions):
        number = int(position.rstrip(_LETTERS))
        if position[-1] in _LETTERS:
            vector.append(((max(column, number), INSERT), residue))
            continue
        vector += [((missing, DELETE), None) for missing in range(column, number)]
        vector.append(((number, MATCH), residue))
        column = number + 1
    return vector + [((missing, DELETE), None) for missing in range(column, COLUMNS + 1)]
