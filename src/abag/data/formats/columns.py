"""Reads a user's own table as raw rows of measurements, or as pairs to predict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.notation import SEQUENTIAL
from abag.data.formats.headers import names_mutations
from abag.data.formats.layouts import recognise
from abag.data.formats.mapping import ColumnMapping, Constants
from abag.data.formats.mutants.checked_variants import check_variants, complete_or_name
from abag.data.formats.mutants.parents import ParentChains
from abag.data.formats.mutants.variants import (
    VariantColumns,
    complete_variants,
)
from abag.data.formats.numbers.cell_texts import (
    Notes,
    kelvins,
    molars,
    numbers,
    points_among_thousands,
    texts,
    with_point,
)
from abag.data.formats.numbers.identifiers import own_name, reference, structure_id
from abag.data.formats.numbers.redundant import (
    COLUMNS_DIFFER,
    FROM_RATES,
    RATES_DIFFER,
    compare,
    kd_texts,
    minus_log10,
    pkds,
)
from abag.data.formats.numbers.value_headers import read_value_header, split_unit
from abag.data.formats.selection import ChosenColumns, choose_columns, quantity_name
from abag.data.formats.strays import refuse_strays
from abag.data.formats.tables import ROW, read_noted
from abag.data.mutation_column import SingleMistakesError
from abag.data.raw import RAW_SCHEMA, RawTable, raw_table
from abag.data.tables import OWN_DATA
from abag.units.naming import DITTO_MARKS, MARKS, MISSING_MARKERS, is_missing
from abag.units.written import ZERO_CELSIUS_KELVIN

UNCHECKED: Final = "mutations_unchecked"
"""Flag of rows whose mutations could not be checked against a parent, and were left out."""

PAIRS_SCHEMA: Final[dict[str, pl.DataType]] = {
    name: RAW_SCHEMA[name]
    for name in (
        ROW, "antibody_name", "antigen_name", "heavy", "light", "scfv", "antigen", "structure_id",
        "flags",
    )
}  # fmt: skip
"""Columns of a table of pairs to predict: as in a raw table, without measurements."""

CHAIN_JOINERS: Final = r"\s*[|/:;,]\s*"
"""Separators of the chains of one antigen."""


def raw_table_from_user(
    path: Path, mapping: ColumnMapping | None = None, numbering: str = SEQUENTIAL
) -> RawTable:
    """Read a user's measurements (CSV, TSV or Parquet) as raw rows.

    A column of mutations is checked against the chains: rows without chains get them from their
    parent, rows whose chains disagree get a problem, and where no single parent is found the
    column becomes null with the flag ``mutations_unchecked``.

    Every row of the file comes out, bad ones too. A temperature or molar mass that cannot be read
    becomes null with the flag ``temperature_unreadable`` or
    ``molar_mass_unreadable``.

    Raises:
        MissingFileError, FileFormatError, TableError: See :func:`read_table`; TableError also for
            columns that are missing or unclear and for a unit or quantity that is not named.
    """
    mapping = mapping or ColumnMapping()
    table, notes = read_noted(path, **mapping.constants.reading)
    variants = _variant_columns(path, table, mapping)
    if variants is None:
        raw = raw_table_of(path, table, mapping)
        return replace(raw, notes=(*notes, *raw.notes))
    checked = check_variants(path, table, variants, numbering)
    raw = raw_table_of(path, checked.table, mapping)
    frame = raw.frame
    lines = list(checked.faults)
    faults = pl.col(ROW).replace_strict(lines, list(checked.faults.values()), default=None)
    if lines:
        frame = frame.with_columns(problem=pl.coalesce("problem", faults.cast(pl.String)))
    if checked.unchecked:
        frame = frame.with_columns(
            mutations=pl.lit(None, dtype=pl.String),
            flags=pl.concat_list("flags", pl.lit(UNCHECKED)),
        )
    parent = checked.parent and (checked.parent.heavy, checked.parent.light)
    return replace(
        raw, frame=frame, notes=(*notes, *checked.notes, *raw.notes), parent=parent or None
    )


def _variant_columns(
    path: Path, table: pl.DataFrame, mapping: ColumnMapping
) -> VariantColumns | None:
    """The columns of a table of variants; None where it names no mutations or holds scFvs."""
    if not (mapping.mutations or any(map(names_mutations, table.columns))):
        return None
    chosen = choose_columns(path, table, mapping, with_values=False, with_chains=False)
    if chosen.column("mutations") is None or chosen.column("scfv") is not None:
        return None
    return VariantColumns.of(chosen)


def raw_table_of(path: Path, table: pl.DataFrame, mapping: ColumnMapping) -> RawTable:
    """Raw rows of a table that :func:`read_table` has read from ``path``."""
    table, mapping, layout_notes = recognise(table, mapping)
    chosen = choose_columns(path, table, mapping)
    columns = measurement_columns(path, table, chosen, mapping)
    raw = raw_table(path.name, table, **columns, **pair_columns(chosen, mapping))
    column_notes = tuple(
        f"column {name!r} {reason}" for name, reason in (chosen.reasons or {}).items()
    )
    return replace(raw, notes=(*layout_notes, *column_notes))


def measurement_columns(
    path: Path, table: pl.DataFrame, chosen: ChosenColumns, mapping: ColumnMapping
) -> dict[str, pl.Expr | str | None]:
    """Expressions over ``table`` for the raw columns of the measurement, without the chains."""
    constants, notes = mapping.constants, Notes(table.height)
    cells = _Cells(table, chosen, constants, notes)
    values = cells.values()
    columns = {
        "structure_id": cells.identifier("structure_id", constants.structure_id, structure_id),
        "reference": cells.identifier("reference", constants.reference, reference),
        "temperature_kelvin": cells.temperature(),
        "molar_mass_g_per_mol": cells.molar_mass(),
        "highest_molar": cells.highest_molar(),
    }
    for field in ("antibody_name", "antigen_name"):
        cells.identifier(field, None, own_name)
    cells.check_second_writings(values)
    refuse_strays(table, {n: field for field, ns in chosen.columns.items() for n in ns}, notes)
    return {
        **columns,
        "quantity": _quantity(table, chosen),
        "value": pl.lit(values),
        "unit": chosen.unit or _text(chosen, "unit", None),
        "relation": _text(chosen, "relation", None),
        "assay": _text(chosen, "assay", constants.assay or stem(path)),
        "method": _text(chosen, "method", constants.method),
        "mutations": _text(chosen, "mutations", None),
        "licence": _text(chosen, "licence", None).fill_null(constants.licence or OWN_DATA),
        "flags": notes.flags,
        "problem": notes.problem,
    }


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a user's table by raw column; doubts and faults of a row go to its notes."""

    table: pl.DataFrame
    chosen: ChosenColumns
    constants: Constants
    notes: Notes

    def column(self, field: str) -> pl.Series | None:
        name = self.chosen.column(field)
        return None if name is None else self.table[name]

    def with_point(self, column: pl.Series) -> pl.Series:
        return with_point(column, self.constants.decimal, self.notes)

    def values(self) -> pl.Series:
        """The cells of the values; KD of the rates where no column has it."""
        column, rates = self.column("value"), self.chosen.rates
        if column is not None:
            self.notes.flag(points_among_thousands(column, self.constants.decimal))
            return self.with_point(column)
        assert rates is not None  # choose_columns refuses a table with neither
        with_points = (self.with_point(self.table[name]) for name in (rates.kon, rates.koff))
        kds = rates.kd_molar(self.table.with_columns(with_points))
        self.notes.flag([None if kd is None else FROM_RATES for kd in kds])
        return kd_texts(kds)

    def identifier(
        self,
        field: str,
        constant: str | None,
        parse: Callable[[str | None], tuple[str | None, str | None]],
    ) -> pl.Expr:
        column = self.column(field)
        if column is None:
            return pl.lit(constant and parse(constant)[0], dtype=pl.String)
        return texts(column, parse, self.notes)

    def temperature(self) -> pl.Expr:
        zeros = {"temperature_celsius": ZERO_CELSIUS_KELVIN, "temperature_kelvin": 0.0}
        for field, zero in zeros.items():
            column, constant = self.column(field), getattr(self.constants, field)
            if column is not None:
                return kelvins(self.with_point(column), celsius=zero > 0, notes=self.notes)
            if constant is not None:
                return pl.lit(constant + zero, dtype=pl.Float64)
        return pl.lit(None, dtype=pl.Float64)

    def molar_mass(self) -> pl.Expr:
        column = self.column("molar_mass_g_per_mol")
        if column is None:
            return pl.lit(self.constants.molar_mass_g_per_mol, dtype=pl.Float64)
        return numbers(self.with_point(column), "molar_mass_unreadable", self.notes)

    def highest_molar(self) -> pl.Expr:
        column = self.column("highest_concentration")
        if column is None:
            return pl.lit(self.constants.highest_molar, dtype=pl.Float64)
        return molars(self.with_point(column), split_unit(column.name)[1], self.notes)

    def check_second_writings(self, values: pl.Series) -> None:
        """Compare the values with the rates and with columns that write them on another scale."""
        name, chosen = self.chosen.column("value"), self.chosen
        if name is None or not (chosen.rates or chosen.checks) or chosen.quantity is None:
            return
        pkd_values = pkds(values, chosen.quantity, chosen.unit or self.column("unit"))
        if chosen.rates and chosen.quantity == "KD":
            other_pkds = minus_log10(chosen.rates.kd_molar(self.table))
            names = (name, f"{chosen.rates.koff} / {chosen.rates.kon}")
            compare(pkd_values, other_pkds, names, RATES_DIFFER, self.notes)
        for column in chosen.checks:
            header = read_value_header(column)
            if header is not None and header.quantity is not None:
                other_pkds = pkds(self.table[column], header.quantity.value, header.unit)
                compare(pkd_values, other_pkds, (name, column), COLUMNS_DIFFER, self.notes)


