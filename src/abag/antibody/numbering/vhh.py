"""Telling a camelid VHH from a conventional VH by four residues of FR2.

A VH buries IMGT 42, 49, 50 and 52 under the light chain (Val, Gly, Leu, Trp). A VHH has no light
chain and shows them to water: Phe or Tyr at 42, Glu or Gln at 49, Arg or Cys at 50 and Gly, Leu
or Phe at 52 (Muyldermans, Annu Rev Biochem 2013). Profiles cannot see this: both are VH domains.

The rule is a heuristic. Some VHHs keep the VH residues (human-like or humanised nanobodies), and
no rule on the sequence alone finds those; they are called heavy, and everything downstream
treats VHH as heavy anyway.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

VHH_RESIDUES: Final[dict[str, str]] = {"42": "FY", "49": "EQ", "50": "RC", "52": "GLF"}
"""Residues typical of VHH at the four hallmark positions (IMGT)."""

_NEEDED: Final = 2


def is_vhh(positions: tuple[str, ...], sequence: str) -> bool:
    """Whether at least two of the four hallmark positions bear a VHH residue.

    Args:
        positions: IMGT position of each residue of one heavy-type domain.
        sequence: these residues.
    """
    marks = sum(sequence[place] in typical for place, typical in _hallmarks(positions))
    return marks >= _NEEDED


@lru_cache(maxsize=4_096)
def _hallmarks(positions: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Where the hallmark positions stand, and the residues that are typical there."""
    place = {position: number for number, position in enumerate(positions)}
    return tuple((place[one], text) for one, text in VHH_RESIDUES.items() if one in place)
