"""The files by which a laboratory orders and pipettes a plate: DNA, maps, pick lists, a library.

order.csv, order.fasta   one row or record a chain: DNA with the codons of a host
library.csv              a degenerate codon for every place that the plate changes
plate_map.csv            one row a well; plate.xlsx holds the same, and each plate as it lies
echo.csv, opentrons.csv, hamilton.csv   from the plate of DNA to the plate of the assay
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.antibody import Antibody
from abag.antibody.mutations import Mutation, parse_mutations
from abag.data.formats.sheets.excel import write_workbook
from abag.errors import CampaignError, OptionError
from abag.files import (
    new_result,
    recover_within,
    replacing,
    require_folder,
    require_own,
    write_csv,
    write_text,
)
from abag.maturation.antibody.mutants import named_in
from abag.maturation.plate.coding import Coding, degenerate_codon
from abag.maturation.plate.table import CSV_NAME
from abag.maturation.plate.wells import COLUMNS, ROWS, Well

HANDLERS: Final = ("echo", "opentrons", "hamilton")
FILES: Final = (
    "order.csv", "library.csv", "plate_map.csv", *(f"{name}.csv" for name in HANDLERS),
    "order.fasta", "plate.xlsx",
)  # fmt: skip
_RESULT: Final = "an order"
_ROLES: Final = {"heavy": "H", "light": "L"}


@dataclass(frozen=True, slots=True)
class OrderSheet:
    """The tables of an order."""

    dna: pl.DataFrame
    wells: pl.DataFrame
    library: pl.DataFrame
    picks: Mapping[str, pl.DataFrame]
    """Pick list by handler."""


def plate_folder(path: Path) -> Path:
    """The folder of a plate: itself, or the last plate of a campaign."""
    require_folder(path)
    recover_within(path)
    if (path / CSV_NAME).is_file():
        return path
    rounds = sorted(folder for folder in path.glob("round-*") if (folder / CSV_NAME).is_file())
    if not rounds:
        raise CampaignError(f"{path} holds no plate; name the folder that `abag propose` wrote")
    return rounds[-1]


def order_sheet(
    wells: pl.DataFrame,
    parent: Antibody,
    coding: Coding,
    *,
    before: str = "",
    behind: str = "",
    volume_nl: float = 500.0,
) -> OrderSheet:
    """DNA, library and pick lists of a plate.

    Args:
        wells: From :func:`abag.maturation.plate.table.read_wells`.
        parent: The antibody that mutations change.
        coding: Host and sites.
        before: DNA before every chain (overhang, start codon), as it is ordered.
        behind: DNA behind every chain.
        volume_nl: Volume of a transfer, nanolitres.

    Raises:
        OptionError: ``before`` or ``behind`` hold other letters than A, C, G and T.
        SequenceError: chains that cannot be coded.
    """
    for option, text in (("--before", before), ("--behind", behind)):
        if set(text.upper()) - set("ACGT"):
            raise OptionError(f"{option} holds other letters than A, C, G and T")
    first = wells.unique(["heavy", "light"], maintain_order=True)
    sources = {
        (row["heavy"], row["light"]): Well.of(number)
        for number, row in enumerate(first.iter_rows(named=True))
    }
    dna = _dna_table(first, parent, coding, before.upper(), behind.upper(), sources)
    return OrderSheet(
        dna, wells, _library_table(first, parent),
        {name: _pick_list(name, wells, sources, volume_nl) for name in HANDLERS},
    )  # fmt: skip


def require_free_order(out: Path, overwrite: bool = False) -> None:
    """Raise OptionError unless an order can be written to ``out``."""
    require_own(out, FILES, _RESULT, overwrite=overwrite)


def write_order(sheet: OrderSheet, out: Path, *, overwrite: bool = False) -> list[Path]:
    """Write every file of an order as a new folder, in one step; returns their paths.

    Raises:
        OptionError: the folder holds other files, or an order and ``overwrite`` is false.
    """
    tables = (sheet.dna, sheet.library, sheet.wells, *(sheet.picks[name] for name in HANDLERS))
    records = (f">{name}\n{dna}\n" for name, dna in sheet.dna.select("name", "dna").iter_rows())
    with new_result(out, FILES, _RESULT, overwrite=overwrite) as scratch:
        for name, table in zip(FILES, tables, strict=False):
            write_csv(scratch / name, table)
        write_text(scratch / "order.fasta", "".join(records))
        with replacing(scratch / "plate.xlsx") as temporary:
            write_workbook(temporary, _workbook_sheets(sheet))
    return [out / name for name in FILES]


def _dna_table(
    first: pl.DataFrame,
    parent: Antibody,
    coding: Coding,
    before: str,
    behind: str,
    sources: Mapping[tuple[str, str], Well],
) -> pl.DataFrame:
    """One row a distinct chain of a distinct variant."""
    like = {letter: (chain.sequence, coding.encode(chain.sequence))
            for letter, chain in parent.chains.items()}  # fmt: skip
    rows = []
    for row in first.iter_rows(named=True):
        source = sources[row["heavy"], row["light"]]
        for role, letter in _ROLES.items():
            if not row[role]:
                continue
            coded = coding.encode(row[role], like.get(letter))
            names = [m for m in row["mutations"].split(";") if m.startswith(f"{letter}:")]
            changes = parse_mutations(";".join(names), *parent.sequences)
            rows.append(
                {
                    "name": f"{row['name']}_{letter}", "source_plate": source.plate,
                    "source_well": source.name, "chain": role, "mutations": ";".join(names),
                    "kabat": named_in(changes, parent, "kabat"),
                    "imgt": named_in(changes, parent, "imgt"), "protein": row[role],
                    "dna": before + coded + behind, "bases": len(before + coded + behind),
                }
            )  # fmt: skip
    return pl.DataFrame(rows)


def _library_table(first: pl.DataFrame, parent: Antibody) -> pl.DataFrame:
    """A degenerate codon for every place, with the parent's residue among those it codes."""
    wanted: dict[Mutation, set[str]] = {}
    for text in first["mutations"]:
        for mutation in parse_mutations(text, *parent.sequences):
            if len(mutation.mutant) == 1 and mutation.mutant != "-":
                site = Mutation(
                    mutation.chain,
                    mutation.place,
                    mutation.wild_type,
                    mutation.wild_type,
                    mutation.imgt,
                )
                wanted.setdefault(site, {mutation.wild_type}).add(mutation.mutant)
    rows = []
    for site, residues in sorted(wanted.items()):
        shown = Mutation(site.chain, site.place, site.wild_type, "X", site.imgt)
        rows.append(
            {"chain": site.chain, "place": site.place, "parent": site.wild_type,
             "kabat": named_in([shown], parent, "kabat"), "imgt": named_in([shown], parent, "imgt"),
             "wanted": "".join(sorted(residues)), **asdict(degenerate_codon(residues))}
        )  # fmt: skip
    schema = ("chain", "place", "parent", "kabat", "imgt", "wanted", "codon", "codes", "extra",
              "stop", "codons")  # fmt: skip
    return pl.DataFrame(rows) if rows else pl.DataFrame(schema=dict.fromkeys(schema, pl.String()))


