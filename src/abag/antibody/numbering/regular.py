"""One alignment instead of 27 for chains where the profile makes no difference.

All profiles of a chain type share the IMGT columns. A domain that runs from the first columns to
the last, with gaps and insertions only where the IMGT definition expects them, gets the same
numbers from each of them, so one profile is enough. A damaged or unusual domain of sure type is
left to the profiles of its type, every other chain (not an antibody, T-cell receptor, a doubtful
piece) to all profiles. Which way a chain goes depends on that chain alone.

Which profile is worth aligning first is told by a quick look: IMGT 85 to 104, up to the second
cysteine, has the same length in every variable domain, so it can be scored without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abag.antibody.numbering.anarci import DELETE, INSERT, alphabet, load_profiles
from abag.antibody.numbering.domains import choose_domains
from abag.antibody.numbering.search import Hit, align

_FIRST, _LAST = 85, 104
_MINIMUM_BITS: Final = 20.0
_SAME_SITE: Final = 40
_OTHER_LETTER: Final = 20
_TELLING: Final = 13
"""Columns of which most windows are already so far below that no rest can lift them."""
_ROUNDING: Final = 0.01
"""Far more bits than twenty sums in single precision are off."""


class ThirdFrameworkEnd(NamedTuple):
    """A likely FR3 end."""

    cysteine: int
    """Index in the chain of the residue at IMGT 104."""
    chain_type: str
    """H, K or L, whichever fits best; a T-cell receptor gets one of them, too."""
    score: float
    """Log-odds of the 20 residues, in bits."""


@cache
def _log_odds() -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Antibody types, and bits of letter l at window column c for type t, shape ``[t, c, 21]``.

    The mean over the species of a type; a letter outside the twenty counts as zero bits.
    """
    from pyhmmer.plan7 import Background

    background = np.asarray(Background(alphabet()).residue_frequencies)[:20]
    by_type: dict[str, list[NDArray[np.float64]]] = {}
    for profile in load_profiles():
        if profile.kind is not None:
            emissions = np.asarray(profile.hmm.match_emissions)[_FIRST : _LAST + 1, :20]
            by_type.setdefault(profile.chain_type, []).append(np.log2(emissions / background))
    table = np.zeros((len(by_type), _LAST - _FIRST + 1, _OTHER_LETTER + 1), dtype=np.float32)
    for i, members in enumerate(by_type.values()):
        table[i, :, :20] = np.mean(members, axis=0)
    return tuple(by_type), table


@cache
def _bounds() -> tuple[list[int], NDArray[np.float32], float]:
    """Telling columns, most bits of letter l at each, ``[c, 21]``, and most bits of all others."""
    most = _log_odds()[1].max(axis=0)
    columns = np.argsort(most.mean(axis=1) - most.max(axis=1), kind="stable")
    telling, others = columns[:_TELLING], columns[_TELLING:]
    return telling.tolist(), most[telling], float(most[others].max(axis=1).sum())


@cache
def _codes() -> NDArray[np.intp]:
    codes = np.full(256, _OTHER_LETTER, dtype=np.intp)
    for i, letter in enumerate(alphabet().symbols[:20]):
        codes[ord(letter)] = i
    return codes


def find_sites(chains: Sequence[str]) -> list[list[ThirdFrameworkEnd]]:
    """Likely variable domains of each upper-case ASCII chain, in the order of the chain."""
    types, table = _log_odds()
    width = table.shape[1]
    gap = "X" * width
    text = np.frombuffer(gap.join([*chains, ""]).encode("ascii"), dtype=np.uint8)
    codes = _codes()[text]
    n_windows = len(codes) - width + 1
    if n_windows < 1:
        return [[] for _ in chains]
    windows = _may_be_sites(codes, n_windows)
    bits = np.zeros((len(types), len(windows)), dtype=np.float32)
    for column in range(width):
        bits += table[:, column, :].take(codes[windows + column], axis=1)
    sure = np.flatnonzero(bits.max(axis=0) >= _MINIMUM_BITS)
    starts = np.cumsum([0] + [len(chain) + width for chain in chains])
    chain = np.searchsorted(starts, windows[sure], side="right") - 1
    cysteine = windows[sure] - starts[chain] + (width - 1)
    best, score = bits[:, sure].argmax(axis=0), bits[:, sure].max(axis=0)
    found: list[list[ThirdFrameworkEnd]] = [[] for _ in chains]
    for i, *site in zip(*(one.tolist() for one in (chain, cysteine, best, score)), strict=True):
        if site[0] < len(chains[i]):
            _keep(found[i], ThirdFrameworkEnd(site[0], types[site[1]], site[2]))
    return found


def _may_be_sites(codes: NDArray[np.intp], n_windows: int) -> NDArray[np.intp]:
    """Windows that may have the bits of a site: no other has, whatever its other columns say."""
    telling, most, rest = _bounds()
    bound = np.full(n_windows, rest, dtype=np.float32)
    for column, bits in zip(telling, most, strict=True):
        bound += bits[codes[column : column + n_windows]]
    return np.flatnonzero(bound >= _MINIMUM_BITS - _ROUNDING)


def _keep(sites: list[ThirdFrameworkEnd], site: ThirdFrameworkEnd) -> None:
    """Add a site, or let the better one of two neighbours stand."""
    if not sites or site.cysteine - sites[-1].cysteine > _SAME_SITE:
        sites.append(site)
    elif site.score > sites[-1].score:
        sites[-1] = site


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
