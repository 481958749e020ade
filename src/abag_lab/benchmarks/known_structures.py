"""The measured assays whose complex is among the published structures."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from abag.files import scratch_folder, write_text
from abag.model.inverse_folding.complexes import ComplexLogOdds

if TYPE_CHECKING:
    from abag_lab.mutation_effect.assay import VariantAssay

OF_ASSAYS: Final = {
    "abbibench/1mhp": "1MHP", "abbibench/1mlc": "1MLC", "abbibench/2fjg": "2FJG",
    "alphabind/trastuzumab-full": "1N8Z", "alphabind/trastuzumab-cdr": "1N8Z",
    "phillips_cr9114_cr6261/CR9114-H3": "4FQI", "rosace2023/Adalimumab": "3WD5",
}  # fmt: skip
"""Assay -> structure; the assays of AB-Bind bear the structure's name."""
_AB_BIND: Final = "attabseq:ab_bind:"


@dataclass(frozen=True, slots=True)
class KnownStructures:
    """The folder ``structures`` of the published sources: ``ab_bind`` and ``piercelab``."""

    folder: Path

    def content(self, assay: str) -> str | None:
        """The PDB text of an assay's complex; None where it is not there.

        The docking benchmark gives receptor and ligand as two files; they are put together.
        """
        code = OF_ASSAYS.get(assay)
        if code is None and assay.startswith(_AB_BIND):
            code = assay.removeprefix(_AB_BIND).upper()
        if code is None:
            return None
        complex_path = self.folder / "ab_bind" / f"{code}.pdb.gz"
        partner_paths = [
            self.folder / "piercelab" / f"{code}_{partner}_b.pdb.gz" for partner in "rl"
        ]
        if complex_path.exists():
            return gzip.decompress(complex_path.read_bytes()).decode()
        if not all(path.exists() for path in partner_paths):
            return None
        lines = [
            line
            for path in partner_paths
            for line in gzip.decompress(path.read_bytes()).decode().splitlines()
            if line.startswith(("ATOM", "TER", "HETATM"))
        ]
        return "\n".join([*lines, "END", ""])

    def write(self, assay: str, path: Path) -> Path | None:
        """Write the PDB file of an assay's complex; None where it is not there."""
        content = self.content(assay)
        if content is None:
            return None
        write_text(path, content)
        return path

    def complex(self, assay: VariantAssay) -> ComplexLogOdds | None:
        """The structure of an assay's complex and its log-odds; None without a structure.

        Raises SequenceError where the structure is of another antibody.
        """
        parent = (assay.parent_heavy, assay.parent_light or None)
        with scratch_folder() as folder:
            path = self.write(assay.name, folder / "complex.pdb")
            if path is None:
                return None
            return ComplexLogOdds.read(path, parent)
