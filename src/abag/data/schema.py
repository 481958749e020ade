"""The canonical table of measurements: the one schema that every later stage reads.

One row is one measurement. The text of :data:`COLUMNS` is the documentation:
`docs/data-contract.md` is made from it, and a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from abag.errors import SchemaError, counted

SCHEMA_VERSION: Final = 1
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the canonical table."""

    name: str
    dtype: pl.DataType
    required: bool
    meaning: str


_TEXT = pl.String()
_REAL = pl.Float64()
_LIST = pl.List(pl.String())

COLUMNS: Final[tuple[Column, ...]] = (
    Column("record_id", _TEXT, True, "Unique name of the row: source, file and row number."),
    Column("source", _TEXT, True, "Name of the source adapter (`user` for a user's own table)."),
    Column("source_file", _TEXT, True, "File inside the source's folder."),
    Column("source_row", pl.Int64(), True, "Line number in that file; its header is line 1."),
    Column("antibody_name", _TEXT, False, "Name of the antibody as published."),
    Column("antigen_name", _TEXT, False, "Name of the antigen as published."),
    Column("heavy", _TEXT, True, "Heavy chain or VHH, variable domain, one-letter code."),
    Column("light", _TEXT, False, "Light chain, variable domain; null for VHH and heavy only."),
    Column(
        "antigen",
        _LIST,
        True,
        "Antigen chains; empty where the source gives none (flag antigen_unknown).",
    ),
    Column("quantity", _TEXT, True, "KD, KA, dG, ddG, IC50, EC50, enrichment or binary."),
    Column("raw_value", _TEXT, True, "The value as the source wrote it."),
    Column("raw_unit", _TEXT, True, "Canonical name of the unit of raw_value."),
    Column("relation", _TEXT, True, "How the true raw value stands to raw_value: = < > or ~."),
    Column("pkd", _REAL, False, "pKd; null for censored rows and for quantities that fix none."),
    Column(
        "pkd_lower",
        _REAL,
        False,
        "Lower bound of pKd; equals pkd where exact, null where unbounded below.",
    ),
    Column(
        "pkd_upper",
        _REAL,
        False,
        "Upper bound of pKd; equals pkd where exact, null where unbounded above.",
    ),
    Column(
        "rank_score",
        _REAL,
        False,
        "Order inside one assay, higher is tighter; null for censored rows.",
    ),
    Column("rank_lower", _REAL, False, "Lower bound of rank_score; null where unbounded below."),
    Column("rank_upper", _REAL, False, "Upper bound of rank_score; null where unbounded above."),
    Column("replicates", pl.Int64(), True, "Number of measurements merged into this row."),
    Column("spread", _REAL, False, "Standard deviation over merged replicates, in pKd or rank."),
    Column("assay", _TEXT, True, "Values are comparable inside one assay; absolute ones across."),
    Column("method", _TEXT, False, "SPR, BLI, ITC, ELISA, AlphaSeq, Tite-Seq and so on."),
    Column("temperature_kelvin", _REAL, False, "Temperature of the measurement, kelvin."),
    Column("structure_id", _TEXT, False, "Lower-case PDB code of the complex."),
    Column(
        "mutations",
        _TEXT,
        False,
        "Changes from the parent, `H:S33G;L:...`; empty for the parent, null if unknown.",
    ),
    Column("reference", _TEXT, False, "DOI or PubMed id of the measurement."),
    Column("licence", _TEXT, True, "Licence of the row as the source states it (SPDX where any)."),
    Column("flags", _LIST, True, "What was mended or must be known about the row."),
)

SCHEMA: Final[dict[str, pl.DataType]] = {column.name: column.dtype for column in COLUMNS}
"""Polars schema of the canonical table, in column order."""

USER: Final = "user"
"""Value of the column ``source`` for a user's own rows."""

OWN_DATA: Final = "own-data"
"""Licence of rows for which a user names none."""

SHIPPABLE_LICENCES: Final = frozenset(
    {"MIT", "BSD-3-Clause", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", OWN_DATA}
)
"""Rows under these may shape weights that the package ships (`--licence permissive`)."""


def require_columns(table: pl.DataFrame, names: list[str], what: str = "the table") -> None:
    """Raise :class:`SchemaError` when columns are missing or have another type."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        shown = ", ".join(missing[:6]) + (
            f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        )
        raise SchemaError(
            f"{what} lacks the {'column' if len(missing) == 1 else 'columns'} {shown}; make a "
            "canonical table with `abag data build` or, of your own file, `abag data import`"
        )
    wrong = [
        f"{name} is {table.schema[name]}, not {SCHEMA[name]}"
        for name in names
        if name in SCHEMA and table.schema[name] != SCHEMA[name]
    ]
    if wrong:
        raise SchemaError(f"{what} has columns of another type: {'; '.join(wrong)}")


def antigen_key() -> pl.Expr:
    """Expression: the antigen chains joined by ``/`` (empty text where there is none)."""
    return pl.col("antigen").list.join("/")


def antibody_key() -> pl.Expr:
    """Expression: heavy and light chain joined by ``/``."""
    return pl.concat_str([pl.col("heavy"), pl.col("light").fill_null("")], separator="/")


def is_exact() -> pl.Expr:
    """Expression: whether the value is a number and no bound."""
    return pl.col("relation").is_in(["=", "~"])


def require_values_in_bounds(table: pl.DataFrame, what: str = "the table") -> None:
    """Raise :class:`SchemaError`, naming rows, for a value that contradicts its own bounds."""
    for value, lower, upper in (
        ("pkd", "pkd_lower", "pkd_upper"),
        ("rank_score", "rank_lower", "rank_upper"),
    ):
        inside = (
            pl.col(value).is_finite()
            & (pl.col(lower) <= pl.col(value) + _TOLERANCE).fill_null(True)
            & (pl.col(value) <= pl.col(upper) + _TOLERANCE).fill_null(True)
        )
        ordered = (pl.col(lower) <= pl.col(upper) + _TOLERANCE).fill_null(True)
        wrong = table.filter(~(inside.fill_null(True) & ordered))["record_id"]
        if len(wrong):
            shown = ", ".join(wrong.head(3).to_list())
            raise SchemaError(
                f"{what} has a {value} outside of its own bounds in {counted(len(wrong), 'row')} "
                f"such as {shown}: it was changed or damaged. Make it again with `abag data "
                "build` or `abag data import`"
            )
