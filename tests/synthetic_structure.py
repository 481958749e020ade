"""Made-up complexes: backbones on ideal helices, written as PDB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEAVY = (
    "QVQLVQSGAEVKKPGASVKVSCKASGYTFTSYAMHWVRQAPGQRLEWMGWINAGNGNTKYSQKFQGRVTITRDTSASTAYMELSSLRS"
    "EDTAVYYCARGGYYGSGSYDYWGQGTLVTVSS"
)
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"


def helix(residues: int, shift: tuple[float, float, float]) -> np.ndarray:
    """N, C-alpha, C and O of a helix: radius, angle and rise of each atom; (residues, 4, 3)."""
    atoms = ((1.55, 0, 0.0), (2.28, 28, 0.9), (1.7, 54, 2.0), (2.0, 50, 3.2))
    rows = [
        [radius * np.cos(turn), radius * np.sin(turn), 1.5 * i + rise]
        for i in range(residues)
        for radius, angle, rise in atoms
        for turn in [np.deg2rad(100 * i + angle)]
    ]
    return np.array(rows).reshape(residues, 4, 3) + shift


def write_complex(path: Path, apart: float = 7.0) -> Path:
    """A heavy chain H and a peptide A beside its end, ``apart`` ångström from axis to axis."""
    from Bio.SeqUtils import seq3

    chains = {
        "H": (HEAVY, helix(len(HEAVY), (0, 0, 0))),
        "A": (ANTIGEN, helix(len(ANTIGEN), (apart, 0, 120))),
    }
    lines, number = [], 0
    for name, (sequence, backbone) in chains.items():
        for place, (letter, atoms) in enumerate(zip(sequence, backbone, strict=True), start=1):
            for atom, (x, y, z) in zip(("N", "CA", "C", "O"), atoms, strict=True):
                number += 1
                lines.append(
                    f"ATOM  {number:5d}  {atom:<3} {seq3(letter).upper()} {name}{place:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {atom[0]}"
                )
        lines.append("TER")
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return path
