"""Tables of variants named by mutations: finds the parent and gives every row its chains.

The parent is given by ``--parent-heavy`` and ``--parent-light``, else by the row ``WT`` (or with an
empty cell of mutations), else by the rows' own chains with their mutations undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.alphabet import not_residues, tidy_chain
from abag.antibody.mutations import (
    Mutation,
    apply_mutations,
    name_of,
)
from abag.antibody.notation import SEQUENTIAL, means_parent
from abag.data.formats.mutants.parents import Pair, ParentChains, derived_parent, parent_row
from abag.data.formats.selection import ChosenColumns
from abag.data.formats.tables import ROW
from abag.data.mutation_column import SingleMistakesError, read_mutation_column
from abag.errors import Problem, TableError, counted
from abag.units import is_missing

_SHOWN: Final = 5
_MOST_NAMED: Final = 10
_CONTROL: Final = (
    r"(?i)\b(isotype|control|controls|ctrl|ctl|irrelevant|mock|blank|buffer|negative|neg|nc)\b"
)
"""Words by which laboratories name rows that are no variants."""
_PARENT: Final = r"(?i)\b(wt|wild|wildtype|parent|parental)\b"

ASIDE: Final = {
    "source_row": pl.Int64, "antibody_name": pl.String, "mutations": pl.String,
    "reason": pl.String,
}  # fmt: skip
"""Columns of rows that were set aside."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The table with a chain in every row, its parent if there is one, and notes.

    ``aside`` are the rows that were set aside, with :data:`ASIDE` columns.
    """

    table: pl.DataFrame
    parent: ParentChains | None
    notes: tuple[str, ...] = ()
    aside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ASIDE))


@dataclass(frozen=True, slots=True)
class VariantColumns:
    """Names of the user's columns; ``heavy`` and ``light`` may not be there yet."""

    mutations: str
    heavy: str | None
    light: str | None
    antigen: tuple[str, ...] = ()

    @classmethod
    def of(cls, chosen: ChosenColumns) -> VariantColumns:
        """Those of a table with chosen columns; one of mutations is required."""
        names = chosen.column("mutations")
        if names is None:
            raise ValueError("the table has no column of mutations")
        antigen = chosen.columns.get("antigen", ())
        return cls(names, chosen.column("heavy"), chosen.column("light"), antigen)


class ContradictionError(TableError):
    """Chains that do not carry the mutations of their rows."""


def complete_variants(
    path: Path,
    table: pl.DataFrame,
    columns: VariantColumns,
    *,
    parent: ParentChains | None = None,
    numbering: str = SEQUENTIAL,
    quarantine: bool = False,
) -> Completed:
    """Give every row of a table with a column of mutations its chains.

    ``table`` comes from :func:`abag.data.formats.read_table`, ``parent`` from the user.
    With ``quarantine`` rows whose mutations do not fit are left out with a note, where most do.

    Raises:
        TableError: no parent, two parents, a mutation that does not fit, mixed numberings, or
            chains that do not carry the mutations of their row.
    """
    table, aside = _without_controls(table, columns)
    if not quarantine:
        _refuse_words(path, table, columns)
    texts, lines, chains = _read_columns(table, columns)
    parent = parent or parent_row(path, texts, chains, lines)
    notes = []
    if aside.height:
        shown = ", ".join(map(str, aside["source_row"].head(_MOST_NAMED)))
        notes.append(f"{counted(aside.height, 'control')} set aside (row {shown})")
    if parent is None:
        parent = derived_parent(path, texts, chains, lines, numbering)
        if parent is None:
            return Completed(table, None, tuple(notes), aside)
        notes.append("no row is the parent; it was found by undoing the rows' mutations")
    try:
        mutations = _mutations(path, columns, parent, numbering, texts, lines)
    except SingleMistakesError as error:
        if not quarantine:
            raise
        faults = {p.row: p.reason for p in error.problems if p.row is not None}
        shown = ", ".join(map(str, sorted(faults)[:_MOST_NAMED]))
        rows = counted(len(faults), "row")
        notes.append(f"{rows} with mutations that do not fit set aside (row {shown})")
        reason = pl.col(ROW).replace_strict(faults, default=None, return_dtype=pl.String)
        aside = pl.concat([aside, _set_aside(table, columns, reason)])
        table = table.filter(~pl.col(ROW).is_in(list(faults)))
        texts, lines, chains = _read_columns(table, columns)
        mutations = _mutations(path, columns, parent, numbering, texts, lines)
    row_chains = _row_chains(path, parent, mutations, texts, chains, lines)
    notes += _notes_on_chains(texts, lines, chains)
    table, n_filled = _with_antigen(_with_chains(table, columns, row_chains), columns)
    if n_filled:
        notes.append(f"the antigen of {counted(n_filled, 'row')} is that of the parent's row")
    return Completed(table, parent, tuple(notes), aside)


