"""Typed tables: their columns are checked where one is made, and nowhere after.

Functions take one of these types. A bare frame of polars, which may hold any columns, is used only
where a file is read or written, or where a user passes one.

The canonical table of measurements is the one schema that every later stage reads. One row is one
measurement. The text of :data:`COLUMNS` is the documentation: `docs/data-contract.md` is made from
it, and a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.errors import OptionError, SchemaError, counted

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
    Column("antigen", _LIST, True,
           "Antigen chains; empty where the source gives none (flag antigen_unknown)."),
    Column("quantity", _TEXT, True, "KD, KA, dG, ddG, IC50, EC50, enrichment or binary."),
    Column("raw_value", _TEXT, True, "The value as the source wrote it."),
    Column("raw_unit", _TEXT, True, "Canonical name of the unit of raw_value."),
    Column("relation", _TEXT, True, "How the true raw value stands to raw_value: = < > or ~."),
    Column("pkd", _REAL, False, "pKd; null for censored rows and for quantities that fix none."),
    Column("pkd_lower", _REAL, False,
           "Lower bound of pKd; equals pkd where exact, null where unbounded below."),
    Column("pkd_upper", _REAL, False,
           "Upper bound of pKd; equals pkd where exact, null where unbounded above."),
    Column("rank_score", _REAL, False,
           "Order inside one assay, higher is tighter; null for censored rows."),
    Column("rank_lower", _REAL, False, "Lower bound of rank_score; null where unbounded below."),
    Column("rank_upper", _REAL, False, "Upper bound of rank_score; null where unbounded above."),
    Column("replicates", pl.Int64(), True, "Number of measurements merged into this row."),
    Column("spread", _REAL, False, "Standard deviation over merged replicates, in pKd or rank."),
    Column("assay", _TEXT, True, "Values are comparable inside one assay; absolute ones across."),
    Column("method", _TEXT, False, "SPR, BLI, ITC, ELISA, AlphaSeq, Tite-Seq and so on."),
    Column("temperature_kelvin", _REAL, False, "Temperature of the measurement, kelvin."),
    Column("structure_id", _TEXT, False, "Lower-case PDB code of the complex."),
    Column("mutations", _TEXT, False,
           "Changes from the parent, `H:S33G;L:...`; empty for the parent, null if unknown."),
    Column("reference", _TEXT, False, "DOI or PubMed id of the measurement."),
    Column("licence", _TEXT, True, "Licence of the row as the source states it (SPDX where any)."),
    Column("flags", _LIST, True, "What was mended or must be known about the row."),
)  # fmt: skip

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


def require_columns(table: pl.DataFrame, names: list[str], title: str = "the table") -> None:
    """Raise :class:`SchemaError` when columns are missing or have another type."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        listed = ", ".join(missing[:6]) + (
            f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        )
        raise SchemaError(
            f"{title} lacks the {'column' if len(missing) == 1 else 'columns'} {listed}; make a "
            "canonical table with `abag data build` or, of your own file, `abag data import`"
        )
    mistyped = [
        f"{name} is {table.schema[name]}, not {SCHEMA[name]}"
        for name in names
        if name in SCHEMA and table.schema[name] != SCHEMA[name]
    ]
    if mistyped:
        raise SchemaError(f"{title} has columns of another type: {'; '.join(mistyped)}")


def antigen_key() -> pl.Expr:
    """Expression: the antigen chains joined by ``/`` (empty text where there is none)."""
    return pl.col("antigen").list.join("/")


def antibody_key() -> pl.Expr:
    """Expression: heavy and light chain joined by ``/``."""
    return pl.concat_str([pl.col("heavy"), pl.col("light").fill_null("")], separator="/")


def is_exact() -> pl.Expr:
    """Expression: whether the value is a number, not a bound."""
    return pl.col("relation").is_in(["=", "~"])


def require_values_in_bounds(table: pl.DataFrame, title: str = "the table") -> None:
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
        ids = table.filter(~(inside.fill_null(True) & ordered))["record_id"]
        if len(ids):
            listed = ", ".join(ids.head(3).to_list())
            raise SchemaError(
                f"{title} has a {value} outside of its own bounds in {counted(len(ids), 'row')} "
                f"such as {listed}: it was changed or damaged. Make it again with `abag data "
                "build` or `abag data import`"
            )


TARGET_COLUMNS: Final[dict[str, tuple[str, str, str]]] = {
    "pkd": ("pkd", "pkd_lower", "pkd_upper"),
    "rank_score": ("rank_score", "rank_lower", "rank_upper"),
}
"""Value, lower and upper bound of each target in the canonical table."""
TARGET_UNITS: Final = {"pkd": "pKd", "rank_score": "rank score"}
"""Units of each target, for messages and pictures."""


def _column(table: pl.DataFrame, name: str, missing: float) -> NDArray[np.float64]:
    return table[name].fill_null(missing).fill_nan(missing).to_numpy().astype(np.float64)


Rows = NDArray[np.integer[Any]] | NDArray[np.bool_]

