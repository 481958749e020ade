"""From a user's own table to raw rows, or to pairs for which a prediction is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from abag.data.formats.mapping import ColumnMapping
from abag.data.formats.selection import Chosen, choose_columns, quantity_name
from abag.data.formats.tables import ROW, read_table
from abag.data.raw import RAW_SCHEMA, RawTable, raw_table

USER: Final = "user"
"""Value of the column ``source`` for a user's own rows."""

OWN_DATA: Final = "own-data"
"""Licence of rows for which a user names none."""

PAIRS_SCHEMA: Final[dict[str, pl.DataType]] = {
    name: RAW_SCHEMA[name]
    for name in (
        ROW, "antibody_name", "antigen_name", "heavy", "light", "scfv", "antigen", "structure_id",
        "flags",
    )
}  # fmt: skip
"""Columns of a table of pairs to predict: as in a raw table, without measurements."""

ZERO_CELSIUS_KELVIN: Final = 273.15
CHAIN_JOINERS: Final = r"\s*[|/:]\s*"
"""What may stand between the chains of one antigen."""

_MISSING_TEXTS: Final = (
    "", "-", "?", "na", "n/a", "n.a.", "nd", "n.d.", "nan", "none", "null", "unknown",
)  # fmt: skip


def raw_table_from_user(path: Path, mapping: ColumnMapping | None = None) -> RawTable:
    """Read a user's measurements (CSV, TSV or Parquet) as raw rows.

    Every row of the file comes out, bad ones too. A number of a temperature or molar mass that
    cannot be read becomes null with the flag ``temperature_unreadable`` or
    ``molar_mass_unreadable``.

    Raises:
        MissingFileError, FileFormatError, TableError: See :func:`read_table`; TableError also for
            columns that are missing or unclear and for a unit or quantity that nobody names.
    """
    return raw_table_of(path, read_table(path), mapping or ColumnMapping())


def raw_table_of(path: Path, table: pl.DataFrame, mapping: ColumnMapping) -> RawTable:
    """Raw rows of a table that :func:`read_table` has read from ``path``."""
    chosen = choose_columns(path, table, mapping)
    columns = measurement_columns(path, table, chosen, mapping)
    return raw_table(path.name, table, **columns, **pair_columns(chosen, mapping))


def measurement_columns(
    path: Path, table: pl.DataFrame, chosen: Chosen, mapping: ColumnMapping
) -> dict[str, pl.Expr | str | None]:
    """Expressions over ``table`` for the raw columns of the measurement, without the chains."""
    constants = mapping.constants
    temperature, cold = _number(chosen.one("temperature_kelvin"), constants.temperature_kelvin)
    if "temperature_celsius" in chosen.columns or constants.temperature_celsius is not None:
        celsius, cold = _number(chosen.one("temperature_celsius"), constants.temperature_celsius)
        temperature = celsius + ZERO_CELSIUS_KELVIN
    mass, massless = _number(chosen.one("molar_mass_g_per_mol"), constants.molar_mass_g_per_mol)
    return {
        "quantity": _quantity(table, chosen),
        "value": pl.col(chosen.columns["value"][0]),
        "unit": chosen.unit or _text(chosen, "unit", None),
        "relation": _text(chosen, "relation", None),
        "assay": _text(chosen, "assay", constants.assay or stem(path)),
        "method": _text(chosen, "method", constants.method),
        "temperature_kelvin": temperature,
        "molar_mass_g_per_mol": mass,
        "structure_id": _text(chosen, "structure_id", constants.structure_id).str.to_lowercase(),
        "mutations": _text(chosen, "mutations", None),
        "reference": _text(chosen, "reference", constants.reference),
        "licence": _text(chosen, "licence", None).fill_null(constants.licence or OWN_DATA),
        "flags": _flags(temperature_unreadable=cold, molar_mass_unreadable=massless),
    }


def pairs_table(path: Path, mapping: ColumnMapping | None = None) -> pl.DataFrame:
    """Read a user's pairs to predict: :data:`PAIRS_SCHEMA`, one row a row of the file.

    Raises the same errors as :func:`raw_table_from_user`, except those about values.
    """
    mapping = mapping or ColumnMapping()
    table = read_table(path)
    chosen = choose_columns(path, table, mapping, with_values=False)
    columns = {
        ROW: pl.col(ROW),
        **pair_columns(chosen, mapping),
        "structure_id": _text(chosen, "structure_id", mapping.constants.structure_id),
        "flags": pl.lit([], dtype=pl.List(pl.String)),
    }
    return table.select(columns[name].alias(name).cast(t) for name, t in PAIRS_SCHEMA.items())


def stem(path: Path) -> str:
    """The file's name without ``.csv``, ``.csv.gz`` and the like."""
    name = path.name.removesuffix(".gz")
    return Path(name).stem or name


def split_chains(column: pl.Expr) -> pl.Expr:
    """Expression: a text of chains joined by ``|``, ``/`` or ``:`` as a list; null is no chain."""
    parts = column.str.replace_all(CHAIN_JOINERS, "|").str.split("|")
    kept = parts.list.eval(
        pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != "")
    )
    return kept.fill_null(pl.lit([], dtype=pl.List(pl.String)))


def pair_columns(chosen: Chosen, mapping: ColumnMapping) -> dict[str, pl.Expr]:
    """Expressions over the user's table for names and chains."""
    antigen = chosen.columns.get("antigen", ())
    constant = pl.lit("|".join(mapping.constants.antigen), dtype=pl.String)
    texts = [pl.col(name) for name in antigen] or [constant]
    return {
        "antibody_name": _text(chosen, "antibody_name", None),
        "antigen_name": _text(chosen, "antigen_name", mapping.constants.antigen_name),
        "heavy": _text(chosen, "heavy", None),
        "light": _text(chosen, "light", None),
        "scfv": _text(chosen, "scfv", None),
        "antigen": pl.concat_list([split_chains(text) for text in texts]),
    }


def _text(chosen: Chosen, field: str, constant: str | None) -> pl.Expr:
    name = chosen.one(field)
    return pl.lit(constant, dtype=pl.String) if name is None else pl.col(name)


def _quantity(table: pl.DataFrame, chosen: Chosen) -> pl.Expr:
    name = chosen.one("quantity")
    if chosen.quantity is not None or name is None:
        return pl.lit(chosen.quantity, dtype=pl.String)
    cells = table[name].drop_nulls().unique(maintain_order=True).to_list()
    # A quantity that is not known keeps its text, so that the canonical step can quote it.
    return pl.col(name).replace({cell: quantity_name(cell) or cell for cell in cells})


def _number(name: str | None, constant: float | None) -> tuple[pl.Expr, pl.Expr]:
    """A column of numbers, and whether a cell holds a text that is none."""
    if name is None:
        return pl.lit(constant, dtype=pl.Float64), pl.lit(False)
    text = pl.col(name).str.strip_chars()
    text = pl.when(text.str.to_lowercase().is_in(_MISSING_TEXTS)).then(None).otherwise(text)
    number = text.cast(pl.Float64, strict=False)
    return number, text.is_not_null() & number.is_null()


def _flags(**raised: pl.Expr) -> pl.Expr:
    texts = [pl.when(condition).then(pl.lit(flag)) for flag, condition in raised.items()]
    return pl.concat_list(texts).list.drop_nulls()
