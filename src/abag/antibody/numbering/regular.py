"""One alignment instead of 27 for chains where the profile makes no difference.

All profiles of a chain type share the IMGT columns. A domain that runs from the first columns to
the last, with gaps and insertions only where the IMGT definition expects them, gets the same
numbers from each of them, so one profile is enough. A damaged or unusual domain of sure type is
left to the profiles of its type, every other chain (not an antibody, T-cell receptor, a doubtful
piece) to all profiles. Which way a chain goes depends on that chain alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from abag.antibody.numbering.domains import choose_domains
from abag.antibody.numbering.profiles import load_profiles
from abag.antibody.numbering.screen import ThirdFrameworkEnd, find_sites
from abag.antibody.numbering.search import Hit, align
from abag.antibody.numbering.states import DELETE, INSERT

_REPRESENTATIVES: Final = {"H": ("alpaca", 95.0), "K": ("human", 130.0), "L": ("human", 130.0)}
"""Species of the one profile of a type, and bits that no chain of another type reaches.

Measured on 1,388 chains of SAAINT-DB, DeepNano and OAS: kappa chains reach 127 bits against
``human_L``, lambda chains 112 against ``human_K``, either at most 59 against ``alpaca_H``;
T-cell receptors at most 86. ``human_H`` places the border of FR2 and CDR2 differently from the
best profile in about 1 % of VHHs, ``alpaca_H`` in none of 1,900 VH and VHH.
"""

_TRACE_SCORE: Final = 40.0
"""Bits from which a stretch outside the domains may be another domain."""
_LONG_STRETCH: Final = 60

_LOOPS: Final = (range(27, 39), range(56, 66), range(105, 118))
_EMPTY: Final = {
    "H": frozenset({10, 73}),
    "K": frozenset({10, 73, 81, 82}),
    "L": frozenset({10, 73, 81, 82}),
}
"""Framework columns that germline genes of the type leave empty."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What one alignment a domain tells of a batch of chains."""

    settled: dict[str, list[Hit]]
    """Best alignments of the domains of the chains that need no more than this."""
    types: dict[str, tuple[str, ...]]
    """Types of the domains of further chains; profiles of other types cannot win there."""


def align_regular_chains(chains: Sequence[str], threads: int) -> FirstLook:
    """Align each chain to one profile of each type that the screen sees in it.

    Chains that are in neither part of the answer need all profiles.
    """
    profile_of = _profiles()
    sites = {chain: found for chain, found in zip(chains, find_sites(chains), strict=True) if found}
    wanted: dict[int, list[str]] = {}
    for chain, found in sites.items():
        for chain_type in sorted({site.chain_type for site in found}):
            wanted.setdefault(profile_of[chain_type], []).append(chain)
    hits = align(wanted, threads, _TRACE_SCORE)
    sure = {}
    for chain, found in sites.items():
        chosen = choose_domains(hits.get(chain, []))
        if _are_of_sure_type(chosen, found):
            sure[chain] = chosen
    for chain in _with_more_domains(sure, threads):
        del sure[chain]
    settled = {chain: hits for chain, hits in sure.items() if all(map(is_regular, hits))}
    types = {
        chain: tuple(sorted({hit.profile.chain_type for hit in hits}))
        for chain, hits in sure.items()
        if chain not in settled
    }
    return FirstLook(settled, types)


@cache
def _profiles() -> Mapping[str, int]:
    return {
        profile.chain_type: profile.index
        for profile in load_profiles()
        if _REPRESENTATIVES.get(profile.chain_type, ("", 0.0))[0] == profile.species
    }


def _are_of_sure_type(chosen: Sequence[Hit], sites: Sequence[ThirdFrameworkEnd]) -> bool:
    """Whether there is one domain of the expected type, beyond doubt, at every site."""
    return len(chosen) == len(sites) and all(
        hit.profile.chain_type == site.chain_type
        and hit.start <= site.cysteine < hit.end
        and hit.score >= _REPRESENTATIVES[site.chain_type][1]
        for hit, site in zip(chosen, sites, strict=True)
    )


def is_regular(hit: Hit) -> bool:
    """Whether an alignment is complete and its frameworks have the gaps of the germline only."""
    if hit.first_column > 4 or hit.last_column < 124:
        return False
    if 0 < hit.start < hit.first_column - 1:  # part of the first residues: which ones is open
        return False
    return _has_germline_gaps(hit.profile.chain_type, hit.first_column, hit.path)


@lru_cache(maxsize=65_536)
def _has_germline_gaps(chain_type: str, first_column: int, path: str) -> bool:
    column = first_column
    for step in path:
        in_loop = any(column in loop for loop in _LOOPS)
        if step == INSERT and not in_loop:
            return False
        if step == DELETE and not in_loop and column not in _EMPTY[chain_type]:
            return False
        column += step != INSERT
    return True


def _with_more_domains(found: Mapping[str, Sequence[Hit]], threads: int) -> set[str]:
    """Chains in which something outside the domains resembles a variable domain."""
    stretches = {chain: _outside(chain, chosen) for chain, chosen in found.items()}
    distinct = list(dict.fromkeys(part for parts in stretches.values() for part in parts))
    traces = align({p.index: distinct for p in load_profiles()}, threads, _TRACE_SCORE)
    return {chain for chain, parts in stretches.items() if any(part in traces for part in parts)}


def _outside(chain: str, chosen: Sequence[Hit]) -> list[str]:
    borders = [0, *(edge for hit in chosen for edge in (hit.start, hit.end)), len(chain)]
    parts = [chain[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]
    return [part for part in parts if len(part) >= _LONG_STRETCH]
