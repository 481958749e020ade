"""``abag order``: what a laboratory orders and pipettes for a plate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
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
    overwrite: Annotated[bool, Parameter(negative=())] = False,
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
        overwrite: Replace an earlier order in the same folder.
        json: Print one JSON object.
    """
    from abag.files import undisturbed
    from abag.maturation.plate import order as orders
    from abag.maturation.plate.coding import Coding
    from abag.maturation.plate.table import ORDER, read_wells

    if volume_nl <= 0:
        raise OptionError(f"--volume-nl is {volume_nl:g}; give a number above 0")
    names = [name for text in avoid or [] for name in text.split(",") if name]
    coding = Coding(host, tuple(names)) if names else Coding(host)
    folder = orders.plate_folder(plate)
    out = out or folder / ORDER
    orders.require_free_order(out, overwrite)
    with undisturbed(folder):  # an order must not end up beside another plate
        wells, parent = read_wells(folder)
        sheet = orders.order_sheet(
            wells, parent, coding, before=before, behind=behind, volume_nl=volume_nl
        )
        written = orders.write_order(sheet, out, overwrite=overwrite)
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
