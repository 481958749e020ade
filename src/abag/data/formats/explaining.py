"""Explains what each column of a table is taken for, and why, before rows are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from abag.data.formats.mapping import ColumnMapping
from abag.data.formats.numbers.value_headers import read_value_header
from abag.data.formats.selection import ChosenColumns, consider_columns
from abag.data.formats.tables import ROW
from abag.errors import Problem

UNUSED: Final = "-"
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One column of a user's table: the raw column that it is taken for, and the reason."""

    column: str
    taken_for: str
    why: str
    first: str
    """The first cell that is not empty, cut short."""


@dataclass(frozen=True, slots=True)
class TableReading:
    """Use of each column of a table, the lines left out around it, and every fault."""

    columns: tuple[ColumnUse, ...]
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "columns": [asdict(use) for use in self.columns],
            "notes": list(self.notes),
            "problems": [str(problem) for problem in self.problems],
        }

    def as_text(self) -> str:
        """A table for the terminal."""
        rows = [("column", "taken for", "first cell", "why")]
        rows += [(use.column, use.taken_for, use.first, use.why) for use in self.columns]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [
            "  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[3]])
            for row in rows
        ]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"problem: {problem}" for problem in self.problems]
        return "\n".join(line.rstrip() for line in lines)


def explain_table(
    table: pl.DataFrame,
    mapping: ColumnMapping,
    notes: Sequence[str] = (),
    *,
    with_values: bool = True,
) -> TableReading:
    """Explain the columns of a table from ``read_table``; faults are listed, not raised."""
    chosen, problems = consider_columns(table, mapping, with_values=with_values)
    mapped = {name for names in mapping.columns().values() for name in names}
    fields = {name: field for field, names in chosen.columns.items() for name in names}
    uses = []
    for name in table.columns:
        if name == ROW:
            continue
        use, why = _use(name, fields.get(name), chosen, mapped, mapping)
        cells = table[name].drop_nulls()
        first = "" if cells.is_empty() else cells[0][:_SHOWN]
        uses.append(ColumnUse(name, use, why, first))
    return TableReading(tuple(uses), tuple(notes), tuple(problems))


def _use(
    name: str, field: str | None, chosen: ChosenColumns, mapped: set[str], mapping: ColumnMapping
) -> tuple[str, str]:
    reason = (chosen.reasons or {}).get(name)
    if name in mapping.ignore:
        return UNUSED, "you said to ignore it"
    if field is None:
        use, _, why = (reason or ": no usual name").partition(": ")
        return (UNUSED if use in ("", "not used") else use), why
    if name in mapped:
        return field, "you mapped it"
    if reason:
        return field, reason.partition(": ")[2] or reason
    if field == "value":
        header = read_value_header(name)
        unit = chosen.unit or "unit of each row"
        quantity = chosen.quantity or (header and header.quantity) or "quantity of each row"
        return field, f"{quantity} in {unit}, by its name and your options"
    return field, "a usual name of it"
