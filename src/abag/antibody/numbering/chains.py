"""Number chains: each distinct sequence once, the same alone as in any batch.

One alignment takes the place of 27 where the profile makes no difference. All profiles of a chain
type share the IMGT columns. A domain that runs from the first columns to the last, with gaps and
insertions only where the IMGT definition expects them, gets the same numbers from each of them, so
one profile is enough. A damaged or unusual domain of sure type is left to the profiles of its type,
every other chain (not an antibody, T-cell receptor, a doubtful piece) to all profiles. Which way a
chain goes depends on that chain alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, TypeVar

from abag.antibody.numbering.anarci import DELETE, INSERT, load_profiles, readable
from abag.antibody.numbering.domains import (
    J_MINIMUM_SCORE,
    LOOPS,
    MINIMUM_SCORE,
    PART_MINIMUM_SCORE,
    NumberedDomain,
    choose_domains,
    complete,
    is_cut_short,
    joined,
    lacks_j_segment,
    number_domains,
    residue_at,
    with_j_segment,
)
from abag.antibody.numbering.search import Hit, ThirdFrameworkEnd, align, find_sites
from abag.progress import track

_BATCH: Final = 1_024
_CACHED: Final = 500_000

_cache: dict[str, tuple[NumberedDomain, ...]] = {}
_receptors: dict[str, str] = {}
"""Chain type of the profile that a chain without an antibody's domain was best aligned to."""


def number_chains(
    sequences: Iterable[str], *, threads: int | None = None
) -> dict[str, tuple[NumberedDomain, ...]]:
    """IMGT-number every distinct sequence.

    Heavy, kappa, lambda and VHH domains are found anywhere in a chain: a bare Fv, a Fab or whole
    IgG chain, an scFv of either order, several domains in a row. A T-cell receptor, any other
    protein, an empty string or a fragment gives an empty tuple. A repeated sequence costs
    nothing, also in a later call.

    Args:
        sequences: one-letter amino-acid chains; lower case is read as upper case and signs that
            are no amino acid as X. The text of ``NumberedDomain.sequence`` is upper case.
        threads: searches at once; without it two, or one where ``OMP_NUM_THREADS`` is 1.

    Returns:
        The domains of each distinct sequence as given, in the order of first appearance.

    Raises:
        SequenceError: for a sequence of more than 100,000 residues.
        UnavailableError: where anarci or pyhmmer is not installed.
    """
    threads = threads or _default_threads()
    chain_of = {
        sequence: sequence if sequence in _cache else readable(sequence)
        for sequence in dict.fromkeys(sequences)
    }
    # Another thread may forget all chains at any moment.
    cached = {chain: _cache.get(chain) for chain in chain_of.values()}
    answers = {chain: domains for chain, domains in cached.items() if domains is not None}
    new = [chain for chain in dict.fromkeys(chain_of.values()) if chain not in answers]
    batches = [new[i : i + _BATCH] for i in range(0, len(new), _BATCH)]
    progress = track(batches, f"numbering {len(new)} chains") if len(batches) > 1 else batches
    for batch in progress:
        answers.update(_numbered(batch, threads))
    if len(_cache) + len(new) > _CACHED:
        _cache.clear()
        _receptors.clear()
    _cache.update((chain, answers[chain]) for chain in new)
    return {sequence: answers[chain] for sequence, chain in chain_of.items()}


def _default_threads() -> int:
    return 1 if os.environ.get("OMP_NUM_THREADS") == "1" else 2


T = TypeVar("T")


def numbered_ahead(parts: Sequence[T], chains_of: Callable[[T], Iterable[str]]) -> Iterator[T]:
    """Each part of some work, while the chains of the next one are numbered beside it.

    HMMER runs outside Python's lock, so numbering costs the work little time. Whoever numbers the
    chains of a part finds them done, with the same result. One after the other for one thread.
    """
    if len(parts) < 2 or _default_threads() == 1:
        yield from parts
        return
    with ThreadPoolExecutor(1) as beside:
        for part, next_part in zip(parts, [*parts[1:], None], strict=True):
            following = [] if next_part is None else list(chains_of(next_part))
            pieces = [following[i : i + _BATCH] for i in range(0, len(following), _BATCH)]
            jobs = [beside.submit(number_chains, piece) for piece in pieces]
            yield part
            for job in jobs:
                job.result()


