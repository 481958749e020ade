"""Positions of a numbered domain in the other schemes that papers use: Kabat, Chothia, Martin, AHo.

The schemes are defined by where they put the gaps and insertions of each loop, so they follow from
an alignment to the IMGT columns; ANARCI has the rules (Dunbar and Deane, Bioinformatics 2016).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering.anarci import (
    COLUMNS,
    DELETE,
    INSERT,
    MATCH,
    StateVector,
    positions_by,
)
from abag.antibody.numbering.domains import NumberedDomain, position_number

OTHER_SCHEMES: Final = ("kabat", "chothia", "martin", "aho")
SCHEMES: Final = ("imgt", *OTHER_SCHEMES)
_TYPES: Final = {ChainKind.KAPPA: "K", ChainKind.LAMBDA: "L"}


def scheme_positions(domain: NumberedDomain, scheme: str) -> tuple[str, ...] | None:
    """Position of every residue of a domain (``"100A"``) in one of :data:`SCHEMES`.

    None where the scheme has no place for a residue.
    """
    if scheme == "imgt":
        return domain.positions
    return _converted(domain.positions, _TYPES.get(domain.kind, "H"), scheme)


@lru_cache(maxsize=4_096)
def _converted(positions: tuple[str, ...], chain: str, scheme: str) -> tuple[str, ...] | None:
    from anarci.anarci import number_sequence_from_alignment

    rules, vector = number_sequence_from_alignment, _state_vector(positions)
    return positions_by(rules, vector, len(positions), scheme=scheme, chain_type=chain)


def _state_vector(positions: tuple[str, ...]) -> StateVector:
    vector: StateVector = []
    column = 1
    for residue, position in enumerate(positions):
        number = position_number(position)
        if not position.isdigit():
            vector.append(((max(column, number), INSERT), residue))
            continue
        vector += [((missing, DELETE), None) for missing in range(column, number)]
        vector.append(((number, MATCH), residue))
        column = number + 1
    return vector + [((missing, DELETE), None) for missing in range(column, COLUMNS + 1)]
