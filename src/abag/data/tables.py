"""Tables that say what they are: checked where they are made, and nowhere after.

A frame of polars says nothing of what is in it. Inside the house functions take one of these; a
bare frame lives only where a file is read or written, or where a user hands one over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.labels import Labels
from abag.data.schema import (
    SCHEMA,
    antibody_key,
    antigen_key,
    require_columns,
    require_values_in_bounds,
)
from abag.errors import SchemaError

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
    def of(cls, table: pl.DataFrame | Pairs, what: str = "the table") -> Self:
        """Check a frame, once; a table of this kind is given back as it is.

        Raises:
            SchemaError: a column is missing or has another type.
        """
        if isinstance(table, cls):
            return table
        frame = table.frame if isinstance(table, Pairs) else table
        require_columns(frame, list(cls.columns_needed), what)
        return cls(frame)

    def __len__(self) -> int:
        return self.frame.height

    def __getitem__(self, column: str) -> pl.Series:
        """One column."""
        return self.frame[column]

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.frame.height

    def is_empty(self) -> bool:
        """Whether there is no row."""
        return self.frame.is_empty()

    def select(self, *columns: str | pl.Expr, **named: pl.Expr | pl.Series) -> pl.DataFrame:
        """Columns and expressions as a bare frame."""
        return self.frame.select(*columns, **named)

    def filter(self, kept: pl.Expr | pl.Series) -> Self:
        """The rows that a condition holds for, in their order."""
        return type(self)(self.frame.filter(kept))

    def take(self, rows: Rows) -> Self:
        """The chosen rows, by index (in the order given) or by mask."""
        if rows.dtype == np.bool_:
            return self.filter(pl.Series(rows))
        return type(self)(self.frame[rows.tolist()])

    @property
    def antibody_keys(self) -> pl.Series:
        """Heavy and light chain of each row as one text."""
        return self.frame.select(antibody_key()).to_series()

    @property
    def antigen_keys(self) -> pl.Series:
        """Antigen chains of each row as one text; null where there are none."""
        return self.frame.select(antigen_key()).to_series()


def asked_rows(table: Pairs | pl.DataFrame, inputs: tuple[str, ...]) -> pl.DataFrame:
    """The rows that a model is asked about; a user's bare frame needs the model's inputs alone.

    Raises:
        SchemaError: a bare frame lacks one of ``inputs``.
    """
    if isinstance(table, Pairs):
        return table.frame
    require_columns(table, list(inputs), "the table to predict")
    return table


@dataclass(frozen=True, slots=True, eq=False)
class Measurements(Pairs):
    """Rows of the canonical table (:mod:`abag.data.schema`), one a measurement, each with a name.

    :meth:`of` takes tables that lack columns which no pair needs; :meth:`canonical` takes none.
    """

    columns_needed: ClassVar[tuple[str, ...]] = ("record_id", *PAIR_COLUMNS)

    @classmethod
    def of(cls, table: pl.DataFrame | Pairs, what: str = "the table") -> Self:
        """Check a frame, once.

        Raises:
            SchemaError: a column is missing or has another type, or two rows share a
                ``record_id``.
        """
        if isinstance(table, cls):
            return table
        made = super(Measurements, cls).of(table, what)
        if made["record_id"].n_unique() != made.height:
            raise SchemaError(f"{what} has record_id values that occur more than once")
        return made

    @classmethod
    def canonical(cls, table: pl.DataFrame | Pairs, what: str = "the table") -> Self:
        """Check that every column of the canonical table is there, and every value in its bounds.

        Raises:
            SchemaError: see :meth:`of`; a value is not finite or lies outside its own bounds.
        """
        found = cls.of(table, what)
        require_columns(found.frame, list(SCHEMA), what)
        require_values_in_bounds(found.frame, what)
        return found

    def require(self, *columns: str) -> Self:
        """Raise SchemaError unless these columns are there with their types."""
        require_columns(self.frame, list(columns))
        return self

    def labels(self, target: str = "pkd") -> Labels:
        """Values and bounds of a target, ``pkd`` or ``rank_score``."""
        return Labels.from_table(self.frame, target)

    def of_records(self, record_ids: set[str]) -> Self:
        """The rows with these ids, in the table's order."""
        return self.filter(pl.col("record_id").is_in(list(record_ids)))
