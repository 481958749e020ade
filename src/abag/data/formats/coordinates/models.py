"""Corrections of a structure file before its chains are read.

Old layouts of PDB files, assemblies whose copies are written as models, and caps of chain ends.
"""

from __future__ import annotations

import re
from typing import Any, Final

CAPS: Final = frozenset(
    {"ACE", "NH2", "NME", "NMA", "FOR", "MYR", "PLM", "BOC", "TOS", "PHQ", "ETA", "TFA", "NHE"}
)
"""Groups that close an end of a peptide (acetyl, amide, N-methyl amide, formyl, fatty acids, ...).

They stand in SEQRES and among the atoms of a chain, and are no residues.
"""

_LINE_NUMBER: Final = re.compile(rb"[ 0-9]{0,3}[0-9]")
_ATOMS: Final = (b"ATOM  ", b"HETATM", b"ANISOU", b"TER   ")
_APART_ANGSTROM: Final = 15.0
"""A chain of an ensemble of NMR models moves less than this between two models."""


def in_todays_columns(content: bytes) -> bytes:
    """A PDB file of before 1996 as today's: columns 73 to 80 held the entry's code and a number.

    Today an element and a charge stand in columns 77 to 80, and a number of four digits there is
    no charge.
    """
    lines = content.split(b"\n")
    atoms = [line for line in lines if line[:6] in _ATOMS[:2]]
    if not atoms or not all(_LINE_NUMBER.fullmatch(line.rstrip()[76:80]) for line in atoms):
        return content
    return b"\n".join(
        line[:72] + b" " * 8 + line[80:].lstrip(b"0123456789") if line[:6] in _ATOMS else line
        for line in lines
    )


def join_models(structure: Any) -> int:
    """Move the models of one assembly into the first; returns how many it holds then.

    Models are an ensemble (NMR) where each has the chains of the first, near their positions
    there; then the first stays as it is. In an assembly a further model has other chains, or
    copies of them elsewhere. A copy of the chain A is called ``A-2``, and so on.
    """
    if len(structure) == 1:
        return 1
    first = structure[0]
    centres = {chain.name: _centre(chain) for chain in first}
    joined = 1
    for number in range(1, len(structure)):
        model = structure[number]
        added = [
            chain
            for chain in model
            if (centre := centres.get(chain.name)) is None
            or _centre(chain).dist(centre) > _APART_ANGSTROM
        ]
        if not added:
            continue
        joined += 1
        for chain in added:
            name = chain.name
            copy = chain.clone()
            if name in {present.name for present in structure[0]}:
                copy.name = f"{name}-{number + 1}"
            structure[0].add_chain(copy)
    while len(structure) > 1:
        del structure[-1]
    return joined


def _centre(chain: Any) -> Any:
    import gemmi

    atoms = [atom.pos for residue in chain for atom in residue]
    total = gemmi.Position(0, 0, 0)
    for atom in atoms:
        total += atom
    return total / max(len(atoms), 1)
