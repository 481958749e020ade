"""Whether a variable domain is whole: conserved residues, loops, J segment; and foreign domains.

Cys23, Trp41, Cys104 and the motif Gly119-X-Gly121 of the J segment stand in nearly every variable
domain (Lefranc et al., Dev Comp Immunol 2003). Where one is missing, a stretch may be out of frame,
cut off or mutated: the chain can be read, and a number for it is worth less. A stretch of a
framework out of frame that holds none of them is recognised by letters that germline genes lack
there. Chains of T-cell receptors and VNARs, which look like antibodies, are recognised, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter, ne
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import UNKNOWN, residue_codes
from abag.antibody.germlines import Germlines
from abag.antibody.numbering import NumberedDomain
from abag.antibody.numbering.chains import receptor_chain

_CONSERVED: Final = {"23": ("C", "without_cys23"), "41": ("W", "without_trp41"),
                     "104": ("C", "without_cys104")}  # fmt: skip
_J_GLYCINES: Final = ("119", "121")
_ANCHORS: Final = {
    **{position: letter for position, (letter, _) in _CONSERVED.items()},
    **dict.fromkeys(_J_GLYCINES, "G"),
}
"""Letters of conserved positions."""
_FEWEST_IN_FRAMEWORK: Final = {"FR1": 20, "FR2": 15, "FR3": 34}
"""Residues of the shortest germline framework, less two; FR1 less five, for primers cover it."""


_SHORTEST_CDR3: Final = 4
"""Of 2,700 variable domains of published collections none has a CDR3 of three residues or less."""
_FRAMEWORK: Final = frozenset(map(str, (*range(1, 27), *range(39, 56), *range(66, 105))))
_STRETCH: Final = 8
_FOREIGN_BITS: Final = -8.0
"""Bits of eight framework residues in a row, germline genes against even odds, that are too few.

Of 2,737 variable domains of four published collections 4 have fewer; of 116 made by the loss of a
base and its return 8 to 25 residues on, 83 % have a fault by this or by a conserved residue.
"""
_LIKE_THE_PROXY: Final = 5
"""Variants with so many changes in frameworks are judged by themselves."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where a domain has its conserved residues and its frameworks (indices), and their letters."""

    conserved: tuple[int, ...]
    conserved_letters: tuple[str, ...]
    framework: tuple[int, ...]
    framework_letters: tuple[str, ...]

    @classmethod
    def of(cls, domain: NumberedDomain) -> Anchors | None:
        """The anchors of a sound domain; None for one with a fault."""
        if faults_of(domain):
            return None
        at = domain.positions
        conserved = tuple(i for i, position in enumerate(at) if position in _ANCHORS)
        framework = tuple(i for i, position in enumerate(at) if position in _FRAMEWORK)
        letters = tuple(_ANCHORS[at[i]] for i in conserved)
        return cls(conserved, letters, framework, itemgetter(*framework)(domain.sequence))

    def hold(self, sequence: str) -> bool:
        """Whether a variant of the same length keeps these residues and most of the frameworks."""
        if itemgetter(*self.conserved)(sequence) != self.conserved_letters:
            return False
        changes: int = sum(map(ne, itemgetter(*self.framework)(sequence), self.framework_letters))
        return changes < _LIKE_THE_PROXY


def faults_of(domain: NumberedDomain) -> tuple[str, ...]:
    """Parts that a domain lacks, as flags (``without_trp41``)."""
    at = dict(zip(domain.positions, domain.sequence, strict=True))
    faults = [name for position, (letter, name) in _CONSERVED.items() if at.get(position) != letter]
    if any(at.get(position) != "G" for position in _J_GLYCINES):
        faults.append("without_j_segment")
    faults += [
        f"{loop.lower()}_empty" for loop in ("CDR1", "CDR2", "CDR3") if not domain.region(loop)
    ]
    if 0 < len(domain.region("CDR3")) < _SHORTEST_CDR3:
        faults.append("cdr3_cut_short")
    if any(len(domain.region(name)) < least for name, least in _FEWEST_IN_FRAMEWORK.items()):
        faults.append("framework_incomplete")
    if _least_bits(domain) <= _FOREIGN_BITS:
        faults.append("framework_unlike_germlines")
    return tuple(faults)


def _least_bits(domain: NumberedDomain) -> float:
    """The fewest bits of :data:`_STRETCH` framework residues in a row; 0 for a short domain."""
    places, rows = _framework_of(domain.positions)
    if len(places) < _STRETCH:
        return 0.0
    table = _germline_bits()[domain.kind.is_light]
    sums = np.cumsum(table[rows, residue_codes(domain.sequence)[places]])
    return float((sums[_STRETCH - 1 :] - np.append(0.0, sums[:-_STRETCH])).min())


@lru_cache(maxsize=4_096)
def _framework_of(positions: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of framework residues in a domain, and the rows of their positions."""
    framework = [i for i, position in enumerate(positions) if position in _FRAMEWORK]
    return np.array(framework), np.array([int(positions[i]) - 1 for i in framework])


@cache
def _germline_bits() -> Mapping[bool, NDArray[np.float64]]:
    """Bits of each letter at positions 1 to 104, of V genes of every species; by light or not."""
    genes = Germlines.of_anarci()
    bits = {}
    for is_light in (False, True):
        codes = genes.codes[(genes.chain_type > 0) == is_light]
        counts = [np.bincount(column, minlength=UNKNOWN + 1) for column in codes.T]
        bits[is_light] = np.log2((np.stack(counts) / len(codes) + 0.005) / 0.05)
        bits[is_light][:, UNKNOWN] = 0.0
    return bits


_VNAR: Final = re.compile(
    r"C[VALI][LVIT][A-Z]{6,24}W[YF][RQ][A-Z]{14,30}[RK][YF][VS]E[TSP][VI][A-Z]{2,4}K[A-Z]FSL[A-Z]I"
)
"""The framework of shark VNARs: no CDR2, and ``RYVETVNKGSKSFSLRI`` or its like behind it."""


def foreign_domain(sequence: str) -> str:
    """The kind of a chain without an antibody's variable domain; empty where unknown.

    Knows the chains of T-cell receptors, and the single variable domain of shark antigen receptors
    (VNAR), which lacks CDR2 and is far from every antibody that abag was fitted on.
    """
    if (chain := receptor_chain(sequence)) is not None:
        return f"the {chain} chain of a T-cell receptor, and no antibody"
    if _VNAR.search(sequence.upper()):
        return "a VNAR (variable domain of a shark's antigen receptor), which abag does not know"
    return ""