@lru_cache(maxsize=4_096)
def first_domain(chain: str) -> NumberedDomain | None:
    """The first variable domain of one chain, or None; each distinct chain is numbered once."""
    domains = number_chains([chain])[chain] if chain else ()
    return domains[0] if domains else None


_FRAGMENT_MINIMUM_SCORE: Final = 20.0
"""Bits of a stretch of 40 residues of a variable domain; constant domains, tags and linkers have
none."""


@lru_cache(maxsize=4_096)
def resembles_a_domain(stretch: str) -> bool:
    """Whether a stretch beside a numbered domain is part of another variable domain.

    Such a domain is damaged: whole ones are numbered, and constant domains resemble none.
    """
    chain = readable(stretch)
    return bool(align({p.index: [chain] for p in load_profiles()}, 1, _FRAGMENT_MINIMUM_SCORE))


_RECEPTOR_CHAINS: Final = {"A": "alpha", "B": "beta", "G": "gamma", "D": "delta"}


def receptor_chain(chain: str) -> str | None:
    """The T-cell receptor chain (``alpha`` ...) that a chain without an antibody's domain is."""
    number_chains([chain])
    return _RECEPTOR_CHAINS.get(_receptors.get(readable(chain), ""))


def clear_cache(*, beyond: int = 0) -> None:
    """Forget every numbered chain, where there are more than ``beyond``."""
    if len(_cache) > beyond:
        _cache.clear()
    _receptors.clear()
    first_domain.cache_clear()
    resembles_a_domain.cache_clear()


def _numbered(chains: Sequence[str], threads: int) -> dict[str, tuple[NumberedDomain, ...]]:
    first_look = align_regular_chains(chains, threads)
    chosen = dict(first_look.settled)
    chains_of_profile: dict[int, list[str]] = {}
    for chain in chains:
        if chain and chain not in chosen:
            for profile in load_profiles():
                if profile.chain_type in first_look.types.get(chain, profile.chain_type):
                    chains_of_profile.setdefault(profile.index, []).append(chain)
    hits = align(chains_of_profile, threads, MINIMUM_SCORE)
    irregular = {chain: choose_domains(chain_hits) for chain, chain_hits in hits.items()}
    _join_parts(irregular, threads)
    _complete_long_loops(irregular, threads)
    chosen.update(irregular)
    for chain, chain_hits in irregular.items():
        if chain_hits and all(hit.profile.kind is None for hit in chain_hits):
            _receptors[chain] = chain_hits[0].profile.chain_type
    return {
        chain: number_domains(chain, _completed(chain, chosen.get(chain, []))) for chain in chains
    }


def _ceiling(chain: str, domains: Sequence[Hit], i: int) -> int:
    return domains[i + 1].start if i + 1 < len(domains) else len(chain)


def _completed(chain: str, hits: Sequence[Hit]) -> list[Hit]:
    completed: list[Hit] = []
    for i, hit in enumerate(hits):
        floor = completed[-1].end if completed else 0
        completed.append(complete(hit, floor, _ceiling(chain, hits, i)))
    return completed


def _join_parts(chosen: dict[str, list[Hit]], threads: int) -> None:
    """Look for the other part of every domain of which a part alone was aligned (a lost loop)."""
    for domains in chosen.values():
        for i in range(len(domains) - 1, 0, -1):
            joined_hit = joined(domains[i - 1], domains[i : i + 1], 0, domains[i].end)
            if joined_hit is not domains[i - 1]:
                domains[i - 1 : i + 1] = [joined_hit]
    parts = [
        (chain, i, domains[i - 1].end if i else 0, _ceiling(chain, domains, i))
        for chain, domains in chosen.items()
        for i in range(len(domains))
    ]
    parts = [part for part in parts if is_cut_short(chosen[part[0]][part[1]], *part[2:])]
    chains_of_profile: dict[int, list[str]] = {}
    for chain, i, _, _ in parts:
        for profile in load_profiles():
            same_type = profile.chain_type == chosen[chain][i].profile.chain_type
            if same_type and chain not in chains_of_profile.setdefault(profile.index, []):
                chains_of_profile[profile.index].append(chain)
    hits = align(chains_of_profile, threads, PART_MINIMUM_SCORE)
    for chain, i, floor, ceiling in parts:
        chosen[chain][i] = joined(chosen[chain][i], hits.get(chain, []), floor, ceiling)


