"""Antibodies with the IMGT position of each residue, and variants with the same positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering import IMGT_REGIONS, first_domain
from abag.antibody.numbering.domains import position_number
from abag.errors import SequenceError

Chains = tuple[str, str | None]
"""Heavy and light chain as text."""

HEAVY: Final = "H"
LIGHT: Final = "L"
_REGION_OF: Final = {
    number: name
    for name, (first, last) in IMGT_REGIONS.items()
    for number in range(first, last + 1)
}


@dataclass(frozen=True, slots=True)
class NumberedChain:
    """A chain of n residues with the IMGT position and region of each.

    ``positions[i]`` is ``"111A"`` or so, and ``regions[i]`` one of FR1 to FR4 and CDR1 to CDR3;
    both are empty texts outside the variable domain.
    """

    sequence: str
    positions: tuple[str, ...]
    regions: tuple[str, ...]
    kind: ChainKind

    @classmethod
    def of(cls, sequence: str) -> Self:
        """Number a chain; of several variable domains the first counts.

        Raises:
            SequenceError: there is no antibody variable domain in the chain.
        """
        domain = first_domain(sequence)
        if domain is None:
            raise SequenceError(
                f"no antibody variable domain in the chain {sequence[:20]}... "
                f"({len(sequence)} residues), so it has no IMGT positions"
            )
        before, behind = domain.start, len(sequence) - domain.end
        positions = ("",) * before + domain.positions + ("",) * behind
        return cls(sequence, positions, tuple(map(_region, positions)), domain.kind)

    def variant(self, sequence: str) -> Self:
        """A variant of this chain: the same positions where its length is the same."""
        if sequence == self.sequence:
            return self
        if len(sequence) != len(self.sequence):
            return self.of(sequence)
        return type(self)(sequence, self.positions, self.regions, self.kind)

    def residues(self, region: str) -> str:
        """Residues of one region, such as ``CDR3``."""
        pairs = zip(self.sequence, self.regions, strict=True)
        return "".join(residue for residue, name in pairs if name == region)


@dataclass(frozen=True, slots=True)
class Antibody:
    """Heavy chain (or VHH) and, where there is one, light chain, both numbered."""

    heavy: NumberedChain
    light: NumberedChain | None

    @classmethod
    def of(cls, heavy: str, light: str | None = None) -> Self:
        """Number both chains; an empty light chain counts as none.

        Raises:
            SequenceError: a chain has no antibody variable domain.
        """
        return cls(NumberedChain.of(heavy), NumberedChain.of(light) if light else None)

    def variant(self, heavy: str, light: str | None = None) -> Self:
        """A variant of this antibody; chains of the same length keep their positions.

        Raises:
            SequenceError: a chain of another length has no variable domain.
        """
        if not light:
            return type(self)(self.heavy.variant(heavy), None)
        numbered = NumberedChain.of(light) if self.light is None else self.light.variant(light)
        return type(self)(self.heavy.variant(heavy), numbered)

    @property
    def chains(self) -> dict[str, NumberedChain]:
        """Chains by letter: H, and L where there is a light chain."""
        heavy = {HEAVY: self.heavy}
        return heavy if self.light is None else {**heavy, LIGHT: self.light}

    @property
    def sequences(self) -> Chains:
        """Both chains as text."""
        return self.heavy.sequence, None if self.light is None else self.light.sequence


def _region(position: str) -> str:
    return _REGION_OF[position_number(position)] if position else ""