PAIR_COLUMNS: Final = ("heavy", "light", "antigen")


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Antibody-antigen pairs: ``heavy``, ``light`` (null without one) and ``antigen`` (a list).

    Other columns of the frame are carried along. Make one with :meth:`of`.
    """

    frame: pl.DataFrame

    columns_needed: ClassVar[tuple[str, ...]] = PAIR_COLUMNS

    @classmethod
    def of(cls, table: pl.DataFrame | Pairs, title: str = "the table") -> Self:
        """Check a frame, once; a table of this kind is returned as it is.

        Raises:
            SchemaError: a column is missing or has another type.
        """
        if isinstance(table, cls):
            return table
        frame = table.frame if isinstance(table, Pairs) else table
        require_columns(frame, list(cls.columns_needed), title)
        return cls(frame)

    @classmethod
    def of_chains(
        cls,
        antibodies: Sequence[tuple[str, str | None]],
        antigens: Sequence[Sequence[str]] | pl.Series,
    ) -> Pairs:
        """A table of antibodies (heavy and light chain) and the chains of their antigens."""
        heavy, light = zip(*antibodies, strict=True) if antibodies else ((), ())
        columns = {"heavy": heavy, "light": [chain or None for chain in light], "antigen": antigens}
        return Pairs(pl.DataFrame(columns, schema={name: SCHEMA[name] for name in PAIR_COLUMNS}))

    def __len__(self) -> int:
        return self.frame.height

    def __getitem__(self, column: str) -> pl.Series:
        """One column."""
        return self.frame[column]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self.frame.columns

    def is_empty(self) -> bool:
        """Whether there is no row."""
        return self.frame.is_empty()

    def with_columns(
        self, *columns: pl.Expr | pl.Series, **expressions: pl.Expr | pl.Series
    ) -> Self:
        """The same rows with further columns, or with others of the same names."""
        return type(self)(self.frame.with_columns(*columns, **expressions))

    def select(self, *columns: str | pl.Expr, **expressions: pl.Expr | pl.Series) -> pl.DataFrame:
        """Columns and expressions as a bare frame."""
        return self.frame.select(*columns, **expressions)

    def filter(self, condition: pl.Expr | pl.Series) -> Self:
        """The rows that a condition holds for, in their order."""
        return type(self)(self.frame.filter(condition))

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """The rows of several tables with the same columns, one below the other."""
        return cls(pl.concat(part.frame for part in parts))

    def slice(self, first: int, rows: int) -> Self:
        """At most so many rows from ``first`` (0 is the first of all) on."""
        return type(self)(self.frame.slice(first, rows))

    def take(self, rows: Rows) -> Self:
        """The chosen rows, by index (in the order given) or by mask."""
        if rows.dtype == np.bool_:
            return self.filter(pl.Series(rows))
        return type(self)(self.frame[rows.tolist()])

    def chains(self) -> list[tuple[str, str]]:
        """Heavy and light chain of each row; an empty text where there is no light chain."""
        return self.frame.select("heavy", pl.col("light").fill_null("")).rows()

    @property
    def antibody_keys(self) -> pl.Series:
        """Heavy and light chain of each row as one text."""
        return self.frame.select(antibody_key()).to_series()

    @property
    def antigen_keys(self) -> pl.Series:
        """Antigen chains of each row as one text; null where there are none."""
        return self.frame.select(antigen_key()).to_series()


def rows_to_predict(
    table: Pairs | pl.DataFrame, inputs: tuple[str, ...], title: str = "the table to predict"
) -> Pairs:
    """The rows to predict; a user's bare frame needs the model's inputs alone.

    Raises:
        SchemaError: a bare frame lacks one of ``inputs``.
    """
    if isinstance(table, Pairs):
        return table
    require_columns(table, list(inputs), title)
    return Pairs(table)


@dataclass(frozen=True, slots=True, eq=False)
class Measurements(Pairs):
    """Rows of the canonical table (:mod:`abag.data.tables`), one a measurement, each with a name.

    :meth:`of` takes tables without columns that no pair needs; :meth:`canonical` does not.
    """

    columns_needed: ClassVar[tuple[str, ...]] = ("record_id", *PAIR_COLUMNS)

    @classmethod
    def of(cls, table: pl.DataFrame | Pairs, title: str = "the table") -> Self:
        """Check a frame, once.

        Raises:
            SchemaError: a column is missing or has another type, or two rows share a
                ``record_id``.
        """
        if isinstance(table, cls):
            return table
        measurements = super(Measurements, cls).of(table, title)
        if measurements["record_id"].n_unique() != measurements.height:
            raise SchemaError(f"{title} has record_id values that occur more than once")
        return measurements

    @classmethod
    def canonical(cls, table: pl.DataFrame | Pairs, title: str = "the table") -> Self:
        """Check that no column of the canonical table is missing and values lie in their bounds.

        Raises:
            SchemaError: see :meth:`of`; a value is not finite or lies outside its own bounds.
        """
        measurements = cls.of(table, title)
        require_columns(measurements.frame, list(SCHEMA), title)
        require_values_in_bounds(measurements.frame, title)
        return measurements

    def require(self, *columns: str) -> Self:
        """Raise SchemaError unless these columns are there with their types."""
        require_columns(self.frame, list(columns))
        return self

    def labels(self, target: str = "pkd") -> Labels:
        """Values and bounds of a target, ``pkd`` or ``rank_score``."""
        if target not in TARGET_COLUMNS:
            raise OptionError(f"target {target!r} is not one of {', '.join(TARGET_COLUMNS)}")
        require_columns(self.frame, list(TARGET_COLUMNS[target]), "the table to evaluate on")
        columns = zip(TARGET_COLUMNS[target], (np.nan, -np.inf, np.inf), strict=True)
        value, lower, upper = (_column(self.frame, name, missing) for name, missing in columns)
        value = np.where(np.isnan(value) & (lower == upper), lower, value)
        exact = ~np.isnan(value)
        return Labels(value, np.where(exact, value, lower), np.where(exact, value, upper))

    def of_records(self, record_ids: set[str]) -> Self:
        """The rows with these ids, in the table's order."""
        return self.filter(pl.col("record_id").is_in(list(record_ids)))
