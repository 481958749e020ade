"""From an alignment of 128 profile columns to IMGT positions.

The columns of a profile are IMGT positions except inside the CDRs, whose gaps and insertions the
IMGT definition places by length. That part is ANARCI's ``number_imgt``. Its
answer depends on the pattern of matches, insertions and deletions and not on the residues, so it
is kept for each pattern.
"""

from __future__ import annotations

from functools import lru_cache

from abag.antibody.numbering.profiles import COLUMNS
from abag.antibody.wheel import wheel_part

MATCH, INSERT, DELETE = "m", "i", "d"


@lru_cache(maxsize=65_536)
def imgt_positions(first_column: int, path: str) -> tuple[str, ...] | None:
    """IMGT position of every residue of an alignment; None where the scheme has no place for one.

    Args:
        first_column: profile column (from 1) of the first letter of ``path``.
        path: one of ``m`` (residue in a column), ``i`` (residue between two columns) or ``d``
            (column without residue) for each step.

    The None case is a CDR3 of more than 117 residues, or more insertions in a framework than
    there are letters.
    """
    residues = sum(step != DELETE for step in path)
    try:
        numbering, _, _ = wheel_part("schemes").number_imgt(
            _state_vector(first_column, path), "A" * residues
        )
    except (AssertionError, IndexError):
        return None
    positions = tuple(
        f"{number}{insertion.strip()}"
        for (number, insertion), residue in numbering
        if residue != "-"
    )
    return positions if len(positions) == residues else None


def _state_vector(first_column: int, path: str) -> list[tuple[tuple[int, str], int | None]]:
    """ANARCI's form: ((column, step), residue index); an insertion bears the column behind it."""
    column, residue = first_column, 0
    vector: list[tuple[tuple[int, str], int | None]] = []
    for step in path:
        vector.append(((column, step), None if step == DELETE else residue))
        residue += step != DELETE
        column += step != INSERT
    # ANARCI holds back the columns at a border of a CDR and forgets them when the domain ends
    # there (a chain cut inside its J segment); empty columns behind the end make it give them out.
    vector += [((missing, DELETE), None) for missing in range(column, COLUMNS + 1)]
    return vector