def _complete_long_loops(chosen: dict[str, list[Hit]], threads: int) -> None:
    """Look for the J segment of every domain whose alignment ends in a very long CDR3."""
    open_ends = [
        (chain, i, int(residue_at(hit, 104) or 0) + 1, _ceiling(chain, domains, i))
        for chain, domains in chosen.items()
        for i, hit in enumerate(domains)
        if lacks_j_segment(hit, _ceiling(chain, domains, i))
    ]
    chains_of_profile: dict[int, list[str]] = {}
    for chain, i, offset, ceiling in open_ends:
        for profile in load_profiles():
            if profile.chain_type == chosen[chain][i].profile.chain_type:
                tails = chains_of_profile.setdefault(profile.index, [])
                if chain[offset:ceiling] not in tails:
                    tails.append(chain[offset:ceiling])
    hits = align(chains_of_profile, threads, J_MINIMUM_SCORE)
    for chain, i, offset, ceiling in open_ends:
        j_hits = hits.get(chain[offset:ceiling], [])
        chosen[chain][i] = with_j_segment(chosen[chain][i], j_hits, offset, ceiling)


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

_EMPTY: Final = {
    "H": frozenset({10, 73}),
    "K": frozenset({10, 73, 81, 82}),
    "L": frozenset({10, 73, 81, 82}),
}
"""Framework columns that germline genes of the type leave empty."""


@dataclass(frozen=True, slots=True)
class FirstLook:
    """Result of one alignment for each domain of a batch of chains."""

    settled: dict[str, list[Hit]]
    """Best alignments of the domains of the chains that need no more than this."""
    types: dict[str, tuple[str, ...]]
    """Types of the domains of further chains; profiles of other types cannot win there."""


def align_regular_chains(chains: Sequence[str], threads: int) -> FirstLook:
    """Align each chain to one profile of each type that :func:`find_sites` sees in it.

    Chains that are in neither part of the answer need all profiles.
    """
    profile_of = _profiles()
    pairs = zip(chains, find_sites(chains), strict=True)
    sites = {chain: chain_sites for chain, chain_sites in pairs if chain_sites}
    chains_of_profile: dict[int, list[str]] = {}
    for chain, chain_sites in sites.items():
        for chain_type in sorted({site.chain_type for site in chain_sites}):
            chains_of_profile.setdefault(profile_of[chain_type], []).append(chain)
    hits = align(chains_of_profile, threads, _TRACE_SCORE)
    of_sure_type = {}
    for chain, chain_sites in sites.items():
        chosen = choose_domains(hits.get(chain, []))
        if _are_of_sure_type(chosen, chain_sites):
            of_sure_type[chain] = chosen
    for chain in _with_more_domains(of_sure_type, threads):
        del of_sure_type[chain]
    settled = {chain: hits for chain, hits in of_sure_type.items() if all(map(is_regular, hits))}
    types = {
        chain: tuple(sorted({hit.profile.chain_type for hit in hits}))
        for chain, hits in of_sure_type.items()
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
        in_loop = LOOPS[column] > 0
        if step == INSERT and not in_loop:
            return False
        if step == DELETE and not in_loop and column not in _EMPTY[chain_type]:
            return False
        column += step != INSERT
    return True


def _with_more_domains(domains: Mapping[str, Sequence[Hit]], threads: int) -> set[str]:
    """Chains in which something outside the domains resembles a variable domain."""
    stretches = {chain: _stretches_outside(chain, chosen) for chain, chosen in domains.items()}
    distinct = list(dict.fromkeys(part for parts in stretches.values() for part in parts))
    traces = align({p.index: distinct for p in load_profiles()}, threads, _TRACE_SCORE)
    return {chain for chain, parts in stretches.items() if any(part in traces for part in parts)}


def _stretches_outside(chain: str, chosen: Sequence[Hit]) -> list[str]:
    borders = [0, *(edge for hit in chosen for edge in (hit.start, hit.end)), len(chain)]
    parts = [chain[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]
    return [part for part in parts if len(part) >= _LONG_STRETCH]
