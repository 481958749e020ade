"""Protein chains of a PDB or mmCIF file: their letters and the positions of their atoms."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from abag.data.formats.content import is_structure
from abag.data.formats.coordinates.models import CAPS, in_todays_columns, join_models
from abag.errors import FileFormatError
from abag.files import read_bytes

_BREAK_ANGSTROM: Final = 4.5
"""Neighbouring C-alpha atoms are 3.8 Å apart (2.9 Å in a cis peptide); more is a gap."""

_MIN_RESIDUES: Final = 3
_BACKBONE: Final = ("N", "CA", "C", "O")
_PDB_CODE: Final = re.compile(r"[0-9][a-z0-9]{3}|pdb_[a-z0-9]{8}")


@dataclass(frozen=True, slots=True, eq=False)
class StructureChain:
    """One protein chain of the first model.

    Atom ``i`` (hydrogens and alternative places left out) stands at ``atom_positions[i]`` (Å;
    shape ``(atoms, 3)``) and belongs to the letter ``atom_residues[i]`` of ``sequence`` (from 0).
    """

    name: str
    sequence: str
    from_seqres: bool
    """Whether ``sequence`` is the sequence of the sample, or only the residues with atoms."""
    missing: tuple[int, ...]
    """Letters of ``sequence`` (from 1) without atoms; unknown, so empty, unless ``from_seqres``."""
    breaks: int
    """Gaps between neighbouring resolved residues."""
    atom_positions: NDArray[np.float64]
    atom_residues: NDArray[np.int64]
    backbone: NDArray[np.float64]
    """N, C-alpha, C and O of each letter of ``sequence`` (Å; shape ``(letters, 4, 3)``); NaN
    where the file has none."""


@dataclass(frozen=True, slots=True)
class Structure:
    """Content of one file: its PDB code, if there is one, and its protein chains."""

    path: Path
    structure_id: str | None
    chains: tuple[StructureChain, ...]
    models_joined: int = 1
    """Models of the file that stand in ``chains``: those of one assembly, else the first alone."""

    def chain(self, name: str) -> StructureChain:
        """The chain of that (author's) name; raises :class:`FileFormatError` without one."""
        for chain in self.chains:
            if chain.name == name:
                return chain
        names = ", ".join(chain.name for chain in self.chains)
        raise FileFormatError(f"{self.path} has no protein chain {name!r}; it has {names}")


def read_structure(path: Path) -> Structure:
    """Read the protein chains of a PDB or mmCIF file, plain or gzip.

    A chain's letters are those of SEQRES (mmCIF: of the entity) where the file has them and they
    agree with the atoms, else of the residues with atoms. Modified residues get the letter of
    their parent, unknown ones X; caps of a chain's ends (ACE, NH2) are no residues. Models of one
    assembly are joined, of an ensemble the first is read. Raises :class:`FileFormatError` where
    there is no such chain, or where an atom or its position cannot be read.
    """
    import gemmi

    content = read_bytes(path)
    if not is_structure(content):
        raise FileFormatError(f"{path} is neither a PDB nor an mmCIF file")
    try:
        structure = gemmi.read_structure_string(in_todays_columns(content))
        if len(structure) == 0:
            raise FileFormatError(f"{path} holds no atoms")
        joined = join_models(structure)
        structure.setup_entities()
        structure.assign_label_seq_id()
        structure.remove_alternative_conformations()
        polymers = [_chain(path, structure, chain) for chain in structure[0]]
    except UnicodeDecodeError:
        raise FileFormatError(f"{path}{_undecodable_line(content)}; write the file again") from None
    except (RuntimeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path} cannot be read as PDB or mmCIF: {error}. Fetch the file again"
        ) from None
    chains = tuple(chain for chain in polymers if chain is not None)
    if not chains:
        raise FileFormatError(f"{path} holds no protein chain of {_MIN_RESIDUES} residues or more")
    return Structure(path, _structure_id(structure, path), chains, joined)


def _undecodable_line(content: bytes) -> str:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            if line[:6].rstrip() in (b"ATOM", b"HETATM", b"SEQRES") or b"data_" in content[:2_000]:
                return f", line {number}, holds bytes that are no text"
    return " holds bytes that are no text"


