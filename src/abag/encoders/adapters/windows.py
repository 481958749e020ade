"""Cutting molecules into what goes through a model at once, and which rows to keep of each part.

A chain longer than the limit is covered by equally spaced windows that overlap; each residue is
taken from the window in whose middle it lies, so that no kept row stands at a cut edge (except at
the ends of the chain itself). Nothing is ever cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from abag.encoders.input_rules import InputRule
from abag.encoders.protocol import LongChain, Molecule
from abag.errors import SequenceError

OVERLAP: Final = 128
"""Residues shared by neighbouring windows (a quarter of the window where that is less)."""


@dataclass(frozen=True, slots=True)
class Window:
    """Residues ``start`` to ``stop`` are read; those from ``first`` to ``last`` are kept."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of a batch: the chains (or the window of a chain) that are read together."""

    chains: tuple[str, ...]
    """Letters after the input rule's reading as X."""
    light: bool = False
    """Whether this is a light chain without its heavy one."""
    skip: int = 0
    """Residues at the start whose rows are taken from another window."""
    keep: int = 0
    """Number of residues whose rows are kept."""
    windowed: bool = False

    @property
    def residues(self) -> int:
        """Residues that are read, kept or not."""
        return sum(len(chain) for chain in self.chains)


def windows(length: int, limit: int, overlap: int = OVERLAP) -> list[Window]:
    """Windows of ``limit`` residues over a chain of ``length``, and what to keep of each.

    The kept ranges follow each other without gap and cover the chain. Neighbouring windows share
    at least ``min(overlap, limit // 4)`` residues, and the cut lies in the middle of what they
    share.

    Raises:
        ValueError: for a limit below 4 residues.
    """
    if limit < 4:
        raise ValueError(f"a window of {limit} residues cannot overlap with another")
    if length <= limit:
        return [Window(0, length, 0, length)]
    overlap = min(overlap, limit // 4)
    count = -(-(length - overlap) // (limit - overlap))
    starts = [i * (length - limit) // (count - 1) for i in range(count)]
    cuts = [0, *((a + limit + b) // 2 for a, b in pairwise(starts)), length]
    return [Window(start, start + limit, cuts[i], cuts[i + 1]) for i, start in enumerate(starts)]


def segments(molecule: Molecule, rule: InputRule, limit: int, long: LongChain) -> list[Segment]:
    """Segments of a molecule; their kept rows, joined in order, are its residues in order.

    A pair that is longer than ``limit`` is read chain by chain, and a chain that is longer in
    windows; both are flagged.

    Raises:
        SequenceError: for a longer molecule where ``long`` is ``LongChain.REFUSE``.
    """
    chains = tuple(rule.letters(chain) for chain in molecule.chains)
    together = len(chains) == 2 and rule.pair is not None
    limits = [limit, rule.light_limit or limit]
    lengths = [sum(map(len, chains))] if together else list(map(len, chains))
    for length, most in zip(lengths, limits, strict=False):
        if length > most and long is LongChain.REFUSE:
            raise SequenceError(
                f"an {molecule.role.value} of {length} residues is longer than the {most} this "
                f"encoder reads at once; shorten it, or let it be read in windows (long=windows)"
            )
    if together and lengths[0] <= limit:
        return [Segment(chains, keep=lengths[0])]
    return [
        segment
        for number, chain in enumerate(chains)
        for segment in _windows_of_chain(
            chain, limits[number], light=number == 1, pair_was_cut=together
        )
    ]


def _windows_of_chain(chain: str, limit: int, *, light: bool, pair_was_cut: bool) -> list[Segment]:
    parts = windows(len(chain), limit)
    return [
        Segment(
            (chain[part.start : part.stop],),
            light=light,
            skip=part.first - part.start,
            keep=part.last - part.first,
            windowed=pair_was_cut or len(parts) > 1,
        )
        for part in parts
    ]