def _notes_on_chains(
    texts: Sequence[str | None], lines: Sequence[int], chains: Sequence[Pair]
) -> list[str]:
    """Notes on rows that were read as the parent, or got their chains from their mutations."""
    notes = []
    empty = [line for line, t, pair in zip(lines, texts, chains, strict=True) if not (t or pair[0])]
    if empty:
        shown = ", ".join(map(str, empty[:_MOST_NAMED]))
        notes.append(
            f"{counted(len(empty), 'row')} without mutations read as the parent (row {shown})"
        )
    filled = sum(pair[0] is None for pair in chains)
    if filled:
        notes.append(f"the chains of {counted(filled, 'row')} were made from their mutations")
    return notes


def _without_controls(
    table: pl.DataFrame, columns: VariantColumns
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose cell of mutations names a control, such as ``isotype control``, set aside."""
    text = pl.col(columns.mutations)
    control = (text.str.contains(_CONTROL) & ~text.str.contains(_PARENT)).fill_null(False)
    reason = pl.when(control).then(pl.lit("a control, no variant"))
    return table.filter(~control), _set_aside(table, columns, reason)


def _set_aside(table: pl.DataFrame, columns: VariantColumns, reason: pl.Expr) -> pl.DataFrame:
    """Rows that have a reason to be set aside, with :data:`ASIDE` columns."""
    rows = table.select(
        pl.col(ROW).alias("source_row"), pl.lit(None).alias("antibody_name"),
        pl.col(columns.mutations).alias("mutations"), reason.alias("reason"),
    )  # fmt: skip
    return rows.cast(dict(ASIDE)).filter(pl.col("reason").is_not_null())  # type: ignore[arg-type]


def _with_antigen(table: pl.DataFrame, columns: VariantColumns) -> tuple[pl.DataFrame, int]:
    """Rows without an antigen with that of the parent's row, where no other row names one."""
    if not columns.antigen or any(name not in table.columns for name in columns.antigen):
        return table, 0
    texts = table[columns.mutations].to_list()
    is_parent = [text is not None and means_parent(text) for text in texts]
    parents = pl.Series(is_parent, dtype=pl.Boolean)
    has_antigen = pl.any_horizontal(pl.col(name).is_not_null() for name in columns.antigen)
    of_parent = table.filter(parents & table.select(has_antigen).to_series())
    n_others = table.filter(~parents).filter(has_antigen).height
    if n_others or of_parent.select(columns.antigen).n_unique() != 1:
        return table, 0
    row = of_parent.row(0, named=True)
    n_filled = table.height - of_parent.height
    return table.with_columns(
        pl.lit(row[name], dtype=pl.String).alias(name) for name in columns.antigen
    ), n_filled


def _read_columns(
    table: pl.DataFrame, columns: VariantColumns
) -> tuple[list[str | None], list[int], list[Pair]]:
    chains = zip(_cells(table, columns.heavy), _cells(table, columns.light), strict=True)
    pairs = list(chains)
    texts = [
        text if text is not None and (means_parent(text) or not _says_nothing(text, pair)) else None
        for text, pair in zip(table[columns.mutations], pairs, strict=True)
    ]
    return texts, table[ROW].to_list(), pairs


def _says_nothing(text: str, pair: Pair) -> bool:
    """Whether a cell names no mutation; ``NA`` without chains is unclear, and not such a cell."""
    if pair[0] is None and text.strip(" -–—.").lower() not in ("", "none"):
        return False
    return is_missing(text)


def _mutations(
    path: Path,
    columns: VariantColumns,
    parent: ParentChains,
    numbering: str,
    texts: Sequence[str | None],
    lines: Sequence[int],
) -> list[tuple[Mutation, ...]]:
    return read_mutation_column(
        texts, parent.heavy, parent.light, scheme=numbering, lines=lines, path=path,
        column=columns.mutations,
    )  # fmt: skip


def named_variants(table: pl.DataFrame, parent: ParentChains) -> pl.Series:
    """Mutations of canonical rows against their parent; null where a row lacks a chain it has."""
    names: dict[Pair, str | None] = {}
    for heavy, light in table.select("heavy", "light").unique(maintain_order=True).iter_rows():
        complete = (light is None) == (parent.light is None)
        names[heavy, light] = (
            name_of(parent.heavy, parent.light, heavy, light) if complete else None
        )
    pairs = zip(table["heavy"], table["light"], strict=True)
    return pl.Series("mutations", [names[pair] for pair in pairs], pl.String)


def _cells(table: pl.DataFrame, column: str | None) -> list[str | None]:
    """Chains in capital letters; other texts stay as written, for the canonical step to refuse."""
    if column is None:
        return [None] * table.height
    return [
        None if is_missing(cell) else cell if not_residues(cell) else tidy_chain(cell)
        for cell in table[column].to_list()
    ]


def _refuse_words(path: Path, table: pl.DataFrame, columns: VariantColumns) -> None:
    """Refuse chains with words or marks of missing values in them, before they are changed."""
    problems = [
        Problem(line, column, f"the chain {reason}")
        for column in (columns.heavy, columns.light)
        if column is not None
        for line, cell in zip(table[ROW], table[column], strict=True)
        if not is_missing(cell) and (reason := not_residues(cell))
    ]
    if problems:
        raise TableError(path, problems)


def _row_chains(
    path: Path,
    parent: ParentChains,
    row_mutations: Sequence[tuple[Mutation, ...]],
    texts: Sequence[str | None],
    chains: Sequence[Pair],
    lines: Sequence[int],
) -> list[Pair]:
    """Chains of each row: those that it has, else the parent's with its mutations."""
    row_chains: list[Pair] = []
    problems = []
    for mutations, text, pair, line in zip(row_mutations, texts, chains, lines, strict=True):
        variant = apply_mutations(parent.heavy, parent.light, mutations)
        if pair[0] is None:
            row_chains.append(variant)
            continue
        row_chains.append((pair[0], pair[1] or variant[1]))
        wrong_roles = [
            role
            for role, has, should in zip(("heavy", "light"), pair, variant, strict=True)
            if text is not None and has and should and has not in should and should not in has
        ]
        if wrong_roles:
            shown = text or "WT"
            carried = _carried_mutations(parent, pair)
            reason = f"the {wrong_roles[0]} chain is not the parent's with {shown}{carried}"
            problems.append(Problem(line, None, reason))
    if problems:
        raise ContradictionError(
            path, problems, "Correct the mutations or the chains, or leave one of them out."
        )
    return row_chains


def _carried_mutations(parent: ParentChains, pair: Pair) -> str:
    """The mutations that a row's chains carry instead, where these are few."""
    if pair[0] is None or len(pair[0]) != len(parent.heavy):
        return ""
    name = name_of(parent.heavy, parent.light, pair[0], pair[1] or parent.light)
    return f"; it carries {name or 'no mutation'}" if name.count(";") < _SHOWN else ""


def _with_chains(
    table: pl.DataFrame, columns: VariantColumns, row_chains: Sequence[Pair]
) -> pl.DataFrame:
    heavy, light = zip(*row_chains, strict=True)
    return table.with_columns(
        pl.Series(columns.heavy or "heavy", heavy, pl.String),
        pl.Series(columns.light or "light", light, pl.String),
    )
