"""What a numbering tool gives: domains of a chain with IMGT positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from abag.antibody.alphabet import ChainKind

IMGT_REGIONS: Final[dict[str, tuple[int, int]]] = {
    "FR1": (1, 26), "CDR1": (27, 38), "FR2": (39, 55), "CDR2": (56, 65),
    "FR3": (66, 104), "CDR3": (105, 117), "FR4": (118, 128),
}  # fmt: skip
"""First and last IMGT position of each region (Lefranc et al., Dev Comp Immunol 2003)."""
_INSERTIONS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class NumberedDomain:
    """One variable domain found in a chain.

    ``sequence[i]`` of the domain stands at IMGT position ``positions[i]`` (``"111A"`` for
    insertions) and at index ``start + i`` of the chain it was found in.
    """

    kind: ChainKind
    start: int
    end: int
    sequence: str
    positions: tuple[str, ...]
    score: float
    """Bit score of the profile alignment."""

    def region(self, name: str) -> str:
        """Residues of one IMGT region: FR1, CDR1, FR2, CDR2, FR3, CDR3 or FR4."""
        return self.sequence[region_span(self.positions, name)]

    @property
    def cdr1(self) -> str:
        """Residues of CDR1 (IMGT 27 to 38)."""
        return self.region("CDR1")

    @property
    def cdr2(self) -> str:
        """Residues of CDR2 (IMGT 56 to 65)."""
        return self.region("CDR2")

    @property
    def cdr3(self) -> str:
        """Residues of CDR3 (IMGT 105 to 117)."""
        return self.region("CDR3")

    @property
    def cdrs(self) -> str:
        """The three CDRs joined."""
        return self.cdr1 + self.cdr2 + self.cdr3


def position_number(position: str) -> int:
    """111 of ``111A``: the number of a position without its insertion letters."""
    return int(position.rstrip(_INSERTIONS))


@lru_cache(maxsize=4_096)
def region_span(positions: tuple[str, ...], name: str) -> slice:
    """Where a region stands in a domain; positions ascend, and those of a library are few."""
    first, last = IMGT_REGIONS[name]
    numbers = [position_number(position) for position in positions]
    begin = sum(number < first for number in numbers)
    return slice(begin, begin + sum(first <= number <= last for number in numbers))


class Numberer(Protocol):
    """Anything that numbers chains."""

    def number(self, sequences: Iterable[str]) -> Mapping[str, tuple[NumberedDomain, ...]]:
        """Domains of each distinct sequence, in their order in the chain; empty if none."""