def _structure_id(structure: Any, path: Path) -> str | None:
    """The PDB code in the file, else in its name; None for a model without one."""
    names = [dict(structure.info.items()).get("_entry.id", ""), structure.name]
    names.append(path.name.partition(".")[0])
    codes = [name.lower() for name in names if _PDB_CODE.fullmatch(name.lower())]
    return codes[0] if codes else None


def _chain(path: Path, structure: Any, chain: Any) -> StructureChain | None:
    import gemmi

    polymer = chain.get_polymer()
    if len(polymer) < _MIN_RESIDUES or polymer.check_polymer_type() not in (
        gemmi.PolymerType.PeptideL,
        gemmi.PolymerType.PeptideD,
    ):
        return None
    residues = [residue for residue in polymer if residue.name not in CAPS]
    entity = structure.get_entity_of(polymer)
    names = [name.split(",")[0] for name in entity.full_sequence] if entity else []
    numbers = [residue.label_seq for residue in residues]
    _require_numbers(path, chain, residues, names)
    agrees = bool(names) and all(
        number is not None and names[number - 1] == residue.name
        for number, residue in zip(numbers, residues, strict=True)
    )
    if agrees:
        kept_numbers = [number for number, name in enumerate(names, start=1) if name not in CAPS]
        index_of = {number: index for index, number in enumerate(kept_numbers)}
        indices = [index_of[number] for number in numbers]
        names = [names[number - 1] for number in kept_numbers]
    else:
        names = [residue.name for residue in residues]
        indices = list(range(len(residues)))
    if len(names) < _MIN_RESIDUES:
        return None
    heavy_atoms = [
        [atom.pos.tolist() for atom in residue if not atom.is_hydrogen()] for residue in residues
    ]
    positions = np.array(
        [position for residue in heavy_atoms for position in residue], dtype=np.float64
    ).reshape(-1, 3)
    if not np.isfinite(positions).all():
        _refuse_position(path, chain, residues)
    return StructureChain(
        name=chain.name,
        sequence="".join(_letter(name) for name in names),
        from_seqres=agrees,
        missing=tuple(sorted(set(range(1, len(names) + 1)) - {i + 1 for i in indices})),
        breaks=_breaks(residues),
        atom_positions=positions,
        atom_residues=np.repeat(np.array(indices, np.int64), [len(atoms) for atoms in heavy_atoms]),
        backbone=_backbone(residues, indices, len(names)),
    )


def _backbone(residues: Sequence[Any], indices: Sequence[int], count: int) -> NDArray[np.float64]:
    positions = np.full((count, len(_BACKBONE), 3), np.nan)
    for index, residue in zip(indices, residues, strict=True):
        for column, name in enumerate(_BACKBONE):
            atom = residue.find_atom(name, "*")
            if atom is not None:
                positions[index, column] = atom.pos.tolist()
    return positions


def _require_numbers(path: Path, chain: Any, residues: Sequence[Any], names: Sequence[str]) -> None:
    for residue in residues:
        number = residue.label_seq
        if names and number is not None and not 1 <= number <= len(names):
            raise FileFormatError(
                f"{path} contradicts itself: residue {residue.name} {residue.seqid} of chain "
                f"{chain.name} stands at place {number} of a sequence of {len(names)} residues; "
                "fetch the file again"
            )


def _refuse_position(path: Path, chain: Any, residues: Sequence[Any]) -> NoReturn:
    """Raise FileFormatError for the first atom whose position is no number."""
    residue, atom = next(
        (residue, atom)
        for residue in residues
        for atom in residue
        if not (atom.is_hydrogen() or all(map(math.isfinite, atom.pos.tolist())))
    )
    raise FileFormatError(
        f"{path}: atom {atom.name} of residue {residue.name} {residue.seqid} in chain "
        f"{chain.name} has a coordinate that is no number; correct it, or fetch the file again"
    )


def _letter(residue_name: str) -> str:
    import gemmi

    letter = str(gemmi.find_tabulated_residue(residue_name).one_letter_code).upper()
    return letter if letter.isalpha() else "X"


def _breaks(residues: Sequence[Any]) -> int:
    alphas = [residue.get_ca() for residue in residues]
    return sum(
        a is not None and b is not None and a.pos.dist(b.pos) > _BREAK_ANGSTROM
        for a, b in pairwise(alphas)
    )