def pairs_table(
    path: Path,
    mapping: ColumnMapping | None = None,
    parent: tuple[str, str | None] | None = None,
    numbering: str = SEQUENTIAL,
    *,
    keep_faulty: bool = False,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A user's pairs to predict (:data:`PAIRS_SCHEMA`, one row a row of the file), and notes.

    Rows that give mutations and no chains get those of ``parent`` (else of the row ``WT``) with
    the mutations made. With ``keep_faulty`` rows whose mutations do not fit stay, and a column
    ``row_problem`` says why; controls stay likewise.

    Raises the same errors as :func:`raw_table_from_user`, except those about values.
    """
    mapping = mapping or ColumnMapping()
    table, notes = read_noted(path, **mapping.constants.reading)
    table, mapping, layout_notes = recognise(table, mapping)
    columns = _variant_columns(path, table, mapping)
    faults: dict[int, str] = {}
    if columns and (columns.heavy is None or any(map(is_missing, table[columns.heavy]))):
        parent_chains = None if parent is None else ParentChains(*parent)
        if keep_faulty:
            checked = complete_or_name(path, table, columns, numbering, parent_chains)
            table, faults = checked.table, checked.faults
        else:
            try:
                completed = complete_variants(
                    path, table, columns, parent=parent_chains, numbering=numbering
                )
            except SingleMistakesError as error:
                raise error.with_advice("Correct these rows, or leave them out.") from None
            table = completed.table
            if completed.aside.height:
                layout_notes = (*layout_notes, *completed.notes)
    chosen = choose_columns(path, table, mapping, with_values=False)
    pairs = pairs_of_table(table, chosen, mapping)
    if faults:
        row_problem = pl.col(ROW).replace_strict(faults, default=None, return_dtype=pl.String)
        pairs = pairs.with_columns(row_problem=row_problem)
    return pairs, (*notes, *layout_notes)


def pairs_of_table(
    table: pl.DataFrame, chosen: ChosenColumns, mapping: ColumnMapping
) -> pl.DataFrame:
    """Pairs of a table whose columns are chosen: :data:`PAIRS_SCHEMA`."""
    columns = {
        ROW: pl.col(ROW),
        **pair_columns(chosen, mapping),
        **_structures(table, chosen, mapping.constants.structure_id),
    }
    return table.select(columns[name].alias(name).cast(t) for name, t in PAIRS_SCHEMA.items())


def _structures(
    table: pl.DataFrame, chosen: ChosenColumns, constant: str | None
) -> dict[str, pl.Expr]:
    """Codes of structures, and a flag for each that was restored or cannot be read."""
    name = chosen.column("structure_id")
    if name is None:
        code = constant and structure_id(constant)[0]
        no_flags = pl.lit([], dtype=pl.List(pl.String))
        return {"structure_id": pl.lit(code, dtype=pl.String), "flags": no_flags}
    notes = Notes(table.height)
    codes = texts(table[name], structure_id, notes)
    return {"structure_id": codes, "flags": notes.flags}


def stem(path: Path) -> str:
    """The file's name without ``.csv``, ``.csv.gz`` and the like."""
    name = path.name.removesuffix(".gz")
    return Path(name).stem or name


def split_chains(column: pl.Expr) -> pl.Expr:
    """Expression: a text of chains joined by ``|``, ``/``, ``:``, ``;`` or a comma as a list.

    Null is no chain. A list as Python writes it (``['EVQ', 'DIQ']``) is one.
    """
    is_list = column.str.contains(r"^\s*\[\s*['\"]")
    column = pl.when(is_list).then(column.str.replace_all(r"[\[\]'\"]", "")).otherwise(column)
    parts = without_markers(column).str.replace_all(CHAIN_JOINERS, "|").str.split("|")
    chains = parts.list.eval(
        pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != "")
    )
    return chains.fill_null(pl.lit([], dtype=pl.List(pl.String)))


