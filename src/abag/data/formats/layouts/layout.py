"""What a known layout is: the columns by which it is told, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from abag.data.formats.mapping import ColumnMapping


def _as_it_is(table: pl.DataFrame) -> pl.DataFrame:
    return table


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """The table that a database or an instrument writes, told by the names of its columns."""

    name: str
    needs: frozenset[str]
    """Columns that a table of this layout has, in lower case."""
    columns: Mapping[str, str]
    """Raw column -> column of the layout; those that a table lacks are left to be found."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Values that hold for every row of such a table."""
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = _as_it_is
    """Adds columns that the layout only implies; rows stay as they are."""
    note: str = ""
    """What a user must know of how the layout is read."""
    antigen_unknown: bool = False
    """Whether such tables name antigens without their sequences."""

    def fits(self, table: pl.DataFrame) -> bool:
        """Whether the table has the columns of the layout."""
        return self.needs <= {name.lower() for name in table.columns}

    def applied(
        self, table: pl.DataFrame, mapping: ColumnMapping
    ) -> tuple[pl.DataFrame, ColumnMapping, tuple[str, ...]]:
        """The table with what the layout implies, the mapping completed by it, and notes.

        What the user says wins over the layout.
        """
        table = self.prepare(table)
        # A name that is spelt alike wins: a report may have both kd, the rate, and KD.
        by_case = {name.lower(): name for name in table.columns}
        spelt = {column: column for column in table.columns}
        given = mapping.columns()
        found = {
            raw: name
            for raw, column in self.columns.items()
            if (name := spelt.get(column) or by_case.get(column.lower())) is not None
            and raw not in given
            and getattr(mapping.constants, raw, None) in (None, ())
            and name not in mapping.ignore
        }
        update: dict[str, Any] = {
            raw: (column,) if raw == "antigen" else column for raw, column in found.items()
        }
        constants = {
            name: value
            for name, value in self.constants.items()
            if getattr(mapping.constants, name) is None and name not in given
        }
        update["constants"] = mapping.constants.model_copy(update=constants)
        if self.antigen_unknown:
            update["antigen_unknown"] = True
        note = f"read as {self.name}" + (f": {self.note}" if self.note else "")
        return table, mapping.model_copy(update=update), (note,)


WITHOUT_VALUE: Final = "it holds no measurements: pairs to predict can be read of it"
