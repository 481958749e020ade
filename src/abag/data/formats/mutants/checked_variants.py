"""Checks a user's column of mutations against the chains of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from abag.antibody.notation import SEQUENTIAL
from abag.data.formats.mutants.parents import ParentChains, SeveralParentsError
from abag.data.formats.mutants.variants import (
    ContradictionError,
    VariantColumns,
    complete_variants,
)
from abag.data.formats.tables import ROW
from abag.data.mutation_column import SingleMistakesError


@dataclass(frozen=True, slots=True)
class CheckedVariants:
    """A table whose column of mutations was checked against its chains."""

    table: pl.DataFrame
    parent: ParentChains | None
    faults: dict[int, str]
    """Faults of the mutations, by the line of the row."""
    unchecked: bool
    """Whether there are texts without a parent to check them against."""
    notes: tuple[str, ...] = ()


def check_variants(
    path: Path, table: pl.DataFrame, columns: VariantColumns, numbering: str = SEQUENTIAL
) -> CheckedVariants:
    """Complete a table of variants; rows whose mutations and chains disagree are named.

    Raises:
        TableError: as :func:`complete_variants`, where all rows have the fault in common.
    """
    try:
        return complete_or_name(path, table, columns, numbering)
    except SeveralParentsError:
        return CheckedVariants(table, None, {}, unchecked=True)


def complete_or_name(
    path: Path,
    table: pl.DataFrame,
    columns: VariantColumns,
    numbering: str = SEQUENTIAL,
    parent: ParentChains | None = None,
) -> CheckedVariants:
    """As :func:`complete_variants`, but rows that do not fit stay, each with its fault.

    Raises:
        TableError: two parents, or a fault that all rows have in common.
    """
    faults: dict[int, str] = {}
    rows = table
    while True:
        try:
            completed = complete_variants(path, rows, columns, numbering=numbering, parent=parent)
        except (SingleMistakesError, ContradictionError) as error:
            faults |= {p.row: p.reason for p in error.problems if p.row is not None}
            rows = table.filter(~pl.col(ROW).is_in(list(faults)))
            if rows.is_empty():
                raise
            continue
        faults |= dict(completed.aside.select("source_row", "reason").iter_rows())
        aside = table.filter(pl.col(ROW).is_in(list(faults)))
        all_rows = pl.concat([completed.table, aside], how="diagonal").sort(ROW)
        written = table[columns.mutations].is_not_null().any()
        unchecked = bool(written) and completed.parent is None
        return CheckedVariants(all_rows, completed.parent, faults, unchecked, completed.notes)
