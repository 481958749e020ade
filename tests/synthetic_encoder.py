"""An encoder whose rows follow from the letters alone, and that remembers its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.protocol import (
    EncodedMolecule,
    Encoder,
    EncoderFacts,
    EncoderIdentity,
    Molecule,
    Role,
)


def rows_of(molecule: Molecule, width: int) -> NDArray[np.float32]:
    """Rows that differ between any two molecules and any two places of one."""
    text = f"{molecule.role.value}:{'/'.join(molecule.chains)}"
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    rng = np.random.default_rng(seed)
    return rng.normal(size=(molecule.residues, width)).astype(np.float32)


@dataclass
class HashEncoder(Encoder):
    """``memory``: padded residues above which it runs out of memory, as a GPU does."""

    width: int = 6
    paired: bool = True
    id: str = "hash"
    revision: str = "r1"
    adapter_digest: str = ""
    memory: int | None = None
    batches: list[tuple[Molecule, ...]] = field(default_factory=list)

    @property
    def facts(self) -> EncoderFacts:
        return EncoderFacts(
            self.id, self.width, 1000, frozenset(Role), self.paired, "MIT", self.revision, None
        )

    @property
    def identity(self) -> EncoderIdentity:
        return EncoderIdentity(self.id, self.revision, self.adapter_digest, "fp32", 1)

    @property
    def encoded(self) -> list[Molecule]:
        return [molecule for batch in self.batches for molecule in batch]

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        if self.memory is not None:
            padded = len(molecules) * max(m.residues for m in molecules)
            if padded > self.memory:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.batches.append(tuple(molecules))
        return [
            EncodedMolecule(rows_of(m, self.width), windowed=m.residues > 300) for m in molecules
        ]


def antibody(*chains: str) -> Molecule:
    return Molecule(Role.ANTIBODY, chains)


def antigen(chain: str) -> Molecule:
    return Molecule(Role.ANTIGEN, (chain,))


def random_molecules(count: int, seed: int = 0, longest: int = 60) -> list[Molecule]:
    """Antigens of 1 to ``longest`` residues, all different in practice."""
    rng = np.random.default_rng(seed)
    return [
        antigen("".join(rng.choice(list(AMINO_ACIDS), int(length))))
        for length in rng.integers(1, longest + 1, count)
    ]
