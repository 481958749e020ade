"""The positions on which the variants of an assay are laid: reference residue, place, region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import LETTERS, UNKNOWN, code_of_byte
from abag.antibody.numbering import NumberedDomain, first_domain, number_chains
from abag.antibody.numbering.domains import LOOPS
from abag.model.alignment import AlignBy, Alignment, Letters, imgt_code
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.mutation_effect.parent import KINDS

Reals = NDArray[np.float64]

REGIONS: Final = 4
"""Framework, CDR1, CDR2 and CDR3 of one chain."""
_OUTSIDE: Final = 500.0
"""Offset of positions outside the variable domain (tags, linkers)."""
_CHAIN_GAP: Final = 2_000.0
"""Offset of the light chain: no neighbour of the heavy chain."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Every aligned position of heavy and light chain, P in all.

    ``reference`` (P,) is the parent's letter, or the commonest of training where no parent is
    known; ``place`` (P,) the IMGT number, or the place in the chain outside a domain; ``region``
    (P,) 0 to 3 for framework and CDRs of the heavy chain and 4 to 7 for those of the light chain;
    ``imgt`` (P,) the IMGT column 1 to 128, or 0 where there is none; ``kinds`` the profile letter
    (H, K, L or empty) of each chain.
    """

    heavy: Alignment
    light: Alignment
    reference: Codes
    place: Reals
    region: NDArray[np.int64]
    imgt: NDArray[np.int64]
    kinds: tuple[str, str]

    @classmethod
    def of(
        cls,
        heavy: Sequence[str],
        light: Sequence[str],
        by: AlignBy = "auto",
        parent: tuple[str, str] | None = None,
    ) -> Self:
        """Lay the training chains of one assay on common positions; ``parent`` where known."""
        parts = [_all_positions(chains, by) for chains in (heavy, light)]
        letters = [
            code_of_byte()[part.letters(chains)]
            for part, chains in zip(parts, (heavy, light), strict=True)
        ]
        references = [_commonest(codes) for codes in letters]
        if parent is not None and all(map(_fits, parts, parent)):
            references = [
                code_of_byte()[part.letters([chain])[0]]
                for part, chain in zip(parts, parent, strict=True)
            ]
        placed = [
            _place_chain(part, chains, _CHAIN_GAP * order)
            for order, (part, chains) in enumerate(zip(parts, (heavy, light), strict=True))
        ]
        region = [chain.region + REGIONS * order for order, chain in enumerate(placed)]
        return cls(
            parts[0],
            parts[1],
            np.concatenate(references),
            np.concatenate([chain.place for chain in placed]),
            np.concatenate(region),
            np.concatenate([chain.imgt for chain in placed]),
            (placed[0].kind, placed[1].kind),
        )

    @property
    def count(self) -> int:
        """Number of positions."""
        return len(self.reference)

    def letters(self, heavy: Sequence[str], light: Sequence[str]) -> Codes:
        """Letter numbers of chains, shape (rows, P)."""
        both: list[Letters] = [self.heavy.letters(heavy), self.light.letters(light)]
        return code_of_byte()[np.concatenate(both, axis=1)]

    def chains(self, letters: Codes) -> list[tuple[str, str | None]]:
        """Heavy and light chains of rows of letters (rows, P), without gaps.

        The inverse of :meth:`letters` where chains are laid place by place; by IMGT numbers,
        what lies outside the domain is missing.
        """
        known = np.frombuffer(LETTERS.encode("ascii"), dtype=np.uint8)[letters]
        texts = [row.tobytes().decode("ascii") for row in known]
        end = len(self.heavy.positions)
        return [
            (text[:end].replace("-", ""), text[end:].replace("-", "") or None) for text in texts
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved."""
        return {
            **self.heavy.arrays("heavy"),
            **self.light.arrays("light"),
            "positions.reference": self.reference,
            "positions.place": self.place,
            "positions.region": self.region,
            "positions.imgt": self.imgt,
            "positions.kinds": np.array([ord(k or "-") for k in self.kinds], dtype=np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        first, second = (
            "" if letter == ord("-") else chr(letter)
            for letter in arrays["positions.kinds"].tolist()
        )
        return cls(
            Alignment.from_arrays("heavy", arrays),
            Alignment.from_arrays("light", arrays),
            arrays["positions.reference"],
            arrays["positions.place"],
            arrays["positions.region"],
            arrays["positions.imgt"],
            (first, second),
        )


@dataclass(frozen=True, slots=True)
class _Placed:
    place: Reals
    region: NDArray[np.int64]
    imgt: NDArray[np.int64]
    kind: str


def _all_positions(chains: Sequence[str], by: AlignBy) -> Alignment:
    """All positions, varying or not: a new variant may change any of them."""
    lengths = {len(chain) for chain in chains}
    if by == "place" or (by == "auto" and len(lengths) == 1):
        length = max(lengths)
        return Alignment(np.arange(length, dtype=np.int64), length)
    numbered = number_chains([chain for chain in set(chains) if chain])
    codes = {
        imgt_code(position)
        for domains in numbered.values()
        if domains
        for position in domains[0].positions
    }
    return Alignment(np.array(sorted(codes), dtype=np.int64), -1)


def _fits(part: Alignment, chain: str) -> bool:
    return part.length < 0 or part.length == len(chain)


def _commonest(letters: Codes) -> Codes:
    """Commonest letter of each position, the first of equals; X where there is nothing else."""
    counts = np.stack([(letters == code).sum(axis=0) for code in range(UNKNOWN)])
    return np.where(counts.any(axis=0), counts.argmax(axis=0), UNKNOWN).astype(np.uint8)


def _place_chain(alignment: Alignment, chains: Sequence[str], offset: float) -> _Placed:
    if alignment.length < 0:
        domain = first_domain(next((chain for chain in chains if chain), ""))
        numbers, insertions = np.divmod(alignment.positions, 1000)
        return _regions(numbers, insertions, offset, domain)
    length = alignment.length
    numbers = np.zeros(length, dtype=np.int64)
    insertions = np.zeros(length, dtype=np.int64)
    commonest = max(sorted(set(chains)), key=list(chains).count) if length else ""
    domain = first_domain(commonest)
    if domain is not None:
        coded = np.array([imgt_code(position) for position in domain.positions], dtype=np.int64)
        stretch = slice(domain.start, domain.start + len(coded))
        numbers[stretch], insertions[stretch] = np.divmod(coded, 1000)
    return _regions(numbers, insertions, offset, domain)


def _regions(
    numbers: NDArray[np.int64],
    insertions: NDArray[np.int64],
    offset: float,
    domain: NumberedDomain | None,
) -> _Placed:
    outside = _OUTSIDE + np.arange(len(numbers), dtype=np.float64)
    # An insertion stands a third of a step behind the position that it follows.
    place = np.where(numbers > 0, numbers + insertions / 3.0, outside) + offset
    kind = "" if domain is None else KINDS.get(domain.kind, "")
    return _Placed(place, np.array(LOOPS)[numbers], numbers, kind)
