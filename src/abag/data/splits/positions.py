"""Blocks of mutated positions inside an assay of variants of one parent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from abag.errors import SplitError, counted

Position = tuple[str, int]
"""Chain letter (``H`` or ``L``) and position, as the source or the parent counts it."""

_MUTATION: Final = re.compile(r"(?:([A-Za-z0-9]+):)?([A-Z*-]?)(\d+)([a-z]?)([A-Z*-]*)")


def mutated_positions(variants: pl.DataFrame) -> list[frozenset[Position]]:
    """Mutated positions of each row of one assay.

    From the column ``mutations`` where all rows have it, else by comparing the chains with the
    parent: the row with ``mutations`` empty, or else the commonest residue at each position of
    the commonest length.
    """
    written = variants["mutations"] if "mutations" in variants.columns else None
    if written is not None and written.null_count() == 0:
        return [parse_positions(text) for text in written]
    positions: list[set[Position]] = [set() for _ in range(variants.height)]
    for letter, column in (("H", "heavy"), ("L", "light")):
        chains = variants[column].to_list()
        parents = [
            chain
            for chain, text in zip(chains, written if written is not None else [], strict=False)
            if chain and text == ""
        ]
        parent = parents[0] if parents else consensus([chain for chain in chains if chain])
        for row, chain in zip(positions, chains, strict=True):
            if chain:
                row.update((letter, position) for position in changed_positions(parent, chain))
    return [frozenset(row) for row in positions]


def parse_positions(text: str) -> frozenset[Position]:
    """Positions of ``H:S33G;L:T97A`` (``H`` where no chain is named); empty text is the parent."""
    positions = set()
    for change in re.split(r"[;,]\s*", text.strip()) if text.strip() else []:
        match = _MUTATION.fullmatch(change.strip())
        if match is None:
            raise SplitError(
                f"mutations {text!r} hold {change!r}, which is not like H:S33G; mend the column"
            )
        positions.add((match[1] or "H", int(match[3])))
    return frozenset(positions)


def consensus(chains: Sequence[str]) -> str:
    """Commonest residue at each position of the chains with the commonest length."""
    if not chains:
        return ""
    lengths = Counter(len(chain) for chain in chains)
    length = min(lengths, key=lambda n: (-lengths[n], n))
    same_length = [chain for chain in chains if len(chain) == length]
    columns = (Counter(residues) for residues in zip(*same_length, strict=True))
    return "".join(min(column, key=lambda r: (-column[r], r)) for column in columns)


def changed_positions(parent: str, chain: str) -> list[int]:
    """Positions of the parent (from 1) that differ; an insertion counts as the one before it."""
    if len(parent) == len(chain):
        return [i for i, (a, b) in enumerate(zip(parent, chain, strict=True), 1) if a != b]
    from rapidfuzz.distance import Levenshtein

    edits = Levenshtein.editops(parent, chain)
    return sorted({min(max(e.src_pos + (e.tag != "insert"), 1), len(parent)) for e in edits})


def position_blocks(
    positions: Sequence[frozenset[Position]], shares: Sequence[float], assay: str
) -> dict[Position, int]:
    """Cut the mutated positions, in sequence order, into contiguous blocks: block of each.

    ``shares`` are the wanted sizes (numbers of positions, relative). Every block gets at least
    one position. Raises :class:`SplitError` where there are fewer positions than blocks.
    """
    ordered = sorted(set().union(*positions))
    if len(ordered) < len(shares):
        raise SplitError(
            f"assay {assay!r} has {counted(len(ordered), 'mutated position')}, fewer than the "
            f"{len(shares)} blocks asked for; ask for fewer parts or keep only assays of variants"
        )
    cuts = np.cumsum(np.asarray(shares, dtype=np.float64))
    ends = np.rint(cuts / cuts[-1] * len(ordered)).astype(int).tolist()
    for i in range(len(ends)):
        # At least one position to each block, and enough left for the blocks behind it.
        low = (ends[i - 1] if i else 0) + 1
        ends[i] = min(max(ends[i], low), len(ordered) - (len(ends) - 1 - i))
    starts = [0, *ends[:-1]]
    return {
        position: block
        for block, (start, end) in enumerate(zip(starts, ends, strict=True))
        for position in ordered[start:end]
    }
