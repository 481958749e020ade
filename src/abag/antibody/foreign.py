"""Binding domains that look like an antibody's and are none, told by name."""

from __future__ import annotations

import re
from typing import Final

from abag.antibody.numbering.chains import receptor_chain

_VNAR: Final = re.compile(
    r"C[VALI][LVIT][A-Z]{6,24}W[YF][RQ][A-Z]{14,30}[RK][YF][VS]E[TSP][VI][A-Z]{2,4}K[A-Z]FSL[A-Z]I"
)
"""The framework of shark VNARs: no CDR2, and ``RYVETVNKGSKSFSLRI`` or its like behind it."""


def foreign_domain(sequence: str) -> str:
    """What a chain without an antibody's variable domain is, where that can be told; else empty.

    Knows the chains of T-cell receptors, and the single variable domain of shark antigen receptors
    (VNAR), which lacks CDR2 and is far from every antibody that abag was fitted on.
    """
    if (chain := receptor_chain(sequence)) is not None:
        return f"the {chain} chain of a T-cell receptor, and no antibody"
    if _VNAR.search(sequence.upper()):
        return "a VNAR (variable domain of a shark's antigen receptor), which abag does not know"
    return ""