def pair_columns(chosen: ChosenColumns, mapping: ColumnMapping) -> dict[str, pl.Expr]:
    """Expressions over the user's table for names and chains."""
    antigen = chosen.columns.get("antigen", ())
    constant_chains = re.split(CHAIN_JOINERS, "|".join(mapping.constants.antigen))
    # One list for all rows: an expression over a literal would be one row long.
    constant = pl.lit(
        [part.strip() for part in constant_chains if part.strip()], dtype=pl.List(pl.String)
    )
    lists = [split_chains(pl.col(name)) for name in antigen]
    return {
        "antibody_name": _text(chosen, "antibody_name", None),
        "antigen_name": _text(chosen, "antigen_name", mapping.constants.antigen_name),
        "heavy": _text(chosen, "heavy", None),
        "light": _text(chosen, "light", None),
        "scfv": _text(chosen, "scfv", None),
        "antigen": pl.concat_list(lists) if lists else constant,
    }


def _text(chosen: ChosenColumns, field: str, constant: str | None) -> pl.Expr:
    """A column of texts; a missing cell (``NA``, ``-``) is null."""
    name = chosen.column(field)
    if name is None:
        return pl.lit(constant, dtype=pl.String)
    return without_markers(pl.col(name)).str.strip_chars()


def without_markers(column: pl.Expr) -> pl.Expr:
    """Expression: the texts of a column, null where a cell is missing."""
    bare = column.str.replace_all(r"[\"'`\x{200b}\x{feff}]", "").str.replace_all(r"\s+", " ")
    bare = bare.str.strip_chars().str.to_lowercase()
    is_missing_mark = bare.is_in(sorted(MISSING_MARKERS)) | bare.str.contains(f"^{MARKS}$")
    ditto = column.str.strip_chars().is_in(DITTO_MARKS)
    return pl.when(is_missing_mark & ~ditto).then(None).otherwise(column)


def _quantity(table: pl.DataFrame, chosen: ChosenColumns) -> pl.Expr:
    name = chosen.column("quantity")
    if chosen.quantity is not None or name is None:
        return pl.lit(chosen.quantity, dtype=pl.String)
    cells = table[name].drop_nulls().unique(maintain_order=True).to_list()
    # A quantity that is not known keeps its text, so that the canonical step can quote it.
    return pl.col(name).replace({cell: quantity_name(cell) or cell for cell in cells})
