"""Where the IMGT positions of a variable domain lie in its chain, found quickly for libraries.

Numbering costs a third of a millisecond a chain. In a library, which is :data:`FAMILY` chains of
one length that are alike, a numbered chain lends its positions to the others: those that are at
least 85 % equal to it, have the residues that decide about chain kind and frame (VHH hallmarks and
the two residues that enclose each CDR), and at most one other residue among the five on either side
of each CDR. Every other chain is numbered. How often what is lent differs from what
numbering gives stands in docs/models/global.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.data.numbering.chains import number_chains
from abag.data.numbering.protocol import IMGT_REGIONS, NumberedDomain
from abag.model.pairs.germlines import V_POSITIONS
from abag.sequences import ChainKind

LOOPS: Final = ("CDR1", "CDR2", "CDR3")
_ANCHOR: Final = 5
_MISMATCHES: Final = 1
_IDENTITY: Final = 0.85
FAMILY: Final = 64
"""Fewer chains that are alike are numbered, each for itself."""
_HALLMARKS: Final = np.array([22, 38, 39, 40, 41, 48, 49, 51])
"""Cysteine 23, tryptophan 41 with the two residues before it, and the positions that tell VHH from
heavy; from 0."""
_MOST_LENDERS: Final = 6
_INSERTIONS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


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

    @classmethod
    def of(cls, domain: NumberedDomain) -> Frame:
        """The places of a numbered domain."""
        return _frame(domain.kind, domain.start, domain.end, domain.positions)


@lru_cache(maxsize=4_096)
def _frame(kind: ChainKind, start: int, end: int, positions: tuple[str, ...]) -> Frame:
    """In a library most domains that are numbered have the same positions."""
    numbers = np.array([int(p.rstrip(_INSERTIONS)) for p in positions])
    plain = np.array([p.isdigit() for p in positions])
    v_gene = np.flatnonzero(plain & (numbers <= V_POSITIONS))
    loops = [_loop(numbers, *IMGT_REGIONS[loop], start) for loop in LOOPS]
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
    """Frames of every distinct chain."""
    left = sorted(set(chains))
    found: Frames = {}
    of_length: dict[int, list[str]] = {}
    for chain in left:
        of_length.setdefault(len(chain), []).append(chain)
    for same_length in of_length.values():
        _lend(same_length, found)
    _number([chain for chain in left if chain not in found], found)
    return found


def _lend(chains: list[str], found: Frames) -> None:
    """Number a few chains of one length and let them speak for their families."""
    left = chains
    for _ in range(_MOST_LENDERS):
        if len(left) < FAMILY:
            return
        # From the middle of the alphabet: the first may be the one that lacks a residue.
        lender = left[len(left) // 2]
        _number([lender], found)
        left = [chain for chain in left if chain != lender]
        rule = _Rule.of(lender, found[lender])
        if rule is None:
            continue
        alike = rule.allows(left)
        if sum(alike) >= FAMILY:
            family = [chain for chain, yes in zip(left, alike, strict=True) if yes]
            found |= dict.fromkeys(family, found[lender])
            left = [chain for chain, yes in zip(left, alike, strict=True) if not yes]


def _number(chains: Sequence[str], found: Frames) -> None:
    for chain, domains in number_chains(chains).items():
        found[chain] = tuple(Frame.of(domain) for domain in domains)


@dataclass(frozen=True, eq=False)
class _Rule:
    """What a chain must share with a numbered one to take its positions."""

    letters: NDArray[np.uint8]
    same: NDArray[np.intp]
    """Places that must be equal."""
    beside: NDArray[np.intp]
    """Places beside each CDR, shape (6, 5)."""

    @classmethod
    def of(cls, chain: str, frames: tuple[Frame, ...]) -> _Rule | None:
        """The rule of a chain that is one complete domain; None for another."""
        if len(frames) != 1:
            return None
        (frame,) = frames
        first, last = frame.loops[0].start - _ANCHOR, frame.loops[2].stop + _ANCHOR
        whole = frame.start == 0 and frame.end == len(chain)
        if not whole or first < 0 or last > len(chain) or any(map(_is_empty, frame.loops)):
            return None
        beside = [
            range(*ends)
            for loop in frame.loops
            for ends in ((loop.start - _ANCHOR, loop.start), (loop.stop, loop.stop + _ANCHOR))
        ]
        hallmarks = frame.v_places[np.isin(frame.v_positions, _HALLMARKS)]
        ends = [place for loop in frame.loops for place in (loop.start - 1, loop.stop)]
        return cls(
            np.frombuffer(chain.encode("ascii"), dtype=np.uint8),
            np.concatenate([hallmarks, ends]).astype(np.intp),
            np.array([list(places) for places in beside], dtype=np.intp),
        )

    def allows(self, chains: Sequence[str]) -> list[bool]:
        """Which chains of the same length may take the positions."""
        letters = np.frombuffer("".join(chains).encode("ascii"), dtype=np.uint8)
        same = letters.reshape(len(chains), -1) == self.letters
        kept = same[:, self.same].all(axis=1) & (same.mean(axis=1) >= _IDENTITY)
        beside = (~same[:, self.beside]).sum(axis=2) <= _MISMATCHES
        return list((kept & beside.all(axis=1)).tolist())


def _is_empty(loop: slice) -> bool:
    return bool(loop.stop <= loop.start)


def _loop(numbers: NDArray[np.int64], first: int, last: int, start: int) -> slice:
    inside = np.flatnonzero((numbers >= first) & (numbers <= last))
    if not len(inside):
        return slice(start, start)
    return slice(start + int(inside[0]), start + int(inside[-1]) + 1)