def _pick_list(
    handler: str,
    wells: pl.DataFrame,
    sources: Mapping[tuple[str, str], Well],
    volume_nl: float,
) -> pl.DataFrame:
    """From the well of each variant's DNA to all its wells in the assay."""
    rows: list[dict[str, Any]] = []
    for plate, well, heavy, light in wells.select("plate", "well", "heavy", "light").iter_rows():
        source = sources[heavy, light]
        names = f"source-{source.plate}", f"assay-{plate}"
        if handler == "echo":
            rows.append({"Source Plate Name": names[0], "Source Well": source.name,
                         "Destination Plate Name": names[1], "Destination Well": well,
                         "Transfer Volume": volume_nl})  # fmt: skip
        elif handler == "opentrons":
            rows.append({"Source Labware": names[0], "Source Slot": source.plate,
                         "Source Well": source.name,
                         "Source Aspiration Height Above Bottom (in mm)": 1,
                         "Dest Labware": names[1], "Dest Slot": 3 + plate, "Dest Well": well,
                         "Volume (in ul)": volume_nl / 1_000})  # fmt: skip
        else:
            rows.append({"SourceLabware": names[0], "SourcePosition": source.name,
                         "TargetLabware": names[1], "TargetPosition": well,
                         "Volume": volume_nl / 1_000})  # fmt: skip
    return pl.DataFrame(rows)


def _workbook_sheets(sheet: OrderSheet) -> dict[str, pl.DataFrame]:
    """Each plate as it lies, then the wells, the DNA and the library."""
    sheets: dict[str, pl.DataFrame] = {}
    for (plate,), part in sheet.wells.partition_by("plate", as_dict=True).items():
        wells = part.select("well", "mutations", "kind").iter_rows()
        cells = {w: "parent" if kind == "control" else m.replace(";", "\n") for w, m, kind in wells}
        columns = {str(c): [cells.get(f"{r}{c}", "") for r in ROWS] for c in range(1, COLUMNS + 1)}
        sheets[f"Plate {plate}"] = pl.DataFrame({"row": list(ROWS), **columns})
    return {**sheets, "Wells": sheet.wells, "DNA": sheet.dna, "Library": sheet.library}
