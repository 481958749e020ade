"""The parent antibody: its chains, and what each of their positions is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import ChainKind
from abag.antibody.germlines import V_POSITIONS, most_shared_gene
from abag.antibody.numbering import first_domain
from abag.antibody.numbering.domains import LOOPS, position_number
from abag.model.mutation_effect.priors import IMGT_COLUMNS, NO_RESIDUE, Codes, codes
from abag.model.mutation_effect.surroundings import Surroundings

KINDS: Final[Mapping[ChainKind, str]] = {
    ChainKind.HEAVY: "H", ChainKind.VHH: "H", ChainKind.KAPPA: "K", ChainKind.LAMBDA: "L",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParentChain:
    """One chain of the parent, P residues long.

    ``residues`` (P,) are codes; ``imgt`` (P,) the IMGT number, 0 outside the variable domain;
    ``inserted`` (P,) whether the residue stands at an insertion (``111A``); ``region`` (P,) 0 for
    framework, 1 to 3 for the CDRs, -1 outside; ``germline`` (P,) the residue of the human or mouse
    V gene that shares most residues, 20 where there is none. ``labels`` are IMGT positions
    (``111A``), empty outside. ``kind`` is H, K, L, or empty where no domain was found.
    ``surroundings`` are those of its residues in a known complex.
    """

    sequence: str
    kind: str
    residues: Codes
    imgt: Codes
    inserted: NDArray[np.bool_]
    region: Codes
    germline: Codes
    labels: tuple[str, ...]
    surroundings: Surroundings | None = None

    @property
    def light(self) -> bool:
        """Whether it is a light chain."""
        return self.kind in ("K", "L")

    @property
    def in_gene(self) -> NDArray[np.bool_]:
        """Positions whose residue the V gene gives, shape (P,)."""
        return (self.imgt > 0) & (self.imgt < V_POSITIONS) & (self.germline < NO_RESIDUE)

    @classmethod
    def of(cls, sequence: str) -> Self:
        """Number a chain; without a variable domain every position is outside of one."""
        residues = codes(sequence)
        count = len(residues)
        imgt = np.zeros(count, dtype=np.int64)
        inserted = np.zeros(count, dtype=np.bool_)
        labels = [""] * count
        domain = first_domain(sequence)
        if domain is not None:
            stretch = slice(domain.start, domain.start + len(domain.positions))
            imgt[stretch] = [position_number(position) for position in domain.positions]
            labels[stretch] = domain.positions
            inserted[stretch] = [not position.isdigit() for position in domain.positions]
        kind = "" if domain is None else KINDS.get(domain.kind, "")
        germline = np.full(count, NO_RESIDUE)
        if domain is not None:
            inside = (imgt > 0) & ~inserted
            columns = np.full(IMGT_COLUMNS + 1, NO_RESIDUE)
            columns[imgt[inside]] = residues[inside]
            gene = most_shared_gene(columns[1 : V_POSITIONS + 1], domain.kind)
            germline[inside] = np.minimum(gene, NO_RESIDUE)[imgt[inside] - 1]
        return cls(sequence, kind, residues, imgt, inserted, regions(imgt), germline, tuple(labels))


@dataclass(frozen=True, slots=True)
class ParentAntibody:
    """A parent as the model of mutation effects reads it: chains numbered once, and the antigen.

    ``heavy`` is a heavy chain or VHH; ``light`` is None without one; ``antigen`` holds the chains
    of the antigen, empty where it is not known.
    """

    heavy: ParentChain | None
    light: ParentChain | None = None
    antigen: tuple[str, ...] = ()

    @classmethod
    def of(cls, heavy: str, light: str | None = None, antigen: Sequence[str] = ()) -> Self:
        """Number the chains; an empty one is none."""
        chains = [ParentChain.of(chain) if chain else None for chain in (heavy, light)]
        return cls(chains[0], chains[1], tuple(antigen))

    def within(self, surroundings: Sequence[Surroundings]) -> Self:
        """The same antibody in a known complex; surroundings of heavy and light chain."""
        chains = [
            None if chain is None else replace(chain, surroundings=around)
            for (_, chain), around in zip(self.chains, surroundings, strict=True)
        ]
        return replace(self, heavy=chains[0], light=chains[1])

    @property
    def chains(self) -> tuple[tuple[str, ParentChain | None], ...]:
        """``heavy`` and ``light``, in this order."""
        return ("heavy", self.heavy), ("light", self.light)


def regions(imgt: Codes) -> Codes:
    """Region of IMGT numbers: 0 framework, 1 to 3 CDRs, -1 where the number is 0."""
    return np.where(imgt > 0, np.array(LOOPS)[imgt], -1)
