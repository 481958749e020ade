"""Where the residues of a parent antibody stand in a structure of its complex."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.antibody import Chains
from abag.data.formats.choices import ChainNames
from abag.data.formats.coordinates.complexes import CONTACT_ANGSTROM, Complex, read_complexes
from abag.data.formats.coordinates.structures import StructureChain
from abag.errors import SequenceError
from abag.model.mutation_effect.parent import ParentChain
from abag.model.mutation_effect.surroundings import Surroundings

Reals = NDArray[np.float64]

_LEAST_SAME: Final = 0.8
"""Share of the parent's residues that the structure must have."""
_LEAST_CDRS: Final = 0.7
"""The same of its CDRs: antibodies of one germline share frameworks, whatever they bind
(docs/structure.md)."""
_REACH_ANGSTROM: Final = 12.0
_EXPOSED_ATOMS: Final = 60
_BURIED_ATOMS: Final = 170
"""Heavy atoms of the Fv on the side chain's side of C-alpha, within the reach."""


@dataclass(frozen=True, slots=True)
class PlacedChain:
    """A chain of the parent and where its residues stand in a chain of the structure."""

    chain: StructureChain
    text: str
    mapped: dict[int, int]
    """Index in the structure's chain -> index in the parent's."""

    @property
    def same(self) -> NDArray[np.bool_]:
        """Residues of the parent that the structure has, shape (P,)."""
        mask = np.zeros(len(self.text), dtype=np.bool_)
        for i, j in self.mapped.items():
            mask[j] = self.chain.sequence[i] == self.text[j]
        return mask


@dataclass(frozen=True, slots=True)
class PlacedParent:
    """A parent, heavy and light chain, on a complex."""

    complex: Complex
    chains: tuple[PlacedChain, PlacedChain]

    @classmethod
    def read(cls, path: Path, parent: Chains, names: ChainNames | None = None) -> PlacedParent:
        """The first complex of a structure that holds the parent.

        Args:
            path: PDB or mmCIF file, plain or gzip.
            parent: heavy and light chain; where they differ from the structure's residues, the
                parent's stand on its backbone.
            names: which chain is which.

        Raises:
            FileFormatError: no antibody with an antigen in the file.
            SequenceError: the structure is of another antibody.
        """
        best = 0.0, 0.0
        in_cdrs = np.concatenate([ParentChain.of(text or "").region > 0 for text in parent])
        for structure in read_complexes(path, names):
            heavy, light = (
                _place_chain(structure, text or "", chain)
                for text, chain in zip(parent, (structure.heavy, structure.light), strict=True)
            )
            same = np.concatenate([heavy.same, light.same])
            shares = float(same.mean()), float(same[in_cdrs].mean()) if in_cdrs.any() else 1.0
            if shares[0] >= _LEAST_SAME and shares[1] >= _LEAST_CDRS:
                return cls(structure, (heavy, light))
            best = max(best, shares)
        raise SequenceError(
            f"{path} holds another antibody: {best[0]:.0%} of the parent's residues stand in it "
            f"and {best[1]:.0%} of those of its CDRs, {_LEAST_SAME:.0%} and {_LEAST_CDRS:.0%} are "
            f"needed; give the structure of this antibody, or of one near it"
        )

    def surroundings(self) -> tuple[Surroundings, Surroundings]:
        """Contacts and burial of heavy and light chain, without log-odds."""
        from scipy.spatial import cKDTree

        antigen = cKDTree(np.concatenate([chain.atom_positions for chain in self.complex.antigen]))
        atoms = [
            placed.chain.atom_positions[np.isin(placed.chain.atom_residues, list(placed.mapped))]
            for placed in self.chains
        ]
        domains = cKDTree(np.concatenate(atoms))
        heavy, light = (_surroundings(placed, antigen, domains) for placed in self.chains)
        return heavy, light


def _surroundings(placed: PlacedChain, antigen: Any, domains: Any) -> Surroundings:
    """``antigen`` and ``domains`` are trees of the atoms of the antigen and of the Fv."""
    contact, burial = np.full((2, len(placed.text)), np.nan)
    chain = placed.chain
    for i, j in placed.mapped.items():
        side = _side_chain(chain.backbone[i])
        if not np.isfinite(side).all():
            continue
        nearest, _ = antigen.query(chain.atom_positions[chain.atom_residues == i])
        contact[j] = float(nearest.min() < CONTACT_ANGSTROM)
        alpha = chain.backbone[i, 1]
        neighbours = domains.data[domains.query_ball_point(alpha, _REACH_ANGSTROM)] - alpha
        count = int((neighbours @ side > 0).sum())
        burial[j] = np.clip((count - _EXPOSED_ATOMS) / (_BURIED_ATOMS - _EXPOSED_ATOMS), 0.0, 1.0)
    return Surroundings(contact, burial)


def _side_chain(backbone: Reals) -> Reals:
    """Direction (3,) from C-alpha to where C-beta stands, or would in glycine, of N, CA, C, O."""
    nitrogen, alpha, carbon = backbone[:3]
    back, on = alpha - nitrogen, carbon - alpha
    return np.asarray(-0.58273431 * np.cross(back, on) + 0.56802827 * back - 0.54067466 * on)


def _place_chain(structure: Complex, text: str, chain: StructureChain | None) -> PlacedChain:
    """A chain of the parent on its own of the complex; the light domain of an scFv on the first."""
    placed_on = chain or structure.heavy
    has_chain = bool(text) and (chain is not None or structure.is_scfv)
    return PlacedChain(placed_on, text, _aligned(placed_on.sequence, text) if has_chain else {})


def _aligned(structure: str, parent: str) -> dict[int, int]:
    """Index in the structure's chain -> index in the parent's, of aligned residues."""
    from Bio import Align
    from Bio.Align import substitution_matrices

    make: Any = Align.PairwiseAligner
    load: Any = substitution_matrices.load
    aligner = make(mode="global", open_gap_score=-11.0, extend_gap_score=-1.0)
    aligner.substitution_matrix = load("BLOSUM62")
    aligner.end_gap_score = 0.0
    letters = set(str(aligner.substitution_matrix.alphabet))
    first, second = ("".join(c if c in letters else "X" for c in t) for t in (structure, parent))
    best = aligner.align(first, second)[0]
    return {
        i: j
        for (a, b), (c, d) in zip(*best.aligned, strict=True)
        for i, j in zip(range(a, b), range(c, d), strict=True)
    }
