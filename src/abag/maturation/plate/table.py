"""Proposals as a laboratory takes them: wells, CSV, FASTA, JSON and a page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.antibody import Antibody
from abag.antibody.mutations import parse_mutations
from abag.antibody.numbering.schemes import SCHEMES
from abag.errors import FileFormatError
from abag.files import (
    new_result,
    read_json,
    require_file,
    require_own,
    restored,
    sha256_of,
    write_csv,
    write_json,
    write_text,
)
from abag.maturation.antibody.mutants import named_in
from abag.maturation.plate.page import plate_page
from abag.maturation.plate.wells import Layout
from abag.maturation.propose.proposals import Proposal, Proposals

CSV_NAME: Final = "proposed.csv"
FASTA_NAME: Final = "proposed.fasta"
JSON_NAME: Final = "proposed.json"
PAGE_NAME: Final = "plate.html"
ORDER: Final = "order"
"""Folder that `abag order` writes into a plate's; it is of that plate and goes with it."""
FILES: Final = (CSV_NAME, FASTA_NAME, JSON_NAME, PAGE_NAME, ORDER)
_RESULT: Final = "a plate"
_WELLS: Final = "wells_sha256"
"""Key of the JSON: the SHA-256 of the CSV, which is read back where the plate is ordered."""
_DIGITS: Final = 4


def plate_table(
    proposals: Proposals, prefix: str = "P", layout: Layout | None = None
) -> pl.DataFrame:
    """One row a well: chosen variants in the order of choice, again for each replicate, controls.

    Args:
        proposals: What was chosen.
        prefix: First letters of the names; with plate and well they are unique (``P1-A1``).
        layout: Controls and replicates.
    """
    antibody = Antibody.of(*proposals.parent)
    variants = [_variant_row(proposal, antibody) for proposal in proposals.chosen]
    heavy, light = proposals.parent
    parent = {
        "kind": "control", "mutations": "", **dict.fromkeys(SCHEMES, ""), "mutation_count": 0,
        "heavy": heavy, "light": light, "predicted": _rounded(proposals.parent_predicted),
        "origin": "control", "reason": "The parent, so that plates can be compared.",
        "liabilities": "",
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    used: set[int] = set()
    for well, number in (layout or Layout()).wells(len(variants)):
        row = dict(parent if number < 0 else variants[number])
        if number in used and number >= 0:
            row["kind"] = "replicate"
        used.add(number)
        name = f"{prefix}{well.plate}-{well.name}"
        rows.append({"plate": well.plate, "well": well.name, "name": name, **row})
    return pl.DataFrame(rows, schema=_SCHEMA)


def _variant_row(proposal: Proposal, antibody: Antibody) -> dict[str, Any]:
    """The fields of a proposal under the names of the table; polars leaves the others out."""
    changes = parse_mutations(proposal.mutations, *antibody.sequences)
    fields = {name: _rounded(value) for name, value in asdict(proposal).items()}
    return {
        **fields, **{scheme: named_in(changes, antibody, scheme) for scheme in SCHEMES},
        "kind": "variant", "liabilities": "; ".join(proposal.liabilities),
        "other_antigens": proposal.others, "pareto_front": proposal.front,
    }  # fmt: skip


_SCHEMA: Final = {
    "plate": pl.Int64(), "well": pl.String(), "name": pl.String(), "kind": pl.String(),
    "mutations": pl.String(), **dict.fromkeys(("kabat", "imgt", *SCHEMES), pl.String()),
    "mutation_count": pl.Int64(), "heavy": pl.String(), "light": pl.String(),
    "predicted": pl.Float64(), "lower_90": pl.Float64(), "upper_90": pl.Float64(),
    "chance_to_improve": pl.Float64(), "acquisition": pl.Float64(), "origin": pl.String(),
    "reason": pl.String(), "liabilities": pl.String(), "naturalness": pl.Float64(),
    "humanness": pl.Float64(), "germline_distance": pl.Int64(),
    "other_antigens": pl.String(), "at_limit": pl.Boolean(), "pareto_front": pl.Int64(),
}  # fmt: skip


def fasta_of(table: pl.DataFrame) -> str:
    """Heavy and light chains of a plate, two records a variant."""
    lines = []
    for name, mutations, heavy, light in table.select(
        "name", "mutations", "heavy", "light"
    ).iter_rows():
        variant = mutations or "parent"
        lines += [f">{name}_H {variant}", heavy]
        lines += [f">{name}_L {variant}", light] if light else []
    return "\n".join(lines) + "\n"


def write_plate(
    proposals: Proposals,
    folder: Path,
    prefix: str = "P",
    layout: Layout | None = None,
    *,
    overwrite: bool = False,
) -> pl.DataFrame:
    """Write CSV, FASTA, JSON and the page as a new folder, in one step; returns the wells.

    Raises:
        OptionError: the folder holds other files, or a plate and ``overwrite`` is false.
    """
    table = plate_table(proposals, prefix, layout)
    with new_result(folder, FILES, _RESULT, overwrite=overwrite) as scratch:
        write_text(scratch / FASTA_NAME, fasta_of(table))
        write_text(scratch / PAGE_NAME, plate_page(proposals, table))
        write_csv(scratch / CSV_NAME, table)
        digest = sha256_of(scratch / CSV_NAME)
        write_json(scratch / JSON_NAME, {**proposals.as_json(), _WELLS: digest}, seal=True)
    return table


def read_wells(folder: Path) -> tuple[pl.DataFrame, Antibody]:
    """Wells of a plate and its parent, as :func:`write_plate` wrote them.

    Raises:
        FileFormatError: a file was changed or damaged, or is of another plate.
    """
    require_file(folder / CSV_NAME)
    content = read_json(folder / JSON_NAME)
    if content.get(_WELLS) != sha256_of(folder / CSV_NAME):
        raise FileFormatError(
            f"{folder / CSV_NAME} is not what was proposed (its digest differs); restore it from a "
            "copy, exchange wells with `abag propose --exclude`, or propose the plate again with "
            "--overwrite"
        )
    wells = pl.read_csv(folder / CSV_NAME, schema_overrides=_SCHEMA)
    texts = [name for name, kind in _SCHEMA.items() if kind == pl.String]
    wells = wells.with_columns(pl.col(texts).map_elements(restored, pl.String))
    wells = wells.with_columns(pl.col("mutations", "light").fill_null(""))
    return wells, Antibody.of(content["parent"]["heavy"], content["parent"]["light"])


def require_free_plate(folder: Path, overwrite: bool = False) -> None:
    """Raise OptionError unless a plate can be written to ``folder``."""
    require_own(folder, FILES, _RESULT, overwrite=overwrite)


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value
