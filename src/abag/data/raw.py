"""Raw rows of a file, before anything is converted or cleaned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from abag.errors import FileFormatError

RAW_SCHEMA: Final[dict[str, pl.DataType]] = {
    "source_row": pl.Int64(),
    "antibody_name": pl.String(),
    "antigen_name": pl.String(),
    "heavy": pl.String(),
    "light": pl.String(),
    "scfv": pl.String(),
    "antigen": pl.List(pl.String()),
    "quantity": pl.String(),
    "value": pl.String(),
    "unit": pl.String(),
    "relation": pl.String(),
    "assay": pl.String(),
    "method": pl.String(),
    "temperature_kelvin": pl.Float64(),
    "molar_mass_g_per_mol": pl.Float64(),
    "highest_molar": pl.Float64(),
    "structure_id": pl.String(),
    "mutations": pl.String(),
    "reference": pl.String(),
    "licence": pl.String(),
    "flags": pl.List(pl.String()),
    "problem": pl.String(),
}
"""Columns of a raw table.

``scfv`` holds a chain with both variable domains (scFv, or VH and VL written as one text) to be
parted by numbering; rows fill either it or ``heavy``. ``value`` is the text of the file; a
relation may stand in it (``>10``) or in ``relation``. ``quantity`` and ``unit`` are texts of
:mod:`abag.units`. ``heavy`` and ``light`` may be swapped in the source: the canonical step puts
them right. ``highest_molar`` is the highest concentration tested, in mol/L: the bound of a value
that says "no binding". ``problem`` is a fault that only the adapter can know, such as
chains that do not carry the stated mutation: a row with one is quarantined under that reason.
"""


@dataclass(frozen=True, slots=True)
class RawTable:
    """The rows of one file: ``frame`` in :data:`RAW_SCHEMA`, ``original`` as the file has them."""

    file: str
    frame: pl.DataFrame
    original: pl.DataFrame
    notes: tuple[str, ...] = ()
    """Notes on lines left out around the rows, and on columns not chosen by their name alone."""
    parent: tuple[str, str | None] | None = None
    """Heavy and light chain of the antibody that the rows are variants of, if there is one."""

    def __post_init__(self) -> None:
        if self.frame.height != self.original.height:
            raise ValueError(f"{self.file}: {self.frame.height} rows of {self.original.height}")


def raw_table(file: str, original: pl.DataFrame, **columns: pl.Expr | str | None) -> RawTable:
    """Build a raw table: each keyword is a raw column, an expression over ``original`` or a text.

    ``original`` must hold ``source_row``. Columns that are not named are null, or empty lists.
    """
    unknown = set(columns) - set(RAW_SCHEMA)
    if unknown:
        raise ValueError(f"not raw columns: {sorted(unknown)}")
    no_items = pl.lit([], dtype=pl.List(pl.String))
    chosen = {"source_row": pl.col("source_row"), "antigen": no_items, "flags": no_items, **columns}
    expressions = []
    for name, dtype in RAW_SCHEMA.items():
        value = chosen.get(name)
        expression = value if isinstance(value, pl.Expr) else pl.lit(value, dtype=pl.String)
        expressions.append(expression.alias(name).cast(dtype))
    try:
        frame = original.select(expressions)
    except pl.exceptions.ColumnNotFoundError as error:
        name = str(error).splitlines()[0]
        raise FileFormatError(
            f"{file} lacks a column that this source has: {name}; "
            f"it has {', '.join(original.columns[1:11])}. Get the file that the source names"
        ) from None
    return RawTable(file, frame, original)
