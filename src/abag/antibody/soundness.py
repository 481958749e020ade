"""Is a variable domain whole? Conserved residues, loops and the J segment of a numbered domain.

Cys23, Trp41, Cys104 and the motif Gly119-X-Gly121 of the J segment stand in nearly every variable
domain (Lefranc et al., Dev Comp Immunol 2003). Where one is missing, a stretch may be out of frame,
cut off or mutated: the chain can be read, and a number for it is worth less.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from abag.antibody.numbering import NumberedDomain

_CONSERVED: Final = {"23": ("C", "without_cys23"), "41": ("W", "without_trp41"),
                     "104": ("C", "without_cys104")}  # fmt: skip
_J_GLYCINES: Final = ("119", "121")
_FEWEST_IN_FRAMEWORK: Final = {"FR1": 20, "FR2": 15, "FR3": 34}
"""Residues of the shortest germline framework, less two; FR1 less five, for primers cover it."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where the conserved residues of a domain stand, counted from its first residue."""

    places: tuple[int, ...]
    letters: tuple[str, ...]

    @classmethod
    def of(cls, domain: NumberedDomain) -> Anchors | None:
        """The anchors of a sound domain; None for one with a fault."""
        if faults_of(domain):
            return None
        wanted = {**{p: letter for p, (letter, _) in _CONSERVED.items()},
                  **dict.fromkeys(_J_GLYCINES, "G")}  # fmt: skip
        places = tuple(i for i, position in enumerate(domain.positions) if position in wanted)
        return cls(places, tuple(wanted[domain.positions[place]] for place in places))

    def hold(self, sequence: str) -> bool:
        """Whether a sibling of the domain, of its length, has these residues at these places."""
        return bool(itemgetter(*self.places)(sequence) == self.letters)


def faults_of(domain: NumberedDomain) -> tuple[str, ...]:
    """What is missing in a domain, in words that become flags (``without_trp41``)."""
    at = dict(zip(domain.positions, domain.sequence, strict=True))
    found = [fault for place, (letter, fault) in _CONSERVED.items() if at.get(place) != letter]
    if any(at.get(place) != "G" for place in _J_GLYCINES):
        found.append("without_j_segment")
    found += [
        f"{loop.lower()}_empty" for loop in ("CDR1", "CDR2", "CDR3") if not domain.region(loop)
    ]
    if any(len(domain.region(name)) < least for name, least in _FEWEST_IN_FRAMEWORK.items()):
        found.append("framework_incomplete")
    return tuple(found)
