"""The parent antibody: its chains, and what each of their positions is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import ChainKind
from abag.antibody.numbering import IMGT_REGIONS, first_domain
from abag.antibody.numbering.anarci import wheel_part
from abag.antibody.numbering.domains import position_number
from abag.model.mutation_effect.scales import IMGT_COLUMNS, NO_RESIDUE, Codes, Reals, codes

KINDS: Final[Mapping[ChainKind, str]] = {
    ChainKind.HEAVY: "H", ChainKind.VHH: "H", ChainKind.KAPPA: "K", ChainKind.LAMBDA: "L",
}  # fmt: skip
_V_COLUMNS: Final = 104
"""The V segment ends with cysteine 104 for what is compared here; CDR3 belongs to no gene alone."""
_SPECIES: Final = ("human", "mouse")


@dataclass(frozen=True, slots=True)
class ParentChain:
    """One chain of the parent, P residues long.

    ``residues`` (P,) are codes; ``imgt`` (P,) the IMGT number, 0 outside the variable domain;
    ``inserted`` (P,) whether the residue stands at an insertion (``111A``); ``region`` (P,) 0 for
    framework, 1 to 3 for the CDRs, -1 outside; ``germline`` (P,) the residue of the most similar
    V gene, 20 where there is none. ``labels`` are IMGT positions (``111A``), empty outside.
    ``kind`` is H, K, L, or empty where no domain was found.
    """

    sequence: str
    kind: str
    residues: Codes
    imgt: Codes
    inserted: NDArray[np.bool_]
    region: Codes
    germline: Codes
    gene: str
    labels: tuple[str, ...]

    @property
    def light(self) -> bool:
        """Whether it is a light chain."""
        return self.kind in ("K", "L")

    @property
    def in_gene(self) -> NDArray[np.bool_]:
        """Positions whose residue the V gene gives, shape (P,)."""
        return (self.imgt > 0) & (self.imgt < _V_COLUMNS) & (self.germline < NO_RESIDUE)

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
        gene, columns = nearest_gene(kind, columns_of(residues, imgt, inserted))
        germline = np.where(inserted, NO_RESIDUE, columns[imgt])
        return cls(
            sequence, kind, residues, imgt, inserted, regions(imgt), germline, gene, tuple(labels)
        )


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

    @property
    def chains(self) -> tuple[tuple[str, ParentChain | None], ...]:
        """``heavy`` and ``light``, in this order."""
        return ("heavy", self.heavy), ("light", self.light)


def columns_of(residues: Codes, imgt: Codes, inserted: NDArray[np.bool_]) -> Codes:
    """Residue codes by IMGT column, shape (129,); 20 where the chain has none, and at [0]."""
    found = np.full(IMGT_COLUMNS + 1, NO_RESIDUE, dtype=np.int64)
    kept = (imgt > 0) & ~inserted
    found[imgt[kept]] = residues[kept]
    return found


def regions(imgt: Codes) -> Codes:
    """Region of IMGT numbers: 0 framework, 1 to 3 CDRs, -1 where the number is 0."""
    found = np.where(imgt > 0, 0, -1)
    for code, name in enumerate(("CDR1", "CDR2", "CDR3"), start=1):
        first, last = IMGT_REGIONS[name]
        found[(imgt >= first) & (imgt <= last)] = code
    return np.asarray(found)


@cache
def genes(kind: str) -> tuple[tuple[str, ...], Codes]:
    """Names and residue codes (genes, 129) of the human and mouse V genes of ANARCI's tables."""
    names, rows = [], []
    for species in _SPECIES:
        for name, sequence in wheel_part("germlines").all_germlines["V"][kind][species].items():
            names.append(f"{species} {name}")
            rows.append(np.concatenate([[NO_RESIDUE], codes(sequence[:IMGT_COLUMNS])]))
    return tuple(names), np.array(rows, dtype=np.int64)


def nearest_gene(kind: str, columns: Codes) -> tuple[str, Codes]:
    """The V gene that shares most residues with a chain, and its residue codes (129,)."""
    if not kind:
        return "", np.full(IMGT_COLUMNS + 1, NO_RESIDUE, dtype=np.int64)
    names, rows = genes(kind)
    both = (rows[:, :_V_COLUMNS] < NO_RESIDUE) & (columns[:_V_COLUMNS] < NO_RESIDUE)
    shared = ((rows[:, :_V_COLUMNS] == columns[:_V_COLUMNS]) & both).sum(axis=1)
    best = int(shared.argmax())
    return names[best], rows[best]


__all__ = [
    "ParentAntibody",
    "ParentChain",
    "Reals",
    "columns_of",
    "genes",
    "nearest_gene",
]
