"""Chain and CDR of every antibody residue, as whole numbers, from IMGT numbering."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering.domains import LOOPS, NumberedDomain, position_number

NONE: Final = 0
"""No region: antigens, padding, and molecules that are one mean row."""
HEAVY_FRAMEWORK: Final = 1
LIGHT_FRAMEWORK: Final = 5
REGIONS: Final = 9
"""Number of codes: none, heavy framework, CDR-H1 to H3, light framework, CDR-L1 to L3."""

_LOOP: Final = np.array(LOOPS)


def region_codes(
    antibodies: Iterable[tuple[str | None, str | None]],
) -> list[NDArray[np.int64]]:
    """Codes [residues] of antibodies given as heavy and light chain.

    A residue outside every variable domain has the framework code of its chain; a domain has the
    codes of its own kind, so that the light half of an scFv in ``heavy`` is light.

    Raises:
        UnavailableError: where the numbering tools are not installed.
    """
    from abag.antibody.numbering import number_chains

    pairs = list(antibodies)
    chains = dict.fromkeys(chain for pair in pairs for chain in pair if chain)
    numbered = number_chains(chains)
    antibody_codes = []
    for heavy, light in pairs:
        codes = [
            chain_codes(chain, numbered[chain], framework)
            for chain, framework in ((heavy, HEAVY_FRAMEWORK), (light, LIGHT_FRAMEWORK))
            if chain
        ]
        antibody_codes.append(np.concatenate(codes))
    return antibody_codes


def chain_codes(chain: str, domains: Sequence[NumberedDomain], framework: int) -> NDArray[np.int64]:
    """Codes [residues] of one chain whose domains are known."""
    codes = np.full(len(chain), framework, dtype=np.int64)
    for domain in domains:
        base = LIGHT_FRAMEWORK if domain.kind.is_light else HEAVY_FRAMEWORK
        places = [position_number(position) for position in domain.positions]
        codes[domain.start : domain.start + len(places)] = base + _LOOP[places]
    return codes
