"""Where the IMGT positions of a variable domain lie in its chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import ChainKind
from abag.antibody.germlines import V_POSITIONS
from abag.antibody.numbering.chains import number_chains
from abag.antibody.numbering.domains import position_number, region_span

LOOPS: Final = ("CDR1", "CDR2", "CDR3")


@dataclass(frozen=True, eq=False)
class Frame:
    """Places of a domain in its chain."""

    kind: ChainKind
    start: int
    end: int
    v_positions: NDArray[np.intp]
    """IMGT position minus 1 of each V residue that has one below 105 and is no insertion."""
    v_places: NDArray[np.intp]
    """Its index in the chain."""
    loops: tuple[slice, slice, slice]
    """CDR1 to CDR3 in the chain."""


@lru_cache(maxsize=4_096)
def _frame(kind: ChainKind, start: int, end: int, positions: tuple[str, ...]) -> Frame:
    """In a library most domains that are numbered have the same positions."""
    numbers = np.array([position_number(p) for p in positions])
    plain = np.array([p.isdigit() for p in positions])
    v_gene = np.flatnonzero(plain & (numbers <= V_POSITIONS))
    spans = [region_span(positions, loop) for loop in LOOPS]
    loops = [slice(start + span.start, start + span.stop) for span in spans]
    return Frame(
        kind,
        start,
        end,
        (numbers[v_gene] - 1).astype(np.intp),
        (v_gene + start).astype(np.intp),
        (loops[0], loops[1], loops[2]),
    )


Frames = dict[str, tuple[Frame, ...]]
"""The frames of the domains of each chain; none for a chain without a domain."""


def find_frames(chains: Iterable[str]) -> Frames:
    """Frames of every distinct chain, each numbered for itself."""
    numbered = number_chains(sorted(set(chains)))
    return {
        chain: tuple(_frame(d.kind, d.start, d.end, d.positions) for d in domains)
        for chain, domains in numbered.items()
    }
