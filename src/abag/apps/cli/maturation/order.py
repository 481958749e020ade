"""``abag order``: what a laboratory orders and pipettes for a plate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli.output import emit
from abag.errors import OptionError


def order(
    plate: Path,
    *,
    out: Path | None = None,
    host: str = "h_sapiens",
    avoid: Annotated[list[str] | None, Parameter(negative=())] = None,
    before: str = "",
    behind: str = "",
    volume_nl: float = 500.0,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """DNA, plate map, pick lists and degenerate codons of a plate that `abag propose` chose.

    Args:
        plate: Folder of the plate, or a campaign (its last plate).
        out: Folder for the files (default: `order` inside the plate's folder).
        host: Whose codons are used: h_sapiens, m_musculus, e_coli, s_cerevisiae and others.
        avoid: Restriction enzymes, or sites in ACGT, that no chain may hold (default: BsaI,BsmBI).
        before: DNA before every chain, as it is ordered.
        behind: DNA behind every chain.
        volume_nl: Volume of a transfer in the pick lists, in nanolitres.
        json: Print one JSON object.
    """
    from abag.maturation.plate.coding import Coding
    from abag.maturation.plate.order import order_sheet, plate_folder, read_wells, write_order

    if volume_nl <= 0:
        raise OptionError(f"--volume-nl is {volume_nl:g}; give a number above 0")
    names = [one for text in avoid or [] for one in text.split(",") if one]
    coding = Coding(host, tuple(names)) if names else Coding(host)
    folder = plate_folder(plate)
    wells, parent = read_wells(folder)
    sheet = order_sheet(wells, parent, coding, before=before, behind=behind, volume_nl=volume_nl)
    written = write_order(sheet, out or folder / "order")
    shown = {
        "plate": str(folder), "host": host, "avoid": list(coding.avoid),
        "chains": sheet.dna.height, "bases": int(sheet.dna["bases"].sum()),
        "files": [str(path) for path in written],
    }  # fmt: skip
    text = (
        f"{sheet.dna.height} chains, {shown['bases']:,} bases, codons of {host}, without "
        f"{', '.join(coding.avoid)}"
    )
    emit(shown, "\n".join([text, *(f"{path.name}: {path}" for path in written)]), json)
